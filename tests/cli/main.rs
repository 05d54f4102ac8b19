//! The tracker as a program: every verb, its bad input, and several of it at once.

mod agents;
mod bad_input;
mod doctor;
mod env;
mod exchange;
mod looks;
mod models;
mod secrets;
mod together;
mod verbs;
mod workflow;
