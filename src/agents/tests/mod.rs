//! The room's tests: hostile programs and a bench to run them on.

mod bench;
mod hostile;
