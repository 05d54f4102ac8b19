//! Looking for a text everywhere that fleet may have left it.

use std::fs;
use std::path::Path;

use crate::world::World;

/// Where [`commit_segment`] puts it.
pub(crate) const SEGMENT: &str = ".orchestra/log/2026-11/wz-0000.jsonl";

/// Runs the program with more variables, and gives all that it said.
#[track_caller]
pub(crate) fn told(world: &World, args: &[&str], env: &[(&str, &str)]) -> String {
    let mut command = world.command("repo", args);
    let out = command.envs(env.iter().copied()).output().unwrap();
    let text =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{args:?}: {text}");
    text
}

/// Changes the configuration in the work tree.
pub(crate) fn configure(world: &World, change: impl Fn(String) -> String) {
    let path = world.path("repo/.orchestra/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(text)).unwrap();
}

/// Commits files on the base branch, here and at the remote.
pub(crate) fn commit(world: &World, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = world.path("repo").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    world.git("repo", &["add", "."]);
    world.git("repo", &["commit", "-qm", "more"]);
    if world.path("hub").exists() {
        world.git("repo", &["push", "-q", "origin", "main"]);
    }
}

/// Another writer's segment: commits the bytes of `file` onto the state branch, and pushes that to
/// `onto`. Gives the blob.
pub(crate) fn commit_segment(world: &World, file: &Path, onto: &str) -> String {
    let blob = world.git("repo", &["hash-object", "-w", file.to_str().unwrap()]);
    let (work, onto) = (world.path("state-work"), world.path(onto));
    let (work, onto) = (work.to_str().unwrap(), onto.to_str().unwrap());
    let add = ["worktree", "add", "-q", "--detach", work, "fleet/state"];
    world.git("repo", &add);
    let info = format!("100644,{},{SEGMENT}", blob.trim());
    world.git(
        "state-work",
        &["update-index", "--add", "--cacheinfo", &info],
    );
    world.git("state-work", &["commit", "-qm", "by another writer"]);
    let push = ["push", "-q", onto, "HEAD:refs/heads/fleet/state"];
    world.git("state-work", &push);
    world.git("repo", &["worktree", "remove", "-f", work]);
    blob
}

fn files(dir: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let Ok(about) = fs::symlink_metadata(&path) else {
            continue;
        };
        if about.is_dir() {
            files(&path, found);
        } else if about.is_file() {
            found.push((
                path.display().to_string(),
                fs::read(&path).unwrap_or_default(),
            ));
        }
    }
}

/// Every file of the world but the agent's script, and every object of both repositories in plain.
pub(crate) fn everything(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    files(&world.path(""), &mut found);
    found.retain(|(path, _)| !path.ends_with("/agent"));
    for repo in ["repo", "hub"] {
        if !world.path(repo).exists() {
            continue;
        }
        let listed = world.git(repo, &["cat-file", "--batch-all-objects", "--batch-check"]);
        for line in listed.lines() {
            let (oid, kind) = line.split_once(' ').unwrap();
            if !kind.starts_with("tree") {
                let text = world.git(repo, &["cat-file", "-p", oid]);
                found.push((format!("{repo}: {line}"), text.into_bytes()));
            }
        }
    }
    assert!(found.len() > 20, "{}", found.len());
    found
}

/// Where one of the texts stands, with its number.
pub(crate) fn places(all: &[(String, Vec<u8>)], texts: &[String]) -> Vec<String> {
    let mut hits = Vec::new();
    for (place, bytes) in all {
        for (nth, text) in texts.iter().enumerate() {
            if memchr::memmem::find(bytes, text.as_bytes()).is_some() {
                hits.push(format!("form {nth} in {place}"));
            }
        }
    }
    hits
}
