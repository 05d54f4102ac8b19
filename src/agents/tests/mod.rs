//! The room's tests: real streams, hostile programs, and a bench to run them on.

mod bench;
mod captures;
mod drive;
mod hostile;
mod real;
mod scripted;
mod stream;
mod traps;
