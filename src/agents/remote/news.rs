//! What was said and done at a service since the last look, for the journal of the session.

use serde_json::Value;

use crate::agents::remote::http::{bounded, cut};
use crate::agents::remote::speech::{text, unsigned};
use crate::domain::remote::RemoteSaid;

/// Most things that one look passes on, the newest ones.
const NEWS_MAX: usize = 200;
/// Most bytes of one of them.
const TEXT_BYTES: usize = 4_000;
/// Most bytes of a line.
const LINE_BYTES: usize = 300;

/// News, and the key of the last thing that they tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) said: Vec<RemoteSaid>,
    pub(super) upto: Option<String>,
}

impl News {
    /// What comes after `upto`, of things that are whole.
    fn of(
        items: &[Value],
        upto: Option<&str>,
        key: impl Fn(&Value) -> String,
        whole: impl Fn(&Value) -> bool,
        mut tell: impl FnMut(&Value, &mut Vec<RemoteSaid>),
    ) -> Self {
        let known = upto.and_then(|upto| items.iter().position(|item| key(item) == upto));
        let mut news = Self {
            said: Vec::new(),
            upto: upto.map(str::to_owned),
        };
        let new = items.iter().skip(known.map_or(0, |at| at + 1));
        for item in new.take_while(|item| whole(item)) {
            tell(item, &mut news.said);
            news.upto = Some(key(item));
        }
        let over = news.said.len().saturating_sub(NEWS_MAX);
        news.said.drain(..over);
        news
    }
}

fn some(said: &str) -> Option<String> {
    let said = bounded(said.trim(), TEXT_BYTES);
    (!said.is_empty()).then(|| said.to_owned())
}

fn line(said: &str) -> Option<String> {
    some(&cut(said, LINE_BYTES))
}

/// The activities of a Jules session, oldest first.
pub(super) fn of_jules(activities: &[Value], upto: Option<&str>) -> News {
    let key = |activity: &Value| {
        let name = text(activity, "/name");
        name.rsplit('/').next().unwrap_or("").to_owned()
    };
    News::of(activities, upto, key, |_| true, jules_activity)
}

fn jules_activity(activity: &Value, out: &mut Vec<RemoteSaid>) {
    let of = |path: &str| text(activity, path);
    out.extend(some(of("/agentMessaged/agentMessage")).map(RemoteSaid::Message));
    out.extend(line(unsigned(of("/userMessaged/userMessage"))).map(RemoteSaid::Heard));
    let steps = activity.pointer("/planGenerated/plan/steps");
    let steps = steps.and_then(Value::as_array).into_iter().flatten();
    let steps: Vec<&str> = steps.map(|step| text(step, "/title")).collect();
    out.extend(line(&steps.join("; ")).map(|plan| RemoteSaid::Progress(format!("plan: {plan}"))));
    if activity.get("planApproved").is_some() {
        out.push(RemoteSaid::Progress("its plan was approved".to_owned()));
    }
    let progress = format!(
        "{} {}",
        of("/progressUpdated/title"),
        of("/progressUpdated/description")
    );
    out.extend(line(&progress).map(RemoteSaid::Progress));
    let artifacts = activity.get("artifacts").and_then(Value::as_array);
    for artifact in artifacts.into_iter().flatten() {
        let Some(bash) = artifact.get("bashOutput") else {
            continue;
        };
        out.push(RemoteSaid::Tool {
            name: "bash".to_owned(),
            asked: cut(text(bash, "/command"), LINE_BYTES),
            ok: bash.get("exitCode").and_then(Value::as_i64).unwrap_or(0) == 0,
            answered: cut(text(bash, "/output"), LINE_BYTES),
        });
    }
    out.extend(line(of("/sessionFailed/reason")).map(RemoteSaid::Error));
}

/// The messages of an OpenCode session, oldest first. An answer that is being written is told when it
/// is whole.
pub(super) fn of_opencode(messages: &[Value], upto: Option<&str>) -> News {
    let key = |message: &Value| text(message, "/info/id").to_owned();
    let whole = |message: &Value| {
        text(message, "/info/role") == "user" || message.pointer("/info/time/completed").is_some()
    };
    News::of(messages, upto, key, whole, opencode_message)
}

