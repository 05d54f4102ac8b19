//! Adding a whole plan: many tasks and their edges, recorded together or not at all.

mod circles;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::app::publish::Decision;
use crate::app::tracker::add::{mint, refuse_cycles};
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::graph::circles::refuse_circles;
use crate::app::tracker::names::{name, resolve, title};
use crate::app::tracker::report::{GraphReport, GraphRow};
use crate::app::tracker::request::{DepSpec, Edits, Mode, When};
use crate::app::tracker::values::{self, Checked};
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{DepEdge, Op};
use crate::domain::state::State;
use crate::domain::task::{Complexity, Deliverable};
use crate::domain::time::Timestamp;
use crate::ports::clock::Clock;
use crate::store::Scope;

/// A plan as written in a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Its tasks.
    pub tasks: Vec<PlannedTask>,
}

/// One task of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the names are those of `domain::record::TaskFields`"
)]
pub struct PlannedTask {
    /// Its name in the plan.
    pub id: String,
    pub title: String,
    #[serde(default, alias = "description")]
    pub body: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    pub priority: Option<u8>,
    #[serde(default)]
    pub complexity: Option<Complexity>,
    #[serde(default)]
    pub deliverable: Option<Deliverable>,
    #[serde(default)]
    pub acceptance: Vec<String>,
    #[serde(default)]
    pub assignee: Option<String>,
    #[serde(default)]
    pub due: Option<Timestamp>,
    #[serde(default)]
    pub defer_until: Option<Timestamp>,
    #[serde(default)]
    pub external_ref: Option<String>,
    #[serde(default)]
    pub agent: Option<String>,
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default)]
    pub paths: Vec<String>,
    /// Names of the plan, or existing tasks; with a kind in front, `related:T-7`.
    #[serde(default)]
    pub deps: Vec<String>,
    /// A name of the plan, or an existing task.
    #[serde(default)]
    pub parent: Option<String>,
}

/// A task that is to be added with others, its values not checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Where it is described, for people.
    pub place: String,
    /// Its name among the others.
    pub id: String,
    /// Its values.
    pub edits: Edits,
    /// Its idempotency key.
    pub key: Option<String>,
    /// Places and names of what it depends on: of the others, or existing tasks; with a kind in front,
    /// `related:T-7`.
    pub deps: Vec<(String, String)>,
    /// Place and name of what it is part of; the place ends with its field `parent`.
    pub parent: Option<(String, String)>,
}

/// End of the place of a parent.
pub(in crate::app::tracker) const PARENT: &str = ".parent";

impl Plan {
    /// Its tasks.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let tasks = self.tasks.iter().enumerate();
        tasks
            .map(|(at, task)| Entry {
                place: format!("tasks[{at}] (`{}`)", task.id.escape_debug()),
                id: task.id.clone(),
                edits: edits(task),
                key: task.key.clone(),
                deps: (0..)
                    .zip(&task.deps)
                    .map(|(n, dep)| (format!("tasks[{at}].deps[{n}]"), dep.clone()))
                    .collect(),
                parent: task
                    .parent
                    .as_ref()
                    .map(|parent| (format!("tasks[{at}]{PARENT}"), parent.clone())),
            })
            .collect()
    }
}

fn invalid(what: String, hint: &str) -> TrackerError {
    TrackerError::Invalid {
        what,
        hint: hint.to_owned(),
    }
}

/// Reads a plan.
///
/// # Errors
/// Not JSON, an unknown field, or a missing one; with line and column.
pub fn parse(text: &str) -> Result<Plan, TrackerError> {
    serde_json::from_str(text).map_err(|e| {
        invalid(
            format!("failed to read the plan: {e}"),
            "`fleet add --help` shows what a plan looks like",
        )
    })
}

/// Where an edge of a plan leads.
#[derive(Debug, Clone)]
enum Target {
    Planned(usize),
    Existing(TaskSelector),
}

struct Edge {
    from: usize,
    kind: DepKind,
    to: Target,
}

/// A plan whose values and names are in order.
struct Checklist {
    tasks: Vec<(Checked, Option<String>)>,
    edges: Vec<Edge>,
}

/// What came of one task of the plan.
struct Row {
    uid: TaskUid,
    existed: bool,
}

/// Records a plan, whole or not at all. Tasks whose key exists already are left as they are.
///
/// # Errors
/// A wrong value or unknown name, with its place in the plan; a cycle; a failed publish.
pub fn add(desk: Desk<'_>, plan: &[Entry], mode: Mode) -> Result<GraphReport, TrackerError> {
    let list = check(plan, desk.context.clock)?;
    if plan.is_empty() {
        return Err(invalid("the plan has no tasks".to_owned(), ""));
    }
    let scope = if plan.iter().any(|t| t.key.is_some()) {
        Scope::All
    } else {
        Scope::Live
    };
    let subject = format!("add a plan of {} tasks", plan.len());
    let done = desk.change("add the plan", scope, mode, |loaded, minter| {
        let mut rows = Vec::new();
        for (checked, key) in &list.tasks {
            let known = key.as_deref().and_then(|k| loaded.state.by_key(k));
            rows.push(match known {
                Some(uid) => Row { uid, existed: true },
                None => Row {
                    uid: mint(minter, desk, checked, key.clone()),
                    existed: false,
                },
            });
        }
        let edges = mint_edges(&loaded.state, &list.edges, &rows, |edge| {
            minter.add(Op::DepAdded(edge));
        })?;
        let uids: Vec<TaskUid> = rows.iter().map(|row| row.uid).collect();
        refuse_cycles(&loaded.state, minter, &uids)?;
        Ok(if minter.records().is_empty() {
            Decision::Nothing((rows, edges))
        } else {
            Decision::write((rows, edges), subject.clone())
        })
    })?;
    let (rows, deps) = done.value;
    let tasks: Vec<_> = plan
        .iter()
        .zip(rows)
        .map(|(planned, row)| GraphRow {
            name: planned.id.clone(),
            id: name(&done.state, row.uid),
            uid: row.uid.to_string(),
            title: title(&done.state, row.uid),
            existed: row.existed,
        })
        .collect();
    Ok(GraphReport {
        total: tasks.len(),
        tasks,
        has_more: false,
        deps,
        delivery: done.delivery,
    })
}

