//! The place where fleet stands, from git, the configuration and the work tree.
#![expect(
    clippy::disallowed_methods,
    reason = "the composition root looks at the work tree and writes the first files of a project"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::config::{
    self, CONFIG_PATH, CommitFiles, ConfigErrors, Env, Origin, ROLES_DIR, Settings,
};
use crate::domain::policy::{AgentKind, AgentSpec, ForgeKind, Policy};
use crate::forge::github::workflow;
use crate::git::place::Place;
use crate::git::process::Git;
use crate::git::site as facts;
use crate::ports::forge_setup::{JobFile, JobProgram};
use crate::ports::sandbox::{Sandbox as _, SandboxFacts};
use crate::ports::site::{AgentChange, ConfigTrouble, Configured, Site, SiteFacts};
use crate::ports::template::Template;
use crate::vault::RECIPIENTS_PATH;
use crate::wire::models::{has_key, has_service_key};
use crate::wire::{own_program, sandbox};

/// Folder of everything that fleet keeps on the code branch.
const FOLDER: &str = ".orchestra";
/// Base branch and remote until the configuration is read.
const FIRST_BASE: &str = "main";
const FIRST_REMOTE: &str = "origin";
/// Most of a file that is read to compare it.
const MOST_TEXT: u64 = 1 << 20;

/// A project.
#[derive(Debug)]
pub(super) struct ProjectSite {
    place: Place,
    git: Git,
    env: Env,
}

impl ProjectSite {
    pub(super) const fn new(place: Place, git: Git, env: Env) -> Self {
        Self { place, git, env }
    }

    /// The same place, with another environment.
    pub(super) fn with_env(self, env: Env) -> Self {
        Self { env, ..self }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.place
    }

    pub(super) const fn git(&self) -> &Git {
        &self.git
    }

    pub(super) fn remote_names(&self) -> Vec<String> {
        facts::remote_names(&self.place)
    }

    pub(super) fn user_name(&self) -> Option<String> {
        facts::user_name(&self.place)
    }

    /// The settings: from the work tree, else from the base branch.
    pub(super) fn settings(&self) -> Result<Settings, ConfigErrors> {
        let root = (!self.place.is_bare()).then(|| self.place.top());
        let in_tree = root.is_some_and(|root| root.join(CONFIG_PATH).symlink_metadata().is_ok());
        let commit = if in_tree {
            CommitFiles::new()
        } else {
            self.files_of_base()
        };
        config::load(root, &commit, &self.env)
    }

    /// Configuration files of the base branch, for bare repositories and branches without them.
    fn files_of_base(&self) -> CommitFiles {
        let base = self.env.get("FLEET_BASE_BRANCH").unwrap_or(FIRST_BASE);
        let remote = self.env.get("FLEET_REMOTE").unwrap_or(FIRST_REMOTE);
        facts::files_of_branch(&self.place, base, remote, FOLDER).unwrap_or_default()
    }
}

impl Site for ProjectSite {
    fn facts(&self) -> Result<SiteFacts, String> {
        facts::facts(&self.place)
    }

    fn git_version(&self) -> Result<String, String> {
        facts::version(&self.git)
    }

    fn configured(&self) -> Result<Configured, Vec<ConfigTrouble>> {
        let settings = self.settings().map_err(troubles)?;
        let file = match settings.origin {
            Origin::WorkTree => Some(CONFIG_PATH.to_owned()),
            Origin::Commit => Some(format!("{CONFIG_PATH} of the base branch")),
            Origin::Defaults => None,
        };
        Ok(Configured {
            file,
            policy: settings.policy,
            warnings: settings.notes,
        })
    }

    fn templates(&self, state_branch: Option<&str>) -> Vec<(String, String)> {
        let here = facts::facts(&self.place).ok().and_then(|f| f.branch);
        let base = here.as_deref().unwrap_or(FIRST_BASE);
        let forge = if facts::is_on_github(&self.place) {
            ForgeKind::GitHub
        } else {
            ForgeKind::Local
        };
        let defaults = config::load(None, &BTreeMap::new(), &Env::default()).ok();
        let state = state_branch
            .map(str::to_owned)
            .or_else(|| defaults.as_ref().map(|d| d.policy.state.branch.clone()))
            .unwrap_or_else(|| "fleet/state".to_owned());
        let text = config::template(base, &state, forge);
        let roles = defaults.map(|d| d.policy.roles).unwrap_or_default();
        let roles = roles
            .into_iter()
            .map(|(role, prompt)| (format!("{ROLES_DIR}/{role}.md"), prompt));
        std::iter::once((CONFIG_PATH.to_owned(), text))
            .chain(roles)
            .collect()
    }

    fn task_template(&self, path: &str, text: &str) -> Result<Template, Vec<ConfigTrouble>> {
        let read = config::task_template(path, text);
        read.map_err(|problems| troubles(ConfigErrors { problems }))
    }

