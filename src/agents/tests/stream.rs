//! `fleet stream` on the captured streams of the real CLIs.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::rc::Rc;

use super::bench::{Fixed, NOW};
use super::captures::{cases, fixtures};
use crate::agents::stream::filter;
use crate::ports::runner::{AgentEvent, Told};
use crate::ports::stream::{Source, StreamReport, StreamRequest};

fn request(from: Source) -> StreamRequest {
    StreamRequest {
        from,
        session: None,
        task: None,
        count_tokens: false,
    }
}

fn run(request: &StreamRequest, input: &[u8]) -> (StreamReport, String) {
    let mut out = Vec::new();
    let report = filter(request, &Fixed, None, &mut &*input, &mut out).unwrap();
    (report, String::from_utf8(out).unwrap())
}

fn told(text: &str) -> Vec<Told> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect()
}

/// The streams of the fixtures that `fleet stream` reads.
fn streams() -> Vec<(String, Source, Vec<u8>)> {
    let all = cases().into_iter().filter_map(|case| {
        let source = Source::ALL
            .into_iter()
            .find(|s| case.name.starts_with(s.name()))?;
        let path = fixtures().join(format!("{}.stdout.jsonl", case.name));
        Some((case.name, source, std::fs::read(path).ok()?))
    });
    all.collect()
}

#[test]
fn every_captured_stream_becomes_unified_events_of_the_session_that_it_names() {
    let mut seen = 0;
    for (name, source, bytes) in streams() {
        let labelled = StreamRequest {
            task: Some("T-7".to_owned()),
            ..request(source)
        };
        let (report, out) = run(&labelled, &bytes);
        let lines = told(&out);
        assert_eq!(report.events as usize, lines.len(), "{name}");
        assert_eq!(report.broken, 0, "{name}: {:?}", report.first_broken);
        let Some(Told {
            event: AgentEvent::SessionFinished { ok, .. },
            tokens,
            ..
        }) = lines.last()
        else {
            panic!("{name} has no end: {out}");
        };
        assert_eq!(*ok, Some(report.ok), "{name}");
        assert!(report.ended || !report.ok, "{name}");
        assert!(lines.iter().all(|l| l.task == "T-7"), "{name}");
        if name.ends_with("/ok") {
            assert!(report.ended && report.ok && *tokens > 0, "{name}: {out}");
            assert!(lines.iter().all(|l| !l.session.is_empty()), "{name}");
            let words = [
                "session_started",
                "message",
                "tool_call",
                "tool_result",
                "usage",
            ];
            for word in words {
                assert!(
                    out.contains(&format!("\"event\":\"{word}\"")),
                    "{name}: {word}"
                );
            }
        }
        seen += 1;
    }
    assert!(seen > 40, "only {seen} streams were read");
}

#[test]
fn unified_events_pass_through_unchanged() {
    for (name, source, bytes) in streams() {
        let labelled = StreamRequest {
            task: Some("T-7".to_owned()),
            ..request(source)
        };
        let (_, once) = run(&labelled, &bytes);
        let (report, twice) = run(&request(Source::Jsonl), once.as_bytes());
        assert_eq!(twice, once, "{name}");
        assert!(report.ended, "{name}");
    }
}

