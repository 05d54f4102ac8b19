//! What `--json` answers is what `docs/schema/` says: every command is run, and its answer held
//! against its schema by a judge that also refuses what the schema does not know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fleet::cli::codes::CODES;
use fleet::cli::schema::Schemas;
use fleet::domain::record::Op;
use serde_json::{Value, json};

use crate::env::{Clone, TestEnv};
use crate::judge::judge;

/// Runs a command with `--json` and judges what it says.
#[track_caller]
fn hold(clone: &Clone<'_>, name: &str, args: &[&str], done: &mut BTreeSet<String>) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    let ran = clone.fleet(&all);
    assert!(ran.exit != 1 && ran.exit != 2, "{}", ran.told());
    let answer = ran.json();
    let schema = Schemas::read()
        .schema(name)
        .unwrap_or_else(|| panic!("no schema of {name}"));
    let mut found = Vec::new();
    judge(&schema, &schema, &answer, name, &mut found);
    assert!(found.is_empty(), "{}\n{}", found.join("\n"), ran.told());
    done.insert(name.to_owned());
    answer
}

/// What cannot be run without programs, keys and services of elsewhere; tests of their own read them.
const ELSEWHERE: [&str; 7] = [
    "edit",
    "import",
    "agents test",
    "intake",
    "models",
    "secret share",
    "secret unshare",
];

#[test]
fn every_answer_is_what_its_schema_says_and_no_more() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    let mut done = BTreeSet::new();
    let mut hold = |name: &str, args: &[&str]| hold(&clone, name, args, &mut done);
    hold("init", &["init"]);
    hold("version", &["version"]);
    hold(
        "add",
        &[
            "add",
            "Read the calendar",
            "-l",
            "a,b",
            "--acceptance",
            "it reads",
            "--path",
            "src/**",
        ],
    );
    hold(
        "add",
        &[
            "add",
            "Parse dates",
            "--dep",
            "T-1",
            "--due",
            "3d",
            "--key",
            "k",
            "-a",
            "Ada",
        ],
    );
    hold("add", &["add", "Again", "--key", "k", "--dry-run"]);
    hold("q", &["q", "Quick"]);
    for (name, line) in [
        ("claim", "claim T-1"),
        ("claim", "claim"),
        ("claim", "claim"),
        ("comment", "comment T-1 hello"),
        ("update", "update T-1 --met 1 -p 0"),
        ("defer", "defer T-1 3d"),
        ("undefer", "undefer T-1"),
        ("dep add", "dep add T-3 T-1 --kind related"),
        ("dep rm", "dep rm T-3 T-1 --kind related"),
        ("dep tree", "dep tree T-2"),
        ("dep cycles", "dep cycles"),
        ("ready", "ready"),
        ("ready", "ready --explain --full"),
        ("ready", "ready --claim --dry-run"),
        ("blocked", "blocked"),
        ("list", "list"),
        ("list", "list --all --full"),
        ("show", "show T-1 T-2 T-3"),
        ("log", "log T-1"),
        ("uncheck", "uncheck T-1 1"),
        ("check", "check T-1 1"),
        ("comment", "comment T-1 --edit 1 better"),
        ("comment", "comment T-1 --versions 1"),
        ("gate add", "gate add T-2 timer 3d"),
        ("gate add", "gate add T-2 task T-3"),
        ("gate list", "gate list"),
        ("gate pass", "gate pass T-2 1"),
        ("gate reset", "gate reset T-2 1"),
        ("show", "show T-2"),
        ("gate rm", "gate rm T-2 1"),
        ("milestone set", "milestone set v1 --due 3d"),
        ("update", "update T-2 --milestone v1"),
        ("dep add", "dep add T-3 T-1 --kind parent-child"),
        ("milestone list", "milestone list"),
        ("epics", "epics"),
        ("show", "show T-1 T-3"),
        ("search", "search calendar"),
        ("query", "query is:open"),
        ("query", "query --save open is:open"),
        ("query", "query --list"),
        ("count", "count --by type"),
        ("stats", "stats"),
        ("stale", "stale --days 0"),
        ("lint", "lint"),
        ("orphans", "orphans"),
        ("duplicates", "duplicates --least 10"),
        ("graph", "graph"),
        ("undo", "undo"),
        ("merge", "merge T-2 T-3 --dry-run"),
        ("close", "close T-1 --reason done"),
        ("changelog", "changelog"),
        ("archive", "archive --older-than 0 --least-bytes 0"),
        ("reopen", "reopen T-1"),
        ("admit", "admit T-1"),
        ("route", "route T-3"),
        ("route", "route --stats"),
        ("cost", "cost --by day --since 7d"),
        ("usage", "usage"),
        ("inbox", "inbox"),
        ("review", "review"),
        ("sync", "sync"),
        ("doctor", "doctor"),
        ("config check", "config check"),
        ("prime", "prime"),
        ("prime", "prime T-1"),
        ("schema", "schema"),
        ("export", "export --to markdown"),
        ("hooks install", "hooks install"),
        ("hooks status", "hooks status"),
        ("hooks remove", "hooks remove"),
        ("capabilities", "capabilities"),
        ("secret init", "secret init"),
        ("secret list", "secret list"),
        ("agents list", "agents list"),
        ("agents add", "agents add one kind=command argv=[\"true\"]"),
        ("agents show", "agents show one"),
        ("agents edit", "agents edit one max_parallel=2"),
        ("agents rm", "agents rm one"),
    ] {
        hold(name, &line.split(' ').collect::<Vec<_>>());
    }
    // A tick, a review, a question and a journal: the demonstration has them all.
    let place = env.path("demo");
    hold(
        "demo",
        &["demo", "--dir", place.to_str().expect("a plain path")],
    );
    let stage = demo_clone(&place);
    let stage = env.at(stage.to_str().expect("a plain path"));
    for (name, line) in [
        ("show", "show T-1 T-2 T-3 T-4 T-5 T-6"),
        ("logs", "logs T-1"),
        ("review", "review"),
        ("cost", "cost --by task"),
        ("route", "route --stats"),
        ("inbox", "inbox"),
        ("prime", "prime T-2"),
        ("tick", "tick --dry-run"),
        ("list", "list --all"),
    ] {
        let args: Vec<_> = line.split(' ').collect();
        self::hold(&stage, name, &args, &mut done);
    }
    let known: BTreeSet<String> = Schemas::read().commands().map(str::to_owned).collect();
    let left: Vec<_> = known
        .difference(&done)
        .filter(|name| !ELSEWHERE.contains(&name.as_str()))
        .filter(|name| !name.starts_with("secret ") && *name != "answer")
        .collect();
    assert!(left.is_empty(), "not run: {left:?}");
}

