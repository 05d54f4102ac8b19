//! The gist of a tool's arguments or answer: one line, whatever their shape and size.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::lax::{Text, expecting, otherwise};
use crate::agents::lines::{head, one_line_onto};

/// Longest gist of a tool's arguments or answer.
pub(crate) const GIST_BYTES: usize = 160;

/// One line about the arguments of a tool, or what it answered: a text, the texts of a list of
/// blocks, the telling field of an object, or else the JSON itself. Large values are not copied.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gist(String);

impl Gist {
    /// The line.
    pub(crate) fn get(&self) -> &str {
        &self.0
    }
}

/// Fields that a reader wants to see, the best first.
const TELLING: [&str; 10] = [
    "command",
    "file_path",
    "filePath",
    "path",
    "pattern",
    "query",
    "url",
    "description",
    "prompt",
    "text",
];

/// Most fields of an object without a telling one that are shown.
const SHOWN: usize = 6;

impl<'de> Deserialize<'de> for Gist {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Part { whole: true }.deserialize(d)
    }
}

/// Reads a gist; a part of a list says nothing if it has no telling field.
#[derive(Clone, Copy)]
struct Part {
    whole: bool,
}

impl<'de> DeserializeSeed<'de> for Part {
    type Value = Gist;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Gist, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part {
    type Value = Gist;
    expecting!("anything");

    fn visit_str<E>(self, text: &str) -> Result<Gist, E> {
        let mut line = String::new();
        one_line_onto(&mut line, text, GIST_BYTES);
        Ok(Gist(line))
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Gist, E> {
        Ok(Gist(yes.to_string()))
    }

    fn visit_u64<E>(self, n: u64) -> Result<Gist, E> {
        Ok(Gist(n.to_string()))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Gist, E> {
        Ok(Gist(n.to_string()))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Gist, E> {
        Ok(Gist(n.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Gist, A::Error> {
        let mut line = String::new();
        while line.len() < GIST_BYTES {
            let Some(part) = list.next_element_seed(Self { whole: false })? else {
                return Ok(Gist(line));
            };
            one_line_onto(&mut line, &part.0, GIST_BYTES);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Gist(line))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Gist, A::Error> {
        let mut best = TELLING.len();
        let mut line = String::new();
        let mut shown: Vec<(Text<'de>, &'de RawValue)> = Vec::new();
        while let Some(key) = object.next_key::<Text<'de>>()? {
            let rank = TELLING.iter().position(|k| *k == key.get());
            match rank {
                Some(rank) if rank < best => {
                    let Gist(text) = object.next_value_seed(Texts)?;
                    if !text.is_empty() {
                        (best, line) = (rank, text);
                    }
                }
                None if self.whole && best == TELLING.len() && shown.len() < SHOWN => {
                    shown.push((key, object.next_value()?));
                }
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        if best == TELLING.len() && self.whole {
            let mut raw = String::from("{");
            for (key, value) in &shown {
                let comma = if raw.len() > 1 { "," } else { "" };
                let value = head(value.get(), 2 * GIST_BYTES);
                raw.push_str(&format!("{comma}\"{}\":{value}", key.get()));
            }
            raw.push('}');
            one_line_onto(&mut line, &raw, GIST_BYTES);
        }
        Ok(Gist(line))
    }

    otherwise!(null);
}

/// A text as a gist; nothing if it is none.
struct Texts;

impl<'de> DeserializeSeed<'de> for Texts {
    type Value = Gist;

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Gist, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts {
    type Value = Gist;
    expecting!("anything");

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Gist, E> {
        Part { whole: true }.visit_str(text)
    }

    otherwise!(null flag number list object);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gist_is_what_a_reader_wants_to_see() {
        let of = |json: &str| serde_json::from_str::<Gist>(json).expect(json).0;
        assert_eq!(of(r#""two\nlines""#), "two lines");
        assert_eq!(
            of(r#"[{"type":"text","text":"a"},"b",{"type":"image"},7]"#),
            "a b 7"
        );
        assert_eq!(
            of(r#"{"content":"long","path":"p","command":"ls\n-l"}"#),
            "ls -l"
        );
        assert_eq!(of(r#"{"path":"","url":"u"}"#), "u");
        assert_eq!(of(r#"{"a":1,"b":{"c":"x"}}"#), r#"{"a":1,"b":{"c":"x"}}"#);
        assert_eq!(of("null"), "");
        assert_eq!(of("4.5"), "4.5");
        let long = of(&format!("\"{}\"", "word ".repeat(100_000)));
        assert!(long.len() <= GIST_BYTES + 4, "{}", long.len());
    }
}
