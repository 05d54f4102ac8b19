//! Query × task → whether it is meant.

use std::cmp::Ordering;

use crate::domain::dates::Spoken;
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::record::CloseOutcome;
use crate::domain::register::Stamp;
use crate::domain::task::{Complexity, Deliverable, Task};
use crate::domain::time::Timestamp;
use crate::domain::tracking::GateState;
use crate::engine::phase::Phase;
use crate::engine::query::fields::{Field, Kind};
use crate::engine::query::{Expr, Op, Term, Value};
use crate::engine::ready::{Board, gate_state};

/// Where a question is asked.
pub struct Asked<'a> {
    /// The state, the time and the policy.
    pub board: &'a Board<'a>,
    /// Seconds that the user's clock is ahead of UTC at a time.
    pub offset: &'a dyn Fn(Timestamp) -> i32,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

/// Whether a task is meant.
#[must_use]
pub fn matches(asked: &Asked<'_>, uid: TaskUid, task: &Task, wanted: &Expr) -> bool {
    match wanted {
        Expr::All(list) => list.iter().all(|e| matches(asked, uid, task, e)),
        Expr::Any(list) => list.iter().any(|e| matches(asked, uid, task, e)),
        Expr::Not(inner) => !matches(asked, uid, task, inner),
        Expr::Text(words) => {
            has_words(&task.title.value, words)
                || has_words(&task.body.value, words)
                || task.labels.iter().any(|label| has_words(label, words))
        }
        Expr::Term(term) => holds(asked, uid, task, term),
    }
}

fn has_words(text: &str, words: &str) -> bool {
    // Most text is of plain letters, and most does not match: no copy is made for it.
    if words.is_ascii() && text.is_ascii() {
        let (text, words) = (text.as_bytes(), words.as_bytes());
        return words.is_empty()
            || text
                .windows(words.len())
                .any(|part| part.eq_ignore_ascii_case(words));
    }
    text.to_lowercase().contains(words)
}

fn holds(asked: &Asked<'_>, uid: TaskUid, task: &Task, term: &Term) -> bool {
    let any = term
        .values
        .iter()
        .any(|value| one(asked, uid, task, term, value));
    any != (term.op == Op::IsNot)
}

fn one(asked: &Asked<'_>, uid: TaskUid, task: &Task, term: &Term, value: &Value) -> bool {
    match term.field.kind() {
        Kind::Past | Kind::Future => {
            let at = moment(task, term.field);
            match value {
                Value::Time(spoken) => at.is_some_and(|at| in_time(asked, term, *spoken, at)),
                _ => at.is_none(),
            }
        }
        Kind::Number | Kind::Effort => {
            let number = match term.field {
                Field::Estimate => task.details.estimate_minutes.value,
                _ => Some(u64::from(task.priority())),
            };
            match (value, number) {
                (Value::Number(wanted), Some(number)) => ordered(term.op, number.cmp(wanted)),
                (Value::None, None) => true,
                _ => false,
            }
        }
        Kind::Words(_) | Kind::Text => worded(asked, uid, task, term.field, value),
    }
}

/// Compares a time. Without an order, a day means any time of that day.
fn in_time(asked: &Asked<'_>, term: &Term, spoken: Spoken, at: Timestamp) -> bool {
    let now = asked.board.now;
    let wanted = match spoken {
        spoken if term.field.kind() == Kind::Past => spoken.back(now, asked.offset),
        spoken => spoken.resolve(now, asked.offset),
    };
    match (term.op, spoken) {
        (Op::Is | Op::IsNot, Spoken::Day(_, None)) => {
            at >= wanted && at < Timestamp(wanted.0 + 86_400_000)
        }
        // To the minute, as people say times.
        (Op::Is | Op::IsNot, _) => at.0 / 60_000 == wanted.0 / 60_000,
        (op, _) => ordered(op, at.cmp(&wanted)),
    }
}

const fn ordered(op: Op, order: Ordering) -> bool {
    match op {
        Op::Is | Op::IsNot => order.is_eq(),
        Op::Less => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::More => order.is_gt(),
        Op::AtLeast => order.is_ge(),
    }
}

fn written(stamp: Stamp) -> Option<Timestamp> {
    (stamp != Stamp::NOBODY).then(|| stamp.ts.wall())
}