/// The clone of the demonstration below `dir`.
fn demo_clone(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir).expect("the demonstration is there");
    let mut found = entries.map(|entry| entry.expect("an entry").path());
    found
        .find(|path| path.join(".git").exists())
        .expect("a clone")
}

#[test]
fn refusals_are_what_the_schema_of_errors_says() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let schema = Schemas::read().schema("error").expect("a schema");
    for line in [
        "show T-9 --json",
        "show 9 --json",
        "frobnicate --json",
        "add --json",
        "schema nothing --json",
        "answer E-aaaaa yes --json",
    ] {
        let ran = clone.fleet(&line.split(' ').collect::<Vec<_>>());
        assert_ne!(ran.exit, 0, "{}", ran.told());
        let answer = ran.json();
        let mut found = Vec::new();
        judge(&schema, &schema, &answer, "error", &mut found);
        assert!(found.is_empty(), "{}\n{}", found.join("\n"), ran.told());
        let code = answer["error"]["code"].as_str().expect("a code");
        let known = CODES.iter().find(|(known, ..)| *known == code);
        let (_, exit, _) = known.unwrap_or_else(|| panic!("{code} is not registered"));
        assert_eq!(i32::from(exit.code()), ran.exit, "{}", ran.told());
    }
}

#[test]
fn the_judge_refuses_what_is_wrong_missing_or_unknown() {
    let schema = Schemas::read().schema("version").expect("a schema");
    let judge = |data: Value| {
        let answer = json!({ "schema_version": 1, "ok": true, "data": data });
        let mut found = Vec::new();
        judge(&schema, &schema, &answer, "version", &mut found);
        found
    };
    let good = json!({ "version": "1", "record_version": 1, "schema_version": 1 });
    assert!(judge(good).is_empty());
    let odd = json!({ "version": 1, "record_version": 1, "new": true });
    assert_eq!(
        judge(odd),
        [
            "version.data has no \"schema_version\"",
            "version.data.new is not in the schema",
            "version.data.version is integer, not [\"string\"]",
        ]
    );
}

#[test]
fn the_files_of_the_documentation_are_what_the_program_prints() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema");
    let schemas = Schemas::read();
    let names: Vec<_> = schemas.commands().chain(["error", "record"]).collect();
    let mut wanted = BTreeSet::new();
    let update = std::env::var_os("FLEET_UPDATE_SCHEMAS").is_some();
    for name in names {
        let file = format!("{}.json", name.replace(' ', "-"));
        let text = serde_json::to_string_pretty(&schemas.schema(name)).expect("JSON") + "\n";
        if update {
            fs::write(folder.join(&file), &text).expect("the folder is there");
        }
        let there = fs::read_to_string(folder.join(&file)).unwrap_or_default();
        assert!(
            there == text,
            "docs/schema/{file} is not what `fleet schema {name}` prints; \
             `FLEET_UPDATE_SCHEMAS=1 cargo test --test cli schema` writes it"
        );
        wanted.insert(file);
    }
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let name = entry.expect("an entry").file_name();
        assert!(
            wanted.contains(name.to_str().expect("a plain name")),
            "{name:?} is left over"
        );
    }
}

