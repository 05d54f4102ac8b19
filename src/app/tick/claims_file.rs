//! `claims.json` of a hand-over folder: the sessions that a run phase may begin.
//!
//! A run phase sees no state. What keeps it from beginning a session that has ended is this document and
//! the session's folder alone, so the order is: a session that ends gets a result, is named no more, and
//! loses its folder, and each step is only taken when the one before it is on the disk (I2).

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::app::tick::documents::{ClaimDoc, ClaimsDoc, HANDOVER_VERSION, folder};
use crate::app::tick::{TickError, World};
use crate::domain::ids::SessionUid;
use crate::domain::money::MicroUsd;
use crate::domain::session::Session;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::budget::Gauge;
use crate::ports::handover::Hold;

/// Its name.
pub(super) const CLAIMS: &str = "claims.json";
/// What a process holds while it changes the document.
const CHANGING: &str = "claims";
/// Nobody needs longer than a moment to change it; whoever died gave it up by that.
const TRIES: u32 = 300;
const AGAIN: DurationMs = DurationMs(100);

/// The right to change the document, until this is dropped.
#[derive(Debug)]
pub(super) struct Changing {
    _hold: Hold,
}

/// Waits for the right to change the document.
///
/// # Errors
/// The disk refuses, or another process does not give it up.
pub(super) fn change(world: &World<'_>) -> Result<Changing, TickError> {
    for _ in 0..TRIES {
        if let Some(hold) = world.handover.hold(CHANGING)? {
            return Ok(Changing { _hold: hold });
        }
        world.context.clock.pause(AGAIN);
    }
    Err(bad(
        "another process is changing it, and does not come to an end",
    ))
}

/// Makes one that names nobody, if there is none.
pub(super) fn ensure(world: &World<'_>, at: Timestamp) -> Result<(), TickError> {
    if !exists(world)? {
        let changing = change(world)?;
        if !exists(world)? {
            put(world, &changing, at, Vec::new(), Gauge::default())?;
        }
    }
    Ok(())
}

fn exists(world: &World<'_>) -> Result<bool, TickError> {
    Ok(world.handover.get(CLAIMS)?.is_some())
}

/// The claims, if they are what the claim phase said that they are.
pub(super) fn read(world: &World<'_>, sha256: Option<&str>) -> Result<ClaimsDoc, TickError> {
    let bytes = world
        .handover
        .get(CLAIMS)?
        .ok_or_else(|| bad("it does not exist; `fleet tick --phase claim` writes it"))?;
    let found = digest(&bytes);
    if let Some(wanted) = sha256.filter(|wanted| !found.eq_ignore_ascii_case(wanted)) {
        return Err(bad(format!(
            "its sha256 is {found} and not {wanted}: it is not as the claim phase wrote it; bring it from there, and \
             not by way of a machine where an agent ran"
        )));
    }
    let doc: ClaimsDoc = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
    if doc.version == HANDOVER_VERSION {
        Ok(doc)
    } else {
        Err(bad(format!(
            "it is of version {}, this fleet reads version {HANDOVER_VERSION}; use one version in all phases",
            doc.version
        )))
    }
}

/// Whether a session may be begun. It is asked with the session's hold taken: whoever had that before
/// may have ended the session.
pub(super) fn names(world: &World<'_>, session: SessionUid) -> Result<bool, TickError> {
    Ok(read(world, None)?
        .claims
        .iter()
        .any(|doc| doc.session == session))
}

/// Writes them down, and gives their digest.
pub(super) fn put(
    world: &World<'_>,
    _: &Changing,
    at: Timestamp,
    claims: Vec<ClaimDoc>,
    budgets: Gauge,
) -> Result<String, TickError> {
    let doc = ClaimsDoc {
        version: HANDOVER_VERSION,
        at,
        claims,
        budgets,
    };
    let bytes = serde_json::to_vec_pretty(&doc).map_err(|error| bad(error.to_string()))?;
    world.handover.put(CLAIMS, &bytes)?;
    Ok(digest(&bytes))
}

/// Takes sessions out that have ended, with what each cost, and then what the folder holds of them. If
/// they cannot be taken out, their folders stay: the results in them keep a run phase off, and a later
/// tick tries again.
pub(super) fn forget(world: &World<'_>, ended: &[(SessionUid, MicroUsd)], notes: &mut Vec<String>) {
    match take_out(world, ended) {
        Ok(()) => {
            for (session, _) in ended {
                world.handover.remove(&folder(*session));
            }
        }
        Err(error) => notes.push(format!("{CLAIMS} names sessions that have ended: {error}")),
    }
}

/// What a session that has ended cost, by the records.
pub(super) fn cost_of(session: &Session) -> MicroUsd {
    let end = session.finished.as_ref();
    end.and_then(|(end, _)| end.cost).unwrap_or_default()
}

fn take_out(world: &World<'_>, ended: &[(SessionUid, MicroUsd)]) -> Result<(), TickError> {
    let named = |doc: &ClaimDoc| ended.iter().any(|(session, _)| *session == doc.session);
    if ended.is_empty() || !exists(world)? || !read(world, None)?.claims.iter().any(named) {
        return Ok(());
    }
    let changing = change(world)?;
    let mut doc = read(world, None)?;
    doc.claims.retain(|doc| !named(doc));
    for (session, cost) in ended {
        doc.budgets.settle(*session, *cost);
    }
    put(world, &changing, doc.at, doc.claims, doc.budgets)?;
    Ok(())
}

fn bad(cause: impl Into<String>) -> TickError {
    TickError::Document {
        name: CLAIMS.to_owned(),
        cause: cause.into(),
    }
}

/// SHA-256 in hex.
fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
