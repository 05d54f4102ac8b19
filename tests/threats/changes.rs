//! What an agent may change: neither the base branch, nor what steers, nor the records.

use std::fs;

use fleet::domain::policy::DiffPolicy;
use fleet::engine::gates::{ALWAYS_PROTECTED, Change, Rule, Verdict, check_changes, verdict};

use crate::traces::commit;
use crate::world::{Shape, World, assert_exit};

const REMOTE: Shape = Shape {
    remote: true,
    in_tree: false,
};

#[test]
fn threat_main_branch_stays_where_it_is_whatever_an_agent_and_a_tick_do() {
    let world = World::new(
        "echo work > $FLEET_TASK.txt; git add -A; git -c user.name=x -c user.email=x@x commit -qm mine\n\
         git push -q \"$W/hub\" HEAD:refs/heads/elsewhere; git checkout -q -B main; git tag v1; true",
        REMOTE,
        &["a", "b", "c"],
    );
    let before = world.git("hub", &["rev-parse", "main"]);
    for _ in 0..3 {
        world.ok(&["tick"]);
    }
    assert_eq!(world.git("hub", &["rev-parse", "main"]), before);
    assert_eq!(world.git("repo", &["rev-parse", "main"]), before);
    assert_eq!(world.git("hub", &["tag"]), "");
    let branches = world.git(
        "hub",
        &["branch", "--list", "agent/*", "--format=%(refname:short)"],
    );
    assert_eq!(branches, "agent/T-1\nagent/T-2\nagent/T-3\n");
}

/// No code path merges or approves: the words of GitHub for it are in no source.
#[test]
fn threat_main_branch_there_is_no_call_that_merges_or_approves() {
    let mut looked_at = 0;
    let mut folders = vec![crate::page::package().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|e| e != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            looked_at += 1;
            for word in [
                "/merge\"",
                "/merges\"",
                "mergePullRequest",
                "enablePullRequestAutoMerge",
                "\"APPROVE\"",
                "addPullRequestReview",
                "submitPullRequestReview",
                "auto_merge",
                "mergeBranch",
            ] {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
        }
    }
    assert!(looked_at > 300, "{looked_at}");
}

/// A path written as other systems or eyes take it for the same.
fn spellings(path: &str) -> Vec<String> {
    let wide = |c: char| match c {
        '!'..='.' | '0'..='~' => char::from_u32(u32::from(c) + 0xFEE0).unwrap(),
        c => c,
    };
    let bold = |c: char| match c {
        'a'..='z' => char::from_u32(u32::from(c) - 97 + 0x1D41A).unwrap(),
        'A'..='Z' => char::from_u32(u32::from(c) - 65 + 0x1D400).unwrap(),
        c => c,
    };
    let last = path.char_indices().last().map_or(0, |(at, _)| at);
    let between = |mark: &str| format!("{}{mark}{}", &path[..last], &path[last..]);
    vec![
        path.to_owned(),
        path.to_uppercase(),
        path.to_lowercase(),
        path.chars().map(wide).collect(),
        path.chars().map(bold).collect(),
        path.replace('s', "\u{17f}"),
        path.replace(['K', 'k'], "\u{212a}"),
        path.replace("fi", "\u{fb01}"),
        path.replace('i', "\u{131}"),
        between("\u{200c}"),
        between("\u{200b}"),
        between("\u{feff}"),
        between("\u{ad}"),
        between("\u{fe0f}"),
        between("\u{e0041}"),
        format!("{path}."),
        format!("{path} "),
        format!("{path}. ."),
        path.replace('/', "./"),
        path.replace('/', " /"),
        path.replace('.', "\u{2024}"),
        path.replace('/', "\\"),
    ]
}

