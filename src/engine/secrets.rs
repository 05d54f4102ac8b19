//! Secrets: known values in every form that slips out, and shapes of well-known tokens
//! (R8, I11; security.md A22).
//!
//! Built from the values, which never leave the scanner: nothing here prints them.

use std::collections::BTreeMap;
use std::fmt;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

/// Shorter values are not scanned for: they would be found everywhere.
pub const MIN_SECRET_LEN: usize = 8;
/// Length of the pieces that are scanned for.
const FRAGMENT_LEN: usize = 20;
/// Most bytes of one value that are cut into pieces.
const MAX_FRAGMENTED: usize = 16 * 1024;
/// From one piece of an encoded value to the next: programs that encode break lines after 60 or 76
/// letters, and 27 letters in a row hold a whole piece.
const ENCODED_STEP: usize = 8;
/// What stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// In which form a secret was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// As it is.
    Exact,
    /// Base 64, standard or URL alphabet, at any alignment.
    Base64,
    /// Hexadecimal.
    Hex,
    /// Percent-encoded.
    UrlEncoded,
    /// With JSON's escapes.
    JsonEscaped,
    /// Backwards.
    Reversed,
    /// A piece of at least 20 characters.
    Fragment,
    /// Not known, but shaped like a token of a well-known service.
    Shape,
}

/// A secret was found. Holds and prints no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// Name of the secret, such as the environment variable it came from.
    pub name: String,
    /// In which form.
    pub form: Form,
    /// Where, in bytes.
    pub start: usize,
    /// End, in bytes.
    pub end: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Exact => "as it is",
            Form::Base64 => "in base64",
            Form::Hex => "in hexadecimal",
            Form::UrlEncoded => "percent-encoded",
            Form::JsonEscaped => "JSON-escaped",
            Form::Reversed => "reversed",
            Form::Fragment => "in part",
            Form::Shape => "by its shape",
        };
        write!(f, "{} ({form}) at byte {}", self.name, self.start)
    }
}

/// Beginnings of well-known tokens, what they are, and how many token characters must follow.
const SHAPES: &[(&str, &str, usize)] = &[
    ("ghp_", "a GitHub token", 30),
    ("gho_", "a GitHub token", 30),
    ("ghu_", "a GitHub token", 30),
    ("ghs_", "a GitHub token", 30),
    ("ghr_", "a GitHub token", 30),
    ("github_pat_", "a GitHub token", 40),
    ("glpat-", "a GitLab token", 18),
    ("sk-ant-", "an Anthropic key", 30),
    ("sk-proj-", "an OpenAI key", 30),
    ("sk-or-v1-", "an OpenRouter key", 30),
    ("AIzaSy", "a Google key", 30),
    ("AKIA", "an AWS key id", 16),
    ("ASIA", "an AWS key id", 16),
    ("xoxb-", "a Slack token", 20),
    ("xoxp-", "a Slack token", 20),
    ("npm_", "an npm token", 34),
    ("pypi-AgEI", "a PyPI token", 30),
    ("hf_", "a Hugging Face token", 30),
    ("AGE-SECRET-KEY-1", "an age identity", 40),
    ("-----BEGIN RSA PRIVATE KEY", "a private key", 0),
    ("-----BEGIN EC PRIVATE KEY", "a private key", 0),
    ("-----BEGIN PRIVATE KEY", "a private key", 0),
    ("-----BEGIN ENCRYPTED PRIVATE KEY", "a private key", 0),
    ("-----BEGIN OPENSSH PRIVATE KEY", "a private key", 0),
    ("-----BEGIN PGP PRIVATE KEY", "a private key", 0),
];

