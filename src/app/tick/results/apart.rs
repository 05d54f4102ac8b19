//! Results of which the remote does not take all: one branch that it refuses must not hold back the
//! others, which are paid for too.

use std::convert::Infallible;

use super::{Verdicted, publish};
use crate::app::end::End;
use crate::app::publish::ChangeError;
use crate::app::tick::World;
use crate::app::tick::documents::ResultDoc;
use crate::domain::ids::Oid;
use crate::domain::state::State;

/// Most bytes of what a remote said.
const WORDS: usize = 1_000;

/// What was published of some results; the others stay where they are for a later tick.
pub(super) struct Published<'r> {
    pub(super) verdicts: Vec<(&'r ResultDoc, Verdicted)>,
    pub(super) notes: Vec<String>,
    pub(super) state: State,
}

/// Publishes results in one push; if the remote refuses that, each by itself. A branch that a rule
/// of the remote refuses is recorded with the remote's words, and a human is asked.
pub(super) fn publish_all<'r>(
    world: &World<'_>,
    results: &'r [ResultDoc],
    end: End,
) -> Result<Published<'r>, ChangeError<Infallible>> {
    match publish(world, results, None, end) {
        Err(ChangeError::Denied { .. }) if results.iter().any(has_branch) => {
            apart(world, results, end)
        }
        Err(error) => Err(error),
        Ok(changed) => Ok(Published {
            verdicts: results.iter().zip(changed.value).collect(),
            notes: Vec::new(),
            state: changed.state,
        }),
    }
}

fn has_branch(result: &ResultDoc) -> bool {
    result.finished.head.is_some() && result.claim.claim.branch.is_some()
}

fn apart<'r>(
    world: &World<'_>,
    results: &'r [ResultDoc],
    end: End,
) -> Result<Published<'r>, ChangeError<Infallible>> {
    let mut all = Published {
        verdicts: Vec::new(),
        notes: Vec::new(),
        state: State::default(),
    };
    let mut last = None;
    for result in results {
        let one = std::slice::from_ref(result);
        let changed = match publish(world, one, None, end) {
            Err(ChangeError::Denied {
                cause,
                by_rule: true,
            }) if has_branch(result) => {
                // If the state alone is refused too, it is not about the branch: nothing is said
                // of it, and the result is kept.
                publish(world, one, Some(&cause), end)?
            }
            Err(ChangeError::Denied {
                cause,
                by_rule: false,
            }) => {
                all.notes.push(format!(
                    "{}: its work could not be pushed, the next tick tries again: {cause}",
                    result.claim.task
                ));
                last = Some(cause);
                continue;
            }
            other => other?,
        };
        all.state = changed.state;
        let verdicts = changed.value.into_iter();
        all.verdicts
            .extend(verdicts.map(|verdict| (result, verdict)));
    }
    match last {
        Some(cause) if all.verdicts.is_empty() => Err(ChangeError::Denied {
            cause,
            by_rule: false,
        }),
        _ => Ok(all),
    }
}

/// What a human is asked about work whose branch the remote refuses.
pub(super) fn question(world: &World<'_>, result: &ResultDoc, head: &Oid, words: &str) -> String {
    let task = &result.claim.task;
    let branch = result.claim.claim.branch.as_deref().unwrap_or_default();
    let words = world.secrets.redact(words);
    let words = crate::engine::text::truncated(&words, WORDS);
    format!(
        "The remote refuses the branch {branch}: {words}\n\
         The work of this attempt is commit {head} in the clone that made it. Change the rule there, \
         then let another attempt be made: `fleet answer {task} retry`."
    )
}
