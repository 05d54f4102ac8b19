//! Configuration, hooks, attributes and environment that would make git run programs: nothing runs.

use std::fs;

use crate::checker::{End, Told, check};
use crate::limit::Ends as _;
use crate::steps::clean_ticks;
use crate::world::{Shape, World, words};

/// Keys whose value git runs as a program, somewhere or other.
const KEYS: &[&str] = &[
    "core.fsmonitor",
    "core.editor",
    "core.pager",
    "core.askPass",
    "core.gitProxy",
    "core.sshCommand",
    "core.alternateRefsCommand",
    "sequence.editor",
    "diff.external",
    "diff.bad.command",
    "diff.bad.textconv",
    "filter.bad.clean",
    "filter.bad.smudge",
    "filter.bad.process",
    "merge.bad.driver",
    "merge.tool",
    "gpg.program",
    "gpg.ssh.program",
    "trailer.nonce.cmd",
    "interactive.diffFilter",
    "uploadpack.packObjectsHook",
    "pager.log",
    "pager.push",
    "pager.fetch",
    "alias.fetch",
    "alias.push",
    "browser.bad.cmd",
    "man.bad.cmd",
    "sendemail.toCmd",
];

/// Keys that switch something on which runs one of the others.
const SWITCHES: &[(&str, &str)] = &[
    ("commit.gpgSign", "true"),
    ("push.gpgSign", "if-asked"),
    ("tag.gpgSign", "true"),
    ("gc.auto", "1"),
    ("fetch.recurseSubmodules", "true"),
    ("submodule.recurse", "true"),
    ("core.untrackedCache", "true"),
    ("core.autocrlf", "true"),
    ("core.splitIndex", "true"),
    ("index.threads", "4"),
    ("protocol.ext.allow", "always"),
    ("protocol.file.allow", "always"),
    ("fetch.prune", "true"),
    ("push.default", "matching"),
    ("push.followTags", "true"),
    ("remote.origin.mirror", "false"),
    ("remote.origin.prune", "true"),
    ("remote.origin.tagOpt", "--tags"),
    ("fetch.fsckObjects", "true"),
    ("transfer.hideRefs", "refs/heads/agent"),
];

/// Hooks that git knows on the client's side.
const HOOKS: &[&str] = &[
    "applypatch-msg",
    "commit-msg",
    "fsmonitor-watchman",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "pre-applypatch",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-push",
    "pre-rebase",
    "prepare-commit-msg",
    "push-to-checkout",
    "reference-transaction",
    "sendemail-validate",
];

/// A project whose git side names a program everywhere; the program leaves a file.
fn booby_trapped(shape: Shape) -> World {
    let world = World::new(shape);
    let evil = world.path("evil");
    world.script(
        "evil",
        "#!/bin/sh\necho \"$0 $@\" >> \"${0%/*}/ran\"\ncat\n",
    );
    let evil = evil.to_str().unwrap();
    for key in KEYS {
        world.git("repo", &["config", key, evil]);
    }
    for (key, value) in SWITCHES {
        world.git("repo", &["config", key, value]);
    }
    for hook in HOOKS {
        let text = format!(
            "#!/bin/sh\necho hook {hook} >> '{}'\n",
            world.path("ran").display()
        );
        world.script(&format!("repo/.git/hooks/{hook}"), &text);
        world.script(&format!("hooks/{hook}"), &text);
    }
    let hooks = world.path("hooks");
    world.git(
        "repo",
        &["config", "core.hooksPath", hooks.to_str().unwrap()],
    );
    // One more file of settings, by way of a condition that holds.
    let more = world.path("more.config");
    fs::write(
        &more,
        format!("[core]\n\tfsmonitor = {evil}\n[diff]\n\texternal = {evil}\n"),
    )
    .unwrap();
    let condition = format!("includeIf.gitdir:{}/.path", world.path("repo").display());
    world.git("repo", &["config", &condition, more.to_str().unwrap()]);
    let attributes = "* filter=bad diff=bad merge=bad\n";
    fs::create_dir_all(world.path("repo/.git/info")).unwrap();
    fs::write(world.path("repo/.git/info/attributes"), attributes).unwrap();
    // It is armed: git itself falls into it.
    let status = world.isolated("git", "repo").arg("status").ends();
    let ran = fs::read_to_string(world.path("ran")).unwrap_or_default();
    assert!(ran.contains("evil"), "{}", words(&status));
    fs::remove_file(world.path("ran")).unwrap();
    world
}

