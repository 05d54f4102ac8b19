//! Everything that a tick touches, built when a tick is asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::agents::api::ApiSetup;
use crate::agents::remote::Remotes;
use crate::agents::{Agents, Manners, Setup, take_charge};
use crate::app::context::Context;
use crate::app::intake::IntakeError;
use crate::app::intake::report::IntakeReport;
use crate::app::tick::report::{AgentEvent, TickEvent, TickReport};
use crate::app::tick::{TickError, TickOptions, World, tick};
use crate::app::tracker::error::TrackerError;
use crate::app::trial::{TrialBench, TrialReport};
use crate::cli::host::{Between, Works};
use crate::config::{Env, Settings};
use crate::domain::policy::Policy;
use crate::domain::time::DurationMs;
use crate::engine::secrets::Scanner;
use crate::git::code_repo::{CodeSettings, GitCodeRepo, Refresh};
use crate::git::place::Place;
use crate::git::process::Git;
use crate::git::remote::Remote;
use crate::git::state_repo::GitStateRepo;
use crate::git::workspaces::{GitWorkspaces, WorkspaceSettings};
use crate::machine::ci;
use crate::machine::handover::HandoverDir;
use crate::machine::host::LocalHost;
use crate::machine::journals::JournalDir;
use crate::machine::signals;
use crate::ports::clock::{Clock, Ids};
use crate::ports::code_repo::CodeRepo as _;
use crate::ports::host::Host;
use crate::ports::runner::Cancel;
use crate::providers::tokens::Tiktoken;
use crate::store::Memo;
use crate::wire::forge::{ForgeOf, forge};
use crate::wire::models::providers;
use crate::wire::{intake, sandbox, state_options, trial};

/// Largest bundle that the publish phase takes in.
pub(super) const MAX_BUNDLE_BYTES: u64 = 256 << 20;

/// What is known before a tick is built.
pub(super) struct Ground<'a> {
    pub(super) place: &'a Place,
    pub(super) git: &'a Git,
    pub(super) env: &'a Env,
    pub(super) remotes: Vec<String>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) run: String,
    pub(super) exe: PathBuf,
    pub(super) workspaces: Option<PathBuf>,
}

/// A repository with everything that a tick touches.
pub(super) struct Workshop {
    repo: GitStateRepo,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    run: String,
    memo: Memo,
    policy: Policy,
    code: GitCodeRepo,
    workspaces: GitWorkspaces,
    forge: ForgeOf,
    runner: Agents,
    remotes: Remotes,
    host: Arc<dyn Host>,
    handover: HandoverDir,
    own: HandoverDir,
    secrets: Arc<Scanner>,
    journals: JournalDir,
    summary: Option<PathBuf>,
    outputs: Option<PathBuf>,
    notes: RefCell<Vec<String>>,
    git: Git,
    /// Folder below which agents are tried out.
    trials: PathBuf,
}

impl Workshop {
    /// Builds it. The token stays in the forge's client; agents and checks get an environment that
    /// names it nowhere (R1).
    pub(super) fn new(
        ground: Ground<'_>,
        settings: Settings,
        between: Between<'_>,
    ) -> Result<Self, TrackerError> {
        let Settings {
            policy,
            forge_token,
            forge_app_key,
            secrets,
            ..
        } = settings;
        let mut options = state_options(&policy, &ground.remotes);
        options.extra_fetch = vec![policy.base_branch.clone(), "agent/*".to_owned()];
        let remote = Remote::choose(ground.git, ground.place, &options.remote)?;
        let repo = GitStateRepo::at(ground.place, ground.git.clone(), options)?;
        let host: Arc<dyn Host> = Arc::new(LocalHost::new(ci_run(ground.env)));
        let root = ground
            .workspaces
            .clone()
            .unwrap_or_else(|| workspace_root(ground.env, ground.place));
        let unusable = |cause: String| TrackerError::Write(cause);
        let workspaces = GitWorkspaces::new(
            ground.place,
            ground.git.clone(),
            host.clone(),
            WorkspaceSettings::new(root.clone()),
        )
        .map_err(|error| unusable(format!("failed to {error}")))?;
        let rights = (forge_token, forge_app_key);
        let at = (ground.place, &ground.clock);
        let forge =
            forge(&policy, rights, remote.as_ref(), at).map_err(|error| TrackerError::Config {
                what: error.to_string(),
                hint: "`fleet config check` reads the configuration alone".to_owned(),
            })?;
        let code_settings = CodeSettings {
            base_branch: policy.base_branch.clone(),
            refresh: Refresh::ByState,
            scratch: root.clone(),
            max_bundle_bytes: MAX_BUNDLE_BYTES,
        };
        let secrets = scanner(&secrets);
        let owned = ground.place.owned_dir();
        Ok(Self {
            code: GitCodeRepo::new(
                ground.place,
                ground.git.clone(),
                remote,
                host.clone(),
                code_settings,
            ),
            runner: runner(&ground, &policy, secrets.clone()),
            remotes: remotes(&ground, &policy, secrets.clone()),
            handover: HandoverDir::new(
                (between.handover).map_or_else(|| owned.join("handover"), Path::to_path_buf),
            )
            .with_results(between.results.map(Path::to_path_buf)),
            own: HandoverDir::new(owned.join("handover")),
            summary: ground.env.get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            outputs: ground.env.get("GITHUB_OUTPUT").map(PathBuf::from),
            journals: JournalDir::new(owned.join("journals")),
            clock: ground.clock,
            ids: ground.ids,
            run: ground.run,
            memo: Memo::default(),
            notes: RefCell::default(),
            git: ground.git.clone(),
            trials: root.join("trials"),
            repo,
            policy,
            workspaces,
            forge,
            host,
            secrets,
        })
    }

