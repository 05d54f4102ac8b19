//! What reads the bytes of others, one target each: a function that is given any bytes at all, and
//! fails if a promise is broken.

use std::collections::BTreeMap;
use std::time::Duration;

use fleet::app::tracker::request::NewTask;
use fleet::app::tracker::template::{Form, Ready, fill};
use fleet::config::{CONFIG_PATH, CommitFiles, Env};
use fleet::domain::policy::DiffPolicy;
use fleet::domain::record::{Op, Record};
use fleet::domain::state::State;
use fleet::domain::time::Timestamp;
use fleet::engine::{clean, commands, gates, outbox, secrets, text};
use fleet::exchange::{Kept, Options, SourceFile};
use fleet::git::process::Output;
use fleet::git::push_report::{Verdict, judge};
use fleet::machine::clock::FixedClock;
use fleet::ports::memory_tree::MemoryTree;
use fleet::ports::state_repo::{RemoteState, StateView};
use fleet::ports::stream::{Source, StreamRequest};
use fleet::store::{self, Checkpoint, Scope, Write, decode_line, encode_record};

/// Something that reads bytes.
pub(crate) struct Target {
    /// Its name, and that of its corpus.
    pub(crate) name: &'static str,
    /// Reads; panics if a promise is broken.
    pub(crate) run: fn(&[u8]),
    /// Bytes that it may ask of the allocator for any input, all requests added up.
    pub(crate) spare: usize,
    /// The same, for each byte of input.
    pub(crate) per_byte: usize,
    /// It looks at a bounded beginning of its input, at most 96 KiB.
    pub(crate) bounded: bool,
    /// How long times that grow too much are taken again before they are believed.
    pub(crate) patience: Duration,
}

impl Target {
    /// Bytes that it may ask of the allocator for an input of so many.
    pub(crate) fn most(&self, len: usize) -> usize {
        self.spare + self.per_byte * len
    }
}

/// All.
pub(crate) const ALL: &[Target] = &[
    target("records", records, 1 << 20, 400),
    target("store", whole_store, 4 << 20, 4_000),
    target("fold", fold, 1 << 20, 2_000),
    target("porcelain", porcelain, 1 << 18, 60),
    target(
        "claude",
        |bytes| stream(Source::Claude, bytes),
        2 << 20,
        400,
    ),
    target("codex", |bytes| stream(Source::Codex, bytes), 2 << 20, 400),
    target(
        "gemini",
        |bytes| stream(Source::Gemini, bytes),
        2 << 20,
        400,
    ),
    target(
        "opencode",
        |bytes| stream(Source::OpenCode, bytes),
        2 << 20,
        400,
    ),
    target("jsonl", |bytes| stream(Source::Jsonl, bytes), 2 << 20, 400),
    target("diff", diff, 64 << 20, 4_000),
    target("text", sanitisers, 1 << 20, 400),
    Target {
        bounded: true,
        ..target("markdown", markdown, 2 << 20, 2_000)
    },
    target("secrets", scanner, 32 << 20, 600),
    target("config", configuration, 16 << 20, 4_000),
    target("templates", templates, 4 << 20, 1_500),
    target("commands", comment, 1 << 18, 100),
    target("outbox", an_outbox, 1 << 20, 400),
    target("exchange", exchange, 4 << 20, 8_000),
];

const fn target(name: &'static str, run: fn(&[u8]), spare: usize, per_byte: usize) -> Target {
    Target {
        name,
        run,
        spare,
        per_byte,
        bounded: false,
        patience: Duration::from_secs(15),
    }
}

/// Text that a terminal would obey or not show: everything of Unicode's categories Cc (but newline
/// and tab) and Cf, line and paragraph separators, variation selectors, tags. Written down here
/// once more on purpose.
pub(crate) fn deceives(c: char) -> bool {
    let code = u32::from(c);
    let control = code < 0x20 && !matches!(c, '\n' | '\t') || (0x7F..=0x9F).contains(&code);
    control
        || matches!(code,
            0xAD | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890 | 0x891 | 0x8E2 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x2064 | 0x2066..=0x206F | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFF9..=0xFFFB | 0x110BD | 0x110CD | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A | 0xE0001 | 0xE0020..=0xE007F | 0xE0100..=0xE01EF)
}

