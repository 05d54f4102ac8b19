//! Taking credentials out of what git says before anybody else sees it (R8).

/// `text` with the user part of every URL, and the value of every authorization header, replaced.
///
/// `https://user:token@host/x` becomes `https://***@host/x`, and `user:token@host` becomes
/// `***@host`; the `git@host:path` of ssh holds no secret and stays.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        redact_line(line, &mut out);
    }
    out
}

fn redact_line(line: &str, out: &mut String) {
    // ASCII only changes, so positions stay the same.
    let lower = line.to_ascii_lowercase();
    let (line, header) = match lower.find("authorization:") {
        Some(at) => (&line[..at], true),
        None => (line, false),
    };
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        words(before, out);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '<' | '>' | '?'))
            .unwrap_or(after.len());
        let host = match after[..end].rfind('@') {
            Some(user) => {
                out.push_str("***");
                user
            }
            None => 0,
        };
        out.push_str(&after[host..end]);
        rest = &after[end..];
    }
    words(rest, out);
    if header {
        out.push_str("authorization: ***");
    }
}

/// Text without URLs: words such as `user:token@host` lose their first part.
fn words(text: &str, out: &mut String) {
    let end = |c: char| c.is_whitespace() || matches!(c, '/' | '\'' | '"' | '<' | '>');
    for word in text.split_inclusive(end) {
        match word.rfind('@') {
            Some(at) if word[..at].contains(':') => {
                out.push_str("***");
                out.push_str(&word[at..]);
            }
            _ => out.push_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn i11_credentials_in_urls_and_headers_are_taken_out() {
        for (said, shown) in [
            (
                "fatal: https://x-access-token:ghs_1@github.com/o/r: no",
                "fatal: https://***@github.com/o/r: no",
            ),
            ("to 'ssh://git@host:22/a@b'", "to 'ssh://***@host:22/a@b'"),
            ("> Authorization: Basic abc=", "> authorization: ***"),
            ("https://host/p?q=a@b", "https://host/p?q=a@b"),
            ("a://b@c d://e:f@g@h\nplain", "a://***@c d://***@h\nplain"),
            ("look up u:pw@host (port 1)", "look up ***@host (port 1)"),
            ("git@github.com:o/r: denied", "git@github.com:o/r: denied"),
            ("", ""),
        ] {
            assert_eq!(redact(said), shown);
        }
    }
}
