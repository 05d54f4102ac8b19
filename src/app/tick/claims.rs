//! Steps 2–4: fold, decide, and publish the intent. What is claimed here may run.

mod brief;
pub(super) mod handing;

pub(super) use brief::{as_published, document};

use std::collections::BTreeMap;
use std::convert::Infallible;

use crate::app::context::Minter;
use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::app::tick::documents::ClaimDoc;
use crate::app::tick::report::{ClaimReport, Waiting};
use crate::app::tick::{World, opening};
use crate::domain::ids::SessionUid;
use crate::domain::record::{LockAcquired, Op, SessionClaimed, SessionStarted};
use crate::domain::remote::{SessionRemoteIntended, mark_of};
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::commands;
use crate::engine::facts::Facts;
use crate::engine::plan::{self, ClaimPlan, Limits, Plan};
use crate::engine::remote::{self as remote_plan, RemoteStep};
use crate::engine::text;
use crate::engine::why::Why;
use crate::ports::lease::Lease;
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, checkpoint_is_due};

/// Added to the longest run of an agent when a claim must outlive a phase that cannot renew it.
const PHASE_SLACK: DurationMs = DurationMs::mins(30);

/// How claims of this step are made.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// What the engine may hand out.
    pub(super) limits: Limits,
    /// The run is another phase: the lease must last without renewal, and nothing is started here.
    pub(super) handed_over: bool,
    /// How long publishing may take.
    pub(super) publish_limit: DurationMs,
}

/// A claim that was published: the lease and the document for the run.
#[derive(Debug, Clone)]
pub(super) struct Claimed {
    pub(super) lease: Lease,
    pub(super) doc: ClaimDoc,
}

/// What the intent step gives.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) plan: Plan,
    /// What reconciliation wrote.
    pub(super) ops: Vec<Op>,
    pub(super) claimed: Vec<Claimed>,
    /// What these records allow to do at services.
    pub(super) steps: Vec<RemoteStep>,
    pub(super) state: State,
}

/// Decides on the newest state and publishes reconciliation, claims, locks and start marks at once.
/// Nothing has run when this fails or is lost.
pub(super) fn claim(
    world: &World<'_>,
    facts: &Facts,
    manner: &Manner,
) -> Result<Intent, ChangeError<Infallible>> {
    let terms = Terms {
        scope: opening::scope(world),
        freshness: Freshness::Local,
        how: How::Must(manner.publish_limit),
        checkpoint: Checkpoint::IfGrown,
    };
    let mut noted = Vec::new();
    let changed = publish::change(world.context, &terms, |loaded, minter| {
        minter.act_as("fleet");
        handing::forget(world, noted.drain(..));
        let (plan, ops, steps) = decide(world, &loaded.state, facts, &manner.limits, minter);
        let claims = plan
            .claims
            .iter()
            .map(|planned| mint_claim(world, minter, planned, manner))
            .collect::<Vec<_>>();
        let names: Vec<_> = plan
            .claims
            .iter()
            .map(|c| loaded.state.name_of(c.task).to_string())
            .collect();
        if manner.handed_over {
            noted.extend(handing::note(world, &claims));
        }
        let value = (plan, ops, claims, steps);
        // What people added since is worth a checkpoint of its own, once it has grown.
        if minter.records().is_empty() && !checkpoint_is_due(loaded) {
            return Ok::<_, Infallible>(Decision::Nothing(value));
        }
        let subject = if minter.records().is_empty() {
            "checkpoint".to_owned()
        } else if names.is_empty() {
            "reconcile".to_owned()
        } else {
            format!("claim {}", names.join(", "))
        };
        Ok(Decision::write(value, subject))
    })?;
    handing::tidy(world, &changed.state);
    let (plan, ops, claims, steps) = changed.value;
    let index = changed.state.index();
    let claimed = changed
        .published
        .as_ref()
        .map(|published| {
            claims
                .into_iter()
                .map(|(session, claim)| {
                    let doc = document(world, &changed.state, &index, session, &claim);
                    Claimed {
                        lease: Lease::granted(published, session, claim),
                        doc,
                    }
                })
                .collect()
        })
        .unwrap_or_default();
    Ok(Intent {
        plan,
        ops,
        claimed,
        steps,
        state: changed.state,
    })
}

/// Plans on `state`; what the outside decided is minted, and the rest planned on top of it.
pub(super) fn decide(
    world: &World<'_>,
    state: &State,
    facts: &Facts,
    limits: &Limits,
    minter: &mut Minter<'_>,
) -> (Plan, Vec<Op>, Vec<RemoteStep>) {
    let now = minter.now();
    let mut index = state.index();
    let seen = remote_plan::decide(state, &index, facts, world.policy, now);
    if seen.ops.is_empty() {
        let first = plan::plan(state, &index, facts, world.policy, limits, now);
        if first.ops.is_empty() {
            return (first, Vec::new(), seen.steps);
        }
    }
    let mut state = state.clone();
    let mut make = |op: Op, by: Option<&str>| {
        // What a person said bears that person's name.
        minter.act_as(by.unwrap_or("fleet"));
        minter.add(op);
        minter.act_as("fleet");
        minter
            .records()
            .last()
            .cloned()
            .expect("a record was added just now")
    };
    let mut ops = Vec::new();
    for op in seen.ops {
        let record = make(op, None);
        state.apply(&record);
        ops.push(record.op);
    }
    index = state.index();
    let (plan, records) = plan::settle(
        &mut state,
        &mut index,
        facts,
        world.policy,
        limits,
        now,
        &mut make,
    );
    ops.extend(records.into_iter().map(|record| record.op));
    (plan, ops, seen.steps)
}

