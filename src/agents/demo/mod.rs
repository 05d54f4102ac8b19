//! The scripted agent of `fleet demo`: a real child process that really edits files and runs
//! programs, playing steps from a file instead of asking a model. Also a handy agent for tests.
//!
//! The script is JSON, by default `.demo/agent.json` in the working directory:
//!
//! ```json
//! {
//!   "model": "scripted-1",
//!   "tasks": {
//!     "Greet by name": [
//!       {"say": "I will add a greeting."},
//!       {"write": {"path": "greet.sh", "text": "echo hello {task}\n"}},
//!       {"if": {"attempt": 1, "run": 1}, "then": [{"say": "a bug"}], "else": []},
//!       {"run": {"argv": ["sh", "test.sh"], "may_fail": true}},
//!       {"outbox": {"op": "note", "text": "done"}},
//!       {"usage": {"input": 1200, "output": 300, "cost_usd_micros": 4200}}
//!     ]
//!   },
//!   "otherwise": [{"exit": 1}]
//! }
//! ```
//!
//! A task is found by its title: of all titles that stand in the prompt, the one that stands first
//! (the longer one where two begin at the same place), or by its id. `{task}` and `{attempt}` are
//! filled in wherever a text stands.

mod script;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::agents::command::fill;
use crate::agents::demo::script::{Act, Condition, Script, Step, chosen};
use crate::agents::lines::last_lines;
use crate::domain::money::{MicroUsd, Usage};
use crate::ports::runner::AgentEvent;

/// Name of the hidden subcommand that calls [`play`].
pub const SUBCOMMAND: &str = "__demo-agent";
/// Where the script lies unless `--script PATH` says otherwise.
const SCRIPT: &str = ".demo/agent.json";
/// Longest pause of one step.
const MAX_SLEEP_MS: u64 = 10_000;
/// Exit code of a script that cannot be played.
const BROKEN: u8 = 70;

/// How a list of steps ended, if it ended the whole play.
type Ended = Option<u8>;

/// Plays the task that the environment names (`FLEET_TASK`, `FLEET_PROMPT`, `FLEET_ATTEMPT`,
/// `FLEET_OUTBOX`, `HOME`) in `cwd` and prints unified events, one JSON object a line, to `out`.
/// Answers the exit code: 0, what the script says, or 70 if the script cannot be played.
///
/// `args` may be `--script PATH`. Programs of the script see `env` and nothing else.
pub fn play(
    env: &BTreeMap<String, OsString>,
    args: &[String],
    cwd: &Path,
    out: &mut dyn Write,
) -> u8 {
    let mut player = Player {
        env,
        cwd,
        out,
        values: BTreeMap::new(),
        prompt: String::new(),
        attempt: 1,
        run: 1,
        calls: 0,
    };
    match player.all(args) {
        Ok(code) => code,
        Err(what) => {
            player.emit(&AgentEvent::Error { text: what });
            BROKEN
        }
    }
}

struct Player<'a> {
    env: &'a BTreeMap<String, OsString>,
    cwd: &'a Path,
    out: &'a mut dyn Write,
    values: BTreeMap<&'static str, String>,
    prompt: String,
    attempt: u32,
    run: u32,
    calls: u32,
}

