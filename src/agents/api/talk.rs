//! One conversation: model, tool calls, answers, until it is done or a limit says so.

mod calls;
mod room;

use crate::agents::api::ask::{Asked, NoReply, ask};
use crate::agents::api::context::{Context, answer_tokens};
use crate::agents::api::prompt;
use crate::agents::api::run::{Halt, Run};
use crate::agents::api::tools::specs;
use crate::agents::api::watch::{Turning, Watch};
use crate::agents::lines::one_line;
use crate::domain::session::FailureClass;
use crate::ports::model::{
    ModelReply, ModelRequest, Part, StopReason, SystemPart, Thinking, ToolChoice, ToolSpec, Turn,
};
use crate::ports::runner::AgentEvent;

/// Turns without a call that are followed by a nudge; the next one ends the conversation.
const NUDGES: u32 = 1;
/// Replies in a row that hold nothing, or are cut, before the run ends.
const EMPTY: u32 = 3;
/// From this share of a limit on the model is warned, in percent.
const WARN: u64 = 85;

/// How a conversation ends well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Closing {
    /// It called `done`.
    Done(String),
    /// It asked a human.
    Asked,
    /// It fell silent, twice.
    Silent(String),
}

/// A conversation on its way.
pub(crate) struct Talk {
    pub(crate) context: Context,
    system: Vec<SystemPart>,
    tools: Vec<ToolSpec>,
    /// `None` for the main one, else which helper it is.
    helper: Option<u32>,
    /// Calls of the model that this conversation may make.
    turns_left: u32,
    watch: Watch,
    silent: u32,
    empty: u32,
    squeezed: u32,
    warned: bool,
    helpers: u32,
}

impl Talk {
    /// A conversation that begins with these turns.
    pub(crate) fn new(run: &Run<'_>, turns: Vec<Turn>, helper: Option<u32>, most: u32) -> Self {
        let (manner, place) = prompt::system(helper.is_some(), run.desk.files.path());
        let tools = specs::specs(helper.is_some());
        let all = format!("{manner}\n\n{place}");
        Self {
            context: Context::new(turns, run.window, &all, &tools, run.count.clone()),
            system: vec![
                SystemPart {
                    text: manner,
                    cache: false,
                },
                SystemPart {
                    text: place,
                    cache: true,
                },
            ],
            tools,
            helper,
            turns_left: most,
            watch: Watch::default(),
            silent: 0,
            empty: 0,
            squeezed: 0,
            warned: false,
            helpers: 0,
        }
    }

    /// Talks until it ends.
    ///
    /// # Errors
    /// Why it ends without the model saying so. Every call has its answer even then.
    pub(crate) fn go(&mut self, run: &mut Run<'_>) -> Result<Closing, Halt> {
        loop {
            self.make_room(run)?;
            let request = self.request(run, ToolChoice::Auto);
            let asked = match self.ask(run, &request) {
                Ok(asked) => asked,
                Err(NoReply::TooLong) => {
                    self.squeeze(run)?;
                    continue;
                }
                Err(NoReply::Halt(halt)) => return Err(halt),
            };
            if let Some(closing) = self.take(run, asked)? {
                return Ok(closing);
            }
        }
    }

    fn ask(&mut self, run: &mut Run<'_>, request: &ModelRequest) -> Result<Asked, NoReply> {
        if self.helper.is_some() && self.turns_left == 0 {
            let class = FailureClass::AgentError;
            return Err(NoReply::Halt(Halt::own(
                class,
                "the helper ran out of turns",
            )));
        }
        let asked = ask(run, request)?;
        run.turns += 1;
        self.turns_left = self.turns_left.saturating_sub(1);
        Ok(asked)
    }

    fn request(&self, run: &Run<'_>, tool_choice: ToolChoice) -> ModelRequest {
        ModelRequest {
            model: run.wanted.clone(),
            system: self.system.clone(),
            turns: self.context.turns().to_vec(),
            tools: self.tools.clone(),
            tool_choice,
            max_output_tokens: answer_tokens(run.window),
            temperature: None,
            stop: Vec::new(),
            thinking: Thinking::Default,
            cache_turns: true,
            cache_key: Some(run.desk.lease.session().to_string()),
        }
    }