/// A line that reads is written again as the same record, in one line (I12).
fn records(bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let Ok(record) = decode_line(line) else {
            continue;
        };
        if !Op::NAMES.contains(&record.op.name()) {
            // Carried along as it is; this build does not write what it does not know.
            assert!(encode_record(&record).is_err());
            continue;
        }
        let written = match encode_record(&record) {
            Ok(written) => written,
            // What was read just below the limit may be above it when written.
            Err(_) if line.len() > store::MAX_LINE_BYTES / 2 => continue,
            Err(e) => panic!("a record that was read cannot be written: {e}: {line}"),
        };
        assert!(
            !written.contains(['\n', '\u{2028}', '\u{2029}']),
            "more than one line: {written}"
        );
        assert_eq!(
            decode_line(&written).expect("what was written reads"),
            record
        );
    }
}

fn decoded(bytes: &[u8]) -> Vec<Record> {
    let text = String::from_utf8_lossy(bytes);
    text.lines()
        .filter_map(|line| decode_line(line).ok())
        .collect()
}

/// The same state in any order, with repeats, in pieces (I14).
fn fold(bytes: &[u8]) {
    let mut all = decoded(bytes);
    let mut seen = std::collections::BTreeSet::new();
    // Of two different records with one id the store keeps one; the fold is given one.
    all.retain(|record| seen.insert(record.id));
    let state = State::fold(&all);
    assert_eq!(State::fold(all.iter().rev().chain(&all)), state);
    for uid in state.tasks.keys() {
        assert!(!state.name_of(*uid).to_string().is_empty());
    }
    let index = state.index();
    for uid in state.tasks.keys() {
        // Whoever holds the lease is a session of that task (I2).
        let holder = index.lease_holder(&state, *uid);
        assert!(holder.is_none_or(|s| index.sessions_of(*uid).contains(&s)));
    }
}

const SEGMENT: &str = ".orchestra/log/2026-11/wz-0000.jsonl";

fn view(tree: MemoryTree) -> StateView {
    StateView {
        tip: None,
        tree: Box::new(tree),
        unpublished: None,
        unpublished_tip: None,
        remote: RemoteState::None,
        cache_key: String::new(),
    }
}

/// Bytes as a segment: read, checkpointed, read again: the same, and the segment untouched (I6, I14).
/// Then as a file of the checkpoint: whatever it holds, the log counts.
fn whole_store(bytes: &[u8]) {
    let mut tree = MemoryTree::default();
    tree.set(SEGMENT, Some(bytes.to_vec()));
    let before = view(tree.clone());
    let Ok(loaded) = store::load(&before, Scope::Live) else {
        return;
    };
    let write = Write {
        writer: "wa",
        now: Timestamp(1_795_248_000_000),
        records: &[],
        settle: false,
        checkpoint: Checkpoint::Force,
    };
    let Ok(changes) = store::plan_write(&before, &loaded, &write) else {
        return;
    };
    let checkpoint: Vec<String> = changes.iter().map(|c| c.path.clone()).collect();
    for change in changes {
        assert_ne!(
            change.path, SEGMENT,
            "a segment of somebody else is never written"
        );
        tree.set(&change.path, change.bytes);
    }
    let log = store::load_log(&view(tree.clone())).expect("the log was read before");
    let again = store::load(&view(tree.clone()), Scope::All).expect("what was written reads");
    assert_eq!(again.state, log.state, "the checkpoint equals the fold");
    assert_eq!(again.problems, loaded.problems, "no problem is forgotten");
    if let Some(path) = checkpoint.get(bytes.len() % checkpoint.len().max(1))
        && !path.contains("/log/")
        && !path.ends_with("format.json")
    {
        tree.set(path, Some(bytes.to_vec()));
        let damaged = store::load(&view(tree), Scope::All).expect("the log is there");
        assert_eq!(
            damaged.state, log.state,
            "a damaged checkpoint counts for nothing"
        );
    }
}

