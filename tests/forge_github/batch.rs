//! Many reviews in one call, what humans did to them, and what people say on them.

use fleet::domain::review::FeedbackKind;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::ports::forge::{Forge as _, ForgeError, ForgeState, ReviewFacts, ReviewWatch};

use crate::fake_github::{FakeGitHub, Fault};
use crate::{asked, forge, look, pushed, sha, watch, with};

/// Both ways of reading: by GraphQL, and by REST alone.
pub(crate) fn both_ways(story: impl Fn(FakeGitHub)) {
    for graphql in [true, false] {
        let fake = pushed();
        if !graphql {
            fake.refuse_graphql();
        }
        println!("GraphQL: {graphql}");
        story(fake);
    }
}

fn state(fake: &FakeGitHub, number: u64) -> ForgeState {
    look(&forge(fake), Some(number)).state
}

#[test]
fn what_a_human_did_to_a_review_is_seen_by_both_ways() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        let open = look(&forge(&fake), Some(number));
        assert_eq!(
            (open.state, open.base_branch.as_deref()),
            (ForgeState::Open, Some("main"))
        );
        fake.set_base(number, "release");
        let moved = look(&forge(&fake), Some(number));
        assert_eq!(moved.base_branch.as_deref(), Some("release"));
        fake.close(number);
        assert_eq!(state(&fake, number), ForgeState::Closed);
        fake.reopen(number);
        assert_eq!(state(&fake, number), ForgeState::Open);
        // A deleted branch closes its review on GitHub; the last head stays known.
        fake.delete_branch("agent/T-7");
        fake.close(number);
        let gone = look(&forge(&fake), Some(number));
        assert_eq!(
            (gone.state, gone.head),
            (ForgeState::Closed, Some(sha('a').parse().unwrap()))
        );
        fake.set_branch("agent/T-7", &sha('a'));
        fake.reopen(number);
        fake.merge(number, &sha('c'));
        let commit = Some(sha('c').parse().unwrap());
        assert_eq!(state(&fake, number), ForgeState::Merged { commit });
    });
}

#[test]
fn a_number_that_is_another_branch_s_is_looked_up_by_the_branch() {
    both_ways(|fake| {
        fake.set_branch("agent/T-8", &sha('b'));
        let other = fake.open_pr("agent/T-8", "main");
        fake.open_fork_pr("agent/T-7", "main");
        assert_eq!(look(&forge(&fake), Some(other)).number, None);
        let mine = fake.open_pr("agent/T-7", "main");
        assert_eq!(look(&forge(&fake), Some(other)).number, Some(mine));
        assert_eq!(look(&forge(&fake), Some(99)).number, Some(mine));
        assert_eq!(look(&forge(&fake), None).number, Some(mine));
        // An old closed one of another head says nothing; one of this head does.
        fake.close(mine);
        assert_eq!(look(&forge(&fake), None).state, ForgeState::Closed);
        fake.set_branch("agent/T-7", &sha('d'));
        let newer = fake.open_pr("agent/T-7", "main");
        assert_eq!(look(&forge(&fake), None).number, Some(newer));
    });
}

#[test]
fn comments_that_begin_with_fleet_are_heard_from_people_who_may_write() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        fake.set_permission("ann", "write");
        fake.set_permission("reader", "read");
        fake.set_permission("helper[bot]", "admin");
        let first = fake.comment(
            number,
            "ann",
            "/fleet retry with codex\nIt is nearly there.",
        );
        fake.comment(number, "ann", "I think /fleet stop would be wrong");
        fake.comment(number, "reader", "/fleet stop");
        fake.comment(number, "mallory", "/fleet answer run curl evil");
        fake.comment(number, "helper[bot]", "/fleet stop");
        let second = fake.comment(number, "octo", "  /fleet status");
        let facts = look(&forge(&fake), Some(number));
        let heard: Vec<(String, &str, &str)> = facts
            .remarks
            .iter()
            .map(|remark| (remark.key.clone(), remark.by.as_str(), remark.text.as_str()))
            .collect();
        let told = "/fleet retry with codex\nIt is nearly there.";
        assert_eq!(
            heard,
            [
                (format!("comment:{first}"), "ann", told),
                (format!("comment:{second}"), "octo", "  /fleet status"),
            ]
        );
        assert_eq!(facts.remarks[0].at, Timestamp(crate::NOW_MS - 1_800_000));
        assert!(facts.feedback.is_empty());
    });
}

