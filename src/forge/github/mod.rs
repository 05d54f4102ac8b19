//! Reviews as pull requests on GitHub, or on what speaks its REST API.
//!
//! One value serves one tick: its budget of calls is not refilled. All calls go one after another.
//! Sync outside; a small runtime of its own inside, built with the client on the first call.

mod access;
mod answers;
mod api;
mod batch;
mod cache;
mod checks;
mod client;
mod comments;
mod finish;
mod gates;
mod graphql;
mod jwt;
mod logs;
mod observe;
mod one_by_one;
mod people;
mod places;
mod publish;
mod raw;
#[cfg(test)]
mod recorded;
mod refusal;
mod remarks;
pub mod remote;
mod reviews;
mod setup;
mod text;
mod tickets;
pub mod workflow;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::SecretString;

use crate::domain::time::{DurationMs, Timestamp};
use crate::forge::github::api::{Api, Session};
use crate::forge::github::refusal::Names;
use crate::forge::github::remote::Target;
use crate::ports::clock::Clock;
use crate::ports::forge::{
    Forge, ForgeError, ForgeSaying, GateWatch, ReviewDraft, ReviewFacts, ReviewHandle, ReviewWatch,
};
use crate::ports::forge_setup::{ForgeSetup, SetupReport, SetupWish};

/// A GitHub App, installed for the repository.
#[derive(Debug, Clone)]
pub struct AppConfig {
    /// Its id or client id.
    pub id: String,
    /// Its private key, PEM.
    pub key: SecretString,
    /// Where the key came from, for messages: a variable or a file.
    pub key_place: String,
    /// Its installation; looked up by the repository when absent.
    pub installation_id: Option<u64>,
}

/// How to talk to one repository.
#[derive(Debug, Clone)]
pub struct GitHubConfig {
    /// API base: `https://api.github.com`, `https://ghe.example/api/v3`. Plain http only to this
    /// machine itself.
    pub api_base: String,
    /// The repository.
    pub repo: remote::RepoName,
    /// The token; empty means that there is none, and every call says so.
    pub token: SecretString,
    /// Name of the environment variable that the token came from, for messages.
    pub token_env: String,
    /// Open pull requests as drafts where the repository has them.
    pub draft: bool,
    /// Labels put on new pull requests.
    pub labels: Vec<String>,
    /// People, and teams as `org/team`, asked to review new pull requests.
    pub reviewers: Vec<String>,
    /// The App that speaks instead of the token, if one does.
    pub app: Option<AppConfig>,
    /// A folder for answers that are asked for again only if they changed; it may be removed at any
    /// time. `None` = they are not kept.
    pub cache_dir: Option<PathBuf>,
    /// Most calls by this value; a quarter of them is kept for opening reviews.
    pub max_calls: u32,
    /// Least time between two writes. GitHub asks for a second.
    pub write_gap: DurationMs,
    /// Longest wait for one answer.
    pub timeout: DurationMs,
}

impl GitHubConfig {
    /// The settings that GitHub's documentation recommends: drafts, no labels, 100 calls, a second
    /// between writes, 20 seconds for an answer.
    #[must_use]
    pub fn new(target: Target, token: SecretString, token_env: &str) -> Self {
        Self {
            api_base: target.api_base,
            repo: target.repo,
            token,
            token_env: token_env.to_owned(),
            draft: true,
            labels: Vec::new(),
            reviewers: Vec::new(),
            app: None,
            cache_dir: None,
            max_calls: 100,
            write_gap: DurationMs::secs(1),
            timeout: DurationMs::secs(20),
        }
    }
}

/// GitHub, for one repository and one tick.
pub struct GitHubForge {
    config: GitHubConfig,
    names: Names,
    clock: Arc<dyn Clock>,
    session: Mutex<Session>,
}

impl fmt::Debug for GitHubForge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitHubForge")
            .field("api_base", &self.config.api_base)
            .field("repo", &self.names.repo)
            .finish_non_exhaustive()
    }
}

impl GitHubForge {
    /// A forge that has not made any call yet. Nothing is built or checked before the first one.
    #[must_use]
    pub fn new(config: GitHubConfig, clock: Arc<dyn Clock>) -> Self {
        let names = Names {
            repo: config.repo.to_string(),
            token_env: match &config.app {
                Some(app) => app.key_place.clone(),
                None => config.token_env.clone(),
            },
            app: config.app.as_ref().map(|app| app.id.clone()),
        };
        Self {
            config,
            names,
            clock,
            session: Mutex::new(Session::default()),
        }
    }

    /// The forge's own time as of its last answer.
    #[must_use]
    pub fn server_time(&self) -> Option<Timestamp> {
        self.with(|api| api.session.server_time)
    }

    /// Calls made so far.
    #[must_use]
    pub fn calls_used(&self) -> u32 {
        self.with(|api| api.session.used)
    }

    /// Remarks for the report since the last call of this: a clock that is off, labels that could
    /// not be set, checks that may not be read, reviews that were not looked at. Each a sentence.
    #[must_use]
    pub fn take_notes(&self) -> Vec<String> {
        self.with(|api| std::mem::take(&mut api.session.notes))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Api<'_>) -> T) -> T {
        // A session is a cache and counters: after a panic elsewhere it is as good as before.
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        work(&mut Api {
            config: &self.config,
            clock: self.clock.as_ref(),
            names: &self.names,
            session: &mut session,
        })
    }
}

impl ForgeSetup for GitHubForge {
    fn look(&self, wish: &SetupWish<'_>) -> Result<SetupReport, ForgeError> {
        self.with(|api| setup::look(api, wish))
    }
}

impl Forge for GitHubForge {
    fn kind(&self) -> &'static str {
        "github"
    }

    /// See the trait. `number: None` in an answer to a watch with a number means that the forge has
    /// no such pull request for that branch; `head: None` means that it was not looked at (budget),
    /// which a note says too. Feedback is told again on every call; its key is what makes it new.
    fn observe(&self, watch: &[ReviewWatch]) -> Result<Vec<ReviewFacts>, ForgeError> {
        if watch.is_empty() {
            return Ok(Vec::new());
        }
        self.with(|api| observe::observe(api, watch))
    }

    fn passed(&self, gates: &[GateWatch], base: &str) -> Result<Vec<Option<String>>, ForgeError> {
        self.with(|api| gates::passed(api, gates, base))
    }

    fn open_or_adopt(&self, draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError> {
        self.with(|api| publish::open_or_adopt(api, draft))
    }

    fn say(&self, saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        self.with(|api| comments::say(api, saying))
    }
}
