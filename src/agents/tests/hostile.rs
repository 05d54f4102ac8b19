//! Programs that behave badly, each as small as its badness.

use std::time::{Duration, Instant};

use super::bench::Bench;
use crate::domain::policy::AgentKind;
use crate::domain::session::FailureClass;
use crate::domain::time::DurationMs;
use crate::ports::runner::{AgentEvent, Cancel};

#[test]
fn a_program_that_edits_a_file_and_exits_0_has_completed() {
    let bench = Bench::shell("echo working; echo hi > hello.txt; echo oops >&2");
    let seen = bench.run();
    seen.completed();
    assert_eq!(
        std::fs::read_to_string(bench.work().join("hello.txt")).unwrap(),
        "hi\n"
    );
    assert_eq!(seen.outcome.final_message, "working");
    assert_eq!(seen.outcome.output_bytes, 13);
    assert_eq!(seen.outcome.sandbox, "none");
    assert!(seen.events.contains(&AgentEvent::Status {
        text: "oops".to_owned()
    }));
}

#[test]
fn a_silent_success_is_a_success_whose_diff_others_judge() {
    Bench::command(&["true"]).run().completed();
}

#[test]
fn a_failure_names_the_exit_code_and_the_end_of_stderr() {
    let seen = Bench::shell("echo cannot find it >&2; exit 3").run();
    let want = (FailureClass::AgentError, "exited 3: cannot find it");
    assert_eq!(seen.failure(), want);
}

#[test]
fn a_missing_program_is_named_and_nothing_runs() {
    let seen = Bench::command(&["no-such-agent-here"]).run();
    let (class, reason) = seen.failure();
    assert_eq!(class, FailureClass::Infrastructure);
    assert!(
        reason.contains("`no-such-agent-here` was not found on PATH"),
        "{reason}"
    );
}

