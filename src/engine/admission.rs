//! What a human admits: the bytes of a text, by their hash, and whose remarks agents are told (R4).

use sha2::{Digest as _, Sha256};

use crate::domain::ids::TaskUid;
use crate::domain::state::{Index, State};
use crate::domain::task::{Acceptance, Comment, Task};

/// sha256 (hex) of the text of a task that a human admits: title, NUL, body, NUL, acceptance texts
/// joined by NUL.
#[must_use]
pub fn admission_hash(task: &Task) -> String {
    let acceptance = &task.details.acceptance.value;
    text_hash(&task.title.value, &task.body.value, acceptance)
}

/// As [`admission_hash`], of texts that are in no task yet.
#[must_use]
pub fn text_hash(title: &str, body: &str, acceptance: &[Acceptance]) -> String {
    let mut hash = Sha256::new();
    hash.update(title.as_bytes());
    hash.update([0]);
    hash.update(body.as_bytes());
    hash.update([0]);
    for (at, point) in acceptance.iter().enumerate() {
        if at > 0 {
            hash.update([0]);
        }
        hash.update(point.text.as_bytes());
    }
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// True if a human admitted exactly the present text, or nobody has to (R4).
#[must_use]
pub fn is_admitted(task: &Task) -> bool {
    let pinned = task.details.admitted_sha256.value.as_ref();
    task.admitted.value && pinned.is_none_or(|sha256| *sha256 == admission_hash(task))
}

/// True if the present bytes of a remark may be told to the agents of its task: a human or fleet wrote
/// them, or an attempt at this very task ended with them. What any other program wrote there waits until
/// a human takes it over, by an edit (R4).
#[must_use]
pub fn is_taken_over(state: &State, index: &Index, task: TaskUid, remark: &Comment) -> bool {
    if let Some((by, _)) = &remark.edited {
        return !is_program(by);
    }
    let Some(agent) = remark.by.strip_prefix(PROGRAM) else {
        return true;
    };
    // The records of an end are minted at once: they bear one time, and no program chooses that.
    index.sessions_of(task).iter().any(|uid| {
        let session = state.sessions.get(uid);
        let ended = session.and_then(|s| s.claim.as_ref().zip(s.finished.as_ref()));
        ended.is_some_and(|((claim, _), (_, at))| {
            claim.agent == agent && at.ts.wall() == remark.at.ts.wall() && *at < remark.at
        })
    })
}

/// Beginning of the name of an actor that is a program.
const PROGRAM: &str = "agent:";

/// True if records of this actor are a program's and not a human's.
#[must_use]
pub fn is_program(actor: &str) -> bool {
    actor.starts_with(PROGRAM)
}
