//! Enough of GraphQL for an honest answer: a query is read, and only what it names is told; a field
//! that the pretend GitHub does not have refuses the whole query, as GitHub does.
//!
//! Objects are JSON objects with `__typename`; an array is a connection (`nodes`, `pageInfo`).

use serde_json::{Map, Value, json};

/// A field with what it selects, or a condition on the type.
#[derive(Debug, Clone)]
pub(crate) enum Selection {
    Field {
        alias: String,
        name: String,
        args: Map<String, Value>,
        inner: Vec<Self>,
    },
    On {
        kind: String,
        inner: Vec<Self>,
    },
    Spread(String),
}

/// A query that was read.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) mutation: bool,
    pub(crate) selections: Vec<Selection>,
    /// Name, type, and what it selects.
    fragments: Vec<(String, String, Vec<Selection>)>,
}

/// Reads a request body: `{query, variables}`.
pub(crate) fn read(body: &Value) -> Result<Document, String> {
    let text = body["query"].as_str().ok_or("no query")?;
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        variables: body["variables"].as_object().cloned().unwrap_or_default(),
    };
    reader.document()
}

/// The answer's `data`, or the message of a refusal.
pub(crate) fn select(document: &Document, of: &Value) -> Result<Value, String> {
    object(document, &document.selections, of)
}

fn object(document: &Document, selections: &[Selection], of: &Value) -> Result<Value, String> {
    if of.is_null() {
        return Ok(Value::Null);
    }
    let kind = of["__typename"].as_str().unwrap_or("Query");
    let mut out = Map::new();
    for selection in selections {
        match selection {
            Selection::Field {
                alias,
                name,
                args,
                inner,
            } => {
                let field = of
                    .get(name)
                    .ok_or_else(|| format!("Field '{name}' doesn't exist on type '{kind}'"))?;
                out.insert(alias.clone(), value(document, field, args, inner)?);
            }
            Selection::On {
                kind: wanted,
                inner,
            } => {
                if wanted == kind {
                    merge(&mut out, object(document, inner, of)?);
                }
            }
            Selection::Spread(name) => {
                let fragment = document.fragments.iter().find(|(known, ..)| known == name);
                let (_, on, inner) = fragment.ok_or_else(|| format!("no fragment {name}"))?;
                if on == kind {
                    merge(&mut out, object(document, inner, of)?);
                }
            }
        }
    }
    Ok(Value::Object(out))
}

fn merge(out: &mut Map<String, Value>, more: Value) {
    if let Value::Object(more) = more {
        out.extend(more);
    }
}

fn value(
    document: &Document,
    field: &Value,
    args: &Map<String, Value>,
    inner: &[Selection],
) -> Result<Value, String> {
    match field {
        Value::Array(items) => connection(document, items, args, inner),
        Value::Object(_) if inner.is_empty() => Err("an object needs a selection".into()),
        Value::Object(_) => object(document, inner, field),
        plain => Ok(plain.clone()),
    }
}

/// `number` and `headRefName` choose; `first` and `last` are demanded, as on GitHub.
fn connection(
    document: &Document,
    items: &[Value],
    args: &Map<String, Value>,
    inner: &[Selection],
) -> Result<Value, String> {
    if let Some(number) = args.get("number") {
        let one = items.iter().find(|item| &item["number"] == number);
        return object(document, inner, one.unwrap_or(&Value::Null));
    }
    let mut chosen: Vec<Value> = items.to_vec();
    if let Some(branch) = args.get("headRefName") {
        chosen.retain(|item| &item["headRefName"] == branch);
    }
    if args.contains_key("orderBy") {
        chosen.reverse();
    }
    let count = |name: &str| args.get(name).and_then(Value::as_u64).map(|n| n as usize);
    let (from, to) = match (count("first"), count("last")) {
        (Some(first), None) if first <= 100 => {
            let start = args.get("after").and_then(Value::as_str);
            let start = start
                .and_then(|cursor| cursor.parse().ok())
                .unwrap_or(0usize)
                .min(chosen.len());
            (start, (start + first).min(chosen.len()))
        }
        (None, Some(last)) if last <= 100 => {
            let end = args.get("before").and_then(Value::as_str);
            let end = end
                .and_then(|cursor| cursor.parse().ok())
                .unwrap_or(chosen.len());
            (end.saturating_sub(last), end)
        }
        _ => return Err("You must provide a `first` or `last` value of at most 100".into()),
    };
    let page = json!({
        "__typename": "Connection", "totalCount": chosen.len(),
        "pageInfo": {
            "hasPreviousPage": from > 0, "startCursor": from.to_string(),
            "hasNextPage": to < chosen.len(), "endCursor": to.to_string(),
        },
    });
    let mut out = Map::new();
    for selection in inner {
        match selection {
            Selection::Field {
                alias, name, inner, ..
            } if name == "nodes" => {
                let nodes: Result<Vec<Value>, String> = chosen[from..to]
                    .iter()
                    .map(|item| object(document, inner, item))
                    .collect();
                out.insert(alias.clone(), Value::Array(nodes?));
            }
            other => merge(
                &mut out,
                object(document, std::slice::from_ref(other), &page)?,
            ),
        }
    }
    Ok(Value::Object(out))
}

