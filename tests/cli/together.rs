//! Several processes and several clones.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};

use insta::assert_snapshot;
use serde_json::json;

use crate::env::{Clone, Ran, TestEnv};

/// Ids of all tasks, by title.
fn ids(clone: &Clone<'_>) -> Vec<(String, String)> {
    let list = clone.data(&["list", "--all"]);
    let mut ids: Vec<_> = list["tasks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|task| {
            let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
            (text("title"), text("id"))
        })
        .collect();
    ids.sort();
    ids
}

#[test]
fn i5_eight_processes_add_at_once_and_every_number_is_there_once() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let start = |round: usize| -> Vec<Child> {
        (0..8)
            .map(|n| {
                let title = format!("task {round}-{n}");
                let mut command = clone.real_time(&["q", &title]);
                command.stdout(Stdio::piped()).stderr(Stdio::piped());
                command.spawn().expect("fleet starts")
            })
            .collect()
    };
    let mut printed = BTreeSet::new();
    for round in 0..10 {
        for child in start(round) {
            let out = child.wait_with_output().expect("fleet ends");
            let words = String::from_utf8_lossy(&out.stderr).into_owned();
            assert!(out.status.success(), "{words}");
            let id = String::from_utf8_lossy(&out.stdout).trim().to_owned();
            assert!(printed.insert(id.clone()), "{id} was printed twice");
        }
    }
    let listed = ids(&clone);
    assert_eq!(listed.len(), 80);
    let known: BTreeSet<String> = listed.into_iter().map(|(_, id)| id).collect();
    assert_eq!(known, printed);
    assert!(known.contains("T-1") && known.contains("T-80"));
}

#[test]
fn i1_two_clones_add_offline_and_sync_and_nothing_is_lost() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    ada.fleet(&["q", "Shared"]).expect_exit(0);
    bob.fleet(&["sync"]).expect_exit(0);
    env.hub_is_up(false);
    let handle = |clone: &Clone<'_>, args: &[&str]| {
        let ran = clone.fleet(args);
        ran.expect_exit(0);
        let id = ran.stdout.trim().to_owned();
        assert!(id.starts_with("T-~"), "{}", ran.told());
        assert!(ran.stderr.contains("not published yet"), "{}", ran.told());
        id
    };
    let a1 = handle(&ada, &["q", "Ada's first"]);
    let b1 = handle(&bob, &["q", "Bob's first"]);
    let a2 = handle(&ada, &["q", "Ada's second"]);
    for (clone, from, to) in [(&ada, &a2, &a1), (&bob, &b1, &"T-1".to_owned())] {
        clone.fleet(&["dep", "add", from, to]).expect_exit(0);
    }
    assert_eq!(ada.fleet(&["sync"]).exit, 10);
    env.hub_is_up(true);
    ada.fleet(&["sync"]).expect_exit(0);
    bob.fleet(&["sync"]).expect_exit(0);
    ada.fleet(&["sync"]).expect_exit(0);
    let listed = ids(&ada);
    assert_eq!(listed, ids(&bob));
    let numbers: BTreeSet<_> = listed.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(listed.len(), 4);
    let all = ["T-1", "T-2", "T-3", "T-4"].map(str::to_owned);
    assert_eq!(numbers, BTreeSet::from(all));
    for clone in [&ada, &bob] {
        // Handles keep resolving, and the edges are where they were put.
        let a2 = clone.data(&["show", &a2])["tasks"][0].clone();
        assert_eq!(a2["title"], "Ada's second");
        assert_eq!(a2["deps"][0]["title"], "Ada's first");
        let b1 = clone.data(&["show", &b1])["tasks"][0].clone();
        assert_eq!(b1["deps"][0]["id"], "T-1");
        assert_eq!(clone.data(&["doctor", "--verify"])["healthy"], true);
    }
}