/// `stdout NUL stderr`, with the exit code in the first byte.
fn porcelain(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |b| *b == 0);
    let stdout = parts.next().unwrap_or_default().to_vec();
    let stderr = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let state = "refs/heads/fleet/state";
    let output = Output {
        code: Some(i32::from(bytes.first().is_some_and(|b| *b == b'?'))),
        signal: None,
        stdout,
        stderr,
        timed_out: false,
        truncated: false,
    };
    let verdict = judge(&output, state);
    let said = String::from_utf8_lossy(&output.stdout);
    let moved = |line: &str| {
        ["*\t", " \t", "+\t"]
            .iter()
            .any(|flag| line.starts_with(flag))
            && line.contains(&format!(":{state}\t"))
    };
    if verdict == Verdict::Moved {
        assert!(
            output.ok() && said.lines().any(moved),
            "a win without a moved ref: {said}"
        );
        assert!(!said.lines().any(|line| line.starts_with("!\t")
            && line.matches('\t').count() >= 2
            && line.contains(':')));
    }
}

/// Every line that comes out is one JSON object, bounded, with its kind; nothing is invented.
fn stream(from: Source, bytes: &[u8]) {
    let request = StreamRequest {
        from,
        session: Some("s".to_owned()),
        task: Some("T-7".to_owned()),
        count_tokens: false,
    };
    let clock = FixedClock::new(Timestamp(1_795_248_000_000));
    let mut out = Vec::new();
    let report = fleet::agents::stream::filter(&request, &clock, None, &mut &*bytes, &mut out)
        .expect("neither side of memory fails");
    let text = std::str::from_utf8(&out).expect("what is written is text");
    let mut lines = 0;
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).expect("one object a line");
        assert_eq!(value["session"], "s", "{line}");
        assert_eq!(value["task"], "T-7", "{line}");
        lines += 1;
    }
    assert_eq!(lines, report.events);
    assert!(report.lines <= 1 + bytes.iter().filter(|b| **b == b'\n').count() as u64);
}

/// Lines of paths, all as new plain files; the fold of a path is stable, and a path that is spelled
/// as it folds is judged no milder.
fn diff(bytes: &[u8]) {
    let policy = DiffPolicy {
        protected: vec!["infra/**".to_owned(), "**/größe.toml".to_owned()],
        max_files: 100,
        max_bytes: 1 << 20,
    };
    let text = String::from_utf8_lossy(bytes);
    let changes: Vec<gates::Change> = text
        .lines()
        .take(2_000)
        .map(|path| gates::Change {
            path: path.to_owned(),
            old_mode: 0,
            new_mode: 0o100_644,
            bytes: 1,
        })
        .collect();
    let found = gates::check_changes(&policy, &changes);
    let all = gates::verdict(&found);
    assert!(changes.len() <= 100 || all == gates::Verdict::Refuse);
    for change in changes.iter().take(2) {
        let folded = gates::fold_path(&change.path);
        assert_eq!(
            gates::fold_path(&folded),
            folded,
            "folding twice: {:?}",
            change.path
        );
        let as_folded = gates::Change {
            path: folded.clone(),
            ..change.clone()
        };
        let one = gates::check_changes(&policy, std::slice::from_ref(change));
        let other = gates::check_changes(&policy, &[as_folded]);
        let protected = |v: &[gates::Violation]| v.iter().any(|v| v.rule == gates::Rule::Protected);
        assert!(
            protected(&one) >= protected(&other),
            "{:?} passes and {folded:?} does not",
            change.path
        );
        assert!(
            folded.split('/').all(|c| c != ".git")
                || gates::verdict(&one) == gates::Verdict::Refuse,
            "{:?}",
            change.path
        );
        for violation in one {
            assert!(!violation.to_string().contains(deceives));
        }
    }
}

