//! Edges as beads has them.

use serde_json::value::RawValue;

use crate::domain::dep::DepKind;
use crate::exchange::batch::{Incoming, Link};
use crate::exchange::json::{self, Fields};
use crate::exchange::kept::{KeptLink, Rest};

/// Kinds that beads names and that have no effect on `ready`, there or here.
const INERT: &[&str] = &[
    "related",
    "relates-to",
    "replies-to",
    "authored-by",
    "assigned-to",
    "approved-by",
    "attests",
    "tracks",
    "until",
    "caused-by",
    "validates",
    "delegated-from",
];

/// What a kind means here; false if beads does not name it.
///
/// `conditional-blocks` is documented as "only if that fails"; beads 1.0 computes it like `blocks`.
pub(crate) fn kind(name: &str) -> (DepKind, bool) {
    match name {
        "blocks" | "conditional-blocks" | "" => (DepKind::Blocks, true),
        "parent-child" => (DepKind::ParentChild, true),
        "waits-for" => (DepKind::WaitsFor, true),
        "discovered-from" => (DepKind::DiscoveredFrom, true),
        "duplicates" => (DepKind::Duplicates, true),
        "supersedes" => (DepKind::Supersedes, true),
        other => (DepKind::Related, INERT.contains(&other)),
    }
}

/// The reference of a target.
pub(crate) fn key(target: &str) -> String {
    if target.starts_with("external:") {
        target.to_owned()
    } else {
        format!("beads:{target}")
    }
}

/// Reads `dependencies`; false if the list has to be kept as written.
pub(super) fn read(
    issue: &mut Incoming,
    strange: &mut Vec<String>,
    id: &str,
    raw: &RawValue,
) -> bool {
    let all = json::list(raw);
    if all.is_empty() {
        return false;
    }
    for one in all {
        let fields = Fields::of(one).unwrap_or_default();
        let Some(target) = fields.word("depends_on_id").filter(|t| !t.is_empty()) else {
            strange.push("a dependency on nothing was left out; it is kept as it was".to_owned());
            let kept = KeptLink(String::new(), String::new(), one.get().to_owned());
            issue.kept.links.push(kept);
            continue;
        };
        let name = fields.text("type").unwrap_or_default();
        let (kind, known) = kind(&name);
        if !known {
            strange.push(format!("a dependency `{name}` on {target} became related"));
        }
        let mut rest = Rest::default();
        for (field, raw) in fields.iter() {
            let plain = match field {
                "issue_id" => fields.word(field).as_deref() == Some(id),
                "depends_on_id" | "type" => true,
                _ => false,
            };
            if !plain {
                rest.add(field, raw.get());
            }
        }
        let kept = KeptLink(
            name.into_owned(),
            target.clone().into_owned(),
            rest.finish(),
        );
        issue.kept.links.push(kept);
        issue.links.push(Link {
            kind,
            to: key(&target),
            reversed: false,
        });
    }
    true
}

/// Reads `deps`, a plain list of blockers, as small trackers write it.
pub(super) fn plain(issue: &mut Incoming, raw: &RawValue) -> bool {
    for one in json::list(raw) {
        let Some(target) = json::word(one).filter(|t| !t.is_empty()) else {
            return false;
        };
        let target = target.into_owned();
        issue.links.push(Link {
            kind: DepKind::Blocks,
            to: key(&target),
            reversed: false,
        });
        let kept = KeptLink("blocks".to_owned(), target, String::new());
        issue.kept.links.push(kept);
    }
    true
}
