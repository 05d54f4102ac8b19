//! What GraphQL answers about pull requests, as it comes: all that can be missing is optional.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// `{ nodes: […] }`; what is not there counts as empty.
#[derive(Debug, Clone, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
pub(super) struct Nodes<T> {
    #[serde(default = "Vec::new")]
    pub(super) nodes: Vec<Option<T>>,
}

impl<T> Nodes<T> {
    pub(super) fn of(nodes: Option<Self>) -> impl Iterator<Item = T> {
        nodes.into_iter().flat_map(|all| all.nodes).flatten()
    }
}

/// A number that may come as text: GitHub's ids have outgrown GraphQL's integers.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    pub(super) fn value(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Actor {
    #[serde(rename = "__typename")]
    pub(super) kind: String,
    pub(super) login: String,
}

impl Actor {
    /// The name of a person; bots, and accounts that are gone, have none.
    pub(super) fn person(actor: Option<Self>) -> Option<String> {
        let actor = actor.filter(|actor| actor.kind == "User")?;
        Some(actor.login)
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Oid {
    pub(super) oid: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawPull {
    pub(super) number: u64,
    pub(super) state: String,
    pub(super) head_ref_name: String,
    pub(super) head_ref_oid: String,
    pub(super) base_ref_name: String,
    pub(super) mergeable: Option<String>,
    pub(super) head_repository: Option<RepoRef>,
    pub(super) merge_commit: Option<Oid>,
    pub(super) latest_opinionated_reviews: Option<Nodes<RawReview>>,
    pub(super) review_threads: Option<Nodes<RawThread>>,
    pub(super) comments: Option<Nodes<RawComment>>,
    pub(super) commits: Option<Nodes<RawCommit>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepoRef {
    pub(super) name_with_owner: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawReview {
    pub(super) full_database_id: Option<Id>,
    pub(super) state: String,
    #[serde(default)]
    pub(super) body: String,
    pub(super) author: Option<Actor>,
    pub(super) commit: Option<Oid>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawThread {
    pub(super) is_resolved: bool,
    pub(super) path: Option<String>,
    pub(super) line: Option<u64>,
    pub(super) original_line: Option<u64>,
    pub(super) comments: Option<Nodes<RawLine>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawLine {
    #[serde(default)]
    pub(super) body: String,
    pub(super) author: Option<Actor>,
    pub(super) pull_request_review: Option<ReviewRef>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReviewRef {
    pub(super) full_database_id: Option<Id>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawComment {
    pub(super) full_database_id: Option<Id>,
    #[serde(default)]
    pub(super) body: String,
    pub(super) created_at: Option<String>,
    #[serde(default)]
    pub(super) is_minimized: bool,
    pub(super) author: Option<Actor>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawCommit {
    pub(super) commit: RawChecked,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawChecked {
    pub(super) oid: String,
    pub(super) status_check_rollup: Option<Rollup>,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Rollup {
    pub(super) contexts: Option<Nodes<Context>>,
}

/// A check run or a commit status.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "__typename")]
pub(super) enum Context {
    #[serde(rename = "CheckRun")]
    Run {
        status: String,
        conclusion: Option<String>,
    },
    #[serde(rename = "StatusContext")]
    Status { state: String },
    #[serde(other)]
    Other,
}
