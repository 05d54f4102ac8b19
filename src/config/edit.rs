//! Changes to `[agents.<name>]` in the text of `config.toml`; comments and order stay as they are.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::config::schema;
use crate::ports::site::{AgentChange, AgentVerb};

mod order;
#[cfg(test)]
mod tests;

/// Keys that hold lists, which may be written with commas.
pub(super) const LISTS: &[&str] = &["args", "argv", "env", "fits"];

/// The text with the change made. Whether the result is a good configuration is for the reader to
/// say.
///
/// # Errors
/// A sentence: the text is no TOML, the agent is there already or is not there, or a key is unknown.
pub fn change_agent(text: &str, change: &AgentChange) -> Result<String, String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error| format!("the file is no TOML: {error}"))?;
    let name = &change.name;
    let there = table(&mut document, name).is_some();
    match change.verb {
        AgentVerb::Add if there => return Err(format!("there is an agent {name} already")),
        AgentVerb::Edit | AgentVerb::Remove if !there => {
            return Err(format!("there is no agent {name}"));
        }
        AgentVerb::Remove => remove(&mut document, name),
        AgentVerb::Add | AgentVerb::Edit => set(&mut document, change)?,
    }
    Ok(document.to_string())
}

fn table<'a>(document: &'a mut DocumentMut, name: &str) -> Option<&'a mut dyn TableLike> {
    let agents = document.get_mut("agents")?.as_table_like_mut()?;
    agents.get_mut(name)?.as_table_like_mut()
}

fn set(document: &mut DocumentMut, change: &AgentChange) -> Result<(), String> {
    if change.verb == AgentVerb::Add {
        let agents = document.entry("agents").or_insert_with(|| {
            let mut parent = Table::new();
            // `[agents]` itself says nothing.
            parent.set_implicit(true);
            Item::Table(parent)
        });
        let agents = agents
            .as_table_like_mut()
            .ok_or("`agents` is no table of agents")?;
        agents.insert(&change.name, Item::Table(Table::new()));
        order::settle(document, &change.name);
    }
    let agent = table(document, &change.name).ok_or("`agents` is no table of agents")?;
    for (key, text) in &change.set {
        check(key)?;
        let (at, inner) = match key.split_once('.') {
            Some((outer, inner)) => (outer, Some(inner)),
            None => (key.as_str(), None),
        };
        match inner {
            None => put(agent, at, value(at, text)),
            Some(inner) => {
                let map = agent
                    .entry(at)
                    .or_insert_with(|| Item::Value(Value::InlineTable(Default::default())));
                let map = map
                    .as_table_like_mut()
                    .ok_or_else(|| format!("`{at}` is no table"))?;
                put(map, inner, value(inner, text));
            }
        }
    }
    for key in &change.unset {
        check(key)?;
        let gone = match key.split_once('.') {
            None => agent.remove(key),
            Some((outer, inner)) => agent
                .get_mut(outer)
                .and_then(Item::as_table_like_mut)
                .and_then(|map| map.remove(inner)),
        };
        if gone.is_none() {
            return Err(format!("agent {} does not set `{key}`", change.name));
        }
    }
    Ok(())
}

/// Sets a value; a remark behind the old one stays.
fn put(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(old) = table.get(key).and_then(Item::as_value) {
        *value.decor_mut() = old.decor().clone();
    }
    table.insert(key, Item::Value(value));
}

fn check(key: &str) -> Result<(), String> {
    let first = key.split('.').next().unwrap_or(key);
    let mut known = schema::names("agents.*");
    if known.any(|name| name == first) {
        return Ok(());
    }
    let near = crate::config::reader::nearest(first, schema::names("agents.*"));
    Err(match near {
        Some(near) => format!("agents have no key `{first}`; did you mean `{near}`?"),
        None => format!("agents have no key `{first}`; docs/config.md lists them"),
    })
}

/// A value as it was typed: TOML where it is (`4`, `true`, `["a"]`), a list at commas where the key
/// takes one, text otherwise.
fn value(key: &str, text: &str) -> Value {
    let list = LISTS.contains(&key);
    match text.parse::<Value>() {
        Ok(value) if !list || value.is_array() => value,
        _ if list => {
            let words = text
                .split(',')
                .map(str::trim)
                .filter(|word| !word.is_empty());
            Value::Array(words.collect())
        }
        // A model called `4` would read as a number; but then the reader names the key.
        Ok(value) => value,
        Err(_) => Value::from(text),
    }
}

/// Takes the table away. Remarks above it that a blank line sets off belong to what stands around
/// them, and stay where they are.
fn remove(document: &mut DocumentMut, name: &str) {
    let next = order::next_after(document, name);
    let mut kept = String::new();
    if let Some(agents) = document.get_mut("agents").and_then(Item::as_table_like_mut)
        && let Some(gone) = agents.remove(name)
        && let Some(table) = gone.as_table()
        && let Some(prefix) = table.decor().prefix().and_then(|p| p.as_str())
        && let Some((above, _)) = prefix.rsplit_once("\n\n")
        && above.contains('#')
    {
        kept = format!("{above}\n");
    }
    if !kept.is_empty() {
        order::put_before(document, next.as_deref(), &kept);
    }
}
