//! Holds a value against a schema of `docs/schema/`, and refuses what the schema does not know, too.

use serde_json::Value;

/// Every way in which `value` is not what `schema` says, or says more.
pub(crate) fn judge(
    root: &Value,
    schema: &Value,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return judge(root, &root["$defs"][name], value, at, found);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let tries = choices.iter().map(|choice| {
            let mut wrong = Vec::new();
            judge(root, choice, value, at, &mut wrong);
            wrong
        });
        let best = tries.min_by_key(Vec::len).expect("a choice");
        return found.extend(best);
    }
    if let Some(only) = schema.get("const")
        && only != value
    {
        found.push(format!("{at} is {value}, not {only}"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{at} is {value}, none of {words:?}"));
    }
    if let Some(words) = schema["not"]["enum"].as_array()
        && words.contains(value)
    {
        found.push(format!("{at} is {value}, one of {words:?}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.contains(&kind) {
        return found.push(format!("{at} is {kind}, not {kinds:?}"));
    }
    if schema["format"] == "date-time"
        && let Some(text) = value.as_str()
        && text.parse::<fleet::domain::time::Timestamp>().is_err()
    {
        found.push(format!("{at} is no time: {text}"));
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        if value.get(name.as_str().expect("a name")).is_none() {
            found.push(format!("{at} has no {name}"));
        }
    }
    inside(root, schema, value, at, found);
}

/// The items of a list, and the fields of an object.
fn inside(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (at_item, item) in value.as_array().into_iter().flatten().enumerate() {
        judge(
            root,
            &schema["items"],
            item,
            &format!("{at}[{at_item}]"),
            found,
        );
    }
    for (name, inner) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        let known = schema["properties"].get(name);
        match known.or_else(|| schema.get("additionalProperties")) {
            Some(schema) => judge(root, schema, inner, &at, found),
            None if schema["type"].is_null() => {}
            None => found.push(format!("{at} is not in the schema")),
        }
    }
}
