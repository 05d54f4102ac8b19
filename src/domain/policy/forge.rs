//! Where reviews happen, as configured.

/// Forge settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgePolicy {
    /// Which forge.
    pub kind: ForgeKind,
    /// API base, `https://api.github.com` by default.
    pub base_url: String,
    /// `owner/name`; derived from the remote's URL when absent.
    pub repo: Option<String>,
    /// Environment variable that holds the token.
    pub token_env: String,
    /// Open pull requests as drafts.
    pub draft: bool,
    /// Labels put on pull requests.
    pub labels: Vec<String>,
    /// Most API calls in one tick.
    pub max_calls: u32,
}

impl ForgePolicy {
    /// True for an environment variable that holds the right to push or to speak for CI: the one
    /// that `token_env` names, and those that GitHub's own tools and runners know. None of them is
    /// ever passed to an agent or a check (R1).
    #[must_use]
    pub fn is_token(&self, name: &str) -> bool {
        name == self.token_env
            || matches!(
                name,
                "GITHUB_TOKEN"
                    | "GH_TOKEN"
                    | "GITHUB_PAT"
                    | "GH_ENTERPRISE_TOKEN"
                    | "GITHUB_ENTERPRISE_TOKEN"
                    | "FLEET_IDENTITY"
                    | "ACTIONS_RUNTIME_TOKEN"
                    | "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
            )
    }
}

/// Which forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForgeKind {
    /// Branches and review records only.
    #[default]
    Local,
    /// GitHub, or what speaks its REST API.
    GitHub,
}
