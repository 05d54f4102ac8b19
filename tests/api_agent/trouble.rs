//! Models and streams that misbehave.

use fleet::domain::session::FailureClass;
use serde_json::json;

use crate::house::{House, call, done, part, setup};
use crate::models::{Answer, Api, Say};

#[test]
fn a_stream_that_breaks_is_asked_again_from_the_last_whole_state() {
    for api in [Api::Anthropic, Api::Chat] {
        let says = vec![
            Say::Text("Now I change it."),
            part(
                "c1",
                "edit",
                json!({"path": "src/a.txt", "old": "two", "new": "2"}),
            ),
        ];
        let house = House::new(
            api,
            vec![
                call("c0", "read", json!({"path": "src/a.txt"})),
                Answer::Cut(says.clone(), 3),
                Answer::Short(says.clone(), 2),
                Answer::Reply(says),
                done("Changed."),
            ],
        );
        let seen = house.run();
        seen.completed();
        assert_eq!(house.file("src/a.txt"), "one\n2\nthree\n");
        // The same question three times, and nothing of the broken answers in it.
        assert_eq!(house.asked(1), house.asked(2));
        assert_eq!(house.asked(1), house.asked(3));
        assert!(seen.said("asking again (1 of 3)") && seen.said("asking again (2 of 3)"));
        let messages = seen
            .events
            .iter()
            .filter(|e| format!("{e:?}").contains("Now I change it"));
        assert_eq!(messages.count(), 1, "half an answer is not shown as one");
        house.server.finish();
    }
}

#[test]
fn a_stream_that_always_breaks_is_infrastructure() {
    let cut = || Answer::Cut(vec![Say::Text("Well then")], 2);
    let house = House::new(Api::Chat, vec![cut(), cut(), cut(), cut()]);
    let seen = house.run();
    assert_eq!(
        seen.failure().0,
        FailureClass::Infrastructure,
        "{:?}",
        seen.outcome
    );
    house.server.finish();
}

#[test]
fn what_the_provider_tried_again_by_itself_counts_among_the_tries() {
    let cut = || Answer::Cut(vec![Say::Text("Well then")], 2);
    let mut house = House::new(Api::Chat, vec![cut(), cut(), cut(), cut()]);
    house.retries = 1;
    let seen = house.run();
    assert_eq!(seen.failure().0, FailureClass::Infrastructure);
    assert_eq!(house.server.seen().len(), 4, "four tries, as without it");
    house.server.finish();
}

#[test]
fn the_same_call_three_times_is_told_and_then_ends_the_run() {
    for api in [Api::Anthropic, Api::Chat] {
        let again = |id| call(id, "bash", json!({"command": "cat src/a.txt"}));
        let house = House::new(
            api,
            vec![again("c1"), again("c2"), again("c3"), again("c4")],
        );
        let seen = house.run();
        assert_eq!(
            seen.failure(),
            (
                FailureClass::InvalidOutput,
                "it goes round in circles: `bash` with the same input again"
            )
        );
        assert!(!house.asked(2).contains("three times in a row"));
        assert!(
            house.asked(3).contains("three times in a row"),
            "{}",
            house.asked(3)
        );
        house.server.finish();
    }
    // Told once, it may mend its way.
    let again = |id| call(id, "bash", json!({"command": "cat src/a.txt"}));
    let house = House::new(
        Api::Chat,
        vec![again("c1"), again("c2"), again("c3"), done("Understood.")],
    );
    house.run().completed();
    house.server.finish();
}

#[test]
fn turns_that_bring_nothing_new_end_the_run() {
    let wrong: Vec<Answer> = (0..12)
        .map(|at| {
            let id: &'static str = Box::leak(format!("c{at}").into_boxed_str());
            call(id, "read", json!({"path": format!("none{at}.txt")}))
        })
        .collect();
    let house = House::new(Api::Anthropic, wrong);
    let seen = house.run();
    assert_eq!(
        seen.failure(),
        (
            FailureClass::InvalidOutput,
            "no progress: nothing new came of its last 12 turns"
        )
    );
    assert!(
        house
            .asked(6)
            .contains("Your last 6 turns brought nothing new")
    );
    house.server.finish();
}

#[test]
fn a_model_that_falls_silent_is_nudged_once() {
    for api in [Api::Anthropic, Api::Chat] {
        let house = House::new(
            api,
            vec![
                Answer::text("I think it is done."),
                call(
                    "c1",
                    "edit",
                    json!({"path": "src/a.txt", "old": "two", "new": "2"}),
                ),
                Answer::text("Changed."),
                Answer::text("It is really done: two is 2."),
            ],
        );
        let seen = house.run();
        seen.completed();
        assert!(
            house
                .asked(1)
                .contains("You ended your turn without calling a tool")
        );
        assert_eq!(seen.outcome.final_message, "It is really done: two is 2.");
        house.server.finish();
    }
}

#[test]
fn an_answer_that_is_cut_at_its_limit_goes_on_in_smaller_pieces() {
    for api in [Api::Anthropic, Api::Chat] {
        let half = Say::Call(
            "c1",
            "write",
            r#"{"path": "x", "content": "a very lo"#.to_owned(),
        );
        let house = House::new(
            api,
            vec![
                Answer::Full(vec![half]),
                Answer::Full(vec![Say::Text("To begin at the beginning, ")]),
                done("In pieces."),
            ],
        );
        house.run().completed();
        assert!(
            house
                .asked(1)
                .contains("cut off before the input of `write` was complete")
        );
        assert!(
            house
                .asked(2)
                .contains("Your answer was cut off because it was too long")
        );
        assert!(!house.request.workdir.join("x").exists());
        house.server.finish();
    }
}

