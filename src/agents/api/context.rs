//! The conversation, kept inside the model's window.
//!
//! First the content of old tool results goes, with a note in its place; when that is not enough the
//! model writes a summary, which takes the place of all but the newest turns. A call and its answer
//! are never parted, and the task itself always stands first.
//!
//! A text never has more tokens than bytes: nothing is counted while even that bound leaves room, so
//! short conversations never load a tokenizer. Near the window each turn is counted once.

mod size;

use std::sync::Arc;

use self::size::{PART_TOKENS, bytes, turn_size};
use crate::agents::api::tools::middle_cut;
use crate::domain::money::Usage;
use crate::ports::model::{ToolResult, ToolSpec, Turn};

/// Counts the tokens of a text as the run's model has them.
pub(crate) type Count = Arc<dyn Fn(&str) -> u64 + Send + Sync>;

/// Bytes that make a token in most texts, times ten: to see whether a provider's count can be true.
const BYTES_PER_TEN_TOKENS: u64 = 33;
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
pub(crate) struct Context {
    turns: Vec<Turn>,
    /// Counted tokens of each turn, where they were needed.
    sizes: Vec<Option<u64>>,
    window: u64,
    reserve: u64,
    /// What is sent with every call, and its tokens once they were needed.
    fixed: Vec<String>,
    fixed_size: Option<u64>,
    /// Tokens that the provider counted, for that many turns.
    measured: Option<(usize, u64)>,
    count: Count,
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
    /// A conversation that begins with these turns. `system` and `tools` are sent with every call.
    pub(crate) fn new(
        turns: Vec<Turn>,
        window: u64,
        system: &str,
        tools: &[ToolSpec],
        count: Count,
    ) -> Self {
        let told = tools
            .iter()
            .map(|tool| format!("{} {} {}", tool.name, tool.description, tool.input_schema));
        Self {
            sizes: vec![None; turns.len()],
            turns,
            window,
            reserve: u64::from(answer_tokens(window)),
            fixed: std::iter::once(system.to_owned()).chain(told).collect(),
            fixed_size: None,
            measured: None,
            count,
        }
    }

    /// The turns, as they are sent.
    pub(crate) fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Adds a turn.
    pub(crate) fn push(&mut self, turn: Turn) {
        self.turns.push(turn);
        self.sizes.push(None);
    }

    /// Notes what the provider counted for a call with all turns but the last, which is its answer.
    pub(crate) fn measure(&mut self, usage: Usage) {
        let counted = usage
            .input
            .saturating_add(usage.cache_read)
            .saturating_add(usage.cache_write)
            .saturating_add(usage.output);
        // Some servers count nothing, or only what they had not seen.
        let rough = self.bytes_from(0).saturating_mul(10) / BYTES_PER_TEN_TOKENS;
        if counted >= rough / 2 {
            self.measured = Some((self.turns.len(), counted));
        }
    }

    /// Most tokens that the next call can have, without counting any.
    fn most(&self) -> u64 {
        match self.measured {
            Some((turns, counted)) => counted.saturating_add(self.bytes_from(turns)),
            None => self.bytes_from(0),
        }
    }

    /// Bytes of the turns from `turn` on; from the first on, with all that is sent besides.
    fn bytes_from(&self, turn: usize) -> u64 {
        let turns: u64 = self
            .turns
            .iter()
            .skip(turn)
            .map(|turn| turn_size(turn, &bytes))
            .sum();
        if turn > 0 {
            return turns;
        }
        let fixed = self.fixed.iter().map(|text| bytes(text) + PART_TOKENS);
        turns.saturating_add(fixed.sum())
    }

    /// Tokens of the next call.
    pub(crate) fn size(&mut self) -> u64 {
        let (from, known) = match self.measured {
            Some((turns, counted)) => (turns, counted),
            None => (0, self.fixed_size()),
        };
        let newer = (from..self.turns.len()).map(|at| self.size_of(at));
        newer.fold(known, u64::saturating_add)
    }

    fn fixed_size(&mut self) -> u64 {
        *self.fixed_size.get_or_insert_with(|| {
            let texts = self.fixed.iter();
            texts.map(|text| (self.count)(text) + PART_TOKENS).sum()
        })
    }

    /// Tokens of one turn, counted once.
    fn size_of(&mut self, at: usize) -> u64 {
        *self.sizes[at].get_or_insert_with(|| turn_size(&self.turns[at], &*self.count))
    }

    /// Tokens that prompt and conversation may have.
    fn usable(&self) -> u64 {
        self.window.saturating_sub(self.reserve).max(1)
    }

