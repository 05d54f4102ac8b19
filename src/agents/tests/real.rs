//! The real CLIs against a scripted model on loopback.
//!
//! Runs where `FLEET_REAL_CLIS` names a folder with `node_modules/.bin/{claude,codex,gemini,opencode}`
//! (Aider: where `FLEET_REAL_AIDER` names its program) and `FLEET_MODEL_SERVER` the scripted model
//! server; says so and passes elsewhere.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::bench::{Bench, Seen};
use crate::domain::policy::{AgentKind, CliKind};
use crate::domain::session::FailureClass;
use crate::domain::time::DurationMs;
use crate::ports::runner::{AgentEvent, Cancel};

struct Model {
    server: Child,
    url: String,
}

impl Drop for Model {
    fn drop(&mut self) {
        self.server.kill().expect("ours");
        self.server.wait().expect("ours");
    }
}

fn places() -> Option<(PathBuf, PathBuf)> {
    let clis = std::env::var_os("FLEET_REAL_CLIS")?;
    let server = std::env::var_os("FLEET_MODEL_SERVER")?;
    Some((Path::new(&clis).join("node_modules/.bin"), server.into()))
}

/// The program of a CLI.
fn program(cli: CliKind, bin: &Path) -> PathBuf {
    match std::env::var_os("FLEET_REAL_AIDER").filter(|_| cli == CliKind::Aider) {
        Some(aider) => aider.into(),
        None => bin.join(cli.name()),
    }
}

/// A bench with the real CLI and a model that plays `script`; `None` where there is none.
fn real(cli: CliKind, script: &str) -> Option<(Bench, Model)> {
    let Some((bin, server)) = places() else {
        eprintln!("skipped: FLEET_REAL_CLIS and FLEET_MODEL_SERVER are not set");
        return None;
    };
    let mut bench = Bench::new();
    let file = bench.dir.path().join("script.json");
    std::fs::write(&file, script).expect("a fresh file");
    // The server must not look like part of the run: it works elsewhere.
    let mut server = Command::new("python3")
        .arg(server)
        .arg("--script")
        .arg(&file)
        .current_dir("/")
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped"))
        .read_line(&mut line)
        .expect("it says where it listens");
    let url = line.trim().trim_start_matches("listening ").to_owned();
    for args in [
        &["init", "-q"][..],
        &["commit", "-q", "--allow-empty", "-m", "x"],
    ] {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
            .args(args)
            .current_dir(bench.work())
            .status();
        assert!(done.expect("git").success());
    }
    let agent = &mut bench.request.agent;
    agent.kind = AgentKind::Cli {
        cli,
        program: Some(program(cli, &bin).display().to_string()),
    };
    agent.idle_timeout = DurationMs::secs(60);
    agent.total_timeout = DurationMs::secs(90);
    bench.setup.manners.grace = Duration::from_secs(2);
    connect(&mut bench, cli, &url);
    Some((bench, Model { server, url }))
}

fn connect(bench: &mut Bench, cli: CliKind, url: &str) {
    let agent = &mut bench.request.agent;
    let mut set = |name: &str, value: String| agent.set_env.insert(name.to_owned(), value);
    match cli {
        CliKind::Claude => {
            set("ANTHROPIC_BASE_URL", url.to_owned());
            set("ANTHROPIC_API_KEY", "dummy".to_owned());
            set("CLAUDE_CODE_MAX_RETRIES", "1".to_owned());
            bench.request.model = Some("claude-sonnet-4-5".to_owned());
        }
        CliKind::Codex => {
            set("SCRIPTED_KEY", "dummy".to_owned());
            let provider = format!(
                "model_providers.scripted={{name=\"scripted\",base_url=\"{url}/v1\",env_key=\"SCRIPTED_KEY\",wire_api=\"responses\"}}"
            );
            agent.args = ["-c", "model_provider=scripted", "-c", &provider]
                .map(str::to_owned)
                .to_vec();
            bench.request.model = Some("gpt-5".to_owned());
        }
        CliKind::Gemini => {
            set("GOOGLE_GEMINI_BASE_URL", url.to_owned());
            set("GEMINI_API_KEY", "dummy".to_owned());
            bench.request.model = Some("gemini-2.5-flash".to_owned());
        }
        CliKind::OpenCode => {
            let config = format!(
                r#"{{"provider":{{"scripted":{{"npm":"@ai-sdk/openai-compatible","options":{{"baseURL":"{url}/v1","apiKey":"dummy"}},"models":{{"scripted-model":{{"limit":{{"context":100000,"output":8000}}}}}}}}}}}}"#
            );
            set("OPENCODE_CONFIG_CONTENT", config);
            bench.request.model = Some("scripted/scripted-model".to_owned());
        }
        CliKind::Aider => {
            set("OPENAI_API_BASE", format!("{url}/v1"));
            set("OPENAI_API_KEY", "dummy".to_owned());
            bench.request.model = Some("openai/scripted-model".to_owned());
        }
    }
}

fn show(cli: CliKind, seen: &Seen) {
    let o = &seen.outcome;
    eprintln!(
        "{}: {:?} {:?} {:?} {:?} {:?} {} ms {} bytes",
        cli.name(),
        o.end,
        o.agent_session,
        o.model,
        o.usage,
        o.cost,
        o.duration_ms,
        o.output_bytes
    );
    for event in &seen.events {
        eprintln!("  {event:?}");
    }
}