    /// Takes a reply in: says it, does its calls, and adds both to the conversation.
    fn take(&mut self, run: &mut Run<'_>, asked: Asked) -> Result<Option<Closing>, Halt> {
        let Asked { reply, clean } = asked;
        if run.answered.is_none() && self.helper.is_none() {
            run.answered = Some(reply.model.clone());
        }
        self.show(run, &reply);
        if reply.stop == StopReason::Refusal {
            let said = one_line(&reply.text(), 300);
            let reason = format!("the model refuses to go on: {said}");
            return Err(Halt::new(FailureClass::AgentError, reason));
        }
        let cut = reply.stop == StopReason::MaxTokens;
        let text = reply.text();
        let says = reply.parts.iter().any(|part| match part {
            Part::Text { text, .. } => !text.trim().is_empty(),
            Part::ToolCall { .. } => true,
            Part::Thinking { .. } => false,
        });
        if !says {
            return self.nothing(cut).map(|()| None);
        }
        let calls: Vec<Part> = reply
            .parts
            .iter()
            .filter(|part| part.call_id().is_some())
            .cloned()
            .collect();
        self.context.push(Turn::Assistant(reply.parts));
        if clean {
            self.context.measure(reply.usage);
        }
        if calls.is_empty() {
            return self.without_calls(cut, text);
        }
        self.silent = 0;
        self.calls(run, &calls, cut)
    }

    fn show(&self, run: &mut Run<'_>, reply: &ModelReply) {
        for part in &reply.parts {
            match part {
                Part::Thinking { text, .. } if !text.trim().is_empty() => {
                    run.teller.tell(AgentEvent::Thinking { text: text.clone() });
                }
                Part::Text { text, .. } if !text.trim().is_empty() => {
                    let text = match self.helper {
                        None => {
                            run.said.clone_from(text);
                            text.clone()
                        }
                        Some(n) => format!("[helper {n}] {text}"),
                    };
                    run.teller.tell(AgentEvent::Message { text });
                }
                Part::Thinking { .. } | Part::Text { .. } | Part::ToolCall { .. } => {}
            }
        }
    }

    /// A reply that holds nothing: it cannot stand in the conversation, so it is asked again.
    fn nothing(&mut self, cut: bool) -> Result<(), Halt> {
        self.empty += 1;
        if self.empty >= EMPTY {
            let reason = "the model answers with nothing";
            return Err(Halt::own(FailureClass::InvalidOutput, reason));
        }
        let text = if cut { prompt::CUT } else { prompt::NUDGE };
        self.context.push(Turn::User(text.to_owned()));
        Ok(())
    }

    /// A turn that is over without a call.
    fn without_calls(&mut self, cut: bool, text: String) -> Result<Option<Closing>, Halt> {
        if cut {
            self.empty += 1;
            if self.empty >= EMPTY {
                let reason = "the model's answers are cut at the output limit again and again";
                return Err(Halt::own(FailureClass::InvalidOutput, reason));
            }
            self.context.push(Turn::User(prompt::CUT.to_owned()));
            return Ok(None);
        }
        self.silent += 1;
        if self.silent > NUDGES {
            return Ok(Some(Closing::Silent(text)));
        }
        self.context.push(Turn::User(prompt::NUDGE.to_owned()));
        Ok(None)
    }

    /// After a turn: what the model should know before the next.
    fn advise(&mut self, run: &mut Run<'_>) -> Result<(), Halt> {
        self.empty = 0;
        match self.watch.turn() {
            None | Some((Turning::Forward, _)) => {}
            Some((Turning::Circling, turns)) => {
                run.teller
                    .status(format!("nothing new came of {turns} turns; told so"));
                self.context.push(Turn::User(prompt::no_progress(turns)));
            }
            Some((Turning::Stuck, turns)) => {
                let reason = format!("no progress: nothing new came of its last {turns} turns");
                return Err(Halt::own(FailureClass::InvalidOutput, reason));
            }
        }
        let left = self
            .turns_left
            .min(run.bounds.max_turns.saturating_sub(run.turns));
        if left == 1 {
            self.context.push(Turn::User(prompt::LAST_TURN.to_owned()));
            return Ok(());
        }
        let (share, what) = run.nearest_limit();
        if share >= WARN && !self.warned {
            self.warned = true;
            let said = format!("{share} % of the {what} for this run are used.");
            run.teller.status(said.clone());
            self.context.push(Turn::User(prompt::nearly(&said)));
        }
        Ok(())
    }
}