#[test]
fn a_remote_that_is_away_is_said_and_sync_makes_up_for_it() {
    let env = TestEnv::new();
    let [ada] = env.team(["ada"]);
    env.hub_is_up(false);
    let mut told = ada.story(&[
        "add 'While away'",
        "add 'Also' --json",
        "list",
        "ready --claim",
        "sync",
    ]);
    env.hub_is_up(true);
    told += &ada.story(&["sync --dry-run", "sync", "list", "sync"]);
    insta::with_settings!({ filters => vec![
        (r"fatal: [^`\n]*?repository exists\.", "[GIT SAYS]"),
    ] }, { assert_snapshot!(told, @r#"
    $ fleet add 'While away'
    T-~gyxwq  While away
    ! note: kept locally, not published yet: [GIT SAYS]; `fleet sync` publishes it
    $ fleet add Also --json
    {"schema_version":1,"ok":true,"data":{"id":"T-~stz8m","uid":"01a1fd21-4b20-7002-9ceb-e8a6d050dd01","title":"Also","existed":false,"published":false,"unpublished_because":"[GIT SAYS]","records":["task.added"]}}
    ! note: kept locally, not published yet: [GIT SAYS]; `fleet sync` publishes it
    $ fleet list
    T-~gyxwq  P2  implementation  ready  While away
    T-~stz8m  P2  implementation  ready  Also
    $ fleet ready --claim
    ! error: failed to claim a task: the remote does not answer: [GIT SAYS]
    ! hint: run the command again when the remote answers
    [exit 10]
    $ fleet sync
    ! error: failed to fetch the state: the remote does not answer: [GIT SAYS]
    ! hint: run the command again when the remote answers
    [exit 10]
    $ fleet sync --dry-run
    dry run: nothing would be recorded
    would publish 2 records
    $ fleet sync
    published 2 records
    T-1  was T-~gyxwq  While away
    T-2  was T-~stz8m  Also
    $ fleet list
    T-1  P2  implementation  ready  While away
    T-2  P2  implementation  ready  Also
    $ fleet sync
    up to date
    "#); });
}

#[test]
fn i3_a_claim_has_one_winner() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    for n in 0..4 {
        ada.fleet(&["q", &format!("task {n}")]).expect_exit(0);
    }
    let children: Vec<Child> = (0..8)
        .map(|n| {
            let clone = if n % 2 == 0 { &ada } else { &bob };
            let who = format!("worker-{n}");
            let args = ["ready", "--claim", "--as", &who, "--json"];
            let mut command = clone.real_time(&args);
            command.env("FLEET_SYNC_TIMEOUT", "60s");
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("fleet starts")
        })
        .collect();
    let mut taken = Vec::new();
    for child in children {
        let out = child.wait_with_output().expect("fleet ends");
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success(),
            "{text}{}",
            String::from_utf8_lossy(&out.stderr)
        );
        let json: serde_json::Value = serde_json::from_str(&text).expect("an envelope");
        if let Some(id) = json["data"]["task"]["id"].as_str() {
            taken.push(id.to_owned());
        }
    }
    taken.sort();
    assert_eq!(taken, ["T-1", "T-2", "T-3", "T-4"]);
}

/// Takes `T-1` as this actor, or as whom git would sign if there is none.
fn claims(clone: &Clone<'_>, actor: Option<&str>) -> Ran {
    let args = ["claim", "T-1", "--json"];
    let mut command = clone.command(&args);
    if let Some(actor) = actor {
        command.env("FLEET_ACTOR", actor);
    }
    clone.ran(&args, &command.output().expect("fleet runs"))
}

#[test]
fn i3_two_programs_under_one_name_are_not_both_told_that_the_task_is_theirs() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    ada.fleet(&["q", "task"]).expect_exit(0);
    bob.fleet(&["sync"]).expect_exit(0);
    claims(&ada, None).expect_exit(0);
    for other in [&bob, &ada] {
        let refused = claims(other, None);
        refused.expect_exit(4);
        let error = &refused.json()["error"];
        assert_eq!(error["code"], "held_under_your_name");
        assert_eq!(error["details"]["holder"], "Ada");
        let since = error["details"]["since"].as_str().unwrap_or_default();
        assert!(since.starts_with("2026-11-21T08:0"), "{error}");
    }
    // Another kind of the same name is another holder, and a name of one's own is proof.
    ada.fleet(&["update", "T-1", "--clear", "assignee"])
        .expect_exit(0);
    let first = claims(&ada, Some("agent:ada"));
    first.expect_exit(0);
    assert_eq!(first.json()["data"]["already_held"], false);
    let other = claims(&bob, Some("human:ada"));
    other.expect_exit(4);
    assert_eq!(other.json()["error"]["code"], "already_claimed");
    let again = claims(&ada, Some("agent:ada"));
    again.expect_exit(0);
    assert_eq!(again.json()["data"]["already_held"], true);
    assert_eq!(again.json()["data"]["task"]["assignee"], "agent:ada");
}

