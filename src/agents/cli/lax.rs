//! Parts of a stream's lines, read without copying where JSON allows it, and without complaint: a
//! field of another type than expected reads as absent, because the next version of a CLI must not
//! make its whole line unreadable.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Methods of a visitor for the types that do not fit: they read as the default.
macro_rules! otherwise {
    ($($what:ident)+) => { $( otherwise!(@ $what); )+ };
    (@ null) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ flag) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ number) => {
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ text) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (@ list) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (@ object) => {
        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

pub(super) use otherwise;

macro_rules! expecting {
    ($what:literal) => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str($what)
        }
    };
}

pub(super) use expecting;

/// A text; empty if it is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Text<'a>(Cow<'a, str>);

impl Text<'_> {
    /// As it is.
    pub(crate) fn get(&self) -> &str {
        &self.0
    }

    /// `None` if empty.
    pub(crate) fn some(&self) -> Option<&str> {
        Some(&*self.0).filter(|t| !t.is_empty())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Text<'de>;
            expecting!("anything");
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            otherwise!(null flag number list object);
        }
        d.deserialize_any(V)
    }
}

/// A count; zero if it is negative or no number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count(pub(crate) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Count;
            expecting!("anything");
            fn visit_u64<E>(self, n: u64) -> Result<Count, E> {
                Ok(Count(n))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Count, E> {
                Ok(Count(n.try_into().unwrap_or(0)))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Count, E> {
                // A conversion of a float saturates: what is negative or no number becomes zero.
                Ok(Count(n as u64))
            }
            otherwise!(null flag text list object);
        }
        d.deserialize_any(V)
    }
}

/// A number with a fraction, if it is a number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Amount(pub(crate) Option<f64>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Amount;
            expecting!("anything");
            fn visit_u64<E>(self, n: u64) -> Result<Amount, E> {
                Ok(Amount(Some(n as f64)))
            }
            fn visit_i64<E>(self, n: i64) -> Result<Amount, E> {
                Ok(Amount(Some(n as f64)))
            }
            fn visit_f64<E>(self, n: f64) -> Result<Amount, E> {
                Ok(Amount(Some(n)))
            }
            otherwise!(null flag text list object);
        }
        d.deserialize_any(V)
    }
}

/// Yes or no, if it is either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flag(pub(crate) Option<bool>);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = Flag;
            expecting!("anything");
            fn visit_bool<E>(self, yes: bool) -> Result<Flag, E> {
                Ok(Flag(Some(yes)))
            }
            otherwise!(null number text list object);
        }
        d.deserialize_any(V)
    }
}

/// An object; its default if it is none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Obj<T>(pub(crate) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Obj<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for V<T> {
            type Value = Obj<T>;
            expecting!("anything");
            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Obj<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(object)).map(Obj)
            }
            otherwise!(null flag number text list);
        }
        d.deserialize_any(V(PhantomData))
    }
}

/// A list; empty if it is none.
#[derive(Debug, Clone)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for V<T> {
            type Value = List<T>;
            expecting!("anything");
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = list.next_element()? {
                    all.push(one);
                }
                Ok(List(all))
            }
            otherwise!(null flag number text object);
        }
        d.deserialize_any(V(PhantomData))
    }
}

/// An object as pairs of names and objects; empty if it is none.
#[derive(Debug, Clone)]
pub(crate) struct Pairs<T>(pub(crate) Vec<(String, T)>);

impl<T> Default for Pairs<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Pairs<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct V<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for V<T> {
            type Value = Pairs<T>;
            expecting!("anything");
            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Pairs<T>, A::Error> {
                let mut all = Vec::new();
                while let Some((name, Obj(one))) = object.next_entry::<String, Obj<T>>()? {
                    all.push((name, one));
                }
                Ok(Pairs(all))
            }
            otherwise!(null flag number text list);
        }
        d.deserialize_any(V(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::cli::gist::Gist;

    #[derive(Deserialize, Default, Debug)]
    #[serde(default)]
    struct Probe<'a> {
        #[serde(borrow)]
        text: Text<'a>,
        count: Count,
        amount: Amount,
        flag: Flag,
        list: List<Obj<Inner>>,
        #[serde(borrow)]
        object: Obj<Nested<'a>>,
        pairs: Pairs<Inner>,
        gist: Gist,
    }

    #[derive(Deserialize, Default, Debug)]
    #[serde(default)]
    struct Inner {
        n: Count,
    }

    #[derive(Deserialize, Default, Debug)]
    #[serde(default)]
    struct Nested<'a> {
        #[serde(borrow)]
        text: Text<'a>,
    }

    #[test]
    fn whatever_stands_in_a_field_the_line_is_read_and_the_rest_counts() {
        let others = [
            "null",
            "true",
            "-3",
            "7",
            "1.5",
            "\"x\"",
            "[1,[2]]",
            "{\"a\":{\"b\":[]}}",
        ];
        for field in [
            "text", "count", "amount", "flag", "list", "object", "pairs", "gist",
        ] {
            for other in others {
                let after = if field == "count" { "text" } else { "count" };
                let line = format!(r#"{{"{field}":{other},"unknown":[{{}}],"{after}":9}}"#);
                let probe: Probe<'_> = serde_json::from_str(&line).expect(&line);
                if after == "count" {
                    assert_eq!(probe.count, Count(9), "{line}");
                }
            }
        }
    }

    #[test]
    fn what_fits_is_read_and_a_plain_text_is_not_copied() {
        let line = r#"{"text":"plain","count":1e3,"amount":0.25,"flag":true,"list":[{"n":1},"no",{"n":-2}],"object":{"text":"a\nb"},"pairs":{"m":{"n":4},"k":7}}"#;
        let probe: Probe<'_> = serde_json::from_str(line).expect("JSON");
        assert!(matches!(probe.text.0, Cow::Borrowed("plain")));
        assert_eq!(
            (probe.count, probe.amount),
            (Count(1000), Amount(Some(0.25)))
        );
        assert_eq!(probe.flag, Flag(Some(true)));
        let list: Vec<u64> = probe.list.0.iter().map(|i| i.0.n.0).collect();
        assert_eq!(list, [1, 0, 0]);
        assert_eq!(probe.object.0.text.get(), "a\nb");
        let pairs: Vec<_> = probe
            .pairs
            .0
            .iter()
            .map(|(k, v)| (k.as_str(), v.n.0))
            .collect();
        assert_eq!(pairs, [("m", 4), ("k", 0)]);
    }
}
