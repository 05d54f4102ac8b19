//! Reviewers, drafts that become ready, another base.

use fleet::domain::time::DurationMs;
use fleet::ports::forge::{Forge as _, ReviewDraft, ReviewStage};

use crate::fake_github::{FakeGitHub, Fault};
use crate::{asked, draft, forge, pushed, with};

fn reviewers(fake: &FakeGitHub, names: &[&str]) -> fleet::forge::github::GitHubForge {
    with(fake, |config| {
        config.reviewers = names.iter().map(|n| (*n).to_owned()).collect()
    })
}

#[test]
fn reviewers_are_asked_once_and_the_one_who_opened_it_never() {
    let fake = pushed();
    fake.set_permission("ann", "write");
    let names = ["ann", "fleet-bot", "octo/core"];
    reviewers(&fake, &names).open_or_adopt(&draft()).unwrap();
    assert_eq!(fake.prs()[0].reviewers, ["ann", "org/core"]);
    reviewers(&fake, &names).open_or_adopt(&draft()).unwrap();
    assert_eq!(fake.prs()[0].reviewers.len(), 2);
}

#[test]
fn reviewers_that_were_not_asked_before_a_crash_are_asked_later_unless_somebody_looks() {
    let fake = pushed();
    fake.set_permission("ann", "write");
    fake.fault_on("POST", "/requested_reviewers", Fault::Status(502));
    assert!(reviewers(&fake, &["ann"]).open_or_adopt(&draft()).is_err());
    let again = reviewers(&fake, &["ann"]).open_or_adopt(&draft()).unwrap();
    assert!(again.adopted);
    let pr = &fake.prs()[0];
    assert_eq!((pr.reviewers.len(), pr.labels.len()), (1, 1));

    let fake = pushed();
    fake.set_permission("ann", "write");
    let number = fake.open_pr("agent/T-7", "main");
    fake.set_review(number, "bea", "NONE", "COMMENTED", "hm", &[]);
    reviewers(&fake, &["ann"]).open_or_adopt(&draft()).unwrap();
    assert!(fake.prs()[0].reviewers.is_empty());
}

#[test]
fn a_reviewer_without_access_is_a_note() {
    let fake = pushed();
    let forge = reviewers(&fake, &["nobody"]);
    assert_eq!(forge.open_or_adopt(&draft()).unwrap().number, Some(1));
    insta::assert_snapshot!(forge.take_notes().join("\n"), @"cannot ask for reviews of pull request #1 of octo/hello: somebody in forge.reviewers has no access to octo/hello (Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the octo/hello repository); give it to them, or take them out");
}

#[test]
fn a_draft_is_made_ready_when_that_is_wanted_and_never_a_draft_again() {
    let fake = pushed();
    let ready = ReviewDraft {
        stage: ReviewStage::Ready,
        ..draft()
    };
    forge(&fake).open_or_adopt(&draft()).unwrap();
    assert!(fake.prs()[0].draft);
    forge(&fake).open_or_adopt(&ready).unwrap();
    assert!(!fake.prs()[0].draft);
    let before = fake.requests().len();
    forge(&fake).open_or_adopt(&ready).unwrap();
    forge(&fake).open_or_adopt(&draft()).unwrap();
    assert_eq!(fake.requests().len(), before + 2, "nothing was left to do");
    assert!(!fake.prs()[0].draft);

    let fake = pushed();
    forge(&fake).open_or_adopt(&ready).unwrap();
    assert!(!fake.prs()[0].draft, "a new one is not opened as a draft");
    assert!(!asked(&fake).contains(&"POST /graphql".to_owned()));
}

#[test]
fn a_forge_that_cannot_make_it_ready_gets_a_note() {
    let fake = pushed();
    fake.refuse_graphql();
    forge(&fake).open_or_adopt(&draft()).unwrap();
    let forge = forge(&fake);
    let ready = ReviewDraft {
        stage: ReviewStage::Ready,
        ..draft()
    };
    assert_eq!(forge.open_or_adopt(&ready).unwrap().number, Some(1));
    insta::assert_snapshot!(forge.take_notes().join("\n"), @"cannot mark pull request #1 of octo/hello as ready for review: the forge answered 404; a human can, on its page");
}

#[test]
fn a_stacked_review_is_retargeted_and_its_text_kept_up_to_date() {
    let fake = pushed();
    let stacked = ReviewDraft {
        base_branch: "agent/T-6".into(),
        ..draft()
    };
    fake.set_branch("agent/T-6", &"6".repeat(40));
    forge(&fake).open_or_adopt(&stacked).unwrap();
    assert_eq!(fake.prs()[0].base, "agent/T-6");
    let onto_main = ReviewDraft {
        body: "More was done.".into(),
        number: Some(1),
        rebase: true,
        ..draft()
    };
    forge(&fake).open_or_adopt(&onto_main).unwrap();
    let pr = &fake.prs()[0];
    assert_eq!(
        (pr.base.as_str(), pr.body.as_str()),
        ("main", "More was done.")
    );
    assert_eq!(fake.prs().len(), 1);
}

#[test]
fn writes_come_one_after_another_with_the_pause_that_is_asked_for() {
    let gap = DurationMs(120);
    let fake = pushed();
    fake.set_permission("ann", "write");
    let forge = with(&fake, |config| {
        config.write_gap = gap;
        config.reviewers = vec!["ann".into()];
    });
    forge.open_or_adopt(&draft()).unwrap();
    let requests = fake.requests();
    let writes: Vec<_> = requests.iter().filter(|one| one.method == "POST").collect();
    assert_eq!(writes.len(), 3, "opened, asked for a review, labelled");
    for pair in writes.windows(2) {
        let between = pair[1].at.duration_since(pair[0].at);
        assert!(between >= gap.std(), "{between:?}");
    }
}
