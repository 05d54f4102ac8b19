//! What a session of an agent had spent when it was last seen, kept in the agent's HOME beside the
//! session itself, for CLIs that report the whole session's figures after a resume.
//!
//! The agent could change the file; it would only make its own run look dearer or cheaper, which
//! it can do on standard output as well.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::agents::environment::write_in_home;
use crate::domain::money::{MicroUsd, Usage};

/// Relative to HOME.
const FILE: &str = ".fleet/totals.json";
/// Largest file that is read, and most sessions that are remembered.
const MAX_BYTES: u64 = 64 * 1024;
const MAX_SESSIONS: usize = 64;

/// Tokens and money of one session of an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Total {
    /// Tokens.
    pub(crate) usage: Usage,
    /// Money, if it says.
    #[serde(default)]
    pub(crate) cost: Option<MicroUsd>,
}

impl Total {
    /// What was added since `before`, each part at least zero.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            usage: self.usage.since(before.usage),
            cost: self.cost.map(|c| c.less(before.cost.unwrap_or_default())),
        }
    }

    /// True if every kind of token is at least as many.
    pub(crate) const fn covers(self, usage: Usage) -> bool {
        self.usage.input >= usage.input
            && self.usage.output >= usage.output
            && self.usage.cache_read >= usage.cache_read
            && self.usage.cache_write >= usage.cache_write
    }
}

fn all(home: &Path) -> BTreeMap<String, Total> {
    let path = home.join(FILE);
    let plain = std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file() && m.len() < MAX_BYTES);
    plain
        .then(|| std::fs::read(&path).ok())
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// The total of `session` when it was last seen.
pub(crate) fn recall(home: &Path, session: &str) -> Option<Total> {
    all(home).remove(session)
}

/// Remembers it.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn remember(home: &Path, session: &str, total: Total) -> Result<(), String> {
    // A stream that is only filtered has no HOME.
    if home.as_os_str().is_empty() {
        return Ok(());
    }
    let mut totals = all(home);
    while totals.len() >= MAX_SESSIONS {
        totals.pop_first();
    }
    totals.insert(session.to_owned(), total);
    let bytes = serde_json::to_vec(&totals).map_err(|e| e.to_string())?;
    write_in_home(home, FILE, &bytes)
}
