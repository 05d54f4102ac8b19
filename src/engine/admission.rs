//! What a human admits: the bytes of a text, by their hash (R4).

use sha2::{Digest as _, Sha256};

use crate::domain::task::{Acceptance, Task};

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
