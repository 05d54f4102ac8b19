//! Limits of a run, and the room in the model's window.

use std::time::{Duration, Instant};

use fleet::domain::money::MicroUsd;
use fleet::domain::session::FailureClass;
use fleet::domain::time::DurationMs;
use fleet::ports::model::Tokens as _;
use fleet::ports::runner::AgentEvent;
use fleet::providers::tokens::Tiktoken;
use serde_json::{Value, json};

use crate::house::{House, call, done, part};
use crate::models::{Answer, Api, Say};

/// Replies that each read another part of the file.
fn reading(n: usize) -> Vec<Answer> {
    (0..n)
        .map(|at| {
            let id: &'static str = Box::leak(format!("c{at}").into_boxed_str());
            call(id, "read", json!({"path": "src/a.txt", "limit": at + 1}))
        })
        .collect()
}

#[test]
fn turns_tokens_and_money_are_limits_and_the_last_turn_is_announced() {
    let mut house = House::new(Api::Chat, reading(3));
    house.bounds().max_turns = 3;
    let seen = house.run();
    let (class, reason) = seen.failure();
    assert_eq!(class, FailureClass::Budget);
    assert_eq!(
        reason,
        "it reached `max_turns` = 3; raise it for agent `worker`, or make the task smaller"
    );
    assert!(
        house.asked(2).contains("This is your last turn"),
        "{}",
        house.asked(2)
    );
    house.server.finish();

    let mut house = House::new(Api::Anthropic, reading(2));
    house.bounds().max_tokens = Some(200);
    let seen = house.run();
    assert!(
        seen.failure()
            .1
            .starts_with("it reached `max_tokens` = 200 (used 260)")
    );
    assert_eq!(seen.outcome.usage.total(), 260);
    house.server.finish();

    let mut house = House::new(Api::Chat, reading(4));
    house.bounds().max_cost = Some(MicroUsd(4_000_000));
    house.price = MicroUsd(1_000_000);
    let seen = house.run();
    assert!(
        seen.failure()
            .1
            .starts_with("it reached `max_cost` = $4.00 (spent $4.00)")
    );
    // Estimated money limits the run, and is not passed off as what the provider said.
    assert_eq!(seen.outcome.cost, None);
    house.server.finish();
}

#[test]
fn money_that_nobody_can_tell_counts_as_the_agents_estimate() {
    let mut house = House::new(Api::Chat, reading(1));
    house.bounds().max_cost = Some(MicroUsd(500_000));
    house.request.agent.cost_estimate = MicroUsd(1_000_000);
    assert!(
        house
            .run()
            .failure()
            .1
            .starts_with("it reached `max_cost` = $0.50 (spent $1.00)")
    );
    house.server.finish();
}

#[test]
fn a_model_that_is_silent_or_slow_is_ended_in_time() {
    let table = [
        (Answer::Mute, 400, 60_000, "the model said nothing for 1 s"),
        (
            Answer::Stall(vec![Say::Text("Well")], 2),
            60_000,
            500,
            "ran longer than 1 s",
        ),
    ];
    for (answer, idle, total, want) in table {
        let mut house = House::new(Api::Anthropic, vec![answer]);
        house.request.agent.idle_timeout = DurationMs(idle);
        house.request.agent.total_timeout = DurationMs(total);
        let begun = Instant::now();
        let seen = house.run();
        assert_eq!(seen.failure(), (FailureClass::Timeout, want));
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        house.server.finish();
    }
}

#[test]
fn a_cancelled_run_ends_at_once_and_every_call_has_its_answer() {
    let house = House::new(
        Api::Anthropic,
        vec![Answer::Reply(vec![
            part("c1", "bash", json!({"command": "tail -f /dev/null"})),
            part("c2", "write", json!({"path": "late.txt", "content": "x"})),
        ])],
    );
    let begun = Instant::now();
    let seen = house.run_until(|event, cancel| {
        if matches!(event, AgentEvent::ToolCall { .. }) {
            cancel.ask();
        }
    });
    assert_eq!(
        seen.failure(),
        (FailureClass::Cancelled, "stopped on request")
    );
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert!(!house.request.workdir.join("late.txt").exists());
    let kept = std::fs::read_to_string(house.transcript()).unwrap();
    assert!(kept.contains("not run: the run is being stopped"), "{kept}");
    house.server.finish();

    // And while the model answers.
    let house = House::new(Api::Chat, vec![Answer::Stall(vec![Say::Text("Well")], 1)]);
    let seen = house.run_until(|event, cancel| {
        if matches!(event, AgentEvent::SessionStarted { .. }) {
            cancel.ask();
        }
    });
    assert_eq!(seen.failure().0, FailureClass::Cancelled);
}

#[test]
fn old_output_is_cut_with_a_note_when_the_window_fills() {
    let mut house = House::new(Api::Anthropic, Vec::new());
    house.bounds().context_window = Some(16_000);
    let mut script = Vec::new();
    for at in 0..10 {
        let path: &'static str = Box::leak(format!("big{at}.txt").into_boxed_str());
        let id: &'static str = Box::leak(format!("c{at}").into_boxed_str());
        let text: String = (0..400)
            .map(|n| format!("{at} line {n} of some text\n"))
            .collect();
        std::fs::write(house.request.workdir.join(path), text).unwrap();
        script.push(call(id, "read", json!({ "path": path })));
    }
    script.push(done("Read it all."));
    house.server.then(script);
    let seen = house.run();
    seen.completed();
    let last = house.asked(10);
    assert!(last.contains("bytes was removed to save room"), "{last}");
    assert!(
        last.contains("9 line 0 of some text"),
        "the newest stays: {last}"
    );
    assert!(
        !last.contains("0 line 0 of some text\\n     2"),
        "the oldest goes: {last}"
    );
    assert!(last.contains("Change two to 2"), "the task stays");
    assert!(seen.said("old tool results were cut"));
    assert!(last.len() < 16_000 * 4, "{}", last.len());
    house.server.finish();
}

