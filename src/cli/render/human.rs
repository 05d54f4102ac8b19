//! Reports as words: calm aligned columns, one line a thing, details below headings.

mod agents;
mod cost;
mod detail;
mod exchange;
mod finding;
mod hooks;
mod intake;
mod models;
mod network;
mod past;
mod place;
mod review;
mod secrets;
mod tasks;
mod tracking;

pub use agents::{agent, agent_changed, agents, trial};
pub use cost::{cost, route_stats, usage};
pub use detail::{answered, inbox, log, show};
pub use exchange::{exported, imported};
pub use finding::{
    changelog, count, duplicates, lint, merged, orphans, saved, saved_change, search, stale, stats,
};
pub use hooks::hooks;
pub use intake::intake;
pub use models::{model_check, models};
pub use network::{dot, graph as network, mermaid};
pub use past::{change, undone};
pub use place::{config, doctor, init, route, sync};
pub use review::{review, reviews, verdict};
pub use secrets::{secret_init, secret_removed, secret_set, secret_shared, secrets};
pub use tasks::{
    added, blocked, changed, claimed, cycles, dep, graph, list, note_more, note_shown, ready, tree,
};
pub use tracking::{comment_versions, epics, gate, gates, milestone, milestones};

use crate::app::tracker::report::Delivery;
use crate::app::tracker::text::display_safe;
use crate::cli::error::CliError;
use crate::cli::render::page::{Page, Tone};

/// An error as message and hint, for stderr.
#[must_use]
pub fn error(error: &CliError) -> String {
    let bad = Tone::Bad.style();
    let text = format!("{bad}error:{bad:#} {}\n", display_safe(&error.message));
    if error.hint.is_empty() {
        return text;
    }
    text + &hint(&error.hint)
}

/// What to do instead, for stderr.
#[must_use]
pub fn hint(text: &str) -> String {
    let strong = Tone::Strong.style();
    format!("{strong}hint:{strong:#} {}\n", display_safe(text))
}

/// A line that says that nothing was recorded, if so.
fn dry(delivery: &Delivery, page: &mut Page) {
    if delivery.dry_run {
        if delivery.records.is_empty() {
            page.line("dry run: nothing would be recorded");
        } else {
            page.line(format!(
                "dry run: would record {}",
                delivery.records.join(", ")
            ));
        }
    }
}