/// Codes of released versions, in their order: this list only grows.
const RELEASED: [&str; 41] = [
    "usage",
    "internal",
    "output",
    "unreadable_input",
    "task_not_found",
    "task_ambiguous",
    "escalation_not_found",
    "escalation_ambiguous",
    "not_found",
    "invalid_value",
    "dependency_cycle",
    "self_dependency",
    "already_claimed",
    "not_ready",
    "lost_race",
    "denied",
    "unreachable",
    "not_initialised",
    "state_too_new",
    "state_unreadable",
    "no_repository",
    "config",
    "write_failed",
    "demo",
    "job_outputs",
    "no_action",
    "protocol",
    "stream",
    "tmux",
    "storage",
    "no_base",
    "sandbox_unavailable",
    "handover",
    "no_issues",
    "no_schema",
    "hook",
    "hook_refused",
    "bad_input",
    "unknown_format",
    "no_editor",
    "unwritable",
];

#[test]
fn codes_of_errors_are_never_taken_away_and_every_one_in_the_code_is_registered() {
    let codes: Vec<_> = CODES.iter().map(|(code, ..)| *code).collect();
    assert_eq!(codes.get(..RELEASED.len()), Some(&RELEASED[..]));
    assert_eq!(
        codes.iter().collect::<BTreeSet<_>>().len(),
        codes.len(),
        "each once"
    );
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src/cli")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            // `new(Exit::Kind, "code", …)`, on one line or several.
            for part in text.split("new(").skip(1) {
                let flat: String = part
                    .chars()
                    .take(120)
                    .filter(|c| !c.is_whitespace())
                    .collect();
                let Some(rest) = flat.strip_prefix("Exit::") else {
                    continue;
                };
                let Some((exit, code)) = rest.split_once(",\"") else {
                    continue;
                };
                let code = code.split('"').next().expect("a code");
                seen += 1;
                let known = CODES.iter().find(|(known, ..)| *known == code);
                let (_, registered, _) = known.unwrap_or_else(|| {
                    panic!("{}: {code} is not in src/cli/codes.rs", path.display())
                });
                assert_eq!(
                    format!("{registered:?}"),
                    exit,
                    "{}: {code}",
                    path.display()
                );
            }
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn lines_of_a_real_state_fit_the_schema_of_records() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["add", "Parse dates"]).expect_exit(0);
    clone.fleet(&["comment", "T-1", "hello"]).expect_exit(0);
    let schema = Schemas::read().schema("record").expect("a schema");
    let files = clone.git(&["ls-tree", "-r", "--name-only", "fleet/state"]);
    let mut lines = 0;
    for file in files.lines().filter(|file| file.contains("/log/")) {
        for line in clone.git(&["show", &format!("fleet/state:{file}")]).lines() {
            let record: Value = serde_json::from_str(line).expect("a record");
            let mut found = Vec::new();
            judge(&schema, &schema, &record, "record", &mut found);
            assert!(found.is_empty(), "{found:?}\n{line}");
            let op = record["op"].as_str().expect("an operation");
            assert!(Op::NAMES.contains(&op), "{op}");
            lines += 1;
        }
    }
    assert!(lines >= 2, "{lines}");
}

#[test]
fn capabilities_name_every_command_that_help_names() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    let data = clone.data(&["capabilities"]);
    let commands = data["commands"].as_array().expect("commands");
    let names: BTreeSet<_> = commands.iter().filter_map(|c| c["name"].as_str()).collect();
    let help = clone.fleet(&["help"]).stdout;
    let listed = help.split("Commands:\n").nth(1).expect("commands");
    for line in listed.lines().take_while(|line| !line.is_empty()) {
        let name = line.split_whitespace().next().expect("a name");
        let there = names
            .iter()
            .any(|known| *known == name || known.starts_with(&format!("{name} ")));
        assert!(there || name == "help", "{name}");
    }
    // Programs need a schema for everything that answers in JSON.
    let silent: Vec<_> = commands
        .iter()
        .filter(|command| command["answer"].is_null())
        .filter_map(|command| command["name"].as_str())
        .collect();
    assert_eq!(
        silent,
        [
            "watch",
            "attach",
            "stream",
            "mcp",
            "hooks run",
            "completions",
            "complete",
            "man"
        ],
        "give a command's answer a shape in src/cli/schema/shapes.txt"
    );
}
