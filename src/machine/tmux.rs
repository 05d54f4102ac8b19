//! Windows of a tmux server of fleet's own: its own socket, none of the user's configuration, and an
//! environment that holds nothing but what a terminal program needs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The one session of the server.
const SESSION: &str = "fleet";
/// What programs in windows may see of fleet's environment: where things are, and how to draw.
const PASSED: [&str; 9] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TERM",
    "COLORTERM",
    "TZ",
    "TMUX_TMPDIR",
];

/// A server, running or not.
#[derive(Debug)]
pub struct Tmux {
    /// Name of the socket, `tmux -L NAME`.
    socket: String,
    /// Where windows begin.
    dir: PathBuf,
    env: BTreeMap<OsString, OsString>,
}

impl Tmux {
    /// The server with this socket; `env` is fleet's own environment.
    ///
    /// # Errors
    /// tmux is not installed; a sentence.
    pub fn find(
        socket: String,
        dir: PathBuf,
        env: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, String> {
        let passed = |name: &OsString| PASSED.iter().any(|p| *p == name);
        let tmux = Self {
            socket,
            dir,
            env: env.filter(|(name, _)| passed(name)).collect(),
        };
        let mut version = tmux.command();
        version.arg("-V");
        match version.output() {
            Ok(out) if out.status.success() => Ok(tmux),
            Ok(out) => Err(format!("tmux does not work here: {}", words(&out))),
            Err(e) => Err(format!(
                "cannot start tmux: {e}; install it (Debian: `apt install tmux`)"
            )),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.env_clear().envs(&self.env);
        command.args(["-L", &self.socket, "-f", "/dev/null"]);
        command.stdin(Stdio::null());
        command
    }

    fn ask(&self, args: &[&str]) -> Result<Output, String> {
        let out = self.command().args(args).output();
        out.map_err(|e| format!("cannot start tmux: {e}"))
    }

    /// Names of the windows that there are.
    fn names(&self) -> Vec<String> {
        let target = format!("={SESSION}");
        let out = self.ask(&["list-windows", "-t", &target, "-F", "#{window_name}"]);
        let text = out.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
        text.unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Opens a window that runs `program`, without a shell, unless one of that name is there; it
    /// closes when the program ends. Gives its id, if it was opened.
    ///
    /// # Errors
    /// tmux refuses; a sentence.
    pub fn open(&self, name: &str, program: &[OsString]) -> Result<Option<String>, String> {
        let names = self.names();
        if names.iter().any(|n| n == name) {
            return Ok(None);
        }
        let mut command = self.command();
        if names.is_empty() {
            command.args(["new-session", "-d", "-s", SESSION, "-x", "200", "-y", "50"]);
        } else {
            command.args(["new-window", "-d", "-t", &format!("={SESSION}:")]);
        }
        command.args(["-P", "-F", "#{window_id}", "-n", name, "-c"]);
        command.arg(&self.dir).arg("--").args(program);
        let out = command
            .output()
            .map_err(|e| format!("cannot start tmux: {e}"))?;
        if !out.status.success() {
            return Err(format!("tmux opened no window for {name}: {}", words(&out)));
        }
        Ok(Some(String::from_utf8_lossy(&out.stdout).trim().to_owned()))
    }

    /// Closes a window by its id. One that closed by itself is fine.
    pub fn close(&self, id: &str) {
        let _ = self.ask(&["kill-window", "-t", id]);
    }

    /// The command with which a person looks at the windows.
    #[must_use]
    pub fn invitation(&self) -> String {
        format!("tmux -L {} attach", self.socket)
    }

    /// Shows the windows in this terminal until the person leaves.
    ///
    /// # Errors
    /// tmux refuses; a sentence.
    pub fn enter(&self) -> Result<(), String> {
        let mut command = self.command();
        command.args(["attach-session", "-t", &format!("={SESSION}")]);
        let status = command
            .stdin(Stdio::inherit())
            .status()
            .map_err(|e| format!("cannot start tmux: {e}"))?;
        // A session that ended while somebody looked on is no failure.
        if status.success() || self.names().is_empty() {
            Ok(())
        } else {
            Err("tmux could not show its windows in this terminal".to_owned())
        }
    }
}

fn words(out: &Output) -> String {
    let text = String::from_utf8_lossy(&out.stderr);
    text.trim()
        .lines()
        .last()
        .unwrap_or("no message")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn windows_open_once_run_without_a_shell_and_close() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        // The socket lies in this folder, so that a test meets no other server.
        let env = [
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("TMUX_TMPDIR".into(), dir.path().as_os_str().to_owned()),
            ("GITHUB_TOKEN".into(), "ghp_canary".into()),
        ];
        let tmux = match Tmux::find(
            "fleet-test".to_owned(),
            dir.path().to_owned(),
            env.into_iter(),
        ) {
            Ok(tmux) => tmux,
            Err(why) => {
                eprintln!("skipped: {why}");
                return;
            }
        };
        let program: Vec<OsString> = ["sh", "-c", "env > \"$1\"; exec cat", "sh", "a b; touch no"]
            .map(OsString::from)
            .to_vec();
        let first = tmux
            .open("T-7", &program)
            .expect("a window")
            .expect("a new one");
        assert_eq!(tmux.open("T-7", &program), Ok(None));
        let second = tmux
            .open("T-8", &["cat".into()])
            .expect("a window")
            .expect("a new one");
        assert_eq!(tmux.names(), ["T-7", "T-8"]);
        let file = dir.path().join("a b; touch no");
        let begun = Instant::now();
        let seen = || std::fs::read_to_string(&file).unwrap_or_default();
        while !seen().contains("PATH=") && begun.elapsed() < Duration::from_secs(20) {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        assert!(seen().contains("PATH="), "{:?}", tmux.names());
        assert!(!seen().contains("ghp_canary"));
        assert!(!dir.path().join("no").exists());
        tmux.close(&first);
        tmux.close(&second);
        tmux.close(&second);
        assert_eq!(tmux.names(), Vec::<String>::new());
    }
}
