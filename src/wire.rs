//! The only composition root: builds the edges from configuration and environment, and hands them
//! to the use-cases. Nothing is decided here.
//!
//! Commands pay for what they use: the tracker opens the state branch and nothing else; no HTTP
//! client, no agent, no sandbox probe.
//!
//! Invariants: no decision and no rendering; nothing is built that the command does not need.
//!
//! May import: all.
//!
//! Longer than 400 lines because the whole program is put together in one place.

mod actor;
mod catalog;
mod code;
mod demo;
mod editor;
mod forge;
mod hooks;
mod intake;
mod mcp;
pub mod models;
mod sandbox;
mod site;
mod state;
mod trial;
mod vault;
mod windows;
mod works;

pub use demo::agent as demo_agent;
pub use sandbox::launch;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::agents::stream::{CountTokens, filter};
use crate::app::catalog::HasModels;
use crate::app::context::Context;
use crate::app::stream::{StreamReport, StreamRequest};
use crate::app::tracker::desk::{Desk, Opened, Place as TrackerPlace, Remarks};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::hooks::Hooks;
use crate::app::tracker::import::Files;
use crate::app::tracker::init::first_trouble;
use crate::app::tracker::logs::{LogsItem, LogsReport, LogsRequest};
use crate::app::tracker::secret::HasVault;
use crate::cli::host::{Between, Demo, Edited, Host, TickAround, Windows, Works};
use crate::config::Env;
use crate::domain::halves::set_both;
use crate::domain::policy::Policy;
use crate::domain::time::Timestamp;
use crate::engine::admission::is_program;
use crate::git::place::Place;
use crate::git::process::Git;
use crate::git::state_repo::GitStateRepo;
use crate::machine::clock::{FixedClock, SystemClock};
use crate::machine::files::LocalFiles;
use crate::machine::ids::{SeededIds, SystemIds};
use crate::machine::processors;
use crate::ports::clock::{Clock, Ids};
use crate::ports::code_repo::CodeRepo;
use crate::ports::forge_setup::ForgeSetup;
use crate::ports::model::Tokens as _;
use crate::ports::site::Site as _;
use crate::providers::tokens::Tiktoken;
use crate::store::Memo;
use crate::wire::actor::actor;
use crate::wire::catalog::Catalog;
use crate::wire::code::code_to_read;
use crate::wire::site::{ProjectSite, working_directory};
use crate::wire::state::state_options;
use crate::wire::vault::{ProjectVault, with_secrets};
use crate::wire::works::{Ground, Workshop, scanner};

/// Letters of the run's name in records.
const RUN_LEN: usize = 8;

/// Builds what a command needs, when it needs it.
#[derive(Debug)]
pub struct Wire {
    env: Env,
    /// Where workspaces are made instead of the user's cache: inside the demonstration.
    workspaces: RefCell<Option<PathBuf>>,
}

impl Wire {
    /// A composition root on the environment of this process.
    #[must_use]
    pub fn new() -> Self {
        set_both(processors::both);
        Self::of(Env::of_process())
    }

    const fn of(env: Env) -> Self {
        Self {
            env,
            workspaces: RefCell::new(None),
        }
    }

    fn place(&self, dir: Option<&Path>) -> Result<ProjectPlace, TrackerError> {
        let here = working_directory();
        let place = Place::discover(&dir.map_or(here.clone(), |dir| here.join(dir)))?;
        Ok(ProjectPlace {
            site: ProjectSite::new(
                place,
                Git::new(self.env.get("FLEET_GIT").unwrap_or("git")),
                self.env.clone(),
            ),
            env: self.env.clone(),
        })
    }
}

