//! What the git of this machine can do.

use std::process::Command;

/// Whether repositories with a table of refs can be made here: `--ref-format` came with git 2.45, and
/// fleet works with 2.38. Says so if a test leaves them out.
pub(crate) fn makes_reftables() -> bool {
    let out = Command::new("git").arg("--version").output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let makes = version(&text) >= (2, 45);
    if !makes {
        eprintln!("skipped: no reftable, {} makes none", text.trim());
    }
    makes
}

fn version(text: &str) -> (u32, u32) {
    let number = text.split_whitespace().nth(2).unwrap_or_default();
    let mut parts = number.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[test]
fn the_version_of_git_is_read_whoever_built_it() {
    assert_eq!(version("git version 2.38.1"), (2, 38));
    assert_eq!(version("git version 2.50.1 (Apple Git-155)\n"), (2, 50));
    assert_eq!(version("git version 2.45.0.windows.1"), (2, 45));
    assert_eq!(version("no git"), (0, 0));
}
