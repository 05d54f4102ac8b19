//! Where reviews happen, as configured.

/// Forge settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgePolicy {
    /// Which forge.
    pub kind: ForgeKind,
    /// API base; empty if it is not configured: then the remote's host says it, else it is
    /// `https://api.github.com`.
    pub base_url: String,
    /// `owner/name`; derived from the remote's URL when absent.
    pub repo: Option<String>,
    /// Environment variable that holds the token.
    pub token_env: String,
    /// Open pull requests as drafts.
    pub draft: bool,
    /// Labels put on pull requests.
    pub labels: Vec<String>,
    /// People, and teams as `org/team`, asked to review new pull requests.
    pub reviewers: Vec<String>,
    /// An App that speaks instead of the token.
    pub app: Option<ForgeApp>,
    /// Most API calls in one tick.
    pub max_calls: u32,
}

/// An App of the forge: it buys tokens with its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeApp {
    /// Its id or client id.
    pub id: String,
    /// Environment variable that holds its private key, PEM.
    pub key_env: Option<String>,
    /// File that holds its private key, PEM; absolute. The variable comes first.
    pub key_file: Option<String>,
    /// Its installation; looked up by the repository when absent.
    pub installation_id: Option<u64>,
}

impl ForgeApp {
    /// Where its key is looked for first: the variable, else the file.
    #[must_use]
    pub fn key_place(&self) -> &str {
        let named = self.key_env.as_deref().or(self.key_file.as_deref());
        named.unwrap_or("forge.app_key_env")
    }
}

impl ForgePolicy {
    /// True for an environment variable that holds the right to push or to speak for CI: the one
    /// that `token_env` names, that of an App's key, and those that GitHub's own tools and runners know. None of them is
    /// ever passed to an agent or a check (R1).
    #[must_use]
    pub fn is_token(&self, name: &str) -> bool {
        let key_env = self.app.as_ref().and_then(|app| app.key_env.as_deref());
        name == self.token_env
            || Some(name) == key_env
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
