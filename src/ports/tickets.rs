//! Tickets: where people ask for work at the forge, and read what became of it.

use crate::domain::time::Timestamp;
use crate::ports::forge::{ForgeError, ForgeRemark, ForgeSaying};

/// Which tickets are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketQuery {
    /// Label that hands a ticket to fleet.
    pub label: String,
    /// Only those that changed at or after this time; `None` = all open ones.
    pub since: Option<Timestamp>,
    /// Tickets that are looked at in any case: those of tasks that are not done.
    pub also: Vec<u64>,
}

/// A ticket at the forge. Its texts are an outsider's (R4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Number at the forge.
    pub number: u64,
    /// Where a human looks.
    pub url: String,
    /// One line.
    pub title: String,
    /// Markdown as written, bounded; hidden parts still in it.
    pub body: String,
    /// Who wrote it.
    pub author: String,
    /// Not closed.
    pub open: bool,
    /// Its labels.
    pub labels: Vec<String>,
    /// Who handed exactly the present text to fleet, if a person who may write to the repository
    /// did so after the text was last changed: the forge was asked for all of that.
    pub handed: Option<Handed>,
    /// What people who may write to the repository said to fleet on it, oldest first.
    pub remarks: Vec<ForgeRemark>,
    /// When anything of it changed.
    pub updated: Timestamp,
}

/// The act of handing a ticket's text to fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// Who.
    pub by: String,
    /// When, by the forge's clock.
    pub at: Timestamp,
}

/// The tickets of a repository.
pub trait Tickets: Send + Sync {
    /// The tickets that are asked for, each once, by number.
    ///
    /// # Errors
    /// The forge refuses, limits or does not answer.
    fn tickets(&self, query: &TicketQuery) -> Result<Vec<Ticket>, ForgeError>;

    /// Opens a ticket that asks something, or finds the one with that key; its number.
    ///
    /// # Errors
    /// As above. Safe to call again after any error.
    fn ask(&self, title: &str, text: &str, key: &str) -> Result<u64, ForgeError>;

    /// Says a last word and closes the ticket as done. One that is closed stays so.
    ///
    /// # Errors
    /// As above. Safe to call again after any error.
    fn settle(&self, last: &ForgeSaying) -> Result<(), ForgeError>;
}