struct Reader {
    tokens: Vec<String>,
    at: usize,
    variables: Map<String, Value>,
}

impl Reader {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        let found = self.next();
        if found == token {
            Ok(())
        } else {
            Err(format!("expected {token}, found {found}"))
        }
    }

    fn document(&mut self) -> Result<Document, String> {
        let mut document = Document {
            mutation: false,
            selections: Vec::new(),
            fragments: Vec::new(),
        };
        while !self.peek().is_empty() {
            match self.next().as_str() {
                "fragment" => {
                    let name = self.next();
                    self.expect("on")?;
                    let on = self.next();
                    let inner = self.selections()?;
                    document.fragments.push((name, on, inner));
                }
                word @ ("query" | "mutation") => {
                    document.mutation = word == "mutation";
                    while self.peek() != "{" {
                        if self.next().is_empty() {
                            return Err("the query has no body".into());
                        }
                    }
                    document.selections = self.selections()?;
                }
                other => return Err(format!("unexpected {other}")),
            }
        }
        Ok(document)
    }

    fn selections(&mut self) -> Result<Vec<Selection>, String> {
        self.expect("{")?;
        let mut found = Vec::new();
        while self.peek() != "}" {
            if self.peek() == "..." {
                self.next();
                let word = self.next();
                found.push(if word == "on" {
                    let kind = self.next();
                    let inner = self.selections()?;
                    Selection::On { kind, inner }
                } else {
                    Selection::Spread(word)
                });
                continue;
            }
            let mut name = self.next();
            let alias = name.clone();
            if self.peek() == ":" {
                self.next();
                name = self.next();
            }
            if name.is_empty() {
                return Err("the query ends in the middle".into());
            }
            let args = if self.peek() == "(" {
                self.args(")")?
            } else {
                Map::new()
            };
            let inner = if self.peek() == "{" {
                self.selections()?
            } else {
                Vec::new()
            };
            found.push(Selection::Field {
                alias,
                name,
                args,
                inner,
            });
        }
        self.expect("}")?;
        Ok(found)
    }

    fn args(&mut self, end: &str) -> Result<Map<String, Value>, String> {
        self.next();
        let mut args = Map::new();
        while self.peek() != end {
            let name = self.next();
            self.expect(":")?;
            let value = match self.peek() {
                "{" => Value::Object(self.args("}")?),
                _ => self.scalar()?,
            };
            args.insert(name, value);
        }
        self.next();
        Ok(args)
    }

    fn scalar(&mut self) -> Result<Value, String> {
        let word = self.next();
        if let Some(name) = word.strip_prefix('$') {
            return Ok(self.variables.get(name).cloned().unwrap_or(Value::Null));
        }
        Ok(serde_json::from_str(&word).unwrap_or(Value::String(word)))
    }
}

fn tokens(text: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_whitespace() || c == ',' {
            continue;
        }
        let mut token = c.to_string();
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if c == '"' {
            loop {
                let next = chars.next().ok_or("a text without end")?;
                token.push(next);
                match next {
                    '\\' => token.extend(chars.next()),
                    '"' => break,
                    _ => {}
                }
            }
        } else if word(c) || c == '$' || c == '-' {
            while let Some(next) = chars.next_if(|c| word(*c)) {
                token.push(next);
            }
        } else if c == '.' {
            token.extend(chars.next());
            token.extend(chars.next());
        }
        found.push(token);
    }
    Ok(found)
}

#[test]
fn a_query_gets_what_it_names_and_nothing_else() {
    let tree = json!({
        "__typename": "Query",
        "repository": {
            "__typename": "Repository", "name": "hello", "secret": 1,
            "pulls": [
                { "__typename": "Pull", "number": 1, "headRefName": "a", "title": "x" },
                { "__typename": "Pull", "number": 2, "headRefName": "b", "title": "y" },
            ],
        },
    });
    let ask = |query: &str| {
        let body = json!({ "query": query, "variables": { "n": 2, "b": "a" } });
        read(&body).and_then(|document| select(&document, &tree))
    };
    let told = ask(
        "query($n: Int!, $b: String!) { repository(owner: \"o\") { called: name one: pulls(number: $n) \
         { ...P } of: pulls(headRefName: $b, first: 5, orderBy: {field: X}) { nodes { ...P } pageInfo \
         { hasNextPage } } none: pulls(number: 9) { ...P } } } fragment P on Pull { number ... on Pull \
         { title } ... on Issue { nothing } }",
    );
    let told = told.expect("a good query");
    assert_eq!(
        told["repository"],
        json!({
            "called": "hello", "one": { "number": 2, "title": "y" }, "none": null,
            "of": { "nodes": [{ "number": 1, "title": "x" }], "pageInfo": { "hasNextPage": false } },
        })
    );
    for bad in [
        "{",
        "query { repository { nothing } }",
        "query { repository { pulls { nodes { number } } } }",
        "query { repository { ...Q } }",
        "query { \"",
        "subscription { x }",
        "query { repository }",
    ] {
        assert!(ask(bad).is_err(), "{bad}");
    }
}
