//! The error codes of `--json`: a registry that only grows at its end. A code keeps its meaning for
//! ever; one that is not used any more stays.

use crate::cli::exit::Exit;

/// Code, exit code, and when it is given.
pub const CODES: &[(&str, Exit, &str)] = &[
    ("usage", Exit::Usage, "wrong flags or arguments"),
    ("internal", Exit::Internal, "a bug in fleet"),
    ("output", Exit::Internal, "stdout cannot be written to"),
    (
        "unreadable_input",
        Exit::Usage,
        "a file or stream that was named cannot be read",
    ),
    (
        "task_not_found",
        Exit::NotFound,
        "no task has that id; details.near has those like it",
    ),
    (
        "task_ambiguous",
        Exit::NotFound,
        "two tasks claim that number; details.candidates has their handles",
    ),
    (
        "escalation_not_found",
        Exit::NotFound,
        "no open question has that id; details.open has those that are",
    ),
    (
        "escalation_ambiguous",
        Exit::NotFound,
        "several questions have that name; details.candidates",
    ),
    (
        "not_found",
        Exit::NotFound,
        "something else that was named is not there",
    ),
    ("invalid_value", Exit::Usage, "a value breaks a rule"),
    (
        "dependency_cycle",
        Exit::Dependency,
        "the edge would close a cycle; details.cycle has it",
    ),
    (
        "self_dependency",
        Exit::Dependency,
        "a task cannot depend on itself",
    ),
    (
        "already_claimed",
        Exit::LostRace,
        "somebody else holds the task",
    ),
    (
        "not_ready",
        Exit::LostRace,
        "the task cannot be taken in its phase",
    ),
    (
        "lost_race",
        Exit::LostRace,
        "other writers were faster every time; retryable",
    ),
    ("denied", Exit::Denied, "the remote refuses"),
    (
        "unreachable",
        Exit::Unreachable,
        "the remote does not answer; retryable",
    ),
    ("not_initialised", Exit::Config, "there is no state yet"),
    (
        "state_too_new",
        Exit::State,
        "the state needs a newer fleet",
    ),
    (
        "state_unreadable",
        Exit::State,
        "the state cannot be read or trusted",
    ),
    (
        "no_repository",
        Exit::NotFound,
        "not inside a git repository that can be used",
    ),
    ("config", Exit::Config, "the configuration is wrong"),
    (
        "write_failed",
        Exit::Internal,
        "objects, refs or files cannot be written",
    ),
    (
        "demo",
        Exit::Internal,
        "the demonstration cannot be made there",
    ),
    (
        "job_outputs",
        Exit::Internal,
        "values for the CI job cannot be written",
    ),
    (
        "no_action",
        Exit::Usage,
        "the workflow needs to know where fleet comes from",
    ),
    (
        "protocol",
        Exit::Internal,
        "an MCP client does not speak the protocol",
    ),
    ("stream", Exit::Internal, "a stream cannot be passed on"),
    ("tmux", Exit::Usage, "there are no terminal windows here"),
    (
        "storage",
        Exit::Internal,
        "workspaces cannot be made or kept",
    ),
    ("no_base", Exit::Config, "the base branch is not there"),
    (
        "sandbox_unavailable",
        Exit::Config,
        "the sandbox that is demanded does not work here",
    ),
    (
        "handover",
        Exit::Usage,
        "the phases of a tick do not fit together",
    ),
    (
        "no_issues",
        Exit::Config,
        "this forge has no issues to take in",
    ),
    (
        "no_schema",
        Exit::NotFound,
        "there is no schema of that name",
    ),
    (
        "hook",
        Exit::Internal,
        "a hook could not look at the commit or push",
    ),
    (
        "hook_refused",
        Exit::Denied,
        "a hook of fleet refuses the commit or push",
    ),
    (
        "bad_input",
        Exit::Usage,
        "a file that was given does not fit; details.problems says where",
    ),
    (
        "unknown_format",
        Exit::Usage,
        "the format of a file cannot be told",
    ),
    (
        "no_editor",
        Exit::Usage,
        "there is no program to edit a text with",
    ),
    (
        "unwritable",
        Exit::Usage,
        "a folder or file that an argument names cannot be written",
    ),
    (
        "held_under_your_name",
        Exit::LostRace,
        "somebody with the caller's name holds the task, perhaps the caller; details has holder and since",
    ),
];
