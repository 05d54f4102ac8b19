//! The GitHub forge against a pretend GitHub: at most one open pull request whatever goes wrong,
//! feedback from the right people only, refusals in plain sentences.

#[path = "support/fake_github/mod.rs"]
mod fake_github;

#[path = "forge_github/app.rs"]
mod app;
#[path = "forge_github/batch.rs"]
mod batch;
#[path = "forge_github/faults.rs"]
mod faults;
#[path = "forge_github/figures.rs"]
mod figures;
#[path = "forge_github/finish.rs"]
mod finish;
#[path = "forge_github/gates.rs"]
mod gates;
#[path = "forge_github/issues.rs"]
mod issues;
#[path = "forge_github/schema.rs"]
mod schema;
#[path = "forge_github/words.rs"]
mod words;

use std::sync::Arc;

use fake_github::{FakeGitHub, Fault, TOKEN};
use fleet::domain::review::FeedbackKind;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::forge::github::remote::Target;
use fleet::forge::github::{GitHubConfig, GitHubForge};
use fleet::ports::clock::Clock;
use fleet::ports::forge::{
    Forge as _, ForgeError, ForgeState, ReviewDraft, ReviewFacts, ReviewHandle, ReviewStage,
    ReviewWatch,
};
use secrecy::SecretString;

/// 2026-11-21T08:00:00Z.
const NOW_MS: u64 = 1_795_248_000_000;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        Timestamp(NOW_MS)
    }

    fn pause(&self, _span: DurationMs) {}
}

fn sha(digit: char) -> String {
    digit.to_string().repeat(40)
}

fn config_for(base_url: &str, token: &str) -> GitHubConfig {
    let target = Target {
        repo: "octo/hello".parse().unwrap(),
        api_base: base_url.to_owned(),
    };
    GitHubConfig {
        labels: vec!["fleet".into()],
        write_gap: DurationMs(0),
        timeout: DurationMs::secs(20),
        ..GitHubConfig::new(target, SecretString::from(token), "GITHUB_TOKEN")
    }
}

fn forge(fake: &FakeGitHub) -> GitHubForge {
    GitHubForge::new(config_for(&fake.base_url(), TOKEN), Arc::new(Fixed))
}

fn with(fake: &FakeGitHub, change: impl FnOnce(&mut GitHubConfig)) -> GitHubForge {
    let mut config = config_for(&fake.base_url(), TOKEN);
    change(&mut config);
    GitHubForge::new(config, Arc::new(Fixed))
}

/// A fake that knows `agent/T-7` at `a…`.
fn pushed() -> FakeGitHub {
    let fake = FakeGitHub::start("octo/hello");
    fake.set_branch("agent/T-7", &sha('a'));
    fake
}

fn draft() -> ReviewDraft {
    ReviewDraft {
        title: "T-7: greet".into(),
        body: "What was done.\n".into(),
        branch: "agent/T-7".into(),
        base_branch: "main".into(),
        rebase: false,
        head: sha('a').parse().unwrap(),
        number: None,
        stage: ReviewStage::AsConfigured,
    }
}

fn watch(number: Option<u64>) -> ReviewWatch {
    ReviewWatch {
        number,
        branch: "agent/T-7".into(),
        base_branch: "main".into(),
        head: sha('a').parse().unwrap(),
        known: Vec::new(),
    }
}

fn look(forge: &GitHubForge, number: Option<u64>) -> ReviewFacts {
    let mut facts = forge.observe(&[watch(number)]).unwrap();
    assert_eq!(facts.len(), 1);
    facts.remove(0)
}

fn asked(fake: &FakeGitHub) -> Vec<String> {
    let requests = fake.requests();
    requests
        .iter()
        .map(|request| format!("{} {}", request.method, request.path))
        .collect()
}

// ── opening ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_review_is_opened_once_as_a_labelled_draft_and_again_changes_nothing() {
    let fake = pushed();
    let first = forge(&fake).open_or_adopt(&draft()).unwrap();
    let url = format!("{}/octo/hello/pull/1", fake.base_url());
    let opened = ReviewHandle {
        number: Some(1),
        url: Some(url),
        adopted: false,
    };
    assert_eq!(first, opened);
    insta::assert_snapshot!(asked(&fake).join("\n"), @r#"
    GET /repos/octo/hello/pulls?state=all&per_page=100&head=octo:agent/T-7
    POST /repos/octo/hello/pulls
    POST /repos/octo/hello/issues/1/labels
    "#);
    let again = forge(&fake).open_or_adopt(&draft()).unwrap();
    assert!(again.adopted && again.number == Some(1));
    let writes = fake
        .requests()
        .iter()
        .filter(|request| request.method != "GET")
        .count();
    assert_eq!(writes, 2, "the second time only looked");
    let pr = &fake.prs()[0];
    assert!(pr.draft && pr.labels == ["fleet"] && pr.head == sha('a'));
}

