//! The flags for a task's fields, shared by `add`, `q` and `update`.

use crate::app::tracker::request::{Edits, When};
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::session::Session;
use crate::domain::task::{Complexity, Deliverable};

/// Fields of a task.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fields")]
pub struct Fields {
    /// Type: architecture, implementation, review, testing, documentation, bug, … [default: implementation]
    #[arg(short = 't', long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Priority, 0 or P0 (most urgent) to 4 or P4 [default: 2]
    #[arg(short, long, value_name = "PRIORITY", value_parser = args::priority)]
    priority: Option<u8>,
    /// How hard it is thought to be [default: medium]
    #[arg(long, value_name = "LEVEL", value_parser = args::complexity())]
    complexity: Option<Complexity>,
    /// Label; may be repeated, or be a list with commas
    #[arg(short, long = "label", value_name = "LABEL", value_delimiter = ',')]
    labels: Vec<String>,
    /// Path glob that the work is expected to touch; may be repeated
    #[arg(long = "path", value_name = "GLOB")]
    paths: Vec<String>,
    /// What is wanted, in Markdown
    #[arg(
        short = 'd',
        long = "body",
        visible_alias = "description",
        value_name = "TEXT"
    )]
    body: Option<String>,
    /// Read the body from a file, or from stdin with -
    #[arg(long, value_name = "FILE", conflicts_with = "body")]
    body_file: Option<String>,
    /// Acceptance point; may be repeated
    #[arg(long, value_name = "TEXT")]
    acceptance: Vec<String>,
    /// What the work hands over [default: pr]
    #[arg(long, value_name = "KIND", value_parser = args::deliverable())]
    deliverable: Option<Deliverable>,
    /// Person who works on it; agents leave it alone
    #[arg(short, long, value_name = "NAME")]
    assignee: Option<String>,
    /// Wanted by: `friday`, `end of month`, `2026-12-01 17:00`, …
    #[arg(long, value_name = "TIME", value_parser = args::when)]
    due: Option<When>,
    /// Not before: `tomorrow 9am`, `in 3 days`, `next monday`, `2h`, …
    #[arg(long = "defer", value_name = "TIME", value_parser = args::when)]
    defer_until: Option<When>,
    /// The same thing elsewhere, such as gh-9 or a URL
    #[arg(long, value_name = "REF")]
    external_ref: Option<String>,
    /// Agent to run it, whatever the routes say
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// What it is to be ready for
    #[arg(long, value_name = "NAME")]
    milestone: Option<String>,
    /// How long a person would take: 90m, 4h, 1d (8 hours), 2w (5 days each)
    #[arg(long, value_name = "EFFORT", value_parser = args::effort)]
    estimate: Option<u64>,
}

impl Fields {
    /// The edits, with bodies read from where they are.
    ///
    /// # Errors
    /// The body's file cannot be read.
    pub fn edits(self, session: &Session<'_>) -> Result<Edits, CliError> {
        let body = match (self.body, self.body_file) {
            (None, Some(file)) => Some(session.read_input(&file)?),
            (body, _) => body,
        };
        Ok(Edits {
            title: None,
            body,
            kind: self.kind,
            priority: self.priority,
            complexity: self.complexity,
            deliverable: self.deliverable,
            acceptance: (!self.acceptance.is_empty()).then_some(self.acceptance),
            assignee: self.assignee.map(Some),
            due: self.due.map(Some),
            defer_until: self.defer_until.map(Some),
            external_ref: self.external_ref.map(Some),
            agent: self.agent.map(Some),
            milestone: self.milestone.map(Some),
            estimate: self.estimate.map(Some),
            add_labels: self.labels,
            add_paths: self.paths,
            ..Edits::default()
        })
    }
}
