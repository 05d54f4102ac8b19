//! What people say on a review, and what fleet owes them for it.

use super::world::{World, oid};
use crate::domain::command::Verb;
use crate::domain::escalation::Trigger;
use crate::domain::ids::{ReviewUid, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::{Op, ReviewUpdated};
use crate::domain::review::{FeedbackKind, ForgeSaid, ReviewState};
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::facts::{FeedbackSeen, RemarkSeen, ReviewSeen, SeenState};
use crate::engine::replies::{self, Reply, ReplyTo};

fn open(head: u8) -> ReviewSeen {
    ReviewSeen {
        state: SeenState::Open,
        head: Some(oid(head)),
        feedback: Vec::new(),
        conflict: false,
        base_branch: None,
        remarks: Vec::new(),
    }
}

impl World {
    fn hears(&mut self, review: ReviewUid, key: &str, text: &str) {
        self.heard_at(self.now, review, key, text);
    }

    fn heard_at(&mut self, at: Timestamp, review: ReviewUid, key: &str, text: &str) {
        let seen = self.facts.reviews.entry(review);
        seen.or_insert_with(|| open(1)).remarks.push(RemarkSeen {
            key: key.to_owned(),
            who: "octo".to_owned(),
            text: text.to_owned(),
            at,
        });
    }

    fn checks_fail(&mut self, review: ReviewUid, head: u8) {
        let seen = self.facts.reviews.entry(review);
        let seen = seen.or_insert_with(|| open(head));
        seen.head = Some(oid(head));
        seen.feedback = vec![FeedbackSeen {
            kind: FeedbackKind::ChecksFailed,
            head: oid(head),
            text: "error: 1 test failed".to_owned(),
            key: format!("checks:{head}"),
        }];
    }

    /// A reviewer asks for changes of the first head.
    fn changes_wanted(&mut self, review: ReviewUid) {
        let seen = self.facts.reviews.entry(review);
        seen.or_insert_with(|| open(1)).feedback.push(FeedbackSeen {
            kind: FeedbackKind::ChangesRequested,
            head: oid(1),
            text: "use a map".to_owned(),
            key: "r1".to_owned(),
        });
    }

    fn moved(&mut self, review: ReviewUid, head: u8) {
        self.write(Op::ReviewUpdated(ReviewUpdated {
            review,
            head: Some(oid(head)),
            base_branch: None,
            state: None,
        }));
        if let Some(seen) = self.facts.reviews.get_mut(&review) {
            seen.head = Some(oid(head));
        }
    }

    fn due(&self) -> Vec<Reply> {
        replies::due(&self.state, &self.index(), &self.policy, self.now)
    }

    fn say_all(&mut self) -> Vec<Reply> {
        let due = self.due();
        for reply in &due {
            self.write(Op::ForgeSaid(ForgeSaid {
                task: reply.task,
                key: reply.key.clone(),
                url: None,
            }));
        }
        due
    }
}

fn verbs(w: &World, review: ReviewUid) -> Vec<Verb> {
    let commands = w.state.reviews[&review].commands.values();
    commands.map(|(c, _)| c.what.command.clone()).collect()
}

fn reviewed(w: &mut World) -> (TaskUid, ReviewUid) {
    let task = w.task(&[]);
    let (_, review) = w.in_review(task, 1, &["x"]);
    (task, review)
}

#[test]
fn i8_a_command_is_taken_in_once_and_bears_the_name_of_who_said_it() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet retry please use a map");
    w.hears(review, "c2", "looks good to me");
    let (plan, records) = w.settle();
    let said: Vec<_> = records
        .iter()
        .map(|r| (r.op.name(), r.by.as_str()))
        .collect();
    assert_eq!(said, [("review.commanded", "human:octo")]);
    assert_eq!(plan.claims.len(), 1, "waits: {}", w.said(task));
    let claim = &plan.claims[0];
    assert_eq!(claim.continues, Some(oid(1)), "on the same branch");
    assert_eq!(claim.addresses(), [records[0].id]);
    let session = w.claim(claim);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    w.moved(review, 2);
    let (plan, records) = w.settle();
    assert!(records.is_empty() && plan.claims.is_empty(), "{records:?}");
    assert_eq!(w.said(task), "in review (#9)");
}

