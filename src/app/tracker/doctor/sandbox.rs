//! What confines agents here, and why nothing better does.

use crate::app::tracker::doctor::Sheet;
use crate::domain::policy::{Policy, SandboxMode};
use crate::ports::sandbox::SandboxLevel;
use crate::ports::site::Site;

/// Runs the probe and tells what it found. Only a demand that is not met is an error; that agents
/// run unconfined is a warning where there are any.
pub(super) fn look(site: &dyn Site, policy: &Policy, sheet: &mut Sheet) {
    let facts = site.sandbox(policy);
    let mut said = vec![facts.level.to_string()];
    said.extend(facts.details);
    said.extend(facts.shortfalls.iter().map(|why| format!("not {why}")));
    sheet.fact("sandbox", said.join("; "));
    if facts.level != SandboxLevel::None {
        return;
    }
    let modes = || policy.agents.values().map(|agent| agent.sandbox);
    let demanded = modes()
        .chain([policy.sandbox.mode])
        .any(|mode| mode == SandboxMode::Require);
    let kind = if demanded {
        ("error", "sandbox_unavailable")
    } else if modes().any(|mode| mode == SandboxMode::Auto) {
        ("warning", "sandbox_none")
    } else {
        return;
    };
    let next = "install bubblewrap; docs/security.md says what each level stops";
    sheet.find(kind, "", facts.shortfalls.join("; "), next);
}
