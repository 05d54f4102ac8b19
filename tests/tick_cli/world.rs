//! A folder of its own with repositories, agents that are scripts, and the program.
//!
//! Nothing here waits for time: an agent that a test waits for writes into a named pipe, and the
//! write ends only when the test reads it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::isolated::isolated;

/// How long anything may take before the test says that it hangs.
const LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct World {
    root: tempfile::TempDir,
}

/// Where the state is, and whether there is a remote.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) remote: bool,
    pub(crate) in_tree: bool,
}

impl World {
    /// A repository `repo` with an agent `x` that runs `agent` in a shell, not set up yet.
    pub(crate) fn raw(agent: &str, shape: Shape) -> Self {
        let world = Self {
            root: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(world.path("home")).unwrap();
        world.agent(agent);
        world.git(".", &["init", "-q", "-b", "main", "repo"]);
        fs::create_dir(world.path("repo/.orchestra")).unwrap();
        let state = if shape.in_tree { "main" } else { "fleet/state" };
        // Its agents talk to the test through pipes that lie outside their workspace.
        let config = format!(
            "base_branch = \"main\"\n[state]\nbranch = \"{state}\"\n[tick]\nmax_parallel = 2\n\
             [retry]\nbackoff = [\"1ms\"]\n[leases]\nskew_allowance = \"0s\"\n\
             [sandbox]\nmode = \"off\"\n\
             [agents.x]\nkind = \"command\"\nargv = [\"{}\"]\nmax_parallel = 2\n",
            world.path("agent").display()
        );
        fs::write(world.path("repo/.orchestra/config.toml"), config).unwrap();
        fs::write(world.path("repo/README"), "a project\n").unwrap();
        world.git("repo", &["add", "."]);
        world.git("repo", &["commit", "-qm", "begin"]);
        if shape.remote {
            world.git(".", &["init", "-q", "--bare", "-b", "main", "hub"]);
            let hub = world.path("hub");
            let hub = hub.to_str().unwrap();
            world.git("repo", &["remote", "add", "origin", hub]);
            world.git("repo", &["push", "-q", "origin", "main"]);
        }
        world
    }

    /// The same, set up, with tasks of these titles.
    pub(crate) fn new(agent: &str, shape: Shape, titles: &[&str]) -> Self {
        let world = Self::raw(agent, shape);
        let init: &[&str] = if shape.in_tree {
            &["init", "--in-tree"]
        } else {
            &["init"]
        };
        world.ok(init);
        for title in titles {
            world.ok(&["q", title]);
        }
        world
    }

    /// Sets what the agent does. Every run is counted.
    pub(crate) fn agent(&self, script: &str) {
        self.script(
            "agent",
            &format!(
                "W='{}'\necho run >> \"$W/runs.$FLEET_TASK\"\n{script}",
                self.root.path().display()
            ),
        );
    }

    /// An executable file.
    pub(crate) fn script(&self, name: &str, text: &str) {
        let file = self.path(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// How often the agent was started on a task.
    pub(crate) fn runs(&self, task: &str) -> usize {
        fs::read_to_string(self.path(&format!("runs.{task}")))
            .map_or(0, |text| text.lines().count())
    }

    fn isolated(&self, program: &str, dir: &str) -> Command {
        let path = std::env::var_os("PATH").unwrap();
        let places = (path, &*self.path("home"), self.root.path());
        isolated(program, &self.path(dir), places)
    }

    #[track_caller]
    pub(crate) fn git(&self, dir: &str, args: &[&str]) -> String {
        let out = self.isolated("git", dir).args(args).output().unwrap();
        assert!(
            out.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    }

    /// The program in `dir`, not started.
    pub(crate) fn command(&self, dir: &str, args: &[&str]) -> Command {
        let mut command = self.isolated(env!("CARGO_BIN_EXE_fleet"), dir);
        command.args(args);
        command
    }

    pub(crate) fn fleet(&self, args: &[&str]) -> Output {
        self.command("repo", args).output().unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let out = self.fleet(args);
        assert_exit(&out, 0);
        String::from_utf8(out.stdout).unwrap()
    }

    /// `data` of an answer in JSON.
    #[track_caller]
    pub(crate) fn data(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str::<Value>(&self.ok(&all)).unwrap()["data"].take()
    }

    /// Id and phase of every task, closed ones too.
    #[track_caller]
    pub(crate) fn phases(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut all: Vec<_> = self.data(&["list", "--all"])["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| (text(&task["id"]), text(&task["phase"])))
            .collect();
        all.sort();
        all
    }

    #[track_caller]
    pub(crate) fn expect_phases(&self, wanted: &[(&str, &str)]) {
        let found = self.phases();
        let found: Vec<_> = found.iter().map(|(t, p)| (&**t, &**p)).collect();
        assert_eq!(found, wanted);
    }

    /// Starts the program with both streams kept.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        let mut command = self.command("repo", args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// A named pipe for an agent to tell something through.
    pub(crate) fn pipe(&self, name: &str) {
        let made = self.isolated("mkfifo", ".").arg(name).status().unwrap();
        assert!(made.success());
    }

    /// Waits until an agent writes into a pipe, and gives what it wrote.
    #[track_caller]
    pub(crate) fn hear(&self, name: &str) -> String {
        let path = self.path(name);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // The test has ended if nobody listens any more.
            let _ = tell.send(fs::read_to_string(path).unwrap());
        });
        told.recv_timeout(LIMIT)
            .expect("the agent speaks in time")
            .trim()
            .to_owned()
    }

    /// Nothing that fleet started runs, no workspace is there, and no lock file of git (I9).
    #[track_caller]
    pub(crate) fn expect_nothing_left(&self) {
        let root = self.root.path().to_str().unwrap().to_owned();
        let running: Vec<String> = fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| {
                let dir = entry.ok()?.path();
                let env = fs::read(dir.join("environ")).ok()?;
                let env = String::from_utf8_lossy(&env);
                let ours = env.contains("FLEET_RUN=") && env.contains(&root);
                ours.then(|| fs::read_to_string(dir.join("cmdline")).unwrap_or_default())
            })
            .collect();
        assert_eq!(running, Vec::<String>::new());
        let cache = self.path("home/.cache/fleet");
        for repo in entries(&cache) {
            let left: Vec<PathBuf> = entries(&repo)
                .into_iter()
                .filter(|path| {
                    let name = path.file_name().unwrap();
                    path.is_dir() && name != "pool" && name != "trash"
                })
                .chain(entries(&repo.join("trash")))
                .collect();
            assert_eq!(left, Vec::<PathBuf>::new());
        }
        for repo in ["repo/.git", "hub"] {
            let locks = self
                .isolated("find", ".")
                .args([repo, "-path", "*refs*", "-name", "*.lock"])
                .args(["-o", "-path", &format!("{repo}/index.lock")])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&locks.stdout), "");
        }
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).map_or_else(
        |_| Vec::new(),
        |all| all.map(|entry| entry.unwrap().path()).collect(),
    )
}

#[track_caller]
pub(crate) fn assert_exit(out: &Output, code: i32) {
    assert_eq!(
        out.status.code(),
        Some(code),
        "{}{}",
        String::from_utf8_lossy(&out.stdout),
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Sends a signal to a process that this test started.
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// Whether a process is there and not a zombie.
pub(crate) fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').unwrap().1.starts_with(" Z"))
}