fn mint_edges(
    state: &State,
    edges: &[Edge],
    rows: &[Row],
    mut mint: impl FnMut(DepEdge),
) -> Result<usize, TrackerError> {
    let mut seen = BTreeSet::new();
    for edge in edges {
        let from = rows[edge.from].uid;
        let to = match &edge.to {
            Target::Planned(at) => rows[*at].uid,
            Target::Existing(selector) => resolve(state, selector)?,
        };
        let kind = edge.kind;
        let there = state
            .deps_from(from)
            .any(|key| key.to == to && key.kind == kind);
        if !there && seen.insert((from, to, kind)) {
            mint(DepEdge { from, to, kind });
        }
    }
    Ok(seen.len())
}

/// Names of the entries, and which they are.
fn names(plan: &[Entry]) -> Result<BTreeMap<&str, usize>, TrackerError> {
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    for (at, task) in plan.iter().enumerate() {
        if let Some(before) = names.insert(&task.id, at) {
            let (place, before) = (&task.place, &plan[before].place);
            return Err(invalid(
                format!("{place}: the name is that of {before} already"),
                "give every task of the plan a name of its own",
            ));
        }
    }
    Ok(names)
}

fn check(plan: &[Entry], clock: &dyn Clock) -> Result<Checklist, TrackerError> {
    let names = names(plan)?;
    let mut list = Checklist {
        tasks: Vec::new(),
        edges: Vec::new(),
    };
    for (at, task) in plan.iter().enumerate() {
        let located = |error: TrackerError| match error {
            TrackerError::Invalid { what, hint } => TrackerError::Invalid {
                what: format!("{}: {what}", task.place),
                hint,
            },
            other => other,
        };
        let checked = values::check(&task.edits, clock).map_err(located)?;
        let key = task.key.as_deref().map(values::key).transpose();
        list.tasks.push((checked, key.map_err(located)?));
        for (place, text) in task.parent.iter().chain(&task.deps) {
            let (kind, to) = edge(&names, place, text)?;
            list.edges.push(Edge { from: at, kind, to });
        }
    }
    refuse_circles(plan, &list.edges)?;
    Ok(list)
}

/// Edges of an entry that stands alone: all of them lead to existing tasks.
pub(in crate::app::tracker) fn existing(
    entry: &Entry,
) -> Result<Vec<(String, DepSpec)>, TrackerError> {
    let mut edges = Vec::new();
    for (place, text) in entry.parent.iter().chain(&entry.deps) {
        if let (kind, Target::Existing(on)) = edge(&BTreeMap::new(), place, text)? {
            edges.push((place.clone(), DepSpec { kind, on }));
        }
    }
    Ok(edges)
}

fn edge(
    names: &BTreeMap<&str, usize>,
    place: &str,
    text: &str,
) -> Result<(DepKind, Target), TrackerError> {
    let is_parent = place.ends_with(PARENT);
    let default = if is_parent {
        DepKind::ParentChild
    } else {
        DepKind::Blocks
    };
    let whole = names.get(text).map(|at| (default, Target::Planned(*at)));
    if let Some(found) = whole {
        return Ok(found);
    }
    let (kind, target) = match text.split_once(':').filter(|_| !is_parent) {
        Some((kind, rest)) => {
            let hint = "write KIND:NAME, or just NAME for blocks";
            let kind = kind
                .parse()
                .map_err(|e| invalid(format!("{place}: {e}"), hint))?;
            (kind, rest)
        }
        None => (default, text),
    };
    if let Some(at) = names.get(target) {
        return Ok((kind, Target::Planned(*at)));
    }
    match target.parse() {
        Ok(selector) => Ok((kind, Target::Existing(selector))),
        Err(_) => Err(invalid(
            format!(
                "{place}: `{}` is neither a task of the plan nor an id such as T-7",
                target.escape_debug()
            ),
            "names are those in the `id` fields of the plan",
        )),
    }
}

fn edits(task: &PlannedTask) -> Edits {
    let task = task.clone();
    Edits {
        title: Some(task.title),
        body: task.body,
        kind: task.kind,
        priority: task.priority,
        complexity: task.complexity,
        deliverable: task.deliverable,
        acceptance: (!task.acceptance.is_empty()).then_some(task.acceptance),
        assignee: task.assignee.map(Some),
        due: task.due.map(|at| Some(When::At(at))),
        defer_until: task.defer_until.map(|at| Some(When::At(at))),
        external_ref: task.external_ref.map(Some),
        agent: task.agent.map(Some),
        add_labels: task.labels,
        add_paths: task.paths,
        ..Edits::default()
    }
}