    /// Has the next report tell these.
    pub(super) fn note(&self, notes: Vec<String>) {
        self.notes.borrow_mut().extend(notes);
    }

    fn world(&self) -> World<'_> {
        World {
            context: Context {
                repo: &self.repo,
                clock: &*self.clock,
                ids: &*self.ids,
                actor: "fleet",
                run: &self.run,
                memo: &self.memo,
            },
            policy: &self.policy,
            code: &self.code,
            workspaces: &self.workspaces,
            forge: self.forge.forge(),
            tickets: self.forge.tickets(),
            runner: &self.runner,
            remotes: &self.remotes,
            host: &*self.host,
            handover: &self.handover,
            own: &self.own,
            secrets: &self.secrets,
            journals: &self.journals,
        }
    }
}

impl Works for Workshop {
    fn tick(
        &self,
        options: &TickOptions,
        on: &mut dyn FnMut(TickEvent),
    ) -> Result<TickReport, TickError> {
        take_charge();
        let cancel = Cancel::default();
        // Without handlers Ctrl-C ends fleet at once: the next tick repairs what that leaves.
        let _listening = signals::listen(cancel.clone()).ok();
        let mut report = tick(&self.world(), options, &cancel, on)?;
        let mut warnings = self.repo.warnings();
        warnings.retain(|warning| !report.notes.contains(warning));
        warnings.dedup();
        report.notes.extend(warnings);
        report.notes.extend(self.forge.take_notes());
        report.notes.append(&mut self.notes.borrow_mut());
        Ok(report)
    }

    fn intake(&self, dry_run: bool, limit: Option<u32>) -> Result<IntakeReport, IntakeError> {
        let mut report = intake::run(&self.world(), dry_run, limit)?;
        report.notes.extend(self.repo.warnings());
        report.notes.extend(self.forge.take_notes());
        report.notes.append(&mut self.notes.borrow_mut());
        Ok(report)
    }

    fn try_agent(
        &self,
        name: &str,
        limit: DurationMs,
        on: &mut dyn FnMut(AgentEvent),
    ) -> Result<TrialReport, TrackerError> {
        take_charge();
        let cancel = Cancel::default();
        let _listening = signals::listen(cancel.clone()).ok();
        let room = trial::Room::make(&self.trials, &self.git)?;
        let bench = TrialBench {
            policy: &self.policy,
            runner: &self.runner,
            remotes: &self.remotes,
            clock: &*self.clock,
            ids: &*self.ids,
            secrets: &self.secrets,
            workspaces: &self.workspaces,
            // Without a commit there is no program of the repository either.
            base: self.code.base().ok(),
            dir: room.path().to_owned(),
        };
        crate::app::trial::trial(&bench, name, limit, &cancel, on)
    }

    fn step_summary(&self, text: &str) -> Result<(), String> {
        match &self.summary {
            None => Ok(()),
            Some(file) => ci::append_summary(file, text),
        }
    }

