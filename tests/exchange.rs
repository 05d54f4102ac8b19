//! Issues of other trackers, read from bytes: every format, and what is broken in it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fleet::exchange::{Batch, Form, Format, Options, SourceFile, detect, read};
use insta::assert_snapshot;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    fs::read(path.join(name)).expect("the fixture is there")
}

/// Reads bytes under a name, in the form that is found out, or as Beads.
fn reads(name: &str, bytes: &[u8]) -> Batch {
    let files = [SourceFile { name, bytes }];
    let beads = Form {
        format: Format::Beads,
        csv: false,
    };
    let form = detect(&files, false).unwrap_or(beads);
    read(&files, form, &Options::default())
}

/// Everything that was understood, a line each.
#[expect(clippy::too_many_lines, reason = "a list of all fields")]
fn told(batch: &Batch) -> String {
    let mut text = format!("{}\n", batch.format);
    for issue in &batch.issues {
        let set = &issue.set;
        let title = set.title.as_deref().unwrap_or("?");
        writeln!(text, "{} {} {title:?}", batch.shown(issue.place), issue.key).expect("text");
        let mut line = |name: &str, value: String| {
            if !value.is_empty() {
                writeln!(text, "  {name}: {value}").expect("text");
            }
        };
        line("type", set.kind.clone().unwrap_or_default());
        line(
            "priority",
            set.priority.map(|p| p.to_string()).unwrap_or_default(),
        );
        line("labels", issue.labels.join("|"));
        line(
            "assignee",
            set.assignee.clone().flatten().unwrap_or_default(),
        );
        line(
            "due",
            set.due.flatten().map(|at| at.day()).unwrap_or_default(),
        );
        line(
            "defer",
            set.defer_until
                .flatten()
                .map(|at| at.day())
                .unwrap_or_default(),
        );
        line(
            "body",
            set.body
                .clone()
                .map(|b| format!("{b:?}"))
                .unwrap_or_default(),
        );
        for point in set.acceptance.iter().flatten() {
            line("point", format!("{} {}", point.done, point.text));
        }
        line(
            "closed",
            issue
                .closed
                .clone()
                .map(|c| format!("{c:?}"))
                .unwrap_or_default(),
        );
        line("holds", issue.holds.join("; "));
        for link in &issue.links {
            let arrow = if link.reversed { "<-" } else { "->" };
            line("link", format!("{} {arrow} {}", link.kind, link.to));
        }
        for said in &issue.comments {
            line(
                "comment",
                format!("{} {}: {:?}", said.id, said.by, said.text),
            );
        }
        line(
            "updated",
            issue.updated.map(|at| at.to_string()).unwrap_or_default(),
        );
        if !issue.trusted {
            line("trusted", "no".to_owned());
        }
        line("rest", issue.kept.rest.clone());
    }
    for (name, notes) in [("broken", &batch.damage), ("remark", &batch.remarks)] {
        for note in notes {
            let at = batch.shown(note.place);
            writeln!(text, "{name} {at} {}: {}", note.about, note.what).expect("text");
        }
    }
    text
}

fn shown(name: &str) -> String {
    told(&reads(name, &fixture(name)))
}

#[test]
fn github_is_read_from_its_api_and_from_its_program() {
    assert_snapshot!("github-rest", shown("github-rest.json"));
    assert_snapshot!("github-gh", shown("github-gh.json"));
}

#[test]
fn gitlab_is_read_from_its_api_and_from_its_table() {
    assert_snapshot!("gitlab-json", shown("gitlab.json"));
    assert_snapshot!("gitlab-csv", shown("gitlab.csv"));
}

#[test]
fn jira_is_read_from_its_search_and_from_its_table_with_repeated_columns() {
    assert_snapshot!("jira-json", shown("jira.json"));
    assert_snapshot!("jira-csv", shown("jira.csv"));
}

#[test]
fn linear_is_read_from_its_api_and_from_its_table() {
    assert_snapshot!("linear-json", shown("linear.json"));
    assert_snapshot!("linear-csv", shown("linear.csv"));
}

#[test]
fn taskwarrior_markdown_and_tables_are_read() {
    assert_snapshot!("taskwarrior", shown("taskwarrior.json"));
    assert_snapshot!("markdown", shown("todo.md"));
    assert_snapshot!("plain-csv", shown("plain.csv"));
}

#[test]
fn beads_with_everything_strange_is_read_and_remarked_upon() {
    assert_snapshot!("beads-strange", shown("beads-strange.jsonl"));
}