fn moment(task: &Task, field: Field) -> Option<Timestamp> {
    match field {
        Field::Added => task.added.as_ref().map(|(_, at)| at.ts.wall()),
        Field::Updated => written(task.updated),
        Field::Closed => (!task.is_open()).then(|| written(task.status.at)).flatten(),
        Field::Due => task.details.due.value,
        Field::Defer => task.details.defer_until.value,
        _ => None,
    }
}

fn worded(asked: &Asked<'_>, uid: TaskUid, task: &Task, field: Field, value: &Value) -> bool {
    let Value::Pattern(pattern) = value else {
        return is_absent(asked, uid, task, field);
    };
    let fits = |text: &str| glob(pattern, &text.to_lowercase());
    let opt = |text: Option<&str>| text.is_some_and(fits);
    let details = &task.details;
    match field {
        Field::Status => fits(if task.is_open() { "open" } else { "closed" }),
        Field::Phase => fits(asked.board.phase(uid).0.name()),
        Field::Is => is(asked, uid, task, pattern),
        Field::Has => has(asked, uid, task, pattern),
        Field::Type => fits(task.type_name()),
        Field::Complexity => fits(match details.complexity.value {
            Complexity::Low => "low",
            Complexity::Medium => "medium",
            Complexity::High => "high",
        }),
        Field::Deliverable => fits(match details.deliverable.value {
            Deliverable::Pr => "pr",
            Deliverable::Report => "report",
            Deliverable::Plan => "plan",
        }),
        Field::Outcome => fits(match task.outcome() {
            None => "none",
            Some(CloseOutcome::Done) => "done",
            Some(CloseOutcome::Wontdo) => "wontdo",
            Some(CloseOutcome::Duplicate) => "duplicate",
            Some(CloseOutcome::Failed) => "failed",
        }),
        Field::Label => task.labels.iter().any(fits),
        Field::Path => task.paths.iter().any(fits),
        Field::Assignee => opt(details.assignee.value.as_deref()),
        Field::By => task.added.as_ref().is_some_and(|(by, _)| {
            fits(by) || by.split_once(':').is_some_and(|(_, name)| fits(name))
        }),
        Field::Agent => opt(details.agent.value.as_deref()),
        Field::Milestone => opt(details.milestone.value.as_deref()),
        Field::Ref => opt(details.external_ref.value.as_deref()),
        Field::Title => part(pattern, &task.title.value),
        Field::Body => part(pattern, &task.body.value),
        Field::Comment => details.comments.values().any(|c| part(pattern, &c.text)),
        Field::Id => fits(&asked.board.state.name_of(uid).to_string()),
        Field::Parent => above(asked, uid)
            .iter()
            .any(|up| named(asked, *up, pattern)),
        Field::Dep => asked
            .board
            .state
            .deps_from(uid)
            .any(|key| key.kind != DepKind::ParentChild && named(asked, key.to, pattern)),
        _ => false,
    }
}

fn named(asked: &Asked<'_>, uid: TaskUid, pattern: &str) -> bool {
    let name = asked.board.state.name_of(uid).to_string();
    glob(pattern, &name.to_lowercase())
}

/// Wholes that a task is a part of, near ones first.
fn above(asked: &Asked<'_>, uid: TaskUid) -> Vec<TaskUid> {
    let mut found = Vec::new();
    let mut todo = vec![uid];
    while let Some(at) = todo.pop() {
        let edges = asked.board.state.deps_from(at);
        for key in edges.filter(|key| key.kind == DepKind::ParentChild) {
            if !found.contains(&key.to) {
                found.push(key.to);
                todo.push(key.to);
            }
        }
    }
    found
}

fn is_absent(asked: &Asked<'_>, uid: TaskUid, task: &Task, field: Field) -> bool {
    let thing = match field {
        Field::Label => "label",
        Field::Path => "path",
        Field::Assignee => "assignee",
        Field::Milestone => "milestone",
        Field::Ref => "ref",
        Field::Body => "body",
        Field::Comment => "comment",
        Field::Parent => "parent",
        Field::Dep => "dep",
        Field::Agent => return task.details.agent.value.is_none(),
        _ => return false,
    };
    !has(asked, uid, task, thing)
}

