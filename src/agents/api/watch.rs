//! Notices a model that goes round in circles: the same calls again, or nothing new for long.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, VecDeque};
use std::hash::{Hash as _, Hasher as _};

use serde_json::Value;

/// As often as this the same call (or the same short cycle of calls) may be asked for in a row
/// without being told: the third is told, and the one after that ends the run.
const REPEATS: usize = 3;
/// Longest cycle that is noticed: read, edit, test, and again.
const CYCLE: usize = 3;
/// Turns without anything new before it is told, and before the run ends.
const STALE_TOLD: u32 = 6;
const STALE_ENDED: u32 = 12;

/// What is to be done with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turning {
    /// It is fine.
    Forward,
    /// It is the same again: tell the model instead of doing it.
    Circling,
    /// It was told and goes on.
    Stuck,
}

/// What one conversation did so far.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    recent: VecDeque<u64>,
    told: bool,
    seen: BTreeSet<u64>,
    stale: u32,
    news: bool,
}

impl Watch {
    /// Notes a call before it is done.
    pub(crate) fn call(&mut self, name: &str, input: &Value) -> Turning {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hash(input, &mut hasher);
        self.recent.push_back(hasher.finish());
        if self.recent.len() > REPEATS * CYCLE {
            self.recent.pop_front();
        }
        if !(1..=CYCLE).any(|span| self.cycles(span)) {
            return Turning::Forward;
        }
        if self.told {
            return Turning::Stuck;
        }
        self.told = true;
        Turning::Circling
    }

    /// Whether the last calls are the same cycle of `span` calls, again and again.
    fn cycles(&self, span: usize) -> bool {
        let Some(from) = self.recent.len().checked_sub(span * REPEATS) else {
            return false;
        };
        (from..self.recent.len() - span).all(|at| self.recent[at] == self.recent[at + span])
    }

    /// Notes an answer: it is news if this call never gave it.
    pub(crate) fn answer(&mut self, name: &str, input: &Value, ok: bool, text: &str) {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hash(input, &mut hasher);
        // Times and the like differ from run to run without being news.
        let digitless = |c: &char| !c.is_ascii_digit();
        for c in text.chars().filter(digitless) {
            c.hash(&mut hasher);
        }
        let is_new = self.seen.insert(hasher.finish());
        // An input that cannot be right teaches nothing, however it varies.
        self.news |= is_new && (ok || name == "bash");
    }

    /// Ends a turn. Gives how many in a row brought nothing new, when that is to be told or worse.
    pub(crate) fn turn(&mut self) -> Option<(Turning, u32)> {
        if std::mem::take(&mut self.news) {
            self.stale = 0;
            return None;
        }
        self.stale += 1;
        match self.stale {
            STALE_TOLD => Some((Turning::Circling, self.stale)),
            STALE_ENDED => Some((Turning::Stuck, self.stale)),
            _ => None,
        }
    }
}

/// The same for the same value, whatever the order of its fields.
fn hash(value: &Value, hasher: &mut DefaultHasher) {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(name, _)| *name);
            for (name, value) in fields {
                name.hash(hasher);
                hash(value, hasher);
            }
        }
        Value::Array(items) => {
            items.len().hash(hasher);
            for item in items {
                hash(item, hasher);
            }
        }
        plain => plain.to_string().hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_third_same_call_in_a_row_is_told_and_the_fourth_ends() {
        let mut watch = Watch::default();
        let a = json!({"path": "a", "limit": 2});
        let same = json!({"limit": 2, "path": "a"});
        let seen: Vec<Turning> = [&a, &same, &a, &same]
            .map(|input| watch.call("read", input))
            .to_vec();
        use Turning::{Circling, Forward, Stuck};
        assert_eq!(seen, [Forward, Forward, Circling, Stuck]);
    }

    #[test]
    fn an_edit_between_two_runs_of_a_test_is_no_circle_but_a_cycle_is() {
        let mut watch = Watch::default();
        let test = json!({"command": "make test"});
        for n in 0..8 {
            assert_eq!(watch.call("bash", &test), Turning::Forward);
            assert_eq!(watch.call("edit", &json!({"new": n})), Turning::Forward);
        }
        let mut watch = Watch::default();
        let edit = json!({"new": 1});
        let seen: Vec<Turning> = (0..3)
            .flat_map(|_| [("bash", &test), ("edit", &edit)])
            .map(|(name, input)| watch.call(name, input))
            .collect();
        assert_eq!(seen[..5], [Turning::Forward; 5]);
        assert_eq!(seen[5], Turning::Circling);
    }

    #[test]
    fn turns_without_news_are_told_and_then_end() {
        let mut watch = Watch::default();
        let mut said = Vec::new();
        for n in 0..13 {
            // Another wrong path each time: nothing is learnt from it.
            watch.answer(
                "read",
                &json!({ "path": n }),
                false,
                "there is no such file",
            );
            said.extend(watch.turn());
        }
        assert_eq!(said, [(Turning::Circling, 6), (Turning::Stuck, 12)]);
        watch.answer("bash", &json!({}), false, "exit 1 after 0.1 s");
        assert_eq!((watch.turn(), watch.stale), (None, 0));
        watch.answer("bash", &json!({}), false, "exit 1 after 0.2 s");
        assert_eq!((watch.turn(), watch.stale), (None, 1));
    }
}
