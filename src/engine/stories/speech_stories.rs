use crate::engine::outbox::{self, Saying};
use crate::engine::text::{display_safe, neutralise_markdown, one_line, tail, truncated};

#[test]
fn what_a_terminal_would_obey_is_shown_instead() {
    for (raw, shown) in [
        ("plain äöü 漢字\n\ttext", "plain äöü 漢字\n\ttext"),
        ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("a\rb", "a\\u{d}b"),
        ("abc\u{202e}fed", "abc\\u{202e}fed"),
        ("zero\u{200b}width", "zero\\u{200b}width"),
        ("tag\u{e0041}", "tag\\u{e0041}"),
        ("two\u{2028}lines", "two\\u{2028}lines"),
        ("\u{2061}\u{fe0f}\u{feff}", "\\u{2061}\\u{fe0f}\\u{feff}"),
        ("nul\0", "nul\\u{0}"),
    ] {
        assert_eq!(display_safe(raw), shown);
    }
    assert_eq!(one_line(" a\n\n b\tc\u{7} "), "a b c\\u{7}");
}

#[test]
fn cuts_fall_between_characters() {
    assert_eq!(truncated("äöü", 6), "äöü");
    assert_eq!(truncated("äöüä", 6), "ä…");
    assert_eq!(tail("äöüä", 6), "…ä");
    assert_eq!(truncated("abc", 0), "…");
}

#[test]
fn text_from_outside_does_nothing_in_a_pull_request() {
    let z = '\u{200b}';
    for (raw, safe) in [
        ("thanks @octocat!", format!("thanks @{z}octocat!")),
        ("mail me@example.com", "mail me@example.com".to_owned()),
        ("Fixes #9", format!("F{z}ixes #{z}9")),
        (
            "closes octo/hello#12",
            format!("c{z}loses octo/hello#{z}12"),
        ),
        (
            "resolved: https://github.com/o/r/issues/1",
            format!("r{z}esolved: https://github.com/o/r/issues/1"),
        ),
        ("fixes GH-7", format!("f{z}ixes GH-7")),
        ("it fixes the bug", "it fixes the bug".to_owned()),
        ("<!-- hidden -->", format!("<{z}!-- hidden -->")),
        ("![x](http://evil/?q)", format!("!{z}[x](http://evil/?q)")),
        ("<img src=x>", format!("<{z}img src=x>")),
        ("a < b", "a < b".to_owned()),
        ("# Heading", "# Heading".to_owned()),
        ("bad\u{202e}", "bad\\u{202e}".to_owned()),
    ] {
        assert_eq!(neutralise_markdown(raw), safe);
    }
}

#[test]
fn an_outbox_is_read_line_by_line_and_bad_lines_are_told() {
    let bytes = b"\xef\xbb\xbf{\"kind\":\"progress\",\"text\":\"half way\\nthere\"}\r\n\
        not json\n\
        {\"kind\":\"escalate\",\"context\":\"A or B?\",\"options\":[\"A\",\"B\"],\"extra\":1}\n\
        {\"kind\":\"dance\"}\n\n\
        {\"kind\":\"subtask\",\"title\":\"mend it\",\"type\":\"bug\",\"paths\":[\"src/**\",\"../x\"],\"priority\":9}\n\
        {\"kind\":\"finding\",\"text\":\"  \"}\n\
        {\"kind\":\"note\",\"text\":\"caf\xff\"}\n\
        {\"kind\":\"finding\",\"text\":\"torn";
    let read = outbox::parse(bytes);
    assert_eq!(
        read.question(),
        Some(("A or B?", &["A".to_owned(), "B".to_owned()][..]))
    );
    assert_eq!(
        read.sayings[0],
        Saying::Progress {
            text: "half way there".into()
        }
    );
    let Saying::Subtask(subtask) = &read.sayings[2] else {
        panic!("{:?}", read.sayings);
    };
    assert_eq!(
        (subtask.paths.as_slice(), subtask.priority),
        (&["src/**".to_owned()][..], Some(4))
    );
    assert_eq!(read.sayings.len(), 4);
    let numbers: Vec<_> = read
        .problems
        .iter()
        .map(|p| p.split(':').next().unwrap())
        .collect();
    assert_eq!(
        numbers,
        [
            "outbox line 2",
            "outbox line 4",
            "outbox line 6",
            "outbox line 7",
            "outbox line 9"
        ]
    );
}

#[test]
fn an_endless_outbox_is_cut_and_said_so() {
    let line = "{\"kind\":\"note\",\"text\":\"x\"}\n";
    let many = outbox::parse(line.repeat(300).as_bytes());
    assert_eq!(
        (many.sayings.len(), many.problems.len()),
        (outbox::MAX_LINES, 1)
    );
    let huge = format!("{{\"kind\":\"note\",\"text\":\"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(outbox::parse(huge.as_bytes()).problems.len(), 2);
    let deep = "[".repeat(100_000);
    assert_eq!(outbox::parse(deep.as_bytes()).problems.len(), 1);
    let long = format!("{{\"kind\":\"note\",\"text\":\"{}\"}}", "ä".repeat(20_000));
    let Saying::Note { text } = &outbox::parse(long.as_bytes()).sayings[0] else {
        panic!("a note");
    };
    assert!(text.len() <= 16 * 1024 && text.ends_with('…'));
}
