//! Where tables stand in the text, and the remarks between them.
//!
//! In the document a remark belongs to the header below it, or to the end of the text. For people
//! one that follows a key without a blank line, such as a key that is commented out, belongs to the
//! section above: so a new section goes behind it.

use toml_edit::{DocumentMut, Item, Table};

/// Way to a table: keys, and places in arrays of tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    At(usize),
}

/// Ways to all tables that have a header, in the order of the text.
fn headers(document: &DocumentMut) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    visit(document.as_table(), &mut Vec::new(), &mut 0, &mut found);
    // A table without a place stands behind the one that was seen before it, as it is written.
    found.sort_by_key(|(place, _)| *place);
    found.into_iter().map(|(_, way)| way).collect()
}

fn visit(
    table: &Table,
    way: &mut Vec<Step>,
    last: &mut isize,
    found: &mut Vec<(isize, Vec<Step>)>,
) {
    for (key, item) in table {
        way.push(Step::Key(key.to_owned()));
        match item {
            Item::Table(inner) => {
                note(inner, way, last, found);
                visit(inner, way, last, found);
            }
            Item::ArrayOfTables(all) => {
                for (at, inner) in all.iter().enumerate() {
                    way.push(Step::At(at));
                    note(inner, way, last, found);
                    visit(inner, way, last, found);
                    way.pop();
                }
            }
            Item::None | Item::Value(_) => {}
        }
        way.pop();
    }
}

fn note(table: &Table, way: &[Step], last: &mut isize, found: &mut Vec<(isize, Vec<Step>)>) {
    if let Some(place) = table.position() {
        *last = place;
    }
    let silent = table.is_implicit() && !table.iter().any(|(_, item)| item.is_value());
    if !table.is_dotted() && !silent {
        found.push((*last, way.to_vec()));
    }
}

fn table_at<'a>(document: &'a mut DocumentMut, way: &[Step]) -> Option<&'a mut Table> {
    let mut steps = way.iter();
    let Some(Step::Key(first)) = steps.next() else {
        return None;
    };
    let mut item = document.get_mut(first)?;
    loop {
        match (item, steps.next()) {
            (Item::Table(table), None) => return Some(table),
            (Item::Table(table), Some(Step::Key(key))) => item = table.get_mut(key)?,
            (Item::ArrayOfTables(all), Some(Step::At(at))) => {
                let table = all.get_mut(*at)?;
                match steps.next() {
                    None => return Some(table),
                    Some(Step::Key(key)) => item = table.get_mut(key)?,
                    Some(Step::At(_)) => return None,
                }
            }
            _ => return None,
        }
    }
}

fn way_of(name: &str) -> [Step; 2] {
    [Step::Key("agents".to_owned()), Step::Key(name.to_owned())]
}

/// The header that follows an agent's, and those within it, in the text.
pub(super) fn next_after(document: &DocumentMut, name: &str) -> Option<Vec<Step>> {
    let own = way_of(name);
    let all = headers(document);
    let at = all.iter().position(|way| way.starts_with(&own))?;
    let mut after = all.into_iter().skip(at);
    after.find(|way| !way.starts_with(&own))
}

/// Gives the fresh table of an agent a blank line, and the remarks that belong to the section above
/// it, which so stay there.
pub(super) fn settle(document: &mut DocumentMut, name: &str) {
    let above = match next_after(document, name).as_deref() {
        None => {
            let all = document.trailing().as_str().unwrap_or_default().to_owned();
            document.set_trailing("");
            all
        }
        Some(next) => {
            let Some(table) = table_at(document, next) else {
                return;
            };
            let prefix = prefix_of(table);
            let end = match prefix.find("\n\n") {
                _ if prefix.starts_with('\n') => 0,
                Some(blank) => blank + 1,
                None => 0,
            };
            table.decor_mut().set_prefix(&prefix[end..]);
            prefix[..end].to_owned()
        }
    };
    let above = above.trim_end();
    let prefix = match above {
        "" => "\n".to_owned(),
        remarks => format!("{remarks}\n\n"),
    };
    if let Some(fresh) = table_at(document, &way_of(name)) {
        fresh.decor_mut().set_prefix(prefix);
    }
}

/// Puts remarks before a header, or at the end of the text.
pub(super) fn put_before(document: &mut DocumentMut, next: Option<&[Step]>, remarks: &str) {
    if let Some(table) = next.and_then(|way| table_at(document, way)) {
        let prefix = prefix_of(table);
        table.decor_mut().set_prefix(format!("{remarks}{prefix}"));
        return;
    }
    let trailing = document.trailing().as_str().unwrap_or_default().to_owned();
    document.set_trailing(format!("{remarks}{trailing}"));
}

fn prefix_of(table: &Table) -> String {
    let prefix = table.decor().prefix().and_then(|p| p.as_str());
    prefix.unwrap_or_default().to_owned()
}
