//! `[sandbox]`: how agents and checks are confined, and how an agent's own keys change that.

use std::path::PathBuf;

use crate::config::env::Env;
use crate::config::reader::Section;
use crate::domain::policy::{SandboxLimits, SandboxMode, SandboxPolicy};

pub(super) const MODES: &[(&str, SandboxMode)] = &[
    ("require", SandboxMode::Require),
    ("auto", SandboxMode::Auto),
    ("off", SandboxMode::Off),
];

/// Fewer than this and no agent program starts.
const FEWEST: u32 = 32;

pub(super) fn read(section: &Section<'_, '_>, env: &Env) -> SandboxPolicy {
    let defaults = SandboxPolicy::default();
    let limits = defaults.limits;
    SandboxPolicy {
        mode: section.choice("mode", MODES).unwrap_or(defaults.mode),
        network: section.flag("network").unwrap_or(defaults.network),
        unix_sockets: section
            .flag("unix_sockets")
            .unwrap_or(defaults.unix_sockets),
        read: paths(section, "read", env),
        write: paths(section, "write", env),
        limits: SandboxLimits {
            processes: section
                .number("max_processes", FEWEST..4_000_001)
                .unwrap_or(limits.processes),
            memory: size(section, "max_memory").unwrap_or(limits.memory),
            file_size: size(section, "max_file_size").unwrap_or(limits.file_size),
            open_files: section
                .number("max_open_files", FEWEST..1_000_001)
                .unwrap_or(limits.open_files),
        },
    }
}

/// A size in which a program can live.
fn size(section: &Section<'_, '_>, name: &str) -> Option<u64> {
    let bytes = section.bytes(name)?;
    if bytes < 1 << 20 {
        section.bad(name, "it must be at least \"1 MiB\"");
        return None;
    }
    Some(bytes)
}

/// Absolute paths; `~/` is the HOME of whoever runs fleet. Nothing here opens all that there is.
fn paths(section: &Section<'_, '_>, name: &str, env: &Env) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (text, span) in section.spanned_texts(name).into_iter().flatten() {
        let problem = |what: String| section.document.problem(span.clone(), what);
        let path = match text.strip_prefix("~/") {
            Some(below) => match env.get("HOME") {
                Some(home) => PathBuf::from(home).join(below),
                None => {
                    problem(format!("`{text}`: HOME is not set, so name it in full"));
                    continue;
                }
            },
            None => PathBuf::from(&text),
        };
        let climbs = path
            .components()
            .any(|part| matches!(part, std::path::Component::ParentDir));
        let whole = env
            .get("HOME")
            .is_some_and(|home| path == std::path::Path::new(home));
        if !path.is_absolute() || climbs || text.contains('\0') {
            problem(format!(
                "`{text}` must be an absolute path without `..`, or begin with `~/`"
            ));
        } else if path.parent().is_none() || whole {
            problem(format!(
                "`{text}` would open everything to agents; name the folders that they need"
            ));
        } else {
            found.push(path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::read;

    #[test]
    fn agents_are_confined_as_the_repository_says_unless_they_say_else() {
        let policy = read(
            "[sandbox]\nmode = \"require\"\nnetwork = false\nread = [\"~/.rustup\", \"/srv/x\"]\n\
             max_memory = \"2 GiB\"\n\
             [agents.a]\nkind = \"demo\"\n\
             [agents.b]\nkind = \"demo\"\nsandbox = \"off\"\nnetwork = true\n\
             [[verify]]\nargv = [\"make\"]\n[[verify]]\nargv = [\"make\", \"fetch\"]\nnetwork = true\n",
        )
        .unwrap();
        let of = |name: &str| (policy.agents[name].sandbox, policy.agents[name].network);
        assert_eq!(of("a"), (SandboxMode::Require, false));
        assert_eq!(of("b"), (SandboxMode::Off, true));
        let read = ["/home/u/.rustup", "/srv/x"].map(PathBuf::from);
        assert_eq!(policy.sandbox.read, read);
        assert_eq!(policy.sandbox.limits.memory, 2 << 30);
        assert_eq!(policy.sandbox.limits.processes, 2048);
        let network: Vec<_> = policy.verify.iter().map(|check| check.network).collect();
        assert_eq!(network, [false, true]);
    }

    #[test]
    fn a_path_that_opens_everything_or_is_not_one_is_refused() {
        for (path, word) in [
            ("/", "everything"),
            ("/home/u", "everything"),
            ("src", "absolute"),
            ("/a/../b", "absolute"),
        ] {
            let error = read(&format!("[sandbox]\nwrite = [\"{path}\"]\n")).unwrap_err();
            assert!(error.contains(word), "{path}: {error}");
        }
    }
}
