//! Issues of other trackers: bytes → [`Incoming`] with located notes, and state → bytes.
//!
//! One module per format. What a format says and fleet has no field for is kept as it is written, in
//! one text beside the task ([`Kept`]), so that writing the same format again loses nothing.
//!
//! Invariants: no IO, no clock, no randomness; bad input never panics and never passes in silence:
//! what cannot be read is damage with file, line and column, what is strange is a remark; memory is
//! bounded by the size of the input.
//!
//! May import: domain.

mod backlog;
mod batch;
mod beads;
mod detect;
mod fit;
mod forms;
mod github;
mod gitlab;
mod jira;
mod json;
mod kept;
mod linear;
mod markdown;
mod out;
mod sections;
mod sums;
mod table;
mod taskwarrior;
mod text;
mod times;

pub use batch::{Batch, Format, Incoming, Link, Note, Place, Said};
pub use detect::detect;
pub use forms::{Form, Options, Origin, SourceFile, read};
pub use kept::{Kept, KeptComment, KeptLink, NAMED, SOURCE_FIELD};
pub use out::{Identities, Outgoing, OutgoingTask, Target, write};
pub use sums::{Field, Sums};
