//! One check (`verify`) from its command to its result: as untrusted as the agent (R5).

use std::ffi::OsString;
use std::time::Instant;

use crate::agents::lines::{Line, Tail};
use crate::agents::process::{self, Limits, Sink, Spec, Stop, Stream};
use crate::agents::run::millis;
use crate::agents::{Setup, confine, environment};
use crate::domain::policy::VerifyCommand;
use crate::domain::session::VerifyResult;
use crate::ports::lease::Lease;
use crate::ports::runner::{Cancel, RunRequest};

/// End of a check's output that is kept.
const VERIFY_TAIL_BYTES: usize = 4096;

/// Runs one check: the same environment and limits as an agent, its own timeout, no input.
pub(crate) fn check(
    setup: &Setup,
    lease: &Lease,
    request: &RunRequest,
    command: &VerifyCommand,
    cancel: &Cancel,
) -> VerifyResult {
    let begun = Instant::now();
    let name = command.argv.join(" ");
    let broken = |why: String, exit: Option<i32>| VerifyResult {
        command: name.clone(),
        exit,
        duration_ms: millis(begun.elapsed()),
        tail: (setup.redact)(&why),
    };
    let prepared = (|| {
        let (first, rest) = command
            .argv
            .split_first()
            .ok_or("the `verify` command is empty")?;
        environment::prepare(request)?;
        let program = environment::find_program(first, &setup.env, Some(&request.workdir))?;
        Ok::<_, String>(Spec {
            program,
            args: rest.iter().map(OsString::from).collect(),
            env: environment::build(&setup.env, lease, request),
            cwd: request.workdir.clone(),
            stdin: None,
            merged: true,
            limits: Limits {
                idle: command.timeout.std(),
                total: command.timeout.std(),
                max_output: request.agent.max_output_bytes,
                grace: setup.manners.grace,
                linger: setup.manners.linger,
            },
            wrapped: false,
            run: lease.session().to_string(),
        })
    })();
    let walled = match prepared.and_then(|s| confine::wall(setup, request, command.network, s)) {
        Ok(walled) => walled,
        Err(why) => return broken(why, None),
    };
    let mut keeper = Keeper(Tail::new(2 * VERIFY_TAIL_BYTES));
    let ended = match process::run(&walled.spec, cancel, &mut keeper) {
        Ok(ended) => ended,
        Err(e) => return broken(format!("cannot start it: {e}"), None),
    };
    let stopped = match ended.stopped {
        None => String::new(),
        Some(Stop::Idle | Stop::Total) => {
            format!("\n[stopped: ran longer than {} ms]", command.timeout.0)
        }
        Some(Stop::Output) => "\n[stopped: printed too much]".to_owned(),
        Some(Stop::Cancelled) => "\n[stopped on request]".to_owned(),
    };
    // A program that we stopped may still have exited 0 on its way out: that is no pass.
    let exit = ended.code.filter(|_| ended.stopped.is_none());
    let tail = if exit == Some(0) {
        String::new()
    } else {
        let text = (setup.redact)(&format!("{}{stopped}", keeper.0.text()));
        last_bytes(&text, VERIFY_TAIL_BYTES).to_owned()
    };
    VerifyResult {
        command: name,
        exit,
        duration_ms: millis(ended.duration),
        tail,
    }
}

/// Keeps the end of everything.
struct Keeper(Tail);

impl Sink for Keeper {
    fn line(&mut self, _stream: Stream, line: Line<'_>) {
        self.0.push(line.bytes);
    }

    fn is_over(&mut self) -> bool {
        false
    }
}

fn last_bytes(text: &str, max: usize) -> &str {
    let mut from = text.len().saturating_sub(max);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}
