//! What a record speaks of: the things it names and the thing it creates.

use crate::domain::ids::{EscalationUid, ReviewUid, SessionUid, TaskUid};
use crate::domain::record::{Op, Record};

/// The things that one record names. Empty for a pause and for an unknown operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct About {
    /// The task, or the edge's `from`.
    pub task: Option<TaskUid>,
    /// The edge's `to`.
    pub other: Option<TaskUid>,
    /// The session.
    pub session: Option<SessionUid>,
    /// The review.
    pub review: Option<ReviewUid>,
    /// The escalation.
    pub escalation: Option<EscalationUid>,
}

impl Record {
    /// What the record speaks of; a creating record speaks of what it creates.
    #[must_use]
    pub const fn about(&self) -> About {
        let mut about = About {
            task: None,
            other: None,
            session: None,
            review: None,
            escalation: None,
        };
        match &self.op {
            Op::TaskAdded(_) => about.task = Some(TaskUid::created_by(self.id)),
            Op::TaskNumbered(p) => about.task = Some(p.task),
            Op::TaskUpdated(p) => about.task = Some(p.task),
            Op::TaskClosed(p) => about.task = Some(p.task),
            Op::TaskReopened(p) => about.task = Some(p.task),
            Op::TaskAdmitted(p) => about.task = Some(p.task),
            Op::DepAdded(p) | Op::DepRemoved(p) => {
                about.task = Some(p.from);
                about.other = Some(p.to);
            }
            Op::CommentAdded(p) => about.task = Some(p.task),
            Op::CommentEdited(p) => about.task = Some(p.task),
            Op::GateAdded(p) => about.task = Some(p.task),
            Op::GateSet(p) => about.task = Some(p.task),
            Op::TaskDecayed(p) => about.task = Some(p.task),
            Op::SessionClaimed(p) => {
                about.task = Some(p.task);
                about.session = Some(SessionUid::created_by(self.id));
            }
            Op::SessionStarted(p) => about.session = Some(p.session),
            Op::SessionRenewed(p) => about.session = Some(p.session),
            Op::SessionFinished(p) => about.session = Some(p.session),
            Op::SessionReleased(p) => about.session = Some(p.session),
            Op::SessionRemoteIntended(p) => about.session = Some(p.session),
            Op::SessionRemoteBound(p) => about.session = Some(p.session),
            Op::SessionRemoteSeen(p) => about.session = Some(p.session),
            Op::SessionRemoteTold(p) => about.session = Some(p.session),
            Op::LockAcquired(p) => {
                about.task = Some(p.task);
                about.session = Some(p.session);
            }
            Op::LockReleased(p) => about.session = Some(p.session),
            Op::ReviewOpened(p) => {
                about.task = Some(p.task);
                about.session = Some(p.session);
                about.review = Some(ReviewUid::created_by(self.id));
            }
            Op::ReviewUpdated(p) => about.review = Some(p.review),
            Op::ReviewFeedback(p) => about.review = Some(p.review),
            Op::ReviewApproved(p) => about.review = Some(p.review),
            Op::ReviewCommanded(p) => about.review = Some(p.review),
            Op::ForgeSaid(p) => about.task = Some(p.task),
            Op::EscalationOpened(p) => {
                about.task = Some(p.task);
                about.session = p.session;
                about.escalation = Some(EscalationUid::created_by(self.id));
            }
            Op::EscalationAnswered(p) => about.escalation = Some(p.escalation),
            Op::FindingAdded(p) => {
                about.task = Some(p.task);
                about.session = Some(p.session);
            }
            Op::AgentPaused(_) | Op::QuerySaved(_) | Op::MilestoneSet(_) | Op::Unknown(_) => {}
        }
        about
    }
}