    fn put_new(&self, path: &str, text: &str) -> Result<bool, String> {
        let put = || -> io::Result<bool> {
            let path = self.place.top().join(path);
            if let Some(folder) = path.parent() {
                refuse_links(self.place.top(), folder)?;
                fs::create_dir_all(folder)?;
            }
            match fs::File::create_new(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes())?;
                    file.sync_all()?;
                    Ok(true)
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                Err(error) => Err(error),
            }
        };
        put().map_err(|error| error.to_string())
    }

    fn job_files(&self, policy: &Policy, program: &JobProgram) -> Result<Vec<JobFile>, String> {
        workflow::files(policy, self.has(RECIPIENTS_PATH), program)
    }

    fn read(&self, path: &str) -> Result<Option<String>, String> {
        let file = match fs::File::open(self.place.top().join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let mut text = String::new();
        file.take(MOST_TEXT)
            .read_to_string(&mut text)
            .map_err(|error| error.to_string())?;
        Ok(Some(text))
    }

    fn rewrite(&self, path: &str, text: &str) -> Result<(), String> {
        self.replace(&self.place.top().join(path), text)
            .map_err(|error| error.to_string())
    }

    fn change_agent(&self, change: &AgentChange) -> Result<String, Vec<ConfigTrouble>> {
        let trouble = |what: String, hint: &str| {
            vec![ConfigTrouble {
                place: CONFIG_PATH.to_owned(),
                what,
                hint: hint.to_owned(),
            }]
        };
        let path = self.place.top().join(CONFIG_PATH);
        let old = match fs::read_to_string(&path) {
            Ok(old) => old,
            Err(error) => {
                let hint = "`fleet init` writes a first one";
                return Err(trouble(format!("it cannot be read: {error}"), hint));
            }
        };
        let new = config::change_agent(&old, change)
            .map_err(|what| trouble(what, "`fleet agents list` shows the agents"))?;
        config::load_with(self.place.top(), &new, &self.env).map_err(|errors| {
            let mut all = troubles(errors);
            for one in &mut all {
                // A line of a text that was never written is nowhere to be found.
                if one.place.starts_with(CONFIG_PATH) {
                    CONFIG_PATH.clone_into(&mut one.place);
                }
                one.what = format!("nothing was changed, because then {}", one.what);
                "mend that in the same call, or first".clone_into(&mut one.hint);
            }
            all
        })?;
        self.replace(&path, &new)
            .map_err(|error| trouble(format!("it cannot be written: {error}"), ""))?;
        Ok(CONFIG_PATH.to_owned())
    }

    fn has(&self, path: &str) -> bool {
        self.place.top().join(path).symlink_metadata().is_ok()
    }

    fn sandbox(&self, policy: &Policy) -> SandboxFacts {
        let exe = own_program();
        let sandbox = sandbox::of(&self.env, &self.place, exe, &policy.sandbox);
        sandbox.facts().clone()
    }

    fn available(&self, agent: &AgentSpec) -> Result<(), String> {
        let program = match &agent.kind {
            AgentKind::Cli { cli, program } => {
                program.clone().unwrap_or_else(|| cli.name().to_owned())
            }
            AgentKind::Command { argv, .. } => argv.first().cloned().unwrap_or_default(),
            AgentKind::Api { provider, .. } => {
                let settings = self.settings().map_err(|errors| errors.to_string())?;
                return has_key(&settings.policy, &self.env, &self.place, provider);
            }
            AgentKind::Session { service } => {
                return has_service_key(&self.env, &self.place, service);
            }
            AgentKind::Demo => return Ok(()),
        };
        if self.finds(&program) {
            Ok(())
        } else {
            Err(format!("the program `{program}` is not on PATH"))
        }
    }
}

/// Refuses to write below a folder that is a link out of the work tree.
fn refuse_links(top: &Path, folder: &Path) -> io::Result<()> {
    let mut at = folder;
    while at != top {
        if at.symlink_metadata().is_ok_and(|about| about.is_symlink()) {
            let what = format!("{} is a link", at.display());
            return Err(io::Error::other(what));
        }
        match at.parent() {
            Some(above) => at = above,
            None => break,
        }
    }
    Ok(())
}

/// Problems of a configuration, for a person.
fn troubles(errors: ConfigErrors) -> Vec<ConfigTrouble> {
    let problems = errors.problems.into_iter();
    problems
        .map(|problem| ConfigTrouble {
            place: match problem.line {
                0 => problem.file,
                line => format!("{}:{line}:{}", problem.file, problem.column),
            },
            what: problem.what,
            hint: String::new(),
        })
        .collect()
}

impl ProjectSite {
    /// Puts a new text in the place of a file at once, with the rights that it had.
    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        refuse_links(self.place.top(), folder)?;
        let about = path.symlink_metadata()?;
        if !about.is_file() {
            return Err(io::Error::other("it is no plain file"));
        }
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(text.as_bytes())?;
        new.as_file().set_permissions(about.permissions())?;
        new.as_file().sync_all()?;
        new.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// Whether a program can be found: by its path, or on PATH.
    fn finds(&self, program: &str) -> bool {
        if program.contains('/') {
            return self.place.top().join(program).is_file();
        }
        let path = self.env.get("PATH").unwrap_or_default();
        std::env::split_paths(path).any(|dir| dir.join(program).is_file())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the working directory is read here, once; messages name it in full"
)]
pub(in crate::wire) fn working_directory() -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."))
}