#[test]
fn threat_steering_files_need_a_human_in_every_spelling() {
    let policy = DiffPolicy {
        protected: vec![
            "**/Cargo.lock".to_owned(),
            "Größe/**".to_owned(),
            "**/Änderung.toml".to_owned(),
        ],
        max_files: 100,
        max_bytes: 1 << 20,
    };
    let globs = ALWAYS_PROTECTED
        .iter()
        .copied()
        .chain(policy.protected.iter().map(String::as_str));
    let mut asked = 0;
    for glob in globs {
        let path = glob
            .strip_suffix("/**")
            .map_or_else(|| glob.to_owned(), |dir| format!("{dir}/sub/file"));
        let path = path.replace("**/", "deep/er/").replace('*', "x");
        // An accent as a letter of its own, which some file systems take apart and others together.
        let apart = path.replace('ö', "o\u{308}").replace('Ä', "A\u{308}");
        for spelled in spellings(&path).into_iter().chain(spellings(&apart)) {
            for new_mode in [0o100_644, 0o100_755, 0] {
                let change = Change {
                    path: spelled.clone(),
                    old_mode: 0o100_644,
                    new_mode,
                    bytes: 1,
                };
                let found = check_changes(&policy, std::slice::from_ref(&change));
                assert!(
                    found.iter().any(|v| v.rule == Rule::Protected),
                    "{spelled:?} ({glob}): {found:?}"
                );
                assert_ne!(verdict(&found), Verdict::Pass);
                asked += 1;
            }
        }
    }
    assert!(asked > 3_000, "{asked}");
}

/// The whole way: what steers is not pushed, and a human is asked.
#[test]
fn threat_steering_files_of_an_agent_are_pushed_nowhere() {
    let world = World::new(
        "case $FLEET_TASK in\n\
         T-1) mkdir -p .github/workflows; echo x > .github/workflows/x.yml ;;\n\
         T-2) mkdir -p .GITHUB/Workflows; echo x > .GITHUB/Workflows/x.yml ;;\n\
         T-3) echo x > AGENTS.md ;;\n\
         T-4) mkdir sub; echo x > sub/Claude.md ;;\n\
         T-5) echo '* @me' > CODEOWNERS ;;\n\
         T-6) mkdir -p .husky; echo x > .husky/pre-push ;;\n\
         T-7) echo x > ＡＧＥＮＴＳ.md ;;\n\
         T-8) git mv README .mcp.json ;;\n\
         esac",
        REMOTE,
        &["1", "2", "3", "4", "5", "6", "7", "8"],
    );
    world.ok(&["tick"]);
    assert_eq!(world.git("hub", &["branch", "--list", "agent/*"]), "");
    let inbox = world.ok(&["inbox"]);
    assert_eq!(inbox.matches("protected: ").count(), 8, "{inbox}");
    assert!(
        world
            .phases()
            .iter()
            .all(|(_, phase)| phase == "needs_human"),
        "{:?}",
        world.phases()
    );
}

#[test]
fn threat_state_is_out_of_an_agents_reach() {
    let agent = "case $FLEET_TASK in\n\
         T-1) echo 'x = 1' >> .orchestra/config.toml ;;\n\
         T-2) rm -rf .orchestra; ln -s /etc .orchestra ;;\n\
         T-3) ln -s /etc/passwd .orchestra/tasks.jsonl ;;\n\
         T-4) git mv README .orchestra/README ;;\n\
         T-5) mkdir -p .orchestra/log/2026-11; echo '{}' > .orchestra/log/2026-11/wz-0000.jsonl ;;\n\
         T-6) chmod +x .orchestra/config.toml ;;\n\
         T-7) rm .orchestra/config.toml ;;\n\
         T-8) mkdir .Orchestra; echo x > .Orchestra/config.toml ;;\n\
         T-9) git init -q .orchestra/x; echo y > .orchestra/x/y ;;\n\
         esac";
    for in_tree in [false, true] {
        let titles = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];
        let world = World::new(
            agent,
            Shape {
                remote: true,
                in_tree,
            },
            &titles,
        );
        world.ok(&["tick"]);
        assert_eq!(
            world.git("hub", &["branch", "--list", "agent/*"]),
            "",
            "in tree: {in_tree}"
        );
        assert!(
            world
                .phases()
                .iter()
                .all(|(_, phase)| phase == "needs_human"),
            "{:?}",
            world.phases()
        );
        world.ok(&["doctor", "--verify"]);
        assert!(world.path("repo/.orchestra/config.toml").is_file());
    }
}

