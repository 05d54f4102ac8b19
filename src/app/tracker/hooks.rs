//! Hooks for git: put in only on request, taken away without a trace, and what they check.

mod agents;
mod checks;

pub use agents::{AGENTS, agent_install, agent_remove, agent_status};
pub use checks::{HookCall, HookSaid, judge};

use serde::Serialize;

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::request::Mode;
pub use crate::ports::hooks::Hooks;
use crate::ports::hooks::{HookFile, HookFolder};

/// Names of the hooks.
pub const NAMES: [&str; 4] = ["pre-commit", "prepare-commit-msg", "commit-msg", "pre-push"];
/// Ending of the name under which a hook is kept that was there before.
const BEFORE: &str = ".before-fleet";

/// Answer of `hooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HooksReport {
    /// Where git looks for hooks.
    pub folder: String,
    /// Each hook.
    pub hooks: Vec<HookRow>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
    /// True if nothing was done because only a plan was asked for.
    pub dry_run: bool,
}

/// A hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookRow {
    /// git's name for it.
    pub name: &'static str,
    /// `absent`, `installed`, `changed` (it calls fleet, and somebody edited it) or `foreign`.
    pub state: &'static str,
    /// Another hook that was there before runs first.
    pub chained: bool,
    /// What was done now; empty if nothing was.
    pub done: &'static str,
}

/// The text of a hook. It works wherever the repository is moved to, and does not get in the way
/// where fleet is not installed.
#[must_use]
pub fn script(name: &str) -> String {
    let head = format!(
        "#!/bin/sh\n\
         # fleet-hook 1: put here by `fleet hooks install`, taken away by `fleet hooks remove`.\n\
         # A hook that was here before has the ending {BEFORE}, and runs first.\n\
         before=\"$0{BEFORE}\"\n"
    );
    let body = if name == "pre-push" {
        // Both read the list of refs.
        "refs=$(cat)\n\
         list() { [ -z \"$refs\" ] || printf '%s\\n' \"$refs\"; }\n\
         if [ -x \"$before\" ]; then list | \"$before\" \"$@\" || exit; fi\n\
         if command -v fleet >/dev/null 2>&1; then list | fleet hooks run pre-push \"$@\"; exit; fi\n"
            .to_owned()
    } else {
        format!(
            "if [ -x \"$before\" ]; then \"$before\" \"$@\" || exit; fi\n\
             if command -v fleet >/dev/null 2>&1; then exec fleet hooks run {name} \"$@\"; fi\n"
        )
    };
    format!("{head}{body}echo \"{name}: fleet is not in PATH, nothing was checked\" >&2\n")
}

fn failed(what: String) -> TrackerError {
    // The message begins with "failed to".
    let what = what
        .strip_prefix("cannot ")
        .map(str::to_owned)
        .unwrap_or(what);
    TrackerError::Write(what)
}

/// What a hook's file is.
fn state(name: &str, file: Option<&HookFile>) -> &'static str {
    match file {
        None => "absent",
        Some(file) if file.bytes == script(name).as_bytes() => "installed",
        Some(file) if String::from_utf8_lossy(&file.bytes).contains("fleet hooks run") => "changed",
        Some(_) => "foreign",
    }
}

fn row(hooks: &dyn Hooks, name: &'static str) -> Result<HookRow, TrackerError> {
    let file = hooks.read(name).map_err(failed)?;
    let before = hooks.read(&format!("{name}{BEFORE}")).map_err(failed)?;
    Ok(HookRow {
        name,
        state: state(name, file.as_ref()),
        chained: before.is_some_and(|file| file.executable),
        done: "",
    })
}

fn rows(hooks: &dyn Hooks) -> Result<Vec<HookRow>, TrackerError> {
    NAMES.iter().map(|name| row(hooks, name)).collect()
}

fn report(folder: HookFolder, hooks: Vec<HookRow>, mode: Mode) -> HooksReport {
    HooksReport {
        folder: folder.path,
        total: hooks.len(),
        hooks,
        has_more: false,
        dry_run: mode == Mode::DryRun,
    }
}

