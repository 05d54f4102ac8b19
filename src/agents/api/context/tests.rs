use serde_json::json;

use super::*;
use crate::ports::model::{ModelRequest, Part, ToolInput};

/// As if all texts were prose.
fn prose() -> Count {
    Arc::new(|text: &str| (text.len() as u64 * 10).div_ceil(33))
}

fn exchange(n: usize, bytes: usize) -> [Turn; 2] {
    let id = format!("c{n}");
    let serde_json::Value::Object(input) = json!({"path": format!("f{n}")}) else {
        unreachable!("it is an object");
    };
    [
        Turn::Assistant(vec![Part::ToolCall {
            id: id.clone(),
            name: "read".to_owned(),
            input: ToolInput::Object(input),
            signature: None,
        }]),
        Turn::ToolResults(vec![ToolResult {
            call_id: id,
            name: "read".to_owned(),
            ok: true,
            content: "x".repeat(bytes),
        }]),
    ]
}

fn long(window: u64, exchanges: usize, bytes: usize) -> Context {
    let task = vec![Turn::User("the task".to_owned())];
    let mut context = Context::new(task, window, "", &[], prose());
    for n in 0..exchanges {
        for turn in exchange(n, bytes) {
            context.push(turn);
        }
    }
    context
}

fn is_sendable(context: &Context) {
    let mut request = ModelRequest::new("m", "x", 1);
    request.turns = context.turns().to_vec();
    request.check().unwrap();
}

fn cut_results(context: &Context) -> Vec<bool> {
    let results = context.turns().iter().filter_map(|turn| match turn {
        Turn::ToolResults(results) => Some(results[0].content.starts_with(NOTE)),
        Turn::User(_) | Turn::Assistant(_) => None,
    });
    results.collect()
}

#[test]
fn the_oldest_results_are_cut_first_and_the_newest_stay() {
    let mut context = long(10_000, 10, 3_000);
    assert!(matches!(context.make_room(), Room::Cut(n) if n > 2));
    let cut = cut_results(&context);
    assert!(cut[0] && !cut[9], "{cut:?}");
    assert!(cut.windows(2).all(|pair| pair[0] || !pair[1]), "{cut:?}");
    assert!(context.size() <= 7_500 * LOW / 100);
    is_sendable(&context);
    assert_eq!(context.make_room(), Room::Enough);
}

#[test]
fn what_the_provider_counts_stands_above_the_estimate() {
    let mut context = long(10_000, 1, 300);
    assert_eq!(context.make_room(), Room::Enough);
    context.measure(Usage {
        input: 100,
        cache_read: 9_000,
        ..Usage::default()
    });
    assert_eq!(context.size(), 9_100);
    assert_eq!(context.make_room(), Room::Summary);
    // A server that counts nothing is not believed.
    let mut context = long(10_000, 10, 3_000);
    context.measure(Usage::default());
    assert!(context.size() > 8_000);
}

#[test]
fn a_summary_takes_the_place_of_all_but_the_task_and_the_newest_turns() {
    let mut context = long(10_000, 60, 280);
    assert_eq!(context.make_room(), Room::Summary);
    assert!(context.summarised("# So far", "did this", true));
    is_sendable(&context);
    let Turn::User(first) = &context.turns()[0] else {
        panic!("the task comes first");
    };
    assert_eq!(first, "the task\n\n# So far\n\ndid this");
    let kept = context.turns().len() - 1;
    assert!(kept >= 2 && kept.is_multiple_of(2), "{kept}");
    // The next one takes the place of the first, not a place behind it.
    assert!(context.summarised("# So far", "and that", false));
    assert_eq!(context.turns().len(), 1);
    assert_eq!(
        context.turns()[0],
        Turn::User("the task\n\n# So far\n\nand that".to_owned())
    );
}

#[test]
fn a_task_that_fills_the_window_alone_is_seen() {
    let task = Turn::User("t".repeat(40_000));
    let mut context = Context::new(vec![task], 10_000, "", &[], prose());
    assert_eq!(context.make_room(), Room::Summary);
    assert!(!context.summarised("# So far", "nothing", false));
}

#[test]
fn nothing_is_counted_while_even_the_bytes_leave_room() {
    let never: Count = Arc::new(|_: &str| unreachable!("it was counted"));
    let task = vec![Turn::User("the task".to_owned())];
    let mut context = Context::new(task, 100_000, "be good", &[], never);
    for n in 0..5 {
        for turn in exchange(n, 3_000) {
            context.push(turn);
        }
    }
    assert_eq!(context.make_room(), Room::Enough);
    // What the provider has counted is not counted again, however long it is.
    for n in 5..50 {
        for turn in exchange(n, 3_000) {
            context.push(turn);
        }
    }
    context.measure(Usage {
        input: 45_000,
        ..Usage::default()
    });
    for turn in exchange(50, 3_000) {
        context.push(turn);
    }
    assert_eq!(context.make_room(), Room::Enough);
}

#[test]
fn text_that_has_a_token_for_every_byte_is_kept_inside_too() {
    let dense: Count = Arc::new(|text: &str| text.len() as u64);
    let task = vec![Turn::User("the task".to_owned())];
    let mut context = Context::new(task, 20_000, "", &[], dense);
    for n in 0..40 {
        let [call, answer] = exchange(n, 2_900);
        context.push(call);
        context.push(answer);
        context.make_room();
        assert!(context.size() <= 20_000 * 3 / 4 * HIGH / 100, "{n}");
    }
    is_sendable(&context);
}

#[test]
fn answers_that_overflow_the_window_at_once_are_shortened_in_their_middle() {
    let mut context = long(10_000, 0, 0);
    let [Turn::Assistant(calls), Turn::ToolResults(results)] = exchange(1, 6_000) else {
        unreachable!("a call and its answer");
    };
    let of = |n: usize| {
        let (mut call, mut result) = (calls[0].clone(), results[0].clone());
        if let Part::ToolCall { id, .. } = &mut call {
            *id = format!("p{n}");
        }
        result.call_id = format!("p{n}");
        result.content = format!("first{}last", result.content);
        (call, result)
    };
    let (calls, results) = (0..10).map(of).unzip();
    context.push(Turn::Assistant(calls));
    context.push(Turn::ToolResults(results));
    assert_eq!(context.make_room(), Room::Cut(10));
    assert!(context.size() <= 7_500 * HIGH / 100);
    let Some(Turn::ToolResults(results)) = context.turns().last() else {
        unreachable!("they are still the last");
    };
    for result in results {
        let text = &result.content;
        assert!(
            text.starts_with("first") && text.ends_with("last"),
            "{text}"
        );
        assert!(text.len() > 1_000, "a share of each stays: {}", text.len());
    }
    is_sendable(&context);
}