#[test]
fn a_retry_may_choose_an_agent_and_an_unknown_one_is_told_of() {
    let mut w = World::default();
    let bob = super::world::agent("bob");
    w.policy.agents.insert("bob".to_owned(), bob);
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet retry with zed");
    assert_eq!(w.settled(), ["review.commanded"]);
    assert_eq!(verbs(&w, review), [Verb::Wrong]);
    assert!(w.plan().claims.is_empty());
    w.hears(review, "c2", "/fleet retry with bob");
    let (plan, records) = w.settle();
    let names: Vec<_> = records.iter().map(|r| r.op.name()).collect();
    assert_eq!(names, ["review.commanded", "task.updated"]);
    assert_eq!(plan.claims[0].routed.agent, "bob");
    assert_eq!(
        w.state.tasks[&task].details.agent.value.as_deref(),
        Some("bob")
    );
}

#[test]
fn a_retry_goes_on_after_the_attempts_are_used_up() {
    let mut w = World::default();
    w.policy.retry.max_attempts = 1;
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet retry");
    w.fail(task, FailureClass::VerifyFailed);
    assert_eq!(w.settled(), ["escalation.opened"]);
    assert_eq!(w.open_questions(task)[0].1, Trigger::AgentFailed);
    w.hears(review, "c2", "/fleet retry mind the tests");
    assert_eq!(w.settled(), ["review.commanded", "escalation.answered"]);
    let claim = w.plan().claims.remove(0);
    assert_eq!(claim.addresses().len(), 3, "both commands, and the answer");
}

#[test]
fn an_answer_answers_the_open_question_and_a_number_chooses() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c0", "/fleet answer 1");
    assert_eq!(w.settled(), ["review.commanded"]);
    assert_eq!(verbs(&w, review), [Verb::Wrong], "nothing is asked");
    let question = w.ask(task, Trigger::Question);
    let Some((opened, _)) = &mut w.state.escalations.get_mut(&question).unwrap().opened else {
        panic!("it was opened");
    };
    opened.options = vec!["red".to_owned(), "blue".to_owned()];
    w.hears(review, "c1", "/fleet answer 3");
    w.hears(review, "c2", "/fleet answer 2");
    w.hears(review, "c3", "/fleet answer too late");
    let names = w.settled();
    let [wrong, good, answer, late] = &names[..] else {
        panic!("{names:?}");
    };
    assert_eq!(answer, "escalation.answered");
    assert_eq!([wrong, good, late], ["review.commanded"; 3]);
    let (text, by, _) = w.state.escalations[&question].answer.clone().unwrap();
    assert_eq!((text.as_str(), by.as_str()), ("blue", "human:octo"));
}

#[test]
fn r3_an_answer_never_meets_a_question_that_its_author_did_not_see() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    let before = w.now;
    w.pass(5);
    let question = w.ask(task, Trigger::ProtectedPaths);
    w.heard_at(before, review, "c1", "/fleet answer 1");
    assert_eq!(w.settled(), ["review.commanded"]);
    let told = w.state.reviews[&review].commands.values();
    let told: Vec<_> = told.map(|(c, _)| c.what.text.clone()).collect();
    assert!(told[0].contains("was asked after this"), "{told:?}");
    w.pass(5);
    let other = w.ask(task, Trigger::Question);
    w.pass(5);
    w.hears(review, "c2", "/fleet answer allow these paths");
    assert_eq!(w.settled(), ["review.commanded"], "it may be for either");
    w.answer(other, "red");
    w.hears(review, "c3", "/fleet answer allow these paths");
    assert_eq!(w.settled(), ["review.commanded", "escalation.answered"]);
    assert!(w.state.escalations[&question].answer.is_some());
}

