//! Which records are meant.

use std::collections::BTreeSet;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::undo::What;
use crate::domain::ids::RecordId;
use crate::domain::record::{Op, Record};
use crate::ports::state_repo::StateView;
use crate::store::{self, HistoryOf};

/// The records that are to be taken back, in their order. `records` is all that there are.
pub(super) fn targets(
    desk: Desk<'_>,
    records: &[Record],
    what: &What,
) -> Result<Vec<Record>, TrackerError> {
    match what {
        What::Last => last(desk, records),
        What::Record(id) => one(desk, records, id),
        What::Commit(id) => of_commit(desk, records, id),
    }
}

fn last(desk: Desk<'_>, records: &[Record]) -> Result<Vec<Record>, TrackerError> {
    let mine = |record: &&Record| record.by == desk.context.actor;
    let last = records.iter().rev().find(mine);
    let last = last.ok_or_else(|| TrackerError::NotThere {
        what: format!("{} has recorded nothing yet", desk.context.actor),
        hint: "`fleet log T-7` shows records; `fleet undo --record ID` takes one back".to_owned(),
    })?;
    let of_run = |record: &&Record| record.run == last.run;
    // A command that brings remarks of others (a merge, an import) says them in their names;
    // a tick is no command of anybody's, and acts for several.
    let tick = records.iter().filter(of_run).any(|r| r.by == "fleet");
    let remark =
        |record: &Record| !tick && matches!(record.op, Op::CommentAdded(_) | Op::CommentEdited(_));
    let run = |record: &&Record| of_run(record) && (record.by == last.by || remark(record));
    Ok(records.iter().filter(run).cloned().collect())
}

fn one(desk: Desk<'_>, records: &[Record], id: &str) -> Result<Vec<Record>, TrackerError> {
    let fits = |record: &&Record| record.id.to_string().starts_with(id);
    let found: Vec<_> = records.iter().filter(fits).collect();
    match found.as_slice() {
        [record] if id.len() >= 8 => {
            refuse_agents(desk, record)?;
            Ok(vec![(*record).clone()])
        }
        [] | [_] => Err(TrackerError::NotThere {
            what: format!("no record is called `{}`", id.escape_debug()),
            hint: "`fleet log T-7 --json` shows their ids; 8 letters at least".to_owned(),
        }),
        several => Err(TrackerError::NotThere {
            what: format!("{} records begin with `{id}`", several.len()),
            hint: "write more of the id".to_owned(),
        }),
    }
}

/// What a commit has and none of its parents had. Of a merge that is nothing: each side brought its own.
fn of_commit(desk: Desk<'_>, records: &[Record], id: &str) -> Result<Vec<Record>, TrackerError> {
    let branch = &desk.policy.state.branch;
    let there = || format!("`git log {branch}` shows the commits of the state");
    let repo = desk.context.repo;
    let view = repo.view_of(id)?.ok_or_else(|| TrackerError::NotThere {
        what: format!("no commit `{}` holds fleet's state", id.escape_debug()),
        hint: there(),
    })?;
    let ids = |view: &StateView| -> Result<BTreeSet<RecordId>, TrackerError> {
        let records = store::history(view, HistoryOf::All)?;
        Ok(records.iter().map(|record| record.id).collect())
    };
    let mut added = ids(&view)?;
    for before in repo.views_before(id)? {
        let before = ids(&before)?;
        added.retain(|record| !before.contains(record));
    }
    if added.is_empty() {
        return Err(TrackerError::Invalid {
            what: format!("commit {id} added no record: it is a merge, or wrote a checkpoint only"),
            hint: there(),
        });
    }
    let found: Vec<Record> = records
        .iter()
        .filter(|record| added.contains(&record.id))
        .cloned()
        .collect();
    if found.len() < added.len() {
        return Err(TrackerError::Invalid {
            what: format!(
                "{} of the {} records of commit {id} are not in the state of {branch}",
                added.len() - found.len(),
                added.len()
            ),
            hint: there(),
        });
    }
    for record in &found {
        refuse_agents(desk, record)?;
    }
    Ok(found)
}

/// An agent takes back its own work only.
fn refuse_agents(desk: Desk<'_>, record: &Record) -> Result<(), TrackerError> {
    if desk.by_program() && record.by != desk.context.actor {
        return Err(TrackerError::Invalid {
            what: format!("an agent cannot take back what {} recorded", record.by),
            hint: "a human runs `fleet undo`".to_owned(),
        });
    }
    Ok(())
}
