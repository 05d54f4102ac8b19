//! Values ⇄ bytes of a snapshot. Reading gives `None` where the bytes do not fit; it never panics.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use crate::domain::dep::DepKind;
use crate::domain::ids::{RecordId, TaskNumber, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::CloseOutcome;
use crate::domain::register::{Reg, Stamp};
use crate::domain::state::DepKey;
use crate::domain::task::{Acceptance, Comment, Complexity, Deliverable, Status};
use crate::domain::time::{Hlc, Timestamp};
use crate::domain::tracking::Gate;

/// What is left to read.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline(always)]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

/// A value of a snapshot.
pub(super) trait Pack: Sized {
    fn pack(&self, out: &mut Vec<u8>);
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self>;
}

impl Pack for u8 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    #[inline(always)]
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        bytes.array::<1>().map(|[byte]| byte)
    }
}

impl Pack for bool {
    fn pack(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    #[inline(always)]
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        match u8::unpack(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Pack for u32 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline(always)]
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        bytes.array().map(Self::from_le_bytes)
    }
}

impl Pack for u64 {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    #[inline(always)]
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        bytes.array().map(Self::from_le_bytes)
    }
}

/// Lengths fit: a list or text of a state is far below 4 GiB, as lines are at most 256 KiB.
pub(super) fn pack_len(length: usize, out: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).pack(out);
}

#[inline(always)]
pub(super) fn unpack_len(bytes: &mut Bytes<'_>) -> Option<usize> {
    usize::try_from(u32::unpack(bytes)?).ok()
}

impl Pack for String {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_len(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        let length = unpack_len(bytes)?;
        let text = std::str::from_utf8(bytes.take(length)?).ok()?;
        Some(text.to_owned())
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.is_some().pack(out);
        if let Some(value) = self {
            value.pack(out);
        }
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        Some(match bool::unpack(bytes)? {
            true => Some(T::unpack(bytes)?),
            false => None,
        })
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_len(self.len(), out);
        for value in self {
            value.pack(out);
        }
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        let length = unpack_len(bytes)?;
        (0..length).map(|_| T::unpack(bytes)).collect()
    }
}

impl<K: Pack + Ord, V: Pack> Pack for BTreeMap<K, V> {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_len(self.len(), out);
        for (key, value) in self {
            key.pack(out);
            value.pack(out);
        }
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        let length = unpack_len(bytes)?;
        (0..length)
            .map(|_| Some((K::unpack(bytes)?, V::unpack(bytes)?)))
            .collect()
    }
}

impl<T: Pack + Ord> Pack for BTreeSet<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        pack_len(self.len(), out);
        for element in self {
            element.pack(out);
        }
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        let length = unpack_len(bytes)?;
        (0..length).map(|_| T::unpack(bytes)).collect()
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
        self.1.pack(out);
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        Some((A::unpack(bytes)?, B::unpack(bytes)?))
    }
}

impl Pack for Uuid {
    fn pack(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }

    #[inline(always)]
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        bytes.array().map(Self::from_bytes)
    }
}

/// Types that are one field around another.
macro_rules! wrapped {
    ($($name:ident($inner:ty)),+ $(,)?) => { $(
        impl Pack for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                self.0.pack(out);
            }

            #[inline(always)]
            fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
                <$inner>::unpack(bytes).map(Self)
            }
        }
    )+ };
}

wrapped!(RecordId(Uuid), TaskUid(Uuid), Hlc(u64), Timestamp(u64));

/// Structs, field by field.
macro_rules! fields {
    ($($name:ident { $($field:ident),+ $(,)? })+) => { $(
        impl Pack for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                let Self { $($field),+ } = self;
                $( $field.pack(out); )+
            }

            #[inline(always)]
            fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
                Some(Self { $( $field: Pack::unpack(bytes)? ),+ })
            }
        }
    )+ };
}

fields! {
    Stamp { ts, id }
    DepKey { from, to, kind }
    Acceptance { text, done }
    Comment { at, by, text, edited }
}

/// Enums without payload, by position in a list of all.
macro_rules! choices {
    ($($name:ident [ $($variant:ident),+ $(,)? ])+) => { $(
        impl Pack for $name {
            fn pack(&self, out: &mut Vec<u8>) {
                let all = [$(Self::$variant),+];
                // The match below fails to compile when a variant is missing in the list.
                match self { $( Self::$variant => {} )+ }
                let at = all.iter().position(|one| one == self).unwrap_or(0);
                out.push(u8::try_from(at).unwrap_or(u8::MAX));
            }

            fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
                let all = [$(Self::$variant),+];
                all.get(usize::from(u8::unpack(bytes)?)).copied()
            }
        }
    )+ };
}

choices! {
    DepKind [Blocks, ParentChild, DiscoveredFrom, Related, WaitsFor, Duplicates, Supersedes,
        OnFailure, OnClose]
    Complexity [Low, Medium, High]
    Deliverable [Pr, Report, Plan]
    CloseOutcome [Done, Wontdo, Duplicate, Failed]
}

impl Pack for TaskNumber {
    fn pack(&self, out: &mut Vec<u8>) {
        self.get().pack(out);
    }

    #[inline(always)]
    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        Self::new(u32::unpack(bytes)?)
    }
}

impl Pack for MicroUsd {
    fn pack(&self, out: &mut Vec<u8>) {
        self.0.pack(out);
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        u64::unpack(bytes).map(Self)
    }
}

impl Pack for Status {
    fn pack(&self, out: &mut Vec<u8>) {
        match self {
            Self::Open => None,
            Self::Closed { outcome, reason } => Some((*outcome, reason.clone())),
        }
        .pack(out);
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        let closed: Option<(CloseOutcome, String)> = Pack::unpack(bytes)?;
        Some(closed.map_or(Self::Open, |(outcome, reason)| Self::Closed {
            outcome,
            reason,
        }))
    }
}

/// Rare enough for the form that other readers have of it.
impl Pack for Gate {
    fn pack(&self, out: &mut Vec<u8>) {
        // What was read from a line can be written as one.
        serde_json::to_string(self).unwrap_or_default().pack(out);
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        serde_json::from_str(&String::unpack(bytes)?).ok()
    }
}

impl Pack for Value {
    fn pack(&self, out: &mut Vec<u8>) {
        // Each imported task has a text here, in which every quote would be escaped.
        let text = self.as_str();
        text.is_some().pack(out);
        match text {
            Some(text) => text.to_owned().pack(out),
            None => self.to_string().pack(out),
        }
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        if bool::unpack(bytes)? {
            return String::unpack(bytes).map(Self::String);
        }
        serde_json::from_str(&String::unpack(bytes)?).ok()
    }
}

impl<T: Pack> Pack for Reg<T> {
    fn pack(&self, out: &mut Vec<u8>) {
        self.at.pack(out);
        self.value.pack(out);
    }

    fn unpack(bytes: &mut Bytes<'_>) -> Option<Self> {
        let at = Pack::unpack(bytes)?;
        let value = Pack::unpack(bytes)?;
        Some(Self { value, at })
    }
}
