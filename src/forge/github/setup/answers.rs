//! What is read of GitHub's answers about settings; all that can be missing is optional.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Repository {
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) private: bool,
    #[serde(default)]
    pub(super) fork: bool,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) disabled: bool,
    pub(super) pushed_at: Option<String>,
    pub(super) permissions: Option<Rights>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Rights {
    #[serde(default)]
    pub(super) push: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Actions {
    pub(super) enabled: bool,
    pub(super) allowed_actions: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRights {
    pub(super) can_approve_pull_request_reviews: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Labelled {
    pub(super) name: String,
}

/// A rule that is active on a branch.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ruleset_id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Branch {
    #[serde(default)]
    pub(super) protected: bool,
}

/// Classic protection: a setting that is there is on, whatever it holds.
#[derive(Debug, Deserialize)]
pub(super) struct Protection {
    pub(super) required_pull_request_reviews: Option<serde_json::Value>,
    pub(super) required_status_checks: Option<serde_json::Value>,
    pub(super) restrictions: Option<serde_json::Value>,
    pub(super) required_signatures: Option<Switch>,
    pub(super) required_linear_history: Option<Switch>,
    pub(super) lock_branch: Option<Switch>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Switch {
    #[serde(default)]
    pub(super) enabled: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct Workflow {
    pub(super) state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Runs {
    #[serde(default)]
    pub(super) workflow_runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Run {
    pub(super) created_at: String,
    pub(super) event: Option<String>,
    pub(super) status: Option<String>,
    pub(super) conclusion: Option<String>,
    pub(super) html_url: Option<String>,
}
