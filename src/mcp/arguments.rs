//! Arguments of a call: read with forgiveness where nothing can be misunderstood, refused with the
//! right call where it could.

use std::fmt;

use serde_json::{Map, Value};

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::request::DepSpec;
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskSelector;
use crate::domain::record::CloseOutcome;
use crate::domain::task::MAX_PRIORITY;
use crate::mcp::{tools, words};

/// Why a call was not done, for the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    code: &'static str,
    what: String,
    hint: String,
}

impl Refusal {
    pub(super) fn arguments(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: "invalid_arguments",
            what: what.into(),
            hint: hint.into(),
        }
    }
}

impl From<TrackerError> for Refusal {
    fn from(error: TrackerError) -> Self {
        Self {
            code: error.code(),
            what: error.to_string(),
            hint: error.hint(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, words::safe(&self.what))?;
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", words::safe(&self.hint))?;
        }
        Ok(())
    }
}

/// Arguments of one call.
pub(super) struct Arguments<'a> {
    tool: &'a str,
    given: &'a Map<String, Value>,
}

impl<'a> Arguments<'a> {
    /// Arguments of `tool`; none of them is unknown to it.
    pub(super) fn new(tool: &'a str, given: &'a Map<String, Value>) -> Result<Self, Refusal> {
        let known = tools::arguments(tool);
        if let Some(odd) = given.keys().find(|key| !known.contains(key)) {
            let what = format!("`{tool}` has no argument `{}`", words::safe(odd));
            return Err(Refusal::arguments(
                what,
                format!("it takes {}", known.join(", ")),
            ));
        }
        Ok(Self { tool, given })
    }

    fn get(&self, name: &str) -> Option<&'a Value> {
        self.given.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, wanted: &str) -> Refusal {
        let what = format!("`{name}` of `{}` is not {wanted}", self.tool);
        Refusal::arguments(what, format!("write \"{name}\": {}", example(name)))
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(name, "a text")),
        }
    }

    pub(super) fn required(&self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| {
            let what = format!("`{}` needs `{name}`", self.tool);
            Refusal::arguments(what, format!("write \"{name}\": {}", example(name)))
        })
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(yes)) => Ok(*yes),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    pub(super) fn count(&self, name: &str) -> Result<Option<usize>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let n = value.as_u64().and_then(|n| usize::try_from(n).ok());
        n.filter(|n| *n > 0)
            .map(Some)
            .ok_or_else(|| self.wrong(name, "a number from 1"))
    }

    /// `1`, `"1"` or `"P1"`.
    pub(super) fn priority(&self) -> Result<Option<u8>, Refusal> {
        let Some(value) = self.get("priority") else {
            return Ok(None);
        };
        let n = match value {
            Value::String(text) => text.trim_start_matches(['P', 'p']).parse().ok(),
            other => other.as_u64().and_then(|n| u8::try_from(n).ok()),
        };
        n.filter(|n| *n <= MAX_PRIORITY)
            .map(Some)
            .ok_or_else(|| self.wrong("priority", "0 (most urgent) to 4"))
    }

    /// A list; one text counts as a list of one.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || self.wrong(name, "a list of texts");
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(all)) => all
                .iter()
                .map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect(),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn numbers(&self, name: &str) -> Result<Vec<usize>, Refusal> {
        let wrong = || self.wrong(name, "a list of numbers from 1");
        let one = |value: &Value| {
            let n = value.as_u64().and_then(|n| usize::try_from(n).ok());
            n.ok_or_else(wrong)
        };
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(all)) => all.iter().map(one).collect(),
            Some(value) => Ok(vec![one(value)?]),
        }
    }

    pub(super) fn task(&self, name: &str) -> Result<Option<TaskSelector>, Refusal> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(n) => n.to_string(),
            _ => return Err(self.wrong(name, "a task id")),
        };
        id(&text).map(Some)
    }

    pub(super) fn the_task(&self) -> Result<TaskSelector, Refusal> {
        self.required_id("id")
    }

    fn required_id(&self, name: &str) -> Result<TaskSelector, Refusal> {
        self.task(name)?.ok_or_else(|| {
            let what = format!("`{}` needs `{name}`", self.tool);
            Refusal::arguments(what, "write \"id\": \"T-7\"; `ready` and `search` show ids")
        })
    }

    /// `T-7`, or `kind:T-7`.
    pub(super) fn deps(&self) -> Result<Vec<DepSpec>, Refusal> {
        self.list("deps")?.iter().map(|text| dep(text)).collect()
    }

    pub(super) fn outcome(&self) -> Result<CloseOutcome, Refusal> {
        match self.text("outcome")?.as_deref() {
            None | Some("done") => Ok(CloseOutcome::Done),
            Some("wontdo") => Ok(CloseOutcome::Wontdo),
            Some("duplicate") => Ok(CloseOutcome::Duplicate),
            Some("failed") => Ok(CloseOutcome::Failed),
            Some(_) => Err(self.wrong("outcome", "done, wontdo, duplicate or failed")),
        }
    }
}

fn id(text: &str) -> Result<TaskSelector, Refusal> {
    text.parse()
        .map_err(|error: crate::domain::ids::IdError| Refusal::arguments(error.to_string(), ""))
}

fn dep(text: &str) -> Result<DepSpec, Refusal> {
    let (kind, on) = match text.split_once(':') {
        Some((kind, on)) => {
            let kind = kind
                .parse()
                .map_err(|error: String| Refusal::arguments(error, "e.g. discovered-from:T-7"))?;
            (kind, on)
        }
        None => (DepKind::Blocks, text),
    };
    Ok(DepSpec { kind, on: id(on)? })
}

/// A value as it is meant.
fn example(name: &str) -> &'static str {
    match name {
        "id" | "parent" => "\"T-7\"",
        "priority" => "2",
        "limit" => "10",
        "closed" => "true",
        "met" => "[1]",
        "deps" => "[\"T-7\"]",
        "labels" | "add_labels" | "rm_labels" | "acceptance" => "[\"one\", \"two\"]",
        "paths" | "add_paths" => "[\"src/date/**\"]",
        "outcome" => "\"done\"",
        _ => "\"...\"",
    }
}
