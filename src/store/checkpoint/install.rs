//! Rows → state.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use crate::domain::escalation::Escalation;
use crate::domain::ids::{EscalationUid, RecordId, ReviewUid, SessionUid, TaskNumber, TaskUid};
use crate::domain::lock::Lock;
use crate::domain::register::{Reg, Stamp};
use crate::domain::review::Review;
use crate::domain::session::{Release, Session};
use crate::domain::state::{Finding, Pause, State};
use crate::domain::task::Task;
use crate::domain::tracking::Milestone;
use crate::ports::state_repo::StateTree;
use crate::store::checkpoint::dep_text::dep_rows;
use crate::store::checkpoint::header::FileRef;
use crate::store::checkpoint::row_types::{
    DepRow, EscalationRow, FindingRow, Kept, LockRow, MilestoneRow, PauseRow, QueryRow, ReviewRow,
    SessionRow,
};
use crate::store::checkpoint::rows::TEXTS;
use crate::store::checkpoint::task_text::{task_rows, text_rows};
use crate::store::checkpoint::text::{lines_of, rows};
use crate::store::codec::decode_line;
use crate::store::problem::Problem;
use crate::store::snapshot::{Bodies, Making};
use crate::store::texts::Texts;

/// Which rows a reading needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// All.
    All,
    /// What lists show of tasks, and all else; files of texts are left where they are.
    Lists,
    /// At least what belongs to tasks with these numbers: a file has those of many.
    Numbers(&'a [TaskNumber]),
}

impl Wanted<'_> {
    fn lines(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::All | Self::Lists => Cow::Borrowed(bytes),
            Self::Numbers(numbers) => Cow::Owned(lines_of(bytes, numbers)),
        }
    }
}

impl From<Bodies> for Wanted<'_> {
    fn from(bodies: Bodies) -> Self {
        match bodies {
            Bodies::OnlyRows => Self::Lists,
            Bodies::MayBeMissing | Bodies::Read => Self::All,
        }
    }
}

/// Parsed rows of one file.
#[derive(Debug)]
pub(crate) enum Part {
    Tasks(Vec<(TaskUid, Box<Task>)>),
    Texts(Vec<(TaskUid, Texts)>),
    Deps(Vec<DepRow>),
    Sessions(Vec<SessionRow>),
    Locks(Vec<LockRow>),
    Reviews(Vec<ReviewRow>),
    Escalations(Vec<EscalationRow>),
    Findings(Vec<FindingRow>),
    Pauses(Vec<PauseRow>),
    Queries(Vec<QueryRow>),
    Milestones(Vec<MilestoneRow>),
    Unknown(Vec<Kept>),
    Quarantine(Vec<Problem>),
    /// A table of a newer version.
    Other,
}

/// Reads and parses files of rows, on as many threads as the tree offers. The inner error names
/// the first file that is missing or is not what the header says. What is read is added to a
/// snapshot in the making.
pub(crate) fn read_refs(
    tree: &dyn StateTree,
    refs: &[(&str, &FileRef)],
    wanted: Wanted<'_>,
    making: Option<&Making>,
) -> Result<Vec<Part>, String> {
    let mut refs = refs.to_vec();
    refs.retain(|(table, _)| wanted != Wanted::Lists || *table != TEXTS);
    let paths: Vec<_> = refs.iter().map(|(_, file)| file.path.clone()).collect();
    let parts = Mutex::new(BTreeMap::new());
    let visit = |at: usize, bytes: &[u8]| {
        let (table, file) = refs[at];
        let part = if file.fits(bytes) {
            parse(table, bytes, wanted).map_err(|e| format!("{}: {e}", file.path))
        } else {
            Err(format!("{} is not what the header says", file.path))
        };
        if let (Some(making), Ok(part)) = (making, &part) {
            making.add(at, part);
        }
        parts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(at, part);
    };
    tree.read_many(&paths, &visit).map_err(|e| e.to_string())?;
    let mut parts = parts.into_inner().unwrap_or_else(PoisonError::into_inner);
    (0..refs.len())
        .map(|at| match parts.remove(&at) {
            Some(part) => part,
            None => Err(format!("{} is missing", refs[at].1.path)),
        })
        .collect()
}

fn parse(table: &str, bytes: &[u8], wanted: Wanted<'_>) -> Result<Part, String> {
    Ok(match table {
        "tasks" => Part::Tasks(task_rows(&wanted.lines(bytes), wanted != Wanted::Lists)?),
        TEXTS => Part::Texts(text_rows(&wanted.lines(bytes))?),
        "deps" => Part::Deps(dep_rows(&wanted.lines(bytes))?),
        "sessions" => Part::Sessions(rows(bytes)?),
        "locks" => Part::Locks(rows(bytes)?),
        "reviews" => Part::Reviews(rows(bytes)?),
        "escalations" => Part::Escalations(rows(bytes)?),
        "findings" => Part::Findings(rows(bytes)?),
        "pauses" => Part::Pauses(rows(bytes)?),
        "queries" => Part::Queries(rows(bytes)?),
        "milestones" => Part::Milestones(rows(bytes)?),
        "unknown" => Part::Unknown(rows(bytes)?),
        "quarantine" => Part::Quarantine(rows(bytes)?),
        _ => Part::Other,
    })
}

