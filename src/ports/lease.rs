//! The lease: the right to run one attempt. Only a successful publish makes one.

use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::record::SessionClaimed;
use crate::ports::state_repo::Published;

/// Proof that this process may run attempt `claim.attempt`. Effects that act demand it by value or
/// reference, so that nothing runs before its claim is published (I3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    session: SessionUid,
    claim: SessionClaimed,
}

impl Lease {
    /// A lease for the claim `session`, whose record was part of what `published` attests.
    #[must_use]
    pub const fn granted(
        _published: &Published,
        session: SessionUid,
        claim: SessionClaimed,
    ) -> Self {
        Self { session, claim }
    }

    /// A lease taken over from an earlier phase, found live in a state read after that publish:
    /// `--phase run` and `--phase publish` re-read it before they act.
    #[must_use]
    pub const fn found_live(session: SessionUid, claim: SessionClaimed) -> Self {
        Self { session, claim }
    }

    /// The right to try an agent out, away from every repository: it stands for no task and nothing
    /// of it is published.
    #[must_use]
    pub const fn trial(session: SessionUid, claim: SessionClaimed) -> Self {
        Self { session, claim }
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> SessionUid {
        self.session
    }

    /// The task.
    #[must_use]
    pub const fn task(&self) -> TaskUid {
        self.claim.task
    }

    /// The published claim.
    #[must_use]
    pub const fn claim(&self) -> &SessionClaimed {
        &self.claim
    }
}