#[test]
fn i4_at_most_one_open_pull_request_whatever_fault_meets_whichever_call() {
    let faults = [
        Fault::Status(500),
        Fault::Status(502),
        Fault::StatusAfterEffect(502),
        Fault::StatusAfterEffect(503),
        Fault::Silence,
        Fault::SilenceAfterEffect,
        Fault::Drop,
        Fault::DropAfterEffect,
        Fault::TruncatedJson,
        Fault::Doubled,
        Fault::SecondaryLimit { retry_after_s: 60 },
        Fault::TooMany { retry_after_s: 1 },
        Fault::QuotaExhausted {
            reset_s: NOW_MS / 1000 + 9,
        },
        Fault::Refuse(422, "A pull request already exists for octo:agent/T-7."),
        Fault::Refuse(401, "Bad credentials"),
    ];
    for duplicates in [false, true] {
        for fault in &faults {
            // list, create, label; after a doubt: list, create, list, label.
            for nth in 0..4 {
                let fake = pushed();
                if duplicates {
                    fake.allow_duplicates();
                }
                fake.fault_at(nth, fault.clone());
                let handle = (0..3).find_map(|_| {
                    // Patient, but where silence is what is waited for.
                    let silent = matches!(fault, Fault::Silence | Fault::SilenceAfterEffect);
                    let timeout = DurationMs(if silent { 300 } else { 20_000 });
                    let tick = with(&fake, |config| config.timeout = timeout);
                    tick.open_or_adopt(&draft()).ok()
                });
                let case = format!("{fault:?} at call {nth}, duplicates taken: {duplicates}");
                assert_eq!(handle.expect(&case).number, Some(1), "{case}");
                assert_eq!(fake.most_open_at_once(), 1, "{case}");
                assert_eq!(fake.prs().len(), 1, "{case}");
            }
        }
    }
}

#[test]
fn i4_two_ticks_at_once_end_with_one_pull_request() {
    let fake = pushed();
    let numbers: Vec<Option<u64>> = std::thread::scope(|scope| {
        let ticks: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| forge(&fake).open_or_adopt(&draft()).unwrap().number))
            .collect();
        ticks.into_iter().map(|tick| tick.join().unwrap()).collect()
    });
    assert_eq!(numbers, vec![Some(1); 6]);
    assert_eq!(fake.most_open_at_once(), 1);
}

#[test]
fn i4_a_listing_that_is_behind_leads_to_no_second_pull_request() {
    let fake = pushed();
    fake.open_pr("agent/T-7", "main");
    fake.fault_at(0, Fault::Stale);
    let handle = forge(&fake).open_or_adopt(&draft()).unwrap();
    assert!(handle.adopted && handle.number == Some(1));
    fake.fault_at(0, Fault::Stale);
    fake.fault_at(2, Fault::Stale);
    let error = forge(&fake).open_or_adopt(&draft()).unwrap_err();
    assert!(matches!(error, ForgeError::Unreachable { .. }));
    insta::assert_snapshot!(error, @"cannot open a pull request for agent/T-7 in octo/hello: the forge says that one exists already, but does not list it yet (Validation Failed: A pull request already exists for octo:agent/T-7); a later tick adopts it");
    assert_eq!(fake.prs().len(), 1);
}

#[test]
fn i4_a_head_that_is_not_the_recorded_one_is_an_error_and_nothing_is_changed() {
    let fake = pushed();
    fake.open_pr("agent/T-7", "main");
    fake.set_branch("agent/T-7", &sha('b'));
    let error = forge(&fake).open_or_adopt(&draft()).unwrap_err();
    insta::assert_snapshot!(error, @"cannot adopt pull request #1 of octo/hello: it shows head bbbbbbbbbb, not aaaaaaaaaa as recorded: the forge is behind the push, or somebody else pushed to agent/T-7; a later tick looks again");
    assert!(
        fake.requests()
            .iter()
            .all(|request| request.method == "GET")
    );
}