fn reg<T: Default>(slot: Option<(T, Stamp)>) -> Reg<T> {
    slot.map(|(value, at)| Reg { value, at })
        .unwrap_or_default()
}

/// What comes along with a state.
#[derive(Debug, Default, Clone)]
pub(crate) struct Luggage {
    /// Lines kept for newer versions.
    pub(crate) kept: BTreeSet<(RecordId, String)>,
    /// Problems of covered lines.
    pub(crate) problems: BTreeSet<Problem>,
}

/// Puts rows into a state that no record was applied to yet. Tasks and edges go in as one list
/// each: there are many, and a sorted map is made of a list far faster than row by row.
pub(crate) fn install(parts: Vec<Part>, state: &mut State, luggage: &mut Luggage) {
    let (mut tasks, mut texts, mut deps) = (Vec::new(), Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Tasks(rows) => tasks.extend(rows),
            Part::Texts(rows) => texts.push(rows),
            Part::Deps(rows) => deps.extend(rows.iter().map(DepRow::edge)),
            other => other.install(state, luggage),
        }
    }
    state.restore_tasks(tasks);
    state.restore_deps(deps);
    for (uid, texts) in texts.into_iter().flatten() {
        texts.install(uid, state);
    }
}

impl Part {
    /// The rows of the small tables.
    fn install(self, state: &mut State, luggage: &mut Luggage) {
        match self {
            Self::Tasks(_) | Self::Texts(_) | Self::Deps(_) | Self::Other => {}
            Self::Sessions(rows) => state.sessions.extend(rows.into_iter().map(session)),
            Self::Locks(rows) => state.locks.extend(rows.into_iter().map(lock)),
            Self::Reviews(rows) => state.reviews.extend(rows.into_iter().map(review)),
            Self::Escalations(rows) => state.escalations.extend(rows.into_iter().map(escalation)),
            Self::Findings(rows) => state.findings.extend(rows.into_iter().map(finding)),
            Self::Pauses(rows) => state.pauses.extend(rows.into_iter().map(pause)),
            Self::Queries(rows) => state.queries.extend(rows.into_iter().map(query)),
            Self::Milestones(rows) => state.milestones.extend(rows.into_iter().map(milestone)),
            Self::Unknown(rows) => luggage.kept.extend(rows.into_iter().map(|k| (k.id, k.raw))),
            Self::Quarantine(rows) => luggage.problems.extend(rows),
        }
    }
}

fn session(row: SessionRow) -> (SessionUid, Session) {
    let unstarted = row.unstarted;
    let released = row.released.map(|(proof, at)| {
        let release = Release { proof, unstarted };
        (release, at)
    });
    let session = Session {
        claim: row.claim,
        started: row.started,
        lease_until: reg(row.lease_until),
        agent_session: reg(row.agent_session),
        finished: row.finished,
        released,
        spent: reg(row.spent),
        remote: row.remote,
    };
    (row.id, session)
}

fn lock(row: LockRow) -> (SessionUid, Lock) {
    let lock = Lock {
        task: row.task,
        globs: row.globs,
        until: reg(row.until),
        released: row.released,
    };
    (row.id, lock)
}

fn review(row: ReviewRow) -> (ReviewUid, Review) {
    let feedback = row.feedback.into_iter().map(|(f, at)| (at.id, (f, at)));
    let commands = row.commands.into_iter().map(|(c, at)| (at.id, (c, at)));
    let review = Review {
        opened: row.opened,
        head: reg(row.head),
        state: reg(row.state),
        feedback: feedback.collect(),
        base: reg(row.base),
        approved: reg(row.approved),
        commands: commands.collect(),
    };
    (row.id, review)
}

fn escalation(row: EscalationRow) -> (EscalationUid, Escalation) {
    let escalation = Escalation {
        opened: row.opened,
        answer: row.answer,
    };
    (row.id, escalation)
}

fn finding(row: FindingRow) -> (RecordId, Finding) {
    let finding = Finding {
        task: row.task,
        session: row.session,
        text: row.text,
        at: row.at,
    };
    (row.at.id, finding)
}

fn query(row: QueryRow) -> (String, Reg<Option<String>>) {
    let reg = Reg {
        value: row.query,
        at: row.at,
    };
    (row.name, reg)
}

fn milestone(row: MilestoneRow) -> (String, Milestone) {
    let milestone = Milestone {
        due: reg(row.due),
        closed: reg(row.closed),
        note: reg(row.note),
    };
    (row.name, milestone)
}

fn pause(row: PauseRow) -> (String, Reg<Pause>) {
    let value = Pause {
        until: row.until,
        reason: row.reason,
    };
    (row.agent, Reg { value, at: row.at })
}

/// Applies the kept lines again: what this build understands of them is in the rows already, and
/// what only their text holds exactly (large numbers, newer operations) comes back with it.
pub(crate) fn apply_kept(state: &mut State, luggage: &Luggage) {
    for (_, raw) in &luggage.kept {
        if let Ok(record) = decode_line(raw) {
            state.apply(&record);
        }
    }
}