/// Works, resumes, is refused, and is stopped with a tool running: each ends as it should, with
/// nothing left.
fn whole_life(cli: CliKind) {
    let work = r#"{"turns":[{"shell":"cat > hello.txt <<E\nhi\nE"},{"text":"Done."}]}"#;
    let Some((mut bench, model)) = real(cli, work) else {
        return;
    };
    // Longer than an argument may be.
    bench.request.prompt = "Do it.\n".repeat(30_000);
    let seen = bench.run();
    show(cli, &seen);
    seen.completed();
    let hello = std::fs::read_to_string(bench.work().join("hello.txt"));
    assert_eq!(hello.expect("the agent wrote it"), "hi\n");
    assert!(seen.outcome.usage.total() > 0 && seen.outcome.final_message.contains("Done."));
    bench.request.prompt = "Go on.\n".to_owned();
    bench.request.resume.clone_from(&seen.outcome.agent_session);
    let again = bench.run();
    show(cli, &again);
    again.completed();
    assert_eq!(again.outcome.agent_session, seen.outcome.agent_session);
    assert!(again.outcome.usage.total() < seen.outcome.usage.total());
    assert!(model.url.starts_with("http://127.0.0.1:"));
}

fn refused(cli: CliKind) {
    let Some((bench, _model)) = real(cli, r#"{"turns":[{"status":400,"times":-1}]}"#) else {
        return;
    };
    let seen = bench.run();
    show(cli, &seen);
    assert_eq!(seen.failure().0, FailureClass::AgentError);
}

fn stopped(cli: CliKind) {
    let long = r#"{"turns":[{"text":"now","shell":"touch up; python3 -c \"import time; time.sleep(300)\""},{"text":"unreached"}]}"#;
    let Some((bench, _model)) = real(cli, long) else {
        return;
    };
    let begun = Instant::now();
    let cancel = Cancel::default();
    let up = bench.work().join("up");
    let seen = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The tool says by a file that it runs; nothing else can be waited on from outside.
            while !up.exists() && begun.elapsed() < Duration::from_secs(60) {
                std::thread::park_timeout(Duration::from_millis(20));
            }
            cancel.ask();
        });
        bench.run_until(&cancel, |_: &AgentEvent, _| {})
    });
    show(cli, &seen);
    assert_eq!(seen.failure().0, FailureClass::Cancelled);
}

#[test]
fn the_real_claude_works_resumes_and_stops() {
    whole_life(CliKind::Claude);
    refused(CliKind::Claude);
    stopped(CliKind::Claude);
}

#[test]
fn the_real_codex_works_resumes_and_stops() {
    whole_life(CliKind::Codex);
    refused(CliKind::Codex);
    stopped(CliKind::Codex);
}

#[test]
fn the_real_gemini_works_resumes_and_stops() {
    whole_life(CliKind::Gemini);
    refused(CliKind::Gemini);
    stopped(CliKind::Gemini);
}

#[test]
fn the_real_opencode_works_resumes_and_stops() {
    whole_life(CliKind::OpenCode);
    refused(CliKind::OpenCode);
    stopped(CliKind::OpenCode);
}

#[test]
fn the_real_aider_works_and_is_refused() {
    if std::env::var_os("FLEET_REAL_AIDER").is_none() {
        eprintln!("skipped: FLEET_REAL_AIDER is not set");
        return;
    }
    // It declares no tools: `main` says that every request is the main loop's.
    let work = r#"{"main":"all","turns":[{"text":"I will create it.\n\nhello.txt\n```\nhello from agent\n```\n"}]}"#;
    let Some((mut bench, _model)) = real(CliKind::Aider, work) else {
        return;
    };
    // It asks a host for prices unless it has some; none at all is not enough.
    let prices = bench.dir.path().join("prices.json");
    std::fs::write(&prices, "{\"none\":{}}").expect("a fresh file");
    let seeded = ".aider/caches/model_prices_and_context_window.json".to_owned();
    let files = &mut bench.request.agent.home_files;
    files.insert(prices.display().to_string(), seeded);
    let seen = bench.run();
    show(CliKind::Aider, &seen);
    seen.completed();
    let hello = std::fs::read_to_string(bench.work().join("hello.txt"));
    assert_eq!(hello.expect("the agent wrote it"), "hello from agent\n");
    assert!(seen.outcome.usage.total() > 0);
    let left = std::fs::read_dir(bench.work())
        .expect("the workspace")
        .flatten();
    let names: Vec<_> = left.map(|e| e.file_name()).collect();
    assert!(
        !names
            .iter()
            .any(|n| n.to_string_lossy().starts_with(".aider")),
        "{names:?}"
    );
    let Some((mut bench, _model)) = real(
        CliKind::Aider,
        r#"{"main":"all","turns":[{"status":401,"times":-1}]}"#,
    ) else {
        return;
    };
    let files = &mut bench.request.agent.home_files;
    files.insert(
        prices.display().to_string(),
        ".aider/caches/model_prices_and_context_window.json".to_owned(),
    );
    let seen = bench.run();
    show(CliKind::Aider, &seen);
    assert_eq!(seen.failure().0, FailureClass::AgentError);
}