#[test]
fn a_rate_limit_is_a_time_to_come_back_and_a_refused_key_the_owners_to_mend() {
    let wait = vec![("retry-after", "120".to_owned())];
    let house = House::new(
        Api::Anthropic,
        vec![Answer::Status(429, wait, String::new())],
    );
    let seen = house.run();
    let fleet::ports::runner::RunEnd::Failed {
        class, retry_at, ..
    } = &seen.outcome.end
    else {
        panic!("it completed");
    };
    assert_eq!(*class, FailureClass::RateLimited);
    assert!(retry_at.is_some());
    house.server.finish();

    let house = House::new(Api::Chat, Vec::new());
    house.server.take_keys(&["another"]);
    let seen = house.run();
    assert_eq!(
        seen.failure().0,
        FailureClass::RateLimited,
        "{:?}",
        seen.outcome
    );
}

#[test]
fn what_is_missing_is_said_before_anything_is_asked() {
    use fleet::agents::Agents;
    use fleet::ports::runner::Runner as _;
    let mut house = House::new(Api::Chat, Vec::new());
    let nobody = Agents::new(setup(None)).available(&house.request.agent);
    assert_eq!(
        nobody.unwrap_err(),
        "agent `worker`: no provider of models is set up here"
    );
    house.request.workdir = house.out().join("gone");
    let seen = house.run();
    assert_eq!(seen.failure().0, FailureClass::Infrastructure);
    assert!(
        seen.failure().1.contains("is not there"),
        "{:?}",
        seen.outcome
    );
    house.server.finish();
}

#[test]
fn a_failed_check_goes_back_into_the_same_conversation() {
    for api in [Api::Anthropic, Api::Chat] {
        let mut house = House::new(
            api,
            vec![
                Answer::Reply(vec![
                    Say::Text("The word is hunter2."),
                    part(
                        "c1",
                        "edit",
                        json!({"path": "src/a.txt", "old": "two", "new": "2"}),
                    ),
                ]),
                done("Changed."),
                call("c2", "read", json!({"path": "src/a.txt"})),
                done("Mended."),
            ],
        );
        let first = house.run();
        first.completed();
        assert_eq!(first.outcome.agent_session, Some(house.session()));
        house.request.resume = first.outcome.agent_session;
        house.request.prompt = "The check `true` failed.".to_owned();
        let second = house.run();
        second.completed();
        assert_eq!(second.outcome.final_message, "Mended.");
        assert_eq!(
            second.outcome.usage.total(),
            2 * 130,
            "only what this run used"
        );
        let asked = house.asked(2);
        for part in ["Change two to 2", "Changed.", "The check `true` failed."] {
            assert!(asked.contains(part), "{part}\nis not in\n{asked}");
        }
        let kept = std::fs::read_to_string(house.transcript()).unwrap();
        assert!(!kept.contains("hunter2"), "{kept}");
        house.server.finish();
    }
}

#[test]
fn a_conversation_that_is_lost_is_not_taken_up_by_half() {
    let mut house = House::new(Api::Chat, Vec::new());
    house.request.resume = Some("gone".to_owned());
    let seen = house.run();
    assert_eq!(seen.failure().0, FailureClass::Infrastructure);
    assert!(seen.failure().1.contains("cannot take up the conversation"));
    assert_eq!(seen.outcome.agent_session, None);
    house.server.finish();
}

#[test]
fn a_model_that_refuses_ends_the_run_in_its_own_words_whatever_it_called() {
    for api in [Api::Anthropic, Api::Responses, Api::Chat, Api::Gemini] {
        let house = House::new(
            api,
            vec![Answer::Refused(vec![
                Say::Text("I will not do that."),
                part("c1", "write", json!({"path": "x", "content": "half"})),
            ])],
        );
        let seen = house.run();
        assert_eq!(
            seen.failure(),
            (
                FailureClass::AgentError,
                "the model refuses to go on: I will not do that."
            ),
            "{api:?}"
        );
        assert!(!house.request.workdir.join("x").exists(), "nothing is run");
        assert_eq!(seen.outcome.usage.total(), 130);
        house.server.finish();
    }
}

#[test]
fn of_calls_in_an_answer_that_was_cut_the_whole_ones_are_done() {
    for api in [Api::Anthropic, Api::Chat] {
        let cut = r#"{"path": "y", "content": "a very lo"#.to_owned();
        let house = House::new(
            api,
            vec![
                Answer::Full(vec![
                    part("c1", "write", json!({"path": "x", "content": "whole"})),
                    Say::Call("c2", "write", cut),
                ]),
                done("One of two."),
            ],
        );
        let seen = house.run();
        seen.completed();
        assert_eq!(house.file("x"), "whole");
        assert!(!house.request.workdir.join("y").exists());
        assert!(
            house
                .asked(1)
                .contains("cut off before the input of `write` was complete")
        );
        house.server.finish();
    }
}
