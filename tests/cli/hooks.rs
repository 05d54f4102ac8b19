//! Hooks with the real git: put in on request, chained, refused where they should, and taken away
//! without a trace.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use insta::assert_snapshot;

use crate::env::{Clone, TestEnv};

/// git as a person runs it here: with hooks, and with this fleet in PATH.
fn git(clone: &Clone<'_>, args: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_fleet"));
    let fleet = program.parent().expect("a program has a folder");
    let path = std::env::var("PATH").expect("PATH is set");
    let mut command = Command::new("git");
    command.env_clear();
    for (name, value) in clone.command(&[]).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .env("PATH", format!("{}:{path}", fleet.display()))
        .current_dir(&clone.dir)
        .args(args)
        .stdin(std::process::Stdio::null());
    command.output().expect("git runs")
}

#[track_caller]
fn good(clone: &Clone<'_>, args: &[&str]) -> String {
    let out = git(clone, args);
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "git {args:?}: {words}");
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[track_caller]
fn bad(clone: &Clone<'_>, args: &[&str]) -> String {
    let out = git(clone, args);
    let words = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success(), "git {args:?} went through: {words}");
    words
}

fn put(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder can be made");
    fs::write(path, text).expect("a file can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode can be set");
}

/// Every file of a folder with its mode.
fn picture(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        all.insert(name, (fs::read(&path).expect("a file"), mode));
    }
    all
}

#[test]
fn hooks_come_on_request_and_go_without_a_trace() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let folder = clone.dir.join(".git/hooks");
    let before = picture(&folder);
    assert_eq!(
        clone.data(&["hooks", "status"])["hooks"][0]["state"],
        "absent"
    );
    assert_snapshot!(clone.story(&["hooks install --dry-run", "hooks install", "hooks install", "hooks status", "hooks remove", "hooks remove"]), @r##"
    $ fleet hooks install --dry-run
    [ROOT]/project/.git/hooks
      pre-commit          absent  would be installed
      prepare-commit-msg  absent  would be installed
      commit-msg          absent  would be installed
      pre-push            absent  would be installed
    $ fleet hooks install
    [ROOT]/project/.git/hooks
      pre-commit          installed  installed
      prepare-commit-msg  installed  installed
      commit-msg          installed  installed
      pre-push            installed  installed
    $ fleet hooks install
    [ROOT]/project/.git/hooks
      pre-commit          installed
      prepare-commit-msg  installed
      commit-msg          installed
      pre-push            installed
    $ fleet hooks status
    [ROOT]/project/.git/hooks
      pre-commit          installed
      prepare-commit-msg  installed
      commit-msg          installed
      pre-push            installed
    $ fleet hooks remove
    [ROOT]/project/.git/hooks
      pre-commit          absent  removed
      prepare-commit-msg  absent  removed
      commit-msg          absent  removed
      pre-push            absent  removed
    $ fleet hooks remove
    [ROOT]/project/.git/hooks
      pre-commit          absent
      prepare-commit-msg  absent
      commit-msg          absent
      pre-push            absent
    "##);
    assert_eq!(picture(&folder), before);
}

#[test]
fn a_hook_that_was_there_runs_first_keeps_its_say_and_comes_back_as_it_was() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let folder = clone.dir.join(".git/hooks");
    let own = "#!/bin/sh\necho own >> ran\n[ ! -e stop ]\n";
    put(&folder.join("pre-commit"), own, 0o755);
    let push = "#!/bin/sh\ncat >> pushed\n";
    put(&folder.join("pre-push"), push, 0o700);
    // git does not run this one, and neither does the chain.
    put(&folder.join("commit-msg"), "#!/bin/sh\nexit 1\n", 0o644);
    let before = picture(&folder);
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    assert!(clone.data(&["hooks", "status"])["hooks"][0]["chained"] == true);
    good(&clone, &["commit", "-q", "--allow-empty", "-m", "one"]);
    assert_eq!(
        fs::read_to_string(clone.dir.join("ran")).expect("it ran"),
        "own\n"
    );
    fs::write(clone.dir.join("stop"), "").expect("a file can be written");
    bad(&clone, &["commit", "-q", "--allow-empty", "-m", "two"]);
    env.at("").git(&["init", "-q", "--bare", "elsewhere"]);
    good(&clone, &["push", "-q", "../elsewhere", "main"]);
    let pushed = fs::read_to_string(clone.dir.join("pushed")).expect("it ran");
    assert!(pushed.starts_with("refs/heads/main "), "{pushed}");
    clone.fleet(&["hooks", "remove"]).expect_exit(0);
    assert_eq!(picture(&folder), before);
}