/// Variables that move git elsewhere, or name a program.
fn environment(world: &World) -> Vec<(&'static str, String)> {
    let evil = world.path("evil").display().to_string();
    let away = world.path("away").display().to_string();
    let mut all: Vec<(&str, String)> = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"]
        .into_iter()
        .chain(["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"])
        .chain([
            "GIT_COMMON_DIR",
            "GIT_EXEC_PATH",
            "GIT_TEMPLATE_DIR",
            "GIT_NAMESPACE",
        ])
        .chain([
            "GIT_SHALLOW_FILE",
            "GIT_GRAFT_FILE",
            "GIT_TRACE",
            "GIT_TRACE2_EVENT",
        ])
        .map(|name| (name, away.clone()))
        .collect();
    let programs = [
        "GIT_EXTERNAL_DIFF",
        "GIT_EDITOR",
        "GIT_SEQUENCE_EDITOR",
        "GIT_PAGER",
    ];
    let more = ["GIT_PROXY_COMMAND", "PAGER", "EDITOR", "VISUAL"];
    all.extend(
        programs
            .into_iter()
            .chain(more)
            .map(|name| (name, evil.clone())),
    );
    all.extend([
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor".to_owned()),
        ("GIT_CONFIG_VALUE_0", evil.clone()),
        ("GIT_CONFIG_KEY_1", "diff.external".to_owned()),
        ("GIT_CONFIG_VALUE_1", evil.clone()),
        (
            "GIT_CONFIG_PARAMETERS",
            format!("'core.fsmonitor'='{evil}'"),
        ),
        ("GIT_CONFIG", away.clone()),
        ("GIT_REPLACE_REF_BASE", "refs/evil/".to_owned()),
        ("GIT_CEILING_DIRECTORIES", "/".to_owned()),
        ("GIT_DEFAULT_HASH", "sha256".to_owned()),
        ("GIT_PREFIX", "../..".to_owned()),
        ("GIT_LITERAL_PATHSPECS", "1".to_owned()),
        ("GIT_PROTOCOL", "version=0".to_owned()),
    ]);
    all
}

#[test]
fn i10_nothing_that_configuration_hooks_attributes_or_environment_name_is_run() {
    for shape in Shape::ALL {
        let world = booby_trapped(shape);
        let config = fs::read(world.path("repo/.git/config")).unwrap();
        for args in [
            &["list"][..],
            &["add", "three", "--json"],
            &["ready"],
            &["tick", "--dry-run"],
            &["tick"],
            &["show", "T-1"],
            &["sync"],
            &["tick"],
            &["doctor", "--verify"],
        ] {
            let mut command = world.command("repo", args);
            command.envs(environment(&world));
            let out = command.ends();
            let said = words(&out);
            assert!(out.status.success(), "{} {args:?}: {said}", shape.name());
            let ran = fs::read_to_string(world.path("ran")).unwrap_or_default();
            assert_eq!(ran, "", "{} {args:?}: {said}", shape.name());
            assert!(!world.path("away").exists(), "{args:?} went elsewhere");
        }
        assert_eq!(fs::read(world.path("repo/.git/config")).unwrap(), config);
        // The judge's own git is a user's: it reads no such configuration.
        for name in [
            "repo/.git/info/attributes",
            "repo/.git/hooks",
            "hooks",
            "more.config",
        ] {
            let path = world.path(name);
            let gone = if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            };
            gone.unwrap();
        }
        let plain = "[core]\n\trepositoryformatversion = 0\n\tbare = false\n";
        let remote = format!(
            "[remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
            world.path("hub").display()
        );
        let text = if shape == Shape::Local {
            plain.to_owned()
        } else {
            format!("{plain}{remote}")
        };
        fs::write(world.path("repo/.git/config"), text).unwrap();
        let mut told = Told::at_first();
        told.tasks.push(("T-3".to_owned(), "three".to_owned()));
        let mut wrong = clean_ticks(&world);
        wrong.extend(check(&world, &told, End::Final));
        assert_eq!(wrong, Vec::<String>::new(), "{}", shape.name());
    }
}