/// What is there.
///
/// # Errors
/// The folder cannot be read.
pub fn status(hooks: &dyn Hooks) -> Result<HooksReport, TrackerError> {
    let folder = hooks.folder().map_err(failed)?;
    Ok(report(folder, rows(hooks)?, Mode::Do))
}

/// Puts the hooks in. One that is there is kept beside, and runs first; one that somebody changed
/// after it was put in is left alone.
///
/// # Errors
/// The folder belongs to the project, or the disk refuses. What was done before stays, and doing it
/// again goes on.
pub fn install(hooks: &dyn Hooks, mode: Mode) -> Result<HooksReport, TrackerError> {
    let folder = hooks.folder().map_err(failed)?;
    if folder.in_work_tree {
        return Err(TrackerError::Invalid {
            what: format!(
                "core.hooksPath names {}, whose files are the project's",
                folder.path
            ),
            hint: format!(
                "call `fleet hooks run NAME \"$@\"` in the hooks there, for {}",
                NAMES.join(", ")
            ),
        });
    }
    if !folder.own {
        return Err(TrackerError::Invalid {
            what: format!(
                "core.hooksPath names {}, where other repositories may look for their hooks, too",
                folder.path
            ),
            hint: format!(
                "give this repository hooks of its own with `git config core.hooksPath \"$(git \
                 rev-parse --path-format=absolute --git-common-dir)/hooks\"`, or call `fleet hooks run NAME \"$@\"` in the hooks there, for {}",
                NAMES.join(", ")
            ),
        });
    }
    let mut all = rows(hooks)?;
    for one in &mut all {
        let before = format!("{}{BEFORE}", one.name);
        one.done = match one.state {
            "absent" => "installed",
            "foreign" => {
                let kept = hooks.read(&before).map_err(failed)?;
                // Of equal ones, this is the first half of an install that was interrupted.
                if kept.is_some() && kept != hooks.read(one.name).map_err(failed)? {
                    return Err(TrackerError::Invalid {
                        what: format!("{before} is there, and so is a hook that is not fleet's"),
                        hint: "see which of the two is wanted, and move the other away".to_owned(),
                    });
                }
                "installed"
            }
            _ => "",
        };
        if one.done.is_empty() || mode == Mode::DryRun {
            continue;
        }
        put(hooks, one, &before).map_err(failed)?;
        *one = HookRow {
            done: one.done,
            ..row(hooks, one.name)?
        };
    }
    Ok(report(folder, all, mode))
}

/// Puts one hook in. Whenever that is interrupted, git finds the hook that was there or fleet's, which
/// calls it.
fn put(hooks: &dyn Hooks, one: &HookRow, before: &str) -> Result<(), String> {
    let text = script(one.name);
    match hooks.read(one.name)? {
        Some(there) if one.state == "foreign" => {
            if hooks.read(before)?.is_none() {
                hooks.link(one.name, before)?;
            }
            hooks.put_over(one.name, &there.bytes, &text)
        }
        _ => hooks.put_new(one.name, &text),
    }
}

/// Takes the hooks away, and puts back what was there before, also where only that is left. One that
/// somebody changed is left.
///
/// # Errors
/// The disk refuses.
pub fn remove(hooks: &dyn Hooks, mode: Mode) -> Result<HooksReport, TrackerError> {
    let folder = hooks.folder().map_err(failed)?;
    let mut all = rows(hooks)?;
    for one in &mut all {
        let before = format!("{}{BEFORE}", one.name);
        let kept = hooks.read(&before).map_err(failed)?.is_some();
        let text = script(one.name);
        let own = (one.state == "installed").then_some(text.as_bytes());
        one.done = match (one.state, kept) {
            ("installed", _) => "removed",
            ("absent", true) => "put back",
            _ => continue,
        };
        if mode == Mode::DryRun {
            continue;
        }
        match own {
            Some(own) if !kept => hooks.remove(one.name, own),
            own => hooks.put_back(&before, one.name, own),
        }
        .map_err(failed)?;
        *one = HookRow {
            done: one.done,
            ..row(hooks, one.name)?
        };
    }
    Ok(report(folder, all, mode))
}
