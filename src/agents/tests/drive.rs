//! How the known CLIs are started, seen by a stand-in that writes down what it got.

use std::time::{Duration, Instant};

use super::bench::Bench;
use crate::agents::Agents;
use crate::domain::policy::{AgentKind, CliKind};
use crate::domain::session::FailureClass;
use crate::ports::runner::{Cancel, Runner as _};

const CLIS: [CliKind; 5] = [
    CliKind::Claude,
    CliKind::Codex,
    CliKind::Gemini,
    CliKind::OpenCode,
    CliKind::Aider,
];

/// Writes down its arguments, its input and the variables that are not the same for every agent.
const WITNESS: &str = "for a; do echo \"$a\"; done > args.txt; cat > stdin.txt; env | grep -E '^(CLAUDE|DISABLE|GEMINI|OPENCODE)' | sort > env.txt";

#[test]
fn every_cli_gets_its_flags_and_the_prompt_on_standard_input() {
    let mut table = String::new();
    // Aider takes its prompt as a file: see `traps.rs`.
    for cli in CLIS.into_iter().filter(|cli| *cli != CliKind::Aider) {
        for resume in [None, Some("s-1".to_owned())] {
            let mut bench = Bench::fake_cli(cli, WITNESS);
            bench.request.agent.args = vec!["--extra".to_owned()];
            bench.request.resume = resume;
            let seen = bench.run();
            // It says nothing, so whatever it is, it is no success.
            assert_eq!(seen.failure().0, FailureClass::InvalidOutput);
            let read = |n: &str| std::fs::read_to_string(bench.work().join(n)).unwrap();
            assert_eq!(read("stdin.txt"), "do it\n");
            let args: Vec<String> = read("args.txt").lines().map(str::to_owned).collect();
            table.push_str(&format!("{} {}\n", cli.name(), args.join(" ")));
            if bench.request.resume.is_none() {
                table.push_str(&read("env.txt"));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn gemini_finds_its_settings_in_an_otherwise_empty_home() {
    let mut bench = Bench::fake_cli(
        CliKind::Gemini,
        "find \"$HOME\" -type f > files.txt; cp \"$HOME/.gemini/settings.json\" s.json",
    );
    bench.run();
    let read = |b: &Bench, n: &str| std::fs::read_to_string(b.work().join(n)).unwrap();
    assert_eq!(read(&bench, "files.txt").lines().count(), 1);
    assert!(read(&bench, "s.json").contains("gemini-api-key"));
    // What the owner puts there wins.
    let own = bench.dir.path().join("own.json");
    std::fs::write(&own, "{}").unwrap();
    let files = &mut bench.request.agent.home_files;
    files.insert(
        own.display().to_string(),
        ".gemini/settings.json".to_owned(),
    );
    bench.run();
    assert_eq!(read(&bench, "s.json"), "{}");
}

#[test]
fn i10_home_files_stay_in_home_even_if_an_attempt_left_a_link_there() {
    let mut bench = Bench::command(&[
        "sh",
        "-c",
        "rm -rf \"$HOME/.cfg\"; ln -s \"$PWD\" \"$HOME/.cfg\"",
    ]);
    let own = bench.dir.path().join("own.json");
    std::fs::write(&own, "{}").unwrap();
    let files = &mut bench.request.agent.home_files;
    files.insert(own.display().to_string(), ".cfg/own.json".to_owned());
    bench.run().completed();
    bench.run().completed();
    assert!(!bench.work().join("own.json").exists());
    let files = &mut bench.request.agent.home_files;
    files.insert(own.display().to_string(), "../own2.json".to_owned());
    let (class, reason) = {
        let s = bench.run();
        let f = s.failure();
        (f.0, f.1.to_owned())
    };
    assert_eq!(class, FailureClass::Infrastructure);
    assert!(
        reason.contains("does not lie in the agent's HOME"),
        "{reason}"
    );
}

const CLAUDE_OK: &str = r#"echo '{"type":"system","subtype":"init","session_id":"s-9","model":"m"}'; echo '{"type":"result","subtype":"success","is_error":false,"result":"done","session_id":"s-9"}'"#;

#[test]
fn a_cli_that_hangs_after_its_final_event_has_still_succeeded() {
    let bench = Bench::fake_cli(
        CliKind::Claude,
        &format!("{CLAUDE_OK}; trap '' TERM; while :; do sleep 0.05; done"),
    );
    let begun = Instant::now();
    let seen = bench.run();
    seen.completed();
    assert_eq!(seen.outcome.final_message, "done");
    assert_eq!(seen.outcome.agent_session.as_deref(), Some("s-9"));
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn a_success_reported_after_our_signal_is_none() {
    // What Claude Code 2.1.197 does on TERM while a tool runs.
    let bench = Bench::fake_cli(
        CliKind::Claude,
        &format!(
            "trap '{}; exit 0' TERM; echo up; while :; do sleep 0.02; done",
            CLAUDE_OK.replace('\'', "'\\''")
        ),
    );
    let seen = bench.run_until(&Cancel::default(), |_, cancel| cancel.ask());
    assert_eq!(seen.failure().0, FailureClass::Cancelled);
}

#[test]
fn codex_remembers_a_threads_total_for_the_run_that_resumes_it() {
    let stream = r#"echo '{"type":"thread.started","thread_id":"t-1"}'; echo '{"type":"turn.completed","usage":{"input_tokens":IN,"output_tokens":OUT}}'"#;
    let script = format!(
        "case \"$*\" in *resume*) {};; *) {};; esac",
        stream.replace("IN", "150").replace("OUT", "30"),
        stream.replace("IN", "100").replace("OUT", "20")
    );
    let mut bench = Bench::fake_cli(CliKind::Codex, &script);
    let first = bench.run();
    first.completed();
    assert_eq!(first.outcome.usage.total(), 120);
    bench.request.resume = first.outcome.agent_session;
    let second = bench.run();
    second.completed();
    assert_eq!(second.outcome.usage.total(), 60);
}

#[test]
fn a_resumed_claude_session_counts_the_new_run_whichever_way_it_reports() {
    let result = |input: u64, own: u64, usd: &str| {
        format!(
            r#"echo '{{"type":"result","is_error":false,"session_id":"s","total_cost_usd":{usd},"usage":{{"input_tokens":{own}}},"modelUsage":{{"m":{{"inputTokens":{input}}}}}}}'"#
        )
    };
    // 2.1.329 reports 22, then 22 + 11; 2.1.197 reports 22, then 11.
    for resumed in [result(33, 11, "0.000414"), result(11, 11, "0.000138")] {
        let first = result(22, 22, "0.000276");
        let script = format!("case \"$*\" in *resume*) {resumed};; *) {first};; esac");
        let mut bench = Bench::fake_cli(CliKind::Claude, &script);
        let seen = bench.run();
        seen.completed();
        bench.request.resume = seen.outcome.agent_session;
        let again = bench.run().outcome;
        assert_eq!(
            (again.usage.input, again.cost.map(|c| c.0)),
            (11, Some(138))
        );
    }
}

#[test]
fn a_refused_key_says_which_variable_to_name() {
    let bench = Bench::fake_cli(
        CliKind::Claude,
        r#"echo '{"type":"result","subtype":"success","is_error":true,"result":"Not logged in","session_id":"s"}'; exit 1"#,
    );
    let seen = bench.run();
    let (class, reason) = seen.failure();
    assert_eq!(class, FailureClass::AgentError);
    insta::assert_snapshot!(reason, @"Not logged in (set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN where fleet runs and name it in `env` of agent `worker`)");
}

#[test]
fn a_missing_cli_comes_with_the_way_to_install_it() {
    let mut bench = Bench::new();
    let empty = bench.dir.path().join("empty");
    bench.setup.env.insert("PATH".to_owned(), empty.into());
    let mut said = Vec::new();
    for cli in CLIS {
        bench.request.agent.kind = AgentKind::Cli { cli, program: None };
        let agents = Agents::new(bench.setup.clone());
        said.push(agents.available(&bench.request.agent).unwrap_err());
        assert_eq!(bench.run().failure().0, FailureClass::Infrastructure);
    }
    insta::assert_snapshot!(said.join("\n"), @"
    agent `worker` (claude): `claude` was not found on PATH; install it with `npm install -g @anthropic-ai/claude-code`, or set `program`
    agent `worker` (codex): `codex` was not found on PATH; install it with `npm install -g @openai/codex`, or set `program`
    agent `worker` (gemini): `gemini` was not found on PATH; install it with `npm install -g @google/gemini-cli`, or set `program`
    agent `worker` (opencode): `opencode` was not found on PATH; install it with `npm install -g opencode-ai`, or set `program`
    agent `worker` (aider): `aider` was not found on PATH; install it with `pipx install aider-chat`, or set `program`
    ");
    bench.request.agent.kind = AgentKind::Command {
        argv: vec!["./tool.sh".to_owned()],
        prompt_stdin: false,
    };
    assert_eq!(
        Agents::new(bench.setup.clone()).available(&bench.request.agent),
        Ok(())
    );
}
