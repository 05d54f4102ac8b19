//! Tasks read in the form that fleet writes them. A state has more bytes of tasks than of all else,
//! and most of them are of no use to a list: these are passed over, not taken in. A file with
//! anything in another form is for the parser.

use crate::domain::ids::TaskUid;
use crate::domain::task::Task;
use crate::store::checkpoint::scan::Scan;
use crate::store::checkpoint::task_row::{Ats, TaskRow};
use crate::store::checkpoint::text::rows_as;
use crate::store::texts::Texts;

type Tasks = Vec<(TaskUid, Box<Task>)>;

/// Reads all rows of a file. Unless the `whole` of them is wanted, what lists do not show may be
/// missing but for tasks whose readiness depends on their text.
pub(super) fn task_rows(bytes: &[u8], whole: bool) -> Result<Tasks, String> {
    as_written(bytes, whole).map_or_else(|| rows_as(bytes, task_of), Ok)
}

fn task_of(row: TaskRow) -> Result<(TaskUid, Box<Task>), String> {
    let task = row.restore().map(|(uid, task)| (uid, Box::new(task)));
    task.ok_or_else(|| "a task without id".to_owned())
}

/// Reads all rows of a file of texts.
pub(super) fn text_rows(bytes: &[u8]) -> Result<Vec<(TaskUid, Texts)>, String> {
    let texts_of = |row: TaskRow| row.texts().ok_or_else(|| "texts of no task".to_owned());
    let as_written = || {
        let mut scan = Scan::new(std::str::from_utf8(bytes).ok()?);
        let mut texts = Vec::with_capacity(lines(bytes));
        while !scan.is_done() {
            texts.push(texts_of(row(&mut scan, true)?).ok()?);
        }
        Some(texts)
    };
    as_written().map_or_else(|| rows_as(bytes, texts_of), Ok)
}

fn lines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

/// The tasks if each stands on its line as fleet writes it.
fn as_written(bytes: &[u8], whole: bool) -> Option<Tasks> {
    let mut scan = Scan::new(std::str::from_utf8(bytes).ok()?);
    let mut tasks = Vec::with_capacity(lines(bytes));
    while !scan.is_done() {
        let start = scan;
        let mut found = row(&mut scan, whole)?;
        if !whole && found.is_pinned() {
            scan = start;
            found = row(&mut scan, true)?;
        }
        tasks.push(task_of(found).ok()?);
    }
    Some(tasks)
}

fn row(scan: &mut Scan<'_>, whole: bool) -> Option<TaskRow> {
    let mut row = TaskRow::default();
    macro_rules! put {
        ($field:ident, $value:expr) => {{
            let value = $value?;
            // A field that stands there twice is for the parser.
            row.$field.is_none().then(|| row.$field = Some(value))?
        }};
    }
    scan.byte(b'{')?;
    loop {
        match scan.name()? {
            "n" => row.n = scan.number()?,
            "id" => put!(id, scan.uuid()),
            "ts" => put!(ts, scan.time()),
            "by" => put!(by, scan.text()),
            "title" => put!(title, scan.text()),
            "key" if whole => put!(key, scan.text()),
            "body" if whole => put!(body, scan.text()),
            "external_ref" if whole => put!(external_ref, scan.text()),
            "said" if whole => row.said = scan.value()?,
            "comments" if whole => row.comments = scan.value()?,
            "extra" if whole => row.extra = scan.value()?,
            "key" | "body" | "external_ref" | "said" | "comments" | "extra" => drop(scan.pass()?),
            "type" => put!(kind, scan.text()),
            "priority" => put!(priority, scan.number().and_then(|n| u8::try_from(n).ok())),
            "complexity" => put!(complexity, scan.value()),
            "deliverable" => put!(deliverable, scan.value()),
            "acceptance" => put!(acceptance, scan.value()),
            "assignee" => put!(assignee, scan.text()),
            "due" => put!(due, scan.value()),
            "defer_until" => put!(defer_until, scan.value()),
            "agent" => put!(agent, scan.text()),
            "held_by" => put!(held_by, scan.text()),
            "budget" => put!(budget, scan.value()),
            "milestone" => put!(milestone, scan.text()),
            "estimate_minutes" => put!(estimate_minutes, scan.value()),
            "labels" => row.labels = scan.texts()?,
            "paths" => row.paths = scan.texts()?,
            "labels_at" => row.labels_at = scan.value()?,
            "paths_at" => row.paths_at = scan.value()?,
            "closed" => put!(closed, scan.value()),
            "admitted" => put!(admitted, scan.value()),
            "admitted_sha256" => put!(admitted_sha256, scan.text()),
            "checks" => row.checks = scan.value()?,
            "gates" => row.gates = scan.value()?,
            "decayed" => put!(decayed, scan.stamp()),
            "updated" => put!(updated, scan.stamp()),
            "at" => row.at = stamps(scan)?,
            _ => return None,
        }
        if scan.byte(b',').is_none() {
            scan.skip("}\n")?;
            break;
        }
    }
    if !whole {
        // A stamp alone would say that the field was written and is empty.
        row.at.forget_what_lists_do_not_show();
    }
    Some(row)
}

