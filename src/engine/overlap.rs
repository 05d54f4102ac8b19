//! Do two sets of path globs overlap? Decided on the globs themselves, component by component.
//!
//! Two globs overlap if some path could match both, whether or not it exists yet. The answer errs
//! on the side of "yes" only inside one component (`a*b*` against `ac*`): there the literal text
//! before the first and after the last wildcard is compared. A path without wildcards stands for
//! the file and, if it is a folder, for everything below it. `*` and `?` stay within a component.

use globset::GlobBuilder;

use crate::domain::ids::TaskUid;
use crate::domain::state::State;

/// Longest glob, in bytes.
const MAX_GLOB_LEN: usize = 1024;
/// Most alternatives that the braces of one glob may make.
const MAX_ALTERNATIVES: usize = 64;

/// Checks a glob before it is recorded.
///
/// # Errors
/// A fragment that says what is wrong with it, such as "`a[` is not a glob: unclosed character class".
pub fn validate_glob(glob: &str) -> Result<(), String> {
    let bad = |what: &str| {
        Err(format!(
            "`{}` is not a path glob: {what}",
            glob.escape_debug()
        ))
    };
    if glob.trim().is_empty() {
        return bad("it is empty");
    }
    if glob.len() > MAX_GLOB_LEN {
        return bad("it is longer than 1024 bytes");
    }
    if glob.chars().any(char::is_control) {
        return bad("it holds a control character");
    }
    if glob.starts_with('/') {
        return bad("it is absolute; paths are relative to the top of the repository");
    }
    if glob.split('/').any(|part| part == "..") {
        return bad("it holds `..`; paths stay inside the repository");
    }
    if expand_braces(glob).is_none() {
        return bad("its braces make more than 64 alternatives, or are not closed");
    }
    match GlobBuilder::new(glob).literal_separator(true).build() {
        Ok(_) => Ok(()),
        Err(error) => bad(&error.kind().to_string()),
    }
}

/// One component of a path pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`: any number of components.
    AnyDepth,
    /// Exactly this.
    Literal(String),
    /// Something that begins and ends so.
    Wild { prefix: String, suffix: String },
}

/// A glob, or a real path, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// As written.
    pub text: String,
    /// One list of components per brace alternative.
    alternatives: Vec<Vec<Part>>,
}

/// Splits `a/{b,c}/d` into its alternatives; `None` if they are too many or not closed.
fn expand_braces(glob: &str) -> Option<Vec<String>> {
    let mut done = Vec::new();
    let mut todo = vec![glob.to_owned()];
    while let Some(text) = todo.pop() {
        if done.len() + todo.len() >= MAX_ALTERNATIVES {
            return None;
        }
        // The innermost pair first: the first `}` and the last `{` before it.
        let Some(close) = text.find('}') else {
            if text.contains('{') {
                return None;
            }
            done.push(text);
            continue;
        };
        let open = text[..close].rfind('{')?;
        for alternative in text[open + 1..close].split(',') {
            todo.push(format!(
                "{}{alternative}{}",
                &text[..open],
                &text[close + 1..]
            ));
        }
    }
    Some(done)
}

const WILD: [char; 6] = ['*', '?', '[', ']', '\\', '!'];

fn part_of(component: &str) -> Part {
    if component == "**" {
        return Part::AnyDepth;
    }
    match (component.find(WILD), component.rfind(WILD)) {
        (Some(first), Some(last)) => Part::Wild {
            prefix: component[..first].to_owned(),
            suffix: component[last + 1..].to_owned(),
        },
        _ => Part::Literal(component.to_owned()),
    }
}

impl Pattern {
    /// A glob as a task or lock names it. An invalid one (they are refused at `add`, but records
    /// may hold any text) stands for every path, so that it fails closed.
    #[must_use]
    pub fn glob(text: &str) -> Self {
        let alternatives = expand_braces(text)
            .unwrap_or_else(|| vec!["**".to_owned()])
            .iter()
            .map(|one| {
                let mut parts: Vec<Part> = one
                    .split('/')
                    .filter(|component| !component.is_empty() && *component != ".")
                    .map(part_of)
                    .collect();
                parts.dedup_by(|a, b| *a == Part::AnyDepth && *b == Part::AnyDepth);
                if !one.contains(WILD) {
                    parts.push(Part::AnyDepth);
                }
                parts
            })
            .collect();
        Self {
            text: text.to_owned(),
            alternatives,
        }
    }

