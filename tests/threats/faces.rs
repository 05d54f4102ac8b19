//! What people look at: the terminal, the review, the log of a tick.

use std::fs;

use fleet::engine::text::neutralise_markdown;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

use crate::traces::{commit_segment, configure, told};
use crate::world::{Shape, World};

/// Everything of Unicode's categories Cc (but newline and tab) and Cf, separators of lines and
/// paragraphs, variation selectors and tags.
fn deceiving() -> String {
    let ranges: [std::ops::RangeInclusive<u32>; 33] = [
        0x01..=0x08,
        0x0B..=0x1F,
        0x7F..=0x9F,
        0xAD..=0xAD,
        0x600..=0x605,
        0x61C..=0x61C,
        0x6DD..=0x6DD,
        0x70F..=0x70F,
        0x890..=0x891,
        0x8E2..=0x8E2,
        0x180B..=0x180F,
        0x200B..=0x200F,
        0x2028..=0x202E,
        0x2060..=0x2064,
        0x2066..=0x206F,
        0x034F..=0x034F,
        0x115F..=0x1160,
        0x17B4..=0x17B5,
        0x3164..=0x3164,
        0xFE00..=0xFE0F,
        0xFEFF..=0xFEFF,
        0xFFA0..=0xFFA0,
        0xFFF9..=0xFFFB,
        0x110BD..=0x110BD,
        0x110CD..=0x110CD,
        0x13430..=0x1343F,
        0x1BCA0..=0x1BCA3,
        0x1D173..=0x1D17A,
        0xE0001..=0xE0001,
        0xE0020..=0xE007F,
        0xE0100..=0xE01EF,
        0x2065..=0x2065,
        0xFFF0..=0xFFF8,
    ];
    ranges
        .into_iter()
        .flatten()
        .filter_map(char::from_u32)
        .collect()
}

#[track_caller]
fn is_calm(what: &str, text: &str) {
    let all = deceiving();
    let bad: Vec<char> = text.chars().filter(|c| all.contains(*c)).collect();
    assert!(bad.is_empty(), "{what} shows {bad:?}: {text}");
}

/// Hostile records: every text of every operation, put where any writer of the branch can put it.
fn hostile_records() -> String {
    let page = fs::read_to_string(crate::page::package().join("docs/formats.md")).unwrap();
    let evil = serde_json::to_string(&format!(
        "evil \u{1b}]0;x\u{7}\u{1b}[31m{}@all",
        deceiving()
    ))
    .unwrap();
    let evil = &evil[1..evil.len() - 1];
    let mut out = String::new();
    let mut lines: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("{\"v\":"))
        .map(str::to_owned)
        .collect();
    // Every operation, many times, about the same few things.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..12 {
        let some = crate::records::log()
            .new_tree(&mut runner)
            .unwrap()
            .current();
        lines.extend(
            some.iter()
                .map(|record| fleet::store::encode_record(record).unwrap()),
        );
    }
    for line in &lines {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        spoil(&mut value);
        out += &serde_json::to_string(&value).unwrap().replace("EVIL", evil);
        out.push('\n');
    }
    assert!(lines.len() > 100, "{}", lines.len());
    out
}

/// Appends `EVIL` to every free text; what has a form of its own (ids, times, words of a list) stays.
fn spoil(value: &mut serde_json::Value) {
    const FREE: [&str; 24] = [
        "by",
        "run",
        "title",
        "body",
        "reason",
        "text",
        "summary",
        "agent",
        "model",
        "role",
        "branch",
        "url",
        "host",
        "context",
        "options",
        "command",
        "tail",
        "path",
        "paths",
        "journal",
        "agent_session",
        "assignee",
        "labels",
        "cause",
    ];
    if let serde_json::Value::Object(map) = value {
        for (key, value) in map.iter_mut() {
            match value {
                serde_json::Value::String(text) if FREE.contains(&key.as_str()) => {
                    text.push_str("EVIL")
                }
                serde_json::Value::Array(all) if FREE.contains(&key.as_str()) => {
                    for text in all.iter_mut() {
                        match text {
                            serde_json::Value::String(text) => text.push_str("EVIL"),
                            other => spoil(other),
                        }
                    }
                }
                serde_json::Value::Array(all) => all.iter_mut().for_each(spoil),
                other => spoil(other),
            }
        }
    }
}

#[test]
fn threat_operator_terminal_sees_no_control_and_no_hidden_character_of_any_record() {
    let world = World::new("exit 9", Shape::default(), &["plain"]);
    let segment = world.path("segment");
    fs::write(
        &segment,
        hostile_records() + "no record \u{1b}[31m\u{202e}\n",
    )
    .unwrap();
    commit_segment(&world, &segment, "repo");

    let mut seen = 0;
    let mut look = |args: &[&str]| {
        let out = world.fleet(args);
        let text = String::from_utf8_lossy(&out.stdout).into_owned()
            + &String::from_utf8_lossy(&out.stderr);
        is_calm(&args.join(" "), &text);
        seen += text.matches("\\u{1b}").count();
        assert_ne!(out.status.code(), Some(1), "{args:?}: {text}");
    };
    let ids = world.phases();
    assert!(ids.len() >= 2, "{ids:?}");
    for args in [
        &["list", "--all"][..],
        &["ready", "--explain"],
        &["ready"],
        &["blocked"],
        &["inbox"],
        &["review"],
        &["doctor"],
        &["doctor", "--verify"],
        &["cost"],
        &["usage"],
        &["agents", "list"],
        &["config"],
        &["sync"],
        &["dep", "cycles"],
        &["dep", "graph"],
        &["route", "--stats"],
        &["tick", "--dry-run"],
        &["show", "T-9999\u{1b}[31m"],
        &["nothing\u{1b}[31m\u{202e}"],
        &["log"],
    ] {
        look(args);
    }
    for (id, _) in &ids {
        for verb in ["show", "log", "logs", "route", "review"] {
            look(&[verb, id]);
        }
        look(&["dep", "tree", id]);
        look(&["dep", "list", id]);
    }
    assert!(seen > 20, "the hostile texts are shown, escaped: {seen}");
}

