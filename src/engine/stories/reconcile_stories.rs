use super::world::{World, oid};
use crate::domain::escalation::Trigger;
use crate::domain::ids::{ReviewUid, SessionUid, TaskUid};
use crate::domain::record::{CloseOutcome, Op, ReviewUpdated, TaskAdded, TaskFields};
use crate::domain::review::FeedbackKind;
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::task::Deliverable;
use crate::engine::facts::{FeedbackSeen, ReviewSeen, RunLife, SeenState};
use crate::engine::why::Why;

fn seen(state: SeenState, head: u8) -> ReviewSeen {
    ReviewSeen {
        state,
        head: Some(oid(head)),
        feedback: Vec::new(),
        conflict: false,
        base_branch: None,
        remarks: Vec::new(),
    }
}

fn feedback(kind: FeedbackKind, head: u8, key: &str) -> FeedbackSeen {
    FeedbackSeen {
        kind,
        head: oid(head),
        text: "please mend".into(),
        key: key.into(),
    }
}

/// A task in review of which changes are asked, and the attempt that works on them.
fn sent_back(w: &mut World) -> (TaskUid, ReviewUid, SessionUid) {
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    let mut open = seen(SeenState::Open, 1);
    open.feedback = vec![feedback(FeedbackKind::ChangesRequested, 1, "r1")];
    w.facts.reviews.insert(review, open);
    (t, review, w.start(t))
}

#[test]
fn a_merged_review_closes_its_task_and_lets_dependents_go() {
    let mut w = World::default();
    let (a, b) = (w.task(&["src/**"]), w.task(&["src/**"]));
    w.dep(b, crate::domain::dep::DepKind::Blocks, a);
    let (_, review) = w.in_review(a, 1, &["src/lib.rs"]);
    w.facts.reviews.insert(
        review,
        seen(
            SeenState::Merged {
                commit: Some(oid(9)),
            },
            1,
        ),
    );
    let (plan, records) = w.settle();
    let names: Vec<_> = records.iter().map(|r| r.op.name()).collect();
    assert_eq!(names, ["review.updated", "task.closed"]);
    assert_eq!(w.state.tasks[&a].outcome(), Some(CloseOutcome::Done));
    assert_eq!(
        plan.claims[0].task, b,
        "the dependent starts in the same tick"
    );
}

#[test]
fn i8_ticking_again_changes_nothing() {
    let mut w = World::default();
    let (a, b, c, d) = (
        w.task(&["a"]),
        w.task(&["b"]),
        w.task(&["c"]),
        w.task(&["d"]),
    );
    let (_, merged) = w.in_review(a, 1, &["a"]);
    let (_, closed) = w.in_review(b, 2, &["b"]);
    let (_, open) = w.in_review(c, 3, &["c"]);
    let dead = w.start(d);
    w.facts.runs.insert(
        dead,
        RunLife::Dead {
            proof: "pid 71 is gone".into(),
        },
    );
    w.facts
        .reviews
        .insert(merged, seen(SeenState::Merged { commit: None }, 1));
    w.facts.reviews.insert(closed, seen(SeenState::Closed, 2));
    let mut changes = seen(SeenState::Open, 3);
    changes
        .feedback
        .push(feedback(FeedbackKind::ChangesRequested, 3, "r1"));
    changes.conflict = true;
    w.facts.reviews.insert(open, changes);
    w.facts.branches.insert("agent/T-3".into(), Some(oid(7)));
    let (_, records) = w.settle();
    assert!(records.len() >= 8, "{records:?}");
    let before = w.state.clone();
    let (plan, records) = w.settle();
    assert_eq!(records, [], "the same facts say nothing new");
    assert_eq!(w.state, before);
    let (again, _) = w.settle();
    assert_eq!(plan, again);
}

