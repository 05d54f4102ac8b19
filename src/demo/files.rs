//! The demonstration repository's files: a greeter in portable shell, with tests of its own.

/// Path and content of every file of the first commit.
pub(super) const FILES: &[(&str, &str)] = &[
    ("README.md", README),
    ("src/greet.sh", GREET),
    ("tests/run.sh", TESTS),
    ("tests/cases/en.txt", "en Ada|Hello, Ada!\n"),
    (".orchestra/config.toml", CONFIG),
    (".demo/agent.json", AGENT),
];

const README: &str = "# greeter\n\nSays hello. `sh src/greet.sh en Ada` prints `Hello, Ada!`.\n";

const GREET: &str = r#"#!/bin/sh
# greet.sh LANGUAGE NAME: says hello.
language=$1
name=$2
case $language in
    en) echo "Hello, $name!" ;;
    *)  echo "greet: no greeting for language '$language'" >&2; exit 1 ;;
esac
"#;

const TESTS: &str = r#"#!/bin/sh
# Runs every case in tests/cases: each line is "ARGUMENTS|EXPECTED OUTPUT".
cd "$(dirname "$0")/.." || exit 1
failed=0
total=0
for file in tests/cases/*.txt; do
    while IFS='|' read -r arguments expected; do
        total=$((total + 1))
        # shellcheck disable=SC2086
        actual=$(sh src/greet.sh $arguments 2>&1)
        if [ "$actual" != "$expected" ]; then
            echo "$file: greet $arguments: expected '$expected', got '$actual'"
            failed=$((failed + 1))
        fi
    done < "$file"
done
echo "$total cases, $failed failed"
[ "$failed" -eq 0 ]
"#;

const CONFIG: &str = r#"# The demonstration's configuration. Yours is written by `fleet init`.
[tick]
max_parallel = 3

[[verify]]
argv = ["sh", "tests/run.sh"]
timeout = "30s"

# Two scripted agents, so that there are two routes. Real ones are `kind = "cli"`.
[agents.writer]
kind = "demo"
model = "scripted-small"

[agents.documenter]
kind = "demo"
model = "scripted-words"

[[routes]]
types = ["documentation"]
agents = ["documenter"]
role = "documenter"

[[routes]]
agents = ["writer"]
role = "writer"
"#;

/// Script of the scripted agent; see `agents::demo` for the format.
const AGENT: &str = include_str!("agent.json");