#[test]
fn threat_operator_terminal_sees_no_control_character_of_an_agent() {
    let world = World::new(
        "printf 'said \\033[31mred\\033[0m \\033]0;title\\007 \\342\\200\\256 \\302\\233 x\\r\\n'\n\
         printf 'bad \\033[2J\\n' >&2; echo x > out.txt\n\
         printf '{\"kind\":\"escalate\",\"context\":\"which \\\\u001b[31m \\\\u202e?\",\"options\":[\"a\\\\u001b[2J\",\"b\"]}\\n' >> \"$FLEET_OUTBOX\"",
        Shape::default(),
        &["one"],
    );
    configure(&world, |text| {
        text + "[[verify]]\nargv = [\"sh\", \"-c\", \"printf 'check \\\\033[31m\\\\n'; exit 1\"]\n"
    });
    let mut text = told(&world, &["tick"], &[]);
    for args in [
        &["inbox"][..],
        &["show", "T-1"],
        &["logs", "T-1"],
        &["log", "T-1"],
        &["list"],
    ] {
        text += &told(&world, args, &[]);
    }
    is_calm("what is told of an agent", &text);
    assert!(text.contains("which"), "{text}");
}

fn nasty() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("@all".to_owned()),
        Just("#12".to_owned()),
        Just("fixes ".to_owned()),
        Just("owner/name#3".to_owned()),
        Just("<!--".to_owned()),
        Just("-->".to_owned()),
        Just("![x](http://t)".to_owned()),
        Just("<img src=x>".to_owned()),
        Just("<details>".to_owned()),
        Just("GH-7".to_owned()),
        Just("Closes: ".to_owned()),
        Just("https://github.com/o/n/issues/9".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("\u{200b}".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        Just("`".to_owned()),
        Just("\n".to_owned()),
        Just("\\".to_owned()),
        Just("<".to_owned()),
        Just("@".to_owned()),
        Just("#".to_owned()),
        "[a-zA-Z0-9 .:/]{0,6}",
        any::<char>().prop_map(String::from),
    ];
    proptest::collection::vec(pieces, 0..20).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn threat_reviewer_is_neither_mentioned_nor_deceived_by_any_text(text in nasty()) {
        let shown = neutralise_markdown(&text);
        let letters: Vec<char> = shown.chars().collect();
        for (at, c) in letters.iter().enumerate() {
            let next = letters.get(at + 1).copied().unwrap_or(' ');
            let before = at.checked_sub(1).map_or(' ', |n| letters[n]);
            let acts = match c {
                '<' => next.is_ascii_alphabetic() || matches!(next, '!' | '/' | '?'),
                '!' => next == '[',
                '@' => next.is_ascii_alphanumeric() && !before.is_ascii_alphanumeric(),
                '#' => next.is_ascii_digit(),
                '\u{200b}' => false,
                c => deceiving().contains(*c),
            };
            prop_assert!(!acts, "{c:?} at {at} of {shown:?}");
        }
        let words = shown.to_ascii_lowercase();
        for word in ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"] {
            for target in ["http", "gh-7"] {
                for between in [" ", ": ", ":", "\n"] {
                    let whole = format!("{word}{between}{target}");
                    let found = words.find(&whole).filter(|at| {
                        !words[..*at].ends_with(|c: char| c.is_ascii_alphanumeric())
                    });
                    prop_assert!(found.is_none(), "{whole:?} in {shown:?}");
                }
            }
        }
        // Taken apart by the marks alone, it reads as it was.
        let plain = fleet::engine::text::display_safe(&text).into_owned();
        prop_assert_eq!(shown.replace('\u{200b}', ""), plain);
    }
}

#[test]
fn threat_privacy_what_a_task_says_is_not_in_the_log_of_a_tick() {
    let canary = "canary-of-a-private-text-77";
    let world = World::raw(
        "echo \"working on something\"; echo x > out.txt",
        Shape {
            remote: true,
            in_tree: false,
        },
    );
    world.ok(&["init"]);
    world.ok(&["add", "A title", "-d", canary, "--acceptance", canary]);
    let summary = world.path("summary.md");
    let env = [
        ("GITHUB_STEP_SUMMARY", summary.to_str().unwrap()),
        ("GITHUB_ACTIONS", "true"),
    ];
    let said = told(&world, &["tick"], &env) + &told(&world, &["tick", "--json"], &env);
    assert!(!said.contains(canary), "{said}");
    let summary = fs::read_to_string(summary).unwrap_or_default();
    assert!(!summary.contains(canary), "{summary}");
    world.expect_phases(&[("T-1", "in_review")]);
}
