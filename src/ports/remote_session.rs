//! Sessions at services that outlive the tick: look, create, say, stop, collect.
//!
//! Every call ends within a time limit of its own and reads a bounded answer. Calls that change
//! something at the service demand the lease.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::domain::ids::Oid;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::AgentSpec;
use crate::domain::remote::RemoteSight;
use crate::domain::session::FailureClass;
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::lease::Lease;

/// Which session at which service.
#[derive(Debug, Clone)]
pub struct RemoteAt {
    /// The agent, with its service.
    pub agent: AgentSpec,
    /// The mark that the session bears.
    pub mark: String,
    /// Its id at the service; none = look for the mark.
    pub id: Option<String>,
    /// The workspace that it works in, for a service that works in ours.
    pub place: Option<PathBuf>,
    /// What was told and has not been seen to have arrived.
    pub unheard: Vec<String>,
    /// The last thing that was read there, by its id.
    pub upto: Option<String>,
}

/// What a new session is to do.
#[derive(Debug, Clone)]
pub struct RemoteRequest {
    /// `T-7`.
    pub task: String,
    /// One line.
    pub title: String,
    /// Whole prompt.
    pub prompt: String,
    /// Model, after routing.
    pub model: Option<String>,
    /// Branch that the work starts from, as the service's clone of the repository knows it.
    pub branch: String,
}

/// A session that now exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCreated {
    /// Its id at the service.
    pub id: String,
    /// Where a human looks.
    pub url: Option<String>,
}

/// A call that changes something failed. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at {service}: {cause}")]
pub struct RemoteError {
    /// What was tried.
    pub what: String,
    /// Service and its address.
    pub service: String,
    /// Why, with a hint.
    pub cause: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was refused: nothing happened at the service.
    Refused {
        /// In which way.
        class: FailureClass,
        /// When to come back, for rate limits.
        until: Option<Timestamp>,
    },
    /// Nobody knows: the answer was lost, or the service failed in the middle.
    Unknown,
}

/// What a session handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collected {
    /// True if the service calls it done; false if it failed.
    pub succeeded: bool,
    /// Why it failed.
    pub reason: String,
    /// How.
    pub work: RemoteWork,
    /// Its last message, bounded.
    pub final_message: String,
    /// Model that answered, if told.
    pub model: Option<String>,
    /// Tokens, if told.
    pub usage: Usage,
    /// Money, if told.
    pub cost: Option<MicroUsd>,
    /// Pull request that the service opened by itself.
    pub pull_request: Option<String>,
}

/// Where the work is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RemoteWork {
    /// In fleet's own workspace of this session.
    Workspace,
    /// A patch as `git apply` reads it.
    Patch {
        /// The text, bounded.
        text: String,
        /// The commit that it was made on, if told.
        base: Option<Oid>,
    },
    /// A pull request whose head git can fetch.
    PullRequest {
        /// Its number at the forge.
        number: u64,
    },
    /// There is none.
    Nothing,
}

/// Services that run agents by themselves.
pub trait RemoteSessions: Send + Sync {
    /// Whether the agent's service can be asked from here, without asking it.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to do.
    fn available(&self, agent: &AgentSpec) -> Result<(), String>;

    /// Asks the service of an agent whether it works, and knows the agent's model or repository; gives
    /// a sentence that says so. Changes nothing, and spends nothing.
    ///
    /// # Errors
    /// [`RemoteError`]: it does not answer within `limit`, or it would not work for this agent.
    fn health(&self, agent: &AgentSpec, limit: DurationMs) -> Result<String, RemoteError>;

    /// One look at a session. Never changes anything.
    fn look(&self, at: &RemoteAt) -> RemoteSight;

    /// Creates a session that bears the mark of `at`. It is not told what to do if the service takes
    /// the prompt apart (see [`Self::begin`]).
    ///
    /// # Errors
    /// [`RemoteError`]; its fate says whether a session may exist all the same.
    fn create(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<RemoteCreated, RemoteError>;

    /// Gives the prompt to a session that was created without one.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn begin(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<(), RemoteError>;

    /// Approves the plan of a session.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn approve(&self, lease: &Lease, at: &RemoteAt, plan: &str) -> Result<(), RemoteError>;

    /// Says something to a session; `about` is put into the message so that a look finds it.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn tell(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        about: &str,
        text: &str,
    ) -> Result<(), RemoteError>;

    /// Stops a session for good; one that is not there any more counts as stopped.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn stop(&self, lease: &Lease, at: &RemoteAt) -> Result<(), RemoteError>;

    /// What a session handed over so far.
    ///
    /// # Errors
    /// [`RemoteError`].
    fn collect(&self, at: &RemoteAt) -> Result<Collected, RemoteError>;
}