fn stamps(scan: &mut Scan<'_>) -> Option<Ats> {
    let mut stamps = Ats::default();
    scan.byte(b'{')?;
    loop {
        let slot = stamps.slot(scan.name()?)?;
        let stamp = scan.stamp()?;
        slot.is_none().then(|| *slot = Some(stamp))?;
        if scan.byte(b',').is_none() {
            return scan.byte(b'}').map(|()| stamps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::register::Reg;

    /// A line with every field, in the order in which fleet writes them.
    const WHOLE: &str = r#"{"n":7,"id":"01a203a8-16bd-70f6-ab07-0775037b1985","ts":"2026-11-22T14:27:57.245000001Z","by":"human:ada","key":"k","title":"An \"ü\" and {[","body":"two\nlines \\","type":"bug","priority":3,"complexity":"high","deliverable":"plan","acceptance":[{"text":"it, works","done":true},{"text":"}"}],"assignee":"ada","due":"2026-12-01T00:00:00.000Z","defer_until":"2026-12-02T00:00:00.000Z","external_ref":"x:1","agent":"a","held_by":"b","budget":{"usd_micros":5},"milestone":"m","estimate_minutes":90,"labels":["a","b,\"c"],"paths":["src/**"],"labels_at":{"z":[false,["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"]]},"paths_at":{},"closed":{"outcome":"failed","reason":"no"},"admitted":false,"said":["a","b"],"comments":[{"id":"01a203a8-16bd-70f6-ab07-0775037b1988","ts":"2026-11-22T14:27:59Z","by":"human:b","text":"hm"}],"checks":{"it, works":[true,["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"]]},"gates":{},"decayed":["2026-11-22T14:27:58.2Z","01a203a8-16bd-70f6-ab07-0775037b1987"],"extra":{"source":[{"a":"]}\"","b":[1,2.5,null,true,-3e2]},["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"]]},"updated":["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"],"at":{"body":["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"],"external_ref":["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"],"n":["2026-11-22T14:27:58.245000001Z","01a203a8-16bd-70f6-ab07-0775037b1986"]}}
"#;

    fn whole() -> String {
        // How money is written is decided elsewhere.
        let budget = serde_json::to_string(&crate::domain::money::MicroUsd(5)).unwrap();
        WHOLE.replace("{\"usd_micros\":5}", &budget)
    }

    fn parsed(text: &str) -> Tasks {
        rows_as(text.as_bytes(), task_of).unwrap()
    }

    #[test]
    fn every_field_is_read_as_the_parser_reads_it() {
        let three = whole() + "{\"id\":\"01a203a8-16bd-70f6-ab07-0775037b1999\"}\n" + &whole();
        let wanted = parsed(&three);
        assert_eq!(as_written(three.as_bytes(), true), Some(wanted));
    }

    #[test]
    fn for_lists_what_they_do_not_show_is_as_if_nobody_had_written_it() {
        let mut wanted = parsed(&whole());
        let task = &mut *wanted[0].1;
        task.body = Reg::default();
        task.details.key = None;
        task.details.external_ref = Reg::default();
        task.details.said.clear();
        task.details.comments.clear();
        task.details.extra.clear();
        assert_eq!(as_written(whole().as_bytes(), false), Some(wanted));
    }

    #[test]
    fn a_task_whose_readiness_depends_on_its_text_is_read_whole() {
        let stamp = "[\"2026-11-22T14:27:58.2Z\",\"01a203a8-16bd-70f6-ab07-0775037b1987\"]";
        let pinned = [
            whole().replace(",\"said\"", ",\"admitted_sha256\":\"ab\",\"said\""),
            whole().replace(
                "\"at\":{",
                &format!("\"at\":{{\"admitted_sha256\":{stamp},"),
            ),
        ];
        for text in pinned {
            assert_eq!(as_written(text.as_bytes(), false), Some(parsed(&text)));
        }
    }

    #[test]
    fn whatever_else_stands_there_is_for_the_parser() {
        let good = whole();
        let strange = [
            good.replace("{\"n\":7,", "{ \"n\": 7, "),
            good.replace("{\"n\":7,", "{\"later\":[\"}\"],\"n\":7,"),
            good.trim_end().to_owned(),
            format!("\n{good}"),
        ];
        for text in strange {
            for whole in [true, false] {
                assert_eq!(as_written(text.as_bytes(), whole), None, "{text}");
            }
            assert_eq!(task_rows(text.as_bytes(), true), Ok(parsed(&good)));
        }
        let twice = good.replace(
            ",\"milestone\":\"m\"",
            ",\"milestone\":\"m\",\"milestone\":\"m\"",
        );
        for bad in [
            twice,
            good.replace("\"priority\":3", "\"priority\":03"),
            good.replace("\"priority\":3", "\"priority\":300"),
            good.replace("\"high\"", "\"higher\""),
            good.replace("An \\\"", "An \u{1}\\\""),
            good.replace("-70f6-", "-70g6-"),
            good.replace("\"updated\":[", "\"updated\":[["),
        ] {
            assert_ne!(bad, good);
            assert!(task_rows(bad.as_bytes(), false).is_err(), "{bad}");
        }
    }
}
