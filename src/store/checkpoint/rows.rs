//! State → rows of all tables, each with the task that it belongs to.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::dep::DepKind;
use crate::domain::escalation::Escalation;
use crate::domain::halves::in_halves;
use crate::domain::ids::{RecordId, SessionUid, TaskNumber, TaskUid};
use crate::domain::lock::Lock;
use crate::domain::register::{Reg, Stamp};
use crate::domain::review::Review;
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Timestamp};
use crate::store::checkpoint::row_types::{
    DepRow, EscalationRow, FindingRow, Kept, LockRow, MilestoneRow, PauseRow, QueryRow, ReviewRow,
    SessionRow, Slot,
};
use crate::store::checkpoint::task_row::TaskRow;
use crate::store::checkpoint::text::line;
use crate::store::codec::decode_line;
use crate::store::problem::Problem;

/// Work closed longer ago than this leaves the live rows.
pub(crate) const ARCHIVE_AFTER: DurationMs = DurationMs(7 * 24 * 3_600_000);

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    /// Number of the task that it belongs to; 0 = none.
    pub(crate) n: u32,
    /// Order within the number.
    pub(crate) order: String,
    /// Its bytes, without newline.
    pub(crate) line: String,
    /// True if it belongs to finished work.
    pub(crate) archived: bool,
}

/// Rows by table.
pub(crate) type Rows = BTreeMap<&'static str, Vec<Row>>;

/// The table of what no list shows of tasks.
pub(crate) const TEXTS: &str = "texts";

/// All tables, in the order of the header.
pub(crate) const TABLES: [&str; 13] = [
    "tasks",
    TEXTS,
    "deps",
    "sessions",
    "locks",
    "reviews",
    "escalations",
    "findings",
    "pauses",
    "queries",
    "milestones",
    "unknown",
    "quarantine",
];

/// Which task things belong to.
struct Owners<'a> {
    state: &'a State,
    archived: BTreeSet<TaskUid>,
}

impl Owners<'_> {
    fn row(&self, task: Option<TaskUid>, order: String, line: impl FnOnce(u32) -> String) -> Row {
        let n = task
            .and_then(|uid| self.state.tasks.get(&uid))
            .and_then(|t| t.number.value)
            .map_or(0, TaskNumber::get);
        Row {
            n,
            order,
            line: line(n),
            archived: task.is_some_and(|uid| self.archived.contains(&uid)),
        }
    }

    fn of_session(&self, session: SessionUid) -> Option<TaskUid> {
        self.state.sessions.get(&session).and_then(Session::task)
    }
}

/// Tasks that may leave the live rows: closed for [`ARCHIVE_AFTER`], numbered alone, nothing of
/// theirs open, and no edge to them from a task that stays for a reason of its own.
pub(crate) fn archivable(state: &State, now: Timestamp) -> BTreeSet<TaskUid> {
    let old = |at: &Stamp| at.written_by(now).plus(ARCHIVE_AFTER) <= now;
    let mut done: BTreeSet<_> = state
        .tasks
        .iter()
        .filter(|(_, t)| t.added.is_some() && !t.is_open() && old(&t.status.at))
        .filter(|(_, t)| {
            let alone = |n| state.claimants(n).len() == 1;
            t.number.value.is_some_and(alone)
        })
        .map(|(uid, _)| *uid)
        .collect();
    for session in state.sessions.values() {
        let ended = session.finished.as_ref().is_none_or(|(_, at)| old(at));
        if (session.holds_lease() || !ended)
            && let Some(task) = session.task()
        {
            done.remove(&task);
        }
    }
    let reviews = state.reviews.values().filter(|r| r.is_open());
    let reviews = reviews.filter_map(|r| r.opened.as_ref().map(|(o, _)| o.task));
    let asked = state.escalations.values().filter(|e| e.is_open());
    let asked = asked.filter_map(|e| e.opened.as_ref().map(|(o, _)| o.task));
    for task in reviews.chain(asked) {
        done.remove(&task);
    }
    let pinned: Vec<_> = state
        .live_deps()
        .filter(|edge| !done.contains(&edge.from))
        .map(|edge| edge.to)
        .collect();
    for task in pinned {
        done.remove(&task);
    }
    keep_awaited_parts(state, &mut done);
    done
}

