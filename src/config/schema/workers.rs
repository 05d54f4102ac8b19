//! Keys of what is started: checks, agents, routes.

use crate::config::schema::{Key, key};

/// The keys.
pub(super) const WORKERS: &[Key] = &[
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
        "verify[]",
        "network",
        "false",
        "whether it may reach the network, where a sandbox can refuse that",
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
        "`claude`, `codex`, `gemini`, `opencode` or `aider`; for kind `cli`, see [agents.md](agents.md)",
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
    key(
        "agents.*",
        "sandbox",
        "`sandbox.mode`",
        "`require`, `auto` or `off`, for this agent and the checks of its work",
    ),
    key(
        "agents.*",
        "network",
        "`sandbox.network`",
        "whether it may reach the network, where a sandbox can refuse that",
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
