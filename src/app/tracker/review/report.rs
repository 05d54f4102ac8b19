//! What the commands about reviews answer.

use serde::Serialize;

use crate::app::tracker::report::Delivery;
use crate::domain::money::MicroUsd;
use crate::domain::time::Timestamp;

/// One open review, in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewLine {
    /// `T-7`.
    pub id: String,
    /// One line.
    pub title: String,
    /// `waiting`, `approved`, `rework` (feedback waits for an attempt).
    pub state: &'static str,
    /// Who approved the head.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Number at the forge.
    pub number: Option<u64>,
    /// Where a human looks.
    pub url: Option<String>,
    /// Branch under review.
    pub branch: String,
    /// Branch that it is to be merged into.
    pub base_branch: String,
    /// Head under review.
    pub head: String,
    /// How many attempts there were.
    pub attempts: usize,
    /// What they cost, as far as known.
    pub cost_usd_micros: MicroUsd,
    /// Whether the checks of the attempt that made the head passed; none if none ran.
    pub verified: Option<bool>,
    /// Since when it is in review.
    pub since: Timestamp,
}

/// Answer of `review`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewList {
    /// Open ones, oldest first.
    pub reviews: Vec<ReviewLine>,
    /// What is best merged first, in sentences.
    pub advice: Vec<String>,
    /// How many.
    pub total: usize,
    /// Never.
    pub has_more: bool,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CheckRow {
    pub command: String,
    pub passed: bool,
    pub duration_ms: u64,
}

/// Lines of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct FileRow {
    pub path: String,
    pub added: u64,
    pub removed: u64,
    pub binary: bool,
}

/// Answer of `review T-7`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReviewPage {
    /// What the list shows of it.
    #[serde(flatten)]
    pub line: ReviewLine,
    /// What the agent says it did, which nobody has checked.
    pub summary: String,
    /// The checks of the attempt that made the head.
    pub verify: Vec<CheckRow>,
    /// Feedback that no attempt has worked in yet.
    pub feedback: Vec<String>,
    /// Lines by file.
    pub files: Vec<FileRow>,
    /// The patch, unless only lines by file were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// The end of the patch is missing.
    pub cut: bool,
    /// What is best merged before or after it, in sentences.
    pub advice: Vec<String>,
    /// Whether it merges by itself: `clean`, `conflict`, `merged`, or none if that is not known.
    pub merges: Option<&'static str>,
    /// How a person merges it.
    pub next: Vec<String>,
}

/// Answer of `review T-7 --approve` and `--request-changes`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictReport {
    /// `T-7`.
    pub id: String,
    /// One line.
    pub title: String,
    /// `approved` or `changes_requested`.
    pub verdict: &'static str,
    /// The head that was judged.
    pub head: String,
    /// What comes next.
    pub next: Vec<String>,
    /// Delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
}