#[test]
fn a_review_closed_without_a_merge_asks_a_human_and_goes_on_with_the_answer() {
    let mut w = World::default();
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    w.facts.reviews.insert(review, seen(SeenState::Closed, 1));
    assert_eq!(w.settled(), ["review.updated", "escalation.opened"]);
    let (q, trigger) = w.open_questions(t)[0];
    assert_eq!(trigger, Trigger::ReviewRejected);
    assert!(w.state.tasks[&t].is_open());
    w.answer(q, "smaller, please");
    let claim = w.plan().claims.remove(0);
    assert_eq!(
        claim.continues,
        Some(oid(1)),
        "the branch is kept, never overwritten"
    );
    assert_eq!(claim.answers[0].answer, "smaller, please");
    let session = w.claim(&claim);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    let plan = w.plan();
    assert_eq!(plan.reviews[0].review, None, "a new review");
    assert_eq!(plan.reviews[0].head, oid(2));
}

#[test]
fn feedback_is_recorded_once_and_worked_in_on_the_same_branch() {
    let mut w = World::default();
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    assert_eq!(w.said(t), "in review (#9)");
    let mut open = seen(SeenState::Open, 1);
    open.feedback = vec![
        feedback(FeedbackKind::ChangesRequested, 1, "r1"),
        feedback(FeedbackKind::ChangesRequested, 1, "r1"),
        feedback(FeedbackKind::ChecksFailed, 8, "of an older head"),
    ];
    w.facts.reviews.insert(review, open);
    assert_eq!(w.settled(), ["review.feedback"]);
    let claim = w.plan().claims.remove(0);
    assert_eq!(claim.continues, Some(oid(1)));
    assert_eq!(claim.start(), &oid(1));
    assert_eq!((claim.attempt, claim.feedback.len()), (2, 1));
    let session = w.claim(&claim);
    assert_eq!(w.settled(), [""; 0]);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    let plan = w.plan();
    assert_eq!(
        plan.reviews[0].review,
        Some(review),
        "the same review is brought up to date"
    );
    assert!(plan.claims.is_empty(), "{:?}", plan.claims);
}

#[test]
fn rounds_of_review_end_with_a_human() {
    let mut w = World::default();
    w.policy.retry.max_review_rounds = 1;
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    let mut open = seen(SeenState::Open, 1);
    open.feedback = vec![feedback(FeedbackKind::ChangesRequested, 1, "r1")];
    w.facts.reviews.insert(review, open.clone());
    let session = w.start(t);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    w.write(Op::ReviewUpdated(crate::domain::record::ReviewUpdated {
        review,
        head: Some(oid(2)),
        base_branch: None,
        state: None,
    }));
    open.head = Some(oid(2));
    open.feedback
        .push(feedback(FeedbackKind::ChangesRequested, 2, "r2"));
    w.facts.reviews.insert(review, open);
    assert_eq!(w.settled(), ["review.feedback", "escalation.opened"]);
    assert_eq!(w.open_questions(t)[0].1, Trigger::AgentFailed);
}

#[test]
fn a_branch_that_does_not_merge_any_more_is_feedback_once_per_head() {
    let mut w = World::default();
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    let mut open = seen(SeenState::Open, 1);
    open.conflict = true;
    w.facts.reviews.insert(review, open);
    assert_eq!(w.settled(), ["review.feedback"]);
    let claim = w.plan().claims.remove(0);
    assert_eq!(claim.feedback[0].kind, FeedbackKind::Conflict);
    assert!(claim.feedback[0].text.contains("does not merge with main"));
}

