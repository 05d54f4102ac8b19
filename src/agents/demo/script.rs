//! The script file: its shape, and which steps are a task's.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A whole script.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    #[serde(default)]
    pub(crate) model: Option<String>,
    pub(crate) tasks: BTreeMap<String, Vec<Step>>,
    #[serde(default)]
    pub(crate) otherwise: Vec<Step>,
}

/// One step.
#[derive(Debug)]
pub(crate) enum Step {
    Choice(Choice),
    Act(Act),
}

impl<'de> Deserialize<'de> for Step {
    /// By hand, because serde's own choice between the two says nothing about what is wrong.
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(d)?;
        let step = if value.get("if").is_some() {
            serde_json::from_value(value).map(Self::Choice)
        } else {
            serde_json::from_value(value).map(Self::Act)
        };
        step.map_err(serde::de::Error::custom)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Choice {
    #[serde(rename = "if")]
    pub(crate) condition: Condition,
    pub(crate) then: Vec<Step>,
    #[serde(default, rename = "else")]
    pub(crate) otherwise: Vec<Step>,
}

/// All that is named must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    pub(crate) attempt: Option<u32>,
    pub(crate) from_attempt: Option<u32>,
    /// How often this HOME saw the task, this time included.
    pub(crate) run: Option<u32>,
    pub(crate) prompt_has: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Act {
    Say(String),
    Think(String),
    Write {
        path: String,
        text: String,
    },
    Append {
        path: String,
        text: String,
    },
    Replace {
        path: String,
        old: String,
        new: String,
    },
    Delete {
        path: String,
    },
    Run {
        argv: Vec<String>,
        #[serde(default)]
        may_fail: bool,
    },
    Outbox(Value),
    Usage {
        #[serde(default)]
        input: u64,
        #[serde(default)]
        output: u64,
        cost_usd_micros: Option<u64>,
    },
    SleepMs(u64),
    Exit(u8),
    /// Exit 1 if this is that attempt.
    FailOnAttempt(u32),
}

/// The steps of the task: by id, else by the title that stands first in the prompt.
pub(crate) fn chosen<'a>(script: &'a Script, prompt: &str, task: &str) -> &'a [Step] {
    if let Some(steps) = script.tasks.get(task) {
        return steps;
    }
    let found = script
        .tasks
        .iter()
        .filter_map(|(title, steps)| Some((prompt.find(title.as_str())?, title, steps)))
        .min_by_key(|(at, title, _)| (*at, std::cmp::Reverse(title.len())));
    found.map_or(&script.otherwise, |(_, _, steps)| steps)
}