#[test]
fn i3_a_claim_is_decided_on_what_the_remote_says_now() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    ada.fleet(&["q", "task"]).expect_exit(0);
    bob.fleet(&["sync"]).expect_exit(0);
    let (agent_a, agent_b) = (Some("agent:a"), Some("agent:b"));
    claims(&ada, agent_a).expect_exit(0);
    // It is given back elsewhere, and somebody else takes it: ada's clone knows of neither.
    bob.fleet(&["sync"]).expect_exit(0);
    let clear = ["update", "T-1", "--clear", "assignee"];
    bob.fleet(&clear).expect_exit(0);
    claims(&bob, agent_b).expect_exit(0);
    let stale = claims(&ada, agent_a);
    stale.expect_exit(4);
    assert_eq!(stale.json()["error"]["code"], "already_claimed");
    // Given back: a clone that still knows the holder may take it.
    bob.fleet(&clear).expect_exit(0);
    claims(&ada, agent_a).expect_exit(0);
    // What cannot be asked is not answered from memory.
    env.hub_is_up(false);
    let away = claims(&ada, agent_a);
    away.expect_exit(10);
    assert_eq!(away.json()["error"]["code"], "unreachable");
}

#[test]
fn a_key_adds_once_however_often_it_is_said() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    ada.fleet(&["add", "Nightly", "--key", "nightly"])
        .expect_exit(0);
    ada.fleet(&["close", "T-1"]).expect_exit(0);
    let again = ada.data(&["add", "Nightly", "--key", "nightly"]);
    assert_eq!(
        (again["id"].as_str(), &again["existed"]),
        (Some("T-1"), &true.into())
    );
    bob.fleet(&["sync"]).expect_exit(0);
    let there = bob.data(&["add", "Nightly", "--key", "nightly"]);
    assert_eq!(there["id"], "T-1");
    assert_eq!(bob.data(&["list", "--all"])["total"], 1);
}

#[test]
fn a_remote_that_refuses_is_told_apart_from_one_that_is_away() {
    let env = TestEnv::new();
    let [ada] = env.team(["ada"]);
    let hook = env.path("hub/hooks/pre-receive");
    std::fs::create_dir_all(env.path("hub/hooks")).expect("a folder can be made");
    std::fs::write(&hook, "#!/bin/sh\necho 'no pushes today' >&2\nexit 1\n").expect("a hook fits");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&hook, executable).expect("a hook can be made executable");
    let kept = ada.fleet(&["q", "Kept"]);
    kept.expect_exit(0);
    assert!(kept.stdout.starts_with("T-~"), "{}", kept.told());
    assert!(kept.stderr.contains("no pushes today"), "{}", kept.told());
    assert_eq!(ada.fleet(&["sync"]).exit, 9);
    let mut always = ada.command(&["add", "Refused", "--json"]);
    let out = always.env("FLEET_SYNC_PUSH", "always").output();
    let out = out.expect("fleet runs");
    assert_eq!(out.status.code(), Some(9));
    assert!(String::from_utf8_lossy(&out.stdout).contains("\"code\":\"denied\""));
    std::fs::remove_file(&hook).expect("a hook can be taken away");
    ada.fleet(&["sync"]).expect_exit(0);
    let listed = ids(&ada);
    assert_eq!(listed, [("Kept".to_owned(), "T-1".to_owned())]);
}

#[test]
fn a_clone_that_never_fetched_the_state_brings_it_by_itself() {
    let env = TestEnv::new();
    let [one] = env.team(["one"]);
    one.fleet(&["q", "Parse dates"]).expect_exit(0);
    let single = |name: &str| {
        let url = format!("file://{}", env.path("hub").display());
        let to = env.path(name);
        let to = to.to_string_lossy().into_owned();
        one.git(&[
            "clone",
            "-q",
            "--single-branch",
            "--branch",
            "main",
            &url,
            &to,
        ]);
        env.at(name)
    };
    let reads = single("reads").fleet(&["list"]);
    reads.expect_exit(0);
    assert!(reads.stdout.contains("Parse dates"), "{}", reads.told());
    let writes = single("writes").fleet(&["q", "Print dates"]);
    writes.expect_exit(0);
    assert_eq!(writes.stdout, "T-2\n");

    let offline = single("offline");
    env.hub_is_up(false);
    let said = offline.fleet(&["list"]);
    said.expect_exit(7);
    assert!(
        said.stderr.contains("`fleet sync`") && said.stderr.contains("`fleet init`"),
        "{}",
        said.told()
    );
}

