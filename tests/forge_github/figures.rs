//! How many calls a tick makes, and what answers cost that did not change.

use fleet::forge::github::GitHubForge;
use fleet::ports::forge::{Forge as _, ReviewDraft, ReviewWatch};

use crate::fake_github::FakeGitHub;
use crate::{draft, forge, sha, watch, with};

/// `count` reviews, of which every tenth conflicts and was told of before.
fn many(count: u64) -> (FakeGitHub, Vec<ReviewWatch>) {
    let fake = FakeGitHub::start("octo/hello");
    fake.set_permission("ann", "write");
    let watches = (1..=count).map(|n| {
        let branch = format!("agent/T-{n}");
        fake.set_branch(&branch, &sha('a'));
        let number = fake.open_pr(&branch, "main");
        let asks = "CHANGES_REQUESTED";
        let id = fake.set_review(number, "ann", "MEMBER", asks, "no", &[("a.rs", 1, "why")]);
        ReviewWatch {
            number: Some(number),
            branch,
            known: vec![format!("review:{id}")],
            ..watch(None)
        }
    });
    let watches = watches.collect();
    (fake, watches)
}

#[test]
fn a_tick_makes_at_most_three_calls_and_one_for_25_reviews() {
    for (count, most) in [(0, 0), (1, 1), (25, 1), (26, 2), (100, 4), (250, 10)] {
        let (fake, watches) = many(count);
        let forge = forge(&fake);
        let facts = forge.observe(&watches).unwrap();
        assert!(
            facts
                .iter()
                .all(|fact| fact.head.is_some() && fact.feedback.is_empty())
        );
        println!("{count} reviews, nothing new: {} calls", forge.calls_used());
        assert_eq!(forge.calls_used(), most);
        assert_eq!(fake.requests().len(), most as usize);
        assert!(forge.take_notes().is_empty());
    }
}

#[test]
fn threat_forge_quota_a_hundred_reviews_with_news_stay_in_the_budget_of_a_tick() {
    let (fake, mut watches) = many(100);
    for watch in &mut watches {
        watch.known.clear();
    }
    let forge = forge(&fake);
    let facts = forge.observe(&watches).unwrap();
    let told = facts.iter().filter(|fact| fact.feedback.len() == 1).count();
    println!(
        "100 reviews, each with a verdict: {} calls, {told} told",
        forge.calls_used()
    );
    assert_eq!(
        (told, forge.calls_used()),
        (100, 5),
        "ann's rights are asked for once"
    );

    // Failed checks of each: more than a tick's calls; what is left is told by later ticks.
    for (nth, watch) in watches.iter_mut().enumerate() {
        watch.known = vec![format!("review:{}", nth + 1)];
    }
    fake.set_check(&sha('a'), "test", Some("failure"), "no");
    let later = crate::forge(&fake);
    let facts = later.observe(&watches).unwrap();
    let told = facts.iter().filter(|fact| fact.feedback.len() == 1).count();
    println!(
        "100 reviews, each with failed checks: {} calls, {told} told",
        later.calls_used()
    );
    assert!(
        told >= 10 && later.calls_used() <= 75,
        "{told} {}",
        later.calls_used()
    );
    assert_eq!(
        later
            .take_notes()
            .iter()
            .filter(|note| note.contains("forge.max_calls"))
            .count(),
        1
    );
}

fn cached(fake: &FakeGitHub, dir: &std::path::Path) -> GitHubForge {
    with(fake, |config| config.cache_dir = Some(dir.to_owned()))
}

#[test]
fn an_answer_that_did_not_change_costs_nothing_of_the_quota() {
    let dir = tempfile::tempdir().unwrap();
    let fake = FakeGitHub::start("octo/hello");
    fake.set_branch("agent/T-7", &sha('a'));
    fake.refuse_graphql();
    let open = |draft: &ReviewDraft| cached(&fake, dir.path()).open_or_adopt(draft).unwrap();
    open(&draft());
    open(&draft());
    let look = || {
        cached(&fake, dir.path())
            .observe(&[watch(Some(1))])
            .unwrap()
    };
    let first = look();
    let before = fake.requests().len();
    assert_eq!(look(), first);
    open(&draft());
    let statuses = |from: usize| -> Vec<u16> {
        fake.requests()[from..]
            .iter()
            .map(|request| request.status)
            .collect()
    };
    let costs = statuses(before)
        .iter()
        .filter(|status| **status != 304)
        .count();
    println!(
        "a second look: {} calls, {costs} of them count",
        statuses(before).len()
    );
    assert_eq!(statuses(before).iter().filter(|s| **s == 304).count(), 6);
    assert_eq!(
        costs,
        1,
        "GraphQL is asked each time: {:?}",
        statuses(before)
    );

    // What changed is seen, and a folder full of rubbish harms nobody.
    fake.comment(1, "octo", "/fleet stop");
    assert_eq!(look()[0].remarks.len(), 1);
    for file in std::fs::read_dir(dir.path()).unwrap() {
        std::fs::write(file.unwrap().path(), "{\"route\":").unwrap();
    }
    assert_eq!(look()[0].remarks.len(), 1);
    fake.close(1);
    assert_ne!(look()[0].state, first[0].state);
}