#[test]
fn an_answer_is_heard_though_the_machine_that_asked_is_ahead_of_the_forge() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    let question = w.ask(task, Trigger::Question);
    let behind = |ms| w.now.minus(DurationMs(ms));
    let (too_early, skewed) = (behind(120_001), behind(119_000));
    w.heard_at(too_early, review, "c1", "/fleet answer red");
    assert_eq!(
        w.settled(),
        ["review.commanded"],
        "said before it was asked"
    );
    assert!(w.state.escalations[&question].is_open());
    w.heard_at(skewed, review, "c2", "/fleet answer blue");
    assert_eq!(w.settled(), ["review.commanded", "escalation.answered"]);
    let (text, _, _) = w.state.escalations[&question].answer.clone().unwrap();
    assert_eq!(text, "blue");
    // What gives rights is answered by the machine's own clock alone.
    w.ask(task, Trigger::ProtectedPaths);
    w.heard_at(skewed, review, "c3", "/fleet answer allow these paths");
    assert_eq!(w.settled(), ["review.commanded"]);
}

#[test]
fn i8_what_was_said_before_a_review_was_opened_again_is_not_heard_twice() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet retry");
    w.changes_wanted(review);
    let session = w.start(task);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    let said = w.facts.reviews.remove(&review).unwrap();
    w.write(Op::ReviewUpdated(ReviewUpdated {
        review,
        head: None,
        base_branch: None,
        state: Some(ReviewState::Closed),
    }));
    let again = w.open_review(task, session, 2);
    let seen = ReviewSeen {
        head: Some(oid(2)),
        ..said
    };
    w.facts.reviews.insert(again, seen);
    let (plan, records) = w.settle();
    assert!(records.is_empty() && plan.claims.is_empty(), "{records:?}");
}

#[test]
fn a_stop_is_taken_however_much_was_said_before() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    for n in 0..201 {
        w.hears(review, &format!("c{n}"), "/fleet status");
    }
    w.hears(review, "last", "/fleet stop");
    w.settle();
    let said = verbs(&w, review);
    assert_eq!((said.len(), said.last()), (201, Some(&Verb::Stop)));
    assert!(w.said(task).contains("octo said stop"), "{}", w.said(task));
}

#[test]
fn a_split_leaves_what_a_reviewer_asked_for_open() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet split");
    w.changes_wanted(review);
    let session = w.start(task);
    w.finish(session, Outcome::Succeeded, None, &[]);
    let claim = w.plan().claims.remove(0);
    assert_eq!(claim.feedback.len(), 1, "it is worked in after the split");
    assert_eq!(claim.continues, Some(oid(1)));
}

#[test]
fn the_end_of_an_attempt_is_told_while_it_is_news() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet retry");
    let session = w.start(task);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    w.moved(review, 2);
    assert_eq!(w.due().len(), 1);
    w.pass(24 * 60 + 1);
    assert_eq!(w.due(), [], "it is in the records");
}

#[test]
fn a_stop_holds_until_somebody_says_retry() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet retry");
    w.hears(review, "c2", "/fleet stop");
    let (plan, _) = w.settle();
    assert!(plan.claims.is_empty());
    assert!(w.said(task).contains("octo said stop"), "{}", w.said(task));
    w.hears(review, "c3", "/fleet retry");
    let (plan, _) = w.settle();
    assert_eq!(plan.claims.len(), 1, "waits: {}", w.said(task));
}

