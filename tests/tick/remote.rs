//! Sessions at a service that outlive the tick: whole runs over many ticks, and a tick that dies at
//! every step on the way. There is never a second session, and never a lost one.

use std::path::PathBuf;
use std::sync::Mutex;

use fleet::agents::remote::Remotes;
use fleet::app::tick::TickOptions;
use fleet::domain::escalation::Trigger;
use fleet::domain::ids::TaskUid;
use fleet::domain::policy::{
    AgentKind, AgentSpec, PlanApproval, Policy, RemoteKind, RemoteService,
};
use fleet::domain::record::{CloseOutcome, EscalationAnswered, Op, SessionFinished, TaskClosed};
use fleet::domain::remote::{RemotePhase, RemoteSight};
use fleet::domain::session::{FailureClass, Outcome};
use fleet::domain::state::State;
use fleet::domain::time::DurationMs;
use fleet::ports::lease::Lease;
use fleet::ports::remote_session::{
    Collected, Fate, RemoteAt, RemoteCreated, RemoteError, RemoteRequest, RemoteSessions,
};
use serde_json::{Value, json};

use crate::jules::{Fault, Jules};
use crate::town::{Clone, Town, policy, verify};

const PATCH: &str = "diff --git a/src/a.txt b/src/a.txt\n--- a/src/a.txt\n+++ b/src/a.txt\n\
                     @@ -1 +1,2 @@\n one\n+blue\n";
pub(crate) const COURSE: &[&str] = &["QUEUED", "PLANNING", "IN_PROGRESS", "COMPLETED"];
const LONG_COURSE: &[&str] = &[
    "QUEUED",
    "PLANNING",
    "AWAITING_PLAN_APPROVAL",
    "IN_PROGRESS",
    "AWAITING_USER_FEEDBACK",
    "IN_PROGRESS",
    "COMPLETED",
];

fn patch_output() -> Value {
    json!([{ "changeSet": { "source": "sources/github/octo/hello", "gitPatch": {
        "unidiffPatch": PATCH, "baseCommitId": "", "suggestedCommitMessage": "Add blue" } } }])
}

fn at_jules(url: &str, plans: PlanApproval) -> Policy {
    let mut rules = policy(&[("jules", "")]);
    let agent: &mut AgentSpec = rules.agents.get_mut("jules").unwrap();
    agent.total_timeout = DurationMs::mins(24 * 60);
    agent.kind = AgentKind::Session {
        service: RemoteService {
            kind: RemoteKind::Jules,
            base_url: url.to_owned(),
            key_env: Some("JULES_API_KEY".to_owned()),
            user: String::new(),
            source: Some("sources/github/octo/hello".to_owned()),
            plans,
            pull_request: false,
            poll: DurationMs::secs(60),
            settle: DurationMs::mins(10),
        },
    };
    rules
}

pub(crate) struct Story {
    pub(crate) town: Town,
    pub(crate) clone: Clone,
    pub(crate) jules: Jules,
    task: TaskUid,
}