#[test]
fn the_environment_is_cleared_but_for_what_is_allowed() {
    let mut bench = Bench::shell("env > env.txt; pwd > pwd.txt; ls -A \"$HOME\" > home.txt");
    bench.request.agent.env.push("HOME".to_owned());
    let set = &mut bench.request.agent.set_env;
    set.insert("FLEET_OUTBOX".to_owned(), "/elsewhere".to_owned());
    bench.run().completed();
    let read = |name: &str| std::fs::read_to_string(bench.work().join(name)).unwrap();
    let env = read("env.txt");
    let mut names: Vec<&str> = env
        .lines()
        .filter_map(|l| Some(l.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    names.retain(|n| !matches!(*n, "PWD" | "SHLVL" | "_" | "OLDPWD"));
    insta::assert_snapshot!(names.join(" "), @"FLEET_ATTEMPT FLEET_OUTBOX FLEET_PROMPT FLEET_RUN FLEET_TASK GIT_CONFIG_NOSYSTEM GIT_TERMINAL_PROMPT HOME NAMED_KEY PATH SET TERM TMPDIR TZ XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME");
    assert!(!env.contains("ghp_canary") && !env.contains("/elsewhere"));
    assert!(env.contains("FLEET_ATTEMPT=2\n") && env.contains("FLEET_TASK=T-7\n"));
    assert_eq!(read("home.txt"), "");
    assert_eq!(
        read("pwd.txt").trim_end(),
        bench.work().canonicalize().unwrap().to_str().unwrap()
    );
}

#[test]
fn the_prompt_comes_by_file_and_by_standard_input() {
    let mut bench = Bench::shell("cat > stdin.txt; cp \"$1\" file.txt; echo \"$2\" > rest.txt");
    bench.request.agent.kind = AgentKind::Command {
        argv: [
            "sh",
            "-c",
            "cat > stdin.txt; cp \"$1\" file.txt; echo \"$2\" > rest.txt",
            "x",
        ]
        .iter()
        .map(|a| (*a).to_owned())
        .collect(),
        prompt_stdin: true,
    };
    bench.request.agent.args = vec!["{prompt_file}".to_owned(), "{task}:{model}".to_owned()];
    bench.run().completed();
    for (name, want) in [
        ("stdin.txt", "do it\n"),
        ("file.txt", "do it\n"),
        ("rest.txt", "T-7:m-1\n"),
    ] {
        assert_eq!(
            std::fs::read_to_string(bench.work().join(name)).unwrap(),
            want
        );
    }
}

#[test]
fn standard_input_is_empty_unless_asked_for() {
    Bench::shell("test -z \"$(cat)\"").run().completed();
}

#[test]
fn the_outbox_is_read_after_the_end_and_starts_empty() {
    let bench = Bench::shell("echo '{\"op\":\"note\"}' >> \"$FLEET_OUTBOX\"");
    assert_eq!(bench.run().outcome.outbox, b"{\"op\":\"note\"}\n");
    assert_eq!(bench.run().outcome.outbox, b"{\"op\":\"note\"}\n");
}

#[test]
fn an_outbox_that_is_a_link_a_pipe_or_too_big_does_no_harm() {
    let link = Bench::shell("rm \"$FLEET_OUTBOX\"; ln -s /etc/hostname \"$FLEET_OUTBOX\"");
    assert_eq!(link.run().outcome.outbox, b"");
    let pipe = Bench::shell("rm \"$FLEET_OUTBOX\"; mkfifo \"$FLEET_OUTBOX\"");
    assert_eq!(pipe.run().outcome.outbox, b"");
    let big = Bench::shell("yes '{\"op\":\"note\"}' | head -c 2000000 > \"$FLEET_OUTBOX\"");
    let outbox = big.run().outcome.outbox;
    assert!(outbox.len() <= 1 << 20 && outbox.len() > 1_000_000 && outbox.ends_with(b"}\n"));
}

#[test]
fn a_silent_program_ends_by_the_idle_limit() {
    let mut bench = Bench::shell("echo start; sleep 600");
    bench.request.agent.idle_timeout = DurationMs(200);
    let begun = Instant::now();
    let seen = bench.run();
    assert_eq!(seen.failure(), (FailureClass::Timeout, "no output for 1 s"));
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_talkative_program_ends_by_the_total_limit() {
    let mut bench = Bench::shell("while :; do echo x; sleep 0.05; done");
    bench.request.agent.total_timeout = DurationMs(250);
    assert_eq!(
        bench.run().failure(),
        (FailureClass::Timeout, "ran longer than 1 s")
    );
}

#[test]
fn i9_a_program_that_ignores_term_is_killed_after_the_grace() {
    let mut bench = Bench::shell("trap '' TERM INT HUP; while :; do sleep 0.05; done");
    bench.request.agent.idle_timeout = DurationMs(150);
    assert_eq!(bench.run().failure().0, FailureClass::Timeout);
}

#[test]
fn a_flood_is_stopped_at_the_limit_in_bounded_memory() {
    let seen = Bench::command(&["yes"]).run();
    let (class, reason) = seen.failure();
    assert_eq!(
        (class, reason),
        (
            FailureClass::InvalidOutput,
            "printed more than 1048576 bytes"
        )
    );
    assert!(seen.outcome.output_bytes < 2 << 20);
    assert!(seen.events.len() < 5100);
}

#[test]
fn a_line_of_fifty_megabytes_is_not_held() {
    let mut bench = Bench::shell("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo after");
    bench.request.agent.max_output_bytes = 100_000_000;
    let seen = bench.run();
    seen.completed();
    assert_eq!(seen.outcome.final_message, "after");
    assert!(seen.events.iter().any(|e| matches!(
        e,
        AgentEvent::Status { text } if text == "a line of 50000000 bytes was too long to be read"
    )));
}

#[test]
fn output_that_is_not_utf8_is_shown_with_marks() {
    let seen = Bench::shell("printf '\\377\\376 caf\\351\\n'").run();
    assert_eq!(seen.outcome.final_message, "\u{fffd}\u{fffd} caf\u{fffd}");
}

#[test]
fn a_program_that_closes_its_output_early_is_waited_for() {
    let bench = Bench::shell("echo a; exec >&- 2>&-; sleep 0.2; : > late.txt");
    bench.run().completed();
    assert!(bench.work().join("late.txt").exists());
}

#[test]
fn i9_a_grandchild_that_holds_the_pipe_does_not_hold_us() {
    let begun = Instant::now();
    let seen = Bench::shell("sleep 600 & echo done").run();
    seen.completed();
    assert_eq!(seen.outcome.final_message, "done");
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn i9_daemons_in_sessions_of_their_own_are_ended() {
    let seen = Bench::shell(
        "setsid sleep 600 >/dev/null 2>&1 & (setsid sh -c 'sleep 601 & sleep 602' &) ; sleep 0.1",
    )
    .run();
    seen.completed();
    assert!(
        seen.events.iter().any(
            |e| matches!(e, AgentEvent::Status { text } if text.contains("outlived the agent"))
        )
    );
}

#[test]
fn i9_a_double_fork_that_clears_its_environment_is_ended() {
    let script = "import os,sys,time\n\
        if os.fork()==0:\n os.setsid()\n if os.fork()==0:\n  os.execve('/bin/sleep',['sleep','600'],{})\n os._exit(0)\n\
        os.wait()\n";
    let mut bench = Bench::command(&["python3", "-c", script]);
    // Nothing tells whose such an orphan is while several runs go on: the last to end finds it.
    bench.alone = true;
    bench.run().completed();
}

#[test]
fn i9_what_a_dead_fleet_left_is_found_by_its_session() {
    let run = "00000000-0000-7000-8000-0000000dead0";
    crate::agents::take_charge();
    let left = std::process::Command::new("sh")
        .args([
            "-c",
            "setsid sleep 600 >/dev/null 2>&1 & setsid sleep 601 >/dev/null 2>&1 &",
        ])
        .env("FLEET_RUN", run)
        .status();
    assert!(left.expect("sh").success());
    assert_eq!(crate::agents::sweep_run(run), 2);
    assert_eq!(crate::agents::sweep_run(run), 0);
}

/// As in a container: our own session and group have no number there.
#[test]
fn a_run_in_a_process_namespace_without_its_session_leader_ends_as_anywhere() {
    let inner = "agents::tests::hostile::i9_daemons_in_sessions_of_their_own_are_ended";
    let exe = std::env::current_exe().expect("a test program");
    let unshare = |args: &[&str]| {
        std::process::Command::new("unshare")
            .args([
                "--user",
                "--map-root-user",
                "--pid",
                "--fork",
                "--mount-proc",
            ])
            .args(args)
            .output()
    };
    let possible = unshare(&["true"]).is_ok_and(|o| o.status.success());
    if !possible {
        // Where no namespace may be made, nothing runs in one of ours either.
        return;
    }
    let seen = unshare(&[exe.to_str().expect("UTF-8"), "--exact", inner]).expect("as before");
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(seen.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn i9_a_tree_that_ignores_term_in_its_own_session_is_killed() {
    let mut bench =
        Bench::shell("setsid sh -c \"trap '' TERM; while :; do sleep 0.05; done\" & wait");
    bench.request.agent.idle_timeout = DurationMs(200);
    assert_eq!(bench.run().failure().0, FailureClass::Timeout);
}

#[test]
fn another_run_at_the_same_time_is_not_touched() {
    let long = Bench::shell("setsid sleep 0.6 & echo up; wait; echo end");
    let short = Bench::shell("setsid sleep 600 & echo up");
    std::thread::scope(|scope| {
        let long = scope.spawn(|| long.run());
        let short = scope.spawn(|| short.run());
        short.join().expect("no panic").completed();
        let seen = long.join().expect("no panic");
        seen.completed();
        assert_eq!(seen.outcome.final_message, "end");
    });
}

#[test]
fn a_child_that_another_room_started_is_not_touched() {
    let mut other = std::process::Command::new("sleep")
        .arg("5")
        .spawn()
        .unwrap();
    Bench::shell("setsid sleep 600 & echo up").run().completed();
    assert!(other.try_wait().unwrap().is_none(), "it runs still");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_polite_stop_lets_it_clean_up_and_is_a_cancellation() {
    let bench =
        Bench::shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done");
    let seen = bench.run_until(&Cancel::default(), |event, cancel| {
        if matches!(event, AgentEvent::Message { text } if text == "ready") {
            cancel.ask();
        }
    });
    assert_eq!(
        seen.failure(),
        (FailureClass::Cancelled, "stopped on request")
    );
    assert_eq!(seen.outcome.final_message, "bye");
}

#[test]
fn an_urgent_stop_does_not_wait_for_the_grace() {
    let mut bench = Bench::shell("trap '' TERM; echo ready; while :; do sleep 0.02; done");
    bench.setup.manners.grace = Duration::from_secs(60);
    let begun = Instant::now();
    let seen = bench.run_until(&Cancel::default(), |event, cancel| {
        if matches!(event, AgentEvent::Message { .. }) {
            cancel.ask();
            cancel.ask();
        }
    });
    assert_eq!(seen.failure().0, FailureClass::Cancelled);
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn i11_the_journal_has_every_event_redacted_and_stays_bounded() {
    let bench = Bench::shell(
        "echo my password is hunter2; yes 'a line of some length that fills the journal with little sense' | head -c 900000",
    );
    bench.run();
    let journal = std::fs::read_to_string(&bench.request.journal).unwrap();
    assert!(journal.len() <= (1 << 20) + 200);
    assert!(!journal.contains("hunter2"));
    let first: serde_json::Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    assert_eq!(first["text"], "my password is [redacted]");
    assert_eq!(first["event"], "message");
    assert_eq!(first["task"], "T-7");
    assert_eq!(first["at"], "2026-11-21T14:00:00.000Z");
}

#[test]
fn a_check_that_passes_keeps_no_output_and_one_that_fails_its_end() {
    let bench = Bench::command(&["true"]);
    let passed = bench.verify(&["sh", "-c", "echo fine"], 5000);
    assert!(passed.passed() && passed.tail.is_empty());
    let failed = bench.verify(
        &[
            "sh",
            "-c",
            "seq 1 5000; printf 'b\\377d hunter2\\n' >&2; exit 4",
        ],
        5000,
    );
    assert_eq!(failed.exit, Some(4));
    assert!(failed.tail.len() <= 4096 && failed.tail.ends_with("b\u{fffd}d [redacted]"));
    assert_eq!(failed.command.lines().count(), 1);
}

#[test]
fn i9_a_check_that_hangs_is_stopped_and_is_no_pass() {
    let bench = Bench::command(&["true"]);
    let hung = bench.verify(
        &[
            "sh",
            "-c",
            "trap 'exit 0' TERM; setsid sleep 600 & echo at it; while :; do sleep 0.02; done",
        ],
        200,
    );
    assert_eq!(hung.exit, None);
    assert!(hung.tail.starts_with("at it\n"), "{}", hung.tail);
    assert!(
        hung.tail.ends_with("\n[stopped: ran longer than 200 ms]"),
        "{}",
        hung.tail
    );
    let absent = bench.verify(&["no-such-check"], 200);
    assert_eq!(absent.tail, "`no-such-check` was not found on PATH");
}
