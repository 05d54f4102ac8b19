//! Sessions at services: looks, and the acts that the engine allowed. A session outlives the tick;
//! each tick looks once at those that are due and does the next step of each.
//!
//! Nothing is done at a service before the record that allows it is published, and what was done is
//! found again by a look: so a tick may die between any two lines here.

mod hearing;
mod steps;

use std::convert::Infallible;

use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::app::tick::claims::Claimed;
use crate::app::tick::documents::ResultDoc;
use crate::app::tick::{World, claims, opening};
use crate::domain::ids::SessionUid;
use crate::domain::money::Spent;
use crate::domain::policy::{AgentSpec, RemoteService};
use crate::domain::record::Op;
use crate::domain::remote::{RemoteSight, SessionRemoteBound};
use crate::domain::session::Session;
use crate::domain::state::State;
use crate::domain::task::Deliverable;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::facts::{Facts, RunLife};
use crate::engine::remote::{RemoteAct, RemoteStep, create_within, is_due, limiter, unheard};
use crate::ports::lease::Lease;
use crate::ports::remote_session::{RemoteAt, RemoteCreated};
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

pub(super) use crate::app::tick::remote::steps::{in_claim_phase, in_run_phase, perform, tidy};

/// Looks that go on at the same time.
const LOOKS_AT_ONCE: usize = 8;

/// The agent of a session, if it is one at a service.
fn agent_of<'w>(
    world: &World<'w>,
    session: &Session,
) -> Option<(&'w AgentSpec, &'w RemoteService)> {
    let (claim, _) = session.claim.as_ref()?;
    let agent = world.policy.agents.get(&claim.agent)?;
    Some((agent, agent.kind.service()?))
}

/// Where a session is, from its records.
fn place_of(world: &World<'_>, uid: SessionUid, session: &Session, agent: &AgentSpec) -> RemoteAt {
    let local = agent.kind.service().is_some_and(|s| s.kind.is_local());
    let start = session.claim.as_ref().map(|(claim, _)| &claim.base);
    RemoteAt {
        agent: agent.clone(),
        mark: session.remote.mark().to_owned(),
        id: session.remote.id().map(str::to_owned),
        place: start
            .filter(|_| local)
            .map(|start| world.workspaces.at(uid, start).dir),
        unheard: unheard(session),
        upto: session.remote.upto().map(str::to_owned),
    }
}

/// Step 1: one look at every session that is due, some at a time.
pub(super) fn observe(world: &World<'_>, state: &State, facts: &mut Facts) {
    let now = world.context.clock.now();
    let mut due = Vec::new();
    for (uid, session) in &state.sessions {
        if !session.holds_lease() || !session.remote.is_intended() {
            continue;
        }
        // The engine decides about these; a process that ended says nothing of them.
        facts.runs.remove(uid);
        if opening::read_result(world, *uid).is_some() {
            continue;
        }
        match agent_of(world, session) {
            None => {
                let agent = session.claim.as_ref().map(|(claim, _)| claim.agent.clone());
                let why = format!(
                    "agent `{}` is no session at a service by the configuration here",
                    agent.unwrap_or_default()
                );
                facts.runs.insert(*uid, RunLife::Unknown { why });
            }
            Some((agent, service)) => {
                let claim = session.claim.as_ref().map(|(claim, _)| claim);
                let provider = claim.and_then(|claim| claim.provider.clone());
                let provider = limiter(service, provider);
                let paused = state.pause_of(&agent.name, provider.as_deref());
                let rests = paused.is_some_and(|(pause, _)| pause.until > now);
                if is_due(session, service, now) && !rests {
                    due.push((*uid, session, place_of(world, *uid, session, agent)));
                }
            }
        }
    }
    for some in due.chunks(LOOKS_AT_ONCE) {
        let seen: Vec<(SessionUid, RemoteSight)> = std::thread::scope(|scope| {
            let looks: Vec<_> = some
                .iter()
                .map(|(uid, session, at)| (*uid, scope.spawn(move || look(world, session, at))))
                .collect();
            looks
                .into_iter()
                .filter_map(|(uid, look)| Some((uid, look.join().ok()?)))
                .collect()
        });
        for (uid, sight) in seen {
            if let RemoteSight::Trouble { cause: why, .. } | RemoteSight::Blind { why } = &sight {
                let why = format!("its service tells nothing of it: {why}");
                facts.runs.insert(uid, RunLife::Unknown { why });
            }
            facts.remotes.insert(uid, sight);
        }
    }
}