/// What is shown holds nothing that deceives, once and again; what goes into a review mentions,
/// closes and hides nothing.
fn sanitisers(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(bytes);
    let safe = text::display_safe(&raw);
    assert!(!safe.contains(deceives), "{safe:?}");
    assert_eq!(text::display_safe(&safe), safe, "twice is once");
    let line = text::one_line(&raw);
    assert!(!line.contains(['\n', '\t']) && !line.contains(deceives));
    for max in [0, 3, 4, 50] {
        assert!(text::truncated(&raw, max).len() <= max.max('…'.len_utf8()));
        assert!(text::tail(&raw, max).len() <= max.max('…'.len_utf8()));
    }
    let review = text::neutralise_markdown(&raw);
    for act in ["<!--", "![", "<a", "<img", "</", "<details"] {
        assert!(!review.contains(act), "{act}: {review}");
    }
    let letters: Vec<char> = review.chars().collect();
    for pair in letters.windows(3) {
        let mention =
            pair[1] == '@' && pair[2].is_ascii_alphanumeric() && !pair[0].is_ascii_alphanumeric();
        let reference = pair[1] == '#' && pair[2].is_ascii_digit();
        assert!(!mention && !reference, "{pair:?} in {review}");
    }
}

/// What an agent is given of a page has nothing in it that a reader does not see.
fn markdown(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(bytes);
    let seen = clean::markdown(&raw);
    assert!(
        !seen.text.contains(|c: char| deceives(c)
            && !matches!(
                u32::from(c),
                0x600..=0x605 | 0x6DD | 0x70F | 0x890 | 0x891 | 0x8E2 | 0x110BD | 0x110CD
            )),
        "{:?}",
        seen.text
    );
    // What stands for a hidden part may be longer than it: at the most, `<details>` becomes a sentence.
    assert!(seen.text.len() <= 4 * raw.len() + 64, "it grows");
    let title = clean::line(&raw);
    assert!(!title.text.contains(['\n', '\r']));
}

const SECRET: &str = "correct horse battery staple 4711";

/// A secret anywhere in any text is found, and what is left when it is hidden holds none.
fn scanner(bytes: &[u8]) {
    static SCANNER: std::sync::LazyLock<secrets::Scanner> = std::sync::LazyLock::new(|| {
        secrets::Scanner::new(&[("KEY".to_owned(), SECRET.to_owned())])
    });
    let raw = String::from_utf8_lossy(bytes);
    let found = SCANNER.scan(bytes);
    assert_eq!(SCANNER.scan(bytes), found);
    assert!(!raw.contains(SECRET) || !found.is_empty());
    assert!(
        found.windows(2).all(|pair| pair[0].end < pair[1].start),
        "in order, apart"
    );
    let hidden = SCANNER.redact(&raw);
    assert!(!hidden.contains(SECRET));
    assert_eq!(
        SCANNER.scan(hidden.as_bytes()),
        [],
        "nothing is left: {hidden}"
    );
}

fn configuration(bytes: &[u8]) {
    let lines = 1 + bytes.iter().filter(|b| **b == b'\n').count();
    let role = ".orchestra/roles/writer.md".to_owned();
    for files in [
        vec![(CONFIG_PATH.to_owned(), bytes.to_vec())],
        vec![(role, bytes.to_vec())],
        vec![(fleet::config::PRICES_PATH.to_owned(), bytes.to_vec())],
    ] {
        match fleet::config::load(
            None,
            &files.into_iter().collect::<CommitFiles>(),
            &Env::default(),
        ) {
            Ok(settings) => assert!(!settings.policy.base_branch.is_empty()),
            Err(errors) => {
                assert!(!errors.problems.is_empty());
                for problem in &errors.problems {
                    assert!(problem.line <= lines, "a place outside: {problem}");
                }
            }
        }
    }
}

/// A value is put in as it is, and never looked into for further placeholders.
fn templates(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(bytes);
    let values = BTreeMap::from([
        ("task", "{model}".to_owned()),
        ("model", "{task}".to_owned()),
    ]);
    let filled = fleet::agents::fill(&raw, &values);
    let places = raw.matches("{task}").count() + raw.matches("{model}").count();
    assert_eq!(
        filled.matches("{task}").count() + filled.matches("{model}").count(),
        places,
        "{filled}"
    );
    assert!(filled.len() <= raw.len() + places);
    task_template(&raw);
}

