//! Tasks by identity.
//!
//! A task is near to a kilobyte, most of it stamps. Kept in the nodes of a sorted map, half of that
//! memory would be room for later ones, and touching it for the first time is what reading a large
//! state costs most: so the map holds one pointer per task.

use std::collections::BTreeMap;
use std::ops::{Bound, Index};

use crate::domain::ids::TaskUid;
use crate::domain::task::Task;

/// Tasks in order of identity.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tasks(BTreeMap<TaskUid, Box<Task>>);

impl Tasks {
    /// The task with this identity.
    #[must_use]
    pub fn get(&self, uid: &TaskUid) -> Option<&Task> {
        self.0.get(uid).map(Box::as_ref)
    }

    /// The same, to be changed by the fold.
    pub(in crate::domain) fn get_or_default(&mut self, uid: TaskUid) -> &mut Task {
        self.0.entry(uid).or_default()
    }

    /// Puts tasks in; the places of older ones are taken.
    pub(in crate::domain) fn restore(&mut self, tasks: Vec<(TaskUid, Box<Task>)>) {
        if self.0.is_empty() {
            // In one go: an insertion for each costs as much as reading it.
            self.0 = tasks.into_iter().collect();
        } else {
            self.0.extend(tasks);
        }
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
        let range = self.0.range((Bound::Included(first), end));
        range.map(|(uid, task)| (uid, &**task))
    }

    /// Their identities, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &TaskUid> + Clone {
        self.0.keys()
    }

    /// They alone, in order of identity.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Task> + Clone {
        self.0.values().map(Box::as_ref)
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
pub struct Iter<'a>(std::collections::btree_map::Iter<'a, TaskUid, Box<Task>>);

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a TaskUid, &'a Task);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(uid, task)| (uid, &**task))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
