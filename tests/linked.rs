//! How the program is linked: nothing that a stray write could use to take it over can be written.

#![cfg(target_os = "linux")]

const PROGRAM: &str = env!("CARGO_BIN_EXE_fleet");

const DYNAMIC: u64 = 2;
const RELRO: u64 = 0x6474_e552;
const STACK: u64 = 0x6474_e551;
/// Type of an ELF file whose place in memory is chosen anew each time.
const MOVABLE: u64 = 3;
const FLAGS: u64 = 30;
const BIND_NOW: u64 = 8;

/// Little-endian numbers of an ELF file of 64 bits (`elf(5)`).
struct Elf(Vec<u8>);

impl Elf {
    fn number(&self, at: u64, bytes: usize) -> u64 {
        let at = usize::try_from(at).unwrap();
        let digits = self.0[at..at + bytes].iter().rev();
        digits.fold(0, |sum, digit| sum << 8 | u64::from(*digit))
    }

    /// Offset, length and flags of the first segment of a kind.
    fn segment(&self, kind: u64) -> Option<(u64, u64, u64)> {
        let (first, each, count) = (self.number(32, 8), self.number(54, 2), self.number(56, 2));
        let headers = (0..count).map(|n| first + n * each);
        let mut found = headers.filter(|at| self.number(*at, 4) == kind);
        found.next().map(|at| {
            let of = |from: u64, bytes| self.number(at + from, bytes);
            (of(8, 8), of(32, 8), of(4, 4))
        })
    }

    fn dynamic(&self, tag: u64) -> Option<u64> {
        let (from, length, _) = self.segment(DYNAMIC)?;
        let mut entries = (from..from + length).step_by(16);
        let at = entries.find(|at| self.number(*at, 8) == tag)?;
        Some(self.number(at + 8, 8))
    }
}

#[test]
fn tables_of_addresses_are_read_only_the_stack_is_no_code_and_the_place_is_chosen_anew() {
    let elf = Elf(std::fs::read(PROGRAM).unwrap());
    assert_eq!(&elf.0[..5], b"\x7fELF\x02");
    assert_eq!(elf.number(16, 2), MOVABLE);
    // What the loader fills in is filled in before the program starts, and then read-only.
    let flags = elf.dynamic(FLAGS).unwrap_or(0);
    assert_eq!(flags & BIND_NOW, BIND_NOW, "flags {flags:#x}");
    assert!(elf.segment(RELRO).is_some());
    let (_, _, rights) = elf.segment(STACK).unwrap();
    assert_eq!(rights & 1, 0, "rights {rights:#b}");
}
