//! What is wrong with a configuration, located.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Path below the top of the repository, or the name of an environment variable.
    pub file: String,
    /// Line, from 1; 0 = the whole file.
    pub line: usize,
    /// Column in characters, from 1; 0 = the whole line.
    pub column: usize,
    /// What is wrong, with what to write instead.
    pub what: String,
}

impl Problem {
    pub(super) fn of_file(file: &str, what: String) -> Self {
        Self {
            file: file.to_owned(),
            line: 0,
            column: 0,
            what,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Everything that is wrong, in the order of the file (exit code 7).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(f, "the configuration has {count} {noun}:")?;
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        f.write_str("\nmend it, then run `fleet config check`")
    }
}
