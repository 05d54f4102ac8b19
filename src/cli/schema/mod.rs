//! The shapes of `--json`, as JSON Schema 2020-12. Written once, in `shapes.txt`, and those of records in
//! `records.txt`; read only by `fleet schema` and `fleet capabilities`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::cli::codes::CODES;
use crate::cli::render::json::SCHEMA_VERSION;
use crate::domain::record::{Op, RECORD_VERSION};

const SHAPES: &str = include_str!("shapes.txt");
const RECORDS: &str = include_str!("records.txt");
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Name of the schema of refusals.
pub const ERROR: &str = "error";
/// Name of the schema of a line of the state.
pub const RECORD: &str = "record";

/// All shapes and answers.
pub struct Schemas {
    /// Fields by shape: the lines of its block.
    shapes: BTreeMap<&'static str, Vec<&'static str>>,
    /// Shapes by command.
    answers: BTreeMap<&'static str, Vec<&'static str>>,
}

impl Schemas {
    /// Reads the table.
    #[must_use]
    pub fn read() -> Self {
        Self::of(SHAPES)
    }

    fn of(table: &'static str) -> Self {
        let (mut shapes, mut answers) = (BTreeMap::new(), BTreeMap::new());
        let mut block: Option<(&str, Vec<&str>)> = None;
        for line in table.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if line == "}" {
                shapes.extend(block.take());
            } else if let Some((_, fields)) = &mut block {
                fields.push(line);
            } else if let Some(name) = line.strip_suffix(" {") {
                block = Some((name, Vec::new()));
            } else if let Some((command, shapes)) = line.split_once(" = ") {
                answers.insert(command, shapes.split(" | ").collect());
            }
        }
        Self { shapes, answers }
    }

    /// Commands whose answer is known, as they are typed.
    pub fn commands(&self) -> impl Iterator<Item = &'static str> {
        self.answers.keys().copied()
    }

    /// Whether a command's answer is known.
    #[must_use]
    pub fn knows(&self, command: &str) -> bool {
        self.answers.contains_key(command)
    }

    /// The schema of this name: a command, `error` or `record`.
    #[must_use]
    pub fn schema(&self, name: &str) -> Option<Value> {
        match name {
            ERROR => Some(error()),
            RECORD => Some(record()),
            command => self.answer(command),
        }
    }

    fn answer(&self, command: &str) -> Option<Value> {
        let shapes = self.answers.get(command)?;
        let mut defs = BTreeMap::new();
        let mut data: Vec<Value> = Vec::new();
        for shape in shapes {
            data.push(self.kind(shape, &mut defs));
        }
        let data = match data.len() {
            1 => data.remove(0),
            _ => json!({ "anyOf": data }),
        };
        Some(json!({
            "$schema": DIALECT,
            "title": format!("answer of `fleet {command} --json`"),
            "type": "object",
            "required": ["schema_version", "ok", "data"],
            "properties": {
                "schema_version": { "const": SCHEMA_VERSION },
                "ok": { "const": true },
                "data": data,
            },
            "$defs": defs,
        }))
    }

    /// The schema of a type; shapes that it names go to `defs`.
    fn kind(&self, text: &str, defs: &mut BTreeMap<String, Value>) -> Value {
        let inside = |open: char, close: char| text.strip_prefix(open)?.strip_suffix(close);
        if let Some(item) = inside('[', ']') {
            return json!({ "type": "array", "items": self.kind(item, defs) });
        }
        if let Some(value) = inside('{', '}') {
            return json!({ "type": "object", "additionalProperties": self.kind(value, defs) });
        }
        if let Some(words) = inside('\'', '\'') {
            return json!({ "enum": words.split('|').collect::<Vec<_>>() });
        }
        if let Some(some) = text.strip_suffix('?') {
            return match self.kind(some, defs) {
                Value::Object(mut plain) if plain.get("type").is_some_and(Value::is_string) => {
                    let one = plain.remove("type").unwrap_or_default();
                    plain.insert("type".to_owned(), json!([one, "null"]));
                    Value::Object(plain)
                }
                other => json!({ "anyOf": [other, { "type": "null" }] }),
            };
        }
        match text {
            "s" => json!({ "type": "string" }),
            "i" => json!({ "type": "integer" }),
            "n" => json!({ "type": "number" }),
            "b" => json!({ "type": "boolean" }),
            "t" => json!({ "type": "string", "format": "date-time" }),
            "any" => json!({}),
            shape => {
                if !defs.contains_key(shape) {
                    defs.insert(shape.to_owned(), Value::Null);
                    let object = self.object(shape, defs);
                    defs.insert(shape.to_owned(), object);
                }
                json!({ "$ref": format!("#/$defs/{shape}") })
            }
        }
    }

    fn object(&self, shape: &str, defs: &mut BTreeMap<String, Value>) -> Value {
        let (mut properties, mut required) = (Map::new(), Vec::new());
        self.fields(shape, &mut |name, kind| {
            let plain = name.trim_end_matches('?');
            if plain == name {
                required.push(plain.to_owned());
            }
            properties.insert(plain.to_owned(), self.kind(kind, defs));
        });
        json!({ "type": "object", "required": required, "properties": properties })
    }

    fn fields(&self, shape: &str, take: &mut dyn FnMut(&'static str, &'static str)) {
        for line in self.shapes.get(shape).into_iter().flatten() {
            if let Some(other) = line.strip_prefix("...") {
                self.fields(other, take);
            } else if let Some((name, kind)) = line.split_once(' ') {
                take(name, kind);
            }
        }
    }
}

