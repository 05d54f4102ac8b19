//! Text → query.
//!
//! Longer than 400 lines because every mistake is told with what to write instead.

use std::collections::BTreeMap;

use crate::domain::dates::Spoken;
use crate::engine::query::fields::{Field, Kind, nearest};
use crate::engine::query::{Expr, Op, Query, QueryError, Term, Value};

/// Deepest nesting of brackets and saved queries.
const MAX_DEPTH: usize = 30;
/// Most conditions, with those of saved queries wherever they are named.
const MAX_TERMS: usize = 10_000;
/// Longest query, in bytes.
const MAX_BYTES: usize = 8 * 1024;

/// Reads a query. `saved` are the queries that `@name` stands for.
///
/// # Errors
/// What is wrong, at which column, and what to write instead.
pub fn read(text: &str, saved: &BTreeMap<String, String>) -> Result<Query, QueryError> {
    let mut sum = Sum {
        sort: Vec::new(),
        left: MAX_TERMS,
    };
    let wanted = read_deep(text, saved, 0, &mut sum)?;
    Ok(Query {
        wanted,
        sort: sum.sort,
    })
}

/// What a query and the saved ones that it names come to together.
struct Sum {
    sort: Vec<(Field, bool)>,
    /// How many conditions it may still have.
    left: usize,
}

fn read_deep(
    text: &str,
    saved: &BTreeMap<String, String>,
    depth: usize,
    sum: &mut Sum,
) -> Result<Expr, QueryError> {
    if text.len() > MAX_BYTES {
        return Err(QueryError {
            column: 1,
            what: format!(
                "the query has {} bytes, the limit is {MAX_BYTES}",
                text.len()
            ),
            hint: "save parts of it, and name them with @".to_owned(),
        });
    }
    let tokens = tokens(text)?;
    let mut reader = Reader {
        tokens: &tokens,
        at: 0,
        end: text.chars().count() + 1,
        saved,
        depth,
        sum,
    };
    let expr = reader.any()?;
    match reader.peek() {
        None => Ok(expr),
        Some(token) => Err(QueryError {
            column: token.column,
            what: "this `)` closes nothing".to_owned(),
            hint: "take it away, or open a `(` before".to_owned(),
        }),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    Open,
    Close,
    Not,
    Or,
    And,
    /// Words in quotes, or a single one.
    Word(String),
    /// Name of a field, operator, and the values after it with their columns.
    Term(String, Op, Vec<(usize, String, bool)>),
}

#[derive(Debug, Clone, PartialEq)]
struct Token {
    column: usize,
    what: What,
}

struct Scan<'a> {
    chars: Vec<char>,
    at: usize,
    text: &'a str,
}

fn tokens(text: &str) -> Result<Vec<Token>, QueryError> {
    let mut scan = Scan {
        chars: text.chars().collect(),
        at: 0,
        text,
    };
    let mut tokens = Vec::new();
    while let Some(c) = scan.peek() {
        if c.is_whitespace() {
            scan.at += 1;
            continue;
        }
        let column = scan.at + 1;
        let what = scan.token(c)?;
        tokens.push(Token { column, what });
    }
    Ok(tokens)
}

