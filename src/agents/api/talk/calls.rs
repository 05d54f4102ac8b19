//! The calls of one reply: each is done in order and answered exactly once.

use serde_json::{Map, Value};

use crate::agents::api::prompt;
use crate::agents::api::run::{Halt, Run, Stop};
use crate::agents::api::talk::{Closing, Talk};
use crate::agents::api::tools::{self, Answer, Last, middle_cut, specs};
use crate::agents::api::watch::Turning;
use crate::agents::lines::one_line;
use crate::domain::session::FailureClass;
use crate::ports::model::{Part, ToolInput, ToolResult, Turn};
use crate::ports::runner::AgentEvent;

/// Most calls of one reply that are done; the rest is answered with this advice.
const CALLS: usize = 32;
/// Longest summary line of a call in the journal.
const BRIEF_BYTES: usize = 160;

impl Talk {
    /// Does the calls of a reply in order. Each gets exactly one answer, whatever happens.
    pub(super) fn calls(
        &mut self,
        run: &mut Run<'_>,
        calls: &[Part],
        cut: bool,
    ) -> Result<Option<Closing>, Halt> {
        let mut results = Vec::with_capacity(calls.len());
        let (mut closing, mut halt) = (None, None);
        for (at, part) in calls.iter().enumerate() {
            let Part::ToolCall {
                id, name, input, ..
            } = part
            else {
                continue;
            };
            let why_not = if closing.is_some() {
                Some("not run: the work was ended by the call before")
            } else if halt.is_some() || run.cancel.is_asked() {
                Some("not run: the run is being stopped")
            } else if at >= CALLS {
                Some("not run: too many calls in one turn; make it again in the next")
            } else {
                None
            };
            let answer = match why_not {
                Some(why) => Answer::refused(why),
                None => match self.call(run, (id, name), input, cut) {
                    Ok(answer) => answer,
                    Err(why) => {
                        let text = format!("stopped: {}", why.reason);
                        halt = Some(why);
                        Answer::refused(text)
                    }
                },
            };
            if let Some(last) = answer.last.clone() {
                closing = Some(match last {
                    Last::Done(summary) => Closing::Done(summary),
                    Last::Asked => Closing::Asked,
                });
            }
            results.push(self.answered(run, (id, name), answer));
        }
        self.context.push(Turn::ToolResults(results));
        if let Some(halt) = halt {
            return Err(halt);
        }
        if closing.is_some() {
            return Ok(closing);
        }
        if run.cancel.is_asked() {
            return Err(run.stopped(Stop::Cancelled));
        }
        self.advise(run)?;
        Ok(None)
    }

    /// Does one call.
    fn call(
        &mut self,
        run: &mut Run<'_>,
        (id, name): (&str, &str),
        input: &ToolInput,
        cut: bool,
    ) -> Result<Answer, Halt> {
        let (value, broken) = match input {
            ToolInput::Object(map) => (Value::Object(map.clone()), None),
            ToolInput::Malformed { raw, why } => (Value::String(raw.clone()), Some(why)),
        };
        run.teller.tell(AgentEvent::ToolCall {
            id: self.event_id(id),
            name: name.to_owned(),
            summary: one_line(&brief_input(name, &value), BRIEF_BYTES),
        });
        match self.watch.call(name, &value) {
            Turning::Forward => {}
            Turning::Circling => return Ok(Answer::refused(prompt::repeated())),
            Turning::Stuck => {
                let reason =
                    format!("it goes round in circles: `{name}` with the same input again");
                return Err(Halt::own(FailureClass::InvalidOutput, reason));
            }
        }
        let answer = if let Some(why) = broken {
            Answer::refused(malformed(name, why, cut))
        } else if !self.tools.iter().any(|tool| tool.name == name) {
            let names = specs::names(self.helper.is_some());
            Answer::refused(format!("there is no tool `{name}`. The tools are: {names}"))
        } else if name == "task" {
            self.helper(run, &value)?
        } else {
            let within = run.within();
            tools::call(&mut run.desk, name, &value, within)
        };
        self.watch.answer(name, &value, answer.ok, &answer.text);
        self.tell_more(run, name, &answer, &value);
        Ok(answer)
    }