/// Finds and hides secrets.
pub struct Scanner {
    automaton: Option<AhoCorasick>,
    /// Per pattern: position in `names`, form, and token characters that must follow.
    patterns: Vec<(usize, Form, usize)>,
    names: Vec<String>,
    too_short: Vec<String>,
    longest: usize,
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Scanner {
    /// A scanner for `(name, value)` pairs. Values are used as they are and without surrounding
    /// white space; those shorter than [`MIN_SECRET_LEN`] are left out (see [`Self::too_short`]).
    #[must_use]
    pub fn new(secrets: &[(String, String)]) -> Self {
        let mut names = Vec::new();
        let mut too_short = Vec::new();
        let mut texts: BTreeMap<Vec<u8>, (usize, Form, usize)> = BTreeMap::new();
        for (name, value) in secrets {
            let value = value.trim();
            if value.len() < MIN_SECRET_LEN {
                if !value.is_empty() {
                    too_short.push(name.clone());
                }
                continue;
            }
            names.push(name.clone());
            for (text, form) in forms(value.as_bytes()) {
                texts.entry(text).or_insert((names.len() - 1, form, 0));
            }
        }
        for (begin, what, follow) in SHAPES {
            names.push((*what).to_owned());
            texts.entry(begin.as_bytes().to_vec()).or_insert((
                names.len() - 1,
                Form::Shape,
                *follow,
            ));
        }
        let longest = texts.keys().map(Vec::len).max().unwrap_or_default();
        let (needles, patterns): (Vec<_>, Vec<_>) = texts.into_iter().unzip();
        Self {
            // Too many or too long values to build from: `scan` then reports everything (R9).
            automaton: AhoCorasickBuilder::new()
                .match_kind(MatchKind::Standard)
                .build(&needles)
                .ok(),
            patterns,
            names,
            too_short,
            longest,
        }
    }

    /// Names of values that are too short to be scanned for.
    #[must_use]
    pub fn too_short(&self) -> &[String] {
        &self.too_short
    }

    /// Length of the longest text that is looked for: what a reader in blocks must keep of the
    /// block before.
    #[must_use]
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// Every secret in `bytes`, overlapping finds made one, in order.
    #[must_use]
    pub fn scan(&self, bytes: &[u8]) -> Vec<Leak> {
        let Some(automaton) = &self.automaton else {
            return vec![Leak {
                name: "a scanner that cannot be built".to_owned(),
                form: Form::Shape,
                start: 0,
                end: bytes.len(),
            }];
        };
        let mut leaks: Vec<Leak> = Vec::new();
        // Where the letters end that follow the last beginning of a token, so that a text made of
        // beginnings is read once.
        let mut letters_end = 0;
        for found in automaton.find_overlapping_iter(bytes) {
            let (name, form, follow) = self.patterns[found.pattern().as_usize()];
            let mut end = found.end();
            if form == Form::Shape {
                let token = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
                if letters_end < end {
                    letters_end = end + bytes[end..].iter().take_while(token).count();
                }
                if letters_end - end < follow {
                    continue;
                }
                end = letters_end;
            }
            let leak = Leak {
                name: self.names[name].clone(),
                form,
                start: found.start(),
                end,
            };
            merge(&mut leaks, leak);
        }
        leaks
    }

    /// `text` with every secret replaced by [`REDACTED`].
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for leak in self.scan(text.as_bytes()) {
            let start = text.floor_char_boundary(leak.start);
            out.push_str(&text[at.min(start)..start]);
            out.push_str(REDACTED);
            at = text.ceil_char_boundary(leak.end);
        }
        out.push_str(&text[at..]);
        out
    }
}

/// Adds a find; finds come in order of their ends, so only the last ones can touch it. The telling
/// form (the least in the order of [`Form`]) stays.
fn merge(leaks: &mut Vec<Leak>, mut leak: Leak) {
    while let Some(last) = leaks.last()
        && last.end >= leak.start
    {
        leak.start = leak.start.min(last.start);
        leak.end = leak.end.max(last.end);
        if last.form < leak.form {
            leak.form = last.form;
            leak.name.clone_from(&last.name);
        }
        leaks.pop();
    }
    leaks.push(leak);
}

