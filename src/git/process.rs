//! Starting the git program: one builder for every call, so that no call forgets a rule.
//!
//! Two kinds. [`Git::user`] works on the repository of the user with the user's own credentials: it
//! keeps the environment but for `GIT_*`, and switches off everything by which a repository could
//! make git run a program (security.md A11, A12). [`Git::isolated`] works on trees that an agent
//! touched: no system, global or attribute file takes part and no transport works unless asked for
//! (security.md §4.3).
//!
//! The process is the leader of its own group. At the time limit the group gets SIGTERM, so that
//! git takes its lock files away, and SIGKILL shortly after.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::domain::time::DurationMs;

pub use super::redact::redact;

mod watch;

use watch::watch;

/// Variables of git that name files or programs the user chose for this very environment; they are
/// as trusted as `HOME` and `PATH`, and pushes of many people and runners need them.
const KEPT: &[&str] = &[
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "GIT_SSL_NO_VERIFY",
];

/// What an isolated call keeps of the environment.
const KEPT_ISOLATED: &[&str] = &["PATH", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// Settings of every call: nothing that belongs to a repository is run, nothing stays in the
/// background, nothing is signed or asked.
const QUIET: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "push.recurseSubmodules=no",
    "push.gpgSign=false",
    "push.followTags=false",
    "commit.gpgSign=false",
    "credential.interactive=false",
    "advice.pushUpdateRejected=false",
];

/// Further settings of isolated calls.
const ISOLATED: &[&str] = &[
    "protocol.allow=never",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.autocrlf=false",
    "core.safecrlf=false",
    "safe.bareRepository=explicit",
    "init.templateDir=",
];

/// Default limit of a call.
const DEFAULT_LIMIT: DurationMs = DurationMs::mins(2);

/// Default bound of the standard output, in bytes.
const DEFAULT_STDOUT_MAX: usize = 64 << 20;

/// The git program and the environment that it is started from.
#[derive(Debug, Clone)]
pub struct Git {
    program: OsString,
    env: Arc<Vec<(OsString, OsString)>>,
}

impl Git {
    /// The program `program` (a name to look up in `PATH`, or a path) in the environment of this
    /// process.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self::with_env(program, std::env::vars_os())
    }

    /// As [`Git::new`], from a given environment.
    #[must_use]
    pub fn with_env(
        program: impl Into<OsString>,
        env: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        Self {
            program: program.into(),
            env: Arc::new(env.into_iter().collect()),
        }
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// A call on the user's repository with the user's configuration and credentials.
    pub fn user(&self) -> Call {
        let keep = |name: &OsStr| {
            let name = name.as_encoded_bytes();
            !name.starts_with(b"GIT_") || KEPT.iter().any(|kept| kept.as_bytes() == name)
        };
        let mut call = Call::new(self, keep);
        call.configs(QUIET);
        // A prompt would wait for a person who is not there. With `force`, ssh asks the program
        // below instead of the terminal; `false` answers no.
        call.default_env("SSH_ASKPASS", "false");
        call.set_env("SSH_ASKPASS_REQUIRE", "force");
        call.set_env("GCM_INTERACTIVE", "never");
        call
    }

    /// A call that reads no configuration, attributes or ignore file but the repository's own, has
    /// no credentials and no transport. For git dirs that fleet owns and trees that agents touched.
    pub fn isolated(&self) -> Call {
        let keep = |name: &OsStr| KEPT_ISOLATED.iter().any(|kept| OsStr::new(kept) == name);
        let mut call = Call::new(self, keep);
        call.configs(QUIET);
        call.configs(ISOLATED);
        call.set_env("HOME", "/dev/null");
        call.set_env("GIT_CONFIG_NOSYSTEM", "1");
        call.set_env("GIT_CONFIG_GLOBAL", "/dev/null");
        call.set_env("GIT_ATTR_NOSYSTEM", "1");
        call
    }
}

/// One call of git, being put together.
#[derive(Debug)]
#[must_use = "a call does nothing until `run`"]
pub struct Call {
    program: OsString,
    env: Vec<(OsString, OsString)>,
    global: Vec<OsString>,
    args: Vec<OsString>,
    dir: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    limit: DurationMs,
    stdout_max: usize,
}

impl Call {
    fn new(git: &Git, keep: impl Fn(&OsStr) -> bool) -> Self {
        let env = git.env.iter().filter(|(name, _)| keep(name));
        let mut call = Self {
            program: git.program.clone(),
            env: env.cloned().collect(),
            global: Vec::new(),
            args: Vec::new(),
            dir: None,
            stdin: None,
            limit: DEFAULT_LIMIT,
            stdout_max: DEFAULT_STDOUT_MAX,
        };
        call.set_env("GIT_TERMINAL_PROMPT", "0");
        call.set_env("GIT_OPTIONAL_LOCKS", "0");
        call.set_env("GIT_LFS_SKIP_SMUDGE", "1");
        call.set_env("LC_ALL", "C");
        call
    }

    fn set_env(&mut self, name: &str, value: impl AsRef<OsStr>) {
        self.env.retain(|(old, _)| old != name);
        self.env.push((name.into(), value.as_ref().to_owned()));
    }

