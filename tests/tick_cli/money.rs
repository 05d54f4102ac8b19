//! Money as people see it, and what a killed run had spent.

use std::time::Instant;

use crate::world::{Shape, World, assert_exit, is_alive};

fn spends(micros: u64) -> String {
    format!(
        "echo '{{\"event\":\"session_started\",\"agent_session\":null,\"model\":\"quill-2\"}}'\n\
         echo '{{\"event\":\"usage\",\"usage\":{{\"input\":1200,\"output\":340,\"cache_read\":56000,\
         \"cache_write\":780,\"reasoning\":90}},\"cost\":{micros}}}'"
    )
}

/// Adds to the configuration, as a commit.
fn configure(world: &World, more: &str) {
    let path = world.path("repo/.orchestra/config.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{more}")).unwrap();
    world.git("repo", &["commit", "-qam", "configure"]);
}

/// Starts fleet and kills it when it has noted in `handover` what its agent spent.
fn killed_when_noted(world: &World, args: &[&str], handover: &str) {
    let mut tick = world.start(args);
    // The note is written before anybody hears of the money, so it is what is waited for.
    let begun = Instant::now();
    let noted = || {
        let dir = std::fs::read_dir(world.path(handover));
        dir.into_iter()
            .flatten()
            .filter_map(Result::ok)
            .any(|entry| entry.path().join("spent.json").is_file())
    };
    while !noted() {
        assert!(begun.elapsed().as_secs() < 30, "no note was written");
        std::thread::yield_now();
    }
    tick.kill().unwrap();
    tick.wait().unwrap();
}

#[test]
fn i13_what_a_killed_run_had_spent_is_booked_by_the_next_tick() {
    let script = format!("{}\nexec sleep 300", spends(700_000));
    let world = World::new(&script, Shape::default(), &["one"]);
    // It is not stopped at the cap, but when it has passed it.
    configure(&world, "[budget]\nper_day = \"0.70\"\n");
    killed_when_noted(&world, &["tick"], "repo/.git/fleet/handover");

    let out = world.fleet(&["tick", "--exit-code"]);
    assert_exit(&out, 11);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("($0.70 of $0.70; it starts anew "), "{said}");
    let cost = world.data(&["cost"]);
    assert_eq!(cost["sum"]["cost_usd_micros"], 700_000, "{cost}");
    assert_eq!(cost["sum"]["estimated_usd_micros"], 0, "{cost}");
    assert_eq!(cost["sum"]["usage"]["cache_read"], 56_000, "{cost}");
    assert_eq!(cost["budgets"][0]["spent_usd_micros"], 700_000, "{cost}");
    let ready = world.ok(&["ready", "--explain"]);
    assert!(ready.contains("held back: the budget per day"), "{ready}");
    world.expect_nothing_left();
}

#[test]
fn i2_i13_a_run_phase_that_was_killed_leaves_no_agent_and_its_money_is_booked() {
    let slow = format!("echo $$ > \"$W/pid\"\n{}\nsleep 300", spends(200_000));
    let world = World::new(&slow, Shape::default(), &["one"]);
    let run = ["tick", "--phase", "run", "--handover", "../handover"];
    let phase = |name| world.ok(&["tick", "--phase", name, "--handover", "../handover"]);
    phase("claim");
    killed_when_noted(&world, &run, "handover");
    let pid = std::fs::read_to_string(world.path("pid")).unwrap();
    assert!(is_alive(pid.trim()), "the agent outlives its fleet");
    world.agent(&format!("{}\necho x > x", spends(100_000)));
    let told = phase("run");
    assert!(!is_alive(pid.trim()), "two agents at one session: {told}");
    assert!(told.contains("of a run phase that died"), "{told}");
    phase("publish");
    world.expect_phases(&[("T-1", "in_review")]);
    let cost = world.data(&["cost"]);
    assert_eq!(cost["sum"]["cost_usd_micros"], 300_000, "{cost}");
    assert_eq!(cost["sum"]["usage"]["cache_read"], 112_000, "{cost}");
    world.expect_nothing_left();
}

#[test]
fn i13_a_run_phase_that_was_killed_past_the_cap_starts_no_agent_again() {
    // It says what it spent once, and is killed before fleet has stopped it.
    let slow = format!("trap '' INT TERM\n{}\nsleep 300", spends(200_000));
    let world = World::new(&slow, Shape::default(), &["one"]);
    configure(&world, "[budget]\nper_session = \"0.10\"\n");
    let phase = |name| world.ok(&["tick", "--phase", name, "--handover", "../handover"]);
    phase("claim");
    let run = ["tick", "--phase", "run", "--handover", "../handover"];
    killed_when_noted(&world, &run, "handover");
    let told = phase("run");
    assert_eq!(world.runs("T-1"), 1, "{told}");
    phase("publish");
    let cost = world.data(&["cost"]);
    assert_eq!(cost["sum"]["cost_usd_micros"], 200_000, "{cost}");
    world.expect_nothing_left();
}

#[test]
fn cost_usage_and_routes_are_shown_with_what_was_only_reckoned() {
    let script = format!(
        "if [ \"$FLEET_ATTEMPT\" = 1 ] && [ \"$FLEET_TASK\" = T-2 ]; then\n{}\nexit 3\nfi\n\
         if [ \"$FLEET_TASK\" = T-3 ]; then echo x > x; exit 0; fi\n{}\necho \"$FLEET_TASK\" > \"$FLEET_TASK.txt\"",
        spends(20_000),
        spends(300_000),
    );
    let world = World::new(&script, Shape::default(), &["one", "two", "three"]);
    configure(
        &world,
        "cost_estimate = \"0.50\"\n\
         [[routes]]\nname = \"cheap\"\nagents = [\"x\"]\nmodel = \"quill-mini\"\n\
         [[routes]]\nname = \"strong\"\nfrom_attempt = 2\nagents = [\"x\"]\nmodel = \"quill-2\"\n\
         [budget]\ntotal = \"100\"\n[budget.routes.strong]\ntotal = \"5\"\n",
    );
    world.ok(&["tick"]);
    world.ok(&["tick"]);
    world.git(
        "repo",
        &["merge", "-q", "--no-edit", "agent/T-1", "agent/T-2"],
    );
    world.ok(&["tick"]);
    world.expect_phases(&[("T-1", "closed"), ("T-2", "closed"), ("T-3", "in_review")]);
    insta::assert_snapshot!("cost_by_task", world.ok(&["cost", "--by", "task"]));
    insta::assert_snapshot!("cost_by_model", world.ok(&["cost", "--by", "model"]));
    insta::assert_snapshot!("usage_by_agent", world.ok(&["usage", "--by", "agent"]));
    insta::assert_snapshot!("route_stats", world.ok(&["route", "--stats"]));
    for by in ["day", "agent", "type", "route", "provider"] {
        let cost = world.data(&["cost", "--by", by]);
        assert_eq!(cost["sum"]["cost_usd_micros"], 1_120_000, "{cost}");
        assert_eq!(cost["sum"]["estimated_usd_micros"], 500_000, "{cost}");
    }
    let none = world.data(&["cost", "--since", "2999-01-01"]);
    assert_eq!(none["total"], 0, "{none}");
    assert_eq!(
        world.ok(&["cost", "--since", "2999-01-01"]).lines().next(),
        Some("nothing was spent")
    );
}