#[test]
fn a_summary_takes_the_place_of_a_conversation_that_is_too_long() {
    for api in [Api::Anthropic, Api::Chat] {
        let mut house = House::new(api, Vec::new());
        house.bounds().context_window = Some(16_000);
        // Claude has more tokens for the same words.
        let times = if api == Api::Anthropic { 430 } else { 520 };
        let prose: &'static str =
            Box::leak("Thinking aloud about it. ".repeat(times).into_boxed_str());
        let mut script: Vec<Answer> = (0..3)
            .map(|at| {
                let id: &'static str = Box::leak(format!("c{at}").into_boxed_str());
                Answer::Reply(vec![
                    Say::Text(prose),
                    part(id, "glob", json!({"pattern": format!("*{at}*")})),
                ])
            })
            .collect();
        script.insert(
            0,
            call(
                "p",
                "todo",
                json!({"items": [{"text": "step one", "state": "doing"}]}),
            ),
        );
        script.push(Answer::text("1. Two was to become 2. 5. Edit src/a.txt."));
        script.push(done("Done after a summary."));
        house.server.then(script);
        let seen = house.run();
        seen.completed();
        let asked = house.asked(4);
        assert!(
            asked.contains("Write a summary for whoever takes over"),
            "{asked}"
        );
        let after = house.asked(5);
        assert!(after.contains("Change two to 2"), "{after}");
        assert!(after.contains("# Your work so far"), "{after}");
        assert!(after.contains("Two was to become 2. 5. Edit"), "{after}");
        assert!(after.contains("[>] step one"), "{after}");
        assert!(
            after.matches("Thinking aloud").count() <= times,
            "the prose is gone"
        );
        assert!(seen.said("the conversation is summed up"));
        house.server.finish();
    }
}

#[test]
fn a_provider_that_says_it_is_too_long_is_believed() {
    let too_long = |api: Api| {
        let error = match api {
            Api::Anthropic => {
                json!({"type": "error", "error": {"type": "invalid_request_error",
                    "message": "prompt is too long: 210000 tokens > 200000 maximum"}})
            }
            _ => {
                json!({"error": {"type": "invalid_request_error", "code": "context_length_exceeded",
                    "message": "This model's maximum context length is 8192 tokens."}})
            }
        };
        Answer::Status(400, Vec::new(), error.to_string())
    };
    for api in [Api::Anthropic, Api::Chat] {
        let mut script = vec![call("c", "bash", json!({"command": "seq 2000"}))];
        script.extend(reading(1));
        script.push(too_long(api));
        script.push(too_long(api));
        script.push(done("Went on."));
        let house = House::new(api, script);
        house.run().completed();
        assert!(
            house.asked(3).contains("was removed to save room"),
            "{}",
            house.asked(3)
        );
        assert!(
            house.asked(4).contains("No summary could be made"),
            "{}",
            house.asked(4)
        );
        house.server.finish();
    }
}

/// All texts in a request, as the tokenizer of the model's family counts them.
fn counted(model: &str, body: &Value) -> u64 {
    match body {
        Value::String(text) => Tiktoken.count(model, text),
        Value::Array(all) => all.iter().map(|one| counted(model, one)).sum(),
        Value::Object(map) => map.values().map(|one| counted(model, one)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Text without any boundary that a tokenizer likes: base64 of what looks like chance.
fn base64ish(bytes: usize) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    (0..bytes)
        .map(|_| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            char::from(alphabet[(seed % 64) as usize])
        })
        .collect()
}

#[test]
fn text_that_is_dense_in_tokens_stays_inside_the_window() {
    let window = 16_000;
    let dense = [
        ("chinese", "漢字の密な文章、龘靐齉爩麤灪龗。\n".repeat(300)),
        ("base64", format!("{}\n", base64ish(12_000))),
        ("digits", "9 7 5 3 1 , ; : { } [ ] < > | \\ \n".repeat(300)),
        ("emoji", "🧑‍🚀🦀🏳️‍🌈👩‍👩‍👧‍👦\n".repeat(200)),
    ];
    for api in [Api::Anthropic, Api::Chat] {
        for (name, text) in &dense {
            let mut house = House::new(api, Vec::new());
            house.bounds().context_window = Some(window);
            let mut script = Vec::new();
            for at in 0..8 {
                let path: &'static str = Box::leak(format!("{name}{at}.txt").into_boxed_str());
                std::fs::write(house.request.workdir.join(path), text).unwrap();
                let id: &'static str = Box::leak(format!("c{at}").into_boxed_str());
                // Two answers at once: together they have more than what is free.
                let other: &'static str = Box::leak(format!("d{at}").into_boxed_str());
                script.push(Answer::Reply(vec![
                    part(id, "read", json!({ "path": path })),
                    part(
                        other,
                        "grep",
                        json!({"pattern": ".", "path": path, "context": at}),
                    ),
                ]));
            }
            script.push(done("Read it all."));
            house.server.then(script);
            house.run().completed();
            for (at, seen) in house.server.seen().iter().enumerate() {
                let model = house.request.model.as_deref().unwrap();
                let size = counted(model, &seen.body);
                assert!(
                    size <= window * 3 / 4,
                    "{api:?}, {name}, request {at}: {size}"
                );
            }
            house.server.finish();
        }
    }
}
