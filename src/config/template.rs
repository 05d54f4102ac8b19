//! The `config.toml` that `fleet init` writes.

use crate::domain::policy::ForgeKind;

/// A commented configuration for a repository with this base branch and forge. Everything that is
/// not a comment is a default made visible; agents are comments, to be chosen by a human.
#[must_use]
pub fn template(base_branch: &str, state_branch: &str, forge: ForgeKind) -> String {
    let kind = match forge {
        ForgeKind::Local => "local",
        ForgeKind::GitHub => "github",
    };
    TEMPLATE
        .replace("{base_branch}", &base_branch.escape_default().to_string())
        .replace("{state_branch}", &state_branch.escape_default().to_string())
        .replace("{forge}", kind)
}

const TEMPLATE: &str = include_str!("template.toml");
