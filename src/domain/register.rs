//! Last-writer-wins registers and add/remove sets: the parts of state that make the fold order-free.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::ids::RecordId;
use crate::domain::time::Hlc;

/// Position of a record in the total order `(ts, id)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// Hybrid logical time of the record.
    pub ts: Hlc,
    /// The record, which breaks ties.
    pub id: RecordId,
}

/// On the wire a stamp is `[ts, id]`.
impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        (self.ts, self.id).serialize(s)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let (ts, id) = Deserialize::deserialize(d)?;
        Ok(Self { ts, id })
    }
}

/// A value and the record that wrote it. The greatest stamp wins, in whatever order writes come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reg<T> {
    /// The winning value.
    pub value: T,
    /// Who wrote it; the default stamp means "nobody yet".
    pub at: Stamp,
}

impl<T> Reg<T> {
    /// Writes `value` if its stamp is not older than the present one; says whether it won.
    pub fn write(&mut self, value: T, at: Stamp) -> bool {
        let wins = at >= self.at;
        if wins {
            *self = Self { value, at };
        }
        wins
    }

    /// True if some record wrote this register.
    pub fn is_written(&self) -> bool {
        self.at != Stamp::default()
    }
}

/// A set in which every element is a register of "present" or "absent".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LwwSet(pub BTreeMap<String, Reg<bool>>);

impl LwwSet {
    /// Adds or removes one element.
    pub fn write(&mut self, element: &str, present: bool, at: Stamp) {
        match self.0.get_mut(element) {
            Some(reg) => {
                reg.write(present, at);
            }
            None => {
                self.0
                    .insert(element.to_owned(), Reg { value: present, at });
            }
        }
    }

    /// The elements that are present, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(|(_, reg)| reg.value)
            .map(|(element, _)| element.as_str())
    }

    /// True if `element` is present.
    #[must_use]
    pub fn contains(&self, element: &str) -> bool {
        self.0.get(element).is_some_and(|reg| reg.value)
    }
}
