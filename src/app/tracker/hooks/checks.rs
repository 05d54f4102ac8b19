//! What a hook says to a commit or a push.

use crate::app::tracker::hooks::NAMES;
use crate::domain::ids::TaskNumber;
use crate::domain::policy::Policy;
use crate::ports::hooks::{Hooks, StagedFile};
use crate::store::decode_line;

/// The folder of records.
const LOG: &str = ".orchestra/log/";
/// Name of the trailer.
const TRAILER: &str = "Task";
/// What git sends for a ref that is not there.
const NOTHING: char = '0';

/// A hook, as git calls it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCall<'a> {
    /// git's name for it.
    pub name: &'a str,
    /// Its arguments.
    pub arguments: &'a [String],
    /// Its standard input; only `pre-push` has one.
    pub input: &'a str,
    /// The task of the tick around, if one is.
    pub task: Option<&'a str>,
}

/// The answer: nothing against it, or why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookSaid {
    /// Go on.
    Good,
    /// Stop: what is wrong, and what to do.
    Refused {
        /// What is wrong.
        what: String,
        /// What to do instead.
        hint: String,
    },
}

/// Judges a commit or a push.
///
/// # Errors
/// The repository or the message cannot be read; a sentence.
pub fn judge(hooks: &dyn Hooks, policy: &Policy, call: &HookCall<'_>) -> Result<HookSaid, String> {
    // A repository that is not fleet's has nothing to be kept from.
    if NAMES.contains(&call.name) && !hooks.has_state(&policy.state.branch) {
        return Ok(HookSaid::Good);
    }
    match call.name {
        "pre-commit" => pre_commit(hooks, policy),
        "prepare-commit-msg" => prepare(hooks, call).map(|()| HookSaid::Good),
        "commit-msg" => message(hooks, call),
        "pre-push" => pre_push(hooks, policy, call.input),
        other => Err(format!("there is no hook `{other}` of fleet")),
    }
}

fn refused(what: String, hint: &str) -> Result<HookSaid, String> {
    Ok(HookSaid::Refused {
        what,
        hint: hint.to_owned(),
    })
}

fn pre_commit(hooks: &dyn Hooks, policy: &Policy) -> Result<HookSaid, String> {
    let staged = hooks.staged()?;
    let records = staged.iter().filter(|file| file.path.starts_with(LOG));
    let branch = hooks.branch();
    for file in records {
        if branch.as_ref() != Some(&policy.state.branch) {
            return refused(
                format!(
                    "{} holds records, which belong on {} only",
                    file.path, policy.state.branch
                ),
                "only `fleet` commands write records; take it out with `git restore --staged`",
            );
        }
        if let Some(what) = damage(file) {
            return refused(
                what,
                "only `fleet` commands write records; `git restore` brings the file back",
            );
        }
    }
    Ok(HookSaid::Good)
}

/// What is wrong with a file of records.
fn damage(file: &StagedFile) -> Option<String> {
    let path = &file.path;
    let before = file.before.as_deref().unwrap_or_default();
    let Some(after) = &file.after else {
        return Some(format!(
            "{path} would be gone: records are never taken away"
        ));
    };
    if !after.starts_with(before) {
        return Some(format!(
            "{path} would lose or change records: they are only added"
        ));
    }
    let text = String::from_utf8_lossy(after);
    let old = before.iter().filter(|byte| **byte == b'\n').count();
    text.lines().enumerate().skip(old).find_map(|(at, line)| {
        let error = decode_line(line).err()?;
        Some(format!("{path}:{} is no record: {error}", at + 1))
    })
}

/// Adds the trailer of the task that the branch is named after.
fn prepare(hooks: &dyn Hooks, call: &HookCall<'_>) -> Result<(), String> {
    let Some(file) = call.arguments.first() else {
        return Err("prepare-commit-msg needs the file of the message".to_owned());
    };
    let source = call.arguments.get(1).map_or("", String::as_str);
    // Messages that exist, or that git makes of several, are not ours to change.
    if matches!(source, "merge" | "squash" | "commit") {
        return Ok(());
    }
    let named = call.task.and_then(|task| task.parse::<TaskNumber>().ok());
    let task = named.or_else(|| task_of(&hooks.branch()?));
    match task {
        Some(task) => hooks.add_trailer(file, &format!("{TRAILER}: {task}")),
        None => Ok(()),
    }
}

/// The task that a branch is named after: `agent/T-7`, `fix/T-7-dates`.
fn task_of(branch: &str) -> Option<TaskNumber> {
    let words = branch.split(['/', '_', '.']);
    words.into_iter().find_map(|word| {
        let rest = word
            .strip_prefix("T-")
            .or_else(|| word.strip_prefix("t-"))?;
        let digits = rest.split('-').next()?;
        format!("T-{digits}").parse().ok()
    })
}

fn message(hooks: &dyn Hooks, call: &HookCall<'_>) -> Result<HookSaid, String> {
    let Some(file) = call.arguments.first() else {
        return Err("commit-msg needs the file of the message".to_owned());
    };
    let text = hooks.message(file)?;
    let scissors = text
        .find("\n# ------------------------ >8")
        .unwrap_or(text.len());
    let lines = text[..scissors]
        .lines()
        .filter(|line| !line.starts_with('#'));
    let mut named = lines.filter_map(|line| line.strip_prefix("Task:"));
    let wrong = named.find(|value| {
        let mut ids = value.split(',').map(str::trim);
        !ids.all(|id| id.parse::<TaskNumber>().is_ok())
    });
    match wrong {
        Some(value) => refused(
            format!("`{TRAILER}:{value}` names no task"),
            "write `Task: T-7`; `fleet list` shows ids",
        ),
        None => Ok(HookSaid::Good),
    }
}

fn pre_push(hooks: &dyn Hooks, policy: &Policy, input: &str) -> Result<HookSaid, String> {
    let in_tree = policy.state.branch == policy.base_branch;
    let state = format!("refs/heads/{}", policy.state.branch);
    for line in input.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [_, local, remote, there] = words[..] else {
            continue;
        };
        if remote == state {
            if in_tree {
                continue;
            }
            return refused(
                format!("{remote} holds the state, which only fleet pushes"),
                "`fleet sync` publishes what was kept locally",
            );
        }
        let goes = local.chars().all(|c| c == NOTHING);
        if !goes && hooks.touches_records(local, &policy.base_branch, there)? {
            return refused(
                format!("{remote} would carry changed records below {LOG}"),
                "records are changed by `fleet` commands, and published by `fleet sync`",
            );
        }
    }
    Ok(HookSaid::Good)
}

#[cfg(test)]
mod tests {
    use super::task_of;

    #[test]
    fn a_branch_names_its_task_or_none() {
        let name = |branch| task_of(branch).map(|task| task.to_string());
        assert_eq!(name("agent/T-7").as_deref(), Some("T-7"));
        assert_eq!(name("fix/t-12-dates").as_deref(), Some("T-12"));
        assert_eq!(name("T-3_more").as_deref(), Some("T-3"));
        for none in ["main", "feature/at-7", "T-", "T-0", "T-7x", "about-T-9"] {
            assert_eq!(name(none), None, "{none}");
        }
    }
}