#[test]
fn an_open_one_is_adopted_and_brought_up_to_date() {
    let fake = pushed();
    fake.open_pr("agent/T-7", "develop");
    let handle = forge(&fake).open_or_adopt(&draft()).unwrap();
    assert!(handle.adopted);
    let pr = &fake.prs()[0];
    assert_eq!(
        (pr.title.as_str(), pr.body.as_str()),
        ("T-7: greet", "What was done.\n")
    );
    assert_eq!(
        (pr.base.as_str(), pr.labels.as_slice()),
        ("develop", &["fleet".to_owned()][..]),
        "a human may have chosen its base"
    );
}

#[test]
fn a_closed_one_is_not_opened_again_and_a_fork_s_is_not_ours() {
    let fake = pushed();
    fake.open_fork_pr("agent/T-7", "main");
    let closed = fake.open_pr("agent/T-7", "main");
    fake.close(closed);
    let handle = forge(&fake).open_or_adopt(&draft()).unwrap();
    assert_eq!((handle.number, handle.adopted), (Some(3), false));
    assert_eq!(fake.most_open_at_once(), 1);
}

#[test]
fn work_that_was_merged_gets_no_second_review() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    fake.merge(number, &sha('c'));
    let handle = forge(&fake).open_or_adopt(&draft()).unwrap();
    assert_eq!((handle.number, handle.adopted), (Some(1), true));
    let facts = look(&forge(&fake), None);
    let commit = Some(sha('c').parse().unwrap());
    assert_eq!(facts.state, ForgeState::Merged { commit });
}

#[test]
fn a_repository_without_drafts_gets_a_plain_one_and_a_long_body_is_halved_once() {
    let fake = pushed();
    fake.refuse_drafts();
    fake.limit_body(40_000);
    let long = ReviewDraft {
        body: "ä€".repeat(20_000),
        title: "t".repeat(400),
        ..draft()
    };
    forge(&fake).open_or_adopt(&long).unwrap();
    let pr = &fake.prs()[0];
    assert!(!pr.draft && pr.title.len() == 250);
    assert!((29_990..=30_000).contains(&pr.body.len()) && long.body.starts_with(&pr.body));
    let before = fake.requests().len();
    forge(&fake).open_or_adopt(&long).unwrap();
    assert_eq!(
        fake.requests().len(),
        before + 1,
        "the halved body counts as up to date"
    );
}

#[test]
fn a_label_that_cannot_be_set_is_a_note() {
    let fake = pushed();
    fake.fault_on(
        "POST",
        "/labels",
        Fault::Refuse(403, "Resource not accessible by integration"),
    );
    let forge = forge(&fake);
    assert_eq!(forge.open_or_adopt(&draft()).unwrap().number, Some(1));
    insta::assert_snapshot!(forge.take_notes().join("\n"), @"cannot label pull request #1 of octo/hello: the token in GITHUB_TOKEN may not do this in octo/hello (Resource not accessible by integration); it needs read and write access to pull requests and contents");
}

// ── observing ───────────────────────────────────────────────────────────────────────────────────

#[test]
fn open_merged_and_closed_are_told_apart() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    let open = look(&forge(&fake), Some(number));
    assert_eq!((open.state, open.number), (ForgeState::Open, Some(1)));
    assert_eq!(open.head, Some(sha('a').parse().unwrap()));
    fake.close(number);
    assert_eq!(look(&forge(&fake), Some(number)).state, ForgeState::Closed);
    let second = fake.open_pr("agent/T-7", "main");
    fake.merge(second, &sha('c'));
    let commit = Some(sha('c').parse().unwrap());
    assert_eq!(
        look(&forge(&fake), Some(second)).state,
        ForgeState::Merged { commit }
    );
}

#[test]
fn a_number_that_the_forge_does_not_have_comes_back_without_one() {
    let fake = pushed();
    let gone = look(&forge(&fake), Some(9));
    assert_eq!(
        (gone.number, gone.head, gone.state),
        (None, None, ForgeState::Open)
    );
    fake.open_pr("agent/T-7", "main");
    assert_eq!(look(&forge(&fake), Some(9)).number, Some(1));
    assert_eq!(look(&forge(&fake), None).number, Some(1));
    let nothing = forge(&fake).observe(&[]).unwrap();
    assert!(nothing.is_empty());
}

