//! The tracker as a program: every verb, its bad input, and several of it at once.

mod agents;
mod bad_input;
mod changing;
mod crossing;
mod doctor;
mod editing;
mod env;
mod exchange;
mod finding;
mod hooks;
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
