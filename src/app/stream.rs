//! `fleet stream`: the stream of any agent as unified events. All the work is the edge's; these are
//! the values that pass between it and a face.

pub use crate::ports::stream::{Source, StreamReport, StreamRequest};
