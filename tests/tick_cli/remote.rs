//! Sessions at a service, and a tick that is killed in the middle of a request to it.
//!
//! The service is a loopback server that speaks the Jules API. It does what it is asked, and then
//! holds its answer until the process that asked is dead.

use std::fs;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::{Value, json};

use crate::jules::{Fault, Jules, KEY};
use crate::world::{Shape, World, assert_exit};

const COURSE: &[&str] = &[
    "QUEUED",
    "AWAITING_PLAN_APPROVAL",
    "IN_PROGRESS",
    "AWAITING_USER_FEEDBACK",
    "COMPLETED",
];
const PATCH: &str = "diff --git a/README b/README\n--- a/README\n+++ b/README\n\
                     @@ -1 +1,2 @@\n a project\n+blue\n";

/// How soon it is seen that a tick has ended by itself.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) jules: Jules,
}

impl Story {
    /// A task, and Jules as the only agent; `more` are further lines of its settings.
    pub(crate) fn new(course: &[&'static str], more: &str) -> Self {
        let outputs = json!([{ "changeSet": { "gitPatch": { "unidiffPatch": PATCH } } }]);
        let jules = Jules::new(course, outputs);
        let world = World::raw("true", Shape::default());
        let config = format!(
            "base_branch = \"main\"\n[sandbox]\nmode = \"off\"\n[retry]\nbackoff = [\"1ms\"]\n\
             [leases]\nskew_allowance = \"0s\"\n\
             [agents.jules]\nkind = \"session\"\nbase_url = \"{}\"\n\
             source = \"sources/github/octo/hello\"\npoll = \"1ms\"\nsettle = \"1m\"\n{more}",
            jules.url
        );
        fs::write(world.path("repo/.orchestra/config.toml"), config).unwrap();
        world.git("repo", &["commit", "-qam", "Jules"]);
        let story = Self { world, jules };
        story.ok(&["init"]);
        story.ok(&["q", "Add a colour"]);
        story
    }

    pub(crate) fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.world.command("repo", args);
        command.env("JULES_API_KEY", KEY);
        command
    }

    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let out = self.command(args).output().unwrap();
        assert_exit(&out, 0);
        String::from_utf8(out.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn data(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str::<Value>(&self.ok(&all)).unwrap()["data"].take()
    }

    /// A tick, and a human who answers what it asks.
    pub(crate) fn turn(&self) {
        self.ok(&["tick"]);
        self.answer();
    }

    fn answer(&self) {
        let inbox = self.data(&["inbox"]);
        for question in inbox["escalations"].as_array().unwrap() {
            let id = question["id"].as_str().unwrap();
            let plan = question["trigger"] == "plan_approval";
            self.ok(&["answer", id, if plan { "approve" } else { "blue" }]);
        }
    }

    fn until_review(&self) {
        for _ in 0..20 {
            if self.world.phases() == [("T-1".to_owned(), "in_review".to_owned())] {
                return;
            }
            self.turn();
        }
        panic!("no review: {:#}", self.data(&["show", "T-1"]));
    }
}

#[test]
fn i7_a_tick_killed_in_any_request_to_a_service_makes_no_second_session_and_loses_none() {
    let requests = [
        ("POST", "/sessions"),
        ("GET", "/sessions/1"),
        ("POST", ":approvePlan"),
        ("POST", ":sendMessage"),
        ("GET", "/activities"),
    ];
    for (method, end) in requests {
        let story = Story::new(COURSE, "plans = \"ask\"\n");
        let (tell, held) = channel();
        story.jules.model().hold = Some((method, end, tell));
        // Ticks until one of them waits for that answer: it is killed.
        let killed = (0..20).any(|_| {
            let mut tick = story.command(&["tick"]);
            tick.stdout(Stdio::null()).stderr(Stdio::null());
            let mut tick = tick.spawn().unwrap();
            loop {
                if held.recv_timeout(LOOK).is_ok() {
                    tick.kill().unwrap();
                    tick.wait().unwrap();
                    return true;
                }
                if tick.try_wait().unwrap().is_some() {
                    break;
                }
            }
            story.answer();
            false
        });
        assert!(killed, "{method} {end} was asked");
        story.until_review();
        let model = story.jules.model();
        assert_eq!(model.sessions.len(), 1, "{method} {end}");
        let said = model.sessions[0].activities.iter();
        let said = said.filter(|a| !a["userMessaged"].is_null()).count();
        assert_eq!(said, 1, "{method} {end}: the answer arrived once");
        drop(model);
        assert_eq!(story.jules.asked("POST", "/sessions"), 1, "{method} {end}");
        let sessions = story.data(&["show", "T-1"])["tasks"][0]["sessions"].take();
        assert_eq!(sessions.as_array().unwrap().len(), 1, "{sessions:#}");
        let shown = story.world.git("repo", &["show", "agent/T-1:README"]);
        assert_eq!(shown, "a project\nblue\n");
        story.world.expect_nothing_left();
        story.ok(&["doctor"]);
    }
}

#[test]
fn a_service_that_limits_the_rate_is_left_alone_and_shown_so() {
    let story = Story::new(COURSE, "");
    story.jules.model().faults.push(Fault::Limited(3_600));
    story.ok(&["tick"]);
    let agent = story.data(&["agents", "list"])["agents"][0].take();
    assert_eq!(agent["paused_with"], "jules", "{agent:#}");
    story.ok(&["tick"]);
    assert_eq!(story.jules.asked("POST", "/sessions"), 1);
    assert_eq!(story.data(&["show", "T-1"])["tasks"][0]["phase"], "ready");
}

#[test]
fn an_agent_at_a_service_is_shown_and_tried_without_putting_it_to_work() {
    let story = Story::new(COURSE, "");
    let shown = story.data(&["agents", "show", "jules"]);
    assert_eq!(shown["available"], true);
    assert_eq!(shown["service"]["name"], "jules");
    assert_eq!(shown["service"]["key_env"], "JULES_API_KEY");
    let tried = story.data(&["agents", "test", "jules"]);
    assert_eq!(tried["working"], true, "{tried:#}");
    assert_eq!(tried["answer"], "Jules, knows sources/github/octo/hello");
    assert_eq!(
        (&tried["cost"], &tried["sandbox"]),
        (&json!(0), &json!("remote"))
    );
    assert!(tried["first_event_ms"].is_u64());
    assert_eq!(story.jules.asked("POST", "/sessions"), 0);

    // Without its key it is not available, and says what is missing.
    let out = story.world.fleet(&["agents", "test", "jules"]);
    assert_exit(&out, 7);
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(said.contains("JULES_API_KEY"), "{said}");
    let row = story.world.data(&["agents", "list"])["agents"][0].take();
    assert_eq!(row["available"], false, "{row:#}");

    // With one that is refused, and while it limits the rate.
    let test = |key: &str| {
        let mut command = story.command(&["agents", "test", "jules"]);
        command.env("JULES_API_KEY", key).output().unwrap()
    };
    let refused = test("wrong");
    assert_exit(&refused, 7);
    let said = String::from_utf8(refused.stdout).unwrap();
    assert!(said.contains("the key is missing or refused"), "{said}");
    story.jules.model().faults.push(Fault::Limited(60));
    assert_exit(&test(KEY), 10);
}

#[test]
fn what_a_session_at_a_service_said_and_how_it_stands_is_shown() {
    let story = Story::new(COURSE, "plans = \"ask\"\n");
    for _ in 0..3 {
        story.ok(&["tick"]);
    }
    let session = story.data(&["show", "T-1"])["tasks"][0]["sessions"][0].take();
    let remote = &session["remote"];
    assert_eq!(session["state"], "running", "{session:#}");
    assert_eq!(
        (&remote["service"], &remote["id"]),
        (&json!("jules"), &json!("1"))
    );
    assert_eq!(remote["url"], "https://jules.google.com/session/1");
    assert_eq!(remote["phase"], "awaiting_approval", "{remote:#}");
    let times = ["since", "phase_since", "looked_at"].map(|key| remote[key].as_str().unwrap());
    assert!(times.is_sorted(), "{times:?}");
    let shown = story.ok(&["show", "T-1"]);
    assert!(
        shown.contains("at jules: 1 https://jules.google.com/session/1"),
        "{shown}"
    );
    assert!(shown.contains("awaiting approval since 2"), "{shown}");

    story.until_review();
    let told = story.ok(&["logs", "T-1", "-f", "--json"]);
    let events: Vec<Value> = told
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| -> Vec<&str> {
        let ours = events.iter().filter(|event| event["event"] == kind);
        ours.map(|event| event["text"].as_str().unwrap_or_default())
            .collect()
    };
    assert_eq!(of("message"), ["Which colour do you want?"], "{told}");
    assert_eq!(
        of("progress"),
        ["plan: Add a line", "its plan was approved", "going on"]
    );
    let states: Vec<&str> = of("status");
    assert!(states.contains(&"it was told: blue"), "{states:?}");
    let ways = ["awaiting approval", "awaiting answer", "succeeded"];
    let mut ways = ways.iter();
    let mut way = ways.next();
    for text in states {
        if way.is_some_and(|way| text.starts_with(way)) {
            way = ways.next();
        }
    }
    assert_eq!(way, None, "every step is told: {told}");
    assert_eq!(of("session_started").len(), 1);
    assert_eq!(of("session_finished").len(), 1);
}
