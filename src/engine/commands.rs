//! Comments that speak to fleet: the first word is `/fleet`.
//!
//! | said | means |
//! |---|---|
//! | `/fleet retry [with AGENT] [TEXT…]` | another attempt, by that agent if one is named; the text goes with it |
//! | `/fleet answer TEXT…`, `/fleet answer N` | the answer to the open question; a number chooses an option |
//! | `/fleet stop [TEXT…]` | nothing more is started until somebody says `retry` |
//! | `/fleet split [TEXT…]` | the next attempt proposes parts instead of working |
//! | `/fleet status` | how it stands |
//! | `/fleet budget [AMOUNT]` | what it may cost, in dollars |
//! | `/fleet admit` | the text may be worked on |
//! | `/fleet help` | this |
//!
//! Reading never fails: what is not understood is [`Verb::Wrong`] with a sentence that says the
//! right call. It is read within bounds.

use crate::domain::command::{Command, Verb};
use crate::domain::money::MicroUsd;
use crate::engine::text::{display_safe, one_line, truncated};

/// The word that a comment begins with which speaks to fleet.
pub const WORD: &str = "/fleet";
/// Most bytes of a comment that are read.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most bytes of an agent's name.
const MAX_NAME: usize = 64;
/// The greatest amount that is understood, in dollars.
const MAX_DOLLARS: f64 = 1_000_000.0;

/// What a comment says to fleet; `None` if it does not speak to fleet.
#[must_use]
pub fn parse(comment: &str) -> Option<Command> {
    let comment = comment.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let rest = comment.strip_prefix(WORD)?;
    if !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    let rest = cut(rest, MAX_BYTES);
    let (verb, rest) = word(rest);
    let plain = verb.trim_matches('`').to_ascii_lowercase();
    Some(match Verb::from(plain) {
        Verb::Retry => retry(rest),
        Verb::Answer => answer(rest),
        verb @ (Verb::Stop | Verb::Split) => with_text(verb, rest),
        Verb::Budget => budget(rest),
        verb @ (Verb::Status | Verb::Admit | Verb::Help) => Command::plain(verb),
        Verb::Wrong | Verb::Unknown(_) => not_known(verb),
    })
}

/// What can be said, one line each, as Markdown.
#[must_use]
pub fn help() -> String {
    [
        "`/fleet retry [with AGENT]`: another attempt on this branch; what else the comment says \
         goes with it",
        "`/fleet answer TEXT`: the answer to the open question; a number chooses an option",
        "`/fleet stop`: nothing more is started here until somebody says `/fleet retry`",
        "`/fleet split`: the next attempt proposes smaller tasks instead of working",
        "`/fleet status`: how it stands, what it cost, what it waits for",
        "`/fleet budget [DOLLARS]`: what it may cost; with an amount, that is the new limit",
        "`/fleet admit`: the text, or the tasks proposed here, may be worked on",
    ]
    .map(|line| format!("- {line}\n"))
    .concat()
}

fn retry(rest: &str) -> Command {
    let (with, after) = word(rest);
    // `with` and a name belong together on one line.
    let same_line = |text: &str| {
        !text
            .trim_start_matches([' ', '\t'])
            .starts_with(['\n', '\r'])
    };
    if !with.eq_ignore_ascii_case("with") {
        return with_text(Verb::Retry, rest);
    }
    let (name, text) = word(after);
    let name = name.trim_matches(['`', '"', '\'', '@', '.', ',']);
    if name.is_empty() || !same_line(after) || !is_name(name) {
        return wrong(
            "`with` is followed by the name of one configured agent, as in `/fleet retry with claude`",
        );
    }
    Command {
        agent: Some(name.to_owned()),
        ..with_text(Verb::Retry, text)
    }
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    name.len() <= MAX_NAME && name.chars().all(plain)
}

fn answer(rest: &str) -> Command {
    if rest.trim().is_empty() {
        return wrong(
            "the answer stands behind the word, as in `/fleet answer use the second option`, or \
             `/fleet answer 2`",
        );
    }
    with_text(Verb::Answer, rest)
}

fn budget(rest: &str) -> Command {
    let (amount, _) = word(rest);
    if amount.is_empty() {
        return Command::plain(Verb::Budget);
    }
    let figure = amount.trim_matches('`').trim_start_matches('$');
    let plain = |c: char| c.is_ascii_digit() || c == '.';
    let parsed = figure.parse::<f64>().ok();
    let parsed = parsed.filter(|usd| *usd > 0.0 && *usd <= MAX_DOLLARS);
    match parsed.filter(|_| figure.chars().all(plain)) {
        Some(usd) => Command {
            amount: Some(MicroUsd::from_usd(usd)),
            ..Command::plain(Verb::Budget)
        },
        None => wrong("a budget is an amount in dollars, as in `/fleet budget 5.00`"),
    }
}