    /// A real path, which stands for itself alone.
    #[must_use]
    pub fn path(text: &str) -> Self {
        let parts = text
            .split('/')
            .map(|component| Part::Literal(component.to_owned()))
            .collect();
        Self {
            text: text.to_owned(),
            alternatives: vec![parts],
        }
    }

    /// True if some path could match both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.alternatives
            .iter()
            .any(|a| other.alternatives.iter().any(|b| components_overlap(a, b)))
    }

    /// True if `path` matches, or could (see the module's header).
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.overlaps(&Self::path(path))
    }
}

/// Text with which every path that matches `glob` begins, without its last slash. Globs of which
/// neither begins with the other's cannot overlap.
#[must_use]
pub fn literal_prefix(glob: &str) -> &str {
    if glob.contains("//") || glob.starts_with(['.', '/']) && glob.trim_start_matches("./") != glob
    {
        // An unusual spelling of a path: nothing is said about its beginning.
        return "";
    }
    // All of these are ASCII, so the cut falls between characters.
    let end = glob
        .bytes()
        .position(|b| matches!(b, b'{' | b'}' | b'*' | b'?' | b'[' | b']' | b'\\' | b'!'))
        .unwrap_or(glob.len());
    glob[..end].trim_end_matches('/')
}

fn part_overlap(a: &Part, b: &Part) -> bool {
    let begins = |x: &str, y: &str| x.starts_with(y) || y.starts_with(x);
    let ends = |x: &str, y: &str| x.ends_with(y) || y.ends_with(x);
    match (a, b) {
        (Part::AnyDepth, _) | (_, Part::AnyDepth) => true,
        (Part::Literal(x), Part::Literal(y)) => x == y,
        (Part::Literal(x), Part::Wild { prefix, suffix })
        | (Part::Wild { prefix, suffix }, Part::Literal(x)) => {
            x.len() >= prefix.len() + suffix.len() && x.starts_with(prefix) && x.ends_with(suffix)
        }
        (
            Part::Wild { prefix, suffix },
            Part::Wild {
                prefix: prefix2,
                suffix: suffix2,
            },
        ) => begins(prefix, prefix2) && ends(suffix, suffix2),
    }
}

/// Whether two component lists have a common path: the table `row[j]` = "the rest of `a` from `i`
/// and the rest of `b` from `j` do", filled from the ends.
fn components_overlap(a: &[Part], b: &[Part]) -> bool {
    if let (Some(x), Some(y)) = (a.first(), b.first())
        && !part_overlap(x, y)
    {
        return false;
    }
    let all_any = |parts: &[Part]| parts.iter().all(|p| *p == Part::AnyDepth);
    let mut below: Vec<bool> = (0..=b.len()).map(|j| all_any(&b[j..])).collect();
    for i in (0..a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        row[b.len()] = all_any(&a[i..]);
        for j in (0..b.len()).rev() {
            row[j] = if a[i] == Part::AnyDepth || b[j] == Part::AnyDepth {
                below[j] || row[j + 1]
            } else {
                part_overlap(&a[i], &b[j]) && below[j + 1]
            };
        }
        below = row;
    }
    below[0]
}

/// First pair of globs that overlap, one of each list.
#[must_use]
pub fn first_overlap<'a>(
    ours: &'a [Pattern],
    theirs: &'a [Pattern],
) -> Option<(&'a Pattern, &'a Pattern)> {
    ours.iter()
        .find_map(|a| theirs.iter().find(|b| a.overlaps(b)).map(|b| (a, b)))
}

/// A path of `base_paths` that both match, to show as an example.
#[must_use]
pub fn example<'a>(a: &Pattern, b: &Pattern, base_paths: &'a [String]) -> Option<&'a str> {
    base_paths
        .iter()
        .find(|path| a.matches(path) && b.matches(path))
        .map(String::as_str)
}

/// Patterns of a task's own path globs.
#[must_use]
pub fn patterns_of(state: &State, task: TaskUid) -> Vec<Pattern> {
    state
        .tasks
        .get(&task)
        .map(|t| t.paths.iter().map(Pattern::glob).collect())
        .unwrap_or_default()
}
