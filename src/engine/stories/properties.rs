use proptest::prelude::*;

use super::world::{World, oid};
use crate::domain::dep::DepKind;
use crate::domain::ids::SessionUid;
use crate::domain::review::FeedbackKind;
use crate::domain::session::{FailureClass, Outcome, Session};
use crate::engine::facts::{FeedbackSeen, ReviewSeen, RunLife, SeenState};
use crate::engine::overlap::{Pattern, first_overlap};

const GLOBS: [&str; 8] = [
    "src/**",
    "src/a.rs",
    "src/b/*.rs",
    "**/*.md",
    "docs/a.md",
    "tests/{a,b}.rs",
    "tests/b.rs",
    "Cargo.toml",
];

/// One thing that happens to the world.
#[derive(Debug, Clone)]
enum Step {
    Add(Vec<usize>),
    Block(usize, usize),
    Tick,
    Finish(usize, u8),
    Review(usize, u8),
    Die(usize),
    Answer,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => proptest::collection::vec(0..GLOBS.len(), 0..3).prop_map(Step::Add),
        1 => (0..20usize, 0..20usize).prop_map(|(a, b)| Step::Block(a, b)),
        3 => Just(Step::Tick),
        3 => (0..20usize, 0..5u8).prop_map(|(n, how)| Step::Finish(n, how)),
        2 => (0..20usize, 0..4u8).prop_map(|(n, how)| Step::Review(n, how)),
        1 => (0..20usize).prop_map(Step::Die),
        2 => Just(Step::Answer),
        1 => (0..40u64).prop_map(Step::Wait),
    ]
}

fn at<T: Copy>(list: &[T], n: usize) -> Option<T> {
    (!list.is_empty()).then(|| list[n % list.len()])
}

fn end(w: &mut World, session: SessionUid, how: u8, head: u8) {
    let failed = |class| Outcome::Failed { class };
    match how {
        0 | 1 => w.finish(session, Outcome::Succeeded, Some(oid(head)), &["src/a.rs"]),
        2 => w.finish(session, Outcome::Escalated, None, &[]),
        3 => w.finish(session, failed(FailureClass::Timeout), None, &[]),
        _ => w.finish(session, failed(FailureClass::RateLimited), None, &[]),
    }
}

fn look_at_review(w: &mut World, n: usize, how: u8) {
    let open = w.state.reviews.iter().filter(|(_, r)| r.is_open());
    let open: Vec<_> = open.map(|(uid, _)| *uid).collect();
    let Some(review) = at(&open, n) else { return };
    let head = w.state.reviews[&review].head.value.clone().unwrap();
    let feedback = vec![FeedbackSeen {
        kind: FeedbackKind::ChangesRequested,
        head: head.clone(),
        text: "mend".into(),
        key: format!("k{how}"),
    }];
    let seen = ReviewSeen {
        state: match how {
            0 => SeenState::Merged { commit: None },
            1 => SeenState::Closed,
            _ => SeenState::Open,
        },
        head: Some(head),
        feedback,
        conflict: how == 3,
        base_branch: None,
        remarks: Vec::new(),
    };
    w.facts.reviews.insert(review, seen);
}

