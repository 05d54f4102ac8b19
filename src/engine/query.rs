//! The query language: `status:open type:bug prio<=1 label:api updated>7d sort:prio`.
//!
//! ```text
//! query   or of and of not        words beside each other must all hold; OR, AND, NOT, -, ( )
//! term    field OP value          : = != < <= > >=; `a,b` is either; `*` and `?` in words
//!         word or "some words"    in title, body or labels
//!         @name                   a saved query
//! sort    sort:field sort:-field  several count in order
//! ```
//!
//! A time is a moment: `updated>7d` is after the moment seven days ago, `due<3d` before the one in
//! three days. Reading needs nothing but the text and the saved queries; every mistake is told with
//! its column.

mod eval;
mod fields;
mod read;

use crate::domain::dates::Spoken;

pub use eval::{Asked, compare, glob, matches};
pub use fields::{Field, Kind};
pub use read::read;

/// A query, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What must hold; everything if empty.
    pub wanted: Expr,
    /// By what the answer is ordered, most important first; `true` = backwards.
    pub sort: Vec<(Field, bool)>,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// All of them.
    All(Vec<Self>),
    /// One of them.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// Title, body or a label has these words (lower-case).
    Text(String),
    /// A field and a value.
    Term(Term),
}

/// A comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Term {
    /// Of which field.
    pub field: Field,
    /// How.
    pub op: Op,
    /// With any of these.
    pub values: Vec<Value>,
}

/// How a field is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `:` and `=`
    Is,
    /// `!=`
    IsNot,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

impl Op {
    /// How it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Is => ":",
            Self::IsNot => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether it asks for an order.
    #[must_use]
    pub const fn orders(self) -> bool {
        !matches!(self, Self::Is | Self::IsNot)
    }
}

/// A value of a term.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Words, lower-case; `*` and `?` stand for any letters and any one.
    Pattern(String),
    /// A number: priority, minutes, a count.
    Number(u64),
    /// A moment.
    Time(Spoken),
    /// The field has no value.
    None,
}

impl Query {
    /// Whether closed tasks can be meant: a field that says something of them is named.
    #[must_use]
    pub fn names_closed(&self) -> bool {
        /// `not` = what is said is not to hold.
        fn names(expr: &Expr, not: bool) -> bool {
            match expr {
                Expr::All(list) | Expr::Any(list) => list.iter().any(|one| names(one, not)),
                Expr::Not(inner) => names(inner, !not),
                Expr::Text(_) => false,
                Expr::Term(term) => match term.field {
                    Field::Status | Field::Outcome | Field::Closed | Field::Id => true,
                    Field::Phase | Field::Is => {
                        let has = |word: &str| term.values.contains(&Value::Pattern(word.into()));
                        // What is not open is closed.
                        has("closed") || (has("open") && not != (term.op == Op::IsNot))
                    }
                    _ => false,
                },
            }
        }
        names(&self.wanted, false)
    }
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryError {
    /// Where, in letters from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to write.
    pub hint: String,
}

#[cfg(test)]
mod tests;
