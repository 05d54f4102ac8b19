//! Secrets on the command line: stored, listed, rotated and shared, and never printed.

use crate::env::TestEnv;

/// Public keys and paths differ from run to run.
fn settled(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let words: Vec<String> = words
            .iter()
            .map(|word| {
                let key = word.trim_end_matches('`');
                let tail = &word[key.len()..];
                if key.starts_with("age1") && key.len() > 50 {
                    format!("age1…{tail}")
                } else {
                    (*word).to_owned()
                }
            })
            .collect();
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

#[test]
fn a_key_is_stored_rotated_and_removed_without_being_shown() {
    let env = TestEnv::new();
    let repo = env.ready("r");
    let mut told = repo.story(&["secret list", "secret init"]);
    for value in ["sk-first-hunter2\n", "sk-second-hunter2\r\n"] {
        told += &repo.fleet_with(&["secret", "set", "API_KEY"], value).told();
    }
    told += &repo.story(&[
        "secret list",
        "secret retire API_KEY",
        "secret retire API_KEY",
        "secret rm API_KEY",
        "secret rm API_KEY",
    ]);
    assert!(!told.contains("hunter2"), "{told}");
    insta::assert_snapshot!(settled(&told));
}

#[test]
fn a_machine_without_identity_is_told_what_to_do() {
    let env = TestEnv::new();
    let repo = env.ready("r");
    let mut told = repo
        .fleet_with(&["secret", "set", "K"], "value-of-k")
        .told();
    repo.fleet(&["secret", "init"]).expect_exit(0);
    repo.fleet_with(&["secret", "set", "K"], "value-of-k")
        .expect_exit(0);
    std::fs::rename(env.path("home/.config"), env.path("home/elsewhere")).unwrap();
    told += &repo.story(&["secret list", "secret init --label ci"]);
    told += &repo.fleet(&["secret", "share", "age1nonsense"]).told();
    told += &repo.fleet_with(&["secret", "set", "lower"], "x").told();
    told += &repo.fleet_with(&["secret", "set", "EMPTY"], "\n").told();
    insta::assert_snapshot!(settled(&told));
}

#[test]
fn the_list_of_secrets_is_data_for_programs() {
    let env = TestEnv::new();
    let repo = env.ready("r");
    repo.fleet(&["secret", "init"]).expect_exit(0);
    repo.fleet_with(&["secret", "set", "K"], "value-of-k")
        .expect_exit(0);
    let data = repo.data(&["secret", "list"]);
    assert_eq!(data["total"], 1);
    assert_eq!(data["secrets"][0]["name"], "K");
    assert_eq!(data["secrets"][0]["values"][0]["opens"], true);
    assert_eq!(data["recipients"][0]["label"], "Ada");
    assert_eq!(data["recipients"][0]["here"], true);
}

#[test]
fn a_token_of_the_forge_is_not_stored_where_the_jobs_of_agents_have_the_key() {
    let env = TestEnv::new();
    let repo = env.ready("r");
    repo.fleet(&["secret", "init"]).expect_exit(0);
    let config =
        "[forge]\ntoken_env = \"MY_TOKEN\"\napp_id = \"1\"\napp_key_env = \"MY_APP_KEY\"\n";
    std::fs::write(repo.dir.join(".orchestra/config.toml"), config).unwrap();
    for name in ["MY_TOKEN", "MY_APP_KEY", "GITHUB_TOKEN"] {
        let told = repo.fleet_with(&["secret", "set", name], "hunter2").told();
        assert!(told.contains("is a token or key of the forge"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    assert_eq!(repo.data(&["secret", "list"])["total"], 0);
}