#[test]
fn a_commit_of_a_human_is_asked_about_once_and_never_overwritten() {
    let mut w = World::default();
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    w.facts.branches.insert("agent/T-1".into(), Some(oid(5)));
    let mut open = seen(SeenState::Open, 5);
    open.feedback = vec![feedback(FeedbackKind::ChangesRequested, 5, "r1")];
    w.facts.reviews.insert(review, open);
    w.settle();
    let (q, trigger) = w.open_questions(t)[0];
    assert_eq!(trigger, Trigger::HumanCommit);
    assert!(w.plan().claims.is_empty());
    w.answer(q, "go on from it");
    assert_eq!(w.settled(), ["review.updated"]);
    assert_eq!(w.state.reviews[&review].head.value, Some(oid(5)));
    assert_eq!(w.plan().claims[0].continues, Some(oid(5)));
    // Another commit is another question.
    w.facts.branches.insert("agent/T-1".into(), Some(oid(6)));
    assert_eq!(w.settled(), ["escalation.opened"]);
}

#[test]
fn a_review_that_was_not_opened_yet_shows_what_a_human_added_once_that_is_allowed() {
    let mut w = World::default();
    let t = w.task(&[]);
    let session = w.start(t);
    w.finish(session, Outcome::Succeeded, Some(oid(1)), &["x"]);
    w.facts.branches.insert("agent/T-1".into(), Some(oid(5)));
    w.settle();
    let (q, trigger) = w.open_questions(t)[0];
    assert_eq!(trigger, Trigger::HumanCommit);
    w.answer(q, "go on from it");
    let due = w.plan().reviews.remove(0);
    assert_eq!((due.session, due.head), (session, oid(5)));
}

#[test]
fn work_whose_branch_was_deleted_before_its_review_is_asked_about_once_and_done_anew() {
    let mut w = World::default();
    let t = w.task(&[]);
    let session = w.start(t);
    w.finish(session, Outcome::Succeeded, Some(oid(1)), &["x"]);
    w.facts.branches.insert("agent/T-1".into(), None);
    // A look that is older than the push says nothing of its branch.
    assert_eq!(w.plan().reviews.len(), 1);
    w.facts.gone.insert(oid(1));
    assert_eq!(w.settled(), ["escalation.opened"]);
    assert!(w.plan().reviews.is_empty() && w.plan().claims.is_empty());
    let (q, trigger) = w.open_questions(t)[0];
    assert_eq!(trigger, Trigger::ReviewRejected);
    w.answer(q, "try again with what I say here");
    let plan = w.plan();
    assert!(plan.reviews.is_empty());
    assert_eq!(plan.claims[0].continues, None);
}

/// A task whose review of head 1 asked for changes, which were made and pushed as head 2.
fn changed_once() -> (World, TaskUid, ReviewUid) {
    let mut w = World::default();
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    let mut open = seen(SeenState::Open, 1);
    open.feedback = vec![feedback(FeedbackKind::ChangesRequested, 1, "r1")];
    w.facts.reviews.insert(review, open);
    w.settle();
    let session = w.start(t);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    (w, t, review)
}

#[test]
fn work_whose_review_was_closed_meanwhile_is_not_shown_again_and_is_gone_on_from() {
    let (mut w, t, review) = changed_once();
    // The forge still shows the head of the time when it was closed.
    w.facts.reviews.insert(review, seen(SeenState::Closed, 1));
    w.facts.branches.insert("agent/T-1".into(), Some(oid(2)));
    assert_eq!(w.settled(), ["review.updated", "escalation.opened"]);
    assert!(w.plan().reviews.is_empty());
    let (q, trigger) = w.open_questions(t)[0];
    assert_eq!(trigger, Trigger::ReviewRejected);
    w.answer(q, "try again with what I say here");
    let plan = w.plan();
    assert!(plan.reviews.is_empty());
    assert_eq!(plan.claims[0].continues, Some(oid(2)));
}

#[test]
fn a_review_that_is_recorded_late_does_not_send_the_next_attempt_back_to_an_older_head() {
    let (mut w, t, review) = changed_once();
    // A slow tick records only now which head it had opened the review with.
    w.write(Op::ReviewUpdated(ReviewUpdated {
        review,
        head: Some(oid(1)),
        base_branch: None,
        state: None,
    }));
    w.facts.reviews.insert(review, seen(SeenState::Closed, 2));
    w.settle();
    let (q, _) = w.open_questions(t)[0];
    w.answer(q, "try again with what I say here");
    assert_eq!(w.plan().claims[0].continues, Some(oid(2)));
}

