//! Every key of `config.toml`, with its default and meaning: what is known, suggested, and
//! documented (`docs/config.md` must name each).

/// One key. Sections: `""` = top level, `agents.*`, `routes[]` and `verify[]` repeat.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Key {
    pub section: &'static str,
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn key(
    section: &'static str,
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        section,
        name,
        default,
        meaning,
    }
}

/// Every key.
pub const KEYS: &[Key] = &[
    key(
        "",
        "base_branch",
        "\"main\"",
        "branch that work starts from and is reviewed against",
    ),
    key(
        "",
        "remote",
        "\"origin\"",
        "remote that state and branches are published to; unused if there is none of that name",
    ),
    key(
        "",
        "unblock_on",
        "\"merge\"",
        "when a dependent may start: `merge` of its blocker, or already its `review`",
    ),
    key(
        "",
        "admit_subtasks",
        "false",
        "subtasks that agents propose are admitted at once, else they wait for a human",
    ),
    key(
        "",
        "sparse_workspaces",
        "false",
        "check out only the folders that a task's paths name; agent and checks see nothing else",
    ),
    key(
        "",
        "secret_env",
        "[]",
        "environment variables whose values are secrets: scanned for and redacted",
    ),
    key(
        "",
        "verify",
        "none",
        "commands that must pass before work is published",
    ),
    key("", "state", "", "where state lives"),
    key("", "sync", "", "how commands that write publish"),
    key("", "forge", "", "where humans review"),
    key("", "tick", "", "limits of one tick"),
    key("", "leases", "", "leases and locks"),
    key("", "retry", "", "attempts and back-off"),
    key("", "budget", "", "budgets"),
    key("", "diff", "", "what a diff may touch"),
    key("", "weights", "", "weights of the assignment"),
    key("", "agents", "none", "workers, by name"),
    key(
        "",
        "routes",
        "by type, to the role of that type",
        "which agents take which tasks",
    ),
    key(
        "state",
        "branch",
        "\"fleet/state\"",
        "branch that carries the records; the base branch for state in-tree",
    ),
    key(
        "sync",
        "push",
        "\"auto\"",
        "`auto`: publish if the remote answers in time; `always`: or fail; `never`",
    ),
    key(
        "sync",
        "timeout",
        "\"3s\"",
        "how long a command that writes waits for the remote",
    ),
    key(
        "forge",
        "kind",
        "\"local\"",
        "`local` (branches and review records) or `github`",
    ),
    key(
        "forge",
        "base_url",
        "\"https://api.github.com\"",
        "address of the API",
    ),
    key("forge", "repo", "from the remote's address", "`owner/name`"),
    key(
        "forge",
        "token_env",
        "\"GITHUB_TOKEN\"",
        "environment variable that holds the token",
    ),
    key("forge", "draft", "true", "open pull requests as drafts"),
    key(
        "forge",
        "labels",
        "[\"fleet\"]",
        "labels put on pull requests",
    ),
    key("forge", "max_calls", "200", "most API calls in one tick"),
    key("tick", "max_parallel", "2", "most sessions at once"),
    key(
        "tick",
        "max_claims",
        "10",
        "most tasks that one tick starts",
    ),
    key(
        "tick",
        "time_budget",
        "\"55m\"",
        "time after which nothing new starts and what runs is stopped",
    ),
    key(
        "leases",
        "lease",
        "\"30m\"",
        "length of a lease; renewed at half of it",
    ),
    key("leases", "lock", "\"30m\"", "length of a file lock"),
    key(
        "leases",
        "skew_allowance",
        "\"2m\"",
        "how much clocks may differ before an expired lease is looked at",
    ),
    key(
        "retry",
        "max_attempts",
        "3",
        "attempts before a human is asked",
    ),
    key(
        "retry",
        "backoff",
        "[\"1m\", \"5m\", \"15m\"]",
        "rest after the first, second, … failure; the last repeats",
    ),
    key(
        "retry",
        "max_escalations",
        "3",
        "questions that a task may ask before a human must decide",
    ),
    key(
        "retry",
        "max_review_rounds",
        "5",
        "rounds of review feedback before a human must decide",
    ),
    key("budget", "per_day", "unlimited", "dollars per day (UTC)"),
    key(
        "budget",
        "per_task",
        "unlimited",
        "dollars per task, all attempts",
    ),
    key(
        "budget",
        "sessions_per_day",
        "unlimited",
        "sessions per day (UTC)",
    ),
    key(
        "diff",
        "protected",
        "lockfiles",
        "globs that need a human, besides those that always do",
    ),
    key("diff", "max_files", "100", "most changed files"),
    key(
        "diff",
        "max_bytes",
        "\"4 MiB\"",
        "most bytes in changed files",
    ),
    key(
        "weights",
        "complexity_fit",
        "30",
        "the agent is meant for tasks of that complexity",
    ),
    key(
        "weights",
        "file_overlap",
        "30",
        "no other ready task names the same folders",
    ),
    key("weights", "dependencies", "20", "other tasks wait for it"),
    key("weights", "priority", "20", "its priority"),
    key("weights", "agent_load", "10", "the agent has room"),
    key(
        "verify[]",
        "argv",
        "required",
        "program and arguments; no shell",
    ),
    key(
        "verify[]",
        "timeout",
        "\"10m\"",
        "time after which it failed",
    ),
    key(
        "agents.*",
        "kind",
        "required",
        "`cli` (a known agent program), `command` (any program) or `demo`",
    ),
    key(
        "agents.*",
        "cli",
        "the agent's name",
        "`claude`, `codex`, `gemini` or `opencode`; for kind `cli`",
    ),
    key(
        "agents.*",
        "program",
        "its usual name",
        "program to start; for kind `cli`",
    ),
    key(
        "agents.*",
        "argv",
        "required",
        "program and arguments, with `{prompt_file}`, `{workdir}`, `{outbox}`, `{task}`, `{model}`; for kind `command`",
    ),
    key(
        "agents.*",
        "prompt_stdin",
        "false",
        "the prompt is also written to standard input; for kind `command`",
    ),
    key("agents.*", "model", "the program's own", "model to ask for"),
    key(
        "agents.*",
        "role",
        "by route",
        "role prompt; a route may name another",
    ),
    key(
        "agents.*",
        "fits",
        "all",
        "complexities it is meant for: `low`, `medium`, `high`",
    ),
    key("agents.*", "max_parallel", "1", "most sessions at once"),
    key(
        "agents.*",
        "idle_timeout",
        "\"5m\"",
        "no output for this long ends it",
    ),
    key(
        "agents.*",
        "total_timeout",
        "\"30m\"",
        "running this long ends it",
    ),
    key(
        "agents.*",
        "max_output",
        "\"64 MiB\"",
        "most output that is read before it is ended",
    ),
    key(
        "agents.*",
        "env",
        "[]",
        "names of environment variables that it may see",
    ),
    key(
        "agents.*",
        "set_env",
        "{}",
        "environment variables set for it",
    ),
    key(
        "agents.*",
        "home_files",
        "{}",
        "files copied into its empty HOME: source path = path in HOME",
    ),
    key("agents.*", "args", "[]", "extra arguments"),
    key(
        "agents.*",
        "cost_estimate",
        "\"1.00\" for `cli`, else \"0\"",
        "dollars that one run is reckoned to cost before it ran",
    ),
    key("routes[]", "types", "all", "task types"),
    key("routes[]", "labels", "none needed", "all of these labels"),
    key("routes[]", "complexity", "all", "`low`, `medium`, `high`"),
    key(
        "routes[]",
        "paths",
        "all",
        "one of the task's paths overlaps one of these globs",
    ),
    key(
        "routes[]",
        "from_attempt",
        "1",
        "from this attempt on; the latest that fits wins",
    ),
    key(
        "routes[]",
        "agents",
        "all, those of the role first",
        "candidates, best first",
    ),
    key("routes[]", "role", "the agent's", "role prompt to use"),
    key(
        "routes[]",
        "model",
        "the agent's",
        "model to use instead of the agent's",
    ),
];

/// Names of a section's keys.
pub(super) fn names(section: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .filter(move |key| key.section == section)
        .map(|key| key.name)
}
