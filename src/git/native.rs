//! Process-wide options of libgit2, and what is asked of the system's allocator. The only module with
//! unsafe code.

use std::sync::OnceLock;

use libgit2_sys as raw;

/// Makes libgit2 durable (objects, refs and their folders are fsynced before they count) and lets
/// it open repositories with extensions that do not change how objects and refs are stored. Done
/// once per process, before the first repository is opened.
///
/// # Errors
/// Why libgit2 refused.
#[expect(
    unsafe_code,
    reason = "git2 has no safe call for these options; both are plain writes to globals of libgit2"
)]
pub(super) fn prepare() -> Result<(), git2::Error> {
    static DONE: OnceLock<Result<(), (git2::ErrorCode, String)>> = OnceLock::new();
    let done = DONE.get_or_init(|| {
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        {
            glibc::keep_what_was_touched();
            // What a small state and its answer take: one huge page in place of three hundred.
            glibc::expect_memory(glibc::HUGE_PAGE);
        }
        raw::init();
        // SAFETY: libgit2 is initialised; the option takes one int and stores it. `OnceLock` makes
        // this the only writer, and all repositories of this room are opened after it.
        let code = unsafe {
            raw::git_libgit2_opts(
                raw::GIT_OPT_ENABLE_FSYNC_GITDIR as std::ffi::c_int,
                1 as std::ffi::c_int,
            )
        };
        if code < 0 {
            return Err((
                git2::ErrorCode::GenericError,
                "libgit2 cannot fsync what it writes".to_owned(),
            ));
        }
        // As git itself: an object's own checksum (zlib's) is looked at when it is read, its name is
        // not hashed again; that took a fifth of the time of reading a large state. Rows of the
        // checkpoint carry fingerprints besides, and `git fsck` looks at everything.
        git2::opts::strict_hash_verification(false);
        // SAFETY: as above: initialised, and written once before any repository is opened.
        unsafe { git2::opts::set_extensions(&["partialclone", "relativeworktrees"]) }
            .map_err(|error| (error.code(), error.message().to_owned()))
    });
    done.clone()
        .map_err(|(code, why)| git2::Error::new(code, git2::ErrorClass::Config, why))
}

/// Prepares the calling thread for taking in about `bytes` bytes of values: its heap grows in one
/// step, and the system is asked to back it with huge pages. Touching memory for the first time is
/// half of what reading a large state costs (10,000 tasks: 34 ms, 20 ms with this). A hint: where it
/// is not understood, nothing happens.
pub(super) fn expect_memory(bytes: usize) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    glibc::expect_memory(bytes.min(glibc::MOST));
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    let _ = bytes;
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc {
    use std::cell::Cell;
    use std::ffi::c_int;
    use std::hint::black_box;
    use std::ptr::without_provenance_mut;

    /// A heap of a thread that is not the first lies in one such piece, aligned to its size
    /// (`HEAP_MAX_SIZE` in glibc's malloc/arena.c on 64 bits).
    const PIECE: usize = 64 << 20;
    /// No more than this is asked for.
    pub(super) const MOST: usize = 48 << 20;
    pub(super) const HUGE_PAGE: usize = 2 << 20;
    /// Room that is taken until the heap has grown for it, and how often at most.
    const PROBE: usize = 1 << 20;
    const PROBES: usize = 64;

    /// The first heap ends where the program's data ends, and is no larger than this.
    const NEAR: usize = 1 << 30;
    /// What the allocator keeps in front of a piece.
    const CHUNK: usize = 16;

    thread_local! {
        /// Room in front of the first huge page.
        static UNUSED: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }

    /// Asks the allocator not to give back what the next buffer takes again: a page that is touched for
    /// the first time costs more than a page of text to read.
    #[expect(
        unsafe_code,
        reason = "there is no safe call for the allocator's options"
    )]
    pub(super) fn keep_what_was_touched() {
        // SAFETY: as in `expect_memory`.
        unsafe {
            libc::mallopt(libc::M_TOP_PAD, 1 << 20);
            libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
            libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 20);
        }
    }

    #[expect(
        unsafe_code,
        reason = "there is no safe call for the allocator's options and for advice on its memory"
    )]
    pub(super) fn expect_memory(bytes: usize) {
        let Ok(pad) = c_int::try_from(bytes) else {
            return;
        };
        // Room besides for the probe and for what lies in front of a huge page.
        let pad = pad.saturating_add(4 << 20);
        // SAFETY: mallopt takes two numbers and changes how memory is taken from the system from
        // now on, under the allocator's own lock.
        unsafe {
            libc::mallopt(libc::M_TOP_PAD, pad);
            libc::mallopt(
                libc::M_TRIM_THRESHOLD,
                pad.saturating_mul(2).saturating_add(4 << 20),
            );
            // Files of a state are read into the heap, not into mappings that come and go.
            libc::mallopt(libc::M_MMAP_THRESHOLD, 8 << 20);
        }
        // What was kept unused for the last time is free again.
        UNUSED.take();
        // SAFETY: sbrk(0) moves nothing.
        let end = || unsafe { libc::sbrk(0) }.addr();
        let before = end();
        // The heap grows now, by the new step.
        let mut probes: Vec<Vec<u8>> = Vec::with_capacity(PROBES);
        let (probe, first_heap) = loop {
            probes.push(Vec::with_capacity(PROBE));
            let probe = black_box(&probes)[probes.len() - 1].as_ptr().addr();
            let first_heap = (before.saturating_sub(NEAR)..end()).contains(&probe);
            if !first_heap || end() != before || probes.len() == PROBES {
                break (probe, first_heap);
            }
        };
        let to = if first_heap {
            end()
        } else {
            (probe & !(PIECE - 1)) + PIECE
        };
        // Where one small page was touched, the huge one is lost: the allocator has written behind
        // the probe.
        let from = (probe + PROBE + CHUNK).next_multiple_of(HUGE_PAGE);
        // No more than is needed: the whole of each is taken with its first byte.
        let to = to.min(from + bytes.next_multiple_of(HUGE_PAGE));
        if from < to {
            // SAFETY: this advice changes no byte of memory and no right to it, whatever lies there;
            // where nothing does, the call fails.
            unsafe { libc::madvise(without_provenance_mut(from), to - from, libc::MADV_HUGEPAGE) };
        }
        // What lies in front consists of small pages, each of which would be touched for the first
        // time: values begin behind it.
        let start = probes[0].as_ptr().addr();
        drop(probes);
        let gap = from.saturating_sub(start);
        UNUSED.set(Vec::with_capacity(gap.saturating_sub(CHUNK)));
    }
}
