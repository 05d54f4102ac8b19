//! Which names an agent may add to a tree (security.md A24): what one file system takes for another
//! name, or a person cannot see, is refused by rule.

use icu_normalizer::ComposingNormalizerBorrowed;

/// Characters that HFS+ leaves out when it compares names (git's `is_hfs_dotgit`).
const fn hfs_ignores(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}')
}

/// Characters that a reader of the diff does not see.
const fn invisible(c: char) -> bool {
    hfs_ignores(c)
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{2028}' | '\u{2029}'
            | '\u{2060}'..='\u{2069}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// The name as a careless file system sees it: case folded, without ignorables, without what NTFS
/// cuts off (trailing dots and spaces, a stream after `:`).
fn folded(name: &str) -> String {
    let seen: String = name.chars().filter(|c| !hfs_ignores(*c)).collect();
    let plain = seen.split(':').next().unwrap_or_default();
    plain.trim_end_matches(['.', ' ']).to_lowercase()
}

/// A name as file systems compare it that fold letters and know one form (NFC) for a letter and its
/// accent, whether they came as one character or as two.
pub(super) fn one_spelling(name: &str) -> String {
    let lower = name.to_lowercase();
    if lower.is_ascii() {
        return lower;
    }
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(&lower)
        .into_owned()
}

/// Whether some file system takes `name` for `.git`.
pub(super) fn is_dot_git(name: &str) -> bool {
    matches!(folded(name).as_str(), ".git" | "git~1")
}

/// Whether some file system takes `name` for `.gitmodules`.
fn is_gitmodules(name: &str) -> bool {
    let name = folded(name);
    name == ".gitmodules" || name.starts_with("gitmod~") || name.starts_with("gi7eba~")
}

/// Names of devices on Windows: a clone there cannot write such a file.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_lowercase();
    let numbered = |port: &str| {
        stem.strip_prefix(port)
            .is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

/// The rule by which a path that is there already in the start tree, but with other content, is
/// refused; `None` if it may change.
pub(super) fn refuse_changed(path: &[u8]) -> Option<&'static str> {
    let Ok(path) = std::str::from_utf8(path) else {
        return Some("not-utf8");
    };
    let mut rule = None;
    for name in path.split('/') {
        if is_dot_git(name) {
            rule = Some("dot-git");
        } else if is_gitmodules(name) {
            rule = rule.or(Some("gitmodules"));
        }
    }
    rule
}

/// The rule by which a new path is refused; `None` if it may be added.
pub(super) fn refuse_added(path: &[u8]) -> Option<&'static str> {
    if let Some(rule) = refuse_changed(path) {
        return Some(rule);
    }
    let path = std::str::from_utf8(path).ok()?;
    if path.len() > 4000 {
        return Some("name-too-long");
    }
    path.split('/').find_map(|name| match name {
        "" | "." | ".." => Some("dot-dot"),
        _ if name.chars().any(char::is_control) => Some("control-character"),
        _ if name.chars().any(invisible) => Some("invisible-character"),
        _ if name.contains('\\') || name.ends_with(['.', ' ']) || is_device(name) => {
            Some("windows-name")
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::{refuse_added, refuse_changed};

    #[test]
    fn every_spelling_of_dot_git_is_seen() {
        for path in [
            ".git",
            ".GIT/config",
            "a/.Git",
            "git~1/x",
            "GIT~1",
            ".git.",
            ".git ",
            ".git::$INDEX_ALLOCATION",
            ".g\u{200c}it/hooks/x",
            "\u{feff}.git",
            "a/b/.giT /c",
        ] {
            assert_eq!(refuse_added(path.as_bytes()), Some("dot-git"), "{path:?}");
        }
        for path in [
            ".gitignore",
            ".gitattributes",
            ".github/x.yml",
            "a.git",
            "git",
            ".gitkeep",
        ] {
            assert_eq!(refuse_added(path.as_bytes()), None, "{path:?}");
        }
    }

    #[test]
    fn tricks_with_names_are_refused_when_they_are_new() {
        for (path, rule) in [
            (&b"a/\xff"[..], "not-utf8"),
            (b"a\x1b[31m", "control-character"),
            (b"a\nb", "control-character"),
            ("a/\u{202e}txt.exe".as_bytes(), "invisible-character"),
            (b"a\\b", "windows-name"),
            (b"src/aux.rs", "windows-name"),
            (b"COM1", "windows-name"),
            (b"x. ", "windows-name"),
            (b".gitmodules", "gitmodules"),
            (b".GitModules", "gitmodules"),
        ] {
            assert_eq!(refuse_added(path), Some(rule), "{path:?}");
        }
        assert_eq!(refuse_changed(b"src/aux.rs"), None);
        assert_eq!(refuse_added("src/größe.rs".as_bytes()), None);
    }
}