/// Gives so many bytes at a time, and counts what was written when it was asked again.
struct Slow<'a> {
    bytes: &'a [u8],
    step: usize,
    written: Rc<RefCell<Vec<u8>>>,
    seen: Vec<usize>,
}

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.seen.push(self.written.borrow().len());
        let n = self.step.min(self.bytes.len()).min(buffer.len());
        buffer[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

struct Shared(Rc<RefCell<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn where_a_stream_is_cut_into_reads_makes_no_difference() {
    for (name, source, bytes) in streams() {
        let (_, whole) = run(&request(source), &bytes);
        for step in [1, 7, 100] {
            let written = Rc::new(RefCell::new(Vec::new()));
            let mut slow = Slow {
                bytes: &bytes,
                step,
                written: written.clone(),
                seen: Vec::new(),
            };
            let mut out = Shared(written.clone());
            filter(&request(source), &Fixed, None, &mut slow, &mut out).unwrap();
            let pieces = String::from_utf8(written.borrow().clone()).unwrap();
            assert_eq!(pieces, whole, "{name} by {step}");
        }
    }
}

#[test]
fn an_event_is_out_before_the_next_line_is_asked_for() {
    let line = r#"{"event":"message","text":"now"}"#;
    let text = format!("{line}\n").repeat(3);
    let written = Rc::new(RefCell::new(Vec::new()));
    let mut slow = Slow {
        bytes: text.as_bytes(),
        step: line.len() + 1,
        written: written.clone(),
        seen: Vec::new(),
    };
    let mut out = Shared(written);
    filter(&request(Source::Jsonl), &Fixed, None, &mut slow, &mut out).unwrap();
    assert_eq!(slow.seen.len(), 4);
    assert!(slow.seen.windows(2).all(|w| w[0] < w[1]), "{:?}", slow.seen);
}

#[test]
fn broken_lines_are_counted_and_named_and_the_rest_is_read() {
    let text = "warming up\n{\"event\":\"message\",\"text\":\"a\"}\n\n{\"event\":\n[1]\n{\"event\":\"session_finished\",\"summary\":\"ok\"}";
    let (report, out) = run(&request(Source::Jsonl), text.as_bytes());
    assert_eq!((report.lines, report.broken, report.events), (6, 3, 2));
    assert_eq!(report.first_broken, Some((1, "warming up".to_owned())));
    assert!(report.ended && report.ok, "{out}");
    // What is not UTF-8 is replaced, as everywhere.
    let (report, out) = run(
        &request(Source::Jsonl),
        b"{\"event\":\"message\",\"text\":\"\xff\"}\n",
    );
    assert_eq!(report.broken, 0);
    assert!(out.contains('\u{fffd}'), "{out}");
}

#[test]
fn a_stream_without_its_last_word_says_so() {
    for (name, source, bytes) in streams().iter().filter(|s| s.0.ends_with("/ok")) {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let cut = text.trim_end().rfind('\n').unwrap();
        let (report, out) = run(&request(*source), &text.as_bytes()[..cut]);
        assert!(!report.ended && !report.ok, "{name}");
        let last = told(&out).pop().unwrap();
        let AgentEvent::SessionFinished { summary, ok } = last.event else {
            panic!("{name}: {out}");
        };
        assert!(summary.starts_with("the stream ended without"), "{summary}");
        assert_eq!(ok, Some(false));
    }
}

#[test]
fn the_sources_own_time_is_kept_where_it_has_one() {
    for (name, source, bytes) in streams().iter().filter(|s| s.0.ends_with("/ok")) {
        let (_, out) = run(&request(*source), bytes);
        let own = matches!(source, Source::Gemini | Source::OpenCode);
        for line in told(&out) {
            assert_eq!(line.at != NOW, own, "{name}: {line:?}");
        }
    }
}

#[test]
fn tokens_are_counted_until_the_source_tells_some() {
    let text = "{\"role\":\"user\",\"content\":\"no\"}\n{\"role\":\"assistant\",\"content\":\"two words\"}\n{\"event\":\"usage\",\"usage\":{\"prompt_tokens\":7,\"output\":1}}\n{\"event\":\"thinking\",\"text\":\"x\"}\n";
    let words = |_: &str, text: &str| text.split_whitespace().count() as u64;
    let mut out = Vec::new();
    let asked = request(Source::Jsonl);
    filter(
        &asked,
        &Fixed,
        Some(Box::new(words)),
        &mut text.as_bytes(),
        &mut out,
    )
    .unwrap();
    let lines = told(std::str::from_utf8(&out).unwrap());
    let seen: Vec<_> = lines.iter().map(|l| (l.tokens, l.estimated)).collect();
    assert_eq!(seen, [(2, true), (8, false), (8, false), (8, false)]);
}
