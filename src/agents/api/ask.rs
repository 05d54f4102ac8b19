//! One call of the model: watched from beside, made again when its stream breaks, and paid for.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::agents::api::run::{Halt, Run, Stop};
use crate::domain::session::FailureClass;
use crate::ports::model::{ModelError, ModelEvent, ModelReply, ModelRequest, ModelTrouble};
use crate::ports::runner::Cancel;

/// How often a call that broke is made again from the last whole state.
const AGAIN: u32 = 3;
/// Waiting time before the first of them; doubled each time.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the watcher looks.
const LOOK: Duration = Duration::from_millis(50);

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum NoReply {
    /// The prompt does not fit.
    TooLong,
    /// The run ends.
    Halt(Halt),
}

/// A whole reply, and whether its count of tokens is of one try alone.
pub(crate) struct Asked {
    pub(crate) reply: ModelReply,
    pub(crate) clean: bool,
}

/// Asks until there is a whole reply, or a reason to end.
pub(crate) fn ask(run: &mut Run<'_>, request: &ModelRequest) -> Result<Asked, NoReply> {
    let mut broken = 0;
    loop {
        run.within_limits().map_err(NoReply::Halt)?;
        let (result, stopped, retried) = watched(run, request);
        match result {
            Ok(reply) => {
                run.pay(&reply.model, reply.usage, reply.cost);
                return Ok(Asked {
                    reply,
                    clean: retried == 0 && broken == 0,
                });
            }
            Err(error) => {
                run.pay(&request.model, error.usage, None);
                if let Some(stop) = stopped {
                    return Err(NoReply::Halt(run.stopped(stop)));
                }
                // What the provider tried again by itself counts too: it gave up after that.
                broken = u32::saturating_add(broken, retried);
                judge(run, &error, &mut broken)?;
                pause(run, PAUSE * 2_u32.pow(broken - 1));
            }
        }
    }
}

/// Whether the call is made again.
fn judge(run: &mut Run<'_>, error: &ModelError, broken: &mut u32) -> Result<(), NoReply> {
    let class = match error.class {
        ModelTrouble::ContextTooLong => return Err(NoReply::TooLong),
        // A refused key is refused for every task: the provider rests, and no attempt is lost.
        ModelTrouble::Quota
        | ModelTrouble::RateLimited
        | ModelTrouble::Overloaded
        | ModelTrouble::Auth => FailureClass::RateLimited,
        ModelTrouble::Invalid => FailureClass::AgentError,
        ModelTrouble::Cancelled => FailureClass::Cancelled,
        ModelTrouble::Network | ModelTrouble::Protocol => {
            *broken = broken.saturating_add(1);
            if *broken <= AGAIN {
                let text = format!("{error}; asking again ({broken} of {AGAIN})");
                run.teller.status(text);
                return Ok(());
            }
            FailureClass::Infrastructure
        }
    };
    let mut reason = error.to_string();
    if !error.hint.is_empty() {
        reason = format!("{reason} ({})", error.hint);
    }
    run.teller.error(reason.clone());
    Err(NoReply::Halt(Halt {
        retry_at: error.retry_at,
        ..Halt::new(class, reason)
    }))
}

fn pause(run: &Run<'_>, span: Duration) {
    let until = Instant::now() + span;
    while !run.cancel.is_asked() && Instant::now() < until {
        thread::park_timeout(LOOK.min(until.saturating_duration_since(Instant::now())));
    }
}

/// Makes the call with a thread beside it that ends it on request, when it is silent for too long,
/// or when the run's time is up. Besides: how often the provider tried again by itself.
fn watched(
    run: &mut Run<'_>,
    request: &ModelRequest,
) -> (Result<ModelReply, ModelError>, Option<Stop>, u32) {
    let inner = Cancel::default();
    let (over, quiet_since) = (AtomicBool::new(false), AtomicU64::new(0));
    let begun = Instant::now();
    let millis = |since: Instant| u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
    let idle = run.idle();
    let left = run.left();
    let (outer, model) = (run.cancel, run.model.clone());
    let mut retried = Vec::new();
    let mut on = |event: ModelEvent| {
        quiet_since.store(millis(begun), Ordering::Relaxed);
        if let ModelEvent::Retrying { attempt, cause, .. } = event {
            retried.push(format!("{cause}; try {attempt}"));
        }
    };
    let (result, stopped) = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                let quiet = millis(begun).saturating_sub(quiet_since.load(Ordering::Relaxed));
                let why = if outer.is_asked() {
                    Some(Stop::Cancelled)
                } else if begun.elapsed() >= left {
                    Some(Stop::Total)
                } else if u128::from(quiet) >= idle.as_millis() {
                    Some(Stop::Idle)
                } else {
                    None
                };
                if why.is_some() {
                    inner.ask();
                    return why;
                }
                thread::park_timeout(LOOK);
            }
            None
        });
        let result = model.generate(request, &mut on, &inner);
        over.store(true, Ordering::Release);
        watcher.thread().unpark();
        // The watcher only looks at clocks: it cannot panic.
        (result, watcher.join().unwrap_or_default())
    });
    for why in &retried {
        run.teller.status(why.clone());
    }
    let retried = u32::try_from(retried.len()).unwrap_or(u32::MAX);
    (result, stopped, retried)
}
