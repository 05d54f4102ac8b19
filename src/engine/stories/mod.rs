//! Stories of the engine, told on states that are folded from records.

mod talk_stories;
mod world;

mod budget_stories;
mod deps_stories;
mod gates_stories;
mod network_stories;
mod overlap_stories;
mod plan_stories;
mod properties;
mod ready_stories;
mod reconcile_stories;
mod routing_stories;
mod speech_stories;
mod speed;
mod stack_stories;
