//! A hermetic world for the program: its own folders, environment, time and chance.

use std::cell::Cell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// One world. Every command in it runs one minute after the one before.
pub(crate) struct TestEnv {
    root: TempDir,
    commands: Cell<u64>,
}

impl TestEnv {
    pub(crate) fn new() -> Self {
        Self {
            root: TempDir::new().expect("a temporary folder can be made"),
            commands: Cell::new(0),
        }
    }

    /// The folder `name` of this world.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A repository `name` with one commit on `main`.
    pub(crate) fn repo(&self, name: &str) -> Clone<'_> {
        self.git(self.root.path(), &["init", "-q", "-b", "main", name]);
        let clone = self.at(name);
        clone.git(&["commit", "-q", "--allow-empty", "-m", "start"]);
        clone
    }

    /// A repository that fleet was set up in.
    pub(crate) fn ready(&self, name: &str) -> Clone<'_> {
        let clone = self.repo(name);
        clone.fleet(&["init"]).expect_exit(0);
        clone
    }

    /// A bare repository `hub`, and a set-up clone of it for each name; the state is published.
    pub(crate) fn team<const N: usize>(&self, names: [&str; N]) -> [Clone<'_>; N] {
        self.git(
            self.root.path(),
            &["init", "-q", "--bare", "-b", "main", "hub"],
        );
        let mut first = true;
        names.map(|name| {
            self.git(self.root.path(), &["clone", "-q", "hub", name]);
            let clone = self.at(name);
            if first {
                clone.git(&["commit", "-q", "--allow-empty", "-m", "start"]);
                clone.git(&["push", "-q", "origin", "HEAD:main"]);
                clone.fleet(&["init"]).expect_exit(0);
                first = false;
            }
            clone
        })
    }

    /// Takes the shared repository away, as a network that is down does; or brings it back.
    pub(crate) fn hub_is_up(&self, up: bool) {
        let (from, to) = if up { ("away", "hub") } else { ("hub", "away") };
        std::fs::rename(self.path(from), self.path(to)).expect("the hub can be moved");
    }

    /// The folder `name` as somewhere to run commands.
    pub(crate) fn at(&self, name: &str) -> Clone<'_> {
        Clone {
            env: self,
            dir: self.path(name),
        }
    }

    fn tick(&self) -> u64 {
        let n = self.commands.get() + 1;
        self.commands.set(n);
        n
    }

    fn isolated(&self, mut command: Command) -> Command {
        let path = std::env::var_os("PATH").expect("PATH is set");
        command
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("TZ", "UTC")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.org")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.org")
            .stdin(Stdio::null());
        command
    }

    fn git(&self, dir: &Path, args: &[&str]) -> String {
        let mut command = self.isolated(Command::new("git"));
        let out = command.current_dir(dir).args(args).output();
        let out = out.expect("git runs");
        assert!(
            out.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Output without what differs from run to run.
    fn settled(&self, text: &str) -> String {
        let root = self.root.path();
        let real = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        let git = self.git(root, &["version"]);
        let git = git.trim().trim_start_matches("git version ");
        without_sandbox(text)
            .replace(git, "[GIT]")
            .replace(&*real.to_string_lossy(), "[ROOT]")
            .replace(&*root.to_string_lossy(), "[ROOT]")
    }
}

/// What the doctor says without what confines agents on this machine: tests/zoo looks at that.
fn without_sandbox(text: &str) -> String {
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        match line.split_once("[\"sandbox\",\"") {
            Some((head, rest)) => {
                let (_, tail) = rest.split_once("\"],").expect("another fact follows");
                kept.push_str(head);
                kept.push_str(tail);
            }
            None if line.starts_with("sandbox  ") => {}
            None => kept.push_str(line),
        }
    }
    kept
}

/// A folder of a world.
pub(crate) struct Clone<'a> {
    env: &'a TestEnv,
    pub(crate) dir: PathBuf,
}