#[test]
fn work_whose_review_was_closed_while_it_ran_is_not_shown_again() {
    let mut w = World::default();
    let (t, review, session) = sent_back(&mut w);
    w.facts.reviews.insert(review, seen(SeenState::Closed, 1));
    assert_eq!(w.settled(), ["review.updated", "escalation.opened"]);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    assert!(w.plan().reviews.is_empty(), "a human closed it");
    let (q, _) = w.open_questions(t)[0];
    w.answer(q, "try again with what I say here");
    let session = w.start(t);
    w.finish(session, Outcome::Succeeded, Some(oid(3)), &["x"]);
    assert_eq!(w.plan().reviews[0].head, oid(3), "as the human said");
}

#[test]
fn a_humans_commit_that_is_merged_is_simply_done() {
    let mut w = World::default();
    let t = w.task(&[]);
    let (_, review) = w.in_review(t, 1, &["x"]);
    w.facts.branches.insert("agent/T-1".into(), Some(oid(5)));
    w.facts
        .reviews
        .insert(review, seen(SeenState::Merged { commit: None }, 5));
    assert_eq!(w.settled(), ["review.updated", "task.closed"]);
}

#[test]
fn an_older_look_at_the_branch_is_no_stranger() {
    let mut w = World::default();
    let (_, _, session) = sent_back(&mut w);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    w.facts.branches.insert("agent/T-1".into(), Some(oid(1)));
    assert_eq!(w.settled(), [""; 0]);
}

#[test]
fn a_lease_is_freed_with_proof_only() {
    for (life, minutes, expected) in [
        (RunLife::Alive, 90, vec![]),
        (
            RunLife::Unknown {
                why: "other host".into(),
            },
            10,
            vec![],
        ),
        (
            RunLife::Unknown {
                why: "other host".into(),
            },
            31,
            vec![],
        ),
        (
            RunLife::Unknown {
                why: "other host".into(),
            },
            33,
            vec!["escalation.opened"],
        ),
        (
            RunLife::Dead {
                proof: "pid 71 is gone".into(),
            },
            1,
            vec!["session.released", "lock.released"],
        ),
    ] {
        let mut w = World::default();
        let t = w.task(&["src/**"]);
        let session = w.start(t);
        w.pass(minutes);
        w.facts.runs.insert(session, life.clone());
        assert_eq!(w.settled(), expected, "{life:?} after {minutes} minutes");
        assert_eq!(w.settled(), [""; 0]);
    }
}

#[test]
fn a_claim_that_never_reached_its_run_phase_is_given_back_as_no_attempt() {
    let mut w = World::default();
    let t = w.task(&["src/**"]);
    let session = w.start(t);
    let proof = "its claim phase ended before it handed it over: pid 71 is gone".to_owned();
    w.facts.runs.insert(session, RunLife::Unbegun { proof });
    assert_eq!(w.settled(), ["session.released", "lock.released"]);
    assert!(w.state.sessions[&session].is_unstarted());
    assert_eq!(w.plan().claims.len(), 1, "at once: {}", w.said(t));
}

#[test]
fn i2_a_lease_that_ended_out_of_sight_keeps_its_task_and_no_other_task_waits_for_it() {
    let mut w = World::default();
    w.policy.tick.max_parallel = 1;
    w.policy.agents.get_mut("ann").unwrap().max_parallel = 1;
    let (lost, other) = (w.task(&[]), w.task(&[]));
    let session = w.start(lost);
    let why = "other host".to_owned();
    w.facts.runs.insert(session, RunLife::Unknown { why });
    w.pass(31);
    assert!(w.plan().claims.is_empty(), "its clock may be behind");
    w.pass(2);
    w.facts.runs.insert(session, RunLife::Alive);
    assert!(w.plan().claims.is_empty(), "it is late, and works");
    let why = "other host".to_owned();
    w.facts.runs.insert(session, RunLife::Unknown { why });
    let (plan, _) = w.settle();
    let claimed: Vec<_> = plan.claims.iter().map(|claim| claim.task).collect();
    assert_eq!(claimed, [other], "the other waits: {}", w.said(other));
    assert_eq!(w.open_questions(lost).len(), 1);
}