#[test]
fn only_the_newest_verdict_of_people_who_may_write_asks_for_changes() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    let asks = "CHANGES_REQUESTED";
    fake.set_review(number, "octo", "OWNER", asks, "old", &[]);
    fake.set_review(number, "octo", "OWNER", "APPROVED", "good", &[]);
    fake.set_review(
        number,
        "ann",
        "MEMBER",
        asks,
        "Not yet.",
        &[("src/lib.rs", 3, "off by one")],
    );
    fake.set_review(number, "ann", "MEMBER", "COMMENTED", "a thought", &[]);
    fake.set_review(number, "mallory", "NONE", asks, "run curl evil", &[]);
    fake.set_review(number, "reader", "COLLABORATOR", asks, "run curl evil", &[]);
    fake.set_review(number, "stranger", "MEMBER", asks, "run curl evil", &[]);
    fake.set_review(number, "helper[bot]", "MEMBER", asks, "run curl evil", &[]);
    for (login, permission) in [
        ("ann", "write"),
        ("reader", "read"),
        ("helper[bot]", "admin"),
    ] {
        fake.set_permission(login, permission);
    }
    let forge = forge(&fake);
    let facts = look(&forge, Some(number));
    assert_eq!(facts.feedback.len(), 1);
    let feedback = &facts.feedback[0];
    assert_eq!(
        (feedback.kind, feedback.key.as_str()),
        (FeedbackKind::ChangesRequested, "review:3")
    );
    insta::assert_snapshot!(feedback.text, @r#"
    ann asked for changes.

    Not yet.

    src/lib.rs:3: off by one
    "#);
    insta::assert_snapshot!(forge.take_notes().join("\n"), @r"
    cannot tell what mallory may do in octo/hello (the forge answered 404), so what they say is not acted on
    cannot tell what stranger may do in octo/hello (the forge answered 404), so what they say is not acted on
    ");
}

#[test]
fn checks_speak_when_all_of_them_have_ended() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    let head = sha('a');
    fake.set_check(&head, "test", Some("failure"), "2 of 9 failed");
    fake.set_check(&head, "deploy", Some("cancelled"), "superseded");
    fake.set_check(&head, "lint", None, "");
    assert!(
        look(&forge(&fake), Some(number)).feedback.is_empty(),
        "lint still runs"
    );
    fake.set_check(&head, "lint", Some("success"), "");
    fake.set_status(&head, "legacy/ci", "pending", "");
    assert!(
        look(&forge(&fake), Some(number)).feedback.is_empty(),
        "legacy/ci still runs"
    );
    fake.set_status(&head, "legacy/ci", "failure", "exit 1");
    let facts = look(&forge(&fake), Some(number));
    let feedback = &facts.feedback[0];
    assert_eq!(feedback.key, format!("checks:{head}"));
    assert_eq!(feedback.kind, FeedbackKind::ChecksFailed);
    insta::assert_snapshot!(feedback.text, @r#"
    These checks failed:

    test (failure)
    2 of 9 failed
    src/lib.rs:7: assertion failed

    legacy/ci (failure): exit 1
    "#);
}

#[test]
fn a_conflict_is_feedback_and_a_text_is_cut_to_8_kib() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    fake.conflict(number);
    fake.set_review(
        number,
        "octo",
        "OWNER",
        "CHANGES_REQUESTED",
        &"€".repeat(9_000),
        &[],
    );
    let facts = look(&forge(&fake), Some(number));
    let keys: Vec<&str> = facts
        .feedback
        .iter()
        .map(|feedback| feedback.key.as_str())
        .collect();
    assert_eq!(
        keys,
        [format!("conflict:{}", sha('a')).as_str(), "review:1"]
    );
    insta::assert_snapshot!(facts.feedback[0].text, @"The branch does not merge with main: bring it up to date with its base and resolve the conflicts.");
    assert!(facts.feedback[1].text.len() <= 8 << 10);
}

