//! Which repository, at which API: from the settings and the remote's URL. Pure.

use std::fmt;
use std::str::FromStr;

use crate::ports::forge::ForgeError;

/// API base of github.com.
pub const GITHUB_API: &str = "https://api.github.com";

/// `owner/name`, checked: letters, digits, `.`, `_` and `-` only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoName {
    owner: String,
    name: String,
}

impl RepoName {
    /// The user or organisation.
    #[must_use]
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The repository's own name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// GitHub's names differ in more than case.
    fn is(&self, other: &Self) -> bool {
        self.owner.eq_ignore_ascii_case(&other.owner) && self.name.eq_ignore_ascii_case(&other.name)
    }

    fn new(owner: &str, name: &str) -> Option<Self> {
        let name = name.strip_suffix(".git").unwrap_or(name);
        let plain = |part: &str| {
            let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            (1..=100).contains(&part.len()) && part.bytes().all(safe) && !matches!(part, "." | "..")
        };
        (plain(owner) && plain(name)).then(|| Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for RepoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// Why a text is not `owner/name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `owner/name`")]
pub struct RepoNameError(pub String);

impl FromStr for RepoName {
    type Err = RepoNameError;

    fn from_str(text: &str) -> Result<Self, RepoNameError> {
        text.split_once('/')
            .and_then(|(owner, name)| Self::new(owner, name))
            .ok_or_else(|| RepoNameError(text.to_owned()))
    }
}

/// A repository and the API that serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The repository.
    pub repo: RepoName,
    /// API base without a slash at its end: `https://api.github.com`, `https://ghe.example/api/v3`.
    pub api_base: String,
}

/// Reads a remote's URL: `https://`, `http://`, `ssh://` and `git://` URLs and `user@host:path`.
/// A user name or password in it is dropped. `None` for a path or anything without `owner/name`.
///
/// github.com is served by `https://api.github.com`, `NAME.ghe.com` by `https://api.NAME.ghe.com`,
/// every other host by `https://HOST/api/v3` (GitHub Enterprise Server).
#[must_use]
pub fn parse_remote(url: &str) -> Option<Target> {
    let url = url.trim();
    let (host, port, path) = match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/')?;
            let authority = authority.rsplit('@').next().unwrap_or(authority);
            let (host, port) = match authority.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            match scheme.to_ascii_lowercase().as_str() {
                // A port of the web server is the API's too; one of ssh is not.
                "https" | "http" => (host, port, path),
                "ssh" | "git+ssh" | "git" => (host, None, path),
                _ => return None,
            }
        }
        None => {
            let (left, path) = url.split_once(':')?;
            // Git's own rule: a slash before the first colon makes it a path; one letter is a drive.
            if left.contains('/') || left.len() < 2 {
                return None;
            }
            (left.rsplit('@').next().unwrap_or(left), None, path)
        }
    };
    let repo = path.trim_matches('/').parse().ok()?;
    let api_base = api_of(&host.to_ascii_lowercase(), port)?;
    Some(Target { repo, api_base })
}

fn api_of(host: &str, port: Option<&str>) -> Option<String> {
    let safe = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    let digits =
        port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    if host.is_empty() || !host.bytes().all(safe) || !digits {
        return None;
    }
    if matches!(host, "github.com" | "www.github.com" | "ssh.github.com") {
        return Some(GITHUB_API.to_owned());
    }
    if host.ends_with(".ghe.com") {
        return Some(format!("https://api.{host}"));
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("https://{host}{port}/api/v3"))
}

/// The repository and API to talk to: `forge.repo` if set, else the remote's; `forge.base_url` if
/// `base_url` gives it, else what the remote's host is served by. A remote that is another repository
/// than `forge.repo`, such as a mirror, says nothing of the API: the token is not for its host.
///
/// # Errors
/// `Denied` if neither says a repository, or `forge.repo` is not `owner/name`.
pub fn target(
    repo: Option<&str>,
    base_url: Option<&str>,
    remote_url: Option<&str>,
) -> Result<Target, ForgeError> {
    let denied = |cause: String| ForgeError::Denied {
        what: "cannot tell which repository the forge serves".into(),
        cause,
    };
    let remote = remote_url.and_then(parse_remote);
    let set: Option<RepoName> =
        repo.map(str::parse)
            .transpose()
            .map_err(|error: RepoNameError| {
                denied(format!("forge.repo: {error}; write it as `owner/name`"))
            })?;
    let remote = remote.filter(|remote| set.as_ref().is_none_or(|set| set.is(&remote.repo)));
    let base_url = base_url.map(|url| url.trim().trim_end_matches('/'));
    let api_base = match (base_url.filter(|url| !url.is_empty()), &remote) {
        (Some(url), _) => url.to_owned(),
        (None, Some(remote)) => remote.api_base.clone(),
        (None, None) => GITHUB_API.to_owned(),
    };
    let Some(repo) = set.or_else(|| remote.map(|remote| remote.repo)) else {
        let cause = "the remote's URL does not name it; set forge.repo = \"owner/name\"";
        return Err(denied(cause.into()));
    };
    Ok(Target { repo, api_base })
}

