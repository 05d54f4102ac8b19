//! Taking back what somebody did: by more records, never by less.
//!
//! What a record changed gets the value that the state has without it, if nobody changed it again
//! since. What cannot be taken back is refused, and then nothing is done at all. Everything is
//! decided on the newest state, and an inverse keeps to the rules of the command that it stands for.

mod chosen;
mod fields;
mod inverse;
mod task;

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::app::tracker::report::{UndoReport, UndoneRow};
use crate::app::tracker::request::Mode;
use crate::app::tracker::undo::chosen::targets;
use crate::app::tracker::undo::inverse::Undoing;
use crate::domain::record::{Op, Record};
use crate::ports::state_repo::Freshness;
use crate::store::{self, HistoryOf, Scope};

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum What {
    /// Everything that the actor's last command recorded.
    #[default]
    Last,
    /// One record, by its id or the beginning of it.
    Record(String),
    /// Everything that one commit of the state added, by its id or the beginning of it.
    Commit(String),
}

/// Takes back the last command of the actor, one record, or those of a commit. Undoing an undo does it
/// again.
///
/// # Errors
/// Nothing to take back, a record or commit that is not there or cannot be taken back, an agent that takes
/// back what others recorded, or a failed publish.
pub fn undo(desk: Desk<'_>, what: &What, mode: Mode) -> Result<UndoReport, TrackerError> {
    // What is meant is what was known when it was asked; what becomes of it is decided anew.
    let mut chosen: Option<Vec<Record>> = None;
    let done = desk.change("take it back", Scope::All, mode, |loaded, minter| {
        let view = desk.context.repo.view(Freshness::Local)?;
        let history = store::history(&view, HistoryOf::All)?;
        if chosen.is_none() {
            chosen = Some(targets(desk, &history, what)?);
        }
        let targets = chosen.as_deref().unwrap_or_default();
        let mut undoing = Undoing::new(desk, &loaded.state, &history, targets);
        let mut rows = Vec::new();
        for record in targets.iter().rev() {
            let (ops, note) = undoing.inverse(record)?;
            let changed = !ops.is_empty();
            for op in ops {
                if let Some(author) = undoing.author_of(&op) {
                    minter.act_as(author);
                }
                minter.add(op);
                minter.act_as_self();
                if let Some(minted) = minter.records().last() {
                    undoing.take(minted);
                }
            }
            if changed || !matches!(record.op, Op::TaskNumbered(_)) {
                rows.push((record, changed, note));
            }
        }
        let rows: Vec<_> = rows
            .into_iter()
            .map(|(record, changed, note)| UndoneRow {
                task: record.about().task.map(|uid| name(undoing.now(), uid)),
                op: record.op.name().to_owned(),
                record: record.id.to_string(),
                changed,
                note,
            })
            .collect();
        Ok(if minter.records().is_empty() {
            Decision::Nothing(rows)
        } else {
            Decision::write(rows, "undo")
        })
    })?;
    let first = chosen.as_ref().and_then(|records| records.first());
    Ok(UndoReport {
        run: first.map(|r| r.run.clone()).unwrap_or_default(),
        at: first.map(|r| r.ts.wall()).unwrap_or_default(),
        total: done.value.len(),
        undone: done.value,
        has_more: false,
        delivery: done.delivery,
    })
}