#[test]
fn a_hook_that_somebody_edited_is_left_alone() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    let file = clone.dir.join(".git/hooks/pre-push");
    let edited = fs::read_to_string(&file).expect("a hook") + "# mine\n";
    fs::write(&file, &edited).expect("a file can be written");
    assert_snapshot!(clone.story(&["hooks install", "hooks remove"]), @r##"
    $ fleet hooks install
    [ROOT]/project/.git/hooks
      pre-commit          installed
      prepare-commit-msg  installed
      commit-msg          installed
      pre-push            changed    edited by somebody, left as it is
    $ fleet hooks remove
    [ROOT]/project/.git/hooks
      pre-commit          absent   removed
      prepare-commit-msg  absent   removed
      commit-msg          absent   removed
      pre-push            changed  edited by somebody, left as it is
    "##);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), edited);
}

#[test]
fn a_folder_of_hooks_that_others_share_is_left_alone_and_one_of_its_own_is_used() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.git(&["config", "core.hooksPath", "tools/hooks"]);
    let refused = clone.fleet(&["hooks", "install"]);
    refused.expect_exit(2);
    assert!(
        refused.stderr.contains("fleet hooks run NAME"),
        "{}",
        refused.stderr
    );
    assert!(!clone.dir.join("tools").exists());
    // All repositories of a user look for their hooks in a folder like this.
    let shared = env.path("my hooks");
    let points_to = |folder: &Path| {
        let folder = folder.to_str().expect("plain");
        clone.git(&["config", "core.hooksPath", folder]);
    };
    points_to(&shared);
    let refused = clone.fleet(&["hooks", "install"]);
    refused.expect_exit(2);
    assert!(
        refused.stderr.contains("other repositories may look")
            && refused.stderr.contains("git config core.hooksPath"),
        "{}",
        refused.stderr
    );
    assert!(!shared.exists());
    let elsewhere = clone.dir.join(".git/my hooks");
    points_to(&elsewhere);
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    assert_eq!(picture(&elsewhere).len(), 4);
    good(&clone, &["checkout", "-q", "-b", "agent/T-7"]);
    good(&clone, &["commit", "-q", "--allow-empty", "-m", "one"]);
    let message = clone.git(&["log", "-1", "--format=%B"]);
    assert_eq!(message.trim_end(), "one\n\nTask: T-7");
    clone.fleet(&["hooks", "remove"]).expect_exit(0);
    assert!(picture(&elsewhere).is_empty());
}

#[test]
fn where_there_is_no_state_of_fleets_a_hook_says_nothing() {
    let env = TestEnv::new();
    let clone = env.repo("stranger");
    let path = clone.dir.join("message");
    fs::write(&path, "one\n\nTask: the dates\n").expect("a file can be written");
    clone
        .fleet(&["hooks", "run", "commit-msg", "message"])
        .expect_exit(0);
    clone.fleet(&["init"]).expect_exit(0);
    let refused = clone.fleet(&["hooks", "run", "commit-msg", "message"]);
    assert_ne!(refused.exit, 0, "{}", refused.told());
}

#[test]
fn an_interrupted_install_switches_no_hook_off_and_the_next_one_goes_on() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let folder = clone.dir.join(".git/hooks");
    let (own, kept) = (
        folder.join("pre-commit"),
        folder.join("pre-commit.before-fleet"),
    );
    put(&own, "#!/bin/sh\necho own >> ran\n", 0o750);
    let before = picture(&folder);
    // Half done: both names, one file.
    fs::hard_link(&own, &kept).expect("a link");
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    good(&clone, &["commit", "-q", "--allow-empty", "-m", "one"]);
    assert!(clone.dir.join("ran").exists(), "it runs first");
    clone.fleet(&["hooks", "remove"]).expect_exit(0);
    assert_eq!(picture(&folder), before);
    // Only the kept one is left, as an older fleet could leave it.
    fs::rename(&own, &kept).expect("another name");
    let told = clone.fleet(&["hooks", "remove"]);
    told.expect_exit(0);
    assert!(told.stdout.contains("put back"), "{}", told.stdout);
    assert_eq!(picture(&folder), before);
}

