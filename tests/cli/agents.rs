//! Agents on the command line: listed, tried out, and changed without touching the rest of the file.

use crate::env::TestEnv;

const CONFIG: &str = "\
# How we work.
base_branch = \"main\"

# The careful one.
[agents.slow]
kind = \"command\" # ours
argv = [\"sh\", \"-c\", \"printf 'ready\\\\n'\"]
max_parallel = 2 # more would not fit

# The other one, for small things.
[agents.fast]
kind = \"command\"
argv = [\"no-such-program\"]
fits = [\"low\"]

# Who does what.
[[routes]]
types = [\"bug\"]
agents = [\"fast\"]
";

fn configured(env: &TestEnv) -> crate::env::Clone<'_> {
    let repo = env.ready("r");
    std::fs::write(repo.dir.join(".orchestra/config.toml"), CONFIG).unwrap();
    repo
}

fn config(repo: &crate::env::Clone<'_>) -> String {
    std::fs::read_to_string(repo.dir.join(".orchestra/config.toml")).unwrap()
}

#[test]
fn agents_are_listed_and_shown_with_what_keeps_them() {
    let env = TestEnv::new();
    let repo = configured(&env);
    insta::assert_snapshot!(repo.story(&["agents list", "agents show slow", "agents show nobody"]));
    let data = repo.data(&["agents", "list"]);
    assert_eq!(data["total"], 2);
    assert_eq!(data["agents"][0]["available"], false);
    let empty = env.ready("empty");
    empty.fleet(&["agents", "list"]).expect_exit(0);
}

#[test]
fn a_change_keeps_every_remark_and_the_order() {
    let env = TestEnv::new();
    let repo = configured(&env);
    let told = repo.story(&[
        "agents edit slow max_parallel=4 total_timeout=20m fits=medium,high set_env.MODE=calm",
        "agents add third kind=cli cli=codex model=gpt-5",
        "agents edit third --unset model",
    ]);
    insta::assert_snapshot!(format!("{told}\n{}", config(&repo)));
    repo.fleet(&["config", "check"]).expect_exit(0);
}

#[test]
fn an_agent_is_removed_with_its_own_remark_only() {
    let env = TestEnv::new();
    let repo = configured(&env);
    repo.fleet(&["agents", "rm", "slow"]).expect_exit(0);
    let text = config(&repo);
    assert!(
        !text.contains("slow") && !text.contains("careful"),
        "{text}"
    );
    assert!(text.starts_with("# How we work.\nbase_branch"), "{text}");
    assert!(
        text.contains("# The other one") && text.contains("# Who does what."),
        "{text}"
    );
}

#[test]
fn a_change_after_which_the_configuration_would_not_hold_is_refused() {
    let env = TestEnv::new();
    let repo = configured(&env);
    let told = repo.story(&[
        "agents rm fast",
        "agents edit slow kind=magic",
        "agents edit slow total_timeot=3m",
        "agents edit slow --unset model",
        "agents edit nobody model=x",
        "agents add slow kind=demo",
        "agents add 'bad name' kind=demo",
        "agents edit slow model",
    ]);
    assert_eq!(config(&repo), CONFIG);
    insta::assert_snapshot!(told);
}

#[test]
fn an_agent_is_asked_whether_it_works() {
    let env = TestEnv::new();
    let repo = configured(&env);
    let ran = repo.fleet(&["agents", "test", "slow", "--json"]);
    ran.expect_exit(0);
    let data = &ran.json()["data"];
    assert_eq!(
        (&data["working"], &data["answer"]),
        (&true.into(), &"ready".into())
    );
    let ran = repo.fleet(&["agents", "test", "fast"]);
    ran.expect_exit(7);
    assert!(
        ran.stdout
            .contains("`no-such-program` was not found on PATH"),
        "{}",
        ran.told()
    );
    repo.fleet(&["agents", "test", "nobody"]).expect_exit(3);
    repo.fleet(&[
        "agents",
        "edit",
        "slow",
        "argv=[\"sh\", \"-c\", \"sleep 600\"]",
    ])
    .expect_exit(0);
    let ran = repo
        .real_time(&["agents", "test", "slow", "--timeout", "1s"])
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(10));
    let left = std::fs::read_dir(env.path("home/.cache/fleet")).unwrap();
    for cache in left.flatten() {
        let trials = cache.path().join("trials");
        assert_eq!(std::fs::read_dir(trials).map_or(0, Iterator::count), 0);
    }
}

#[test]
fn a_program_of_the_repository_is_tried_out_where_it_is() {
    use std::os::unix::fs::PermissionsExt as _;
    let env = TestEnv::new();
    let repo = env.ready("r");
    let script = repo.dir.join("tools/agent.sh");
    std::fs::create_dir_all(script.parent().unwrap()).unwrap();
    std::fs::write(&script, "#!/bin/sh\necho ready\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let config = "[agents.script]\nkind = \"command\"\nargv = [\"./tools/agent.sh\"]\n";
    std::fs::write(repo.dir.join(".orchestra/config.toml"), config).unwrap();
    repo.git(&["add", "-A"]);
    repo.git(&["commit", "-qm", "a tool"]);
    let ran = repo.fleet(&["agents", "test", "script", "--json"]);
    ran.expect_exit(0);
    assert_eq!(ran.json()["data"]["answer"], "ready");
}
