//! Every key of `config.toml`, with its default and meaning: what is known, suggested, and
//! documented (`docs/config.md` must name each).

mod archive;
mod general;
mod intake;
mod providers;
mod workers;

use crate::config::schema::archive::ARCHIVE;
use crate::config::schema::general::GENERAL;
use crate::config::schema::intake::INTAKE;
use crate::config::schema::providers::PROVIDERS;
use crate::config::schema::workers::WORKERS;

/// One key. Sections: `""` = top level, `agents.*`, `providers.*`, `routes[]` and `verify[]` repeat.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Key {
    pub section: &'static str,
    pub name: &'static str,
    pub default: &'static str,
    pub meaning: &'static str,
}

const fn key(
    section: &'static str,
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        section,
        name,
        default,
        meaning,
    }
}

/// Every key.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    let shared = GENERAL.iter().chain(INTAKE).chain(ARCHIVE);
    shared.chain(PROVIDERS).chain(WORKERS)
}

/// Names of a section's keys.
pub(super) fn names(section: &str) -> impl Iterator<Item = &'static str> {
    keys()
        .filter(move |key| key.section == section)
        .map(|key| key.name)
}