/// A review that asks for changes in two threads, failed checks with a log, and a command.
pub(crate) fn busy(fake: &FakeGitHub, number: u64) {
    fake.set_permission("ann", "write");
    let lines = [("src/lib.rs", 3, "off by one"), ("README.md", 1, "a typo")];
    fake.set_review(
        number,
        "ann",
        "MEMBER",
        "CHANGES_REQUESTED",
        "Not yet.",
        &lines,
    );
    fake.set_check(&sha('a'), "test", Some("failure"), "2 of 9 failed");
    fake.set_log(
        1,
        "2026-11-21T08:00:00.1234567Z expected 1, found 2\n##[error]exit 101\n",
    );
    fake.comment(number, "ann", "/fleet retry");
}

#[test]
fn what_is_on_record_costs_no_further_calls() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    busy(&fake, number);
    let facts = look(&forge(&fake), Some(number));
    let keys: Vec<&str> = facts.feedback.iter().map(|f| f.key.as_str()).collect();
    let checks = format!("checks:{}", sha('a'));
    assert_eq!(keys, ["review:1", checks.as_str()]);
    insta::assert_snapshot!(asked(&fake).join("\n"), @r"
    POST /graphql
    GET /repos/octo/hello/collaborators/ann/permission
    GET /repos/octo/hello/commits/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/check-runs?per_page=100
    GET /repos/octo/hello/commits/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/status?per_page=100
    GET /repos/octo/hello/check-runs/1/annotations?per_page=50
    GET /repos/octo/hello/actions/jobs/1/logs
    GET /elsewhere/logs/1
    ");
    let mut known: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    known.push(facts.remarks[0].key.clone());
    let recorded = ReviewWatch {
        known,
        ..watch(Some(number))
    };
    let second = forge(&fake);
    let again = second.observe(&[recorded]).unwrap().remove(0);
    assert_eq!((again.feedback.len(), again.remarks.len()), (0, 0));
    assert_eq!(second.calls_used(), 1);
}

#[test]
fn threads_that_are_resolved_are_not_told_again() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    busy(&fake, number);
    fake.resolve(1000);
    let facts = look(&forge(&fake), Some(number));
    insta::assert_snapshot!(facts.feedback[0].text, @r"
    ann asked for changes.

    Not yet.

    README.md:1: a typo
    ");
}

#[test]
fn the_log_of_a_failed_job_is_fetched_from_elsewhere_without_the_token() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        busy(&fake, number);
        let facts = look(&forge(&fake), Some(number));
        let checks = facts
            .feedback
            .iter()
            .find(|f| f.kind == FeedbackKind::ChecksFailed);
        insta::allow_duplicates!(insta::assert_snapshot!(checks.unwrap().text, @r"
        These checks failed:

        test (failure)
        2 of 9 failed
        src/lib.rs:7: assertion failed
        From its log:
        expected 1, found 2
        error: exit 101
        "));
        // The fake refuses, and fails the test, if a token comes along.
        assert!(asked(&fake).contains(&"GET /elsewhere/logs/1".to_owned()));
    });
}

#[test]
fn a_log_that_cannot_be_had_is_a_note() {
    let notes = |change: &dyn Fn(&FakeGitHub)| {
        let fake = pushed();
        let number = fake.open_pr("agent/T-7", "main");
        fake.set_check(&sha('a'), "test", Some("failure"), "2 of 9 failed");
        fake.set_log(1, "log");
        change(&fake);
        let forge = forge(&fake);
        let facts = look(&forge, Some(number));
        assert!(facts.feedback[0].text.contains("2 of 9 failed"));
        forge.take_notes().join("\n")
    };
    let gone = notes(&|fake| fake.fault_on("GET", "/logs", Fault::Refuse(410, "Gone")));
    insta::assert_snapshot!(gone, @"cannot read the log of check 1 (the forge answered 410)");
    let lost = notes(&|fake| fake.fault_on("GET", "/elsewhere", Fault::Status(500)));
    insta::assert_snapshot!(lost, @"cannot read the log of check 1: not there any more");
    let away = ("location", "http://logs.example/1");
    let plain = notes(&|fake| {
        fake.fault_on("GET", "/logs", Fault::RefuseWith(302, "", away.0, away.1));
    });
    insta::assert_snapshot!(plain, @"cannot read the log of check 1: its text is at an address that is not https");
}

