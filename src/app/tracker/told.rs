//! What of a task an agent is told: nothing that no human admitted (R4).
//!
//! The same rule as for prompts: the texts of a task count as admitted by their bytes, its remarks by
//! who wrote their present ones. What is kept back is named, with the call by which a human lets it go.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::names::name;
use crate::app::tracker::report::{TaskDetail, TaskRow};
use crate::app::tracker::views;
use crate::domain::halves::in_halves;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::engine::admission::{is_admitted, is_program, is_taken_over};
use crate::engine::phase::Phase;
use crate::engine::ready::Board;

/// What stands in place of a text.
const WITHHELD: &str = "[withheld: no human admitted it]";

fn withholds(to_agent: bool, task: &Task) -> bool {
    to_agent && !is_admitted(task)
}

fn row_told(
    to_agent: bool,
    state: &State,
    (uid, task, phase): (TaskUid, &Task, Phase),
    full: bool,
) -> TaskRow {
    let mut row = views::row(state, uid, task, phase, full);
    if withholds(to_agent, task) {
        withhold(&mut row);
    }
    row
}

impl Desk<'_> {
    /// The same desk, for an agent that reads the answer.
    #[must_use]
    pub const fn for_agent(self) -> Self {
        Self {
            to_agent: true,
            ..self
        }
    }

    /// True if the texts of this task are kept back from whoever reads the answer.
    pub(in crate::app::tracker) fn withholds(self, task: &Task) -> bool {
        withholds(self.to_agent, task)
    }

    /// A task in a list.
    pub(in crate::app::tracker) fn row(
        self,
        state: &State,
        uid: TaskUid,
        task: &Task,
        phase: Phase,
        full: bool,
    ) -> TaskRow {
        row_told(self.to_agent, state, (uid, task, phase), full)
    }

    /// Tasks in a list.
    pub(in crate::app::tracker) fn rows(
        self,
        state: &State,
        tasks: &[(TaskUid, &Task, Phase)],
        full: bool,
    ) -> Vec<TaskRow> {
        let parts = self.rows_as(state, tasks, full, |rows| rows.collect::<Vec<_>>());
        parts.into_iter().flatten().collect()
    }

    /// Tasks in a list, taken in as they are made: in one part, or two at the same time.
    pub(in crate::app::tracker) fn rows_as<R: Send>(
        self,
        state: &State,
        tasks: &[(TaskUid, &Task, Phase)],
        full: bool,
        take: impl Fn(&mut dyn Iterator<Item = TaskRow>) -> R + Sync,
    ) -> Vec<R> {
        let to_agent = self.to_agent;
        let row = |one: &_| row_told(to_agent, state, *one, full);
        in_halves(tasks, |part| take(&mut part.iter().map(row)))
    }

    /// The title of a task.
    pub(in crate::app::tracker) fn title(self, state: &State, uid: TaskUid) -> String {
        match state.tasks.get(&uid) {
            Some(task) if self.withholds(task) => WITHHELD.to_owned(),
            _ => crate::app::tracker::names::title(state, uid),
        }
    }

    /// One of the texts that a remark had. Only its present one may count as taken over.
    pub(in crate::app::tracker) fn said_by(self, author: &str, text: &str) -> String {
        let kept = self.to_agent && is_program(author);
        if kept { WITHHELD } else { text }.to_owned()
    }

    /// Everything about a task.
    pub(in crate::app::tracker) fn detail(
        self,
        board: &Board<'_>,
        uid: TaskUid,
        task: &Task,
    ) -> TaskDetail {
        let mut detail = views::detail(board, uid, task);
        if !self.to_agent {
            return detail;
        }
        let state = board.state;
        if self.withholds(task) {
            withhold(&mut detail.task);
            let id = name(state, uid);
            detail.withheld.push(format!(
                "title, text, points, labels and paths: no human admitted them; a human reads them \
                 with `fleet show {id}` and admits them with `fleet admit {id}`"
            ));
        }
        let others = state.deps_from(uid).map(|key| key.to);
        let behind = board.index.deps_to(uid).map(|key| key.from);
        for (row, other) in detail.deps.iter_mut().zip(others) {
            row.title = self.title(state, other);
        }
        for (row, other) in detail.dependents.iter_mut().zip(behind) {
            row.title = self.title(state, other);
        }
        for row in &mut detail.escalations {
            row.title = self.title(state, uid);
        }
        self.remarks_of(board, uid, task, &mut detail);
        detail
    }

    fn remarks_of(self, board: &Board<'_>, uid: TaskUid, task: &Task, detail: &mut TaskDetail) {
        let mut left_out = 0;
        for (row, (_, remark)) in detail.comments.iter_mut().zip(task.comments()) {
            // One of long ago may have no text any more.
            if row.text.is_empty() || is_taken_over(board.state, board.index, uid, remark) {
                continue;
            }
            WITHHELD.clone_into(&mut row.text);
            row.withheld = true;
            left_out += 1;
        }
        if left_out > 0 {
            let id = name(board.state, uid);
            detail.withheld.push(format!(
                "{left_out} of {} remarks: programs wrote them and no human took them over; a human \
                 does with `fleet comment {id} --edit N TEXT` (`fleet show {id}` numbers them)",
                detail.comments.len()
            ));
        }
    }
}

/// Takes what others wrote out of a row. What fleet counts and computes stays.
fn withhold(row: &mut TaskRow) {
    WITHHELD.clone_into(&mut row.title);
    row.labels.clear();
    row.withheld = true;
    if let Some(full) = &mut row.full {
        full.body.clear();
        full.acceptance.clear();
        full.paths.clear();
        full.close_reason = None;
        full.extra.clear();
    }
}
