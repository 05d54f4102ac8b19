//! Identities. A thing's identity is the id of the record that created it; `T-n` is only a number.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::domain::digits;
use crate::domain::time::Timestamp;

/// Why a text is not an id. `Display` is a fragment that fits after "cannot read …: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is not of the form `T-<number>` (R6: `^T-[1-9][0-9]{0,8}$`) or `T-~<handle>`.
    #[error("`{}` is not a task id; {}", .0, meant(.0))]
    NotATask(String),
    /// The text is not a UUID.
    #[error("`{0}` is not a record id (a UUID)")]
    NotAUuid(String),
    /// The text is not a git object id.
    #[error("`{0}` is not a git object id (40 or 64 hexadecimal digits)")]
    NotAnOid(String),
}

/// What may be meant by something that is no task id: `7`, `T7`, `t-7`, `#7`.
fn meant(text: &str) -> String {
    let rest = text.trim().trim_start_matches(['T', 't', '#']);
    let digits = rest.trim_start_matches(['-', '_', ' ', '#', '0']);
    match format!("T-{digits}").parse::<TaskNumber>() {
        Ok(number) => format!("did you mean {number}?"),
        Err(_) => "ids look like T-7, or T-~k3f9q before they are published".to_owned(),
    }
}

/// Reads a UUID. The form that fleet writes (RFC 9562 §4, hyphens in their places) goes a short way:
/// a large state has several per task.
fn uuid_of(text: &str) -> Option<Uuid> {
    let Ok(form) = <&[u8; 36]>::try_from(text.as_bytes()) else {
        return Uuid::try_parse(text).ok();
    };
    if [form[8], form[13], form[18], form[23]] != *b"----" {
        return None;
    }
    // The hyphens stand in the middle of the second and the third eight digits.
    let eight = |from: usize, then: usize| {
        let mut digits = [0; 8];
        digits[..4].copy_from_slice(&form[from..from + 4]);
        digits[4..].copy_from_slice(&form[then..then + 4]);
        digits::hexadecimal(digits).map(u128::from)
    };
    let high = eight(0, 4)? << 32 | eight(9, 14)?;
    let low = eight(19, 24)? << 32 | eight(28, 32)?;
    Some(Uuid::from_u128(high << 64 | low))
}

/// Reads a UUID from the parser's own text, without a copy of it.
struct UuidText;

impl serde::de::Visitor<'_> for UuidText {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Uuid, E> {
        uuid_of(text).ok_or_else(|| E::custom(IdError::NotAUuid(text.to_owned())))
    }
}

/// Order of ids: that of their bytes, compared as one number. Every lookup asks for it a dozen times.
macro_rules! in_order_of_bits {
    ($name:ident) => {
        impl Ord for $name {
            #[inline(always)]
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.bits().cmp(&other.bits())
            }
        }

        impl $name {
            /// The bytes as one number, for orders.
            #[inline(always)]
            pub(in crate::domain) const fn bits(self) -> u128 {
                // What `Uuid::as_u128` gives, which is a call into another crate each time.
                u128::from_be_bytes(*self.0.as_bytes())
            }
        }

        impl PartialOrd for $name {
            #[inline(always)]
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}

macro_rules! uid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        in_order_of_bits!($name);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_str(UuidText).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                uuid_of(text)
                    .map(Self)
                    .ok_or_else(|| IdError::NotAUuid(text.to_owned()))
            }
        }

        impl $name {
            /// The id of the record that created this thing.
            #[must_use]
            pub const fn record(self) -> RecordId {
                RecordId(self.0)
            }

            /// The thing that the record `id` created.
            #[must_use]
            pub const fn created_by(id: RecordId) -> Self {
                Self(id.0)
            }
        }
    };
}

/// Identity of one record (UUIDv7, RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Default)]
#[serde(transparent)]
pub struct RecordId(pub Uuid);

in_order_of_bits!(RecordId);

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_str(UuidText).map(Self)
    }
}

impl RecordId {
    /// The time in it, by the clock of its writer: the first 48 bits of a UUIDv7 (RFC 9562 §5.7).
    #[must_use]
    pub const fn time(self) -> Timestamp {
        Timestamp((self.0.as_u128() >> 80) as u64)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for RecordId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        uuid_of(text)
            .map(Self)
            .ok_or_else(|| IdError::NotAUuid(text.to_owned()))
    }
}

