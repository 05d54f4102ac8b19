//! What fleet says: once, whoever else speaks, and in the threads that it answers.

use fleet::ports::forge::{Forge as _, ForgeError, ForgeSaying};

use crate::batch::{both_ways, busy};
use crate::fake_github::{FakeGitHub, Fault};
use crate::{asked, forge, pushed, with};

fn saying(number: u64) -> ForgeSaying {
    ForgeSaying {
        number,
        in_answer_to: None,
        key: "t-7.done.1".into(),
        text: "Done in attempt 2.\n\nThree files changed.".into(),
    }
}

fn bodies(fake: &FakeGitHub) -> Vec<String> {
    let ours = fake
        .comments()
        .into_iter()
        .filter(|comment| comment.login != "ann");
    ours.map(|comment| comment.body).collect()
}

#[test]
fn a_thing_is_said_once_however_often_it_is_asked_for() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        let first = forge(&fake).say(&saying(number)).unwrap();
        assert_eq!(first.as_deref(), Some("https://pretend/1#0"));
        assert_eq!(forge(&fake).say(&saying(number)).unwrap(), first);
        insta::allow_duplicates!(insta::assert_snapshot!(bodies(&fake).join("\n=====\n"), @r"
        Done in attempt 2.

        Three files changed.

        <!-- fleet:t-7.done.1 -->
        "));
        let other = ForgeSaying {
            key: "t-7.done.10".into(),
            ..saying(number)
        };
        forge(&fake).say(&other).unwrap();
        assert_eq!(fake.comments().len(), 2, "another key is another thing");
    });
}

#[test]
fn an_outsider_who_writes_the_marker_silences_nobody() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        fake.comment(
            number,
            "mallory",
            "nothing to see <!-- fleet:t-7.done.1 -->",
        );
        forge(&fake).say(&saying(number)).unwrap();
        forge(&fake).say(&saying(number)).unwrap();
        let logins: Vec<String> = fake.comments().into_iter().map(|c| c.login).collect();
        assert_eq!(logins, ["mallory", "fleet-bot"]);
    });
}

#[test]
fn a_bot_without_a_user_finds_what_a_bot_said() {
    both_ways(|fake| {
        fake.set_viewer("fleet[bot]");
        let number = fake.open_pr("agent/T-7", "main");
        fake.comment(number, "mallory", "<!-- fleet:t-7.done.1 -->");
        forge(&fake).say(&saying(number)).unwrap();
        forge(&fake).say(&saying(number)).unwrap();
        assert_eq!(fake.comments().len(), 2);
    });
}

#[test]
fn an_answer_to_a_review_stands_in_its_open_threads_and_is_not_repeated() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        busy(&fake, number);
        // Another review's thread is none of this answer's business.
        let more = [("src/main.rs", 9, "nice")];
        fake.set_review(number, "bea", "MEMBER", "COMMENTED", "", &more);
        let answer = ForgeSaying {
            in_answer_to: Some("review:1".into()),
            ..saying(number)
        };
        for _ in 0..2 {
            forge(&fake).say(&answer).unwrap();
        }
        let said = fake
            .comments()
            .into_iter()
            .filter(|c| c.login == "fleet-bot");
        let said: Vec<(Option<u64>, String)> = said.map(|c| (c.thread, c.body)).collect();
        assert_eq!(said.len(), 3);
        assert_eq!(
            (said[0].0, said[1].0, said[2].0),
            (None, Some(1000), Some(1001))
        );
        insta::allow_duplicates!(insta::assert_snapshot!(said[1].1, @r"
        Done in attempt 2. ([more](https://pretend/1#1))

        <!-- fleet:t-7.done.1 -->
        "));
    });
}

#[test]
fn resolved_threads_are_left_alone_and_a_review_without_any_gets_the_comment() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    busy(&fake, number);
    fake.resolve(1000);
    fake.resolve(1001);
    let answer = ForgeSaying {
        in_answer_to: Some("review:1".into()),
        ..saying(number)
    };
    forge(&fake).say(&answer).unwrap();
    let said = fake
        .comments()
        .into_iter()
        .filter(|c| c.login == "fleet-bot");
    assert_eq!(said.map(|c| c.thread).collect::<Vec<_>>(), [None]);
    assert_eq!(asked(&fake).len(), 2, "one look, one comment");
}

