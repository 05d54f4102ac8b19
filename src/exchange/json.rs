//! JSON as it is written: objects as lists of named pieces of text, each with its place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use crate::exchange::batch::{Batch, Incoming, Place};
use crate::exchange::text::{LINE_MAX_BYTES, Lines, not_utf8, small, unicode, whole};

/// A name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        d.deserialize_str(Text)
    }
}

/// The fields of one object, in the order in which they are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(16);
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    fields.push((name.0, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        d.deserialize_map(Object)
    }
}

impl<'a> Fields<'a> {
    /// Reads an object.
    pub(crate) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// Reads an object that is known to be JSON; `None` if it is something else.
    pub(crate) fn of(raw: &'a RawValue) -> Option<Self> {
        Self::read(raw.get()).ok()
    }

    /// Name and value of each field.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, raw)| (&**name, *raw))
    }

    /// The value of a field; the last, if it is there more than once; `None` for `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().rev().find(|(n, _)| n == name);
        found.map(|(_, raw)| *raw).filter(|raw| raw.get() != "null")
    }

    /// Leaves the last of fields with one name; gives the name of one that was there twice.
    pub(crate) fn settle(&mut self) -> Option<String> {
        let mut last: HashMap<&str, usize> = HashMap::with_capacity(self.0.len());
        for (at, (name, _)) in self.0.iter().enumerate() {
            last.insert(name, at);
        }
        if last.len() == self.0.len() {
            return None;
        }
        let all = self.0.iter().enumerate();
        let stays: Vec<bool> = all.map(|(at, (name, _))| last[&**name] == at).collect();
        let first = stays.iter().position(|stays| !stays)?;
        let name = self.0[first].0.clone().into_owned();
        let mut stays = stays.into_iter();
        self.0.retain(|_| stays.next().unwrap_or(true));
        Some(name)
    }

    /// A text; `None` if there is none, or something that is no text.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(text)
    }

    /// A text, or a number as text: ids are either.
    pub(crate) fn word(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(word)
    }

    /// An object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(Self::of)
    }

    /// A list; empty if there is none.
    pub(crate) fn list(&self, name: &str) -> Vec<&'a RawValue> {
        self.get(name).map(list).unwrap_or_default()
    }

    /// A whole number.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.get().parse().ok()
    }
}

/// The text that a value is.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let inner = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw.get()).ok().map(Cow::Owned)
}

/// The text or number that a value is.
pub(crate) fn word(raw: &RawValue) -> Option<Cow<'_, str>> {
    let first = raw.get().bytes().next()?;
    if first == b'-' || first.is_ascii_digit() {
        return Some(Cow::Borrowed(raw.get()));
    }
    text(raw)
}

/// The elements of a list; empty if it is none.
pub(crate) fn list(raw: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(raw.get()).unwrap_or_default()
}

/// One element of the input: an object.
#[derive(Debug, Clone)]
pub(crate) struct Item<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) place: Place,
}

/// Names under which exports put the list of issues.
const LISTS: &[&str] = &["issues", "tasks", "items", "nodes", "results"];
/// Names of objects that are in between.
const AROUND: &[&str] = &["data", "repository", "issues", "team", "project", "search"];

/// Hands over the elements of JSON Lines, of a list, or of the list in an object, one by one.
pub(crate) fn each(
    batch: &mut Batch,
    file: u32,
    bytes: &[u8],
    mut take: impl FnMut(&mut Batch, Item<'_>),
) {
    let Some(bytes) = unicode(batch, file, bytes) else {
        return;
    };
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace());
    match start.map(|at| bytes[at]) {
        None => batch.broken(Place::line(file, 0), "", "the file is empty"),
        Some(b'{') if is_lines(&bytes) => lines(batch, file, &bytes, take),
        Some(b'{' | b'[') => {
            let Some(text) = whole(batch, file, &bytes) else {
                return;
            };
            document(batch, file, &text, &mut take);
        }
        // A first line that is torn or a conflict marker is one broken line among others.
        Some(_) => lines(batch, file, &bytes, take),
    }
}