fn opencode_message(message: &Value, out: &mut Vec<RemoteSaid>) {
    let by_user = text(message, "/info/role") == "user";
    let parts = message.get("parts").and_then(Value::as_array);
    for part in parts.into_iter().flatten() {
        let words = text(part, "/text");
        match text(part, "/type") {
            "text" if by_user => out.extend(line(unsigned(words)).map(RemoteSaid::Heard)),
            "text" => out.extend(some(words).map(RemoteSaid::Message)),
            "reasoning" => out.extend(some(words).map(RemoteSaid::Thinking)),
            "tool" => out.push(opencode_tool(part)),
            _ => {}
        }
    }
    let error = text(message, "/info/error/name");
    if !error.is_empty() {
        let more = text(message, "/info/error/data/message");
        out.extend(line(&format!("{error} {more}")).map(RemoteSaid::Error));
    }
}

fn opencode_tool(part: &Value) -> RemoteSaid {
    let input = part.pointer("/state/input");
    let asked = input.map_or_else(String::new, |input| {
        let main = ["command", "filePath", "path", "pattern", "description"];
        let main = main.iter().find_map(|key| input.get(key)?.as_str());
        main.map_or_else(|| input.to_string(), str::to_owned)
    });
    let ok = text(part, "/state/status") == "completed";
    let answered = if ok { "/state/output" } else { "/state/error" };
    RemoteSaid::Tool {
        name: cut(text(part, "/tool"), 60),
        asked: cut(&asked, LINE_BYTES),
        ok,
        answered: cut(text(part, answered), LINE_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn activities() -> Vec<Value> {
        vec![
            json!({ "name": "sessions/1/activities/a0", "planGenerated": { "plan": { "id": "p",
                "steps": [{ "title": "Look" }, { "title": "Change" }] } } }),
            json!({ "name": "sessions/1/activities/a1", "progressUpdated": { "title": "Testing",
                "description": "runs them" }, "artifacts": [{ "bashOutput": {
                    "command": "make test", "output": "1 failed\n", "exitCode": 2 } }] }),
            json!({ "name": "sessions/1/activities/a2",
                "agentMessaged": { "agentMessage": "Which colour?" } }),
        ]
    }

    #[test]
    fn each_activity_is_told_once() {
        let all = of_jules(&activities(), None);
        let tool = RemoteSaid::Tool {
            name: "bash".to_owned(),
            asked: "make test".to_owned(),
            ok: false,
            answered: "1 failed".to_owned(),
        };
        let wanted = [
            RemoteSaid::Progress("plan: Look; Change".to_owned()),
            RemoteSaid::Progress("Testing runs them".to_owned()),
            tool,
            RemoteSaid::Message("Which colour?".to_owned()),
        ];
        assert_eq!(all.said, wanted);
        assert_eq!(all.upto.as_deref(), Some("a2"));
        let rest = of_jules(&activities(), Some("a1"));
        assert_eq!(rest.said, wanted[3..]);
        let none = of_jules(&activities(), Some("a2"));
        assert_eq!(none.said, []);
        assert_eq!(none.upto.as_deref(), Some("a2"));
    }

    #[test]
    fn an_answer_is_told_when_it_is_whole() {
        let mut messages = vec![
            json!({ "info": { "id": "m1", "role": "user" }, "parts": [
                { "type": "text", "text": "Do\nit" }] }),
            json!({ "info": { "id": "m2", "role": "assistant", "time": { "created": 1 } },
                "parts": [{ "type": "tool", "tool": "bash", "state": { "status": "completed",
                    "input": { "command": "ls" }, "output": "a.txt\n" } }] }),
        ];
        let first = of_opencode(&messages, None);
        assert_eq!(first.said, [RemoteSaid::Heard("Do it".to_owned())]);
        assert_eq!(first.upto.as_deref(), Some("m1"));
        messages[1]["info"]["time"]["completed"] = json!(2);
        let second = of_opencode(&messages, first.upto.as_deref());
        let tool = RemoteSaid::Tool {
            name: "bash".to_owned(),
            asked: "ls".to_owned(),
            ok: true,
            answered: "a.txt".to_owned(),
        };
        assert_eq!(second.said, [tool]);
    }
}
