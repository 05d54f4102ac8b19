//! Tasks by identity.
//!
//! A task is near to a kilobyte, most of it stamps, and touching memory for the first time is what
//! reading a large state costs most: so the list holds one pointer per task.

use std::ops::{Bound, Index};

use crate::domain::ids::TaskUid;
use crate::domain::sorted::{self, Sorted};
use crate::domain::task::Task;

/// Tasks in order of identity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tasks(Sorted<TaskUid, Box<Task>>);

impl Tasks {
    /// The task with this identity.
    #[must_use]
    pub fn get(&self, uid: &TaskUid) -> Option<&Task> {
        self.0.get(uid).map(Box::as_ref)
    }

    /// The same, to be changed by the fold.
    pub(in crate::domain) fn get_or_default(&mut self, uid: TaskUid) -> &mut Task {
        self.0.get_or_default(uid)
    }

    /// Puts tasks in; the places of older ones are taken.
    pub(in crate::domain) fn restore(&mut self, tasks: Vec<(TaskUid, Box<Task>)>) {
        self.0.restore(tasks);
    }

    /// Whether there is such a task.
    #[must_use]
    pub fn contains_key(&self, uid: &TaskUid) -> bool {
        self.0.contains_key(uid)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All, in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// Those from an identity on, in order, up to another.
    pub fn range(
        &self,
        first: TaskUid,
        end: Bound<TaskUid>,
    ) -> impl Iterator<Item = (&TaskUid, &Task)> {
        let within = move |uid: TaskUid| match end {
            Bound::Included(last) => uid <= last,
            Bound::Excluded(last) => uid < last,
            Bound::Unbounded => true,
        };
        let range = self
            .0
            .range(&first)
            .take_while(move |(uid, _)| within(**uid));
        range.map(|(uid, task)| (uid, &**task))
    }

    /// Their identities, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &TaskUid> + Clone {
        self.0.iter().map(|(uid, _)| uid)
    }

    /// They alone, in order of identity.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Task> + Clone {
        self.0.iter().map(|(_, task)| task.as_ref())
    }
}

impl Index<&TaskUid> for Tasks {
    type Output = Task;

    fn index(&self, uid: &TaskUid) -> &Task {
        &self.0[uid]
    }
}

impl<'a> IntoIterator for &'a Tasks {
    type Item = (&'a TaskUid, &'a Task);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Identities and tasks, in order.
#[derive(Debug, Clone)]
pub struct Iter<'a>(sorted::Iter<'a, TaskUid, Box<Task>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a TaskUid, &'a Task);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(uid, task)| (uid, &**task))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
