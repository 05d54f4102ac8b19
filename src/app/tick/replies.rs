//! Replies on reviews: said at the forge once, then recorded. Safe to repeat at any point: the
//! forge finds what was said by its key, and what is recorded is not even looked for (I8).

use std::convert::Infallible;

use crate::app::end::End;
use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::app::tick::{World, reply_text};
use crate::domain::record::Op;
use crate::domain::review::ForgeSaid;
use crate::domain::state::State;
use crate::engine::replies::{self, Reply};
use crate::ports::forge::{ForgeError, ForgeSaying};
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

/// Refusals after which a tick says no more.
const REFUSALS_MAX: usize = 3;

/// Says what is due until `end`, and records it in one publish. The state after it, if anything was
/// said, and sentences about what could not be said; a later tick tries that again.
pub(super) fn say(
    world: &World<'_>,
    state: &State,
    end: End,
) -> Result<(Option<State>, Vec<String>), ChangeError<Infallible>> {
    let index = state.index();
    let now = world.context.clock.now();
    let due = replies::due(state, &index, world.policy, now);
    let mut notes = Vec::new();
    let mut said = Vec::new();
    let mut refusals = 0;
    for reply in &due {
        if end.is_over(world.context) {
            break;
        }
        let text = reply_text::of(
            state,
            &index,
            world.policy,
            world.context.clock.now(),
            reply,
        );
        let saying = ForgeSaying {
            number: reply.number,
            in_answer_to: reply.in_answer_to.clone(),
            key: reply.key.clone(),
            text: world.secrets.redact(&text),
        };
        match world.forge.say(&saying) {
            Ok(url) => said.push((reply, url)),
            Err(error) => {
                refusals += 1;
                let denied = matches!(error, ForgeError::Denied { .. });
                notes.push(format!(
                    "a reply on {} could not be given, the next tick tries again: {error}",
                    state.name_of(reply.task)
                ));
                // One review may be locked; what refuses three, or does not answer, is left alone.
                if !denied || refusals >= REFUSALS_MAX {
                    break;
                }
            }
        }
    }
    if said.is_empty() {
        return Ok((None, notes));
    }
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(end.left(world.context)),
        checkpoint: Checkpoint::IfGrown,
    };
    let changed = publish::change(world.context, &terms, |loaded, minter| {
        minter.act_as("fleet");
        for (reply, url) in &said {
            if !is_recorded(&loaded.state, reply) {
                minter.add(Op::ForgeSaid(ForgeSaid {
                    task: reply.task,
                    key: reply.key.clone(),
                    url: url.clone(),
                }));
            }
        }
        if minter.records().is_empty() {
            return Ok::<_, Infallible>(Decision::Nothing(()));
        }
        Ok(Decision::write((), "reply"))
    })?;
    Ok((Some(changed.state), notes))
}

fn is_recorded(state: &State, reply: &Reply) -> bool {
    let task = state.tasks.get(&reply.task);
    task.is_some_and(|task| task.details.said.contains(&reply.key))
}
