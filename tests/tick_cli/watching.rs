//! Looking on: journals, a session that is followed, windows, and streams of agents.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::world::{Shape, World, assert_exit};

/// Says something, tells the test through a pipe that it did, and waits until the test has an answer.
const TALKS: &str = "echo '{\"event\":\"usage\",\"usage\":{\"input\":5,\"output\":2},\"cost\":70}'\n\
    echo '{\"kind\":\"progress\",\"text\":\"half\"}' >> \"$FLEET_OUTBOX\"\n\
    echo 'first words'\necho $$ > \"$W/up\"\ncat \"$W/go\"\necho done > done.txt\necho 'last words'";

/// Kinds of events, in order.
fn kinds(lines: &[Value]) -> Vec<&str> {
    let kinds = lines.iter().map(|line| line["event"].as_str());
    kinds.map(|kind| kind.unwrap_or("?")).collect()
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

#[test]
fn a_running_session_is_watched_to_its_end_and_read_again_later() {
    let world = World::new(TALKS, Shape::default(), &["one"]);
    let out = world.fleet(&["attach", "T-1"]);
    assert_exit(&out, 3);
    world.pipe("up");
    world.pipe("go");
    let tick = world.start(&["tick"]);
    world.hear("up");
    let mut watch = world.start(&["attach", "T-1", "--json"]);
    let mut words = BufReader::new(watch.stdout.take().expect("piped"));
    let mut text = String::new();
    words.read_line(&mut text).expect("it looks on");
    std::fs::write(world.path("go"), "on\n").expect("a pipe that somebody reads");
    assert_exit(&tick.wait_with_output().expect("ours"), 0);
    words.read_to_string(&mut text).expect("UTF-8");
    assert!(watch.wait().expect("ours").success());
    let live = lines(&text);
    let seen = kinds(&live);
    assert_eq!(seen.first(), Some(&"session_started"), "{seen:?}");
    assert_eq!(seen.last(), Some(&"session_finished"), "{seen:?}");
    assert!(
        seen.contains(&"progress") && seen.contains(&"usage"),
        "{seen:?}"
    );
    assert_eq!(seen.iter().filter(|k| **k == "session_finished").count(), 1);
    let last = live.last().expect("a last line");
    assert_eq!(
        (&last["tokens"], &last["ok"]),
        (&Value::from(7), &Value::from(true))
    );
    assert!(
        live.iter()
            .all(|l| l["task"] == "T-1" && l["session"] == last["session"])
    );
    // Later, and for people.
    let again = world.data(&["logs", "T-1"]);
    assert_eq!(again["total"], live.len());
    assert_eq!(again["events"], Value::from(live));
    assert_eq!(
        (&again["id"], &again["finished"]),
        (&Value::from("T-1"), &Value::from(true))
    );
    let text = world.ok(&["logs", "T-1", "-f", "--session", "1"]);
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for want in [
        "T-1 attempt 1 by x one",
        "says first words",
        "spent 7 tokens",
        "does half",
    ] {
        assert!(words.contains(want), "{want}: {text}");
    }
    assert_exit(&world.fleet(&["attach", "T-1"]), 3);
    world.expect_nothing_left();
}

#[test]
fn following_ends_when_the_fleet_that_ran_the_session_was_killed() {
    let world = World::new(TALKS, Shape::default(), &["one"]);
    world.pipe("up");
    world.pipe("go");
    let mut tick = world.start(&["tick"]);
    world.hear("up");
    tick.kill().expect("ours");
    tick.wait().expect("ours");
    let out = world.fleet(&["logs", "T-1", "-f"]);
    assert_exit(&out, 0);
    let said = String::from_utf8(out.stderr).expect("UTF-8");
    assert!(said.contains("the fleet that ran it is gone"), "{said}");
    world.agent("echo 2 > two");
    world.ok(&["tick"]);
    world.expect_nothing_left();
}

#[test]
fn a_journal_that_is_not_here_is_told_with_where_it_ran() {
    let world = World::new("echo x > x", Shape::default(), &["one"]);
    let out = world.fleet(&["logs", "T-1"]);
    assert_exit(&out, 3);
    assert!(String::from_utf8_lossy(&out.stderr).contains("T-1 has no session yet"));
    world.ok(&["tick"]);
    std::fs::remove_dir_all(world.path("repo/.git/fleet/journals")).expect("made by the tick");
    for args in [&["logs", "T-1"][..], &["logs", "T-1", "-f", "--json"]] {
        let out = world.fleet(args);
        assert_exit(&out, 3);
        let said = format!("{out:?}");
        assert!(said.contains("is not on this machine"), "{said}");
    }
    let out = world.fleet(&["logs", "T-1", "--session", "9"]);
    assert_exit(&out, 3);
}

#[test]
fn each_running_agent_has_a_window_and_a_tick_leaves_none() {
    let here = Command::new("tmux").arg("-V").output();
    if !here.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: tmux is not installed");
        return;
    }
    let world = World::new(TALKS, Shape::default(), &["one"]);
    world.pipe("up");
    world.pipe("go");
    let mut tick = world.command("repo", &["tick", "--tmux"]);
    tick.env("TMUX_TMPDIR", world.path("home"));
    tick.stdout(Stdio::piped()).stderr(Stdio::piped());
    let tick = tick.spawn().expect("fleet");
    world.hear("up");
    // Nobody sits here: it says how to look on.
    let mut attach = world.command("repo", &["attach", "--tmux"]);
    attach.env("TMUX_TMPDIR", world.path("home"));
    let out = attach.output().expect("fleet");
    assert_exit(&out, 0);
    let how = String::from_utf8(out.stdout).expect("UTF-8");
    let socket = how
        .split(' ')
        .nth(2)
        .expect("tmux -L SOCKET attach")
        .to_owned();
    let tmux = |args: &[&str]| {
        let mut command = Command::new("tmux");
        command.env("TMUX_TMPDIR", world.path("home"));
        let out = command
            .args(["-L", &socket])
            .args(args)
            .output()
            .expect("tmux");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    assert_eq!(tmux(&["list-windows", "-t", "fleet", "-F", "#W"]), "T-1\n");
    let begun = std::time::Instant::now();
    let screen = || tmux(&["capture-pane", "-p", "-t", "fleet:T-1"]);
    while !screen().contains("first words") && begun.elapsed().as_secs() < 30 {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    assert!(screen().contains("first words"), "{}", screen());
    std::fs::write(world.path("go"), "on\n").expect("a pipe that somebody reads");
    assert_exit(&tick.wait_with_output().expect("ours"), 0);
    assert_eq!(tmux(&["list-windows", "-t", "fleet", "-F", "#W"]), "");
    world.expect_nothing_left();
}

/// `fleet stream` with this on its standard input, outside any repository.
fn streamed(world: &World, from: &str, input: &[u8]) -> std::process::Output {
    let mut command = world.command("home", &["stream", "--from", from, "--task", "T-7"]);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("fleet");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("fleet reads");
    drop(stdin);
    child.wait_with_output().expect("ours")
}

#[test]
fn a_stream_becomes_unified_events_and_the_exit_code_tells_whether_it_was_whole() {
    let world = World::raw("true", Shape::default());
    let file = "tests/fixtures/agents/claude-2.1.329/ok.stdout.jsonl";
    let bytes = std::fs::read(file).expect("a fixture");
    let out = streamed(&world, "claude", &bytes);
    assert_exit(&out, 0);
    let events = lines(&String::from_utf8(out.stdout).expect("UTF-8"));
    assert_eq!(kinds(&events).last(), Some(&"session_finished"));
    assert!(events.iter().all(|l| l["task"] == "T-7"));
    let half = &bytes[..bytes.len() / 2];
    let mut cut = b"npm warn something\n".to_vec();
    cut.extend_from_slice(half);
    let out = streamed(&world, "claude", &cut);
    assert_exit(&out, 3);
    let said = String::from_utf8(out.stderr).expect("UTF-8");
    assert!(said.contains("without its final event"), "{said}");
    assert!(said.contains("first line 1: npm warn something"), "{said}");
}

#[test]
fn a_reader_that_leaves_a_stream_ends_it_quietly() {
    let world = World::raw("true", Shape::default());
    let file = "tests/fixtures/agents/claude-2.1.329/ok.stdout.jsonl";
    let bytes = std::fs::read(file).expect("a fixture");
    let mut command = world.command("home", &["stream", "--from", "claude"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    command
        .stdin(Stdio::piped())
        .stdout(writer)
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("fleet");
    drop(command);
    drop(reader);
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(&bytes[..bytes.len() / 2])
        .expect("fleet reads");
    drop(stdin);
    let out = child.wait_with_output().expect("ours");
    assert_exit(&out, 0);
    assert!(
        out.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn a_full_disk_below_a_journal_that_is_shown_is_an_error() {
    let world = World::new("echo x > x", Shape::default(), &["one"]);
    world.ok(&["tick"]);
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return;
    };
    let mut command = world.command("repo", &["logs", "T-1"]);
    let out = command.stdout(full).output().expect("fleet runs");
    assert_exit(&out, 1);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("failed to write to stdout"), "{said}");
}
