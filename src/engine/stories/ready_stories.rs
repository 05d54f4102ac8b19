use super::world::{START, World};
use crate::domain::dep::DepKind;
use crate::domain::escalation::Trigger;
use crate::domain::ids::TaskUid;
use crate::domain::policy::UnblockOn;
use crate::domain::record::{CloseOutcome, Op, TaskAdded, TaskAdmitted, TaskFields};
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::time::{DurationMs, Hlc};
use crate::domain::tracking::{GateAdded, GateKind, GateSet, GateState};
use crate::engine::admission::admission_hash;
use crate::engine::budget::Ledger;
use crate::engine::phase::Phase;
use crate::engine::why::Why;

#[test]
fn an_open_admitted_task_without_ties_is_ready() {
    let mut w = World::default();
    let t = w.task(&[]);
    assert_eq!(w.ready(), [t]);
    assert_eq!(w.whys(t), []);
    assert_eq!(Phase::of(&w.whys(t)), Phase::Ready);
    assert_eq!(w.whys(TaskUid(uuid::Uuid::nil())), [Why::NotAdded]);
}

#[test]
fn a_blocker_lets_go_when_it_is_closed_as_done_wontdo_or_duplicate_but_not_as_failed() {
    for (outcome, ready) in [
        (CloseOutcome::Done, true),
        (CloseOutcome::Wontdo, true),
        (CloseOutcome::Duplicate, true),
        (CloseOutcome::Failed, false),
    ] {
        let mut w = World::default();
        let (a, b) = (w.task(&[]), w.task(&[]));
        w.dep(b, DepKind::Blocks, a);
        assert_eq!(w.said(b), "blocked by T-1 (open)");
        w.close(a, outcome);
        assert_eq!(w.whys(b).is_empty(), ready, "{outcome:?}: {}", w.said(b));
    }
}

#[test]
fn waits_for_lets_go_on_any_close_and_a_blocker_that_is_unknown_holds() {
    let mut w = World::default();
    let (a, b) = (w.task(&[]), w.task(&[]));
    w.dep(b, DepKind::WaitsFor, a);
    assert_eq!(w.said(b), "waits for T-1 (open)");
    w.close(a, CloseOutcome::Failed);
    assert_eq!(w.ready(), [b]);
    w.dep(b, DepKind::Blocks, TaskUid(uuid::Uuid::from_u128(999)));
    assert!(w.said(b).ends_with("(unknown here)"), "{}", w.said(b));
    for kind in [
        DepKind::Related,
        DepKind::DiscoveredFrom,
        DepKind::Duplicates,
        DepKind::Supersedes,
    ] {
        let (c, d) = (w.task(&[]), w.task(&[]));
        w.dep(c, kind, d);
        assert_eq!(w.whys(c), [], "{kind}");
    }
}