#[test]
fn branches_that_carry_the_records_of_some_base_are_pushed() {
    let env = TestEnv::new();
    env.at("")
        .git(&["init", "-q", "--bare", "-b", "main", "hub"]);
    let clone = env.repo("project");
    clone.git(&["remote", "add", "origin", "../hub"]);
    clone.fleet(&["init", "--in-tree"]).expect_exit(0);
    clone.fleet(&["add", "One"]).expect_exit(0);
    clone.git(&["push", "-q", "origin", "main"]);
    let old = clone.git(&["rev-parse", "main"]);
    // The remote's main goes on; a feature begins there, while the local main is older.
    clone.fleet(&["add", "Two"]).expect_exit(0);
    clone.git(&["push", "-q", "origin", "main"]);
    clone.git(&["fetch", "-q", "origin"]);
    clone.git(&["checkout", "-q", "-b", "feature", "origin/main"]);
    clone.git(&["branch", "-q", "-f", "main", old.trim()]);
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    good(&clone, &["commit", "-q", "--allow-empty", "-m", "code"]);
    good(&clone, &["push", "-q", "origin", "feature"]);
    // The same without any local main, and for a branch that took the newer main in.
    clone.git(&["checkout", "-q", "-b", "older", old.trim()]);
    clone.git(&["branch", "-q", "-D", "main"]);
    good(
        &clone,
        &["commit", "-q", "--allow-empty", "-m", "more code"],
    );
    good(&clone, &["push", "-q", "origin", "older"]);
    clone.git(&["merge", "-q", "-m", "merge", "origin/main"]);
    good(&clone, &["push", "-q", "origin", "older"]);
    // Records of one's own are refused as ever, and so is taking some away.
    let log = clone.git(&["ls-files", ".orchestra/log"]);
    let file = clone.dir.join(log.lines().next().expect("a segment"));
    let text = fs::read_to_string(&file).expect("records");
    for smuggled in [Some(text.clone() + &text), None] {
        match smuggled {
            Some(text) => fs::write(&file, text).expect("a file can be written"),
            None => fs::remove_file(&file).expect("it can be removed"),
        }
        clone.git(&["commit", "-q", "--no-verify", "-a", "-m", "by hand"]);
        let words = bad(&clone, &["push", "-q", "origin", "older"]);
        assert!(words.contains("would carry changed records"), "{words}");
        clone.git(&["reset", "-q", "--hard", "HEAD~1"]);
    }
}

#[test]
fn a_commit_gets_the_trailer_of_its_branch_once_and_a_wrong_one_is_refused() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    // In a linked work tree, too.
    good(
        &clone,
        &["worktree", "add", "-q", "../linked", "-b", "fix/T-12-dates"],
    );
    let linked = env.at("linked");
    good(
        &linked,
        &[
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "one",
            "-m",
            "Reviewed-by: Ada",
        ],
    );
    let message = linked.git(&["log", "-1", "--format=%B"]);
    assert_eq!(message.trim_end(), "one\n\nReviewed-by: Ada\nTask: T-12");
    good(
        &linked,
        &[
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "two",
            "-m",
            "Task: T-3",
        ],
    );
    let message = linked.git(&["log", "-1", "--format=%B"]);
    assert_eq!(message.trim_end(), "two\n\nTask: T-3");
    let words = bad(
        &linked,
        &[
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "x",
            "-m",
            "Task: the dates",
        ],
    );
    assert!(words.contains("`Task: the dates` names no task"), "{words}");
    // No task, no trailer; an amended message stays as it is.
    good(&clone, &["commit", "-q", "--allow-empty", "-m", "three"]);
    good(
        &clone,
        &["commit", "-q", "--allow-empty", "--amend", "--no-edit"],
    );
    assert_eq!(clone.git(&["log", "-1", "--format=%B"]).trim_end(), "three");
}

#[test]
fn records_are_not_committed_by_hand() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    clone.fleet(&["init", "--in-tree"]).expect_exit(0);
    clone.fleet(&["add", "Parse dates"]).expect_exit(0);
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    let files = clone.git(&["ls-files", ".orchestra/log"]);
    let file = files.lines().next().expect("a segment").to_owned();
    let path = clone.dir.join(&file);
    let was = fs::read_to_string(&path).expect("records");
    for (text, why) in [
        (format!("{was}no record\n"), "is no record"),
        (
            was.replace("Parse dates", "Parse it"),
            "would lose or change records",
        ),
        (String::new(), "would lose or change records"),
    ] {
        fs::write(&path, text).expect("a file can be written");
        let words = bad(&clone, &["commit", "-q", "-a", "-m", "by hand"]);
        assert!(words.contains(why) && words.contains(&file), "{words}");
    }
    fs::remove_file(&path).expect("a file can be removed");
    let words = bad(&clone, &["commit", "-q", "-a", "-m", "by hand"]);
    assert!(words.contains("never taken away"), "{words}");
    clone.git(&["checkout", "HEAD", "--", "."]);
    // What has nothing to do with records goes through, also from a part of the index.
    fs::write(clone.dir.join("code.rs"), "fn main() {}\n").expect("a file can be written");
    good(&clone, &["add", "code.rs"]);
    good(&clone, &["commit", "-q", "-m", "code", "code.rs"]);
}

