//! A row of a list as JSON. There may be a hundred thousand in one answer, and what a derived writer
//! does for each name and each byte was a fifth of that command: names are written as they stand here,
//! and of a text eight bytes are looked at together.

use uuid::fmt::Hyphenated;

use crate::app::tracker::report::{Checklist, TaskRow};
use crate::cli::render::json::Out;

/// Writes what the derived writer would write.
pub(super) fn write(row: &TaskRow, out: &mut Out) -> Result<(), serde_json::Error> {
    let TaskRow {
        id,
        uid,
        title,
        kind,
        priority,
        complexity,
        status,
        phase,
        assignee,
        labels,
        milestone,
        checklist,
        reasons,
        withheld,
        full,
    } = row;
    if full.is_some() || !reasons.is_empty() {
        return serde_json::to_writer(out, row);
    }
    out.put("{\"id\":");
    out.text(id)?;
    out.put(",\"uid\":");
    out.put("\"");
    out.put(
        uid.0
            .hyphenated()
            .encode_lower(&mut [0; Hyphenated::LENGTH]),
    );
    out.put("\"");
    for (name, value) in [(",\"title\":", title), (",\"type\":", kind)] {
        out.put(name);
        out.text(value)?;
    }
    out.put(",\"priority\":");
    serde_json::to_writer(&mut *out, priority)?;
    out.put(",\"complexity\":");
    out.text(complexity)?;
    out.put(",\"status\":");
    out.text(status)?;
    out.put(",\"phase\":");
    out.text(phase)?;
    if let Some(assignee) = assignee {
        out.put(",\"assignee\":");
        out.text(assignee)?;
    }
    out.put(",\"labels\":[");
    for (at, label) in labels.iter().enumerate() {
        if at > 0 {
            out.put(",");
        }
        out.text(label)?;
    }
    out.put("]");
    if let Some(milestone) = milestone {
        out.put(",\"milestone\":");
        out.text(milestone)?;
    }
    if let Some(Checklist { done, total }) = checklist {
        out.put(&format!(
            ",\"checklist\":{{\"done\":{done},\"total\":{total}}}"
        ));
    }
    if *withheld {
        out.put(",\"withheld\":true");
    }
    out.put("}");
    Ok(())
}

impl Out {
    fn put(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A text in quotes.
    fn text(&mut self, text: &str) -> Result<(), serde_json::Error> {
        if is_odd(text.as_bytes()) {
            return serde_json::to_writer(self, text);
        }
        self.0.reserve(text.len() + 2);
        self.0.push(b'"');
        self.put(text);
        self.0.push(b'"');
        Ok(())
    }
}

/// True if a text must be written in another way than it stands: RFC 8259 §7.
fn is_odd(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let of_words = words.iter().any(|word| has_odd(u64::from_le_bytes(*word)));
    of_words
        || rest
            .iter()
            .any(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\')
}

/// Whether one of eight bytes is a control character, a quote or a backslash. Each term has the highest
/// bit of a byte set if that byte is below what was taken away from it.
const fn has_odd(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let control = word.wrapping_sub(ONES * b' ' as u64) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = word ^ (ONES * b'\\' as u64);
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS != 0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::app::tracker::report::{Reason, TaskFull};
    use crate::domain::ids::TaskUid;

    /// A row that has more fields the greater its number is.
    pub(in crate::cli::render::json) fn row(n: usize) -> TaskRow {
        TaskRow {
            id: format!("T-{n}"),
            uid: TaskUid::LEAST,
            title: "\"tasks\":[], and a “long” title\u{1}".to_owned(),
            kind: "task".to_owned(),
            priority: 2,
            complexity: "medium",
            status: "open",
            phase: "ready",
            assignee: (n > 1).then(|| "ada".to_owned()),
            labels: vec!["a\\b".to_owned(); n % 3],
            milestone: (n > 2).then(|| "m\n".to_owned()),
            checklist: (n > 3).then_some(Checklist { done: 3, total: 14 }),
            reasons: Vec::new(),
            withheld: n > 4,
            full: None,
        }
    }

    #[test]
    fn a_row_is_written_as_the_derived_writer_writes_it() {
        let mut all: Vec<_> = (0..7).map(row).collect();
        let reason = Reason {
            code: "held",
            text: "it is".to_owned(),
        };
        all.push(TaskRow {
            reasons: vec![reason],
            ..row(5)
        });
        all.push(TaskRow {
            full: Some(Box::new(TaskFull::default())),
            ..row(6)
        });
        for one in all {
            let mut out = Out(Vec::new());
            write(&one, &mut out).unwrap();
            let wanted = serde_json::to_string(&one).unwrap();
            assert_eq!(String::from_utf8(out.0).unwrap(), wanted);
        }
    }

    #[test]
    fn every_character_in_every_place_is_written_as_the_derived_writer_writes_it() {
        let odd = ['\u{7f}', '\u{80}', 'ü', '\u{2028}', '😀'];
        for at in 0..20 {
            for character in (0..128).map(char::from).chain(odd) {
                let mut text = "x".repeat(at);
                text.push(character);
                text.push_str(&"é".repeat(20 - at));
                let mut out = Out(Vec::new());
                out.text(&text).unwrap();
                let wanted = serde_json::to_string(&text).unwrap();
                assert_eq!(String::from_utf8(out.0).unwrap(), wanted);
            }
        }
    }
}
