//! Stored secrets in a tick: given to the agent that names them, kept out of everything else.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::world::{Shape, World};

const KEY: &str = "sk-stored-hunter2-hunter2-hunter2";

/// A world with a stored `API_KEY`, which the agent may see.
fn world(agent: &str) -> World {
    let world = World::new(agent, Shape::default(), &["Do it"]);
    let config = world.path("repo/.orchestra/config.toml");
    let text = fs::read_to_string(&config).unwrap() + "env = [\"API_KEY\"]\n";
    fs::write(&config, text).unwrap();
    world.ok(&["secret", "init"]);
    let mut set = world.command("repo", &["secret", "set", "API_KEY"]);
    let mut set = set
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    set.stdin.take().unwrap().write_all(KEY.as_bytes()).unwrap();
    assert!(set.wait().unwrap().success());
    world.git("repo", &["add", "."]);
    world.git("repo", &["commit", "-qm", "secrets"]);
    world
}

#[test]
fn an_agent_gets_the_stored_secret_that_it_names_and_never_the_identity() {
    let world = world("env > \"$W/env\"; echo done > out.txt");
    world.ok(&["tick"]);
    world.expect_phases(&[("T-1", "in_review")]);
    let env = fs::read_to_string(world.path("env")).unwrap();
    assert!(
        env.contains(&format!("API_KEY={KEY}\n")),
        "the key is there"
    );
    assert!(!env.contains("AGE-SECRET-KEY") && !env.contains("FLEET_IDENTITY"));
}

#[test]
fn i11_a_stored_secret_does_not_leave_in_the_work() {
    let world = world("echo \"token = $API_KEY\" > out.txt; echo \"I used $API_KEY\"");
    let told = world.ok(&["tick"]);
    assert!(!told.contains(KEY), "{told}");
    assert_eq!(world.git("repo", &["branch", "--list", "agent/*"]), "");
    let records = world.git("repo", &["grep", "-h", "", "fleet/state"]);
    assert!(
        !records.contains(KEY) && records.contains("API_KEY"),
        "{records}"
    );
}

#[test]
fn without_the_identity_a_tick_says_so_and_goes_on() {
    let world = world("printenv API_KEY > \"$W/env\"; echo done > out.txt");
    fs::remove_dir_all(world.path("home/.config")).unwrap();
    let out = world.fleet(&["tick"]);
    assert_eq!(out.status.code(), Some(0));
    let all =
        String::from_utf8_lossy(&out.stdout).into_owned() + &String::from_utf8_lossy(&out.stderr);
    assert!(all.contains("stored secrets are not used"), "{all}");
    assert_eq!(fs::read_to_string(world.path("env")).unwrap(), "");
}
