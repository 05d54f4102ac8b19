//! What an agent is given.

use std::fs;

use fleet::ports::workspaces::{WorkspaceRequest, Workspaces as _};

use crate::yard::{MAX, Yard, changed, uid, write};

#[test]
fn an_agent_gets_a_plain_repository_of_its_own() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    let dir = &workspace.dir;

    assert!(dir.join(".git").is_dir());
    assert_eq!(yard.git(dir, &["status", "--porcelain", "--ignored"]), "");
    assert_eq!(yard.git(dir, &["remote"]), "");
    assert_eq!(yard.git(dir, &["symbolic-ref", "HEAD"]), "refs/heads/work");
    assert_eq!(
        yard.git(dir, &["rev-parse", "HEAD"]),
        yard.head().to_string()
    );
    assert_eq!(yard.git(dir, &["log", "--format=%s"]), "a step");
    assert!(yard.git(dir, &["fsck"]).is_empty());
    assert_eq!(
        fs::read_to_string(dir.join("src/lib.rs")).unwrap(),
        "mod api;\n"
    );
    assert!(!dir.join(".git/hooks").exists());
    assert_eq!(fs::read(&workspace.outbox).unwrap(), b"");
    assert_eq!(fs::read_dir(&workspace.home).unwrap().count(), 0);
    assert_eq!(fs::read_dir(&workspace.tmp).unwrap().count(), 0);
    assert!(workspace.dir.is_absolute() && !workspace.prompt_file.starts_with(dir));
}

#[test]
fn an_agent_can_commit_by_itself() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    write(&workspace.dir, "new.rs", "x\n");
    // Without the `-c user.name` of the other tests' git.
    let output = std::process::Command::new("sh")
        .args([
            "-c",
            "git add -A && git commit -qm mine && git log -1 --format=%ae",
        ])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_AUTHOR_EMAIL")
        .env("HOME", &workspace.home)
        .current_dir(&workspace.dir)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "agent@fleet.invalid\n"
    );
    let imported = all.import(&workspace, MAX).unwrap();
    assert_eq!(changed(&imported), ["new.rs 0>100644"]);
    // The agent's own commit is not in the user's repository.
    assert!(
        !yard
            .objects()
            .contains(&yard.git(&workspace.dir, &["rev-parse", "HEAD"]))
    );
}

#[test]
fn a_sparse_workspace_has_the_folders_of_the_globs_and_the_root() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let want = WorkspaceRequest {
        paths: vec!["src/api/**".to_owned()],
        sparse: true,
        ..yard.want()
    };
    let workspace = all.prepare(&yard.lease(1), &want).unwrap();
    let dir = &workspace.dir;
    assert!(dir.join("src/api/a.rs").exists() && dir.join("README.md").exists());
    assert!(!dir.join("docs").exists());
    assert_eq!(yard.git(dir, &["status", "--porcelain"]), "");
    // Nothing that was not checked out is taken for deleted, by import or by the agent's git.
    assert_eq!(changed(&all.import(&workspace, MAX).unwrap()), [""; 0]);

    write(dir, "src/api/a.rs", "changed\n");
    write(dir, "tests/new.rs", "outside the cone\n");
    write(dir, "docs/guide.md", "written without being seen\n");
    let imported = all.import(&workspace, MAX).unwrap();
    assert_eq!(
        changed(&imported),
        [
            "docs/guide.md 100644>100644",
            "src/api/a.rs 100644>100644",
            "tests/new.rs 0>100644"
        ]
    );
    let tree = imported.tree.to_string();
    let files = yard.git(&yard.repo, &["ls-tree", "-r", "--name-only", &tree]);
    assert_eq!(files.lines().count(), 6, "{files}");
    all.discard(&workspace);
    assert_eq!(yard.left(), [""; 0]);
}

#[test]
fn nothing_unseen_is_pushed_out_of_a_sparse_workspace() {
    let yard = Yard::small();
    let all = yard.workspaces();
    let want = WorkspaceRequest {
        paths: vec!["src/**".to_owned()],
        sparse: true,
        ..yard.want()
    };
    let workspace = all.prepare(&yard.lease(1), &want).unwrap();
    write(&workspace.dir, "docs", "a file where an unseen folder is\n");
    let imported = all.import(&workspace, MAX).unwrap();
    assert_eq!(
        crate::yard::refused(&imported),
        ["docs: outside-the-sparse-checkout"]
    );
}

#[test]
fn a_left_over_of_the_same_session_makes_way() {
    let yard = Yard::small();
    write(
        &yard.root(),
        &format!("{}/work/old", uid(1)),
        "left by a crash",
    );
    let workspace = yard
        .workspaces()
        .prepare(&yard.lease(1), &yard.want())
        .unwrap();
    assert!(!workspace.dir.join("old").exists());
    assert!(workspace.dir.join("README.md").exists());
}

#[test]
fn a_missing_start_names_the_shallow_clone() {
    let yard = Yard::small();
    let first = yard.head();
    yard.commit(&[("b", "2")]);
    let url = format!("file://{}", yard.repo.display());
    yard.git(
        &yard.path(""),
        &["clone", "-q", "--depth=1", &url, "shallow"],
    );
    let yard = Yard {
        repo: yard.path("shallow"),
        ..yard
    };
    let all = yard.workspaces();
    let want = WorkspaceRequest {
        start: first,
        ..yard.want()
    };
    let error = all.prepare(&yard.lease(1), &want).unwrap_err();
    assert!(error.cause.contains("git fetch --unshallow"), "{error}");
    assert_eq!(yard.left(), [""; 0]);
    // The head itself works, and its history ends as the clone's does.
    let workspace = all.prepare(&yard.lease(1), &yard.want()).unwrap();
    assert_eq!(
        yard.git(&workspace.dir, &["rev-list", "--count", "HEAD"]),
        "1"
    );
}

#[test]
fn i10_the_users_repository_stays_as_it_is() {
    let yard = Yard::small();
    write(&yard.repo, "README.md", "work in progress\n");
    write(&yard.repo, "untracked", "mine\n");
    yard.git(&yard.repo, &["add", "README.md"]);
    let before = yard.users_things();
    let imported = yard.round(|dir| write(dir, "src/lib.rs", "changed\n"));
    assert_eq!(changed(&imported), ["src/lib.rs 100644>100644"]);
    yard.workspaces().sweep(&[]).unwrap();
    assert_eq!(yard.users_things(), before);
}