impl Wire {
    /// A place whose environment has the stored secrets behind it, and what to tell of those.
    fn place_with_secrets(
        &self,
        dir: Option<&Path>,
    ) -> Result<(ProjectPlace, Vec<String>), TrackerError> {
        let ProjectPlace { site, env } = self.place(dir)?;
        let (clock, _) = clock_and_ids(&env);
        let forge = site.configured().ok().map(|c| c.policy.forge);
        let is_token = |name: &str| forge.as_ref().is_some_and(|f| f.is_token(name));
        let (env, notes) = with_secrets(&env, site.place(), clock, is_token);
        let site = site.with_env(env.clone());
        Ok((ProjectPlace { site, env }, notes))
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for Wire {
    fn tick_around(&self) -> Option<TickAround> {
        self.env.get("FLEET_OUTBOX").map(|_| TickAround {
            task: self.env.get("FLEET_TASK").map(str::to_owned),
        })
    }

    fn open(&self, dir: Option<&Path>) -> Result<Box<dyn Opened>, TrackerError> {
        let place = self.place(dir)?;
        let configured = place.site.configured();
        let policy = configured
            .map_err(|troubles| first_trouble(&troubles))?
            .policy;
        Ok(Box::new(place.office(policy)?))
    }

    fn edit(&self, dir: Option<&Path>, name: &str, text: &str) -> Result<Edited, String> {
        let place = self.place(dir).map_err(|error| error.to_string())?;
        editor::edit(&place, &self.env, name, text)
    }

    fn opened(&self, file: &str) -> Option<String> {
        crate::machine::editor::opened(Path::new(file))
    }

    fn forget(&self, edited: &str) {
        crate::machine::editor::forget(Path::new(edited));
    }

    fn site(&self, dir: Option<&Path>) -> Result<Box<dyn TrackerPlace>, TrackerError> {
        Ok(Box::new(self.place(dir)?))
    }

    fn works(
        &self,
        dir: Option<&Path>,
        between: Between<'_>,
    ) -> Result<Box<dyn Works>, TrackerError> {
        let workspaces = self.workspaces.borrow().clone();
        let (place, notes) = self.place_with_secrets(dir)?;
        let workshop = place.workshop(between, workspaces)?;
        workshop.note(notes);
        Ok(Box::new(workshop))
    }

    fn models(&self, dir: Option<&Path>) -> Result<Box<dyn HasModels>, TrackerError> {
        let (place, notes) = self.place_with_secrets(dir)?;
        let configured = place.site.configured();
        let policy = configured
            .map_err(|troubles| first_trouble(&troubles))?
            .policy;
        let settings = place.site.settings();
        let secrets = settings.map(|read| scanner(&read.secrets));
        let secrets = secrets.unwrap_or_default();
        let (clock, ids) = clock_and_ids(&place.env);
        Ok(Box::new(Catalog {
            providers: models::providers(&policy, &place.env, &clock, &ids),
            policy,
            notes,
            secrets,
        }))
    }

    fn vault(&self, dir: Option<&Path>) -> Result<Box<dyn HasVault>, TrackerError> {
        let place = self.place(dir)?;
        let (clock, _) = clock_and_ids(&self.env);
        let actor = actor(&self.env, &place.site);
        let vault = {
            let forge = place.site.configured().ok().map(|c| c.policy.forge);
            ProjectVault::open(place.site.place(), &self.env, clock, &actor, forge)?
        };
        Ok(Box::new(vault))
    }

    fn files(&self) -> Box<dyn Files> {
        Box::new(LocalFiles)
    }

    fn stream(&self, request: &StreamRequest) -> Result<StreamReport, String> {
        let (clock, _) = clock_and_ids(&self.env);
        let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
        // Tables are loaded when the first text is counted, and not at all without the wish.
        let counter = request
            .count_tokens
            .then(|| -> CountTokens { Box::new(|model, text| Tiktoken.count(model, text)) });
        filter(request, &*clock, counter, &mut input, &mut output)
            .map_err(|error| format!("cannot pass the stream on: {error}"))
    }

    fn logs(
        &self,
        dir: Option<&Path>,
        request: &LogsRequest,
        show: &mut dyn FnMut(LogsItem) -> bool,
    ) -> Result<LogsReport, TrackerError> {
        windows::logs(&self.place(dir)?, request, show)
    }

    fn mcp(&self, dir: Option<&Path>) -> Result<(), String> {
        let dir = dir.map(Path::to_path_buf);
        let backlog = mcp::Repository::new(self.env.clone(), dir);
        crate::mcp::serve(Arc::new(backlog))
    }

    fn hooks(&self, dir: Option<&Path>) -> Result<(Box<dyn Hooks>, Policy), TrackerError> {
        hooks::open(self, dir)
    }

    fn windows(&self, dir: Option<&Path>) -> Result<Box<dyn Windows>, String> {
        let place = self.place(dir).map_err(|error| error.to_string())?;
        Ok(Box::new(windows::TmuxWindows::new(&place)?))
    }

    fn demo(&self, dir: Option<&Path>) -> Result<Box<dyn Demo>, String> {
        let demo = demo::build(dir)?;
        let inside = demo.clone_dir().with_file_name("workspaces");
        self.workspaces.replace(Some(inside));
        Ok(demo)
    }
}

/// A repository, not opened for work yet.
#[derive(Debug)]
struct ProjectPlace {
    site: ProjectSite,
    env: Env,
}

impl ProjectPlace {
    fn office(&self, policy: Policy) -> Result<Office, TrackerError> {
        let options = state_options(&policy, &self.site.remote_names());
        let repo = GitStateRepo::at(self.site.place(), self.site.git().clone(), options)?;
        let (clock, ids) = clock_and_ids(&self.env);
        let run = ids.nonce()[..RUN_LEN].to_owned();
        Ok(Office {
            repo,
            clock,
            ids,
            actor: actor(&self.env, &self.site),
            run,
            memo: Memo::default(),
            policy,
            remarks: Remarks::default(),
            one_shot: true,
            own_name: self.env.get("FLEET_ACTOR").is_some(),
            place: self.site.place().clone(),
            git: self.site.git().clone(),
            remotes: self.site.remote_names(),
            env: self.env.clone(),
        })
    }
}

impl ProjectPlace {
    fn workshop(
        &self,
        between: Between<'_>,
        workspaces: Option<PathBuf>,
    ) -> Result<Workshop, TrackerError> {
        let troubles = |errors: crate::config::ConfigErrors| TrackerError::Config {
            // The text ends with the next command.
            what: errors.to_string(),
            hint: String::new(),
        };
        let settings = self.site.settings().map_err(troubles)?;
        let (clock, ids) = clock_and_ids(&self.env);
        let run = ids.nonce()[..RUN_LEN].to_owned();
        let ground = Ground {
            place: self.site.place(),
            git: self.site.git(),
            env: &self.env,
            remotes: self.site.remote_names(),
            clock,
            ids,
            run,
            exe: own_program(),
            workspaces,
        };
        Workshop::new(ground, settings, between)
    }
}

/// This program, which is also the embedded agent of the demonstration.
#[expect(
    clippy::disallowed_methods,
    reason = "the composition root knows where the program is"
)]
fn own_program() -> PathBuf {
    std::env::current_exe().unwrap_or_default()
}