#[test]
fn waits_for_is_about_the_parts_of_a_task_while_it_has_any() {
    let mut w = World::default();
    let (whole, one, two, after) = (w.task(&[]), w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(after, DepKind::WaitsFor, whole);
    assert_eq!(w.said(after), "waits for T-1 (open)");
    w.dep(one, DepKind::ParentChild, whole);
    w.dep(two, DepKind::ParentChild, whole);
    assert!(
        w.said(after).starts_with("waits for T-"),
        "{}",
        w.said(after)
    );
    w.close(one, CloseOutcome::Failed);
    assert_eq!(w.said(after), "waits for T-3 (open)");
    w.close(two, CloseOutcome::Done);
    assert_eq!(w.whys(after), [], "the whole itself is still open");
}

#[test]
fn edges_that_depend_on_the_outcome_open_by_that_outcome_alone() {
    use CloseOutcome::{Done, Duplicate, Failed, Wontdo};
    use DepKind::{Blocks, OnClose, OnFailure};
    let table = [
        (Blocks, Done, true),
        (Blocks, Wontdo, true),
        (Blocks, Duplicate, true),
        (Blocks, Failed, false),
        (OnFailure, Done, false),
        (OnFailure, Wontdo, false),
        (OnFailure, Duplicate, false),
        (OnFailure, Failed, true),
        (OnClose, Done, true),
        (OnClose, Wontdo, true),
        (OnClose, Duplicate, true),
        (OnClose, Failed, true),
    ];
    for (kind, outcome, ready) in table {
        let mut w = World::default();
        let (a, b) = (w.task(&[]), w.task(&[]));
        w.dep(b, kind, a);
        assert_eq!(w.ready(), [a], "{kind}: nothing starts before it is known");
        w.close(a, outcome);
        assert_eq!(
            w.whys(b).is_empty(),
            ready,
            "{kind} {outcome:?}: {}",
            w.said(b)
        );
    }
}

#[test]
fn gates_hold_until_they_open_and_timers_open_by_themselves() {
    let mut w = World::default();
    let t = w.task(&[]);
    let gate = |kind, until, subject: Option<&str>| {
        Op::GateAdded(GateAdded {
            task: t,
            kind,
            until,
            subject: subject.map(str::to_owned),
            note: String::new(),
        })
    };
    let human = w.write(gate(GateKind::Human, None, None));
    assert_eq!(w.said(t), "a gate waits for a human");
    let set = |gate, state| {
        Op::GateSet(GateSet {
            task: t,
            gate,
            state,
            note: String::new(),
        })
    };
    w.write(set(human, GateState::Passed));
    assert_eq!(w.whys(t), []);
    w.write(set(human, GateState::Waiting));
    assert_eq!(w.whys(t).len(), 1, "it can be shut again");
    w.write(set(human, GateState::Removed));
    let soon = w.now.plus(DurationMs::mins(5));
    w.write(gate(GateKind::Timer, Some(soon), None));
    assert!(w.said(t).starts_with("a gate waits until"), "{}", w.said(t));
    assert_eq!(Phase::of(&w.whys(t)), Phase::Deferred);
    w.pass(5);
    assert_eq!(w.whys(t), []);
    let ci = w.write(gate(GateKind::Ci, None, Some("nightly")));
    assert_eq!(w.said(t), "a gate waits for CI run nightly");
    w.write(set(ci, GateState::Passed));
    w.write(gate(GateKind::Pr, None, Some("#1")));
    assert_eq!(w.said(t), "a gate waits for pull request #1 to be merged");
}

#[test]
fn a_blocker_in_review_lets_go_only_if_the_policy_says_so() {
    let mut w = World::default();
    let (a, b) = (w.task(&[]), w.task(&[]));
    w.dep(b, DepKind::Blocks, a);
    w.in_review(a, 1, &["x"]);
    assert_eq!(w.said(b), "blocked by T-1 (in review)");
    w.policy.unblock_on = UnblockOn::Review;
    assert_eq!(w.ready(), [b]);
}

#[test]
fn a_parent_is_not_a_leaf_and_holds_its_whole_family_when_it_is_held() {
    let mut w = World::default();
    let (blocker, top, mid, leaf) = (w.task(&[]), w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(mid, DepKind::ParentChild, top);
    w.dep(leaf, DepKind::ParentChild, mid);
    assert_eq!(w.ready(), [blocker, leaf]);
    assert_eq!(w.said(top), "its part T-3 is open");
    w.dep(top, DepKind::Blocks, blocker);
    assert_eq!(
        w.said(leaf),
        "its parent T-2 is held: blocked by T-1 (open)"
    );
    assert_eq!(w.ready(), [blocker]);
    w.close(blocker, CloseOutcome::Done);
    w.close(leaf, CloseOutcome::Done);
    assert_eq!(w.ready(), [mid]);
    let until = Some(Some(START.plus(DurationMs::mins(5))));
    w.set(
        top,
        TaskFields {
            defer_until: until,
            ..TaskFields::default()
        },
    );
    assert!(w.said(mid).contains("deferred until"));
    w.pass(6);
    assert_eq!(w.ready(), [mid]);
}

#[test]
fn texts_of_outsiders_wait_for_exactly_those_bytes_to_be_admitted() {
    let mut w = World::default();
    let id = w.write(Op::TaskAdded(TaskAdded {
        set: TaskFields {
            title: Some("do it".into()),
            ..TaskFields::default()
        },
        admitted: false,
        ..TaskAdded::default()
    }));
    let t = TaskUid::created_by(id);
    assert_eq!(w.whys(t), [Why::NotAdmitted]);
    assert_eq!(Phase::of(&w.whys(t)), Phase::Draft);
    let sha256 = admission_hash(&w.state.tasks[&t]);
    w.write(Op::TaskAdmitted(TaskAdmitted { task: t, sha256 }));
    assert_eq!(w.ready(), [t]);
    w.set(
        t,
        TaskFields {
            body: Some("and more".into()),
            ..TaskFields::default()
        },
    );
    assert_eq!(w.whys(t), [Why::AdmittedTextChanged]);
}

#[test]
fn people_time_and_closes_hold_a_task() {
    let mut w = World::default();
    let t = w.task(&[]);
    w.set(
        t,
        TaskFields {
            assignee: Some(Some("zoe".into())),
            ..TaskFields::default()
        },
    );
    assert_eq!(w.said(t), "zoe works on it");
    w.set(
        t,
        TaskFields {
            assignee: Some(None),
            ..TaskFields::default()
        },
    );
    assert_eq!(w.ready(), [t]);
    w.close(t, CloseOutcome::Wontdo);
    assert_eq!(w.said(t), "closed as wontdo");
    assert_eq!(w.ready(), []);
}

#[test]
fn a_claim_holds_its_task_and_an_expired_one_still_does() {
    let mut w = World::default();
    let t = w.task(&[]);
    w.start(t);
    assert_eq!(w.said(t), "ann works on it (attempt 1)");
    w.pass(33);
    assert!(
        w.said(t).contains("nobody can prove that it stopped"),
        "{}",
        w.said(t)
    );
    assert_eq!(Phase::of(&w.whys(t)), Phase::NeedsHuman);
    assert_eq!(w.ready(), []);
}

#[test]
fn an_open_question_holds_the_task_and_its_answer_is_taken_up_once() {
    let mut w = World::default();
    let t = w.task(&[]);
    let q = w.ask(t, Trigger::Question);
    assert_eq!(w.said(t), "a human is asked (question)");
    let answer = w.answer(q, "blue");
    let claim = w.plan().claims.remove(0);
    assert_eq!(claim.addresses(), [answer]);
    assert_eq!(claim.answers[0].question, "which colour?");
    let session = w.claim(&claim);
    w.finish(
        session,
        Outcome::Failed {
            class: FailureClass::Cancelled,
        },
        None,
        &[],
    );
    // A failed attempt did not take it up: the next one is given it again.
    let again = w.plan().claims.remove(0);
    assert_eq!(again.addresses(), [answer]);
    assert_eq!(again.attempt, 2);
}

#[test]
fn failures_rest_longer_each_time_and_the_last_asks_a_human() {
    let mut w = World::default();
    let t = w.task(&[]);
    for rest in [1, 5] {
        w.fail(t, FailureClass::VerifyFailed);
        assert!(
            matches!(w.whys(t)[..], [Why::BackOff { .. }]),
            "{:?}",
            w.whys(t)
        );
        w.pass(rest);
        assert_eq!(w.ready(), [t], "after {rest} minutes");
    }
    w.fail(t, FailureClass::Timeout);
    assert_eq!(w.whys(t), [Why::OutOfAttempts { failures: 3 }]);
    assert_eq!(w.settled(), ["escalation.opened"]);
    let [(q, Trigger::AgentFailed)] = w.open_questions(t)[..] else {
        panic!("{:?}", w.open_questions(t));
    };
    assert_eq!(w.settled(), [""; 0], "asked once");
    w.answer(q, "try again with less");
    let claim = w.plan().claims.remove(0);
    assert_eq!(
        (claim.attempt, claim.answers.len(), claim.failures.len()),
        (4, 1, 0)
    );
}

#[test]
fn stops_and_machine_trouble_are_no_attempts_of_the_agent_but_not_for_ever() {
    let mut w = World::default();
    let t = w.task(&[]);
    for _ in 0..4 {
        w.fail(t, FailureClass::Cancelled);
        assert_eq!(w.ready(), [t], "a stop needs no rest");
    }
    w.fail(t, FailureClass::Infrastructure);
    assert_eq!(w.settled(), ["escalation.opened"]);
    assert_eq!(w.open_questions(t)[0].1, Trigger::AgentFailed);
}

#[test]
fn an_agent_that_keeps_asking_is_brought_before_a_human() {
    let mut w = World::default();
    w.policy.retry.max_escalations = 1;
    let t = w.task(&[]);
    for round in 0..2 {
        let session = w.start(t);
        w.finish(session, Outcome::Escalated, None, &[]);
        let q = w.ask(t, Trigger::Question);
        if round == 1 {
            assert_eq!(w.settled(), ["escalation.opened"]);
        }
        w.answer(q, "yes");
    }
    let [(q, Trigger::EscalatesTooOften)] = w.open_questions(t)[..] else {
        panic!("{:?}", w.open_questions(t));
    };
    w.answer(q, "go on");
    assert_eq!(w.ready(), [t]);
}

#[test]
fn reasons_have_words_and_codes() {
    let mut w = World::default();
    let (a, b) = (w.task(&["src/**"]), w.task(&["src/lib.rs"]));
    w.start(a);
    let why = &w.whys(b)[0];
    assert_eq!(why.code(), "locked");
    assert_eq!(
        why.to_string(),
        "src/lib.rs is locked by T-1 (src/**) until 2026-11-21T08:30:00.000Z"
    );
    w.pass(31);
    assert_eq!(w.ready(), [b], "a lock ends with its time");
}

#[test]
fn a_clock_that_was_far_ahead_once_changes_no_rest_and_no_budget_of_the_others() {
    let mut w = World::default();
    let t = w.task(&[]);
    // Some writer's clock was a year ahead; by the logical clock all later records come after it.
    let year = DurationMs::mins(365 * 24 * 60);
    w.state.clock = Hlc::at(w.now.plus(year));
    w.fail(t, FailureClass::AgentError);
    assert_eq!(w.ready(), [], "it rests");
    w.pass(1);
    assert_eq!(w.ready(), [t], "and no longer than a minute");
    let ledger = Ledger::of(&w.state, &w.policy, w.now);
    assert_eq!(ledger.sessions_today, 1);
    w.pass(24 * 60);
    let ledger = Ledger::of(&w.state, &w.policy, w.now);
    assert_eq!(ledger.sessions_today, 0);
    // A record whose own writer was wrong: no rest is known, and spend counts as today's.
    let now = w.now;
    w.now = now.plus(year);
    w.fail(t, FailureClass::AgentError);
    w.now = now;
    assert_eq!(w.ready(), [t]);
    let ledger = Ledger::of(&w.state, &w.policy, w.now);
    assert_eq!(ledger.sessions_today, 1);
}