fn happen(w: &mut World, step: &Step, heads: &mut u8) {
    let tasks: Vec<_> = w.state.tasks.keys().copied().collect();
    let live: Vec<_> = w
        .state
        .sessions
        .iter()
        .filter(|(_, s)| s.holds_lease())
        .map(|(u, _)| *u)
        .collect();
    match step {
        Step::Add(globs) => {
            let globs: Vec<_> = globs.iter().map(|g| GLOBS[*g]).collect();
            w.task(&globs);
        }
        Step::Block(a, b) => {
            if let (Some(a), Some(b)) = (at(&tasks, *a), at(&tasks, *b))
                && a > b
            {
                w.dep(a, DepKind::Blocks, b);
            }
        }
        Step::Tick => {
            let (plan, _) = w.settle();
            for review in &plan.reviews {
                if review.review.is_none() {
                    let head = u8::from_str_radix(&review.head.as_str()[..2], 16).unwrap();
                    w.open_review(review.task, review.session, head);
                }
            }
            for claim in &plan.claims {
                w.claim(claim);
            }
        }
        Step::Finish(n, how) => {
            if let Some(session) = at(&live, *n) {
                *heads = heads.wrapping_add(1);
                end(w, session, *how, *heads);
            }
        }
        Step::Review(n, how) => look_at_review(w, *n, *how),
        Step::Die(n) => {
            if let Some(session) = at(&live, *n) {
                w.facts.runs.insert(
                    session,
                    RunLife::Dead {
                        proof: "gone".into(),
                    },
                );
            }
        }
        Step::Answer => {
            let open: Vec<_> = w
                .state
                .escalations
                .iter()
                .filter(|(_, e)| e.is_open())
                .map(|(u, _)| *u)
                .collect();
            for uid in open {
                w.answer(uid, "go on");
            }
        }
        Step::Wait(minutes) => w.pass(*minutes),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn i2_no_plan_gives_a_task_two_leases_or_two_tasks_the_same_paths(steps in proptest::collection::vec(step(), 1..60)) {
        let mut w = World::default();
        w.policy.tick.max_parallel = 6;
        let mut heads = 0;
        for step in &steps {
            happen(&mut w, step, &mut heads);
            let mut held: Vec<_> = w.state.sessions.values().filter(|s| s.holds_lease()).filter_map(|s| s.task()).collect();
            let count = held.len();
            held.sort();
            held.dedup();
            prop_assert_eq!(held.len(), count, "one live lease per task");
            // One whose lease has ended keeps its task and takes no place.
            let skew = w.policy.leases.skew_allowance;
            let works = |s: &&Session| s.holds_lease() && s.lease_until.value.plus(skew) >= w.now;
            prop_assert!(w.state.sessions.values().filter(works).count() <= 6);
            let locks: Vec<_> = w.state.locks.values().filter(|l| l.is_live(w.now))
                .map(|l| l.globs.iter().map(|g| Pattern::glob(g)).collect::<Vec<_>>()).collect();
            for (n, a) in locks.iter().enumerate() {
                for b in &locks[n + 1..] {
                    prop_assert!(first_overlap(a, b).is_none(), "live locks overlap: {:?} {:?}", a, b);
                }
            }
        }
        // I8: after any history, deciding twice on the same facts writes nothing the second time.
        w.settle();
        let before = w.state.clone();
        let (_, records) = w.settle();
        prop_assert_eq!(records, vec![]);
        prop_assert_eq!(before, w.state);
    }

    #[test]
    fn globs_that_share_a_real_path_always_overlap(a in 0..GLOBS.len(), b in 0..GLOBS.len(), path in "(src|docs|tests)/(a|b)(/c)?\\.(rs|md)") {
        let (a, b) = (Pattern::glob(GLOBS[a]), Pattern::glob(GLOBS[b]));
        if a.matches(&path) && b.matches(&path) {
            prop_assert!(a.overlaps(&b));
        }
        let exact = globset::GlobBuilder::new(&a.text).literal_separator(true).build().unwrap().compile_matcher();
        if exact.is_match(&path) {
            prop_assert!(a.matches(&path));
        }
    }

    #[test]
    fn no_bytes_make_the_readers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        let outbox = crate::engine::outbox::parse(&bytes);
        prop_assert!(outbox.sayings.len() <= 200);
        let _ = crate::engine::text::neutralise_markdown(&text);
        let _ = crate::engine::gates::fold_path(&text);
        let _ = Pattern::glob(&text).overlaps(&Pattern::glob("src/**"));
        let _ = crate::engine::overlap::validate_glob(&text);
        for max in 0..20 {
            prop_assert!(crate::engine::text::truncated(&text, max).len() <= max.max(3));
        }
        let _ = crate::engine::secrets::Scanner::new(&[("x".into(), text.clone())]).redact(&text);
    }
}
