//! Step 5: the sessions that run at once, a thread each, and the one line of events from them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::Scope;

use crate::app::tick::World;
use crate::app::tick::claims::Claimed;
use crate::app::tick::documents::{self, ResultDoc};
use crate::app::tick::remote::{self, Done, Job};
use crate::app::tick::till::Till;
use crate::app::tick::work;
use crate::domain::ids::SessionUid;
use crate::domain::time::DurationMs;
use crate::ports::lease::Lease;
use crate::ports::runner::{AgentEvent, Cancel};

/// Events that may wait to be read; a full line holds the agents' readers back, not memory.
const LINE: usize = 1024;

/// What comes out of the pool.
pub(super) enum FromPool {
    /// Session, its task's name, what was said.
    Event(SessionUid, Arc<str>, AgentEvent),
    Done(Box<ResultDoc>),
    /// A step at a service was done, and the session goes on.
    Remote(SessionUid, Done),
    /// The thread died without a result: a defect, told and not hidden.
    Died(SessionUid),
}

/// Sessions that run.
pub(super) struct Pool<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    world: &'env World<'env>,
    line: (SyncSender<FromPool>, Receiver<FromPool>),
    running: BTreeMap<SessionUid, Running>,
    bundle: bool,
    till: Arc<Till>,
}

/// One running session.
pub(super) struct Running {
    pub(super) lease: Lease,
    cancel: Cancel,
}

impl<'scope, 'env> Pool<'scope, 'env> {
    /// An empty pool; with `bundle`, commits are also written for another machine to read.
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        world: &'env World<'env>,
        bundle: bool,
    ) -> Self {
        Self {
            scope,
            world,
            line: sync_channel(LINE),
            running: BTreeMap::new(),
            bundle,
            till: Arc::default(),
        }
    }

    /// What the sessions spend.
    pub(super) fn till(&self) -> &Till {
        &self.till
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = (&SessionUid, &Running)> {
        self.running.iter()
    }

    /// Starts a claimed session.
    pub(super) fn start(&mut self, claimed: Claimed) {
        let session = claimed.lease.session();
        let cancel = Cancel::default();
        let running = Running {
            lease: claimed.lease.clone(),
            cancel: cancel.clone(),
        };
        self.running.insert(session, running);
        let (world, line, bundle) = (self.world, self.line.0.clone(), self.bundle);
        let till = Arc::clone(&self.till);
        let task: Arc<str> = claimed.doc.task.as_str().into();
        self.scope.spawn(move || {
            let mut guard = Guard {
                line: line.clone(),
                session,
                done: false,
            };
            let mut events = |event: AgentEvent| {
                // The pool outlives its threads; a closed line means that nobody reads any more.
                let _ = line.send(FromPool::Event(session, task.clone(), event));
            };
            let run = if remote::is_remote(world, &claimed.doc.claim.agent) {
                remote::in_run_phase
            } else {
                work::run_session
            };
            let mut result = run(world, &till, &claimed, &cancel, &mut events);
            store(world, &mut result, bundle);
            guard.done = true;
            let _ = line.send(FromPool::Done(Box::new(result)));
        });
    }

    /// Starts the steps of a session at a service.
    pub(super) fn start_remote(&mut self, job: Job) {
        let session = job.session();
        let cancel = Cancel::default();
        let running = Running {
            lease: job.claimed.lease.clone(),
            cancel: cancel.clone(),
        };
        self.running.insert(session, running);
        let (world, line, bundle) = (self.world, self.line.0.clone(), self.bundle);
        let till = Arc::clone(&self.till);
        let task: Arc<str> = job.claimed.doc.task.as_str().into();
        self.scope.spawn(move || {
            let mut guard = Guard {
                line: line.clone(),
                session,
                done: false,
            };
            let mut events = |event: AgentEvent| {
                // As above: nobody may read any more.
                let _ = line.send(FromPool::Event(session, task.clone(), event));
            };
            let message = match remote::perform(world, &till, &job, &cancel, &mut events) {
                Done::Ended(mut result) => {
                    store(world, &mut result, bundle);
                    remote::tidy(world, &job.claimed);
                    FromPool::Done(result)
                }
                goes => FromPool::Remote(session, goes),
            };
            guard.done = true;
            let _ = line.send(message);
        });
    }

    /// Waits for something at most `limit`, then takes all that is there.
    pub(super) fn wait(&mut self, limit: DurationMs) -> Vec<FromPool> {
        let mut out = Vec::new();
        match self.line.1.recv_timeout(limit.std()) {
            Ok(one) => out.push(one),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return out,
        }
        while out.len() < LINE
            && let Ok(more) = self.line.1.try_recv()
        {
            out.push(more);
        }
        for one in &out {
            match one {
                FromPool::Done(result) => {
                    self.running.remove(&result.finished.session);
                }
                FromPool::Died(session) | FromPool::Remote(session, _) => {
                    self.running.remove(session);
                }
                FromPool::Event(..) => {}
            }
        }
        out
    }

    /// Asks all to stop; asked again, they stop at once.
    pub(super) fn stop_all(&self) {
        for running in self.running.values() {
            running.cancel.ask();
        }
    }

    /// Asks one to stop: its lease passed on.
    pub(super) fn stop(&self, session: SessionUid) {
        if let Some(running) = self.running.get(&session) {
            running.cancel.ask();
        }
    }
}

/// Says so if a thread ends without a result.
struct Guard {
    line: SyncSender<FromPool>,
    session: SessionUid,
    done: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if !self.done {
            let _ = self.line.send(FromPool::Died(self.session));
        }
    }
}

/// Puts a result where a later tick finds it, before anybody is told of it (I7).
fn store(world: &World<'_>, result: &mut ResultDoc, bundle: bool) {
    let folder = documents::folder(result.finished.session);
    if bundle && let Some(head) = result.finished.head.clone() {
        let written = world
            .handover
            .path(&format!("{folder}/work.bundle"))
            .map_err(|error| error.to_string())
            .and_then(|path| {
                world
                    .code
                    .export_bundle(&head, &result.start, &path)
                    .map_err(|error| error.to_string())
            });
        match written {
            Ok(()) => result.bundled = true,
            Err(error) => work::lost_in_handover(result, &error),
        }
    }
    let put = documents::put_result(world.handover, result);
    if let Err(error) = put {
        // The result is still in memory: only a crash before the publish would now cost the run.
        tracing_note(result, &error.to_string());
    }
}

fn tracing_note(result: &mut ResultDoc, error: &str) {
    result
        .finished
        .summary
        .push_str(&format!("\n(note: failed to {error})"));
}
