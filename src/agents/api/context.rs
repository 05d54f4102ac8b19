//! The conversation, kept inside the model's window.
//!
//! First the content of old tool results goes, with a note in its place; when that is not enough the
//! model writes a summary, which takes the place of all but the newest turns. A call and its answer
//! are never parted, and the task itself always stands first.

use crate::domain::money::Usage;
use crate::ports::model::{Part, ToolInput, ToolResult, ToolSpec, Turn};

/// Bytes of text that make a token, times ten. Code and JSON have more tokens than prose.
const BYTES_PER_TEN_TOKENS: u64 = 33;
/// Tokens around every part of a turn.
const PART_TOKENS: u64 = 8;
/// Shares of the usable window, in percent: above `HIGH` room is made, down to `LOW`; the newest
/// turns up to `KEEP` keep their results, and `TAIL` of them survive a summary.
const HIGH: u64 = 80;
const LOW: u64 = 55;
const KEEP: u64 = 30;
const TAIL: u64 = 15;
/// Results up to this length are not worth cutting.
const SHORT_BYTES: usize = 300;
/// How the note in place of a result begins.
const NOTE: &str = "[This output of ";

/// A conversation and how large it is.
#[derive(Debug)]
pub(crate) struct Context {
    turns: Vec<Turn>,
    window: u64,
    reserve: u64,
    fixed: u64,
    /// Tokens that the provider counted, for that many turns.
    measured: Option<(usize, u64)>,
}

/// What has to be done before the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Room {
    /// It fits.
    Enough,
    /// That many old results were cut, and now it fits.
    Cut(usize),
    /// Only a summary helps.
    Summary,
}

impl Context {
    /// A conversation that begins with these turns. `fixed` is sent with every call.
    pub(crate) fn new(turns: Vec<Turn>, window: u64, system: &str, tools: &[ToolSpec]) -> Self {
        let told: u64 = tools
            .iter()
            .map(|tool| {
                tokens(&tool.description) + tokens(&tool.input_schema.to_string()) + PART_TOKENS
            })
            .sum();
        Self {
            turns,
            window,
            reserve: u64::from(answer_tokens(window)),
            fixed: tokens(system) + told,
            measured: None,
        }
    }

    /// The turns, as they are sent.
    pub(crate) fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Adds a turn.
    pub(crate) fn push(&mut self, turn: Turn) {
        self.turns.push(turn);
    }

    /// Notes what the provider counted for a call with all turns but the last, which is its answer.
    pub(crate) fn measure(&mut self, usage: Usage) {
        let counted = usage
            .input
            .saturating_add(usage.cache_read)
            .saturating_add(usage.cache_write)
            .saturating_add(usage.output);
        // Some servers count nothing, or only what they had not seen.
        if counted >= self.estimate_all() / 2 {
            self.measured = Some((self.turns.len(), counted));
        }
    }

    /// Tokens of the next call.
    pub(crate) fn size(&self) -> u64 {
        match self.measured {
            Some((turns, counted)) => {
                counted + self.turns.iter().skip(turns).map(turn_tokens).sum::<u64>()
            }
            None => self.estimate_all(),
        }
    }

    fn estimate_all(&self) -> u64 {
        self.fixed + self.turns.iter().map(turn_tokens).sum::<u64>()
    }

    /// Tokens that prompt and conversation may have.
    fn usable(&self) -> u64 {
        self.window.saturating_sub(self.reserve).max(1)
    }

    /// Makes room if there is too little.
    pub(crate) fn make_room(&mut self) -> Room {
        let usable = self.usable();
        if self.size() <= usable * HIGH / 100 {
            return Room::Enough;
        }
        let cut = self.cut_old(usable * LOW / 100, usable * KEEP / 100);
        if self.size() <= usable * HIGH / 100 {
            return Room::Cut(cut);
        }
        Room::Summary
    }

    /// The provider says it is too long, whatever was counted here: all but the newest results go.
    /// False if there was nothing left to cut.
    pub(crate) fn cut_hard(&mut self) -> bool {
        self.cut_old(0, 1) > 0
    }

    /// Cuts results from the oldest on until `goal` is met; the newest `keep` tokens stay.
    fn cut_old(&mut self, goal: u64, keep: u64) -> usize {
        let mut size = self.size();
        let end = self.tail_start(keep);
        let mut count = 0;
        for turn in &mut self.turns[..end] {
            let Turn::ToolResults(results) = turn else {
                continue;
            };
            for result in results {
                if size <= goal {
                    break;
                }
                if let Some(saved) = cut(result) {
                    size = size.saturating_sub(saved);
                    count += 1;
                    if let Some((_, counted)) = &mut self.measured {
                        *counted = counted.saturating_sub(saved);
                    }
                }
            }
        }
        count
    }