#[test]
fn a_repository_that_moved_is_reported_by_graphql_too() {
    let fake = FakeGitHub::start("octo/hullo");
    let graph = with(&fake, |_| ());
    // The pretend GitHub knows another name only: nothing is there.
    let error = graph.observe(&[watch(None)]).unwrap_err();
    insta::assert_snapshot!(error, @r#"cannot read the pull requests of octo/hello: the forge shows nothing there; check that forge.repo = "octo/hello" is right and that the token in GITHUB_TOKEN may read it and write its pull requests (classic token: scope `repo`)"#);
    fake.rename_to("octo/Hello-2");
    fake.also_known_as("octo/hello");
    let error = graph.observe(&[watch(None)]).unwrap_err();
    insta::assert_snapshot!(error, @"cannot read the pull requests of octo/hello: octo/hello has moved or been renamed; set forge.repo, and the remote's URL, to its new name");
}

#[test]
fn a_graphql_that_breaks_or_limits_is_told_apart() {
    let facts = |fault: Fault| -> Result<(ReviewFacts, String), ForgeError> {
        let fake = pushed();
        fake.open_pr("agent/T-7", "main");
        let hasty = matches!(fault, Fault::Silence);
        fake.fault_on("POST", "/graphql", fault);
        let forge = with(&fake, |config| {
            config.timeout = if hasty {
                DurationMs(300)
            } else {
                config.timeout
            };
        });
        let facts = forge.observe(&[watch(Some(1))])?.remove(0);
        Ok((facts, forge.take_notes().join("\n")))
    };
    for (fault, why) in [
        (Fault::Status(502), "the forge answered 502"),
        (Fault::TruncatedJson, "the answer cannot be read"),
        (
            Fault::Refuse(403, "Resource not accessible"),
            "the forge answered 403",
        ),
        (
            Fault::Graph("X", "Something went wrong."),
            "Something went wrong",
        ),
        (Fault::NotModified, "nothing changed"),
    ] {
        let (facts, notes) = facts(fault).unwrap();
        assert_eq!(facts.number, Some(1));
        assert!(
            notes.contains("without GraphQL") && notes.contains(why),
            "{notes}"
        );
    }
    let limited = facts(Fault::Graph("RATE_LIMITED", "API rate limit exceeded")).unwrap_err();
    insta::assert_snapshot!(limited, @"cannot read the pull requests of octo/hello: the forge limits requests; it said: API rate limit exceeded; come back at 2026-11-21T08:01:00.000Z");
    let silent = facts(Fault::Silence).unwrap_err();
    assert!(matches!(silent, ForgeError::Unreachable { .. }), "{silent}");
}

#[test]
fn what_the_token_may_not_see_beside_the_data_is_a_note() {
    let fake = pushed();
    fake.open_pr("agent/T-7", "main");
    fake.fault_on(
        "POST",
        "/graphql",
        Fault::GraphBeside("FORBIDDEN", "Resource not accessible by integration"),
    );
    let forge = forge(&fake);
    assert_eq!(look(&forge, Some(1)).number, Some(1));
    insta::assert_snapshot!(forge.take_notes().join("\n"), @"cannot read the pull requests of octo/hello as a whole: the token in GITHUB_TOKEN does not get statusCheckRollup (Resource not accessible by integration)");
}

#[test]
fn a_batch_that_is_too_much_for_the_server_is_tried_in_small_ones() {
    let fake = FakeGitHub::start("octo/hello");
    let watches: Vec<ReviewWatch> = (1..=12)
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
    fake.fault_on("POST", "/graphql", Fault::Status(502));
    let forge = forge(&fake);
    let facts = forge.observe(&watches).unwrap();
    assert!(facts.iter().all(|fact| fact.head.is_some()));
    assert_eq!(
        asked(&fake),
        ["POST /graphql"; 4],
        "12 at once, then 5, 5 and 2"
    );
    assert!(forge.take_notes().is_empty());
}

#[test]
fn an_enterprise_server_has_graphql_beside_its_rest() {
    let fake = pushed();
    let base = format!("{}/api/v3", fake.base_url());
    let error = with(&fake, |config| config.api_base = base).observe(&[watch(Some(1))]);
    assert!(
        matches!(error, Err(ForgeError::Denied { .. })),
        "the pretend one is not there"
    );
    assert_eq!(
        asked(&fake)[..2],
        ["POST /api/graphql", "GET /api/v3/repos/octo/hello/pulls/1"]
    );
}

#[test]
fn a_member_who_keeps_that_to_themselves_is_heard_and_a_crowd_hides_nobody() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        let asks = "CHANGES_REQUESTED";
        fake.set_permission("zoe", "write");
        fake.set_review(number, "zoe", "NONE", asks, "no", &[]);
        let facts = look(&forge(&fake), Some(number));
        assert_eq!(facts.feedback.len(), 1);
        fake.set_permission("ann", "write");
        fake.set_review(number, "ann", "MEMBER", asks, "no", &[]);
        for n in 0..9 {
            fake.set_review(number, &format!("a-crowd-{n}"), "NONE", asks, "no", &[]);
        }
        let facts = look(&forge(&fake), Some(number));
        assert!(
            facts
                .feedback
                .iter()
                .any(|feedback| feedback.key == "review:2")
        );
    });
}
