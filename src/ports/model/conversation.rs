//! What a model is asked: instructions, turns, tools, and how they belong together.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a model is asked. Turns begin with [`Turn::User`] and end with the user or tool results.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// Name of the model as its provider knows it.
    pub model: String,
    /// Instructions, in order; parts are joined by a blank line where the API takes one text.
    pub system: Vec<SystemPart>,
    /// The conversation so far.
    pub turns: Vec<Turn>,
    /// Tools it may call.
    pub tools: Vec<ToolSpec>,
    /// Whether it must.
    pub tool_choice: ToolChoice,
    /// Most tokens it may produce, reasoning included. Always sent.
    pub max_output_tokens: u32,
    /// Sampling temperature, 0..=2; `None` leaves it to the provider. Reasoning models of several
    /// providers refuse it: then it is left out.
    pub temperature: Option<f64>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// How much it should reason.
    pub thinking: Thinking,
    /// The conversation grows turn by turn: ask the provider to cache what stands so far, where it
    /// has to be asked (Anthropic).
    pub cache_turns: bool,
    /// Groups calls that share a prefix, for providers that route by it (OpenAI `prompt_cache_key`);
    /// a session id, for example. Sent to providers of OpenAI's own API only.
    pub cache_key: Option<String>,
}

impl ModelRequest {
    /// A request with one user text and nothing else.
    #[must_use]
    pub fn new(model: &str, user: &str, max_output_tokens: u32) -> Self {
        Self {
            model: model.to_owned(),
            system: Vec::new(),
            turns: vec![Turn::User(user.to_owned())],
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
            max_output_tokens,
            temperature: None,
            stop: Vec::new(),
            thinking: Thinking::Default,
            cache_turns: false,
            cache_key: None,
        }
    }

    /// Whether every API would take the turns: no two assistant turns in a row, every tool call
    /// answered exactly once in the turn after it, nothing answered that was not called, no empty turn.
    ///
    /// # Errors
    /// What is wrong, as a fragment that names the turn (from 0).
    pub fn check(&self) -> Result<(), String> {
        if !matches!(self.turns.first(), Some(Turn::User(_))) {
            return Err("the first turn is not the user's".to_owned());
        }
        if matches!(self.turns.last(), Some(Turn::Assistant(_))) {
            return Err("the last turn is the assistant's, so nothing is asked".to_owned());
        }
        let mut open: Vec<&str> = Vec::new();
        for (at, turn) in self.turns.iter().enumerate() {
            let answers = matches!(turn, Turn::ToolResults(_));
            if !open.is_empty() && !answers {
                return Err(format!(
                    "turn {at}: the tool call `{}` has no answer",
                    open[0]
                ));
            }
            match turn {
                Turn::User(text) if text.trim().is_empty() => {
                    return Err(format!("turn {at}: the user's text is empty"));
                }
                Turn::User(_) => {}
                Turn::Assistant(parts) => {
                    if at > 0 && matches!(self.turns[at - 1], Turn::Assistant(_)) {
                        return Err(format!("turn {at}: two assistant turns in a row"));
                    }
                    if parts.is_empty() {
                        return Err(format!("turn {at}: the assistant's turn is empty"));
                    }
                    open = parts.iter().filter_map(Part::call_id).collect();
                    let mut ids = open.clone();
                    ids.sort_unstable();
                    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
                        return Err(format!("turn {at}: two tool calls have the same id"));
                    }
                }
                Turn::ToolResults(results) => {
                    for result in results {
                        let found = open.iter().position(|id| *id == result.call_id);
                        let Some(found) = found else {
                            return Err(format!(
                                "turn {at}: `{}` answers no open tool call",
                                result.call_id
                            ));
                        };
                        open.remove(found);
                    }
                    if let Some(missing) = open.first() {
                        return Err(format!(
                            "turn {at}: the tool call `{missing}` has no answer"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

/// One part of the instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPart {
    /// The text.
    pub text: String,
    /// The prompt up to here repeats from call to call: cache it. At most four are honoured.
    pub cache: bool,
}

/// One turn of a conversation. It can be written down and read back (an agent's journal).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// A text of the user. Directly after tool results it goes along with them.
    User(String),
    /// What the model said, exactly as `ModelReply::parts` gave it.
    Assistant(Vec<Part>),
    /// Answers to all tool calls of the turn before.
    ToolResults(Vec<ToolResult>),
}

/// A part of what a model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum Part {
    /// Text for the reader.
    Text {
        /// The text.
        text: String,
        /// What the provider wants back with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
    },
    /// Reasoning: text that may be empty where the provider hides it.
    Thinking {
        /// The text or a summary of it.
        text: String,
        /// What the provider wants back with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
    },
    /// It calls a tool.
    ToolCall {
        /// Id of the call, unique in the reply; answers name it.
        id: String,
        /// Name of the tool, as the model wrote it: it may be none that was offered.
        name: String,
        /// Arguments.
        input: ToolInput,
        /// What the provider wants back with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signature: Option<Signature>,
    },
}

impl Part {
    /// A plain text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text {
            text: text.to_owned(),
            signature: None,
        }
    }

    /// Id of the tool call, if it is one.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        match self {
            Self::ToolCall { id, .. } => Some(id),
            Self::Text { .. } | Self::Thinking { .. } => None,
        }
    }
}