/// The issues among them, made by `one`.
pub(crate) fn issues(
    batch: &mut Batch,
    file: u32,
    bytes: &[u8],
    mut one: impl FnMut(&mut Batch, &Fields<'_>, Place) -> Option<Incoming>,
) {
    each(batch, file, bytes, |batch, item| {
        if let Some(issue) = one(batch, &item.fields, item.place) {
            batch.issues.push(issue);
        }
    });
}

/// True unless the first object goes on after its line.
fn is_lines(bytes: &[u8]) -> bool {
    let end = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let first = bytes[..end].trim_ascii();
    let whole = first.ends_with(b"}") && serde_json::from_slice::<&RawValue>(first).is_ok();
    let more = !bytes[end..].trim_ascii().is_empty();
    // A whole object alone on one line may still be one that holds a list.
    let wrapped = || {
        std::str::from_utf8(first)
            .ok()
            .and_then(|text| Fields::read(text).ok())
            .is_some_and(|fields| {
                LISTS
                    .iter()
                    .chain(AROUND)
                    .any(|name| holds_list(&fields, name))
            })
    };
    if whole {
        more || !wrapped()
    } else {
        first.len() > 1 && !is_open(first)
    }
}

fn holds_list(fields: &Fields<'_>, name: &str) -> bool {
    fields
        .get(name)
        .is_some_and(|raw| raw.get().starts_with(['[', '{']))
}

/// True if a line can be the beginning of an object on several lines: it breaks off after a comma,
/// bracket or colon.
fn is_open(first: &[u8]) -> bool {
    matches!(first.last(), Some(b'{' | b'[' | b',' | b':'))
}

fn lines(batch: &mut Batch, file: u32, bytes: &[u8], mut take: impl FnMut(&mut Batch, Item<'_>)) {
    let whole = std::str::from_utf8(bytes).ok();
    let (mut at, mut number) = (0, 0usize);
    while at < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
        let ended = end < bytes.len();
        number += 1;
        let place = Place::line(file, small(number));
        let line = bytes[at..end].trim_ascii();
        let from = line.as_ptr() as usize - bytes.as_ptr() as usize;
        at = end + 1;
        if line.is_empty() {
            continue;
        }
        if line.len() > LINE_MAX_BYTES {
            let what = format!("{} bytes; a line has at most {LINE_MAX_BYTES}", line.len());
            batch.broken(place, "", what);
            continue;
        }
        let text = match whole {
            Some(text) => text.get(from..from + line.len()),
            None => std::str::from_utf8(line).ok(),
        };
        let Some(text) = text else {
            let valid = std::str::from_utf8(line).map_or_else(|e| e.valid_up_to(), str::len);
            let column = small(valid + 1);
            batch.broken(Place { column, ..place }, "", not_utf8(line, valid));
            continue;
        };
        if is_marker(text) {
            batch.broken(
                place,
                "",
                "a conflict marker of git: the merge is not finished",
            );
            continue;
        }
        match Fields::read(text) {
            Ok(fields) => take(batch, Item { fields, place }),
            Err(error) => {
                let column = small(error.column());
                let what = match cause(&error) {
                    words if error.is_data() => format!("not an issue: {words}"),
                    words if ended => format!("not JSON: {words}"),
                    words => format!("torn: the last line ends in the middle ({words})"),
                };
                batch.broken(Place { column, ..place }, "", what);
            }
        }
    }
}

/// The lines that git puts around both sides of a conflict.
fn is_marker(text: &str) -> bool {
    ["<<<<<<< ", "||||||| ", ">>>>>>> "]
        .iter()
        .any(|marker| text.starts_with(marker))
        || text == "======="
}

/// The parser's words without its own place, which counts from the wrong start.
pub(crate) fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.find(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

fn document(batch: &mut Batch, file: u32, text: &str, take: &mut impl FnMut(&mut Batch, Item<'_>)) {
    let raw: &RawValue = match serde_json::from_str(text) {
        Ok(raw) => raw,
        Err(error) => {
            let place = Place {
                file,
                line: small(error.line()),
                column: small(error.column()),
            };
            batch.broken(place, "", format!("not JSON: {}", cause(&error)));
            return;
        }
    };
    let mut places = Lines::new(text);
    let found = unwrap(raw, 0);
    if found.is_empty() && !raw.get().starts_with('[') {
        batch.broken(Place::line(file, 1), "", "no list of issues in it");
    }
    for item in found {
        let place = Place::line(file, places.of(item.get()));
        if item.get().len() > LINE_MAX_BYTES {
            let bytes = item.get().len();
            let what = format!("{bytes} bytes; an issue has at most {LINE_MAX_BYTES}");
            batch.broken(place, "", what);
            continue;
        }
        match Fields::of(item) {
            Some(fields) => take(batch, Item { fields, place }),
            None => batch.broken(place, "", "not an issue: no object"),
        }
    }
}

/// The issues in a document: its elements, those of the list that it holds, or itself.
fn unwrap(raw: &RawValue, depth: usize) -> Vec<&RawValue> {
    if raw.get().starts_with('[') {
        let all = list(raw);
        // `gh api --paginate --slurp` makes a list of lists.
        let nested = depth < 2 && all.first().is_some_and(|one| one.get().starts_with('['));
        if nested {
            return all
                .into_iter()
                .flat_map(|one| unwrap(one, depth + 1))
                .collect();
        }
        return all;
    }
    let Some(fields) = Fields::of(raw) else {
        return Vec::new();
    };
    for name in LISTS {
        if let Some(found) = fields.get(name).filter(|raw| raw.get().starts_with('[')) {
            return unwrap(found, depth + 1);
        }
    }
    for name in AROUND.iter().filter(|_| depth < 6) {
        if let Some(inner) = fields.get(name).filter(|raw| raw.get().starts_with('{')) {
            let found = unwrap(inner, depth + 1);
            if !found.is_empty() {
                return found;
            }
        }
    }
    let is_issue = ["id", "key", "iid", "number", "identifier", "uuid", "title"]
        .iter()
        .any(|name| fields.get(name).is_some());
    if is_issue { vec![raw] } else { Vec::new() }
}
