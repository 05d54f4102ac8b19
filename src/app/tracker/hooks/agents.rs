//! Hooks of agent programs: settings that have a program run `fleet prime` when a session starts.

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::hooks::{HookRow, HooksReport, failed};
use crate::app::tracker::request::Mode;
use crate::ports::hooks::Hooks;

/// Programs whose settings are known.
pub const AGENTS: [&str; 1] = ["claude"];
/// Where Claude Code reads the settings of a project.
const FILE: &str = ".claude/settings.json";
/// A session that starts, goes on, or was compacted is told what it must know.
const SETTINGS: &str = r#"{
  "hooks": {
    "SessionStart": [
      {
        "hooks": [{ "type": "command", "command": "fleet prime", "timeout": 10 }]
      }
    ]
  }
}
"#;
/// What belongs into a file that is there.
const ENTRY: &str =
    r#""SessionStart": [{"hooks": [{"type": "command", "command": "fleet prime"}]}]"#;

fn row(hooks: &dyn Hooks) -> Result<HookRow, TrackerError> {
    let there = hooks.read_setting(FILE).map_err(failed)?;
    let state = match there {
        None => "absent",
        Some(bytes) if bytes == SETTINGS.as_bytes() => "installed",
        Some(bytes) if String::from_utf8_lossy(&bytes).contains("fleet prime") => "changed",
        Some(_) => "foreign",
    };
    Ok(HookRow {
        name: FILE,
        state,
        chained: false,
        done: "",
    })
}

fn report(row: HookRow, mode: Mode) -> HooksReport {
    HooksReport {
        folder: "settings of the agent program, for this project".to_owned(),
        hooks: vec![row],
        total: 1,
        has_more: false,
        dry_run: mode == Mode::DryRun,
    }
}

/// What is there now that `done` is.
fn after(hooks: &dyn Hooks, done: &'static str, mode: Mode) -> Result<HooksReport, TrackerError> {
    let now = row(hooks)?;
    Ok(report(HookRow { done, ..now }, mode))
}

/// What is there.
///
/// # Errors
/// The file cannot be read.
pub fn agent_status(hooks: &dyn Hooks) -> Result<HooksReport, TrackerError> {
    Ok(report(row(hooks)?, Mode::Do))
}

/// Writes the settings, unless there are some: those are yours.
///
/// # Errors
/// There are settings without the hook, or the disk refuses.
pub fn agent_install(hooks: &dyn Hooks, mode: Mode) -> Result<HooksReport, TrackerError> {
    let mut one = row(hooks)?;
    match one.state {
        "foreign" => {
            return Err(TrackerError::Invalid {
                what: format!("{FILE} is there, and its settings are yours"),
                hint: format!("add to its \"hooks\": {ENTRY}"),
            });
        }
        "absent" => one.done = "installed",
        _ => {}
    }
    if one.done.is_empty() || mode == Mode::DryRun {
        return Ok(report(one, mode));
    }
    hooks.put_setting(FILE, SETTINGS).map_err(failed)?;
    after(hooks, one.done, mode)
}

/// Takes the settings away that were written, unless somebody changed them.
///
/// # Errors
/// The disk refuses.
pub fn agent_remove(hooks: &dyn Hooks, mode: Mode) -> Result<HooksReport, TrackerError> {
    let mut one = row(hooks)?;
    if one.state != "installed" {
        return Ok(report(one, mode));
    }
    one.done = "removed";
    if mode == Mode::DryRun {
        return Ok(report(one, mode));
    }
    hooks
        .remove_setting(FILE, SETTINGS.as_bytes())
        .map_err(failed)?;
    after(hooks, one.done, mode)
}
