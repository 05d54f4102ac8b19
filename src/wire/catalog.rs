//! The providers of a repository, for looking at them.

use std::sync::Arc;

use crate::app::catalog::HasModels;
use crate::domain::policy::Policy;
use crate::engine::secrets::Scanner;
use crate::ports::model::Models;
use crate::providers::Providers;

/// Providers, and the policy that names them.
pub(super) struct Catalog {
    pub(super) providers: Providers,
    pub(super) policy: Policy,
    pub(super) notes: Vec<String>,
    pub(super) secrets: Arc<Scanner>,
}

impl HasModels for Catalog {
    fn models(&self) -> &dyn Models {
        &self.providers
    }

    fn policy(&self) -> &Policy {
        &self.policy
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn secrets(&self) -> &Scanner {
        &self.secrets
    }
}