pub(crate) fn story(course: &[&'static str], plans: PlanApproval) -> Story {
    let jules = Jules::new(course, patch_output());
    let town = Town::new();
    let clone = town.clone("one", at_jules(&jules.url, plans));
    let task = clone.add("Add a colour", &["src/**"]);
    Story {
        town,
        clone,
        jules,
        task,
    }
}

impl Story {
    /// A session that is still at work when its time is up. Jules shows its patch while it works,
    /// as an artifact.
    pub(crate) fn that_takes_too_long() -> Self {
        let course = ["QUEUED", "IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS"];
        let mut story = story(&course, PlanApproval::Auto);
        let agent = story.clone.policy.agents.get_mut("jules").unwrap();
        agent.total_timeout = DurationMs::mins(12);
        let outputs = story.jules.model().outputs.clone();
        story.jules.model().artifacts = outputs;
        story
    }

    /// Its time ran out; what it had done is on its branch, and is not shown for review.
    pub(crate) fn out_of_time_and_kept(&self) -> (State, SessionFinished) {
        let state = self.clone.state();
        let finished = state.sessions.values().find_map(|s| s.finished.clone());
        let (finished, _) = finished.unwrap();
        let class = FailureClass::Timeout;
        assert_eq!(finished.outcome, Outcome::Failed { class });
        let head = finished.head.as_ref().expect("its work is kept");
        let branch = self.town.remote_ref("refs/heads/agent/T-1");
        assert_eq!(branch.as_deref(), Some(head.as_str()));
        assert!(state.reviews.is_empty(), "it is not shown for review");
        (state, finished)
    }

    /// One tick, then five minutes. A tick that dies is followed by the return of the remote.
    pub(crate) fn tick(&self) {
        let _ = self.clone.try_tick(&TickOptions::default());
        let (remote, away) = (self.town.path("remote.git"), self.town.path("away.git"));
        if away.exists() {
            std::fs::rename(away, remote).unwrap();
        }
        self.clone.shifted.advance(DurationMs::mins(5));
    }

    /// Answers what is asked, as a human who reads the queue.
    fn answer(&self, with: &str) {
        let state = self.clone.state();
        let open: Vec<_> = state
            .escalations
            .iter()
            .filter(|(_, e)| e.is_open())
            .map(|(uid, e)| (*uid, e.opened.as_ref().unwrap().0.trigger))
            .collect();
        for (escalation, trigger) in open {
            let answer = if trigger == Trigger::PlanApproval {
                "approve".to_owned()
            } else {
                with.to_owned()
            };
            self.clone
                .write(vec![Op::EscalationAnswered(EscalationAnswered {
                    escalation,
                    answer,
                })]);
        }
    }

    fn in_review(&self) -> bool {
        self.town.remote_ref("refs/heads/agent/T-1").is_some()
    }

    pub(crate) fn until_review(&self) {
        for _ in 0..40 {
            self.tick();
            if self.in_review() {
                return;
            }
            self.answer("blue, please");
        }
        panic!("no review: {:#?}", self.clone.state().sessions);
    }

    fn end(&self) -> Outcome {
        let state = self.clone.state();
        let first = state.sessions.values().next().unwrap();
        first.finished.as_ref().expect("it ended").0.outcome.clone()
    }
}

#[test]
fn a_remote_session_outlives_ticks_and_its_patch_goes_to_review() {
    let mut story = story(COURSE, PlanApproval::Auto);
    story.clone.policy.verify = vec![verify(&["grep", "-q", "blue", "src/a.txt"])];
    story.tick();
    let state = story.clone.state();
    let session = state.sessions.values().next().unwrap();
    assert!(session.holds_lease());
    assert_eq!(session.remote.id(), Some("1"));
    assert!(!story.in_review());
    story.until_review();
    let shown = story.town.git(
        &story.town.path("remote.git"),
        &["show", "agent/T-1:src/a.txt"],
    );
    assert_eq!(shown, "one\nblue");
    let model = story.jules.model();
    let body = &model.sessions[0].body;
    assert_eq!(body["requirePlanApproval"], json!(false));
    assert_eq!(
        body["sourceContext"]["githubRepoContext"]["startingBranch"],
        "main"
    );
    let mark = session.remote.mark();
    assert!(body["title"].as_str().unwrap().contains(mark), "{body}");
    assert!(body["prompt"].as_str().unwrap().contains(mark));
    let state = story.clone.state();
    assert!(state.locks.values().all(|lock| lock.released.is_some()));
    assert_eq!(story.clone.leftovers(), Vec::<String>::new());
}

#[test]
fn i8_looks_are_no_more_frequent_than_configured() {
    let story = story(&["QUEUED", "IN_PROGRESS"], PlanApproval::Auto);
    story.tick();
    story.clone.tick();
    let before = story.jules.model().requests.len();
    let tip = story.town.remote_ref("refs/heads/fleet/state");
    for _ in 0..3 {
        story.clone.tick();
    }
    assert_eq!(story.jules.model().requests.len(), before);
    assert_eq!(story.town.remote_ref("refs/heads/fleet/state"), tip);
}

#[test]
fn plans_and_questions_go_to_a_human_and_the_answer_to_the_running_session() {
    let story = story(LONG_COURSE, PlanApproval::Ask);
    story.until_review();
    assert_eq!(story.jules.asked("POST", ":approvePlan"), 1);
    assert_eq!(story.jules.asked("POST", ":sendMessage"), 1);
    assert_eq!(story.jules.asked("POST", "/sessions"), 1);
    let state = story.clone.state();
    let asked: Vec<_> = state
        .escalations
        .values()
        .map(|e| e.opened.as_ref().unwrap().0.clone())
        .collect();
    assert_eq!(asked.len(), 2, "{asked:#?}");
    assert!(asked.iter().any(|o| o.context.contains("Add a line")));
    assert!(asked.iter().any(|o| o.context.contains("Which colour")));
    assert_eq!(state.sessions.len(), 1);
    assert!(story.jules.model().sessions[0].body["requirePlanApproval"] == json!(true));
}

#[test]
fn i3_a_creation_whose_answer_is_lost_is_found_by_its_mark_and_not_repeated() {
    let story = story(COURSE, PlanApproval::Auto);
    {
        let mut model = story.jules.model();
        model.faults.push(Fault::CreateAnswerLost);
        model.late = 3;
    }
    story.until_review();
    assert_eq!(story.jules.model().sessions.len(), 1);
    assert_eq!(story.clone.state().sessions.len(), 1);
}

#[test]
fn a_creation_that_never_arrived_is_made_again_after_the_settling_time() {
    let story = story(COURSE, PlanApproval::Auto);
    story.jules.model().faults.push(Fault::CreateLost);
    for _ in 0..3 {
        story.tick();
    }
    assert_eq!(story.jules.asked("POST", "/sessions"), 1, "it waits");
    story.until_review();
    assert_eq!(story.jules.asked("POST", "/sessions"), 2);
    assert_eq!(story.jules.model().sessions.len(), 1);
}

#[test]
fn a_session_that_the_service_shows_late_is_waited_for() {
    let story = story(COURSE, PlanApproval::Auto);
    story.jules.model().late = 2;
    story.tick();
    story.tick();
    let state = story.clone.state();
    let seen = state.sessions.values().next().unwrap().remote.seen.clone();
    assert_eq!(seen.unwrap().0.phase, RemotePhase::Missing);
    story.until_review();
    assert_eq!(story.jules.model().sessions.len(), 1);
}

#[test]
fn a_session_that_is_given_up_as_gone_is_ended_at_its_service_all_the_same() {
    let story = story(COURSE, PlanApproval::Auto);
    story.jules.model().late = 1_000;
    story.tick();
    // The next machine's clock is far ahead, and the service is slow to show what it has.
    story.clone.shifted.advance(DurationMs::mins(50));
    story.tick();
    assert!(story.jules.model().sessions[0].deleted);
    assert_eq!(
        story.end(),
        Outcome::Failed {
            class: FailureClass::AgentError
        }
    );
}

#[test]
fn a_rate_limit_pauses_the_agent_and_costs_no_attempt() {
    let story = story(COURSE, PlanApproval::Auto);
    story.jules.model().faults.push(Fault::Limited(3_600));
    story.tick();
    assert_eq!(
        story.end(),
        Outcome::Failed {
            class: FailureClass::RateLimited
        }
    );
    let state = story.clone.state();
    let (pause, _) = state.pause_of("jules", Some("jules")).unwrap();
    assert!(pause.until > story.clone.clock.now().plus(DurationMs::mins(50)));
    story.tick();
    assert_eq!(
        story.jules.asked("POST", "/sessions"),
        1,
        "it is left alone"
    );
    story.clone.shifted.advance(DurationMs::mins(60));
    story.until_review();
}

#[test]
fn the_reason_of_a_failed_session_is_read_from_its_activities() {
    let story = story(&["QUEUED", "IN_PROGRESS", "FAILED"], PlanApproval::Auto);
    for _ in 0..4 {
        story.tick();
    }
    let state = story.clone.state();
    let first = state.sessions.values().next().unwrap();
    let (finished, _) = first.finished.as_ref().unwrap();
    assert!(
        finished.summary.contains("the setup script broke"),
        "{finished:?}"
    );
}

#[test]
fn a_closed_task_stops_its_session_and_frees_its_lock() {
    let story = story(&["QUEUED", "IN_PROGRESS"], PlanApproval::Auto);
    story.tick();
    story.clone.write(vec![Op::TaskClosed(TaskClosed {
        task: story.task,
        outcome: CloseOutcome::Wontdo,
        reason: "not wanted".to_owned(),
    })]);
    story.tick();
    assert!(story.jules.model().sessions[0].deleted);
    assert_eq!(
        story.end(),
        Outcome::Failed {
            class: FailureClass::Cancelled
        }
    );
}

#[test]
fn a_session_that_runs_too_long_is_stopped() {
    let mut story = story(&["QUEUED", "IN_PROGRESS"], PlanApproval::Auto);
    let agent = story.clone.policy.agents.get_mut("jules").unwrap();
    agent.total_timeout = DurationMs::mins(12);
    for _ in 0..4 {
        story.tick();
    }
    assert!(story.jules.model().sessions[0].deleted);
    let state = story.clone.state();
    let first = state.sessions.values().next().unwrap();
    assert_eq!(
        first.finished.as_ref().unwrap().0.outcome,
        Outcome::Failed {
            class: FailureClass::Timeout
        }
    );
}

#[test]
fn a_service_that_does_not_answer_changes_nothing() {
    let story = story(COURSE, PlanApproval::Auto);
    story.tick();
    story.jules.model().faults.push(Fault::LookFails);
    story.tick();
    let state = story.clone.state();
    let session = state.sessions.values().next().unwrap();
    assert!(session.holds_lease());
    let (seen, _) = session.remote.seen.clone().unwrap();
    assert_eq!(seen.phase, RemotePhase::Unreachable);
    story.until_review();
    assert_eq!(story.jules.model().sessions.len(), 1);
}

#[test]
fn a_patch_that_leaves_the_repository_is_refused() {
    let evil = "diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n\
                @@ -0,0 +1 @@\n+x\n";
    let story = story(COURSE, PlanApproval::Auto);
    story.jules.model().outputs =
        json!([{ "changeSet": { "gitPatch": { "unidiffPatch": evil } } }]);
    for _ in 0..5 {
        story.tick();
    }
    assert!(!story.in_review());
    assert!(matches!(story.end(), Outcome::Failed { .. }));
}

#[test]
fn the_pull_request_of_a_service_is_read_as_data_and_named_to_the_reviewer() {
    let story = story(COURSE, PlanApproval::Auto);
    // Jules pushed its branch, and GitHub names the head of its pull request.
    let seed = story.town.path("seed");
    std::fs::write(seed.join("src/a.txt"), "one\nred\n").unwrap();
    story.town.git(&seed, &["commit", "-qam", "by jules"]);
    let remote = story.town.path("remote.git");
    let remote = remote.to_str().unwrap();
    story
        .town
        .git(&seed, &["push", "-q", remote, "HEAD:refs/pull/7/head"]);
    let url = "https://github.com/octo/hello/pull/7";
    story.jules.model().outputs = json!([{ "pullRequest": { "url": url, "title": "Add red" } }]);
    story.until_review();
    let shown = story.town.git(
        &story.town.path("remote.git"),
        &["show", "agent/T-1:src/a.txt"],
    );
    assert_eq!(shown, "one\nred");
    let state = story.clone.state();
    let comments = &state.tasks[&story.task].details.comments;
    assert!(
        comments.values().any(|c| c.text.contains(url)),
        "{comments:?}"
    );
}

/// When the tick dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

/// Services through which a tick dies once: at the call `at`, the remote goes away, so that nothing
/// is recorded from then on.
struct Dying {
    inner: Remotes,
    at: Mutex<Option<(&'static str, When)>>,
    remote: PathBuf,
}

/// Services through which a tick dies once, before or after it makes `call`.
pub(crate) fn dying(
    inner: Remotes,
    (call, when): (&'static str, When),
    remote: &std::path::Path,
) -> impl RemoteSessions + 'static {
    Dying {
        inner,
        at: Mutex::new(Some((call, when))),
        remote: remote.to_owned(),
    }
}

impl Dying {
    fn dies(&self, call: &str, when: When) -> bool {
        let mut at = self.at.lock().unwrap();
        if at.is_none_or(|(name, then)| name != call || then != when) {
            return false;
        }
        *at = None;
        std::fs::rename(&self.remote, self.remote.with_file_name("away.git")).unwrap();
        true
    }

    fn through<T>(
        &self,
        call: &str,
        work: impl FnOnce(&Remotes) -> Result<T, RemoteError>,
    ) -> Result<T, RemoteError> {
        if self.dies(call, When::Before) {
            return Err(RemoteError {
                what: "live".to_owned(),
                service: "here".to_owned(),
                cause: "it died".to_owned(),
                fate: Fate::Unknown,
            });
        }
        let done = work(&self.inner);
        self.dies(call, When::After);
        done
    }
}

impl RemoteSessions for Dying {
    fn available(&self, agent: &AgentSpec) -> Result<(), String> {
        self.inner.available(agent)
    }

    fn health(&self, agent: &AgentSpec, limit: DurationMs) -> Result<String, RemoteError> {
        self.inner.health(agent, limit)
    }

    fn look(&self, at: &RemoteAt) -> RemoteSight {
        let seen = self.inner.look(at);
        self.dies("look", When::After);
        seen
    }

    fn create(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<RemoteCreated, RemoteError> {
        self.through("create", |inner| inner.create(lease, at, request))
    }

    fn begin(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<(), RemoteError> {
        self.through("begin", |inner| inner.begin(lease, at, request))
    }

    fn approve(&self, lease: &Lease, at: &RemoteAt, plan: &str) -> Result<(), RemoteError> {
        self.through("approve", |inner| inner.approve(lease, at, plan))
    }

    fn tell(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        about: &str,
        text: &str,
    ) -> Result<(), RemoteError> {
        self.through("tell", |inner| inner.tell(lease, at, about, text))
    }

    fn stop(&self, lease: &Lease, at: &RemoteAt) -> Result<(), RemoteError> {
        self.through("stop", |inner| inner.stop(lease, at))
    }

    fn collect(&self, at: &RemoteAt) -> Result<Collected, RemoteError> {
        self.through("collect", |inner| inner.collect(at))
    }
}

#[test]
fn i7_a_tick_that_dies_at_any_step_makes_no_second_session_and_loses_none() {
    let calls = ["create", "look", "approve", "tell", "collect"];
    for call in calls {
        for when in [When::Before, When::After] {
            if (call, when) == ("look", When::Before) {
                continue;
            }
            let mut story = story(LONG_COURSE, PlanApproval::Ask);
            story.jules.model().late = 1;
            let dying = Dying {
                inner: story.clone.services(),
                at: Mutex::new(Some((call, when))),
                remote: story.town.path("remote.git"),
            };
            story.clone.remotes = Box::new(dying);
            story.until_review();
            let model = story.jules.model();
            assert_eq!(model.sessions.len(), 1, "{call} {when:?}");
            let said = model.sessions[0].activities.iter();
            let said = said.filter(|a| !a["userMessaged"].is_null()).count();
            assert_eq!(said, 1, "{call} {when:?}: the answer arrived once");
            drop(model);
            assert_eq!(story.clone.state().sessions.len(), 1, "{call} {when:?}");
        }
    }
}

#[test]
fn i7_a_tick_that_dies_while_it_stops_a_session_stops_it_later() {
    for when in [When::Before, When::After] {
        let mut story = story(&["QUEUED", "IN_PROGRESS"], PlanApproval::Auto);
        story.clone.remotes = Box::new(Dying {
            inner: story.clone.services(),
            at: Mutex::new(Some(("stop", when))),
            remote: story.town.path("remote.git"),
        });
        story.tick();
        story.clone.write(vec![Op::TaskClosed(TaskClosed {
            task: story.task,
            outcome: CloseOutcome::Wontdo,
            reason: "not wanted".to_owned(),
        })]);
        for _ in 0..3 {
            story.tick();
        }
        assert!(story.jules.model().sessions[0].deleted, "{when:?}");
        assert!(
            !story
                .clone
                .state()
                .sessions
                .values()
                .any(|s| s.holds_lease())
        );
    }
}

#[test]
fn i2_two_ticks_on_two_clones_make_one_session_and_say_everything_once() {
    let story = story(LONG_COURSE, PlanApproval::Ask);
    let mut other = story.town.clone("two", story.clone.policy.clone());
    other.clock = story.clone.clock.clone();
    for _ in 0..14 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _ = other.try_tick(&TickOptions::default());
            });
            let _ = story.clone.try_tick(&TickOptions::default());
        });
        story.clone.shifted.advance(DurationMs::mins(5));
        if story.in_review() {
            break;
        }
        story.answer("blue, please");
    }
    assert!(story.in_review());
    assert_eq!(story.jules.asked("POST", "/sessions"), 1);
    assert_eq!(story.jules.asked("POST", ":approvePlan"), 1);
    assert_eq!(story.jules.asked("POST", ":sendMessage"), 1);
}

#[test]
fn the_key_of_a_service_is_in_no_record() {
    let story = story(COURSE, PlanApproval::Auto);
    story.until_review();
    let log = story
        .town
        .git(&story.town.path("remote.git"), &["log", "-p", "--all"]);
    assert!(!log.contains(crate::jules::KEY));
}
