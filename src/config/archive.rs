//! `[archive]`: texts of old closed tasks.

use crate::config::reader::Section;
use crate::domain::policy::ArchivePolicy;
use crate::domain::time::DurationMs;

/// What was closed a moment ago is still read: a shorter time is taken for a slip.
const LEAST: DurationMs = DurationMs::secs(7 * 86_400);

pub(super) fn read(section: &Section<'_, '_>) -> ArchivePolicy {
    let usual = ArchivePolicy::default();
    let after = section.duration("after");
    if after.is_some_and(|after| after < LEAST) {
        section.bad("after", "it must be \"7d\" at least");
    }
    ArchivePolicy {
        after,
        least_bytes: section.bytes("least_bytes").unwrap_or(usual.least_bytes),
        limit: section.number("limit", 1..10_001).unwrap_or(usual.limit),
    }
}
