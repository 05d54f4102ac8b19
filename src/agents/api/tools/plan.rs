//! `todo`: the plan, stated as a whole each time. It is shown, journalled, and its last state goes
//! into the record with the final message.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Answer, Desk, parsed};
use crate::agents::lines::one_line;

/// Most items, and the longest of them.
const ITEMS: usize = 40;
const ITEM_BYTES: usize = 200;

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Not begun.
    #[serde(alias = "todo")]
    Pending,
    /// Being done.
    #[serde(alias = "in_progress")]
    Doing,
    /// Done.
    #[serde(alias = "completed")]
    Done,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// One line.
    #[serde(alias = "content", alias = "title")]
    pub(crate) text: String,
    /// How far it is.
    #[serde(alias = "status")]
    pub(crate) state: Stage,
}

/// The plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
}

impl Plan {
    /// `[x] done  [>] doing  [ ] pending`, one item a line.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for item in &self.items {
            let mark = match item.state {
                Stage::Pending => ' ',
                Stage::Doing => '>',
                Stage::Done => 'x',
            };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "[{mark}] {}", item.text);
        }
        out
    }

    /// Done and all.
    pub(crate) fn count(&self) -> (usize, usize) {
        let done = self.items.iter().filter(|i| i.state == Stage::Done).count();
        (done, self.items.len())
    }
}

/// States the plan anew.
pub(super) fn todo(desk: &mut Desk<'_>, input: &Value) -> Result<Answer, String> {
    let mut plan: Plan = parsed("todo", input)?;
    if plan.items.len() > ITEMS {
        return Err(format!(
            "a plan has at most {ITEMS} items: make them larger"
        ));
    }
    for item in &mut plan.items {
        item.text = one_line(&item.text, ITEM_BYTES);
        if item.text.is_empty() {
            return Err("an item says what is to be done: its `text` is empty".to_owned());
        }
    }
    let (done, all) = plan.count();
    let doing = plan.items.iter().find(|i| i.state == Stage::Doing);
    let brief = match doing {
        Some(item) => format!("{done} of {all} done; now: {}", item.text),
        None => format!("{done} of {all} done"),
    };
    desk.plan = plan;
    Ok(Answer::new(format!("noted: {brief}"), brief))
}
