//! The conversation beside the journal, so that the same session can go on with it (a failed check
//! goes back to the agent that wrote the change). Redacted, bounded, readable by the owner only.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::agents::Redact;
use crate::agents::api::tools::Plan;
use crate::ports::model::{Part, ToolInput, Turn};

/// Version of the file.
const VERSION: u32 = 1;
/// Largest conversation that is kept: beyond it a session is not resumed but begun anew.
const MAX_BYTES: usize = 8 << 20;

/// A conversation that can be taken up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Transcript {
    version: u32,
    /// The provider and model that it was held with.
    pub(crate) provider: String,
    pub(crate) model: String,
    /// All turns; every call has its answer.
    pub(crate) turns: Vec<Turn>,
    /// The plan.
    pub(crate) plan: Plan,
}

impl Transcript {
    pub(crate) fn new(provider: &str, model: &str, turns: &[Turn], plan: &Plan) -> Self {
        Self {
            version: VERSION,
            provider: provider.to_owned(),
            model: model.to_owned(),
            turns: turns.to_vec(),
            plan: plan.clone(),
        }
    }

    /// Writes it, redacted. False if it is too large or cannot be written: then there is none.
    pub(crate) fn keep(mut self, path: &Path, redact: &Redact) -> bool {
        self.turns.retain_mut(|turn| scrub(turn, redact));
        let _ = fs::remove_file(path);
        let Ok(bytes) = serde_json::to_vec(&self) else {
            return false;
        };
        if bytes.len() > MAX_BYTES {
            return false;
        }
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(&bytes))
            .is_ok()
    }

    /// Reads one back.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let failed = |why: String| {
            format!(
                "cannot take up the conversation in {}: {why}",
                path.display()
            )
        };
        let bytes = fs::read(path).map_err(|e| failed(e.to_string()))?;
        let found: Self = serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?;
        if found.version != VERSION {
            return Err(failed(format!("it is of version {}", found.version)));
        }
        Ok(found)
    }
}

/// `<session>.transcript.json` beside `<session>.jsonl`.
pub(crate) fn path(journal: &Path) -> PathBuf {
    journal.with_extension("transcript.json")
}

/// Takes secrets out of a turn. Reasoning must go back unchanged or not at all, so what would change
/// is dropped. False if nothing of the turn is left.
fn scrub(turn: &mut Turn, redact: &Redact) -> bool {
    match turn {
        Turn::User(text) => *text = redact(text),
        Turn::ToolResults(results) => {
            for result in results {
                result.content = redact(&result.content);
            }
        }
        Turn::Assistant(parts) => {
            parts.retain_mut(|part| match part {
                Part::Thinking { text, .. } => redact(text) == *text,
                Part::Text { text, .. } => {
                    *text = redact(text);
                    true
                }
                Part::ToolCall { input, .. } => {
                    scrub_input(input, redact);
                    true
                }
            });
            return !parts.is_empty();
        }
    }
    true
}

fn scrub_input(input: &mut ToolInput, redact: &Redact) {
    match input {
        ToolInput::Malformed { raw, .. } => *raw = redact(raw),
        ToolInput::Object(map) => map
            .values_mut()
            .for_each(|value| scrub_value(value, redact)),
    }
}

fn scrub_value(value: &mut serde_json::Value, redact: &Redact) {
    match value {
        serde_json::Value::String(text) => *text = redact(text),
        serde_json::Value::Array(items) => {
            items.iter_mut().for_each(|item| scrub_value(item, redact));
        }
        serde_json::Value::Object(map) => {
            map.values_mut().for_each(|item| scrub_value(item, redact));
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}