#[test]
fn a_comment_that_got_lost_on_the_way_back_is_found_by_the_next_try() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        for fault in [
            Fault::DropAfterEffect,
            Fault::TruncatedJson,
            Fault::StatusAfterEffect(502),
        ] {
            let key = format!("{fault:?}").to_ascii_lowercase();
            let said = ForgeSaying {
                key,
                ..saying(number)
            };
            fake.fault_on("POST", "/comments", fault);
            let error = forge(&fake).say(&said).unwrap_err();
            assert!(matches!(error, ForgeError::Unreachable { .. }), "{error}");
            assert!(forge(&fake).say(&said).unwrap().is_some());
        }
        assert_eq!(fake.comments().len(), 3);
    });
}

#[test]
fn many_comments_are_looked_through_from_the_newest_within_bounds() {
    both_ways(|fake| {
        let number = fake.open_pr("agent/T-7", "main");
        for n in 0..250 {
            fake.comment(number, "ann", &format!("{n}"));
        }
        forge(&fake).say(&saying(number)).unwrap();
        for n in 0..150 {
            fake.comment(number, "ann", &format!("{n}"));
        }
        let before = fake.requests().len();
        forge(&fake).say(&saying(number)).unwrap();
        assert_eq!(fake.comments().len(), 401);
        assert!(
            fake.requests().len() - before <= 6,
            "{:?}",
            &asked(&fake)[before..]
        );
        for n in 0..400 {
            fake.comment(number, "ann", &format!("{n}"));
        }
        let before = fake.requests().len();
        let other = ForgeSaying {
            key: "other".into(),
            ..saying(number)
        };
        forge(&fake).say(&other).unwrap();
        assert!(
            fake.requests().len() - before <= 7,
            "{:?}",
            &asked(&fake)[before..]
        );
    });
}

#[test]
fn a_text_that_is_too_long_is_cut_and_refusals_are_sentences() {
    let fake = pushed();
    let number = fake.open_pr("agent/T-7", "main");
    let long = ForgeSaying {
        text: "ä".repeat(40_000),
        ..saying(number)
    };
    forge(&fake).say(&long).unwrap();
    fake.limit_body(40_000);
    forge(&fake)
        .say(&ForgeSaying {
            key: "b".into(),
            ..long
        })
        .unwrap();
    let sizes: Vec<usize> = fake.comments().iter().map(|c| c.body.len()).collect();
    assert!(
        sizes[0] > 58_000 && sizes[0] < 60_000 && sizes[1] < 40_000,
        "{sizes:?}"
    );
    assert!(fake.comments().iter().all(|c| c.body.ends_with(" -->")));

    let refused = |status, message| {
        fake.fault_on("POST", "/comments", Fault::Refuse(status, message));
        let said = ForgeSaying {
            key: "c".into(),
            ..saying(number)
        };
        forge(&fake).say(&said).unwrap_err().to_string()
    };
    insta::assert_snapshot!(refused(403, "Unable to create comment because issue is locked."), @"cannot comment on #1 of octo/hello: a human locked the conversation (Unable to create comment because issue is locked); unlock it, or leave it closed");
    insta::assert_snapshot!(refused(422, "was submitted too quickly"), @"cannot comment on #1 of octo/hello: the forge limits requests; it said 422 (was submitted too quickly); come back at 2026-11-21T08:01:00.000Z");
    let small = with(&fake, |config| config.max_calls = 1);
    assert!(matches!(
        small.say(&saying(2)),
        Err(ForgeError::RateLimited { .. })
    ));
}
