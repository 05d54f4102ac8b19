//! What is read of GitHub's answers: few fields, all that can be missing optional, unknown ones
//! ignored. (octocrab's own models refuse an answer for one unknown enum value.)

use serde::Deserialize;

/// A pull request, from a listing or by number.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Pull {
    pub(super) number: u64,
    pub(super) state: String,
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) html_url: Option<String>,
    /// Its name in GraphQL.
    pub(super) node_id: Option<String>,
    pub(super) user: Option<User>,
    #[serde(default)]
    pub(super) draft: bool,
    #[serde(default)]
    pub(super) requested_reviewers: Vec<User>,
    #[serde(default)]
    pub(super) requested_teams: Vec<Team>,
    /// By number only.
    pub(super) merged: Option<bool>,
    pub(super) merged_at: Option<String>,
    /// Of an open pull request this is a test merge; only a merged one's counts.
    pub(super) merge_commit_sha: Option<String>,
    /// By number only: `dirty` is a conflict; `unknown` while GitHub computes.
    pub(super) mergeable_state: Option<String>,
    pub(super) head: Side,
    pub(super) base: Side,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
}

/// Head or base.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Side {
    #[serde(rename = "ref")]
    pub(super) branch: String,
    pub(super) sha: String,
    /// `null` when the fork was deleted.
    pub(super) repo: Option<Repo>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Repo {
    pub(super) full_name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Label {
    pub(super) name: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Team {}

impl Pull {
    pub(super) fn is_open(&self) -> bool {
        self.state == "open"
    }

    pub(super) fn is_merged(&self) -> bool {
        self.merged == Some(true) || self.merged_at.is_some()
    }

    /// True if it is of this branch of this repository (not of a fork's branch of that name).
    pub(super) fn is_of(&self, repo: &str, branch: &str) -> bool {
        let here = self.head.repo.as_ref();
        self.head.branch == branch
            && here.is_some_and(|here| here.full_name.eq_ignore_ascii_case(repo))
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct User {
    pub(super) login: String,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Review {
    pub(super) id: u64,
    pub(super) user: Option<User>,
    pub(super) state: String,
    pub(super) body: Option<String>,
    pub(super) commit_id: Option<String>,
    pub(super) author_association: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReviewComment {
    #[serde(default)]
    pub(super) id: u64,
    pub(super) pull_request_review_id: Option<u64>,
    pub(super) in_reply_to_id: Option<u64>,
    pub(super) user: Option<User>,
    pub(super) path: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) original_line: Option<u64>,
    pub(super) body: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Permission {
    pub(super) permission: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CheckRuns {
    #[serde(default)]
    pub(super) check_runs: Vec<CheckRun>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CheckRun {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) conclusion: Option<String>,
    pub(super) output: Option<CheckOutput>,
    pub(super) app: Option<CheckApp>,
}

/// Who runs a check: `github-actions`, or some service.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CheckApp {
    pub(super) slug: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct CheckOutput {
    pub(super) title: Option<String>,
    pub(super) summary: Option<String>,
    pub(super) text: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Annotation {
    pub(super) path: Option<String>,
    pub(super) start_line: Option<u64>,
    pub(super) annotation_level: Option<String>,
    pub(super) message: Option<String>,
}

/// The combined commit status.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Combined {
    #[serde(default)]
    pub(super) statuses: Vec<Status>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) context: String,
    pub(super) state: String,
    pub(super) description: Option<String>,
}

/// A comment on a pull request or issue.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Comment {
    pub(super) id: u64,
    pub(super) user: Option<User>,
    pub(super) body: Option<String>,
    pub(super) html_url: Option<String>,
    pub(super) created_at: Option<String>,
}

/// An issue, from a listing or by number; a pull request is listed among them.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Issue {
    pub(super) id: u64,
    pub(super) number: u64,
    pub(super) state: String,
    pub(super) state_reason: Option<String>,
    pub(super) title: Option<String>,
    pub(super) body: Option<String>,
    pub(super) html_url: Option<String>,
    pub(super) user: Option<User>,
    /// Told of one issue, not in lists.
    pub(super) closed_by: Option<User>,
    #[serde(default)]
    pub(super) labels: Vec<Label>,
    pub(super) updated_at: Option<String>,
    /// Present if it is a pull request.
    pub(super) pull_request: Option<serde_json::Value>,
}

/// Body of a refusal.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Problem {
    pub(super) message: Option<String>,
    /// Objects with `message`, `field` and `code`, or plain strings.
    #[serde(default)]
    pub(super) errors: Option<serde_json::Value>,
}
