//! Defects put in on purpose (`planted!` in the product, behind the feature of that name): the
//! simulation finds each of them within so many seeds, and the same seeds are clean without it.

#[path = "sim/mod.rs"]
mod sim;

use std::collections::BTreeSet;

use fleet::planted::choose;
use sim::{hunt, play, steps_of};

/// What a defect is called, what is wrong with it, and the seeds within which it must be found.
const DEFECTS: &[(&str, &str, u64)] = &[
    ("blocked-runs", "a blocker keeps nothing back", 500),
    ("cap-ignored", "a budget stops nothing", 500),
    (
        "closed-is-merged",
        "a review that a human closed counts as merged",
        500,
    ),
    (
        "exit-0-is-work",
        "an agent that changed nothing counts as done",
        500,
    ),
    (
        "foreign-branch",
        "work is pushed to a branch that is not fleet's",
        500,
    ),
    ("lock-never-released", "a lock is not given back", 500),
    (
        "lost-is-won",
        "a push that others overtook counts as published",
        500,
    ),
    (
        "number-before-publish",
        "a number is granted that is not published",
        500,
    ),
    (
        "number-reused",
        "the greatest number is given a second time",
        500,
    ),
    (
        "order-of-arrival-wins",
        "the last record to arrive wins, not the newest",
        500,
    ),
    ("part-admitted", "what an agent proposes runs", 500),
    (
        "plan-approves-itself",
        "a plan at a service waits for nobody",
        500,
    ),
    ("review-holds-nothing", "work in review holds no paths", 500),
    (
        "second-review",
        "a known review is recorded as another one",
        500,
    ),
    (
        "secret-goes-out",
        "a known secret is no reason to hold work",
        500,
    ),
    (
        "time-frees-lease",
        "a lease ends with its time, whoever is at work",
        500,
    ),
    (
        "unreachable-is-lost",
        "a push without answer is made again",
        500,
    ),
];

#[test]
fn every_planted_defect_is_found_and_without_it_the_same_seeds_are_clean() {
    let mut missed = Vec::new();
    let only = std::env::var("FLEET_SIM_DEFECT").ok();
    let wanted = |name: &str| only.as_ref().is_none_or(|only| only == name);
    for (name, what, within) in DEFECTS.iter().filter(|(name, ..)| wanted(name)) {
        choose(Some(name));
        let (found, _) = hunt(0..*within, 1);
        choose(None);
        match found.first() {
            Some((seed, broken)) => {
                println!("{name} ({what}): seed {seed}: {broken}");
                let clean = play(*seed, steps_of(*seed), &BTreeSet::new(), true);
                let (broken, story) = (clean.broken, clean.story.join("\n"));
                assert!(
                    broken.is_empty(),
                    "{story}\nseed {seed} without {name}: {broken:?}"
                );
            }
            None => missed.push(format!("{name} ({what}): not within {within} seeds")),
        }
    }
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
}