impl Clone<'_> {
    /// Runs git here.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.env.git(&self.dir, args)
    }

    /// The program with these arguments, not started yet, with time and chance of the world.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let n = self.env.tick();
        let mut command = self.real_time(args);
        let (hour, minute) = (8 + n / 60, n % 60);
        command
            .env(
                "FLEET_TEST_NOW",
                format!("2026-11-21T{hour:02}:{minute:02}:00.000Z"),
            )
            .env("FLEET_TEST_SEED", n.to_string());
        command
    }

    /// As [`Clone::command`], with the real clock and real chance.
    pub(crate) fn real_time(&self, args: &[&str]) -> Command {
        let mut command = self.env.isolated(Command::new(env!("CARGO_BIN_EXE_fleet")));
        command.current_dir(&self.dir).args(args);
        command
    }

    /// Runs the program.
    pub(crate) fn fleet(&self, args: &[&str]) -> Ran {
        let out = self.command(args).output().expect("fleet runs");
        Ran::new(self.env, args, &out)
    }

    /// What came of a command that was started by hand.
    pub(crate) fn ran(&self, args: &[&str], out: &Output) -> Ran {
        Ran::new(self.env, args, out)
    }

    /// Runs the program with text on its standard input.
    pub(crate) fn fleet_with(&self, args: &[&str], stdin: &str) -> Ran {
        use std::io::Write as _;
        let mut command = self.command(args);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("fleet starts");
        let mut pipe = child.stdin.take().expect("its input is piped");
        pipe.write_all(stdin.as_bytes())
            .expect("it reads its input");
        drop(pipe);
        let out = child.wait_with_output().expect("fleet ends");
        Ran::new(self.env, args, &out)
    }

    /// Runs a line per command, split at blanks outside of single quotes, and tells it all.
    pub(crate) fn story(&self, lines: &[&str]) -> String {
        let mut told = String::new();
        for line in lines {
            let args = split(line);
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            told.push_str(&self.fleet(&args).told());
        }
        told
    }

    /// `data` of a JSON answer that is expected to be one.
    pub(crate) fn data(&self, args: &[&str]) -> serde_json::Value {
        let mut all = args.to_vec();
        all.push("--json");
        let ran = self.fleet(&all);
        ran.expect_exit(0);
        ran.json()["data"].clone()
    }
}

/// Splits a command line at blanks; single quotes hold together.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// What came of a command.
pub(crate) struct Ran {
    line: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) exit: i32,
}

impl Ran {
    pub(crate) fn new(env: &TestEnv, args: &[&str], out: &Output) -> Self {
        let quoted: Vec<String> = args
            .iter()
            .map(|arg| {
                if arg.contains([' ', '\n']) || arg.is_empty() {
                    format!("'{arg}'")
                } else {
                    (*arg).to_owned()
                }
            })
            .collect();
        Self {
            line: quoted.join(" "),
            stdout: env.settled(&String::from_utf8_lossy(&out.stdout)),
            stderr: env.settled(&String::from_utf8_lossy(&out.stderr)),
            exit: out.status.code().unwrap_or(-1),
        }
    }

    /// Command, stdout, stderr and exit code.
    pub(crate) fn told(&self) -> String {
        let mut told = format!("$ fleet {}\n{}", self.line, self.stdout);
        for line in self.stderr.lines() {
            writeln!(told, "! {line}").expect("a string takes text");
        }
        if self.exit != 0 {
            writeln!(told, "[exit {}]", self.exit).expect("a string takes text");
        }
        told
    }

    #[track_caller]
    pub(crate) fn expect_exit(&self, code: i32) -> &Self {
        assert_eq!(self.exit, code, "{}", self.told());
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.told()))
    }
}

/// Commits `bytes` as `path` on the state branch, beside what is there.
pub(crate) fn plant(clone: &Clone<'_>, path: &str, bytes: &[u8]) {
    let file = clone.dir.join(".git/planted");
    std::fs::write(&file, bytes).expect("a file can be written");
    let blob = clone.git(&["hash-object", "-w", ".git/planted"]);
    clone.git(&[
        "read-tree",
        "--index-output=.git/planted-index",
        "fleet/state",
    ]);
    std::fs::copy(
        clone.dir.join(".git/planted-index"),
        clone.dir.join(".git/index"),
    )
    .expect("an index can be copied");
    let info = format!("100644,{},{path}", blob.trim());
    clone.git(&["update-index", "--add", "--cacheinfo", &info]);
    let tree = clone.git(&["write-tree"]);
    let commit = clone.git(&[
        "commit-tree",
        tree.trim(),
        "-p",
        "fleet/state",
        "-m",
        "planted",
    ]);
    clone.git(&["update-ref", "refs/heads/fleet/state", commit.trim()]);
    clone.git(&["read-tree", "HEAD"]);
}
