//! The part of the fold for remarks, gates, decay, saved queries, milestones, and what was
//! said at the forge.

use crate::domain::record::{Op, Record};
use crate::domain::register::Stamp;
use crate::domain::state::State;
use crate::domain::task::{Comment, Seldom};

/// Drops what decay takes away. Decay only ever grows, so that the order of records is no matter.
fn forget(comment: &mut Comment, decayed: Stamp) {
    let last = comment.edited.as_ref().map_or(comment.at, |(_, at)| *at);
    if last < decayed {
        comment.text.clear();
    }
}

fn comment_mut(details: &mut Seldom, id: crate::domain::ids::RecordId) -> &mut Comment {
    details.comments.entry(id).or_default()
}

impl State {
    /// Applies one of those records; others are left alone.
    pub(in crate::domain) fn apply_tracking(&mut self, record: &Record, at: Stamp) {
        let by = &record.by;
        match &record.op {
            Op::CommentAdded(p) => {
                let details = &mut *self.task_mut(p.task, at).details;
                let decayed = details.decayed;
                let comment = comment_mut(details, at.id);
                comment.at = at;
                comment.by.clone_from(by);
                if comment.edited.is_none() {
                    comment.text.clone_from(&p.text);
                }
                forget(comment, decayed);
            }
            Op::CommentEdited(p) => {
                let details = &mut *self.task_mut(p.task, at).details;
                let decayed = details.decayed;
                let comment = comment_mut(details, p.comment);
                if comment.edited.as_ref().is_none_or(|(_, old)| at >= *old) {
                    comment.text.clone_from(&p.text);
                    comment.edited = Some((by.clone(), at));
                    forget(comment, decayed);
                }
            }
            Op::GateAdded(p) => {
                let gates = &mut self.task_mut(p.task, at).details.gates;
                gates.entry(at.id).or_default().added = Some((p.clone(), by.clone(), at));
            }
            Op::GateSet(p) => {
                let gates = &mut self.task_mut(p.task, at).details.gates;
                gates.entry(p.gate).or_default().hear(p, by, at);
            }
            Op::TaskDecayed(p) => {
                let task = self.task_mut(p.task, at);
                task.body.write(p.summary.clone(), at);
                let details = &mut *task.details;
                details.decayed = details.decayed.max(at);
                let decayed = details.decayed;
                for comment in details.comments.values_mut() {
                    forget(comment, decayed);
                }
            }
            Op::QuerySaved(p) => {
                let query = self.queries.entry(p.name.clone()).or_default();
                query.write(p.query.clone(), at);
            }
            Op::ForgeSaid(p) => {
                let task = self.task_mut(p.task, at);
                task.details.said.insert(p.key.clone());
            }
            Op::MilestoneSet(p) => {
                let milestone = self.milestones.entry(p.name.clone()).or_default();
                milestone.hear(p, at);
            }
            _ => {}
        }
    }
}