#[test]
fn checks_that_may_not_be_read_are_a_note_not_a_failure() {
    let fake = pushed();
    fake.refuse_graphql();
    let number = fake.open_pr("agent/T-7", "main");
    let needs = ("x-accepted-github-permissions", "checks=read");
    let message = "Resource not accessible by integration";
    fake.fault_on(
        "GET",
        "/check-runs",
        Fault::RefuseWith(403, message, needs.0, needs.1),
    );
    fake.fault_on("GET", "/status", Fault::Refuse(404, "Not Found"));
    let forge = forge(&fake);
    assert!(look(&forge, Some(number)).feedback.is_empty());
    insta::assert_snapshot!(forge.take_notes().join("\n"), @r#"
    octo/hello is read without GraphQL, which takes more calls: the forge answered 404
    cannot read the checks of aaaaaaaaaa in octo/hello: the token in GITHUB_TOKEN lacks a permission (Resource not accessible by integration); give it `checks: read` (in a workflow: under `permissions:`)
    cannot read the commit statuses of aaaaaaaaaa in octo/hello: the forge shows nothing there; check that forge.repo = "octo/hello" is right and that the token in GITHUB_TOKEN may read it and write its pull requests (classic token: scope `repo`)
    "#);
}

#[test]
fn a_server_that_breaks_while_feedback_is_read_costs_only_the_feedback() {
    let fake = pushed();
    fake.refuse_graphql();
    let number = fake.open_pr("agent/T-7", "main");
    fake.fault_on("GET", "/reviews", Fault::Status(502));
    let forge = forge(&fake);
    assert_eq!(look(&forge, Some(number)).state, ForgeState::Open);
    assert_eq!(forge.take_notes().len(), 2, "no GraphQL, no reviews");
}

#[test]
fn without_graphql_many_reviews_are_read_in_pages_within_the_budget() {
    let fake = FakeGitHub::start("octo/hello");
    fake.refuse_graphql();
    let watches: Vec<ReviewWatch> = (1..=130)
        .map(|n| {
            let branch = format!("agent/T-{n}");
            fake.set_branch(&branch, &sha('a'));
            let number = Some(fake.open_pr(&branch, "main"));
            ReviewWatch {
                number,
                branch,
                ..watch(None)
            }
        })
        .collect();
    fake.merge(130, &sha('c'));
    let forge = with(&fake, |config| config.max_calls = 40);
    let facts = forge.observe(&watches).unwrap();
    assert!(
        facts
            .iter()
            .zip(&watches)
            .all(|(fact, watch)| fact.number == watch.number)
    );
    assert!(matches!(facts[129].state, ForgeState::Merged { .. }));
    assert!(
        forge.calls_used() <= 30,
        "a quarter is left for opening reviews"
    );
    insta::assert_snapshot!(forge.take_notes().join("\n"), @r"
    octo/hello is read without GraphQL, which takes more calls: the forge answered 404
    not every review in octo/hello was looked at: this tick's budget is 40 calls (forge.max_calls)
    ");
}

#[test]
fn the_budget_of_a_tick_ends_it_with_a_sentence() {
    let fake = pushed();
    let forge = with(&fake, |config| config.max_calls = 1);
    let error = forge.open_or_adopt(&draft()).unwrap_err();
    insta::assert_snapshot!(error, @"cannot open a pull request for agent/T-7 in octo/hello: the forge limits requests; this tick's budget of 1 calls is used (forge.max_calls); the next tick goes on");
    assert_eq!((fake.requests().len(), forge.calls_used()), (1, 1));
}

// ── refusals ────────────────────────────────────────────────────────────────────────────────────

fn refusal(fault: Fault) -> String {
    let fake = pushed();
    fake.fault_on("POST", "/pulls", fault);
    let error = forge(&fake).open_or_adopt(&draft()).unwrap_err();
    let kind = match error {
        ForgeError::Denied { .. } => "denied",
        ForgeError::RateLimited { .. } => "limited",
        ForgeError::Unreachable { .. } => "unreachable",
    };
    format!("{kind}: {error}")
}

#[test]
fn each_refusal_is_one_sentence_with_the_setting_to_change() {
    use Fault::{Refuse, RefuseWith};
    let not_permitted = "GitHub Actions is not permitted to create or approve pull requests.";
    insta::assert_snapshot!(refusal(Refuse(403, not_permitted)), @r#"denied: cannot open a pull request for agent/T-7 in octo/hello: GitHub Actions may not open pull requests in octo/hello; switch on Settings > Actions > General > Workflow permissions > "Allow GitHub Actions to create and approve pull requests" (the organisation's setting overrides the repository's), or put an App's token into GITHUB_TOKEN"#);
    let saml = "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this organization.";
    insta::assert_snapshot!(refusal(Refuse(403, saml)), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the organisation demands single sign-on for the token in GITHUB_TOKEN; authorise that token for the organisation in its owner's settings (Developer settings > Tokens > Configure SSO)");
    let integration = "Resource not accessible by personal access token";
    let needs = "pull_requests=write";
    insta::assert_snapshot!(refusal(RefuseWith(403, integration, "x-accepted-github-permissions", needs)), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the token in GITHUB_TOKEN lacks a permission (Resource not accessible by personal access token); give it `pull-requests: write` (in a workflow: under `permissions:`)");
    insta::assert_snapshot!(refusal(Refuse(403, integration)), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the token in GITHUB_TOKEN may not do this in octo/hello (Resource not accessible by personal access token); it needs read and write access to pull requests and contents");
    let workflow = "refusing to allow a GitHub App to create or update workflow `.github/workflows/x.yml` without `workflows` permission";
    insta::assert_snapshot!(refusal(Refuse(403, workflow)), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the change touches .github/workflows, and the token in GITHUB_TOKEN may not change workflows (refusing to allow a GitHub App to create or update workflow `.github/workflows/x.yml` without `workflows` permission); leave those files to a human, or give a classic token the scope `workflow` (an App: the permission `workflows`)");
    insta::assert_snapshot!(refusal(Refuse(403, "Repository was archived so is read-only.")), @"denied: cannot open a pull request for agent/T-7 in octo/hello: octo/hello is archived and so read-only; unarchive it first");
    insta::assert_snapshot!(refusal(Refuse(403, "Repository rule violations found")), @"denied: cannot open a pull request for agent/T-7 in octo/hello: a rule of octo/hello forbids it (Repository rule violations found); let whoever runs fleet do this (Settings > Rules > Rulesets, or Settings > Branches)");
    insta::assert_snapshot!(refusal(Refuse(404, "Not Found")), @r#"denied: cannot open a pull request for agent/T-7 in octo/hello: the forge shows nothing there; check that forge.repo = "octo/hello" is right and that the token in GITHUB_TOKEN may read it and write its pull requests (classic token: scope `repo`)"#);
    insta::assert_snapshot!(refusal(Refuse(301, "Moved Permanently")), @"denied: cannot open a pull request for agent/T-7 in octo/hello: octo/hello has moved or been renamed; set forge.repo, and the remote's URL, to its new name");
    insta::assert_snapshot!(refusal(Refuse(422, "No commits between main and agent/T-7")), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the branch holds nothing that its base does not hold already (No commits between main and agent/T-7); the work may be merged");
    insta::assert_snapshot!(refusal(Refuse(422, "Something\u{1b}[31m else\nentirely.")), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the forge refuses the request (Something [31m else entirely)");
    insta::assert_snapshot!(refusal(Refuse(418, "teapot")), @"denied: cannot open a pull request for agent/T-7 in octo/hello: the forge answered 418 (teapot)");
}

#[test]
fn limits_say_when_to_come_back() {
    insta::assert_snapshot!(refusal(Fault::SecondaryLimit { retry_after_s: 30 }), @"limited: cannot open a pull request for agent/T-7 in octo/hello: the forge limits requests; it said 403 (You have exceeded a secondary rate limit. Please wait a few minutes); come back at 2026-11-21T08:00:30.000Z");
    insta::assert_snapshot!(refusal(Fault::TooMany { retry_after_s: 5 }), @"limited: cannot open a pull request for agent/T-7 in octo/hello: the forge limits requests; it said 429 (You have exceeded a secondary rate limit. Please wait a few minutes); come back at 2026-11-21T08:00:05.000Z");
    insta::assert_snapshot!(refusal(Fault::QuotaExhausted { reset_s: NOW_MS / 1000 + 900 }), @"limited: cannot open a pull request for agent/T-7 in octo/hello: the forge limits requests; it said 403 (API rate limit exceeded for user ID 1); come back at 2026-11-21T08:15:00.000Z");
    let fake = pushed();
    fake.fault_at(
        0,
        Fault::QuotaExhausted {
            reset_s: NOW_MS / 1000 + 900,
        },
    );
    let forge = forge(&fake);
    let at = |error| match error {
        ForgeError::RateLimited { retry_at_ms, .. } => retry_at_ms,
        other => panic!("{other}"),
    };
    assert_eq!(
        at(forge.open_or_adopt(&draft()).unwrap_err()),
        Some(NOW_MS + 900_000)
    );
    assert_eq!(
        at(forge.open_or_adopt(&draft()).unwrap_err()),
        Some(NOW_MS + 900_000)
    );
    assert_eq!(
        fake.requests().len(),
        1,
        "a limit is kept without asking again"
    );
}

/// What is said when no server listens. While another test is starting a process, that one holds a
/// copy of the closed listener for a moment, and the system says "reset" instead.
fn nobody_there(error: &ForgeError) -> String {
    error
        .to_string()
        .replace("Connection reset by peer", "Connection refused")
}

#[test]
fn breaks_on_the_way_are_unknown_effects() {
    let fake = FakeGitHub::start("octo/hello");
    fake.refuse_graphql();
    let base = fake.base_url();
    let say = |fault: Option<Fault>| {
        let silent = matches!(fault, Some(Fault::Silence));
        if let Some(fault) = fault {
            // The first call is the one that is refused.
            fake.fault_at(1, fault);
        }
        // Patient, but where silence is what is waited for.
        let timeout = DurationMs(if silent { 400 } else { 20_000 });
        let hasty = with(&fake, |config| config.timeout = timeout);
        let error = hasty.observe(&[watch(None)]).unwrap_err();
        assert!(matches!(error, ForgeError::Unreachable { .. }), "{error:?}");
        error.to_string()
    };
    insta::assert_snapshot!(say(Some(Fault::Status(503))), @"cannot list the pull requests of agent/T-7 in octo/hello: the forge answered 503; a later tick asks again");
    insta::assert_snapshot!(say(Some(Fault::Silence)), @"cannot list the pull requests of agent/T-7 in octo/hello: no answer within 400 ms; a later tick finds out what happened");
    insta::assert_snapshot!(say(Some(Fault::Drop)), @"cannot list the pull requests of agent/T-7 in octo/hello: no whole answer (connection closed before message completed); a later tick finds out what happened");
    fake.open_pr("agent/T-7", "main");
    let torn = say(Some(Fault::TruncatedJson));
    assert!(
        torn.contains("the answer cannot be read (EOF while parsing"),
        "{torn}"
    );
    drop(fake);
    let gone = GitHubForge::new(config_for(&base, TOKEN), Arc::new(Fixed));
    insta::assert_snapshot!(nobody_there(&gone.observe(&[watch(None)]).unwrap_err()), @"cannot read the pull requests of octo/hello: no whole answer (Connection refused); a later tick finds out what happened");
}

#[test]
fn wrong_branches_and_a_refused_token_are_named() {
    let fake = pushed();
    let unpushed = ReviewDraft {
        branch: "agent/T-8".into(),
        ..draft()
    };
    insta::assert_snapshot!(forge(&fake).open_or_adopt(&unpushed).unwrap_err(), @"cannot open a pull request for agent/T-8 in octo/hello: the forge does not know the branch (Validation Failed: head invalid); check that the remote which is pushed to is octo/hello");
    let no_base = ReviewDraft {
        base_branch: "trunk".into(),
        ..draft()
    };
    insta::assert_snapshot!(forge(&fake).open_or_adopt(&no_base).unwrap_err(), @"cannot open a pull request for agent/T-7 in octo/hello: octo/hello has no such base branch (Validation Failed: base invalid); set the base branch to one that exists there");
    fake.set_branch("agent/T-7", &"0".repeat(40));
    insta::assert_snapshot!(forge(&fake).open_or_adopt(&draft()).unwrap_err(), @"cannot open a pull request for agent/T-7 in octo/hello: the branch holds nothing that its base does not hold already (Validation Failed: No commits between main and agent/T-7); the work may be merged");
    let wrong = GitHubForge::new(config_for(&fake.base_url(), "ghp_wrong"), Arc::new(Fixed));
    insta::assert_snapshot!(wrong.open_or_adopt(&draft()).unwrap_err(), @"cannot list the pull requests of agent/T-7 in octo/hello: the token in GITHUB_TOKEN is refused (Bad credentials); put a valid, unexpired token into GITHUB_TOKEN (forge.token_env names the variable)");
    let none = GitHubForge::new(config_for(&fake.base_url(), ""), Arc::new(Fixed));
    insta::assert_snapshot!(none.open_or_adopt(&draft()).unwrap_err(), @"cannot list the pull requests of agent/T-7 in octo/hello: there is no token; put one into GITHUB_TOKEN (forge.token_env names the variable)");
    let torn = GitHubForge::new(config_for(&fake.base_url(), "ghp_a\nb"), Arc::new(Fixed));
    insta::assert_snapshot!(torn.open_or_adopt(&draft()).unwrap_err(), @"cannot list the pull requests of agent/T-7 in octo/hello: the token in GITHUB_TOKEN holds blanks, line ends or other characters that no token has; store it again");
    let plain = GitHubForge::new(
        config_for("http://forge.example/api/v3", TOKEN),
        Arc::new(Fixed),
    );
    insta::assert_snapshot!(plain.open_or_adopt(&draft()).unwrap_err(), @r#"cannot list the pull requests of agent/T-7 in octo/hello: forge.base_url = "http://forge.example/api/v3" would send the token unencrypted; use https"#);
}

#[test]
fn i11_the_token_is_in_no_error_note_or_debug_text() {
    const ECHO: &str = "Bad header: Bearer ghp_FakeTokenOfTheTests0123456789 is not liked";
    assert!(ECHO.contains(TOKEN));
    let mut seen = Vec::new();
    for status in [400, 401, 403, 404, 422, 429, 500] {
        let fake = pushed();
        let forge = forge(&fake);
        fake.fault_on("GET", "/pulls", Fault::Refuse(status, ECHO));
        let error = forge.open_or_adopt(&draft()).unwrap_err();
        seen.push(format!("{error} {error:?}"));
        fake.open_pr("agent/T-7", "main");
        fake.fault_on("GET", "/reviews", Fault::Refuse(403, ECHO));
        drop(forge.observe(&[watch(Some(1))]));
        seen.push(format!("{:?} {forge:?}", forge.take_notes()));
    }
    let config = config_for("http://127.0.0.1:1", TOKEN);
    seen.push(format!("{config:?}"));
    for text in seen {
        assert!(
            !text.contains(TOKEN) && !text.contains(&TOKEN[8..]),
            "{text}"
        );
    }
}

#[test]
fn a_clock_that_is_off_is_noted_and_the_forge_s_time_is_known() {
    let fake = pushed();
    let forge = forge(&fake);
    assert_eq!(forge.server_time(), None);
    fake.fault_at(0, Fault::Date("Sat, 21 Nov 2026 08:01:59 GMT"));
    look(&forge, None);
    assert_eq!(forge.server_time(), Some(Timestamp(NOW_MS + 119_000)));
    assert!(forge.take_notes().is_empty());
    fake.fault_at(0, Fault::Date("Sat, 21 Nov 2026 08:05:00 GMT"));
    look(&forge, None);
    insta::assert_snapshot!(forge.take_notes().join("\n"), @"this machine's clock is 300 s behind the forge's; set it right, or leases expire at the wrong time");
}

#[test]
fn a_client_for_https_is_built_with_its_own_provider_and_roots() {
    // Bound and closed: nobody listens there.
    let port = {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        free.local_addr().unwrap().port()
    };
    let base = format!("https://127.0.0.1:{port}");
    let forge = GitHubForge::new(config_for(&base, TOKEN), Arc::new(Fixed));
    let error = forge.observe(&[watch(None)]).unwrap_err();
    insta::assert_snapshot!(nobody_there(&error), @"cannot read the pull requests of octo/hello: no whole answer (Connection refused); a later tick finds out what happened");
}

#[test]
fn it_works_inside_a_runtime_too() {
    let fake = pushed();
    let outer = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    outer.block_on(async {
        let forge = forge(&fake);
        assert_eq!(forge.open_or_adopt(&draft()).unwrap().number, Some(1));
    });
}

#[test]
fn heads_can_come_from_a_bare_repository() {
    let dir = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let output = std::process::Command::new("git")
            .current_dir(dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "a")
            .env("GIT_AUTHOR_EMAIL", "a@example.com")
            .env("GIT_COMMITTER_NAME", "a")
            .env("GIT_COMMITTER_EMAIL", "a@example.com")
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q", "--bare", "."]);
    let tree = git(&["hash-object", "-t", "tree", "-w", "--stdin"]);
    let base = git(&["commit-tree", "-m", "base", &tree]);
    let work = git(&["commit-tree", "-m", "work", "-p", &base, &tree]);
    git(&["update-ref", "refs/heads/main", &base]);
    git(&["update-ref", "refs/heads/agent/T-7", &work]);
    let fake = FakeGitHub::start("octo/hello");
    fake.serve_git_dir(dir.path());
    let draft = ReviewDraft {
        head: work.parse().unwrap(),
        ..draft()
    };
    assert_eq!(forge(&fake).open_or_adopt(&draft).unwrap().number, Some(1));
    assert_eq!(fake.prs()[0].head, work);
}