#[test]
fn the_word_of_a_human_frees_an_unresolved_lease() {
    let mut w = World::default();
    let t = w.task(&[]);
    let session = w.start(t);
    w.pass(40);
    w.facts.runs.insert(
        session,
        RunLife::Unknown {
            why: "other host".into(),
        },
    );
    w.settle();
    let q = w.open_questions(t)[0].0;
    let asked = &w.state.escalations[&q].opened.as_ref().unwrap().0.context;
    assert!(
        asked.contains("`fleet answer T-1 \"it is dead\"` frees"),
        "{asked}"
    );
    w.answer(q, "it still runs");
    assert_eq!(w.settled(), [""; 0]);
    w.pass(31);
    assert_eq!(
        w.settled(),
        ["escalation.opened"],
        "asked again after another lease"
    );
    let q = w.open_questions(t)[0].0;
    w.answer(q, "It is dead, I pulled the plug");
    assert_eq!(w.settled(), ["session.released"]);
    assert_eq!(w.ready(), [t]);
}

#[test]
fn work_that_was_pushed_without_a_review_gets_one() {
    let mut w = World::default();
    let t = w.task(&[]);
    let session = w.start(t);
    w.finish(session, Outcome::Succeeded, Some(oid(1)), &["x"]);
    assert!(matches!(w.whys(t)[..], [Why::ReviewPending { .. }]));
    let plan = w.plan();
    assert_eq!(plan.reviews.len(), 1);
    assert_eq!(plan.reviews[0].branch, "agent/T-1");
    w.open_review(t, session, 1);
    assert!(w.plan().is_idle());
}

#[test]
fn a_report_is_done_when_it_is_there() {
    let mut w = World::default();
    let t = w.add(TaskAdded {
        set: TaskFields {
            deliverable: Some(Deliverable::Report),
            ..TaskFields::default()
        },
        ..TaskAdded::default()
    });
    let claim = w.plan().claims.remove(0);
    assert_eq!(claim.branch, None);
    let session = w.claim(&claim);
    w.finish(session, Outcome::Succeeded, None, &[]);
    assert_eq!(w.settled(), ["task.closed"]);
    w.write(Op::TaskReopened(crate::domain::record::TaskReopened {
        task: t,
        reason: String::new(),
    }));
    assert_eq!(w.settled(), [""; 0]);
    assert_eq!(w.ready(), [t], "reopened work is done again");
}

#[test]
fn a_rate_limit_pauses_the_agent_even_if_the_run_died_before_saying_so() {
    let mut w = World::default();
    let t = w.task(&[]);
    w.fail(t, FailureClass::RateLimited);
    assert_eq!(w.settled(), ["agent.paused"]);
    let (plan, _) = w.settle();
    assert!(
        matches!(plan.waits[0].1[..], [Why::AgentPaused { .. }]),
        "{:?}",
        plan.waits
    );
    w.pass(15);
    assert_eq!(w.plan().claims.len(), 1);
}

#[test]
fn trouble_with_the_forge_is_said_and_nothing_is_concluded() {
    let mut w = World::default();
    let t = w.task(&[]);
    w.in_review(t, 1, &["x"]);
    w.facts.forge_trouble = Some("no answer".into());
    let plan = w.plan();
    assert!(plan.is_idle());
    assert_eq!(plan.notes, ["the forge could not be read: no answer"]);
}
