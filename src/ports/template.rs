//! A template of tasks as it is written in a file: texts with their places, not looked into yet.

use std::collections::BTreeMap;

/// Keys of a task that hold one text. Numbers are texts here.
pub const TEXTS: [&str; 16] = [
    "id",
    "title",
    "body",
    "type",
    "priority",
    "complexity",
    "deliverable",
    "assignee",
    "due",
    "defer",
    "milestone",
    "estimate",
    "external-ref",
    "agent",
    "key",
    "parent",
];
/// Keys of a task that hold a list of texts.
pub const LISTS: [&str; 4] = ["acceptance", "labels", "paths", "deps"];

/// Where something stands, from 1; the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A text of the file, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The text.
    pub text: String,
    /// Its place.
    pub at: Place,
}

/// Something that is filled in when the template is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name: letters, digits, - and _.
    pub name: String,
    /// What it is, for people.
    pub about: Option<String>,
    /// Its value if none is given; without one, a value must be.
    pub default: Option<String>,
}

/// A task of a template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TemplateTask {
    /// Where it begins.
    pub at: Place,
    /// Values, by the keys of [`TEXTS`].
    pub texts: BTreeMap<&'static str, Said>,
    /// Values, by the keys of [`LISTS`].
    pub lists: BTreeMap<&'static str, Vec<Said>>,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template {
    /// What is filled in, by name.
    pub variables: Vec<Variable>,
    /// Its tasks, at least one.
    pub tasks: Vec<TemplateTask>,
    /// It is written as a list of tasks.
    pub listed: bool,
}
