//! Tickets: where people ask for work at the forge, and read what became of it.
//!
//! What is read here is not proven: anybody may write it. What a person may do is asked with
//! [`Tickets::may_write`], and `engine::intake` says whose acts count.

use crate::domain::time::Timestamp;
use crate::ports::forge::{ForgeError, ForgeRemark, ForgeSaying};

/// Which tickets are looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketQuery {
    /// Open tickets with this label, oldest first.
    pub label: String,
    /// Tickets that are looked at in any case, by number: those of tasks that are not done.
    pub also: Vec<u64>,
}

/// What a look gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketsSeen {
    /// Each once, by number.
    pub tickets: Vec<Ticket>,
    /// Of those asked for by number: not there any more, deleted or moved away.
    pub gone: Vec<u64>,
    /// Why there may be more than this, as a sentence; `None` = all of them are here.
    pub cut: Option<String>,
}

/// A ticket at the forge. Its texts are an outsider's (R4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Number at the forge.
    pub number: u64,
    /// Stable identity, as a task's key: it stays when the repository is renamed.
    pub key: String,
    /// What people call it, as a task's reference: `forge:owner/repo#12`.
    pub reference: String,
    /// Where a human looks.
    pub url: String,
    /// As written.
    pub title: String,
    /// Markdown as written; hidden parts still in it.
    pub body: String,
    /// Who wrote it.
    pub author: String,
    /// Open, or how it was closed.
    pub state: TicketState,
    /// Its labels.
    pub labels: Vec<String>,
    /// Since when title and body are what they are.
    pub text: TextAge,
    /// Who put or took labels, oldest first. Acts of programs are left out, those of outsiders are
    /// not.
    pub acts: Vec<TicketAct>,
    /// Comments that speak to fleet, by whomever, oldest first; those of programs are left out.
    pub said: Vec<ForgeRemark>,
    /// Of those who spoke, who belongs to the repository by the forge's word. Decides only whose
    /// rights are asked for first.
    pub insiders: Vec<String>,
    /// The person who closed it last; `None` is a program, or unknown.
    pub closed_by: Option<String>,
    /// When anything of it changed.
    pub updated: Timestamp,
}

/// Open, or how a ticket was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TicketState {
    /// Open.
    #[default]
    Open,
    /// Closed as done.
    Done,
    /// Closed as the same as another.
    Duplicate,
    /// Closed otherwise.
    Dropped,
}

/// Since when a text is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextAge {
    /// As it was written first, then.
    Unedited(Timestamp),
    /// Edited last at that time.
    Edited(Timestamp),
    /// The forge does not say.
    Unknown,
}

/// Somebody put a label on a ticket, or took it off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketAct {
    /// Who; `None` is a program, or somebody whose account is gone.
    pub by: Option<String>,
    /// When, by the forge's clock.
    pub at: Timestamp,
    /// Which label.
    pub label: String,
    /// Put on, or taken off.
    pub put: bool,
}

/// A ticket that fleet opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its number.
    pub number: u64,
    /// Where a human looks.
    pub url: Option<String>,
}

/// The tickets of a repository.
pub trait Tickets: Send + Sync {
    /// What begins every reference to a ticket here, up to the `#`: `forge:owner/repo`.
    fn place(&self) -> String;

    /// The tickets that are asked for.
    ///
    /// # Errors
    /// The forge refuses, limits or does not answer.
    fn tickets(&self, query: &TicketQuery) -> Result<TicketsSeen, ForgeError>;

    /// Whether a person may write to the repository; the forge is asked once for each. A person
    /// whom the forge does not know may not, and a program never.
    ///
    /// # Errors
    /// As above.
    fn may_write(&self, person: &str) -> Result<bool, ForgeError>;

    /// Opens a ticket that asks something, or finds the one with that key.
    ///
    /// # Errors
    /// As above. Safe to call again after any error.
    fn ask(&self, title: &str, text: &str, key: &str) -> Result<Asked, ForgeError>;

    /// Says a last word and closes the ticket as done. One that is closed stays so. Where the word
    /// stands.
    ///
    /// # Errors
    /// As above. Safe to call again after any error.
    fn settle(&self, last: &ForgeSaying) -> Result<Option<String>, ForgeError>;
}
