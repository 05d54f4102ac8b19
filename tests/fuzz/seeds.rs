//! What every target begins with: files of its own, and real ones of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use fleet::store::encode_record;
use proptest::strategy::{Strategy as _, ValueTree as _};

use crate::records::log;

/// Longest input that is made by change.
pub(crate) const MAX_INPUT: usize = 24 << 10;

/// Files below `dir`, sorted; none if there is no such folder.
pub(crate) fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// What the target of this name begins with, in the package in this folder.
pub(crate) fn of(package: &Path, name: &str) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    let real: &[&str] = match name {
        "records" | "store" | "fold" => &[".orchestra/log"],
        "claude" => &[
            "tests/fixtures/agents/claude-2.1.197",
            "tests/fixtures/agents/claude-2.1.329",
        ],
        "codex" => &["tests/fixtures/agents/codex"],
        "gemini" => &["tests/fixtures/agents/gemini"],
        "opencode" => &["tests/fixtures/agents/opencode"],
        "config" => &["examples/configs"],
        "templates" => &[".orchestra/roles"],
        "exchange" => &["tests/fixtures/import"],
        _ => &[],
    };
    for dir in real {
        files_below(&package.join(dir), &mut files);
    }
    let own = package.join("tests/fuzz/corpus");
    for dir in [name, "nasty"] {
        files_below(&own.join(dir), &mut files);
    }
    let mut all: Vec<Vec<u8>> = files
        .iter()
        .map(|path| fs::read(path).unwrap())
        .map(|mut bytes| {
            bytes.truncate(MAX_INPUT);
            bytes
        })
        .collect();
    if matches!(name, "records" | "store" | "fold") {
        // Each operation that there is, with each of its fields.
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        for _ in 0..8 {
            let some = log().new_tree(&mut runner).unwrap().current();
            let lines = some
                .iter()
                .map(|record| encode_record(record).unwrap() + "\n");
            all.push(lines.collect::<String>().into_bytes());
        }
    }
    all
}

/// Words that mean something somewhere, and bytes that mean trouble everywhere.
pub(crate) const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\0",
    b"\t",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e308",
    b"18446744073709551616",
    b"9223372036854775807",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xae",
    b"\xe2\x80\xa8",
    b"\xe2\x80\x8b",
    b"\xef\xbb\xbf",
    b"\xcc\x81",
    b"\xf3\xa0\x81\x81",
    b"\x1b[31m",
    b"\x1b]8;;x\x07",
    b"\xc2\x9b",
    b"\x7f",
    b"<!--",
    b"-->",
    b"<details>",
    b"<a",
    b"</",
    b"](",
    b"![",
    b"```",
    b"~~~",
    b"    ",
    b"> ",
    b"- ",
    b"|",
    b"$",
    b"$$",
    b"`",
    b"*",
    b"_",
    b"&amp;",
    b"&#x200b;",
    b"@all",
    b"#1",
    b"fixes ",
    b"GH-1",
    b"http://x",
    b"/fleet ",
    b"retry ",
    b"with ",
    b"answer ",
    b"budget ",
    b"{prompt_file}",
    b"{task}",
    b"{{",
    b"}}",
    b"=",
    b"[[",
    b"]]",
    b"'''",
    b"\"\"\"",
    b"#",
    b".",
    b"/",
    b"..",
    b"a/",
    b".git",
    b".orchestra/",
    b"**",
    b"hf_",
    b"ghp_",
    b"-----BEGIN PRIVATE KEY",
    b"sk-ant-",
    b"correct horse battery staple 4711",
    b"!\tHEAD:refs/heads/fleet/state\t[rejected] (stale info)\n",
    b"=\ta:refs/heads/fleet/state\tx\n",
    b"*\ta:refs/heads/fleet/state\tx\n",
    b"remote: ",
    b"\"event\":",
    b"\"type\":",
    b"\"kind\":",
    b"\"text\":",
    b"\"usage\":{",
    b"\"op\":",
    b"\"n\":1",
    b"\"v\":2",
];
