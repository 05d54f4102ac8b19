//! The tick on real git with real processes as agents: stories of whole runs, of races, of crashes
//! and of agents that misbehave.

#[path = "tick/agents.rs"]
mod agents;
#[path = "tick/built_in.rs"]
mod built_in;
#[path = "tick/desk.rs"]
mod desk;
#[path = "tick/fan_out.rs"]
mod fan_out;
#[path = "tick/intake.rs"]
mod intake;
#[path = "tick/issues.rs"]
mod issues;
#[path = "tick/jules.rs"]
mod jules;
#[path = "support/models/mod.rs"]
mod models;
#[path = "tick/money.rs"]
mod money;
#[path = "tick/opencode.rs"]
mod opencode;
#[path = "tick/phases.rs"]
mod phases;
#[path = "tick/races.rs"]
mod races;
#[path = "tick/remote.rs"]
mod remote;
#[path = "tick/remote_money.rs"]
mod remote_money;
#[path = "tick/remote_phases.rs"]
mod remote_phases;
#[path = "tick/review.rs"]
mod review;
#[path = "tick/slow.rs"]
mod slow;
#[path = "tick/stack.rs"]
mod stack;
#[path = "tick/talk.rs"]
mod talk;
#[path = "tick/town.rs"]
mod town;
