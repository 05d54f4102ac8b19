//! Searching lines: bounded in memory and time.

use super::*;

fn input(pattern: &str) -> GrepInput {
    let input = serde_json::json!({ "pattern": pattern });
    serde_json::from_value(input).expect("an input")
}

fn hits(pattern: &str) -> Hits {
    let input = input(pattern);
    Hits::new(super::pattern(&input).expect("a pattern"), &input, 30_000)
}

#[test]
fn a_pattern_that_compiles_to_too_much_is_refused_and_usual_ones_are_not() {
    let why = pattern(&input(r"(\w{50}\d{50}){50}")).expect_err("too large");
    assert!(why.contains("too large"), "{why}");
    assert!(pattern(&input(r"(?i)(\w+)\s*=\s*(\w+)\.(\w+)\(\s*\w+\)")).is_ok());
}

#[test]
fn a_file_is_searched_in_pieces_and_the_time_holds_within_it() {
    let mut text = "plain line of text\n".repeat(20_000);
    text.push_str("needle\n");
    text.push_str(&"x".repeat(CHUNK + 10));
    text.push_str(" needle\nand a needle");
    let mut all = hits("needle");
    let found = all.search(text.as_bytes(), Till::new(Duration::from_secs(60), None));
    assert_eq!((found.at, found.count), (vec![20_000, 20_002], 2));
    assert_eq!((all.long, all.cut), (1, None));
    let lines = Lines::of(text.as_bytes());
    assert_eq!(lines.line(20_000), b"needle");
    assert_eq!(lines.line(20_002), b"and a needle");
    let mut late = hits("needle");
    let found = late.search(text.as_bytes(), Till::new(Duration::ZERO, None));
    assert_eq!(found.count, 0);
    assert!(late.cut.is_some_and(|cut| cut.contains("too long")));
}