    /// What a call means to whoever watches, besides being a call.
    fn tell_more(&self, run: &mut Run<'_>, name: &str, answer: &Answer, input: &Value) {
        if !answer.ok {
            return;
        }
        let text = |field: &str| input[field].as_str().unwrap_or_default().to_owned();
        let event = match name {
            "todo" => AgentEvent::Progress {
                text: format!("plan: {}", answer.brief),
            },
            "finding" => AgentEvent::Finding { text: text("text") },
            "escalate" => AgentEvent::Escalation {
                context: text("context"),
                options: input["options"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
            },
            _ => return,
        };
        run.teller.tell(event);
        if name == "todo" {
            let plan = run.desk.plan.text();
            run.teller.status(plan);
        }
    }

    fn answered(&self, run: &mut Run<'_>, (id, name): (&str, &str), answer: Answer) -> ToolResult {
        let brief = if answer.brief.is_empty() {
            answer.text.lines().next().unwrap_or_default()
        } else {
            &answer.brief
        };
        run.teller.tell(AgentEvent::ToolResult {
            id: self.event_id(id),
            ok: answer.ok,
            summary: one_line(brief, BRIEF_BYTES),
        });
        ToolResult {
            call_id: id.to_owned(),
            name: name.to_owned(),
            ok: answer.ok,
            content: middle_cut(&answer.text, run.desk.answer_bytes + 1024),
        }
    }

    fn event_id(&self, id: &str) -> String {
        match self.helper {
            None => id.to_owned(),
            Some(n) => format!("helper-{n}/{id}"),
        }
    }

    /// A conversation of its own for a piece of the work.
    pub(super) fn helper(&mut self, run: &mut Run<'_>, input: &Value) -> Result<Answer, Halt> {
        let said = match tools::parsed::<Piece>("task", input) {
            Ok(said) if !said.prompt.trim().is_empty() => said,
            Ok(_) => return Ok(Answer::refused("`prompt` is empty")),
            Err(why) => return Ok(Answer::refused(why)),
        };
        self.helpers += 1;
        let n = self.helpers;
        let title = one_line(&said.title, 80);
        run.teller.status(format!("helper {n} begins: {title}"));
        let most = run.bounds.max_turns.saturating_sub(run.turns) / 2;
        let known = std::mem::take(&mut run.desk.known);
        let turns = vec![Turn::User(said.prompt)];
        let ended = Self::new(run, turns, Some(n), most.max(1)).go(run);
        // What a helper has seen it may have changed: the main conversation does not know it.
        let touched = std::mem::replace(&mut run.desk.known, known);
        run.desk.known.retain(|path| !touched.contains(path));
        let answer = match ended {
            Ok(Closing::Done(report) | Closing::Silent(report)) => {
                Answer::new(report, format!("helper {n} reports"))
            }
            Ok(Closing::Asked) => Answer::refused("the helper stopped with a question"),
            Err(halt) if halt.own => Answer::refused(format!("the helper failed: {}", halt.reason)),
            Err(halt) => return Err(halt),
        };
        run.teller.status(format!("helper {n} ends: {title}"));
        Ok(answer)
    }
}

/// Input of `task`.
#[derive(serde::Deserialize)]
struct Piece {
    #[serde(default)]
    title: String,
    prompt: String,
}

fn malformed(name: &str, why: &str, cut: bool) -> String {
    let usage = specs::usage(name);
    if cut {
        return format!(
            "not run: your answer was cut off before the input of `{name}` was complete. Make the call \
             again with less in it: large files in parts, one call at a time. {usage}"
        );
    }
    format!(
        "not run: the input of `{name}` is no JSON object ({why}). Send one object, with quotes, \
         backslashes and line ends in texts escaped. {usage}"
    )
}

/// The part of an input that says most to a person.
fn brief_input(name: &str, input: &Value) -> String {
    let empty = Map::new();
    let map = input.as_object().unwrap_or(&empty);
    let text = |field: &str| map.get(field).and_then(Value::as_str).unwrap_or_default();
    match name {
        "bash" => text("command").to_owned(),
        "read" | "write" | "edit" => text("path").to_owned(),
        "glob" => text("pattern").to_owned(),
        "grep" => format!("{} {}", text("pattern"), text("path")),
        "task" | "subtask" => text("title").to_owned(),
        "finding" => text("text").to_owned(),
        "escalate" => text("context").to_owned(),
        "done" => text("summary").to_owned(),
        "todo" => format!(
            "{} items",
            map.get("items")
                .and_then(Value::as_array)
                .map_or(0, Vec::len)
        ),
        _ => input.to_string(),
    }
}