fn not_known(verb: &str) -> Command {
    let names: Vec<String> = Verb::ALL.iter().map(|v| format!("`{v}`")).collect();
    let names = names.join(", ");
    if verb.is_empty() {
        return wrong(&format!(
            "`/fleet` is followed by what is to be done: {names}"
        ));
    }
    let said = one_line(cut(verb, 40)).replace('`', "'");
    wrong(&format!(
        "`/fleet {said}` is not known; what can be said: {names}"
    ))
}

fn wrong(sentence: &str) -> Command {
    Command {
        text: sentence.to_owned(),
        ..Command::plain(Verb::Wrong)
    }
}

fn with_text(verb: Verb, text: &str) -> Command {
    let plain = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    let text: String = text.trim().chars().filter(plain).collect();
    Command {
        text: truncated(&display_safe(&text), MAX_BYTES).into_owned(),
        ..Command::plain(verb)
    }
}

/// The first word, and what stands behind it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()))
}

fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max.min(text.len()))]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(comment: &str) -> Command {
        parse(comment).unwrap()
    }

    fn sentence(comment: &str) -> String {
        let command = said(comment);
        assert_eq!(command.command, Verb::Wrong, "{command:?}");
        command.text
    }

    #[test]
    fn only_a_comment_whose_first_word_is_fleet_speaks_to_fleet() {
        for other in [
            "",
            "looks good",
            "please /fleet retry",
            "/fleets retry",
            "/fleet-bot retry",
            "> /fleet retry",
            "`/fleet retry`",
        ] {
            assert_eq!(parse(other), None, "{other:?}");
        }
        assert_eq!(said("  \r\n/fleet status").command, Verb::Status);
        assert_eq!(said("/fleet\tSTATUS please").command, Verb::Status);
    }

    #[test]
    fn a_retry_may_name_an_agent_and_say_more() {
        assert_eq!(said("/fleet retry"), Command::plain(Verb::Retry));
        let with = said("/fleet retry with `codex`\n\nUse a map, not a list.");
        assert_eq!(with.agent.as_deref(), Some("codex"));
        assert_eq!(with.text, "Use a map, not a list.");
        let only = said("/fleet retry without the new dependency");
        assert_eq!(only.agent, None);
        assert_eq!(only.text, "without the new dependency");
        assert!(sentence("/fleet retry with").contains("/fleet retry with claude"));
        assert!(sentence("/fleet retry with\ncodex").contains("one configured agent"));
        assert!(sentence("/fleet retry with a;b").contains("one configured agent"));
    }

    #[test]
    fn an_answer_is_the_rest_of_the_comment() {
        let answer = said("/fleet answer English\nand keep it short ");
        assert_eq!(answer.text, "English\nand keep it short");
        assert_eq!(said("/fleet answer 2").text, "2");
        assert!(sentence("/fleet answer \n ").contains("/fleet answer 2"));
    }

    #[test]
    fn a_budget_is_shown_or_an_amount() {
        assert_eq!(said("/fleet budget").amount, None);
        for (text, micros) in [("5", 5_000_000), ("$2.50", 2_500_000), ("`.5`", 500_000)] {
            let command = said(&format!("/fleet budget {text}"));
            assert_eq!(command.amount, Some(MicroUsd(micros)), "{text}");
        }
        for text in ["0", "-1", "lots", "1e3", "inf", "nan", "99999999", "5,00"] {
            assert!(sentence(&format!("/fleet budget {text}")).contains("/fleet budget 5.00"));
        }
    }

    #[test]
    fn what_is_not_known_is_told_the_right_call() {
        assert!(sentence("/fleet").contains("`retry`, `answer`, `stop`, `split`"));
        let wrong = sentence("/fleet\u{a0}mer`ge\u{202e} now");
        assert!(wrong.contains("mer'ge"), "{wrong}");
        assert!(!wrong.contains('\u{202e}'), "{wrong}");
        assert!(sentence("/fleet wrong").contains("is not known"));
        for verb in Verb::ALL.iter().filter(|verb| **verb != Verb::Help) {
            assert!(help().contains(&format!("`/fleet {verb}")), "{verb}");
        }
    }

    #[test]
    fn a_word_of_a_newer_version_round_trips() {
        let json = r#"{"command":"dance","text":"x"}"#;
        let command: Command = serde_json::from_str(json).unwrap();
        assert_eq!(command.command, Verb::Unknown("dance".to_owned()));
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
    }

    proptest! {
        #[test]
        fn reading_never_fails_and_stays_within_bounds(rest in "(?s).{0,200}", fill in 0usize..20_000) {
            let comment = format!("/fleet {rest}{}", "é".repeat(fill));
            let command = said(&comment);
            prop_assert!(command.text.len() <= MAX_BYTES);
            prop_assert!(command.agent.as_deref().unwrap_or_default().len() <= MAX_NAME);
        }
    }
}
