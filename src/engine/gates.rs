//! Gates: what a diff may touch (R3; security.md A7, A18, A24). Judged on the tree diff alone.
//!
//! Protected paths need a human; everything else that breaks a rule is refused. Paths are compared
//! as written and in a folded form, since a checkout on another system may fold them too.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use icu_normalizer::ComposingNormalizerBorrowed;

use crate::domain::policy::DiffPolicy;

/// Paths that always need a human: what steers fleet, CI, reviews, agents and git itself.
pub const ALWAYS_PROTECTED: &[&str] = &[
    ".orchestra/**",
    ".github/workflows/**",
    ".github/actions/**",
    ".github/dependabot.yml",
    "CODEOWNERS",
    ".github/CODEOWNERS",
    "docs/CODEOWNERS",
    "**/.claude/**",
    "**/.codex/**",
    "**/.gemini/**",
    "**/.opencode/**",
    "**/.aider*",
    "**/.cursor/**",
    "**/.vscode/**",
    "**/.devcontainer/**",
    "**/.husky/**",
    "**/.mcp.json",
    "**/opencode.json*",
    "**/AGENTS.md",
    "**/AGENTS.override.md",
    "**/CLAUDE.md",
    "**/CLAUDE.local.md",
    "**/GEMINI.md",
    "**/.gitmodules",
    "**/.gitattributes",
    "**/.npmrc",
    "**/bunfig.toml",
];

/// One changed path of a tree diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Repository path; what was not UTF-8 holds U+FFFD.
    pub path: String,
    /// Git mode before, 0 if added.
    pub old_mode: u32,
    /// Git mode after, 0 if deleted.
    pub new_mode: u32,
    /// Bytes after; 0 if deleted.
    pub bytes: u64,
}

/// Which rule is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A protected path.
    Protected,
    /// Too many files.
    TooManyFiles,
    /// Too many bytes.
    TooManyBytes,
    /// A symbolic link was added or changed.
    Symlink,
    /// A submodule was added or changed.
    Gitlink,
    /// A mode that is neither a plain nor an executable file.
    Mode,
    /// A name that git, a shell or another system takes for something else.
    Name,
    /// Two changed paths are one on systems that fold letters.
    CaseClash,
}

impl Rule {
    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::TooManyFiles => "too_many_files",
            Self::TooManyBytes => "too_many_bytes",
            Self::Symlink => "symlink",
            Self::Gitlink => "gitlink",
            Self::Mode => "mode",
            Self::Name => "name",
            Self::CaseClash => "case_clash",
        }
    }

    /// True if a human may let it pass; else it is refused.
    #[must_use]
    pub const fn needs_human(self) -> bool {
        matches!(self, Self::Protected)
    }
}

/// One broken rule. `Display` names the rule, the path and the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// Which path, if one.
    pub path: Option<String>,
    /// The evidence: a fragment such as "matches `.orchestra/**`".
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.rule.name())?;
        if let Some(path) = &self.path {
            write!(f, "{} ", crate::engine::text::display_safe(path))?;
        }
        f.write_str(&self.what)
    }
}

/// What becomes of a diff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be published.
    Pass,
    /// A human must look before it goes on.
    NeedsHuman,
    /// It is not published.
    Refuse,
}

/// The verdict that violations make.
#[must_use]
pub fn verdict(violations: &[Violation]) -> Verdict {
    if violations.is_empty() {
        Verdict::Pass
    } else if violations.iter().all(|v| v.rule.needs_human()) {
        Verdict::NeedsHuman
    } else {
        Verdict::Refuse
    }
}

/// Globs and what compares all of them with a path at once.
struct Globs {
    globs: Vec<String>,
    set: GlobSet,
}

impl Globs {
    fn new<'g>(globs: impl Iterator<Item = &'g str>) -> Self {
        let mut set = GlobSetBuilder::new();
        let mut kept = Vec::new();
        for glob in globs {
            // Configured globs were validated; one that does not compile cannot match anything.
            if let Ok(built) = GlobBuilder::new(&fold_path(glob))
                .literal_separator(true)
                .build()
            {
                set.add(built);
                kept.push(glob.to_owned());
            }
        }
        Self {
            globs: kept,
            set: set.build().unwrap_or_default(),
        }
    }

    fn hit(&self, folded: &str) -> Option<&str> {
        let at = *self.set.matches(folded).first()?;
        self.globs.get(at).map(String::as_str)
    }
}

/// Compares paths with the protected globs, folded.
struct Protected(Globs);

impl Protected {
    fn new(policy: &DiffPolicy) -> Self {
        Self(Globs::new(policy.protected.iter().map(String::as_str)))
    }

    fn hit(&self, folded: &str) -> Option<&str> {
        // Compiling some dozens of globs costs milliseconds, and these never change.
        static ALWAYS: LazyLock<Globs> =
            LazyLock::new(|| Globs::new(ALWAYS_PROTECTED.iter().copied()));
        ALWAYS.hit(folded).or_else(|| self.0.hit(folded))
    }
}