fn error() -> Value {
    let codes: Vec<_> = CODES.iter().map(|(code, ..)| code).collect();
    json!({
        "$schema": DIALECT,
        "title": "refusal of any command with `--json`",
        "type": "object",
        "required": ["schema_version", "ok", "error"],
        "properties": {
            "schema_version": { "const": SCHEMA_VERSION },
            "ok": { "const": false },
            "error": {
                "type": "object",
                "required": ["code", "message", "hint", "retryable", "details"],
                "properties": {
                    "code": { "enum": codes },
                    "message": { "type": "string" },
                    "hint": { "type": "string" },
                    "retryable": { "type": "boolean" },
                    "details": { "type": ["object", "null"], "additionalProperties": {} },
                },
            },
        },
    })
}

/// What every line has, and the fields of each operation. Operations and fields that are not known here
/// are kept by every reader (I12), so none is refused.
fn record() -> Value {
    let table = Schemas::of(RECORDS);
    let mut defs = BTreeMap::new();
    let known = Op::NAMES.iter().map(|name| {
        let payload = table.object(name, &mut defs);
        line(&json!({ "const": name }), payload)
    });
    let mut lines: Vec<Value> = known.collect();
    // What newer versions know of a task is carried along.
    if let Some(fields) = defs.get_mut("Fields") {
        fields["additionalProperties"] = json!({});
    }
    let unknown = json!({ "type": "string", "not": { "enum": Op::NAMES } });
    lines.push(line(&unknown, json!({ "additionalProperties": {} })));
    json!({
        "$schema": DIALECT,
        "title": "a line of the state",
        "anyOf": lines,
        "$defs": defs,
        "$comment": format!("written as version {RECORD_VERSION}"),
    })
}

/// A line whose operation is `op`, with the fields of `payload` besides those that every line has.
fn line(op: &Value, mut payload: Value) -> Value {
    let own = payload["required"].as_array().cloned().unwrap_or_default();
    let mut required: Vec<Value> = ["v", "id", "ts", "by", "op"].map(Value::from).into();
    required.extend(own);
    let mut properties = json!({
        "v": { "type": "integer", "minimum": 1 },
        "id": { "type": "string", "format": "uuid" },
        "ts": { "type": "string" },
        "by": { "type": "string" },
        "run": { "type": "string" },
        "op": op,
    });
    if let (Some(all), Some(own)) = (
        properties.as_object_mut(),
        payload["properties"].as_object(),
    ) {
        all.extend(own.clone());
    }
    payload["type"] = json!("object");
    payload["required"] = Value::Array(required);
    payload["properties"] = properties;
    payload
}

#[cfg(test)]
mod tests {
    use super::Schemas;

    #[test]
    fn every_shape_that_is_named_is_there_and_used() {
        let schemas = Schemas::read();
        assert!(schemas.answers.len() > 40);
        let mut used = std::collections::BTreeSet::new();
        let word = |text: &str| {
            let plain = text.trim_matches(['[', ']', '{', '}', '?']).to_owned();
            let shape = plain.starts_with(|c: char| c.is_ascii_uppercase());
            shape.then_some(plain)
        };
        let fields = schemas.shapes.values().flatten().filter_map(|line| {
            let other = line
                .strip_prefix("...")
                .or_else(|| Some(line.split_once(' ')?.1));
            word(other.unwrap_or_else(|| panic!("`{line}` is no field")))
        });
        used.extend(fields);
        used.extend(
            schemas
                .answers
                .values()
                .flatten()
                .filter_map(|text| word(text)),
        );
        for name in &used {
            assert!(
                schemas.shapes.contains_key(name.as_str()),
                "{name} is not there"
            );
        }
        for name in schemas.shapes.keys() {
            assert!(used.contains(*name), "{name} is not used");
        }
    }
}
