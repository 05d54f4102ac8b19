//! One project, copied from one that was set up once: a repository with two ready tasks, a bare
//! remote if it has one, an agent that is a script, and the program with nothing of the owner's
//! environment.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use rustix::fs::StatVfsMountFlags;
use serde_json::Value;

use crate::fake_github::{FakeGitHub, TOKEN};
use crate::isolated::isolated;
use crate::limit::Ends as _;
use crate::truth::refs;

/// Where the state is, and whether there is a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A branch of its own, on a remote.
    Remote,
    /// A branch of its own, here only.
    Local,
    /// On the base branch, which is checked out, on a remote.
    InTree,
    /// A branch of its own, on a remote whose reviews are pull requests.
    GitHub,
}

impl Shape {
    pub(crate) const ALL: [Self; 3] = [Self::Remote, Self::Local, Self::InTree];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Remote => "remote",
            Self::Local => "local",
            Self::InTree => "in-tree",
            Self::GitHub => "github",
        }
    }
}

/// Titles of the tasks that a new world has; their ids were printed.
pub(crate) const TITLES: [&str; 2] = ["one", "two"];

/// What stands for the remote's folder in the copy that is kept.
const HUB: &str = "%hub";

/// Counts its runs beside itself, and leaves a file of the task's name.
const AGENT: &str = "#!/bin/sh\n\
    echo \"$FLEET_TASK $FLEET_ATTEMPT\" >> \"${0%/*}/runs\"\n\
    echo \"$FLEET_TASK\" > \"$FLEET_TASK.txt\"\n";

pub(crate) struct World {
    root: tempfile::TempDir,
    pub(crate) shape: Shape,
    /// Where pull requests are.
    pub(crate) forge: Option<FakeGitHub>,
}

/// Memory if there is enough of it and scripts may be run there: flushing a disk costs most of a run,
/// and power cuts are not what is tried here.
fn ground() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let serves = rustix::fs::statvfs(memory).is_ok_and(|about| {
        let runs = !about.f_flag.contains(StatVfsMountFlags::NOEXEC);
        runs && about.f_bavail * about.f_frsize > 1 << 30
    });
    if serves && tempfile::tempdir_in(memory).is_ok() {
        return memory.to_owned();
    }
    std::env::temp_dir()
}

/// A folder as it was: each folder before what is in it, files with bytes and mode.
type Kept = Vec<(PathBuf, Option<(Vec<u8>, fs::Permissions)>)>;

/// Reads what is below `top`; there are folders and files only.
fn keep(top: &Path, folder: &Path, into: &mut Kept) {
    for entry in fs::read_dir(top.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            into.push((path.clone(), None));
            keep(top, &path, into);
        } else {
            let bytes = fs::read(entry.path()).unwrap();
            let mode = entry.metadata().unwrap().permissions();
            into.push((path, Some((bytes, mode))));
        }
    }
}

fn put_back(kept: &Kept, top: &Path) {
    for (path, file) in kept {
        let path = top.join(path);
        match file {
            None => fs::create_dir(path).unwrap(),
            Some((bytes, mode)) => {
                fs::write(&path, bytes).unwrap();
                fs::set_permissions(&path, mode.clone()).unwrap();
            }
        }
    }
}

impl World {
    fn empty(shape: Shape) -> Self {
        let root = tempfile::Builder::new()
            .prefix("fleet-faults-")
            .tempdir_in(ground())
            .unwrap();
        let forge = (shape == Shape::GitHub).then(|| FakeGitHub::start("octo/hello"));
        if let Some(forge) = &forge {
            forge.serve_git_dir(&root.path().join("hub"));
        }
        let world = Self { root, shape, forge };
        for folder in ["home", "tmp", "bin"] {
            fs::create_dir(world.path(folder)).unwrap();
        }
        world.script("bin/agent", AGENT);
        world
    }

    /// A project with tasks `one` and `two`, ready to be run.
    pub(crate) fn new(shape: Shape) -> Self {
        static MADE: [OnceLock<Kept>; 4] = [const { OnceLock::new() }; 4];
        let made = MADE[shape as usize].get_or_init(|| {
            let world = Self::set_up(shape);
            world.name_hub(world.path("hub").to_str().unwrap(), HUB);
            let mut kept = Vec::new();
            for folder in ["repo", "hub"] {
                if world.path(folder).exists() {
                    kept.push((folder.into(), None));
                    keep(world.root(), Path::new(folder), &mut kept);
                }
            }
            kept
        });
        let world = Self::empty(shape);
        put_back(made, world.root());
        world.name_hub(HUB, world.path("hub").to_str().unwrap());
        world
    }