/// Who waits for the parts of a task must see them: they stay while he is there.
fn keep_awaited_parts(state: &State, done: &mut BTreeSet<TaskUid>) {
    let awaited: BTreeSet<TaskUid> = state
        .live_deps()
        .filter(|edge| edge.kind == DepKind::WaitsFor && !done.contains(&edge.from))
        .map(|edge| edge.to)
        .collect();
    if awaited.is_empty() {
        return;
    }
    let parts = state
        .live_deps()
        .filter(|edge| edge.kind == DepKind::ParentChild && awaited.contains(&edge.to));
    for part in parts {
        done.remove(&part.from);
    }
}

fn slot<T: Clone>(reg: &Reg<T>) -> Slot<T> {
    reg.is_written().then(|| (reg.value.clone(), reg.at))
}

/// All rows of a state, sorted.
pub(crate) fn rows(
    state: &State,
    kept: &BTreeSet<(RecordId, String)>,
    problems: &BTreeSet<Problem>,
    archived: BTreeSet<TaskUid>,
) -> Rows {
    let owners = Owners { state, archived };
    let mut rows: Rows = TABLES.iter().map(|table| (*table, Vec::new())).collect();
    let mut put = |table: &'static str, list: Vec<Row>| {
        rows.insert(table, list);
    };
    let (tasks, texts) = task_rows(&owners);
    put("tasks", tasks);
    put(TEXTS, texts);
    put("deps", dep_rows(&owners));
    put("sessions", session_rows(&owners));
    put("locks", lock_rows(&owners));
    put("reviews", review_rows(&owners));
    put("escalations", escalation_rows(&owners));
    put("findings", finding_rows(&owners));
    put("pauses", pause_rows(&owners));
    put("queries", query_rows(&owners));
    put("milestones", milestone_rows(&owners));
    put("unknown", kept_rows(&owners, kept));
    let quarantine = problems.iter().map(|p| {
        let order = format!("{} {:012} {}", p.path, p.line, p.what.name());
        owners.row(None, order, |_| line(p))
    });
    put("quarantine", quarantine.collect());
    for list in rows.values_mut() {
        list.sort();
    }
    rows
}

/// What lists show of tasks, and their texts.
fn task_rows(owners: &Owners<'_>) -> (Vec<Row>, Vec<Row>) {
    let tasks: Vec<_> = owners.state.tasks.iter().collect();
    let rows = rows_of(&tasks, |(uid, task)| {
        let mut row = TaskRow::of(**uid, task);
        let texts = row.take_texts();
        let own = |row: &TaskRow| owners.row(Some(**uid), uid.to_string(), |_| line(row));
        (own(&row), texts.as_ref().map(own))
    });
    let (tasks, texts): (_, Vec<_>) = rows.into_iter().unzip();
    (tasks, texts.into_iter().flatten().collect())
}

fn dep_rows(owners: &Owners<'_>) -> Vec<Row> {
    let deps: Vec<_> = owners.state.deps.iter().collect();
    rows_of(&deps, |(key, reg)| {
        let order = format!("{} {} {}", key.from, key.to, key.kind);
        owners.row(Some(key.from), order, |n| {
            line(&DepRow {
                n,
                from: key.from,
                to: key.to,
                kind: key.kind,
                present: reg.value,
                at: reg.at,
            })
        })
    })
}

/// The rows of a table that may be long.
fn rows_of<T: Sync, R: Send>(values: &[T], row: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let halves = in_halves(values, |part| part.iter().map(&row).collect::<Vec<_>>());
    halves.into_iter().flatten().collect()
}

fn session_rows(owners: &Owners<'_>) -> Vec<Row> {
    let sessions = owners.state.sessions.iter();
    sessions
        .map(|(uid, s)| {
            owners.row(s.task(), uid.to_string(), |n| {
                line(&SessionRow {
                    n,
                    id: *uid,
                    claim: s.claim.clone(),
                    started: s.started.clone(),
                    lease_until: slot(&s.lease_until),
                    agent_session: slot(&s.agent_session),
                    finished: s.finished.clone(),
                    released: s.released.clone().map(|(release, at)| (release.proof, at)),
                    unstarted: s.released.as_ref().is_some_and(|(r, _)| r.unstarted),
                    spent: slot(&s.spent),
                    remote: s.remote.clone(),
                })
            })
        })
        .collect()
}