    /// Index from which the newest turns have at most `keep` tokens; always the start of an
    /// assistant's turn (or the end), and never before the first.
    fn tail_start(&self, keep: u64) -> usize {
        let starts: Vec<usize> = (0..self.turns.len())
            .filter(|at| matches!(self.turns[*at], Turn::Assistant(_)))
            .collect();
        let mut best = starts.last().copied().unwrap_or(self.turns.len());
        for start in starts.into_iter().rev() {
            let size: u64 = self.turns[start..].iter().map(turn_tokens).sum();
            if size > keep {
                break;
            }
            best = start;
        }
        best
    }

    /// Puts a summary in place of all but the task and the newest turns. Answers whether it fits now.
    pub(crate) fn summarised(&mut self, head: &str, summary: &str, tail: bool) -> bool {
        let usable = self.usable();
        let from = match self.tail_start(usable * TAIL / 100) {
            // The newest turn alone may be too large to be kept.
            at if tail => at,
            _ => self.turns.len(),
        };
        let mut kept = self.turns.split_off(from);
        let kept_size: u64 = kept.iter().map(turn_tokens).sum();
        if kept_size > usable * KEEP / 100 {
            kept.clear();
        }
        let task = match self.turns.first() {
            Some(Turn::User(text)) => text.split(head).next().unwrap_or_default().trim_end(),
            _ => "",
        };
        self.turns = vec![Turn::User(format!("{task}\n\n{head}\n\n{summary}"))];
        self.turns.append(&mut kept);
        self.measured = None;
        self.size() <= usable * HIGH / 100
    }
}

/// Tokens that an answer may have in a window of this size. The most that models of that kind take.
pub(crate) const fn answer_tokens(window: u64) -> u32 {
    if window >= 200_000 {
        return 32_000;
    }
    let quarter = window / 4;
    if quarter > 8_192 {
        8_192
    } else if quarter < 256 {
        256
    } else {
        quarter as u32
    }
}

/// Bytes that one tool answer may have in a window of this size.
pub(crate) fn result_bytes(window: u64) -> usize {
    usize::try_from(window / 3).map_or(32 * 1024, |n| n.clamp(1024, 32 * 1024))
}

/// Cuts one result; gives the tokens saved.
fn cut(result: &mut ToolResult) -> Option<u64> {
    if result.content.len() <= SHORT_BYTES || result.content.starts_with(NOTE) {
        return None;
    }
    let before = tokens(&result.content);
    result.content = format!(
        "{NOTE}{} bytes was removed to save room. Call the tool again if you need it.]",
        result.content.len()
    );
    Some(before.saturating_sub(tokens(&result.content)))
}

fn tokens(text: &str) -> u64 {
    (text.len() as u64 * 10).div_ceil(BYTES_PER_TEN_TOKENS)
}

fn turn_tokens(turn: &Turn) -> u64 {
    match turn {
        Turn::User(text) => tokens(text) + PART_TOKENS,
        Turn::Assistant(parts) => parts.iter().map(part_tokens).sum(),
        Turn::ToolResults(results) => results
            .iter()
            .map(|result| tokens(&result.content) + PART_TOKENS)
            .sum(),
    }
}

fn part_tokens(part: &Part) -> u64 {
    let own = match part {
        Part::Text { text, .. } => tokens(text),
        // Reasoning that comes back is counted by its signature where the text is hidden.
        Part::Thinking { text, signature } => {
            tokens(text).max(signature.as_ref().map_or(0, |s| tokens(&s.data)))
        }
        Part::ToolCall { name, input, .. } => {
            let written = match input {
                ToolInput::Object(map) => map
                    .iter()
                    .map(|(name, value)| {
                        let text = value
                            .as_str()
                            .map_or_else(|| value.to_string().len(), str::len);
                        (name.len() + text + 6) as u64
                    })
                    .sum(),
                ToolInput::Malformed { raw, .. } => raw.len() as u64,
            };
            tokens(name) + (written * 10).div_ceil(BYTES_PER_TEN_TOKENS)
        }
    };
    own + PART_TOKENS
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ports::model::ModelRequest;

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
        let mut context = Context::new(vec![Turn::User("the task".to_owned())], window, "", &[]);
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
        let mut context = Context::new(vec![task], 10_000, "", &[]);
        assert_eq!(context.make_room(), Room::Summary);
        assert!(!context.summarised("# So far", "nothing", false));
    }
}