impl TrackerPlace for ProjectPlace {
    fn site(&self) -> &dyn crate::ports::site::Site {
        &self.site
    }

    fn open(&self, policy: Policy) -> Result<Box<dyn Opened + '_>, TrackerError> {
        Ok(Box::new(self.office(policy)?))
    }

    fn forge_setup(&self, policy: &Policy) -> Result<Option<Box<dyn ForgeSetup>>, String> {
        forge::forge_setup(&self.site, policy, &clock_and_ids(&self.env).0)
    }
}

/// The system's clock and chance. A debug build takes both from `FLEET_TEST_NOW` and
/// `FLEET_TEST_SEED`, so that tests of the whole program are repeatable; a release build has no
/// such door.
fn clock_and_ids(env: &Env) -> (Arc<dyn Clock>, Arc<dyn Ids>) {
    let door = |name: &str| env.get(name).filter(|_| cfg!(debug_assertions));
    let now = door("FLEET_TEST_NOW").and_then(|text| text.parse::<Timestamp>().ok());
    let seed = door("FLEET_TEST_SEED").and_then(|text| text.parse::<u64>().ok());
    let clock: Arc<dyn Clock> = match now {
        Some(now) => Arc::new(FixedClock::new(now)),
        None => Arc::new(SystemClock),
    };
    let ids: Arc<dyn Ids> = match seed {
        Some(seed) => Arc::new(SeededIds::new(seed)),
        None => Arc::new(SystemIds::default()),
    };
    (clock, ids)
}

/// A repository, opened for work on its tasks.
struct Office {
    repo: GitStateRepo,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    actor: String,
    run: String,
    memo: Memo,
    policy: Policy,
    remarks: Remarks,
    /// A command line is one command; a server is many.
    one_shot: bool,
    own_name: bool,
    place: Place,
    git: Git,
    remotes: Vec<String>,
    env: Env,
}

impl Opened for Office {
    fn desk(&self) -> Desk<'_> {
        Desk {
            context: Context {
                repo: &self.repo,
                clock: &*self.clock,
                ids: &*self.ids,
                actor: &self.actor,
                run: &self.run,
                memo: &self.memo,
            },
            policy: &self.policy,
            remarks: &self.remarks,
            one_shot: self.one_shot,
            own_name: self.own_name,
            to_agent: is_program(&self.actor),
        }
    }

    fn code(&self) -> Result<Box<dyn CodeRepo + '_>, TrackerError> {
        let (place, git) = (&self.place, &self.git);
        let code = code_to_read(place, git, &self.env, &self.policy, &self.remotes)?;
        Ok(Box::new(code))
    }

    fn remarks(&self) -> Vec<String> {
        let mut remarks = self.remarks.take();
        remarks.extend(self.repo.warnings());
        remarks
    }
}
