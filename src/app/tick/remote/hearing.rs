//! What was heard from a service, as the events that every agent is told by.

use crate::app::tick::World;
use crate::app::tick::remote::Job;
use crate::domain::remote::RemoteSaid;
use crate::ports::runner::AgentEvent;

/// Into the journal of the session, and to whoever looks on.
pub(super) fn tell(
    world: &World<'_>,
    job: &Job,
    event: AgentEvent,
    events: &mut dyn FnMut(AgentEvent),
) {
    let now = world.context.clock.now();
    let task = job.claimed.doc.task.as_str();
    world.journals.append(job.session(), task, now, &event);
    events(event);
}

/// Passes on what a look brought.
pub(super) fn pass_on(
    world: &World<'_>,
    job: &Job,
    said: &[RemoteSaid],
    events: &mut dyn FnMut(AgentEvent),
) {
    for one in said {
        for event in as_events(one) {
            tell(world, job, event, events);
        }
    }
}

fn as_events(said: &RemoteSaid) -> Vec<AgentEvent> {
    let one = match said.clone() {
        RemoteSaid::Message(text) => AgentEvent::Message { text },
        RemoteSaid::Thinking(text) => AgentEvent::Thinking { text },
        RemoteSaid::Progress(text) => AgentEvent::Progress { text },
        RemoteSaid::Error(text) => AgentEvent::Error { text },
        RemoteSaid::Status(text) => AgentEvent::Status { text },
        RemoteSaid::Heard(text) => AgentEvent::Status {
            text: format!("it was told: {text}"),
        },
        RemoteSaid::Spent(spent) => AgentEvent::Usage {
            usage: spent.usage,
            cost: Some(spent.cost),
        },
        RemoteSaid::Tool {
            name,
            asked,
            ok,
            answered,
        } => {
            let call = AgentEvent::ToolCall {
                id: String::new(),
                name,
                summary: asked,
            };
            let result = AgentEvent::ToolResult {
                id: String::new(),
                ok,
                summary: answered,
            };
            return vec![call, result];
        }
    };
    vec![one]
}
