//! Registers ⇄ bytes of a snapshot: most carry the stamp of the record that made their task, which
//! is written once.

use crate::domain::register::{LwwSet, Reg, Stamp};
use crate::store::snapshot::pack::{Bytes, Pack, pack_len, unpack_len};
use crate::store::texts::Written;

/// A register written by nobody (0), by the record that made the task (1), or by another (2).
pub(super) fn pack_near<T: Pack>(reg: &Reg<T>, base: Stamp, out: &mut Vec<u8>) {
    if !reg.is_written() {
        out.push(0);
        return;
    }
    let near = reg.at == base;
    out.push(if near { 1 } else { 2 });
    if !near {
        reg.at.pack(out);
    }
    reg.value.pack(out);
}

#[inline(always)]
pub(super) fn unpack_near<T: Pack + Default>(bytes: &mut Bytes<'_>, base: Stamp) -> Option<Reg<T>> {
    let at = match u8::unpack(bytes)? {
        0 => return Some(Reg::default()),
        1 => base,
        2 => Pack::unpack(bytes)?,
        _ => return None,
    };
    let value = Pack::unpack(bytes)?;
    Some(Reg { value, at })
}

/// The same for a register whose task is not at hand.
pub(super) fn pack_written<T: Pack>(reg: &Written<T>, out: &mut Vec<u8>) {
    match reg {
        None => out.push(0),
        Some((value, None)) => {
            out.push(1);
            value.pack(out);
        }
        Some((value, Some(at))) => {
            out.push(2);
            at.pack(out);
            value.pack(out);
        }
    }
}

pub(super) fn unpack_written<T: Pack>(bytes: &mut Bytes<'_>) -> Option<Written<T>> {
    let at = match u8::unpack(bytes)? {
        0 => return Some(None),
        1 => None,
        2 => Some(Pack::unpack(bytes)?),
        _ => return None,
    };
    Some(Some((Pack::unpack(bytes)?, at)))
}

pub(super) fn pack_set(set: &LwwSet, base: Stamp, out: &mut Vec<u8>) {
    pack_len(set.registers().count(), out);
    for (element, reg) in set.registers() {
        pack_len(element.len(), out);
        out.extend_from_slice(element.as_bytes());
        pack_near(reg, base, out);
    }
}

pub(super) fn unpack_set(bytes: &mut Bytes<'_>, base: Stamp) -> Option<LwwSet> {
    let length = unpack_len(bytes)?;
    if length == 0 {
        return Some(LwwSet::empty());
    }
    // No more room than there can be elements for: a length may be damaged.
    let mut list = Vec::with_capacity(length.min(bytes.0.len() / 5));
    for _ in 0..length {
        list.push((String::unpack(bytes)?, unpack_near(bytes, base)?));
    }
    LwwSet::of_sorted(list)
}