#[test]
fn the_doctor_tells_of_a_state_that_was_deleted_at_the_remote_and_how_to_put_it_back() {
    let env = TestEnv::new();
    let [one] = env.team(["one"]);
    one.fleet(&["q", "Parse dates"]).expect_exit(0);
    one.fleet(&["doctor"]).expect_exit(0);
    let hub = env.at("hub");
    hub.git(&["update-ref", "-d", "refs/heads/fleet/state"]);
    let ill = one.fleet(&["doctor", "--json"]);
    ill.expect_exit(8);
    let report = ill.json();
    let findings = &report["error"]["details"]["findings"];
    let findings = if findings.is_null() {
        &report["data"]["findings"]
    } else {
        findings
    };
    let gone = findings
        .as_array()
        .and_then(|all| all.iter().find(|one| one["code"] == "state_gone"))
        .unwrap_or_else(|| panic!("{}", ill.told()));
    let next = gone["next"].as_str().unwrap();
    assert!(next.contains("then `fleet sync`"), "{next}");
    // The command that it names does what it says.
    let push = next
        .split('`')
        .nth(1)
        .unwrap()
        .strip_prefix("git ")
        .unwrap();
    let words: Vec<&str> = push.split(' ').collect();
    one.git(&words);
    one.fleet(&["sync"]).expect_exit(0);
    one.fleet(&["doctor"]).expect_exit(0);
    env.hub_is_up(false);
    let away = one.fleet(&["doctor"]);
    away.expect_exit(0);
    assert!(away.stdout.contains("does not answer"), "{}", away.told());
}

#[test]
fn i3_who_is_assigned_gets_the_task_as_by_a_claim_or_not_at_all() {
    let env = TestEnv::new();
    let [ada, bob] = env.team(["ada", "bob"]);
    ada.fleet(&["add", "Parse dates"]).expect_exit(0);
    bob.fleet(&["sync"]).expect_exit(0);
    ada.fleet(&["update", "T-1", "-a", "ada"]).expect_exit(0);
    // Bob's clone knows nothing of it, and yet it is not Bob's.
    assert_eq!(bob.data(&["list"])["tasks"][0].get("assignee"), None);
    let refused = bob.fleet(&["update", "T-1", "-a", "bob", "-p", "0"]);
    refused.expect_exit(4);
    assert!(
        refused.stderr.contains("T-1 is held by ada"),
        "{}",
        refused.stderr
    );
    let holder = |clone: &crate::env::Clone<'_>| {
        clone.fleet(&["sync"]).expect_exit(0);
        let task = clone.data(&["list"])["tasks"][0].clone();
        (task["assignee"].clone(), task["priority"].clone())
    };
    assert_eq!(
        holder(&bob),
        (json!("ada"), json!(2)),
        "all of it or nothing"
    );
    // Other fields ask nobody; to take it over is said aloud, and giving it back is free.
    bob.fleet(&["update", "T-1", "-p", "1"]).expect_exit(0);
    bob.fleet(&["update", "T-1", "-a", "bob", "--take-over"])
        .expect_exit(0);
    assert_eq!(holder(&ada), (json!("bob"), json!(1)));
    ada.fleet(&["update", "T-1", "--clear", "assignee"])
        .expect_exit(0);
    assert_eq!(holder(&bob), (json!(null), json!(1)));
    // Where nobody can say who holds it, nobody is told that he does.
    env.hub_is_up(false);
    let refused = bob.fleet(&["update", "T-1", "-a", "bob"]);
    refused.expect_exit(10);
    assert!(
        refused.stderr.contains("somebody else may hold it there"),
        "{}",
        refused.stderr
    );
    bob.fleet(&["update", "T-1", "-p", "3"]).expect_exit(0);
    assert_eq!(bob.data(&["list"])["tasks"][0].get("assignee"), None);
}