impl Scan<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn token(&mut self, c: char) -> Result<What, QueryError> {
        match c {
            '(' => self.one(What::Open),
            ')' => self.one(What::Close),
            '-' | '!' => self.one(What::Not),
            '"' => Ok(What::Word(self.quoted()?.to_lowercase())),
            _ => self.word(),
        }
    }

    fn one(&mut self, what: What) -> Result<What, QueryError> {
        self.at += 1;
        Ok(what)
    }

    /// Up to the closing quote; `\"` and `\\` stand for themselves.
    fn quoted(&mut self) -> Result<String, QueryError> {
        let begin = self.at;
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' => {
                    if let Some(next) = self.peek() {
                        text.push(next);
                        self.at += 1;
                    }
                }
                _ => text.push(c),
            }
        }
        Err(QueryError {
            column: begin + 1,
            what: "this quote is never closed".to_owned(),
            hint: "close it with a second \"".to_owned(),
        })
    }

    fn plain(&mut self, stop: impl Fn(char) -> bool) -> String {
        let begin = self.at;
        while self.peek().is_some_and(|c| !c.is_whitespace() && !stop(c)) {
            self.at += 1;
        }
        self.chars[begin..self.at].iter().collect()
    }

    fn word(&mut self) -> Result<What, QueryError> {
        let column = self.at + 1;
        let word = self.plain(|c| matches!(c, ':' | '=' | '<' | '>' | '!' | '(' | ')' | '"'));
        let Some(op) = self.op(column, &word)? else {
            return Ok(match word.as_str() {
                "OR" | "or" | "||" => What::Or,
                "AND" | "and" | "&&" => What::And,
                "NOT" | "not" => What::Not,
                _ => What::Word(word.to_lowercase()),
            });
        };
        let mut values = Vec::new();
        loop {
            let column = self.at + 1;
            let (value, quoted) = if self.peek() == Some('"') {
                (self.quoted()?, true)
            } else {
                (self.plain(|c| matches!(c, ',' | '(' | ')' | '"')), false)
            };
            if value.is_empty() && !quoted {
                return Err(QueryError {
                    column,
                    what: format!("`{}{}` has no value", word, op.name()),
                    hint: format!("write {word}{}VALUE, or {word}:none", op.name()),
                });
            }
            values.push((column, value, quoted));
            if self.peek() != Some(',') {
                return Ok(What::Term(word.to_lowercase(), op, values));
            }
            self.at += 1;
        }
    }

    fn op(&mut self, column: usize, word: &str) -> Result<Option<Op>, QueryError> {
        let next = |at: usize| self.chars.get(at).copied();
        let (op, length) = match (next(self.at), next(self.at + 1)) {
            (Some('!'), Some('=')) => (Op::IsNot, 2),
            (Some('<'), Some('=')) => (Op::AtMost, 2),
            (Some('>'), Some('=')) => (Op::AtLeast, 2),
            (Some('<'), _) => (Op::Less, 1),
            (Some('>'), _) => (Op::More, 1),
            (Some(':' | '='), _) => (Op::Is, 1),
            _ => return Ok(None),
        };
        if word.is_empty() {
            let shown: String = self.text.chars().skip(self.at).take(12).collect();
            return Err(QueryError {
                column,
                what: format!("`{shown}` has no field before `{}`", op.name()),
                hint: "write a field, such as prio<=1 or label:api".to_owned(),
            });
        }
        self.at += length;
        Ok(Some(op))
    }
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    end: usize,
    saved: &'a BTreeMap<String, String>,
    depth: usize,
    sum: &'a mut Sum,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn any(&mut self) -> Result<Expr, QueryError> {
        let mut list = vec![self.all()?];
        while self.peek().is_some_and(|t| t.what == What::Or) {
            self.at += 1;
            list.push(self.all()?);
        }
        let one = list.len() == 1;
        Ok(match list.pop() {
            Some(only) if one => only,
            last => {
                list.extend(last);
                Expr::Any(list)
            }
        })
    }

    fn all(&mut self) -> Result<Expr, QueryError> {
        let (mut list, begin) = (Vec::new(), self.at);
        while let Some(token) = self.peek() {
            match token.what {
                What::Or | What::Close => break,
                What::And if self.at > begin => self.at += 1,
                _ => list.extend(self.not()?),
            }
        }
        let inside = self.depth > 0 || begin > 0;
        let ended_by_or = self.peek().is_some_and(|t| t.what == What::Or);
        if list.is_empty() && self.at == begin && (inside || ended_by_or) && !self.tokens.is_empty()
        {
            let column = self.peek().map_or(self.end, |token| token.column);
            return Err(QueryError {
                column,
                what: "a condition is missing here".to_owned(),
                hint: "write one on both sides of OR, and between brackets".to_owned(),
            });
        }
        Ok(match list.len() {
            1 => list.remove(0),
            _ => Expr::All(list),
        })
    }

    fn not(&mut self) -> Result<Option<Expr>, QueryError> {
        let Some(token) = self.tokens.get(self.at) else {
            return Err(QueryError {
                column: self.end,
                what: "nothing follows".to_owned(),
                hint: "write what is not to hold after - or NOT".to_owned(),
            });
        };
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(too_deep(token.column));
        }
        self.sum.left = self.sum.left.checked_sub(1).ok_or_else(|| QueryError {
            column: token.column,
            what: format!(
                "with the saved queries in it, the query has more than {MAX_TERMS} conditions"
            ),
            hint: "name each saved query once".to_owned(),
        })?;
        let read = match &token.what {
            What::Not => self.not()?.map(|inner| Expr::Not(Box::new(inner))),
            What::Open => {
                let inner = self.any()?;
                if !self.peek().is_some_and(|t| t.what == What::Close) {
                    return Err(QueryError {
                        column: token.column,
                        what: "this `(` is never closed".to_owned(),
                        hint: "close it with `)`".to_owned(),
                    });
                }
                self.at += 1;
                Some(inner)
            }
            What::Word(word) => Some(self.word(token.column, word)?),
            What::Term(field, op, values) => self.term(token.column, field, *op, values)?,
            What::Or | What::And | What::Close => {
                return Err(QueryError {
                    column: token.column,
                    what: "a condition is missing here".to_owned(),
                    hint: "write one before and after AND and OR".to_owned(),
                });
            }
        };
        self.depth -= 1;
        Ok(read)
    }

    fn word(&mut self, column: usize, word: &str) -> Result<Expr, QueryError> {
        let Some(name) = word.strip_prefix('@') else {
            return Ok(Expr::Text(word.to_owned()));
        };
        let Some(text) = self.saved.get(name) else {
            let names = self.saved.keys().map(String::as_str);
            let hint = match nearest(name, names.clone()) {
                Some(near) => format!("did you mean @{near}?"),
                None if self.saved.is_empty() => {
                    "`fleet query QUERY --save NAME` saves one".to_owned()
                }
                None => format!("saved are @{}", names.collect::<Vec<_>>().join(", @")),
            };
            return Err(QueryError {
                column,
                what: format!("no query is saved as `{name}`"),
                hint,
            });
        };
        if self.depth >= MAX_DEPTH {
            return Err(too_deep(column));
        }
        read_deep(text, self.saved, self.depth + 1, self.sum).map_err(|error| QueryError {
            column,
            what: format!("in @{name}, column {}: {}", error.column, error.what),
            hint: error.hint,
        })
    }

    fn term(
        &mut self,
        column: usize,
        name: &str,
        op: Op,
        given: &[(usize, String, bool)],
    ) -> Result<Option<Expr>, QueryError> {
        if name == "sort" || name == "order" {
            self.sorts(given)?;
            return Ok(None);
        }
        let field = field_named(column, name)?;
        if op.orders() && matches!(field.kind(), Kind::Words(_) | Kind::Text) {
            return Err(QueryError {
                column,
                what: format!("`{name}` has no order, so `{}` says nothing", op.name()),
                hint: format!("write {name}:VALUE or -{name}:VALUE"),
            });
        }
        if op.orders() && given.len() > 1 {
            return Err(QueryError {
                column: given[1].0,
                what: format!("`{}` compares with one value", op.name()),
                hint: "write the comparison twice, with OR between".to_owned(),
            });
        }
        let mut values = Vec::new();
        for (column, text, quoted) in given {
            values.push(value(field, *column, text, *quoted)?);
        }
        Ok(Some(Expr::Term(Term { field, op, values })))
    }

    fn sorts(&mut self, given: &[(usize, String, bool)]) -> Result<(), QueryError> {
        for (column, text, _) in given {
            let (back, name) = match text.strip_prefix('-') {
                Some(name) => (true, name),
                None => (false, text.as_str()),
            };
            let field = field_named(*column, &name.to_lowercase())?;
            if matches!(field, Field::Is | Field::Has | Field::Parent | Field::Dep) {
                return Err(QueryError {
                    column: *column,
                    what: format!("`{name}` has no order"),
                    hint: "sort by prio, updated, created, due, title, …".to_owned(),
                });
            }
            self.sum.sort.push((field, back));
        }
        Ok(())
    }
}

