//! What an import answers.

use serde::Serialize;

use crate::app::tracker::import::plan::Outcome;
use crate::app::tracker::report::Delivery;
use crate::exchange::{Batch, Incoming, Note};

/// What came of one issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportRow {
    /// Reference at the source.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The task, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `created`, `updated`, `unchanged` or `skipped`.
    pub result: &'static str,
    /// File and line.
    pub at: String,
    /// Fields that changed, for `updated`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Why, for `skipped`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// A remark on the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoteRow {
    /// File, line and column, as far as they are known.
    pub at: String,
    /// Reference of the issue; empty if it is not about one.
    #[serde(rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// What is strange, and how it was understood.
    pub text: String,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportReport {
    /// Format that was read.
    pub format: &'static str,
    /// Files that were read.
    pub files: Vec<String>,
    /// Issues that were created.
    pub created: usize,
    /// Issues whose tasks changed.
    pub updated: usize,
    /// Issues that say what their tasks say.
    pub unchanged: usize,
    /// Issues that were passed over, each with a reason.
    pub skipped: usize,
    /// Edges that were added or taken away.
    pub deps: usize,
    /// Comments that were added.
    pub comments: usize,
    /// One row for each issue that was read.
    pub rows: Vec<ImportRow>,
    /// Number of rows that there are.
    pub total: usize,
    /// True if some are not listed.
    pub has_more: bool,
    /// What was strange.
    pub notes: Vec<NoteRow>,
    /// Number of notes that there are.
    pub notes_total: usize,
    /// What could not be read and was left out, as asked for.
    pub damage: Vec<NoteRow>,
    /// How it was recorded; records are counted by kind.
    #[serde(flatten)]
    pub delivery: Delivery,
}

impl ImportReport {
    pub(super) fn new(batch: &Batch, delivery: Delivery) -> Self {
        let mut files = batch.files.clone();
        files.truncate(100);
        Self {
            format: batch.format.name(),
            files,
            created: 0,
            updated: 0,
            unchanged: 0,
            skipped: 0,
            deps: 0,
            comments: 0,
            rows: Vec::new(),
            total: 0,
            has_more: false,
            notes: Vec::new(),
            notes_total: 0,
            damage: Vec::new(),
            delivery,
        }
    }

    pub(super) fn add(
        &mut self,
        batch: &Batch,
        issue: &Incoming,
        id: Option<String>,
        outcome: &Outcome,
        listed: usize,
    ) {
        let (result, count, fields, why) = match outcome {
            Outcome::Created(_) => ("created", &mut self.created, Vec::new(), ""),
            Outcome::Updated(_, fields) => ("updated", &mut self.updated, fields.clone(), ""),
            Outcome::Unchanged(_) => ("unchanged", &mut self.unchanged, Vec::new(), ""),
            Outcome::Skipped(_, why) => ("skipped", &mut self.skipped, Vec::new(), why.as_str()),
        };
        *count += 1;
        self.total += 1;
        if self.rows.len() >= listed {
            self.has_more = true;
            return;
        }
        self.rows.push(ImportRow {
            reference: issue.key.clone(),
            id,
            result,
            at: batch.shown(issue.place),
            fields,
            why: why.to_owned(),
        });
    }

    pub(super) fn note<'a>(
        &mut self,
        batch: &Batch,
        notes: impl Iterator<Item = &'a Note>,
        listed: usize,
    ) {
        for note in notes {
            self.notes_total += 1;
            if self.notes.len() < listed {
                self.notes.push(row(batch, note));
            }
        }
    }

    pub(super) fn damage(&mut self, batch: &Batch, listed: usize) {
        let all = batch.damage.iter().take(listed);
        self.damage = all.map(|note| row(batch, note)).collect();
        self.skipped += batch.damage.len();
    }
}

fn row(batch: &Batch, note: &Note) -> NoteRow {
    NoteRow {
        at: batch.shown(note.place),
        reference: note.about.clone(),
        text: note.what.clone(),
    }
}