    fn default_env(&mut self, name: &str, value: &str) {
        if !self.env.iter().any(|(old, _)| old == name) {
            self.env.push((name.into(), value.into()));
        }
    }

    fn configs(&mut self, settings: &[&str]) {
        for setting in settings {
            self.global.push("-c".into());
            self.global.push(setting.into());
        }
    }

    /// The git dir, given explicitly: git then looks for no other and reads no `.git` file.
    pub fn git_dir(mut self, path: &Path) -> Self {
        self.set_env("GIT_DIR", path);
        self
    }

    /// The work tree, given explicitly.
    pub fn work_tree(mut self, path: &Path) -> Self {
        self.set_env("GIT_WORK_TREE", path);
        self
    }

    /// The working directory of the process.
    pub fn dir(mut self, path: &Path) -> Self {
        self.dir = Some(path.to_owned());
        self
    }

    /// One more setting for this call, `key=value`. Later ones win.
    pub fn config(mut self, setting: &str) -> Self {
        self.configs(&[setting]);
        self
    }

    /// One more variable for this call, such as `GIT_INDEX_FILE`.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.set_env(name, value);
        self
    }

    /// The sub-command or one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.args.extend(args);
        self
    }

    /// Bytes for the standard input; closed without them.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Time limit; 2 minutes without it.
    pub const fn limit(mut self, limit: DurationMs) -> Self {
        self.limit = limit;
        self
    }

    /// Bound of the standard output in bytes, 64 MiB without it. More is read and dropped.
    pub const fn stdout_max(mut self, bytes: usize) -> Self {
        self.stdout_max = bytes;
        self
    }

    /// Runs the call to its end. A failing git is not an error here: look at [`Output::ok`].
    ///
    /// # Errors
    /// The program cannot be started or waited for.
    pub fn run(self) -> Result<Output, ProcessError> {
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .args(&self.global)
            .args(&self.args)
            .stdin(if self.stdin.is_some() {
                Stdio::piped()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        let name = self
            .args
            .first()
            .map_or_else(String::new, |name| format!(" {}", name.to_string_lossy()));
        let failed = |cause: std::io::Error| ProcessError {
            what: format!("{}{name}", self.program.to_string_lossy()),
            cause: cause.to_string(),
            missing: cause.kind() == std::io::ErrorKind::NotFound,
        };
        let child = command.spawn().map_err(failed)?;
        watch(child, self.stdin, self.limit.std(), self.stdout_max).map_err(failed)
    }
}

/// What a finished git said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Standard output, raw.
    pub stdout: Vec<u8>,
    /// Standard error, lossy UTF-8, redacted, at most 64 KiB.
    pub stderr: String,
    /// True if the time limit ended it.
    pub timed_out: bool,
    /// True if the standard output was longer than its bound.
    pub truncated: bool,
}

impl Output {
    /// Exit code 0 within the time limit, with the whole output.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == Some(0) && !self.timed_out && !self.truncated
    }

    /// Standard output as text, lossy and redacted, without the last line end.
    #[must_use]
    pub fn text(&self) -> String {
        redact(String::from_utf8_lossy(&self.stdout).trim_end_matches('\n'))
    }

    /// Why it failed, in one line: what git said last, or how it ended. At most 600 bytes.
    #[must_use]
    pub fn cause(&self) -> String {
        if self.timed_out {
            return "git did not answer within the time limit".to_owned();
        }
        let said = |line: &&str| {
            !line.is_empty() && !line.starts_with("hint:") && !names_a_destructive_command(line)
        };
        // A refusal says why in its first lines; a remote's advice follows behind them.
        let advice = "By default, updating the current branch";
        let lines: Vec<&str> = self
            .stderr
            .lines()
            .map(|line| line.trim().trim_start_matches("remote: "))
            .take_while(|line| !line.contains(advice))
            .filter(said)
            .collect();
        let from = lines.len().saturating_sub(6);
        let mut text = lines[from..].join("; ");
        if text.is_empty() {
            text = match (self.code, self.signal) {
                (Some(code), _) => format!("git ended with exit code {code} and said nothing"),
                (None, signal) => format!("git was killed by signal {}", signal.unwrap_or(0)),
            };
        }
        if text.len() > 600 {
            text.truncate(text.floor_char_boundary(600));
            text.push('…');
        }
        text
    }
}

/// Advice that would throw work away when followed is never passed on (R9): git and remotes give it
/// without knowing what fleet keeps there.
fn names_a_destructive_command(line: &str) -> bool {
    const COMMANDS: [&str; 6] = [
        "reset --hard",
        "--force",
        "push -f",
        "clean -f",
        "rm -",
        "branch -D",
    ];
    COMMANDS.iter().any(|command| line.contains(command))
}

/// Git could not be run at all. Fits after "failed to ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("run {what}: {cause}{}", if *.missing {"; install git 2.38 or later, or name it in FLEET_GIT"} else {""})]
pub struct ProcessError {
    /// Program and sub-command.
    pub what: String,
    /// Why.
    pub cause: String,
    /// True if the program was not found.
    pub missing: bool,
}

#[cfg(test)]
mod tests;