#[test]
fn a_backlog_folder_is_read_file_by_file() {
    let names = [
        "completed/task-2 - Choose.md",
        "readme.md",
        "tasks/task-1 - Parse-dates.md",
        "tasks/task-1.1 - Zones.md",
    ];
    let bytes: Vec<Vec<u8>> = names
        .iter()
        .map(|n| fixture(&format!("backlog/{n}")))
        .collect();
    let files: Vec<SourceFile<'_>> = names
        .iter()
        .zip(&bytes)
        .map(|(name, bytes)| SourceFile { name, bytes })
        .collect();
    let form = detect(&files, true).expect("a folder is a backlog");
    assert_snapshot!("backlog", told(&read(&files, form, &Options::default())));
}

#[test]
fn columns_that_are_named_are_used_and_missing_ones_are_told() {
    let table = b"Nr;What;Wann\n1;Brot kaufen;2026-12-24\n2;Milch;\n";
    let options = |pairs: &[(&str, &str)]| Options {
        repo: Some("einkauf".to_owned()),
        columns: pairs
            .iter()
            .map(|(f, c)| ((*f).to_owned(), (*c).to_owned()))
            .collect(),
        ..Options::default()
    };
    let form = Form {
        format: Format::Csv,
        csv: true,
    };
    let files = [SourceFile {
        name: "x.csv",
        bytes: table,
    }];
    let fits = options(&[("id", "Nr"), ("title", "What"), ("due", "Wann")]);
    let batch = read(&files, form, &fits);
    let keys: Vec<_> = batch
        .issues
        .iter()
        .map(|issue| issue.key.as_str())
        .collect();
    assert_eq!(keys, ["csv:einkauf#1", "csv:einkauf#2"]);
    assert!(batch.issues[0].set.due.is_some());
    let batch = read(&files, form, &options(&[("title", "Was")]));
    assert!(batch.issues.is_empty());
    assert!(
        batch.damage[0].what.contains("no column `Was`"),
        "{:?}",
        batch.damage
    );
}

/// First note of damage.
fn damage(name: &str, bytes: &[u8]) -> String {
    let batch = reads(name, bytes);
    let note = batch
        .damage
        .first()
        .unwrap_or_else(|| panic!("{name}: nothing is broken"));
    format!("{}: {}", batch.shown(note.place), note.what)
}

#[test]
fn what_is_broken_is_told_with_its_place() {
    let good = br#"{"id":"a-1","title":"x","issue_type":"task"}"#;
    let with = |more: &[u8]| [&good[..], b"\n", more].concat();
    let mut story = String::new();
    let mut tell = |what: &str, name: &str, bytes: &[u8]| {
        writeln!(story, "{what}: {}", damage(name, bytes)).expect("text");
    };
    tell("torn", "b.jsonl", &with(br#"{"id":"a-2","ti"#));
    tell(
        "broken inside",
        "b.jsonl",
        &with(b"{\"id\":\"a-2\",}\n{}\n"),
    );
    tell("no id", "b.jsonl", &with(b"{\"title\":\"x\"}\n"));
    tell("no object", "b.jsonl", &with(b"[1,2]\n"));
    tell("marker", "b.jsonl", &with(b"<<<<<<< HEAD\n"));
    tell(
        "latin-1",
        "b.jsonl",
        &with(b"{\"id\":\"a-2\",\"title\":\"gr\xfc\xdfe\"}\n"),
    );
    tell(
        "nul",
        "b.jsonl",
        &with(b"{\"id\":\"a-2\",\"title\":\"\0\"}\n"),
    );
    tell("empty", "b.jsonl", b" \n");
    tell(
        "deep",
        "b.json",
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).as_bytes(),
    );
    tell(
        "torn list",
        "b.json",
        b"[{\"id\":\"a\",\"title\":\"x\",\"issue_type\":\"task\"},\n{\"id\":",
    );
    tell("torn utf-16", "b.jsonl", b"\xff\xfe{\0\"");
    tell(
        "open quote",
        "b.csv",
        b"id,title,note\n1,x,y\n2,\"z,\n3,a,b\n",
    );
    tell("too many cells", "b.csv", b"id,title\n1,a,b,c\n");
    tell("nul in a table", "b.csv", b"id,title\n1,\0\n");
    tell("no boxes", "b.md", b"# Nothing\n");
    tell(
        "bad front matter",
        "b.md",
        b"---\nid: 1\ntitle: x\noops\n---\n",
    );
    let long = format!("{{\"id\":\"a-2\",\"title\":\"{}\"}}\n", "x".repeat(2 << 20));
    tell("long line", "b.jsonl", &with(long.as_bytes()));
    let big = format!(
        "{{\"id\":\"a-2\",\"title\":\"x\",\"description\":\"{}\"}}\n",
        "y".repeat(300 * 1024)
    );
    tell("big issue", "b.jsonl", &with(big.as_bytes()));
    let name = format!("{{\"id\":\"{}\",\"title\":\"x\"}}\n", "n".repeat(300));
    tell("long name", "b.jsonl", &with(name.as_bytes()));
    assert_snapshot!("damage", story);
}

#[test]
fn encodings_that_hold_the_same_text_give_the_same_issues() {
    let plain = "{\"id\":\"a-1\",\"title\":\"Grüße\",\"issue_type\":\"task\"}\r\n";
    let wanted = reads("b.jsonl", plain.as_bytes()).issues;
    assert_eq!(wanted[0].set.title.as_deref(), Some("Grüße"));
    let mut bom = b"\xef\xbb\xbf".to_vec();
    bom.extend_from_slice(plain.as_bytes());
    assert_eq!(reads("b.jsonl", &bom).issues, wanted);
    for (mark, join) in [
        ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xfe, 0xff], u16::to_be_bytes),
    ] {
        let mut wide = mark.to_vec();
        wide.extend(plain.encode_utf16().flat_map(join));
        let batch = reads("b.jsonl", &wide);
        assert_eq!(batch.issues, wanted);
        assert_eq!(batch.remarks[0].what, "read as UTF-16");
    }
}

