//! Why a session ends without work.

use crate::domain::session::FailureClass;
use crate::ports::runner::Cancel;
use crate::ports::workspaces::WorkspaceError;

/// Why a session ends without work.
pub(super) struct Failure {
    pub(super) class: FailureClass,
    pub(super) reason: String,
}

impl Failure {
    pub(super) fn infrastructure(error: &WorkspaceError) -> Self {
        Self {
            class: FailureClass::Infrastructure,
            reason: format!("failed to {error}"),
        }
    }
}

/// A check that a stop ended says nothing about the work.
pub(super) fn ensure_not_stopped(cancel: &Cancel) -> Result<(), Failure> {
    let class = FailureClass::Cancelled;
    let reason = "stopped while its checks ran".to_owned();
    let stopped = Failure { class, reason };
    if cancel.is_asked() {
        Err(stopped)
    } else {
        Ok(())
    }
}