uid!(
    /// Identity of a task: the id of its `task.added` record.
    TaskUid
);
uid!(
    /// Identity of a session: the id of its `session.claimed` record.
    SessionUid
);
uid!(
    /// Identity of an escalation: the id of its `escalation.opened` record.
    EscalationUid
);
uid!(
    /// Identity of a review: the id of its `review.opened` record.
    ReviewUid
);

/// Letters of provisional handles: Crockford base 32, lower case (no i, l, o, u).
const HANDLE_ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Shortest handle that is shown.
pub const HANDLE_MIN_LEN: usize = 5;

impl TaskUid {
    /// Before every task.
    pub const LEAST: Self = Self(Uuid::nil());

    /// All 12 letters of the provisional handle, from the random tail of the UUIDv7.
    /// `T-~` plus any unambiguous prefix of at least [`HANDLE_MIN_LEN`] letters names the task for ever.
    #[must_use]
    pub fn handle(self) -> String {
        let bits = self.handle_bits();
        (0..12u32)
            .map(|i| char::from(HANDLE_ALPHABET[((bits >> (55 - 5 * i)) & 31) as usize]))
            .collect()
    }

    /// The handle as a number of 60 bits, 5 for a letter, the first letter highest: the low 60 of the
    /// 62 random bits of `rand_b` (RFC 9562 §5.7).
    pub(in crate::domain) const fn handle_bits(self) -> u64 {
        (self.bits() as u64) & ((1 << 60) - 1)
    }

    /// The shortest shown form, `T-~k3f9q`.
    #[must_use]
    pub fn provisional(self) -> String {
        format!("T-~{}", &self.handle()[..HANDLE_MIN_LEN])
    }
}

/// The number of a published task; displayed as `T-7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct TaskNumber(NonZeroU32);

impl TaskNumber {
    /// Largest number that `T-[1-9][0-9]{0,8}` can carry.
    pub const MAX: u32 = 999_999_999;

    /// `None` for 0 and above [`Self::MAX`].
    #[must_use]
    pub fn new(n: u32) -> Option<Self> {
        (n <= Self::MAX)
            .then(|| NonZeroU32::new(n).map(Self))
            .flatten()
    }

    /// The bare integer.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for TaskNumber {
    type Error = IdError;
    fn try_from(n: u32) -> Result<Self, IdError> {
        Self::new(n).ok_or_else(|| IdError::NotATask(format!("T-{n}")))
    }
}

impl From<TaskNumber> for u32 {
    fn from(n: TaskNumber) -> Self {
        n.get()
    }
}

impl TaskNumber {
    /// `T-7`, without what formatting costs: a list has a hundred thousand.
    #[must_use]
    pub fn name(self) -> String {
        let digits = self.0.to_string();
        let mut name = String::with_capacity(2 + digits.len());
        name.push_str("T-");
        name.push_str(&digits);
        name
    }
}

impl fmt::Display for TaskNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl FromStr for TaskNumber {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let bad = || IdError::NotATask(text.to_owned());
        let digits = text.strip_prefix("T-").ok_or_else(bad)?;
        let plain = (1..=9).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if !plain {
            return Err(bad());
        }
        digits.parse().ok().and_then(Self::new).ok_or_else(bad)
    }
}

/// How a person names a task on the command line. Exact on writes: suggest, never guess.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskSelector {
    /// `T-7`
    Number(TaskNumber),
    /// `T-~k3f9q` (letters only, without the prefix)
    Handle(String),
}

impl FromStr for TaskSelector {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Some(handle) = text.strip_prefix("T-~") {
            let handle = handle.to_ascii_lowercase();
            let known = handle.bytes().all(|b| HANDLE_ALPHABET.contains(&b));
            if known && (HANDLE_MIN_LEN..=12).contains(&handle.len()) {
                return Ok(Self::Handle(handle));
            }
            return Err(IdError::NotATask(text.to_owned()));
        }
        text.parse().map(Self::Number)
    }
}

impl fmt::Display for TaskSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Handle(h) => write!(f, "T-~{h}"),
        }
    }
}

/// A git object id, 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Oid(String);

impl Oid {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 10 digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl TryFrom<String> for Oid {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        let hex = matches!(text.len(), 40 | 64)
            && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex {
            Ok(Self(text))
        } else {
            Err(IdError::NotAnOid(text))
        }
    }
}

impl From<Oid> for String {
    fn from(oid: Oid) -> Self {
        oid.0
    }
}

impl FromStr for Oid {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