fn look(world: &World<'_>, session: &Session, at: &RemoteAt) -> RemoteSight {
    let intended = session.remote.intended.as_ref();
    if let Some(host) = intended.and_then(|(intended, _)| intended.host.as_ref())
        && *host != world.host.identity().host
    {
        return RemoteSight::Blind {
            why: format!("its workspace is on host {host}; a tick there goes on with it"),
        };
    }
    world.remotes.look(at)
}

/// Sessions whose workspaces must stay: a service works in them.
pub(super) fn kept(world: &World<'_>, state: &State) -> Vec<SessionUid> {
    let held = state.sessions.iter().filter(|(_, s)| s.holds_lease());
    held.filter(|(_, session)| session.remote.is_intended())
        .filter(|(_, session)| {
            // An agent that is not configured any more: kept until somebody says that it is dead.
            agent_of(world, session).is_none_or(|(_, service)| service.kind.is_local())
        })
        .map(|(uid, _)| *uid)
        .collect()
}

/// What is to be done for one session now.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) claimed: Claimed,
    at: RemoteAt,
    acts: Vec<RemoteAct>,
    /// Until when the right to create may be used.
    create_until: Timestamp,
    /// End of its lease, as looks have renewed it.
    lease_until: Timestamp,
    /// When the right to make it was first published.
    since: Timestamp,
    /// What it had spent when it was last seen.
    spent: Option<Spent>,
}

impl Job {
    pub(super) fn session(&self) -> SessionUid {
        self.claimed.lease.session()
    }
}

/// What came of it.
pub(super) enum Done {
    /// It exists at the service.
    Bound(RemoteCreated),
    /// The attempt ended.
    Ended(Box<ResultDoc>),
    /// It goes on.
    Goes,
    /// It goes on; something is worth telling.
    Note(String),
}

/// The jobs of these steps, read from the state that holds the records which allow them.
pub(super) fn jobs(world: &World<'_>, state: &State, steps: &[RemoteStep]) -> Vec<Job> {
    let index = state.index();
    let mut jobs: Vec<Job> = Vec::new();
    for (uid, act) in steps {
        if let Some(job) = jobs.iter_mut().find(|job| job.session() == *uid) {
            job.acts.push(act.clone());
            continue;
        }
        let Some(session) = state.sessions.get(uid) else {
            continue;
        };
        let Some((agent, service)) = agent_of(world, session) else {
            continue;
        };
        let Some(task) = session.task().and_then(|t| state.tasks.get(&t)) else {
            continue;
        };
        let told: Deliverable = task.details.deliverable.value;
        let Some(doc) = claims::as_published(world, state, &index, *uid, told) else {
            continue;
        };
        let intended = session.remote.intended.as_ref();
        let given = intended.map_or(Timestamp(0), |(_, at)| at.ts.wall());
        let lease = Lease::found_live(*uid, doc.claim.clone());
        jobs.push(Job {
            claimed: Claimed { lease, doc },
            at: place_of(world, *uid, session, agent),
            acts: vec![act.clone()],
            create_until: given.plus(create_within(service)),
            lease_until: session.lease_until.value,
            since: session
                .remote
                .since
                .map_or(given, |at| at.written_by(world.context.clock.now())),
            spent: session.spent.value,
        });
    }
    jobs
}

/// A claim that is to run here; one for a service becomes the step of creating its session.
pub(super) fn unless_remote(
    world: &World<'_>,
    claimed: Claimed,
    steps: &mut Vec<RemoteStep>,
) -> Option<Claimed> {
    if !is_remote(world, &claimed.doc.claim.agent) {
        return Some(claimed);
    }
    steps.push((claimed.lease.session(), RemoteAct::Create));
    None
}

/// True if this claim is for a session at a service.
pub(super) fn is_remote(world: &World<'_>, agent: &str) -> bool {
    let agent = world.policy.agents.get(agent);
    agent.is_some_and(|agent| agent.kind.service().is_some())
}

/// Writes down which sessions at services are ours.
pub(super) fn bind(
    world: &World<'_>,
    bound: &mut Vec<(SessionUid, RemoteCreated)>,
    limit: DurationMs,
) -> Result<(), ChangeError<Infallible>> {
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(limit),
        checkpoint: Checkpoint::Never,
    };
    publish::change(world.context, &terms, |loaded, minter| {
        for (session, created) in bound.iter() {
            let known = loaded.state.sessions.get(session);
            if known.is_some_and(|s| s.holds_lease() && s.remote.bound.is_none()) {
                minter.add(Op::SessionRemoteBound(SessionRemoteBound {
                    session: *session,
                    id: created.id.clone(),
                    url: created.url.clone(),
                }));
            }
        }
        if minter.records().is_empty() {
            return Ok::<_, Infallible>(Decision::Nothing(()));
        }
        Ok(Decision::write((), "bind remote sessions"))
    })
    .map(|_| bound.clear())
}