#[test]
fn a_hundred_thousand_lines_of_nothing_are_told_each_with_its_line() {
    let bytes = b"{}\n".repeat(100_000);
    let batch = reads("b.jsonl", &bytes);
    assert!(batch.issues.is_empty());
    assert_eq!(batch.damage.len(), 100_000);
    assert_eq!(batch.damage[99_999].place.line, 100_000);
}

#[test]
fn names_that_are_there_again_and_again_are_settled_in_one_pass() {
    let same = "\"x\":1,".repeat(50_000);
    let line = format!("{{{same}\"id\":\"a-1\",\"title\":\"t\",\"issue_type\":\"task\"}}\n");
    let batch = reads("b.jsonl", line.as_bytes());
    assert_eq!(batch.issues.len(), 1);
    assert_eq!(batch.issues[0].kept.rest, "{\"x\":1}");
    assert_eq!(batch.remarks[0].what, "`x` is there twice; the last counts");
}

#[test]
fn a_value_that_is_folded_over_many_lines_is_one() {
    let words = "  more words\n".repeat(20_000);
    let text = format!("---\nid: task-1\ntitle: >-\n{words}---\n");
    let batch = reads("task.md", text.as_bytes());
    let title = batch.issues[0].set.title.as_deref().expect("a title");
    assert!(title.starts_with("more words more words more"), "{title}");
}

#[test]
fn no_prefix_and_no_flipped_byte_of_any_fixture_makes_a_reader_panic() {
    let names = [
        "beads-strange.jsonl",
        "github-rest.json",
        "github-gh.json",
        "gitlab.json",
        "gitlab.csv",
        "jira.json",
        "jira.csv",
        "linear.json",
        "linear.csv",
        "taskwarrior.json",
        "todo.md",
        "plain.csv",
        "backlog/tasks/task-1 - Parse-dates.md",
    ];
    let mut read_at_all = 0;
    for name in names {
        let whole = fixture(name);
        let form = detect(
            &[SourceFile {
                name,
                bytes: &whole,
            }],
            false,
        )
        .expect("a form");
        for cut in (0..whole.len()).step_by(7) {
            let mut flipped = whole.clone();
            flipped[cut] ^= 0x5a;
            for bytes in [&whole[..cut], &flipped[..]] {
                let batch = read(&[SourceFile { name, bytes }], form, &Options::default());
                read_at_all += batch.issues.len();
                let silent =
                    batch.issues.is_empty() && batch.damage.is_empty() && batch.remarks.is_empty();
                assert!(
                    !silent || form.format == Format::Github || form.csv || bytes.len() < 40,
                    "{name} cut at {cut} says nothing"
                );
            }
        }
    }
    assert!(
        read_at_all > 1000,
        "most of what is broken still has whole issues: {read_at_all}"
    );
}