/// A template of tasks: what is wrong has a place in it, and what is filled in is not looked into.
fn task_template(raw: &str) {
    let lines = 1 + raw.bytes().filter(|b| *b == b'\n').count();
    let template = match fleet::config::task_template("x.toml", raw) {
        Ok(template) => template,
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| problem.line <= lines));
            return;
        }
    };
    let variables = template.variables.iter();
    let given: Vec<_> = variables
        .map(|v| (v.name.clone(), "{{none}}".to_owned()))
        .collect();
    let tasks = template.tasks.len();
    match fill(
        Form::Toml("x.toml".to_owned(), template),
        &given,
        NewTask::default(),
    ) {
        Ok(Ready::Several(plan)) => assert_eq!(plan.len(), tasks),
        Ok(Ready::One(_)) => assert_eq!(tasks, 1),
        Err(error) => assert!(!error.to_string().contains("`{{none}}` is none"), "{error}"),
    }
}

fn comment(bytes: &[u8]) {
    let raw = String::from_utf8_lossy(bytes);
    if let Some(command) = commands::parse(&raw) {
        assert!(raw.contains(commands::WORD));
        assert!(command.text.len() <= 4 * commands::MAX_BYTES);
        assert!(!command.text.contains(deceives), "{:?}", command.text);
        assert!(command.agent.as_ref().is_none_or(|name| name.len() <= 64));
    }
}

/// Issues of other trackers: as what they look like, as a table and a checklist, and inside of what
/// stands around them; what is kept of them reads back, and what is told has a place in the input.
fn exchange(bytes: &[u8]) {
    let reads = |name: &str, bytes: &[u8]| {
        let files = [SourceFile { name, bytes }];
        let Some(form) = fleet::exchange::detect(&files, false) else {
            return;
        };
        let batch = fleet::exchange::read(&files, form, &Options::default());
        let lines = 2 + bytes.iter().filter(|b| **b == b'\n').count();
        for note in batch.damage.iter().chain(&batch.remarks) {
            assert!(
                note.place.line as usize <= lines,
                "a place outside: {note:?}"
            );
        }
        for issue in &batch.issues {
            let kept = issue.remembered();
            assert_eq!(Kept::from_text(&kept.to_text()), kept);
            assert!(
                issue
                    .set
                    .title
                    .as_ref()
                    .is_some_and(|title| !title.is_empty())
            );
        }
    };
    for name in ["x.jsonl", "x.csv", "x.md"] {
        reads(name, bytes);
    }
    let around = |before: &str, after: &str| [before.as_bytes(), bytes, after.as_bytes()].concat();
    let object = "{\"id\":\"a-1\",\"title\":\"t\",\"issue_type\":\"task\",";
    reads("x.jsonl", &around(object, "\"z\":1}\n"));
    reads("x.md", &around("---\nid: task-1\ntitle: >-\n", "\n---\n"));
    // As many fields as the input is long, each with a name of its own.
    let names = (0..bytes.len() / 8).map(|n| format!("\"n{n}\":0,"));
    let many = format!("{object}{}\"z\":1}}\n", names.collect::<String>());
    reads("x.jsonl", many.as_bytes());
}

fn an_outbox(bytes: &[u8]) {
    let read = outbox::parse(bytes);
    assert!(read.sayings.len() <= outbox::MAX_LINES);
    assert!(read.problems.len() <= outbox::MAX_LINES + 2);
    for problem in &read.problems {
        assert!(
            problem.len() < 1_000 && !problem.contains(deceives),
            "{problem}"
        );
    }
    let tasks = read
        .sayings
        .iter()
        .filter(|s| matches!(s, outbox::Saying::Subtask(_)))
        .count();
    assert!(tasks <= outbox::MAX_SUBTASKS);
}