    fn set_up(shape: Shape) -> Self {
        let world = Self::empty(shape);
        world.git(".", &["init", "-q", "-b", "main", "--template=", "repo"]);
        fs::create_dir(world.path("repo/.orchestra")).unwrap();
        let state = match shape {
            Shape::InTree => "main",
            Shape::Remote | Shape::Local | Shape::GitHub => "fleet/state",
        };
        let forge = match shape {
            Shape::GitHub => "[forge]\nkind = \"github\"\nrepo = \"octo/hello\"\n",
            Shape::Remote | Shape::Local | Shape::InTree => "",
        };
        let config = format!(
            "base_branch = \"main\"\n[state]\nbranch = \"{state}\"\n\
             [tick]\nmax_parallel = 2\nmax_claims = 1000\n\
             [retry]\nbackoff = [\"1ms\"]\n[leases]\nskew_allowance = \"0s\"\n\
             [sandbox]\nmode = \"off\"\n\
             [agents.x]\nkind = \"command\"\nargv = [\"agent\"]\nmax_parallel = 100\n{forge}"
        );
        fs::write(world.path("repo/.orchestra/config.toml"), config).unwrap();
        fs::write(world.path("repo/README"), "a project\n").unwrap();
        world.git("repo", &["add", "."]);
        world.git("repo", &["commit", "-qm", "begin"]);
        if shape != Shape::Local {
            let hub = ["init", "-q", "--bare", "-b", "main", "--template=", "hub"];
            world.git(".", &hub);
            world.git("hub", &["config", "gc.auto", "0"]);
            // A server tidies up when it likes; what it starts for that is no process of ours.
            world.git("hub", &["config", "receive.autogc", "false"]);
            let hub = world.path("hub");
            let hub = hub.to_str().unwrap();
            world.git("repo", &["remote", "add", "origin", hub]);
            world.git("repo", &["push", "-q", "origin", "main"]);
        }
        let init: &[&str] = match shape {
            Shape::InTree => &["init", "--in-tree"],
            Shape::Remote | Shape::Local | Shape::GitHub => &["init"],
        };
        world.ok(init);
        for (n, title) in (1..).zip(TITLES) {
            assert_eq!(world.ok(&["q", title]).trim(), format!("T-{n}"));
        }
        world
    }

    /// Says in the configuration where the remote is, which is all that names a folder of this world.
    fn name_hub(&self, before: &str, now: &str) {
        let config = self.path("repo/.git/config");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(&config, text.replace(before, now)).unwrap();
    }

    /// The git dir of one of its repositories.
    pub(crate) fn git_dir(&self, name: &str) -> PathBuf {
        let inside = self.path(name).join(".git");
        if inside.is_dir() {
            return inside;
        }
        self.path(name)
    }

    /// Where the state is.
    pub(crate) fn tip(&self) -> String {
        let (at, branch) = self.truth();
        let branch = format!("refs/heads/{branch}");
        let tip = refs(&self.git_dir(at)).remove(&branch);
        tip.unwrap_or_else(|| panic!("{at} has no {branch}"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Every git dir in it.
    pub(crate) fn git_dirs(&self) -> Vec<PathBuf> {
        let tops = fs::read_dir(self.root.path()).unwrap();
        let tops = tops.map(|entry| entry.unwrap().path());
        tops.filter_map(|top| {
            let inside = top.join(".git");
            let bare = top.join("HEAD").exists().then_some(top);
            inside.is_dir().then_some(inside).or(bare)
        })
        .collect()
    }

    /// An executable file.
    pub(crate) fn script(&self, name: &str, text: &str) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The repository that decides, and the branch of the state in it.
    pub(crate) fn truth(&self) -> (&'static str, &'static str) {
        match self.shape {
            Shape::Remote | Shape::GitHub => ("hub", "fleet/state"),
            Shape::Local => ("repo", "fleet/state"),
            Shape::InTree => ("hub", "main"),
        }
    }

    /// A program in a folder of the world, with nothing of the owner's environment.
    pub(crate) fn isolated(&self, program: impl AsRef<std::ffi::OsStr>, dir: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let path = format!("{}:{path}", self.path("bin").display());
        let places = (path.into(), &*self.path("home"), &*self.path("tmp"));
        isolated(program, &self.path(dir), places)
    }

    #[track_caller]
    pub(crate) fn git(&self, dir: &str, args: &[&str]) -> String {
        let out = self.isolated("git", dir).args(args).ends();
        assert!(
            out.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// The program in `dir`, not started.
    pub(crate) fn command(&self, dir: &str, args: &[&str]) -> Command {
        let built = || env!("CARGO_BIN_EXE_fleet").into();
        let program = std::env::var_os("FLEET_BIN").unwrap_or_else(built);
        let mut command = self.isolated(program, dir);
        command.args(args);
        if let Some(forge) = &self.forge {
            command.env("FLEET_FORGE_URL", forge.base_url());
            command.env("GITHUB_TOKEN", TOKEN);
        }
        command
    }

    pub(crate) fn fleet(&self, args: &[&str]) -> Output {
        self.command("repo", args).ends()
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let out = self.fleet(args);
        assert!(out.status.success(), "fleet {args:?}: {}", words(&out));
        String::from_utf8(out.stdout).unwrap()
    }

    /// Adds many tasks in one publish; their ids and titles.
    pub(crate) fn add_many(&self, titles: &[String]) -> Vec<(String, String)> {
        let task =
            |(n, title): (usize, &String)| serde_json::json!({"id": n.to_string(), "title": title});
        let plan: Vec<Value> = titles.iter().enumerate().map(task).collect();
        if plan.is_empty() {
            return Vec::new();
        }
        let file = self.path("plan.json");
        fs::write(&file, serde_json::json!({ "tasks": plan }).to_string()).unwrap();
        let added = self.data(&["add", "--graph", file.to_str().unwrap()]);
        fs::remove_file(file).unwrap();
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        let ids = added["tasks"].as_array().unwrap().iter().map(id);
        ids.zip(titles.iter().cloned()).collect()
    }

    /// `data` of an answer in JSON.
    #[track_caller]
    pub(crate) fn data(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str::<Value>(&self.ok(&all)).unwrap()["data"].take()
    }
}

/// Everything that a program said, with how it ended.
pub(crate) fn words(out: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&out.stdout), text(&out.stderr));
    format!("{}\n{stdout}{stderr}", out.status)
}