/// Judges a tree diff.
#[must_use]
pub fn check_changes(policy: &DiffPolicy, changes: &[Change]) -> Vec<Violation> {
    let protected = Protected::new(policy);
    let mut found = Vec::new();
    let mut folded: BTreeMap<String, &str> = BTreeMap::new();
    for change in changes {
        check_one(&protected, change, &mut found);
        let other = folded.insert(fold_path(&change.path), &change.path);
        if let Some(other) = other.filter(|other| *other != change.path && change.new_mode != 0) {
            found.push(violation(
                Rule::CaseClash,
                change,
                format!("is the same name as {other} on systems that fold letters"),
            ));
        }
    }
    if changes.len() as u64 > u64::from(policy.max_files) {
        found.push(Violation {
            rule: Rule::TooManyFiles,
            path: None,
            what: format!(
                "{} files changed, at most {} may (diff.max_files)",
                changes.len(),
                policy.max_files
            ),
        });
    }
    let bytes = changes
        .iter()
        .fold(0u64, |sum, change| sum.saturating_add(change.bytes));
    if bytes > policy.max_bytes {
        found.push(Violation {
            rule: Rule::TooManyBytes,
            path: None,
            what: format!(
                "{bytes} bytes in changed files, at most {} may be (diff.max_bytes)",
                policy.max_bytes
            ),
        });
    }
    found
}

fn violation(rule: Rule, change: &Change, what: String) -> Violation {
    Violation {
        rule,
        path: Some(change.path.clone()),
        what,
    }
}

fn check_one(protected: &Protected, change: &Change, found: &mut Vec<Violation>) {
    match change.new_mode {
        // A deleted link or submodule does no harm.
        0 | 0o100_644 | 0o100_755 => {}
        0o120_000 => found.push(violation(
            Rule::Symlink,
            change,
            "is a symbolic link; agents may not add or change links".to_owned(),
        )),
        0o160_000 => found.push(violation(
            Rule::Gitlink,
            change,
            "is a submodule; agents may not add or change submodules".to_owned(),
        )),
        mode => found.push(violation(
            Rule::Mode,
            change,
            format!("has the mode {mode:o}, which is no file"),
        )),
    }
    if change.new_mode != 0
        && let Some(what) = bad_name(&change.path)
    {
        found.push(violation(Rule::Name, change, what));
    }
    if let Some(glob) = protected.hit(&fold_path(&change.path)) {
        let what = format!("matches the protected `{glob}`");
        found.push(violation(Rule::Protected, change, what));
    }
}

/// Why a path's name is refused.
fn bad_name(path: &str) -> Option<String> {
    if path.is_empty() || path.len() > 4096 {
        return Some("is no usable path".to_owned());
    }
    if path.contains('\u{fffd}') {
        return Some("is not UTF-8".to_owned());
    }
    if path.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Some("holds control or invisible characters".to_owned());
    }
    if path.contains('\\') || path.starts_with('/') {
        return Some("holds a backslash or begins with a slash".to_owned());
    }
    path.split('/').find_map(|component| {
        if matches!(component, "" | "." | "..") {
            return Some("holds an empty, `.` or `..` component".to_owned());
        }
        let folded = fold_component(component);
        let is_git = folded == ".git" || folded.starts_with("git~") || folded.starts_with(".git:");
        if is_git {
            return Some(format!(
                "holds `{component}`, which is git's own folder on some systems"
            ));
        }
        is_device(&folded).then(|| format!("holds `{component}`, a device on Windows"))
    })
}

fn is_device(folded: &str) -> bool {
    let stem = folded.split('.').next().unwrap_or_default();
    let numbered = ["com", "lpt"].iter().any(|name| {
        stem.strip_prefix(name)
            .is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
    });
    numbered || matches!(stem, "con" | "prn" | "aux" | "nul")
}

/// Characters that file systems and screens leave out.
fn is_invisible(c: char) -> bool {
    crate::engine::text::is_hidden(c)
}

/// A path as the most forgiving file system would see it: letters folded, look-alike forms made
/// plain, ignorable characters and trailing dots and spaces of components left out.
#[must_use]
pub fn fold_path(path: &str) -> String {
    let plain = path.replace('\\', "/");
    plain
        .split('/')
        .map(fold_component)
        .collect::<Vec<_>>()
        .join("/")
}

fn fold_component(component: &str) -> String {
    let folded: String = canonical(component)
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect();
    // Folding letters can take a composed form apart, and ignorable characters keep parts apart.
    let seen = canonical(&folded);
    let trimmed = seen.trim_end_matches(['.', ' ']);
    // `.` and `..` themselves stay what they are; so does a glob's component of dots.
    if trimmed.is_empty() {
        seen
    } else {
        trimmed.to_owned()
    }
}

/// Without characters that file systems ignore, and in the one form (NFKC) that Unicode has for
/// what is composed differently or looks alike: `e` with an accent in one character or two, full
/// width, mathematical letters, ligatures.
fn canonical(text: &str) -> String {
    let seen: String = text
        .chars()
        .filter(|c| !is_invisible(*c) && !c.is_control())
        .collect();
    if seen.is_ascii() {
        return seen;
    }
    ComposingNormalizerBorrowed::new_nfkc()
        .normalize(&seen)
        .into_owned()
}