#[test]
fn a_split_makes_a_plan_of_the_next_attempt() {
    let mut w = World::default();
    let (_, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet split");
    let (plan, _) = w.settle();
    assert_eq!(plan.claims[0].branch, None, "nothing is pushed");
    let session = w.claim(&plan.claims[0]);
    let (claim, _) = w.state.sessions[&session].claim.clone().unwrap();
    assert!(crate::engine::history::is_split(&w.state, &claim));
    w.finish(session, Outcome::Succeeded, None, &[]);
    assert_eq!(w.settled(), [""; 0], "the task goes on as its parts");
    assert!(w.plan().claims.is_empty());
}

#[test]
fn i13_a_comment_raises_what_a_task_may_cost_only_as_far_as_the_owner_lets_it() {
    let mut w = World::default();
    w.policy.budget.per_task = Some(MicroUsd(5_000_000));
    let (task, review) = reviewed(&mut w);
    w.hears(review, "c1", "/fleet budget 6");
    w.settle();
    assert_eq!(verbs(&w, review), [Verb::Wrong]);
    w.hears(review, "c2", "/fleet budget 2");
    w.hears(review, "c3", "/fleet budget");
    w.settle();
    let own = |w: &World| w.state.tasks[&task].details.budget.value;
    assert_eq!(own(&w), Some(MicroUsd(2_000_000)), "lowering is free");
    w.policy.review.max_task_budget = Some(MicroUsd(8_000_000));
    w.hears(review, "c4", "/fleet budget 9");
    w.hears(review, "c5", "/fleet budget 8");
    w.settle();
    assert_eq!(own(&w), Some(MicroUsd(8_000_000)));
    let wrong = verbs(&w, review).into_iter().filter(|v| *v == Verb::Wrong);
    assert_eq!(wrong.count(), 2);
    let mut ledger = crate::engine::budget::Ledger::of(&w.state, &w.policy, w.now);
    assert_eq!(ledger.stops(&w.policy, task), None);
    w.policy.budget.per_session = Some(MicroUsd(8_000_000));
    ledger = crate::engine::budget::Ledger::of(&w.state, &w.policy, w.now);
    let bearer = crate::engine::budget::Bearer {
        task,
        agent: "ann",
        provider: None,
        route: None,
    };
    ledger.reserve(&w.policy, bearer);
    let why = ledger.stops(&w.policy, task).unwrap().to_string();
    assert!(why.contains("$8.00"), "{why}");
}

#[test]
fn failing_checks_get_one_attempt_and_then_a_human() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.checks_fail(review, 1);
    assert_eq!(w.settled(), ["review.feedback"]);
    let session = w.start(task);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    w.moved(review, 2);
    assert_eq!(
        w.settled(),
        [""; 0],
        "the failure of the older head is no news"
    );
    w.checks_fail(review, 2);
    assert_eq!(w.settled(), ["review.feedback", "escalation.opened"]);
    let (question, trigger) = w.open_questions(task)[0];
    assert_eq!(trigger, Trigger::AgentFailed);
    let (opened, _) = w.state.escalations[&question].opened.clone().unwrap();
    assert!(opened.context.contains("one attempt did not mend them"));
    assert!(opened.context.contains("error: 1 test failed"));
    assert!(w.plan().claims.is_empty());
    w.answer(question, "try again");
    assert_eq!(w.plan().claims.len(), 1);
}

#[test]
fn a_repair_that_fails_by_its_own_fault_is_the_one_that_was_allowed() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    w.checks_fail(review, 1);
    w.fail(task, FailureClass::Infrastructure);
    w.pass(60);
    w.fail(task, FailureClass::VerifyFailed);
    assert_eq!(w.settled(), ["escalation.opened"]);
    assert_eq!(w.open_questions(task)[0].1, Trigger::AgentFailed);
}

#[test]
fn i8_every_command_and_every_attempt_is_replied_to_once() {
    let mut w = World::default();
    let (task, review) = reviewed(&mut w);
    assert_eq!(
        w.due(),
        [],
        "the first attempt is told of by the review itself"
    );
    w.hears(review, "c1", "/fleet status");
    w.hears(review, "c2", "/fleet retry");
    w.settle();
    let due = w.say_all();
    assert_eq!(
        due.len(),
        1,
        "a retry is answered when its attempt has ended"
    );
    assert_eq!(due[0].in_answer_to.as_deref(), Some("c1"));
    let session = w.start(task);
    w.finish(session, Outcome::Succeeded, Some(oid(2)), &["x"]);
    assert_eq!(w.due(), [], "the review shows the work first");
    w.moved(review, 2);
    let due = w.say_all();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].key, format!("done:{session}"));
    assert_eq!(due[0].in_answer_to.as_deref(), Some("c2"));
    assert_eq!(due[0].to, ReplyTo::Attempt(session));
    assert_eq!(w.due(), []);
}

#[test]
fn comments_are_capped_and_the_last_one_says_so() {
    let mut w = World::default();
    w.policy.review.max_comments = 2;
    let (_, review) = reviewed(&mut w);
    for n in 0..5 {
        w.hears(review, &format!("c{n}"), "/fleet status");
    }
    w.settle();
    let due = w.say_all();
    assert_eq!(
        due.iter().map(|r| r.last).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!(w.due(), []);
}