fn too_deep(column: usize) -> QueryError {
    QueryError {
        column,
        what: "brackets or saved queries are nested too deep".to_owned(),
        hint: "a saved query must not name itself".to_owned(),
    }
}

fn field_named(column: usize, name: &str) -> Result<Field, QueryError> {
    Field::named(name).ok_or_else(|| {
        let all = Field::ALL.iter().map(|field| field.name());
        let all = all.collect::<Vec<_>>().join(", ");
        QueryError {
            column,
            what: format!("`{name}` is no field"),
            hint: match Field::near(name) {
                Some(near) => format!("did you mean {near}:? Fields are {all}"),
                None => format!("fields are {all}; put text with a colon in quotes"),
            },
        }
    })
}

fn value(field: Field, column: usize, text: &str, quoted: bool) -> Result<Value, QueryError> {
    let lower = text.to_lowercase();
    let wrong = |what: String, hint: String| QueryError { column, what, hint };
    let absent = matches!(lower.as_str(), "none" | "null") && !quoted;
    match field.kind() {
        Kind::Words(words) => {
            let lower = lower.replace('-', "_");
            if words.contains(&lower.as_str()) || (absent && field == Field::Outcome) {
                return Ok(Value::Pattern(lower));
            }
            let near = nearest(&lower, words.iter().copied())
                .map_or_else(String::new, |near| format!("did you mean {near}? "));
            let what = format!("`{}:` does not know `{text}`", field.name());
            Err(wrong(what, format!("{near}It knows {}", words.join(", "))))
        }
        _ if absent => Ok(Value::None),
        Kind::Text => Ok(Value::Pattern(lower)),
        Kind::Number => {
            let digits = lower.strip_prefix('p').unwrap_or(&lower);
            digits.parse().map(Value::Number).map_err(|_| {
                let what = format!("`{text}` is no number");
                wrong(what, format!("{} is {}", field.name(), field.help()))
            })
        }
        Kind::Effort => effort(&lower).map(Value::Number).ok_or_else(|| {
            let what = format!("`{text}` is no effort");
            wrong(what, "write 90m, 4h or 1d".to_owned())
        }),
        Kind::Past | Kind::Future => Spoken::read(text).map(Value::Time).map_err(|what| {
            wrong(
                what,
                "quote what has blanks: due<\"next friday\"".to_owned(),
            )
        }),
    }
}

/// Minutes of work.
fn effort(text: &str) -> Option<u64> {
    let unit = match text.chars().last()? {
        'm' => 1,
        'h' => 60,
        'd' => 480,
        'w' => 2_400,
        _ => return None,
    };
    let count: u64 = text[..text.len() - 1].parse().ok()?;
    count.checked_mul(unit)
}