fn mint_claim(
    world: &World<'_>,
    minter: &mut Minter<'_>,
    planned: &ClaimPlan,
    manner: &Manner,
) -> (SessionUid, SessionClaimed) {
    let now = minter.now();
    let claim = SessionClaimed {
        task: planned.task,
        attempt: planned.attempt,
        nonce: minter.nonce(),
        agent: planned.routed.agent.clone(),
        model: planned.routed.model.clone(),
        role: planned.routed.role.clone(),
        route: planned.routed.route_name.clone(),
        provider: planned.routed.provider.clone(),
        runner: world.host.identity(),
        base: planned.base.clone(),
        branch: planned.branch.clone(),
        continues: planned.continues.clone(),
        lease_until: lease_end(world, planned, manner.handed_over, now),
        addresses: planned.addresses(),
        onto: planned.onto.clone(),
        merges: planned.merges.clone(),
    };
    let session = SessionUid::created_by(minter.add(Op::SessionClaimed(claim.clone())));
    if !planned.globs.is_empty() {
        minter.add(Op::LockAcquired(LockAcquired {
            session,
            task: planned.task,
            globs: planned.globs.clone(),
            until: planned.lock_until,
        }));
    }
    if let Some(intended) = intended(world, session, &claim) {
        // The claim of a session at a service is the right to create it as well.
        minter.add(Op::SessionRemoteIntended(intended));
    } else if !manner.handed_over {
        minter.add(Op::SessionStarted(SessionStarted {
            session,
            runner: world.host.identity(),
            agent_session: None,
        }));
    }
    (session, claim)
}

/// The right to create, for an agent that is a session at a service.
fn intended(
    world: &World<'_>,
    session: SessionUid,
    claim: &SessionClaimed,
) -> Option<SessionRemoteIntended> {
    let agent = world.policy.agents.get(&claim.agent)?;
    let service = agent.kind.service()?;
    let host = service.kind.is_local().then(|| world.host.identity().host);
    Some(SessionRemoteIntended {
        session,
        service: service.kind.name().to_owned(),
        mark: mark_of(session, &claim.nonce),
        host,
    })
}

/// End of a lease: renewed by this process as long as it lives, or long enough for the whole run.
fn lease_end(
    world: &World<'_>,
    planned: &ClaimPlan,
    handed_over: bool,
    now: Timestamp,
) -> Timestamp {
    let agent = world.policy.agents.get(&planned.routed.agent);
    // Looks renew that of a session at a service.
    if !handed_over || agent.is_some_and(|a| a.kind.service().is_some()) {
        return planned.lease_until;
    }
    let longest = agent.map_or(DurationMs(0), |a| a.total_timeout);
    // Twice, because a failed check sends the agent to work once more.
    now.plus(longest)
        .plus(longest)
        .plus(PHASE_SLACK)
        .max(planned.lease_until)
}

/// Claims as the report shows them.
pub(super) fn claim_reports(state: &State, plan: &Plan) -> Vec<ClaimReport> {
    plan.claims
        .iter()
        .map(|c| ClaimReport {
            task: state.name_of(c.task).to_string(),
            title: state
                .tasks
                .get(&c.task)
                .map(|t| t.title.value.clone())
                .unwrap_or_default(),
            attempt: c.attempt,
            agent: c.routed.agent.clone(),
            role: c.routed.role.clone(),
            model: c.routed.model.clone(),
            branch: c.branch.clone(),
            locks: c.globs.clone(),
            because: c
                .routed
                .explained
                .iter()
                .map(|f| format!("{} {}: {}", f.name, f.points, f.note))
                .chain(
                    c.routed
                        .skipped
                        .iter()
                        .map(|s| format!("not {}: {}", s.agent, s.why)),
                )
                .collect(),
        })
        .collect()
}

/// Waiting tasks as the report shows them.
pub(super) fn waiting(state: &State, plan: &Plan) -> Vec<Waiting> {
    plan.waits
        .iter()
        .map(|(uid, why)| Waiting {
            uid: *uid,
            task: state.name_of(*uid).to_string(),
            title: state
                .tasks
                .get(uid)
                .map(|t| t.title.value.clone())
                .unwrap_or_default(),
            why: why.iter().map(ToString::to_string).collect(),
            codes: why.iter().map(Why::code).collect(),
        })
        .collect()
}

/// What reconciliation changed, in words.
pub(super) fn reconciled(state: &State, ops: &[Op]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    for op in ops {
        let line = match op {
            Op::TaskClosed(p) => format!("{} is done", state.name_of(p.task)),
            Op::SessionReleased(p) => {
                let task = state.sessions.get(&p.session).and_then(|s| s.task());
                let name =
                    task.map_or_else(|| "a task".to_owned(), |t| state.name_of(t).to_string());
                format!("{name}: its run is freed: {}", p.proof)
            }
            Op::EscalationOpened(p) => {
                format!(
                    "{}: a human is asked ({})",
                    state.name_of(p.task),
                    p.trigger.name()
                )
            }
            Op::ReviewFeedback(_) => "feedback on a review was taken in".to_owned(),
            Op::ReviewCommanded(p) => {
                let by = text::one_line(&p.who);
                format!(
                    "{by} said `{} {}` on a review",
                    commands::WORD,
                    p.what.command
                )
            }
            _ => continue,
        };
        if seen.insert(line.clone(), ()).is_none() {
            lines.push(line);
        }
    }
    lines
}