/// What a provider attached to a part and wants back unchanged (signed thinking, encrypted
/// reasoning, thought signatures). Only the wire that made it may read it; another one leaves it out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Which wire made it: `anthropic`, `openai`, `openai-chat`, `gemini`.
    pub wire: String,
    /// Its content, opaque.
    pub data: String,
}

/// Arguments of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolInput {
    /// A JSON object; no arguments are an empty object.
    Object(serde_json::Map<String, Value>),
    /// What the model wrote is not a JSON object. Answer the call with `ok: false` and say so.
    Malformed {
        /// As written.
        raw: String,
        /// Why it cannot be read.
        why: String,
    },
}

impl ToolInput {
    /// Reads arguments as a model wrote them; blank is an empty object.
    #[must_use]
    pub fn read(raw: &str) -> Self {
        if raw.trim().is_empty() {
            return Self::Object(serde_json::Map::new());
        }
        let malformed = |why: String| Self::Malformed {
            raw: raw.to_owned(),
            why,
        };
        match serde_json::from_str(raw) {
            Ok(Value::Object(map)) => Self::Object(map),
            Ok(_) => malformed("it is JSON, but not an object".to_owned()),
            Err(error) => malformed(error.to_string()),
        }
    }

    /// As the object that goes back to the model; what was malformed stands in it as a text.
    #[must_use]
    pub fn to_object(&self) -> serde_json::Map<String, Value> {
        match self {
            Self::Object(map) => map.clone(),
            Self::Malformed { raw, .. } => {
                let mut map = serde_json::Map::new();
                map.insert("malformed_json".to_owned(), Value::String(raw.clone()));
                map
            }
        }
    }
}

/// The answer to a tool call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Which call.
    pub call_id: String,
    /// Name of the tool called (Gemini wants it back).
    pub name: String,
    /// Whether it worked.
    pub ok: bool,
    /// What it gave; empty is sent as `(no output)` where the API refuses empty text.
    pub content: String,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// `^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$`: what all providers take.
    pub name: String,
    /// What it does and when to use it.
    pub description: String,
    /// JSON schema of its arguments, an object schema.
    pub input_schema: Value,
}

/// Whether tools must be called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None may be called.
    None,
    /// Some tool must be called.
    Required,
    /// This tool must be called.
    Named(String),
}

/// How much the model should reason before it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// As the provider does by itself.
    #[default]
    Default,
    /// Not at all, where that can be chosen.
    Off,
    /// About this much.
    Effort(Effort),
}

/// Grades of reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Effort {
    Low,
    Medium,
    High,
}

#[cfg(test)]
mod tests {
    use super::{ModelRequest, Part, ToolInput, ToolResult, Turn};

    fn call(id: &str) -> Part {
        Part::ToolCall {
            id: id.into(),
            name: "bash".into(),
            input: ToolInput::read("{}"),
            signature: None,
        }
    }

    fn answer(id: &str) -> ToolResult {
        ToolResult {
            call_id: id.into(),
            name: "bash".into(),
            ok: true,
            content: "done".into(),
        }
    }

    fn verdict(turns: Vec<Turn>) -> Result<(), String> {
        ModelRequest {
            turns,
            ..ModelRequest::new("m", "x", 1)
        }
        .check()
    }

    #[test]
    fn every_tool_call_must_have_its_answer_in_the_next_turn() {
        let user = || Turn::User("go".into());
        let calls = || Turn::Assistant(vec![call("a"), call("b")]);
        let both = || Turn::ToolResults(vec![answer("b"), answer("a")]);
        assert_eq!(verdict(vec![user()]), Ok(()));
        assert_eq!(verdict(vec![user(), calls(), both()]), Ok(()));
        assert_eq!(verdict(vec![user(), calls(), both(), user()]), Ok(()));
        let wrong = [
            vec![],
            vec![calls()],
            vec![user(), calls()],
            vec![user(), calls(), user()],
            vec![user(), calls(), Turn::ToolResults(vec![answer("a")])],
            vec![
                user(),
                calls(),
                Turn::ToolResults(vec![answer("a"), answer("b"), answer("b")]),
            ],
            vec![user(), Turn::ToolResults(vec![answer("a")])],
            vec![
                user(),
                Turn::Assistant(vec![call("a"), call("a")]),
                Turn::ToolResults(vec![answer("a"), answer("a")]),
            ],
            vec![
                user(),
                Turn::Assistant(vec![Part::text("x")]),
                Turn::Assistant(vec![Part::text("x")]),
                user(),
            ],
            vec![user(), Turn::Assistant(vec![]), user()],
            vec![Turn::User(" ".into())],
        ];
        for turns in wrong {
            assert!(verdict(turns.clone()).is_err(), "{turns:?}");
        }
    }

    #[test]
    fn malformed_arguments_are_kept_as_they_were_written() {
        assert_eq!(ToolInput::read(" "), ToolInput::read("{}"));
        for raw in ["{\"a\":", "[1]", "7", "{} x"] {
            let input = ToolInput::read(raw);
            let ToolInput::Malformed { raw: kept, .. } = &input else {
                panic!("{raw} was read");
            };
            assert_eq!(kept, raw);
            assert_eq!(input.to_object()["malformed_json"], raw);
        }
    }
}