impl Player<'_> {
    fn all(&mut self, args: &[String]) -> Result<u8, String> {
        let file = match args {
            [] => SCRIPT,
            [flag, path] if flag == "--script" => path,
            _ => return Err(format!("usage: {SUBCOMMAND} [--script PATH]")),
        };
        let path = self.cwd.join(file);
        let bytes = fs::read(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let script: Script = serde_json::from_slice(&bytes)
            .map_err(|e| format!("{} is no script: {e}", path.display()))?;
        let task = self.text_of("FLEET_TASK");
        if let Some(prompt) = self.env.get("FLEET_PROMPT") {
            self.prompt = fs::read_to_string(prompt)
                .map_err(|e| format!("cannot read the prompt {}: {e}", prompt.display()))?;
        }
        self.attempt = self.text_of("FLEET_ATTEMPT").parse().unwrap_or(1);
        self.run = self.count_run(&task);
        self.values = BTreeMap::from([
            ("task", task.clone()),
            ("attempt", self.attempt.to_string()),
        ]);
        self.emit(&AgentEvent::SessionStarted {
            agent_session: Some(format!("demo-{task}-{}", self.attempt)),
            model: script.model.clone(),
        });
        let steps = chosen(&script, &self.prompt, &task);
        Ok(self.steps(steps)?.unwrap_or(0))
    }

    fn text_of(&self, name: &str) -> String {
        let value = self.env.get(name);
        value.map_or(String::new(), |v| v.to_string_lossy().into_owned())
    }

    /// Counts the runs of this task in this HOME; 1 where there is no HOME.
    fn count_run(&self, task: &str) -> u32 {
        let Some(home) = self.env.get("HOME") else {
            return 1;
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let name: String = task.chars().filter(|c| plain(*c)).collect();
        let path = Path::new(home).join(format!(".demo-runs-{name}"));
        let seen = fs::read_to_string(&path).unwrap_or_default();
        let run = seen.trim().parse::<u32>().unwrap_or(0).saturating_add(1);
        // Only a condition of the script depends on it.
        let _ = fs::write(&path, run.to_string());
        run
    }

    fn emit(&mut self, event: &AgentEvent) {
        if let Ok(mut line) = serde_json::to_vec(event) {
            line.push(b'\n');
            // A reader that is gone ends us by its own means.
            let _ = self.out.write_all(&line).and_then(|()| self.out.flush());
        }
    }

    fn steps(&mut self, steps: &[Step]) -> Result<Ended, String> {
        for step in steps {
            let ended = match step {
                Step::Choice(choice) if self.holds(&choice.condition) => {
                    self.steps(&choice.then)?
                }
                Step::Choice(choice) => self.steps(&choice.otherwise)?,
                Step::Act(act) => self.act(act)?,
            };
            if ended.is_some() {
                return Ok(ended);
            }
        }
        Ok(None)
    }

    fn holds(&self, condition: &Condition) -> bool {
        condition.attempt.is_none_or(|n| n == self.attempt)
            && condition.from_attempt.is_none_or(|n| self.attempt >= n)
            && condition.run.is_none_or(|n| n == self.run)
            && condition
                .prompt_has
                .as_ref()
                .is_none_or(|t| self.prompt.contains(t))
    }

    fn act(&mut self, act: &Act) -> Result<Ended, String> {
        match act {
            Act::Say(text) => {
                let text = fill(text, &self.values);
                self.emit(&AgentEvent::Message { text });
            }
            Act::Think(text) => {
                let text = fill(text, &self.values);
                self.emit(&AgentEvent::Thinking { text });
            }
            Act::Write { path, text } => self.edit("write", path, |_| Ok(text.clone()))?,
            Act::Append { path, text } => {
                self.edit("append", path, |old| Ok(old.unwrap_or_default() + text))?;
            }
            Act::Replace { path, old, new } => self.edit("replace", path, |now| {
                let now = now.unwrap_or_default();
                if now.contains(old.as_str()) {
                    Ok(now.replacen(old, new, 1))
                } else {
                    Err(format!("`{old}` does not stand in {path}"))
                }
            })?,
            Act::Delete { path } => {
                let file = self.inside(path)?;
                fs::remove_file(&file).map_err(|e| format!("cannot delete {path}: {e}"))?;
            }
            Act::Run { argv, may_fail } => return self.program(argv, *may_fail),
            Act::Outbox(value) => self.outbox(value)?,
            Act::Usage {
                input,
                output,
                cost_usd_micros,
            } => self.emit(&AgentEvent::Usage {
                usage: Usage {
                    input: *input,
                    output: *output,
                    ..Usage::default()
                },
                cost: cost_usd_micros.map(MicroUsd),
            }),
            Act::SleepMs(ms) => {
                std::thread::sleep(Duration::from_millis((*ms).min(MAX_SLEEP_MS)));
            }
            Act::Exit(code) => return Ok(Some(*code)),
            Act::FailOnAttempt(n) => return Ok((*n == self.attempt).then_some(1)),
        }
        Ok(None)
    }

    /// A relative path below the working directory, outside `.git`.
    fn inside(&self, path: &str) -> Result<PathBuf, String> {
        let parts: Vec<Component<'_>> = Path::new(path).components().collect();
        let plain = parts.iter().all(|c| matches!(c, Component::Normal(_)));
        let git = parts.first().is_some_and(|c| c.as_os_str() == ".git");
        if plain && !git && !parts.is_empty() {
            Ok(self.cwd.join(path))
        } else {
            Err(format!("`{path}` does not lie in the working directory"))
        }
    }

    fn edit(
        &mut self,
        name: &str,
        path: &str,
        change: impl Fn(Option<String>) -> Result<String, String>,
    ) -> Result<(), String> {
        let file = self.inside(path)?;
        let id = self.call(name, path);
        let changed = change(fs::read_to_string(&file).ok()).and_then(|text| {
            let text = fill(&text, &self.values);
            let parent = file.parent().unwrap_or(self.cwd);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&file, text))
                .map_err(|e| format!("cannot write {path}: {e}"))
        });
        let summary = changed.clone().err().unwrap_or_default();
        self.emit(&AgentEvent::ToolResult {
            id,
            ok: changed.is_ok(),
            summary,
        });
        changed
    }

    fn call(&mut self, name: &str, summary: &str) -> String {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        self.emit(&AgentEvent::ToolCall {
            id: id.clone(),
            name: name.to_owned(),
            summary: summary.to_owned(),
        });
        id
    }

    /// Runs a program; its failure ends the play with 1 unless it may fail.
    fn program(&mut self, argv: &[String], may_fail: bool) -> Result<Ended, String> {
        let (first, rest) = argv.split_first().ok_or("`run` names no program")?;
        let id = self.call("run", &argv.join(" "));
        let done = Command::new(first)
            .args(rest)
            .env_clear()
            .envs(self.env)
            .current_dir(self.cwd)
            .stdin(Stdio::null())
            .output()
            .map_err(|e| format!("cannot start `{first}`: {e}"))?;
        let ok = done.status.success();
        let said = [done.stdout, done.stderr].concat();
        self.emit(&AgentEvent::ToolResult {
            id,
            ok,
            summary: last_lines(&String::from_utf8_lossy(&said), 1, 160),
        });
        Ok((!ok && !may_fail).then_some(1))
    }

    fn outbox(&mut self, value: &Value) -> Result<(), String> {
        let path = self.env.get("FLEET_OUTBOX");
        let path = path.ok_or("FLEET_OUTBOX is not set, so there is no outbox")?;
        let line = fill(&value.to_string(), &self.values) + "\n";
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(|e| format!("cannot write the outbox {}: {e}", path.display()))
    }
}