#[test]
fn threat_state_files_that_are_no_plain_files_are_never_followed() {
    let world = World::new("exit 9", Shape::default(), &["one"]);
    // A writer of the state branch puts a link where records are expected.
    let index = world.path("planted-index").display().to_string();
    let read = format!("--index-output={index}");
    world.git("repo", &["read-tree", &read, "fleet/state"]);
    let link = world.path("link");
    fs::write(&link, "/etc/passwd").unwrap();
    let blob = world.git("repo", &["hash-object", "-w", link.to_str().unwrap()]);
    let tree = {
        let info = format!(
            "120000,{},.orchestra/log/2026-11/wz-0000.jsonl",
            blob.trim()
        );
        let mut command = std::process::Command::new("git");
        let done = command
            .current_dir(world.path("repo"))
            .env("GIT_INDEX_FILE", &index)
            .args(["update-index", "--add", "--cacheinfo", &info])
            .status();
        assert!(done.unwrap().success());
        let mut command = std::process::Command::new("git");
        let out = command
            .current_dir(world.path("repo"))
            .env("GIT_INDEX_FILE", &index)
            .arg("write-tree")
            .output();
        String::from_utf8(out.unwrap().stdout).unwrap()
    };
    let commit = world.git(
        "repo",
        &[
            "commit-tree",
            tree.trim(),
            "-p",
            "fleet/state",
            "-m",
            "planted",
        ],
    );
    world.git(
        "repo",
        &["update-ref", "refs/heads/fleet/state", commit.trim()],
    );
    let list = world.ok(&["list"]);
    assert!(list.contains("one") && !list.contains("root:"), "{list}");
    let doctor = String::from_utf8_lossy(&world.fleet(&["doctor"]).stdout).into_owned();
    assert!(
        doctor.contains("wz-0000.jsonl") && !doctor.contains("root:"),
        "{doctor}"
    );
}

#[test]
fn threat_state_history_that_was_rewound_or_replaced_stops_everything() {
    for replaced in [false, true] {
        let world = World::new("echo x > out.txt", REMOTE, &["one", "two"]);
        let other = World::new("exit 9", REMOTE, &["foreign"]);
        if replaced {
            let hub = other.path("hub").display().to_string();
            world.git(
                "hub",
                &["fetch", "-q", &hub, "+fleet/state:refs/heads/fleet/state"],
            );
        } else {
            world.git(
                "hub",
                &["update-ref", "refs/heads/fleet/state", "fleet/state~1"],
            );
        }
        let before = world.git("hub", &["rev-parse", "fleet/state"]);
        let out = world.fleet(&["tick"]);
        assert_exit(&out, 8);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(said.contains("hint:"), "{said}");
        assert_eq!(world.runs("T-1") + world.runs("T-2"), 0, "nothing ran");
        assert_eq!(
            world.git("hub", &["rev-parse", "fleet/state"]),
            before,
            "nothing was pushed over it"
        );
    }
}

/// Names that would be commands in a shell, options of git, or escapes, through the whole way.
#[test]
fn threat_names_of_tasks_and_files_run_nothing() {
    let titles = [
        "$(touch $W/pwned)",
        "`touch pwned`",
        "; touch pwned #",
        "--upload-pack=touch pwned",
        "-x",
        "${IFS}a|b&c>d",
        "%s%n%x",
        "'\"\\'",
        "../../../etc",
        "refs/heads/main",
        "a{task}{model}{prompt_file}",
    ];
    let agent = "mkdir -p 'a b' -- '--x'; echo 1 > 'a b/$(touch pwned)'; echo 2 > './--output=pwned'; echo 3 > '`touch pwned`'\n\
        echo 4 > ';touch pwned'; echo 5 > './-rf'; echo '$(touch pwned)'; \
        printf '{\"kind\":\"subtask\",\"title\":\"$(touch pwned)\",\"paths\":[\"$(touch pwned)/**\"]}\\n' >> \"$FLEET_OUTBOX\"";
    let world = World::raw(agent, REMOTE);
    world.ok(&["init"]);
    for title in titles {
        world.ok(&["add", &format!("--body={title}"), "--", title]);
    }
    commit(&world, &[("$(touch pwned)", "x")]);
    world.ok(&["tick"]);
    world.ok(&["tick"]);
    for n in 1..=titles.len() {
        world.ok(&["show", &format!("T-{n}")]);
    }
    let branches = world.git(
        "hub",
        &["branch", "--list", "agent/*", "--format=%(refname:short)"],
    );
    assert_eq!(branches.lines().count(), titles.len(), "{branches}");
    assert!(branches.lines().all(|b| {
        b.strip_prefix("agent/T-")
            .unwrap()
            .bytes()
            .all(|c| c.is_ascii_digit())
    }));
    for place in ["pwned", "repo/pwned", "hub/pwned", "home/pwned"] {
        assert!(!world.path(place).exists(), "{place}");
    }
    let subject = world.git("hub", &["log", "-1", "--format=%s", "agent/T-1"]);
    assert!(subject.contains("$(touch $W/pwned)"), "{subject}");
}
