//! The built-in agent with the real provider adapters against strict servers on loopback: scripted
//! models that use every tool, meet every limit, and misbehave.

#[path = "api_agent/bounds.rs"]
mod bounds;
#[path = "api_agent/house.rs"]
mod house;
#[path = "support/models/mod.rs"]
mod models;
#[path = "api_agent/tools.rs"]
mod tools;
#[path = "api_agent/trouble.rs"]
mod trouble;