    fn job_outputs(&self, outputs: &[(&str, String)]) -> Result<(), String> {
        match &self.outputs {
            None => Ok(()),
            Some(file) => ci::append_outputs(file, outputs),
        }
    }

    fn wants_step_summary(&self) -> bool {
        self.summary.is_some()
    }
}

pub(super) fn scanner(secrets: &[(String, SecretString)]) -> Arc<Scanner> {
    let known: Vec<(String, String)> = secrets
        .iter()
        .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
        .collect();
    Arc::new(Scanner::new(&known))
}

/// The variables with keys of services: these are fleet's own.
fn service_keys(policy: &Policy) -> impl Iterator<Item = &str> {
    let services = policy.agents.values().filter_map(|a| a.kind.service());
    services.filter_map(|service| service.key_env.as_deref())
}

/// Services that run agents by themselves, with their keys.
fn remotes(ground: &Ground<'_>, policy: &Policy, secrets: Arc<Scanner>) -> Remotes {
    let keys = service_keys(policy)
        .filter_map(|name| Some((name.to_owned(), SecretString::from(ground.env.get(name)?))))
        .collect();
    let redact = Arc::new(move |text: &str| secrets.redact(text));
    Remotes::new(keys, ground.clock.clone(), redact)
}

/// Runs agents and checks. Tokens of the forge are taken out of its environment here, so that no
/// setting of an agent can name one (R1).
fn runner(ground: &Ground<'_>, policy: &Policy, secrets: Arc<Scanner>) -> Agents {
    let kept =
        |name: &str| policy.forge.is_token(name) || service_keys(policy).any(|key| key == name);
    let env: BTreeMap<String, OsString> = ground
        .env
        .iter()
        .filter(|(name, _)| !kept(name))
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    Agents::new(Setup {
        env,
        exe: ground.exe.clone(),
        clock: ground.clock.clone(),
        ids: ground.ids.clone(),
        redact: Arc::new(move |text| secrets.redact(text)),
        manners: Manners::default(),
        sandbox: Arc::new(sandbox::of(
            ground.env,
            ground.place,
            ground.exe.clone(),
            &policy.sandbox,
        )),
        api: Some(api_setup(ground, policy)),
    })
}

/// The built-in agent: providers with their keys, which stay in this process.
fn api_setup(ground: &Ground<'_>, policy: &Policy) -> ApiSetup {
    let models = providers(policy, ground.env, &ground.clock, &ground.ids);
    let specs = policy.providers.values();
    let (prices, clock) = (policy.prices.clone(), ground.clock.clone());
    ApiSetup {
        models: Arc::new(models),
        price: Arc::new(move |model, usage| prices.estimate_at(model, usage, clock.now())),
        tokens: Arc::new(Tiktoken),
        key_names: specs.flat_map(|spec| spec.key_env.clone()).collect(),
    }
}

/// The CI run that this process is part of, such as `github:octo/hello/123/1`.
pub(super) fn ci_run(env: &Env) -> Option<String> {
    let run = env.get("GITHUB_RUN_ID")?;
    let repo = env.get("GITHUB_REPOSITORY").unwrap_or("unknown");
    let attempt = env.get("GITHUB_RUN_ATTEMPT").unwrap_or("1");
    Some(format!("github:{repo}/{run}/{attempt}"))
}

/// Where workspaces are made: the cache folder of the user, apart for every repository; without a
/// HOME, fleet's folder in the git dir.
pub(super) fn workspace_root(env: &Env, place: &Place) -> PathBuf {
    let cache = env
        .get("FLEET_WORKSPACES")
        .or_else(|| env.get("XDG_CACHE_HOME"))
        .filter(|path| Path::new(path).is_absolute())
        .map(PathBuf::from)
        .or_else(|| env.get("HOME").map(|home| Path::new(home).join(".cache")));
    let Some(cache) = cache else {
        return place.owned_dir().join("workspaces");
    };
    let short = place_digest(place);
    let name = place
        .top()
        .file_name()
        .map_or_else(|| "repo".into(), |n| n.to_string_lossy());
    cache.join("fleet").join(format!("{name}-{short}"))
}

/// Twelve letters that tell a repository from others of this machine.
pub(super) fn place_digest(place: &Place) -> String {
    let digest = Sha256::digest(place.common_dir().as_os_str().as_encoded_bytes());
    digest.iter().take(6).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
