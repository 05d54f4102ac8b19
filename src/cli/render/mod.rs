//! Rendering: typed reports to words for people, or to one JSON envelope for programs.

pub mod human;
pub mod json;
pub mod logs;
pub mod page;
pub mod progress;
pub mod sink;
pub mod summary;
pub mod tick;
