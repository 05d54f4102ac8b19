//! The tracker as a program: every verb, its bad input, and several of it at once.

mod agents;
mod bad_input;
mod changing;
mod crossing;
mod decay;
mod doctor;
mod editing;
mod env;
mod exchange;
mod finding;
mod gates_in;
mod hooks;
#[path = "../support/judge.rs"]
mod judge;
mod looks;
mod mcp;
mod models;
mod prime;
mod schema;
mod secrets;
mod teach;
mod together;
mod tracking;
mod undoing;
mod verbs;
mod workflow;
