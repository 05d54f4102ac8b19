//! Ticks that summarise the texts of old closed tasks, by rule.

use crate::env::{Clone, TestEnv};

/// Ticks at a time; gives the report, and whether the remote got a commit of the state by it.
fn tick(clone: &Clone<'_>, at: &str, more: &[&str]) -> (String, bool) {
    let tip = || clone.git(&["ls-remote", "origin", "fleet/state"]);
    let before = tip();
    let out = clone
        .command(&[&["tick"], more].concat())
        .env("FLEET_TEST_NOW", format!("{at}T08:00:00.000Z"))
        .output()
        .expect("fleet runs");
    let told = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&out.stderr)
    );
    (told, tip() != before)
}

fn configure(clone: &Clone<'_>, more: &str) {
    let path = clone.dir.join(".orchestra/config.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(&path, format!("{text}\n{more}")).expect("a file");
}

/// Two clones of a project with two closed tasks that say much, and an open one.
fn finished<'e>(env: &'e TestEnv) -> [Clone<'e>; 2] {
    let clones = env.team(["ada", "bob"]);
    let body = format!("What it was.\n\n{}", "More of it. ".repeat(60));
    for title in ["One", "Two", "Three"] {
        clones[0]
            .fleet(&["add", title, "--body", &body])
            .expect_exit(0);
    }
    clones[0].story(&["update T-3 -a ada", "close T-1 T-2 --reason merged"]);
    clones
}

#[test]
fn i8_ticks_summarise_old_texts_once_a_day_and_an_idle_tick_pushes_nothing() {
    let env = TestEnv::new();
    let [ada, bob] = finished(&env);
    for clone in [&ada, &bob] {
        configure(clone, "[archive]\nafter = \"30d\"\nlimit = 1\n");
    }
    let line = "texts of 1 old closed task summarised";
    // What a first tick writes for other reasons is out of the way.
    tick(&ada, "2026-11-30", &[]);
    assert!(!tick(&ada, "2026-12-10", &[]).1, "nothing is that old");
    let (told, pushed) = tick(&ada, "2027-01-10", &["--dry-run"]);
    assert!(told.contains(line) && !pushed, "{told}");
    let (told, pushed) = tick(&ada, "2027-01-10", &[]);
    assert!(told.contains(line) && pushed, "{told}");
    // Today's share is done, here and for a clone that has no note of it.
    assert!(!tick(&ada, "2027-01-10", &[]).1);
    assert!(!tick(&bob, "2027-01-10", &[]).1);
    assert!(tick(&bob, "2027-01-12", &[]).1, "the next day's");
    for day in ["2027-01-12", "2027-01-14", "2027-01-16"] {
        for clone in [&ada, &bob] {
            assert!(
                !tick(clone, day, &[]).1,
                "nothing is left: an idle tick pushes nothing"
            );
        }
    }
    let shown = ada.data(&["show", "T-1", "T-2", "T-3"]);
    let bodies: Vec<_> = (0..3)
        .map(|at| shown["tasks"][at]["body"].as_str().unwrap_or_default())
        .collect();
    assert!(
        bodies[0].contains("(Summarised;") && bodies[1].contains("(Summarised;"),
        "{bodies:?}"
    );
    assert!(bodies[2].contains("More of it."), "what is open stays");
    assert!(
        ada.fleet(&["show", "T-1", "--full"])
            .stdout
            .contains("More of it.")
    );
    bob.fleet(&["doctor", "--verify"]).expect_exit(0);
}

#[test]
fn texts_stay_where_nobody_set_a_time_and_a_short_one_is_taken_for_a_slip() {
    let env = TestEnv::new();
    let [ada, _] = finished(&env);
    tick(&ada, "2026-11-30", &[]);
    assert!(!tick(&ada, "2029-01-10", &[]).1, "there is no default");
    configure(&ada, "[archive]\nafter = \"3d\"\n");
    let refused = ada.fleet(&["config", "check"]);
    assert!(
        refused.stderr.contains("it must be \"7d\" at least"),
        "{}",
        refused.stderr
    );
}