    /// Whether so many percent of what is usable hold the next call.
    fn within(&mut self, percent: u64) -> bool {
        let limit = self.usable() * percent / 100;
        self.most() <= limit || self.size() <= limit
    }

    /// Whether the next call fits, with `more` added to it.
    pub(crate) fn fits_with(&mut self, more: &str) -> bool {
        let usable = self.usable();
        self.size().saturating_add((self.count)(more) + PART_TOKENS) <= usable
    }

    /// Makes room if there is too little.
    pub(crate) fn make_room(&mut self) -> Room {
        if self.within(HIGH) {
            return Room::Enough;
        }
        let usable = self.usable();
        let mut cut = self.cut_old(usable * LOW / 100, usable * KEEP / 100);
        if !self.within(HIGH) {
            cut += self.shorten_newest(usable * HIGH / 100);
        }
        if self.within(HIGH) {
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
        for at in 0..end {
            let Turn::ToolResults(results) = &mut self.turns[at] else {
                continue;
            };
            let mut saved = 0;
            for result in results {
                if size.saturating_sub(saved) <= goal {
                    break;
                }
                if let Some(tokens) = cut(result, &*self.count) {
                    saved += tokens;
                    count += 1;
                }
            }
            self.saved(at, saved);
            size = size.saturating_sub(saved);
        }
        count
    }

    /// Shortens the results of the newest turn, each in its middle, until `goal` is met: many calls
    /// at once may answer with more than the window holds.
    fn shorten_newest(&mut self, goal: u64) -> usize {
        let over = self.size().saturating_sub(goal);
        let Some(at) = self.turns.len().checked_sub(1) else {
            return 0;
        };
        let whole = self.size_of(at);
        let Turn::ToolResults(results) = &mut self.turns[at] else {
            return 0;
        };
        // Of every result the same share stays; a little less, for the notes in their middle.
        let stays = whole.saturating_sub(over).saturating_mul(90) / whole.max(1);
        let (mut saved, mut count) = (0, 0);
        for result in results {
            let most = result.content.len() as u64 * stays / 100;
            let most = usize::try_from(most).unwrap_or(usize::MAX).max(SHORT_BYTES);
            if most >= result.content.len() {
                continue;
            }
            let before = (self.count)(&result.content);
            result.content = middle_cut(&result.content, most);
            saved += before.saturating_sub((self.count)(&result.content));
            count += 1;
        }
        self.saved(at, saved);
        count
    }

    /// One turn has become smaller.
    fn saved(&mut self, at: usize, tokens: u64) {
        if tokens == 0 {
            return;
        }
        self.sizes[at] = None;
        if let Some((turns, counted)) = &mut self.measured
            && at < *turns
        {
            *counted = counted.saturating_sub(tokens);
        }
    }

    /// Index from which the newest turns have at most `keep` tokens; always the start of an
    /// assistant's turn (or the end), and never before the first.
    fn tail_start(&mut self, keep: u64) -> usize {
        let mut best = self.turns.len();
        let mut size = 0_u64;
        for at in (0..self.turns.len()).rev() {
            size = size.saturating_add(self.size_of(at));
            if !matches!(self.turns[at], Turn::Assistant(_)) {
                continue;
            }
            // The newest exchange stays, however large.
            if size > keep && best < self.turns.len() {
                break;
            }
            best = at;
            if size > keep {
                break;
            }
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
        let kept_size: u64 = kept.iter().map(|turn| turn_size(turn, &*self.count)).sum();
        if kept_size > usable * KEEP / 100 {
            kept.clear();
        }
        let task = match self.turns.first() {
            Some(Turn::User(text)) => text.split(head).next().unwrap_or_default().trim_end(),
            _ => "",
        };
        self.turns = vec![Turn::User(format!("{task}\n\n{head}\n\n{summary}"))];
        self.turns.append(&mut kept);
        self.sizes = vec![None; self.turns.len()];
        self.measured = None;
        self.within(HIGH)
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
fn cut(result: &mut ToolResult, count: &dyn Fn(&str) -> u64) -> Option<u64> {
    if result.content.len() <= SHORT_BYTES || result.content.starts_with(NOTE) {
        return None;
    }
    let before = count(&result.content);
    result.content = format!(
        "{NOTE}{} bytes was removed to save room. Call the tool again if you need it.]",
        result.content.len()
    );
    Some(before.saturating_sub(count(&result.content)))
}

#[cfg(test)]
mod tests;
