//! `bash`: one command line in the workspace, in the same confinement as any agent's process.
//!
//! A shell line is what the model asks for here; fleet itself puts nothing into it (R6).

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Desk, Within, middle_cut, parsed};
use crate::agents::lines::{Line, Tail, without_colours};
use crate::agents::process::{self, Ended, Limits, Sink, Spec, Stop, Stream};
use crate::agents::{confine, environment};

/// Time of a command that names none, and the most it may name.
pub(crate) const USUAL_SECS: u64 = 120;
pub(crate) const MOST_SECS: u64 = 1800;
/// Shells, the better first.
const SHELLS: [&str; 2] = ["bash", "sh"];

#[derive(Deserialize)]
struct Input {
    command: String,
    #[serde(default)]
    timeout_secs: Option<u64>,
}

/// Runs one command line and everything it starts to the end.
pub(super) fn bash(desk: &Desk<'_>, input: &Value, within: Within<'_>) -> Result<Answer, String> {
    let input: Input = parsed("bash", input)?;
    if input.command.trim().is_empty() {
        return Err("`command` is empty".to_owned());
    }
    let asked = input.timeout_secs.unwrap_or(USUAL_SECS).clamp(1, MOST_SECS);
    let time = Duration::from_secs(asked).min(within.left);
    let spec = spec(desk, &input.command, time)?;
    let mut keeper = Keeper::new(desk.answer_bytes);
    let request = desk.request;
    let walled = confine::wall(desk.setup, request, request.agent.network, spec)?;
    let ended = process::run(&walled.spec, within.cancel, &mut keeper)
        .map_err(|e| format!("the shell could not be started: {e}"))?;
    let how = how(&ended, time);
    let output = keeper.text(desk.answer_bytes);
    let text = if output.trim().is_empty() {
        format!("(no output)\n[{how}]")
    } else {
        format!("{}\n[{how}]", output.trim_end())
    };
    Ok(Answer {
        ok: ended.code == Some(0) && ended.stopped.is_none(),
        text,
        brief: how,
        last: None,
    })
}

fn spec(desk: &Desk<'_>, command: &str, time: Duration) -> Result<Spec, String> {
    let program = SHELLS
        .iter()
        .find_map(|name| environment::find_program(name, &desk.setup.env, None).ok())
        .ok_or("there is no shell on this machine's PATH")?;
    let mut env = environment::build(&desk.setup.env, desk.lease, desk.request);
    env.retain(|name, _| !desk.hidden.contains(name));
    Ok(Spec {
        program,
        args: vec!["-c".into(), command.into()],
        env,
        cwd: desk.request.workdir.clone(),
        stdin: None,
        merged: true,
        wrapped: false,
        limits: Limits {
            idle: time,
            total: time,
            max_output: desk.request.agent.max_output_bytes,
            grace: desk.setup.manners.grace,
            linger: desk.setup.manners.linger,
        },
        run: desk.lease.session().to_string(),
    })
}

fn how(ended: &Ended, time: Duration) -> String {
    let took = format!("{:.1} s", ended.duration.as_secs_f64());
    let mut how = match ended.stopped {
        Some(Stop::Idle | Stop::Total) => format!(
            "stopped: it ran longer than {} s; name a longer `timeout_secs`, or do less at once",
            time.as_secs()
        ),
        Some(Stop::Output) => "stopped: it printed far too much".to_owned(),
        Some(Stop::Cancelled) => "stopped on request".to_owned(),
        None => match (ended.code, ended.signal) {
            (Some(code), _) => format!("exit {code} after {took}"),
            (None, Some(signal)) => format!("killed by signal {signal} after {took}"),
            (None, None) => format!("ended after {took}"),
        },
    };
    if ended.stragglers > 0 {
        how.push_str("; what it left running in the background was ended");
    }
    how
}

/// Keeps the beginning and the end of what is printed.
struct Keeper {
    head: Vec<u8>,
    tail: Tail,
    half: usize,
    all: u64,
    filled: bool,
}

impl Keeper {
    fn new(most: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: Tail::new(most),
            half: most,
            all: 0,
            filled: false,
        }
    }

    fn text(self, most: usize) -> String {
        let head = String::from_utf8_lossy(&self.head);
        if !self.filled {
            return middle_cut(&without_colours(&head), most);
        }
        let tail = self.tail.text();
        let lost = self
            .all
            .saturating_sub((self.head.len() + tail.len()) as u64);
        let both = format!("{}[… {lost} bytes left out …]\n{tail}", head);
        middle_cut(&without_colours(&both), most)
    }
}

impl Sink for Keeper {
    fn line(&mut self, _: Stream, line: Line<'_>) {
        self.all += line.bytes.len() as u64 + line.lost + 1;
        if !self.filled && self.head.len() + line.bytes.len() < self.half {
            self.head.extend_from_slice(line.bytes);
            self.head.push(b'\n');
        } else {
            self.filled = true;
            self.tail.push(line.bytes);
        }
    }

    fn is_over(&mut self) -> bool {
        false
    }
}