fn lock_rows(owners: &Owners<'_>) -> Vec<Row> {
    let locks = owners.state.locks.iter();
    locks
        .map(|(uid, lock): (_, &Lock)| {
            let task = lock.task.or_else(|| owners.of_session(*uid));
            owners.row(task, uid.to_string(), |n| {
                line(&LockRow {
                    n,
                    id: *uid,
                    task: lock.task,
                    globs: lock.globs.clone(),
                    until: slot(&lock.until),
                    released: lock.released,
                })
            })
        })
        .collect()
}

fn review_rows(owners: &Owners<'_>) -> Vec<Row> {
    let reviews = owners.state.reviews.iter();
    reviews
        .map(|(uid, review): (_, &Review)| {
            let task = review.opened.as_ref().map(|(o, _)| o.task);
            owners.row(task, uid.to_string(), |n| {
                line(&ReviewRow {
                    n,
                    id: *uid,
                    opened: review.opened.clone(),
                    head: slot(&review.head),
                    state: slot(&review.state),
                    feedback: review.feedback.values().cloned().collect(),
                    base: slot(&review.base),
                    approved: slot(&review.approved),
                    commands: review.commands.values().cloned().collect(),
                })
            })
        })
        .collect()
}

fn escalation_rows(owners: &Owners<'_>) -> Vec<Row> {
    let escalations = owners.state.escalations.iter();
    escalations
        .map(|(uid, e): (_, &Escalation)| {
            let task = e.opened.as_ref().map(|(o, _)| o.task);
            owners.row(task, uid.to_string(), |n| {
                line(&EscalationRow {
                    n,
                    id: *uid,
                    opened: e.opened.clone(),
                    answer: e.answer.clone(),
                })
            })
        })
        .collect()
}

fn finding_rows(owners: &Owners<'_>) -> Vec<Row> {
    let findings = owners.state.findings.iter();
    findings
        .map(|(id, f)| {
            owners.row(Some(f.task), id.to_string(), |n| {
                line(&FindingRow {
                    n,
                    at: f.at,
                    task: f.task,
                    session: f.session,
                    text: f.text.clone(),
                })
            })
        })
        .collect()
}

fn pause_rows(owners: &Owners<'_>) -> Vec<Row> {
    let pauses = owners.state.pauses.iter();
    pauses
        .map(|(agent, reg)| {
            owners.row(None, agent.clone(), |_| {
                line(&PauseRow {
                    agent: agent.clone(),
                    until: reg.value.until,
                    reason: reg.value.reason.clone(),
                    at: reg.at,
                })
            })
        })
        .collect()
}

fn query_rows(owners: &Owners<'_>) -> Vec<Row> {
    let queries = owners.state.queries.iter();
    queries
        .map(|(name, reg)| {
            owners.row(None, name.clone(), |_| {
                line(&QueryRow {
                    name: name.clone(),
                    query: reg.value.clone(),
                    at: reg.at,
                })
            })
        })
        .collect()
}

fn milestone_rows(owners: &Owners<'_>) -> Vec<Row> {
    let milestones = owners.state.milestones.iter();
    milestones
        .map(|(name, milestone)| {
            owners.row(None, name.clone(), |_| {
                line(&MilestoneRow {
                    name: name.clone(),
                    due: slot(&milestone.due),
                    closed: slot(&milestone.closed),
                    note: slot(&milestone.note),
                })
            })
        })
        .collect()
}

fn kept_rows(owners: &Owners<'_>, kept: &BTreeSet<(RecordId, String)>) -> Vec<Row> {
    let owner = |raw: &str| {
        let about = decode_line(raw).ok()?.about();
        about
            .task
            .or_else(|| about.session.and_then(|s| owners.of_session(s)))
    };
    kept.iter()
        .map(|(id, raw)| {
            owners.row(owner(raw), id.to_string(), |n| {
                line(&Kept {
                    n,
                    id: *id,
                    raw: raw.clone(),
                })
            })
        })
        .collect()
}
