//! Rows of what was remembered.

use crate::domain::record::CloseOutcome;
use crate::exchange::batch::{Batch, Incoming, Place};
use crate::exchange::beads::MEMORY;
use crate::exchange::fit;
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::Rest;

/// Something that was remembered: a closed task, found by search and never ready.
pub(super) fn memory(batch: &mut Batch, fields: &Fields<'_>, place: Place) -> Option<Incoming> {
    let Some(name) = fields.word("key").filter(|key| !key.trim().is_empty()) else {
        batch.broken(place, "", "a memory without `key`");
        return None;
    };
    let mut issue = Incoming {
        place,
        key: format!("{MEMORY}{name}"),
        trusted: true,
        ..Incoming::default()
    };
    let mut rest = Rest::default();
    for (field, raw) in fields.iter() {
        match (field, json::text(raw)) {
            ("value", Some(text)) if !text.is_empty() => issue.set.body = Some(text.into_owned()),
            ("key" | "_type", _) => {}
            _ => rest.add(field, raw.get()),
        }
    }
    let title = fit::title(&name).into_owned();
    issue.set.title = Some(if title.is_empty() {
        "(untitled)".into()
    } else {
        title
    });
    issue.set.kind = Some("memory".to_owned());
    issue.closed = Some((CloseOutcome::Done, "remembered, no work".to_owned()));
    issue.kept.status = "memory".to_owned();
    issue.kept.rest = rest.finish();
    Some(issue)
}