fn is(asked: &Asked<'_>, uid: TaskUid, task: &Task, flag: &str) -> bool {
    let phase = || asked.board.phase(uid).0;
    match flag {
        "open" => task.is_open(),
        "closed" => !task.is_open(),
        "ready" => task.is_open() && phase() == Phase::Ready,
        "blocked" => task.is_open() && phase() == Phase::Blocked,
        "deferred" => task.is_open() && phase() == Phase::Deferred,
        "running" => task.is_open() && phase() == Phase::Running,
        "overdue" => {
            let due = task.details.due.value;
            task.is_open() && due.is_some_and(|due| due < asked.board.now)
        }
        "epic" => task.type_name() == "epic" || has_parts(asked, uid),
        "leaf" => !has_parts(asked, uid),
        "gated" => {
            task.details.gates.values().any(|gate| {
                gate_state(asked.board.state, gate, asked.board.now) == GateState::Waiting
            })
        }
        "admitted" => crate::engine::admission::is_admitted(task),
        "held" => task.details.held_by.value.is_some(),
        _ => false,
    }
}

fn has_parts(asked: &Asked<'_>, uid: TaskUid) -> bool {
    let edges = asked.board.index.deps_to(uid);
    edges
        .into_iter()
        .any(|key| key.kind == DepKind::ParentChild)
}

fn has(asked: &Asked<'_>, uid: TaskUid, task: &Task, thing: &str) -> bool {
    let details = &task.details;
    let edges = || asked.board.state.deps_from(uid);
    match thing {
        "label" => task.labels.iter().next().is_some(),
        "path" => task.paths.iter().next().is_some(),
        "assignee" => details.assignee.value.is_some(),
        "due" => details.due.value.is_some(),
        "milestone" => details.milestone.value.is_some(),
        "estimate" => details.estimate_minutes.value.is_some(),
        "ref" => details.external_ref.value.is_some(),
        "body" => !task.body.value.trim().is_empty(),
        "acceptance" => !details.acceptance.value.is_empty(),
        "comment" => !task.comments().is_empty(),
        "gate" => !details.gates.is_empty(),
        "parent" => edges().any(|key| key.kind == DepKind::ParentChild),
        "part" => has_parts(asked, uid),
        "dep" => edges().any(|key| key.kind.orders() && key.kind != DepKind::ParentChild),
        "session" => !asked.board.index.sessions_of(uid).is_empty(),
        _ => false,
    }
}

/// Whether a longer text has the words, or fits the pattern as a whole.
fn part(pattern: &str, text: &str) -> bool {
    if pattern.contains(['*', '?']) {
        glob(pattern, &text.to_lowercase())
    } else {
        has_words(text, pattern)
    }
}

/// Whether a pattern with `*` and `?` fits the whole text. Time is at most the product of both
/// lengths.
#[must_use]
pub fn glob(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                // The star takes one letter more.
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    p = at + 1;
                    t = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Orders two tasks by the fields of a query. What has no value comes last.
#[must_use]
pub fn compare(
    asked: &Asked<'_>,
    sort: &[(Field, bool)],
    a: (TaskUid, &Task),
    b: (TaskUid, &Task),
) -> Ordering {
    for (field, back) in sort {
        let (x, y) = (key(asked, *field, a), key(asked, *field, b));
        let order = match (&x, &y) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(x), Some(y)) if *back => y.cmp(x),
            (Some(x), Some(y)) => x.cmp(y),
        };
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Number(u64),
    Text(String),
}

fn key(asked: &Asked<'_>, field: Field, (uid, task): (TaskUid, &Task)) -> Option<Key> {
    let text = |text: &str| Some(Key::Text(text.to_lowercase()));
    let details = &task.details;
    match field {
        Field::Priority => Some(Key::Number(u64::from(task.priority()))),
        Field::Estimate => details.estimate_minutes.value.map(Key::Number),
        Field::Complexity => Some(Key::Number(details.complexity.value as u64)),
        Field::Added | Field::Updated | Field::Closed | Field::Due | Field::Defer => {
            moment(task, field).map(|at| Key::Number(at.0))
        }
        Field::Id => asked
            .board
            .state
            .number_of(uid)
            .map(|n| Key::Number(u64::from(n.get()))),
        Field::Status => Some(Key::Number(u64::from(!task.is_open()))),
        Field::Phase => Some(Key::Number(asked.board.phase(uid).0 as u64)),
        Field::Type => text(task.type_name()),
        Field::Title => text(&task.title.value),
        Field::Assignee => details.assignee.value.as_deref().and_then(text),
        Field::Milestone => details.milestone.value.as_deref().and_then(text),
        Field::Agent => details.agent.value.as_deref().and_then(text),
        Field::Ref => details.external_ref.value.as_deref().and_then(text),
        Field::By => task.added.as_ref().and_then(|(by, _)| text(by)),
        Field::Label => task.labels.iter().next().and_then(text),
        _ => None,
    }
}
