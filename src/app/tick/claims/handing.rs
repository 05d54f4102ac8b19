//! Claims on their way to another phase: a note of each from before it is published until it is handed
//! over, so that the death of the claim phase in between is told from a run that nobody sees.

use crate::app::tick::World;
use crate::app::tick::documents::{self, ClaimingDoc, HANDOVER_VERSION};
use crate::app::tick::remote;
use crate::domain::ids::SessionUid;
use crate::domain::record::SessionClaimed;
use crate::domain::session::{RunnerIdentity, Session};
use crate::domain::state::State;
use crate::engine::facts::RunLife;
use crate::ports::host::Life;

/// Notes claims that are about to be published, and gives the sessions. A session at a service is seen
/// there, and needs no note. A note that cannot be written costs the proof: then a human is asked.
pub(super) fn note(world: &World<'_>, claims: &[(SessionUid, SessionClaimed)]) -> Vec<SessionUid> {
    let mut noted = Vec::new();
    for (session, claim) in claims {
        if remote::is_remote(world, &claim.agent) {
            continue;
        }
        noted.push(*session);
        let doc = ClaimingDoc {
            version: HANDOVER_VERSION,
            session: *session,
            runner: claim.runner.clone(),
        };
        if let Ok(bytes) = serde_json::to_vec(&doc) {
            let _ = world.own.put(&documents::claiming_name(*session), &bytes);
        }
    }
    noted
}

/// Takes the notes of these sessions away: they were not published, or are handed over now.
pub(in crate::app::tick) fn forget(
    world: &World<'_>,
    sessions: impl IntoIterator<Item = SessionUid>,
) {
    for session in sessions {
        if noted_by(world, session).is_some() {
            world.own.remove(&documents::folder(session));
        }
    }
}

/// Takes away what dead claim phases noted and nobody needs: the claim was never published, or its
/// session has ended.
pub(in crate::app::tick) fn tidy(world: &World<'_>, state: &State) {
    let folders = world.own.folders().unwrap_or_default();
    for session in folders.iter().filter_map(|f| documents::session_of(f)) {
        let held = state
            .sessions
            .get(&session)
            .is_some_and(Session::holds_lease);
        let dead = |runner| matches!(world.host.life(&runner), Life::Dead { .. });
        if !held && noted_by(world, session).is_some_and(dead) {
            forget(world, [session]);
        }
    }
}

/// Whether a session that was claimed for a run phase can have begun.
pub(in crate::app::tick) fn life(
    world: &World<'_>,
    session: SessionUid,
    claim: &SessionClaimed,
) -> RunLife {
    // The process first: a dead one takes no note away any more.
    let claimer = world.host.life(&claim.runner);
    match (claimer, noted_by(world, session)) {
        (Life::Dead { proof }, Some(_)) => RunLife::Unbegun {
            proof: format!("its claim phase ended before it handed it over: {proof}"),
        },
        _ => RunLife::Unknown {
            why: "it was claimed for a run phase, which left no result here".to_owned(),
        },
    }
}

/// The claim phase that noted a session, if it is noted.
fn noted_by(world: &World<'_>, session: SessionUid) -> Option<RunnerIdentity> {
    let bytes = world.own.get(&documents::claiming_name(session)).ok()??;
    serde_json::from_slice::<ClaimingDoc>(&bytes)
        .ok()
        .filter(|doc| doc.version == HANDOVER_VERSION && doc.session == session)
        .map(|doc| doc.runner)
}
