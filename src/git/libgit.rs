//! Process-wide options of libgit2. The only module with unsafe code.

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
        raw::init();
        // Reading would hash every object again, which costs more than unpacking it. Git itself
        // does not; zlib's checksum, `git fsck` and the codec's own checks remain.
        git2::opts::strict_hash_verification(false);
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