#[test]
fn records_on_a_branch_of_code_are_refused_by_commit_and_push() {
    let env = TestEnv::new();
    let [clone] = env.team(["one"]);
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    put(
        &clone.dir.join(".orchestra/log/2026-11/x-1.jsonl"),
        "{}\n",
        0o644,
    );
    good(&clone, &["add", "-A", ".orchestra"]);
    let words = bad(&clone, &["commit", "-q", "-m", "records"]);
    assert!(words.contains("belong on fleet/state only"), "{words}");
    good(&clone, &["commit", "-q", "--no-verify", "-m", "records"]);
    good(&clone, &["branch", "smuggled"]);
    good(&clone, &["reset", "-q", "--hard", "HEAD~1"]);
    let words = bad(&clone, &["push", "-q", "origin", "smuggled"]);
    assert!(words.contains("would carry changed records"), "{words}");
    let words = bad(
        &clone,
        &["push", "-q", "origin", "+main:refs/heads/fleet/state"],
    );
    assert!(words.contains("which only fleet pushes"), "{words}");
    let words = bad(&clone, &["push", "-q", "origin", ":fleet/state"]);
    assert!(words.contains("which only fleet pushes"), "{words}");
    // Code goes through, and so does fleet itself.
    good(&clone, &["commit", "-q", "--allow-empty", "-m", "code"]);
    good(&clone, &["push", "-q", "origin", "main"]);
    clone.fleet(&["add", "Parse dates"]).expect_exit(0);
    assert_eq!(clone.data(&["list"])["tasks"][0]["id"], "T-1");
}

#[test]
fn where_fleet_is_not_installed_nothing_is_held_up() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["hooks", "install"]).expect_exit(0);
    // `Clone::git` has no fleet in PATH, unless the machine has one.
    let program = Path::new(env!("CARGO_BIN_EXE_fleet"))
        .parent()
        .expect("a folder");
    let path = std::env::var_os("PATH").expect("PATH is set");
    if std::env::split_paths(&path).any(|folder| folder == program || folder.join("fleet").exists())
    {
        return;
    }
    clone.git(&["commit", "-q", "--allow-empty", "-m", "one"]);
    assert_eq!(clone.git(&["log", "-1", "--format=%s"]).trim(), "one");
}

#[test]
fn settings_of_an_agent_program_are_written_where_there_are_none_and_taken_away_unchanged() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let file = clone.dir.join(".claude/settings.json");
    clone
        .fleet(&["hooks", "install", "--agent", "claude", "--dry-run"])
        .expect_exit(0);
    assert!(!file.exists());
    clone
        .fleet(&["hooks", "install", "--agent", "claude"])
        .expect_exit(0);
    let text = fs::read_to_string(&file).expect("settings");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let hook = &value["hooks"]["SessionStart"][0]["hooks"][0];
    assert_eq!(hook["command"], "fleet prime");
    // What it runs works.
    clone.fleet(&["prime"]).expect_exit(0);
    clone
        .fleet(&["hooks", "install", "--agent", "claude"])
        .expect_exit(0);
    clone
        .fleet(&["hooks", "remove", "--agent", "claude"])
        .expect_exit(0);
    assert!(!clone.dir.join(".claude").exists());
    // Settings of others are theirs, before and after.
    let own = "{\"model\": \"opus\"}\n";
    put(&file, own, 0o600);
    let refused = clone.fleet(&["hooks", "install", "--agent", "claude"]);
    refused.expect_exit(2);
    assert!(
        refused.stderr.contains("SessionStart"),
        "{}",
        refused.stderr
    );
    let edited = text.replace("10", "20");
    for there in [own, &edited] {
        fs::write(&file, there).expect("a file can be written");
        clone
            .fleet(&["hooks", "remove", "--agent", "claude"])
            .expect_exit(0);
        assert_eq!(fs::read_to_string(&file).expect("it stays"), there);
    }
    // A project that leads them elsewhere gets nothing.
    let folder = clone.dir.join(".claude");
    fs::remove_dir_all(&folder).expect("a folder goes");
    std::os::unix::fs::symlink(env.path("."), &folder).expect("a link");
    let refused = clone.fleet(&["hooks", "install", "--agent", "claude"]);
    assert!(refused.stderr.contains("is a link"), "{}", refused.stderr);
    refused.expect_exit(1);
}