#[cfg(test)]
mod tests {
    use super::{GITHUB_API, parse_remote, target};

    fn read(url: &str) -> String {
        parse_remote(url).map_or_else(
            || "-".into(),
            |target| format!("{} at {}", target.repo, target.api_base),
        )
    }

    #[test]
    fn every_form_of_a_github_remote_names_the_repository() {
        for url in [
            "https://github.com/octo/hello",
            "https://github.com/octo/hello.git",
            "https://github.com/octo/hello/",
            "https://x-access-token:secret@github.com/octo/hello.git",
            "HTTPS://GitHub.com/octo/hello.git",
            "git@github.com:octo/hello.git",
            "github.com:octo/hello",
            "git@github.com:/octo/hello.git",
            "ssh://git@github.com/octo/hello.git",
            "ssh://git@ssh.github.com:443/octo/hello.git",
            "git://github.com/octo/hello.git",
        ] {
            assert_eq!(read(url), format!("octo/hello at {GITHUB_API}"), "{url}");
        }
    }

    #[test]
    fn an_enterprise_host_has_its_own_api() {
        assert_eq!(
            read("git@ghe.example:o/r.git"),
            "o/r at https://ghe.example/api/v3"
        );
        assert_eq!(
            read("https://ghe.example:8443/o/r"),
            "o/r at https://ghe.example:8443/api/v3"
        );
        assert_eq!(
            read("ssh://git@ghe.example:2222/o/r.git"),
            "o/r at https://ghe.example/api/v3"
        );
        assert_eq!(
            read("https://corp.ghe.com/o/r"),
            "o/r at https://api.corp.ghe.com"
        );
    }

    #[test]
    fn what_is_no_forge_url_is_none() {
        for url in [
            "",
            "/srv/git/hello.git",
            "./a:b",
            "../hello",
            "file:///srv/o/r.git",
            "C:\\git\\hello",
            "https://github.com/only-owner",
            "https://github.com/a/b/c",
            "https://github.com/o/..",
            "https://github.com/o/r?x=1",
            "https://evil host/o/r",
            "git@github.com:o/$(id)",
            "https://[::1]/o/r",
        ] {
            assert_eq!(read(url), "-", "{url}");
        }
    }

    #[test]
    fn settings_win_over_the_remote() {
        let remote = Some("git@ghe.example:o/r.git");
        let both = target(Some("a/b"), Some("http://127.0.0.1:9/"), remote).unwrap();
        assert_eq!(
            (both.repo.to_string(), both.api_base),
            ("a/b".into(), "http://127.0.0.1:9".into())
        );
        let derived = target(None, None, remote).unwrap();
        assert_eq!(derived.api_base, "https://ghe.example/api/v3");
        insta::assert_snapshot!(target(None, None, Some("/srv/x.git")).unwrap_err(), @r#"cannot tell which repository the forge serves: the remote's URL does not name it; set forge.repo = "owner/name""#);
        insta::assert_snapshot!(target(Some("x"), None, None).unwrap_err(), @"cannot tell which repository the forge serves: forge.repo: `x` is not `owner/name`; write it as `owner/name`");
    }

    #[test]
    fn threat_other_repositories_a_remote_does_not_choose_where_the_token_goes() {
        let api = |repo, url, remote| target(repo, url, Some(remote)).unwrap().api_base;
        let mirror = "git@gitlab.corp:mirror/hello.git";
        assert_eq!(api(Some("octo/hello"), None, mirror), GITHUB_API);
        assert_eq!(
            api(Some("octo/hello"), None, "git@gitlab.corp:mirror"),
            GITHUB_API
        );
        let own = "git@ghe.example:Octo/hello.git";
        let enterprise = "https://ghe.example/api/v3";
        assert_eq!(api(Some("octo/hello"), None, own), enterprise);
        assert_eq!(
            api(Some("octo/hello"), Some(GITHUB_API), own),
            GITHUB_API,
            "what is written in the configuration wins, the default too"
        );
    }
}
