//! One story, and something that goes wrong at each of its calls: a later tick ends it right.

use std::collections::BTreeSet;

use fleet::domain::time::DurationMs;
use fleet::ports::forge::{
    Forge as _, ForgeError, ForgeSaying, ReviewDraft, ReviewFacts, ReviewStage,
};

use crate::batch::busy;
use crate::fake_github::{FakeGitHub, Fault};
use crate::{NOW_MS, draft, pushed, watch, with};

/// A tick: opens, looks, answers the review in its threads and the command in a comment.
fn tick(fake: &FakeGitHub, timeout: DurationMs) -> Result<ReviewFacts, ForgeError> {
    let forge = with(fake, |config| {
        config.timeout = timeout;
        config.reviewers = vec!["ann".into()];
    });
    let ready = ReviewDraft {
        stage: ReviewStage::Ready,
        ..draft()
    };
    // As after a first attempt that was shown as a draft.
    let stage = if fake.prs().is_empty() {
        draft()
    } else {
        ready
    };
    let number = forge.open_or_adopt(&stage)?.number;
    if fake
        .requests()
        .iter()
        .all(|request| !request.path.contains("permission"))
        && fake.comments().is_empty()
    {
        busy(fake, number.unwrap());
    }
    forge.open_or_adopt(&ReviewDraft {
        stage: ReviewStage::Ready,
        ..draft()
    })?;
    let facts = forge.observe(&[watch(number)])?.remove(0);
    if facts.feedback.len() < 2 || facts.remarks.is_empty() {
        // What each review is, is known; what is said waits for the next tick.
        let what = forge.take_notes().join("; ");
        return Err(ForgeError::Unreachable {
            what,
            cause: "not all was heard".into(),
        });
    }
    for (key, to) in [
        ("t-7.done", Some("review:1".to_owned())),
        ("t-7.status", None),
    ] {
        forge.say(&ForgeSaying {
            number: number.unwrap(),
            in_answer_to: to,
            key: key.into(),
            text: "Done.".into(),
        })?;
    }
    Ok(facts)
}

fn keys(facts: &ReviewFacts) -> Vec<String> {
    let feedback = facts.feedback.iter().map(|feedback| feedback.key.clone());
    feedback
        .chain(facts.remarks.iter().map(|remark| remark.key.clone()))
        .collect()
}

fn world(graphql: bool) -> FakeGitHub {
    let fake = pushed();
    fake.set_permission("ann", "write");
    if !graphql {
        fake.refuse_graphql();
    }
    fake
}

/// Runs the story with one fault, and looks at what is left.
fn ends_right(graphql: bool, nth: usize, fault: &Fault, wanted: &[String]) {
    let fake = world(graphql);
    fake.fault_at(nth, fault.clone());
    let case = format!("{fault:?} at call {nth}, GraphQL {graphql}");
    let mut last = None;
    // Patient, but where silence is what is waited for: a busy machine is no fault.
    let timeout = match fault {
        Fault::Silence | Fault::SilenceAfterEffect => DurationMs(200),
        _ => DurationMs::secs(20),
    };
    let facts = (0..6).find_map(|_| match tick(&fake, timeout) {
        Ok(facts) => Some(facts),
        Err(error) => {
            last = Some(error);
            None
        }
    });
    let facts = facts.unwrap_or_else(|| panic!("{case}: {last:?}"));
    assert_eq!(keys(&facts), wanted, "{case}");
    assert_eq!(
        (fake.prs().len(), fake.most_open_at_once()),
        (1, 1),
        "{case}"
    );
    let pr = &fake.prs()[0];
    assert_eq!(
        (pr.labels.as_slice(), pr.reviewers.as_slice()),
        (&["fleet".to_owned()][..], &["ann".to_owned()][..]),
        "{case}"
    );
    assert_eq!(pr.draft, !graphql, "{case}");
    let said: Vec<(Option<u64>, String)> = fake
        .comments()
        .into_iter()
        .filter(|comment| comment.login == "fleet-bot")
        .map(|comment| (comment.thread, comment.body))
        .collect();
    let once: BTreeSet<&(Option<u64>, String)> = said.iter().collect();
    assert_eq!(once.len(), said.len(), "{case}: said twice: {said:?}");
    assert_eq!(
        said.len(),
        4,
        "{case}: two comments, an answer in each thread: {said:?}"
    );
}

#[test]
fn i4_whatever_goes_wrong_at_whichever_call_there_is_one_pull_request_and_nothing_is_said_twice() {
    let faults = [
        Fault::Status(500),
        Fault::StatusAfterEffect(502),
        Fault::Status(503),
        Fault::SilenceAfterEffect,
        Fault::Silence,
        Fault::Drop,
        Fault::DropAfterEffect,
        Fault::TruncatedJson,
        Fault::SecondaryLimit { retry_after_s: 60 },
        Fault::LimitedWithoutWord,
        Fault::TooMany { retry_after_s: 1 },
        Fault::QuotaExhausted {
            reset_s: NOW_MS / 1000 + 9,
        },
        Fault::Refuse(401, "Bad credentials"),
        Fault::Refuse(422, "A pull request already exists for octo:agent/T-7."),
        Fault::Date("Sat, 21 Nov 2026 03:00:00 GMT"),
        Fault::NotModified,
    ];
    for graphql in [true, false] {
        let calm = world(graphql);
        let wanted = keys(&tick(&calm, DurationMs::secs(20)).unwrap());
        assert_eq!(wanted.len(), 3);
        let calls = calm.requests().len();
        println!(
            "GraphQL {graphql}: {calls} calls, {} faults at each",
            faults.len()
        );
        assert!(calls > 12);
        // By REST the calls are others, their faults the same.
        let faults: Vec<&Fault> = faults.iter().step_by(if graphql { 1 } else { 4 }).collect();
        let each = |fault: &Fault| {
            for nth in (0..calls).filter(|nth| !lasting(&calm, *nth, fault)) {
                ends_right(graphql, nth, fault, &wanted);
            }
        };
        std::thread::scope(|scope| {
            for some in faults.chunks(faults.len().div_ceil(4)) {
                scope.spawn(|| some.iter().for_each(|fault| each(fault)));
            }
        });
    }
}

/// What is a refusal for good by its nature leaves a note, and there is nothing to come back for: a
/// label, a reviewer, a thread that the forge says no to.
fn lasting(calm: &FakeGitHub, nth: usize, fault: &Fault) -> bool {
    let path = &calm.requests()[nth].path;
    let refused = matches!(fault, Fault::Refuse(422, _));
    let optional = [
        "/labels",
        "/requested_reviewers",
        "/replies",
        "/check-runs",
        "/status",
        "/reviews",
        "/pulls/1/comments",
    ];
    refused && (optional.iter().any(|part| path.contains(part)) || path == "/graphql")
}
