//! What Landlock leaves open: sockets that are not TCP. A seccomp(2) filter refuses to open them.
//!
//! Pairs of connected sockets (`socketpair`) stay: programs talk to their children through them.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

/// Bit of the numbers of the x32 interface, through which the same calls are reached on x86-64.
const X32: i64 = 0x4000_0000;

/// Refuses new sockets: those of Unix unless `unix`, all others unless `network`.
///
/// # Errors
/// The kernel or this processor knows no such filter.
pub(crate) fn refuse(network: bool, unix: bool) -> Result<(), String> {
    if network && unix {
        return Ok(());
    }
    let program = program(network, unix).map_err(|e| format!("no seccomp filter: {e}"))?;
    apply_filter(&program).map_err(|e| format!("the seccomp filter is refused: {e}"))
}

fn program(network: bool, unix: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let family = |op| {
        let unix = u64::from(libc::AF_UNIX.unsigned_abs());
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, op, unix)?;
        SeccompRule::new(vec![condition]).map(|rule| vec![rule])
    };
    // No condition at all: always.
    let sockets = match (network, unix) {
        (false, false) => Vec::new(),
        (false, true) => family(SeccompCmpOp::Ne)?,
        (true, _) => family(SeccompCmpOp::Eq)?,
    };
    let mut rules = BTreeMap::new();
    for bit in [0, X32] {
        rules.insert(libc::SYS_socket | bit, sockets.clone());
        // It opens sockets without that call. Programs do without it where it is refused.
        rules.insert(libc::SYS_io_uring_setup | bit, Vec::new());
    }
    let refused = SeccompAction::Errno(libc::EACCES.unsigned_abs());
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        refused,
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wish_makes_a_filter() {
        for (network, unix) in [(false, false), (false, true), (true, false)] {
            assert!(!program(network, unix).unwrap().is_empty());
        }
    }
}
