//! Last-writer-wins registers and add/remove sets: the parts of state that make the fold order-free.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::ids::RecordId;
use crate::domain::time::{DurationMs, Hlc, Timestamp};

/// Position of a record in the total order `(ts, id)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// Hybrid logical time of the record.
    pub ts: Hlc,
    /// The record, which breaks ties.
    pub id: RecordId,
}

/// How far clocks of machines may differ without anybody's being called wrong.
const SKEW: DurationMs = DurationMs::mins(10);

impl Stamp {
    /// Before every record.
    pub const NOBODY: Self = Self {
        ts: Hlc(0),
        id: RecordId(uuid::Uuid::nil()),
    };

    /// When the record was written, as far as that can be believed at `now`; `None` if all that it
    /// says of time lies ahead. For rests, budgets and ages, never for order.
    ///
    /// One clock that was far ahead pushes the logical times of every record after it, in all
    /// clones. The id of a record (UUIDv7) bears the time of its own writer alone.
    #[must_use]
    pub fn written(&self, now: Timestamp) -> Option<Timestamp> {
        let latest = now.plus(SKEW);
        [self.ts.wall(), self.id.time()]
            .into_iter()
            .find(|told| *told <= latest)
    }

    /// As [`Self::written`], or `now`.
    #[must_use]
    pub fn written_by(&self, now: Timestamp) -> Timestamp {
        self.written(now).unwrap_or(now)
    }
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
    /// A register that nobody wrote yet.
    pub const fn unwritten(value: T) -> Self {
        Self {
            value,
            at: Stamp::NOBODY,
        }
    }

    /// Writes `value` if its stamp is not older than the present one; says whether it won.
    pub fn write(&mut self, value: T, at: Stamp) -> bool {
        let wins = at >= self.at || planted!("order-of-arrival-wins");
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
///
/// A sorted list, not a map: most sets have a few elements, and there are two per task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LwwSet(Vec<(String, Reg<bool>)>);

impl LwwSet {
    /// Adds or removes one element.
    pub fn write(&mut self, element: &str, present: bool, at: Stamp) {
        match self.0.binary_search_by(|(e, _)| e.as_str().cmp(element)) {
            Ok(found) => {
                self.0[found].1.write(present, at);
            }
            Err(place) => {
                let reg = Reg { value: present, at };
                self.0.insert(place, (element.to_owned(), reg));
            }
        }
    }

    /// Every element that was ever written, in order, present or not.
    pub fn registers(&self) -> impl Iterator<Item = (&str, &Reg<bool>)> {
        self.0.iter().map(|(element, reg)| (element.as_str(), reg))
    }

    /// The set that nobody wrote.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// A set of elements that are in order; `None` if they are not, or one stands twice.
    #[must_use]
    pub fn of_sorted(list: Vec<(String, Reg<bool>)>) -> Option<Self> {
        let sorted = list.is_sorted_by(|(a, _), (b, _)| a < b);
        sorted.then_some(Self(list))
    }

    /// The register of one element, if it was ever written.
    #[must_use]
    pub fn get(&self, element: &str) -> Option<&Reg<bool>> {
        let found = self.0.binary_search_by(|(e, _)| e.as_str().cmp(element));
        found.ok().map(|at| &self.0[at].1)
    }

    /// The elements that are present, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.registers()
            .filter(|(_, reg)| reg.value)
            .map(|(element, _)| element)
    }

    /// True if `element` is present.
    #[must_use]
    pub fn contains(&self, element: &str) -> bool {
        self.iter().any(|e| e == element)
    }

    /// True if nothing was ever written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Reg<bool>)> for LwwSet {
    /// Of equal elements the first counts.
    fn from_iter<I: IntoIterator<Item = (String, Reg<bool>)>>(elements: I) -> Self {
        let mut list: Vec<_> = elements.into_iter().collect();
        list.sort_by(|(a, _), (b, _)| a.cmp(b));
        list.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Self(list)
    }
}