/// Every text that gives a value away.
fn forms(value: &[u8]) -> Vec<(Vec<u8>, Form)> {
    let mut all = vec![(value.to_vec(), Form::Exact)];
    for alphabet in [BASE64, BASE64_URL] {
        for offset in 0..3 {
            let core = base64_core(value, offset, alphabet);
            all.extend(pieces(&core, Form::Base64));
            all.push((core, Form::Base64));
        }
    }
    for digits in [b"0123456789abcdef", b"0123456789ABCDEF"] {
        let hex: Vec<u8> = value
            .iter()
            .flat_map(|b| [digits[usize::from(b >> 4)], digits[usize::from(b & 15)]])
            .collect();
        all.extend(pieces(&hex, Form::Hex));
        all.push((hex, Form::Hex));
        for between in [" ", ":", "\\x", "%"] {
            let form = if between == "%" {
                Form::UrlEncoded
            } else {
                Form::Hex
            };
            for start in spread_starts(value) {
                let end = value.len().min(start + SPREAD_BYTES);
                all.push((spread(&value[start..end], digits, between), form));
            }
        }
        all.push((percent(value, digits), Form::UrlEncoded));
    }
    if let Ok(text) = std::str::from_utf8(value)
        && let Ok(json) = serde_json::to_string(text)
    {
        all.push((
            json.as_bytes()[1..json.len() - 1].to_vec(),
            Form::JsonEscaped,
        ));
    }
    all.push((value.iter().rev().copied().collect(), Form::Reversed));
    // Pieces within lines: the frame of a PEM block is no secret.
    let cut = &value[..value.len().min(MAX_FRAGMENTED)];
    for line in cut
        .split(|b| *b == b'\n')
        .filter(|l| !l.starts_with(b"-----"))
    {
        for piece in line.windows(FRAGMENT_LEN) {
            all.push((piece.to_vec(), Form::Fragment));
            all.push((piece.iter().rev().copied().collect(), Form::Fragment));
        }
    }
    all.retain(|(text, _)| text.len() >= MIN_SECRET_LEN);
    all
}

/// Bytes of a value that make one piece when each is written apart, as `od` and `xxd` do.
const SPREAD_BYTES: usize = 10;
/// Most bytes of one value of which such pieces are made.
const MAX_SPREAD: usize = 1024;

/// Where those pieces begin: often enough that a line of 16 bytes holds one.
fn spread_starts(value: &[u8]) -> impl Iterator<Item = usize> {
    let last = value.len().saturating_sub(SPREAD_BYTES);
    (0..=last.min(MAX_SPREAD)).step_by(6).chain([last])
}

/// Bytes in hexadecimal with something between them.
fn spread(bytes: &[u8], digits: &[u8; 16], between: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() * (2 + between.len()));
    for (at, b) in bytes.iter().enumerate() {
        if at > 0 {
            out.extend_from_slice(between.as_bytes());
        }
        out.extend([digits[usize::from(b >> 4)], digits[usize::from(b & 15)]]);
    }
    out
}

/// Pieces of an encoded value, of which every line holds one when the value is broken into lines.
fn pieces(encoded: &[u8], form: Form) -> impl Iterator<Item = (Vec<u8>, Form)> {
    let most = encoded.len().min(2 * MAX_FRAGMENTED);
    let windows = encoded[..most].windows(FRAGMENT_LEN);
    windows
        .step_by(ENCODED_STEP)
        .map(move |piece| (piece.to_vec(), form))
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The letters of `value` in base 64 that do not depend on what stands before or after it, when it
/// begins `offset` bytes into a group of three.
fn base64_core(value: &[u8], offset: usize, alphabet: &[u8; 64]) -> Vec<u8> {
    let bits = |at: usize| -> usize {
        // Six bits from bit position `at` of the value.
        (0..6).fold(0, |sum, i| {
            let bit = at + i;
            let byte = value[bit / 8];
            sum << 1 | usize::from(byte >> (7 - bit % 8) & 1)
        })
    };
    // The first letter that lies wholly inside the value.
    let first = (6 - offset * 8 % 6) % 6;
    let mut letters = Vec::new();
    let mut at = first;
    while at + 6 <= value.len() * 8 {
        letters.push(alphabet[bits(at)]);
        at += 6;
    }
    letters
}

fn percent(value: &[u8], digits: &[u8; 16]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for b in value {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~') {
            out.push(*b);
        } else {
            out.extend([
                b'%',
                digits[usize::from(b >> 4)],
                digits[usize::from(b & 15)],
            ]);
        }
    }
    out
}
