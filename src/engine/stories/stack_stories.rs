//! Work that stands on other work, and the order in which it is merged.

use super::world::{World, oid};
use crate::domain::dep::DepKind;
use crate::domain::policy::UnblockOn;
use crate::engine::merging::{advise, pairs};

#[test]
fn a_dependent_starts_from_the_head_in_review_and_not_from_two_at_once() {
    let mut w = World::default();
    w.policy.unblock_on = UnblockOn::Review;
    let (a, b) = (w.task(&["a"]), w.task(&["b"]));
    let c = w.task(&["a", "c"]);
    w.dep(c, DepKind::Blocks, a);
    w.in_review(a, 1, &["a"]);
    let claim = w.plan().claims.into_iter().find(|claim| claim.task == c);
    let claim = claim.expect("it may start, though its paths are those of the review below");
    assert_eq!(claim.onto.as_deref(), Some("agent/T-1"));
    assert_eq!((claim.base, claim.merges), (oid(1), None));
    w.dep(c, DepKind::Blocks, b);
    w.in_review(b, 2, &["b"]);
    let plan = w.plan();
    assert!(plan.claims.iter().all(|claim| claim.task != c));
    let (_, why) = plan.waits.iter().find(|(task, _)| *task == c).unwrap();
    assert_eq!(why[0].to_string(), "blocked by T-2 (in review)");
}

#[test]
fn a_task_is_merged_before_those_that_depend_on_it_and_then_what_hurts_least() {
    let mut w = World::default();
    let all: Vec<_> = (0..3).map(|_| w.task(&[])).collect();
    for (at, task) in all.iter().enumerate() {
        w.in_review(*task, at as u8 + 1, &["src/lib.rs"]);
    }
    // The first depends on the third, and clashes with both others.
    w.dep(all[0], DepKind::Blocks, all[2]);
    let index = w.index();
    let found = pairs(&w.state, &index, None);
    assert_eq!(found.len(), 3);
    let clashes: Vec<bool> = found
        .iter()
        .map(|pair| pair.a.0 == all[0] || pair.b.0 == all[0])
        .collect();
    let said: Vec<String> = advise(&w.state, &index, &found, &clashes)
        .iter()
        .map(|advice| advice.sentence(&w.state))
        .collect();
    let clash = "both change src/lib.rs, and the second one will not merge by itself";
    assert!(
        said.contains(&format!("merge T-3 before T-1: {clash}")),
        "{said:#?}"
    );
    assert!(
        said.contains(&format!("merge T-2 before T-1: {clash}")),
        "{said:#?}"
    );
    assert!(
        said.iter().any(|s| s.starts_with("T-2 before T-3")),
        "{said:#?}"
    );
    assert_eq!(pairs(&w.state, &index, Some(all[1])).len(), 2);
}
