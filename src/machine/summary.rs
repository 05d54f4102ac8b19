//! The step summary of a CI job: a Markdown file that is appended to.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Largest summary that is written; GitHub drops all of one above 1 MiB (security.md §1.10).
const MAX_BYTES: usize = 900 << 10;

/// Appends Markdown, cut to the size that the host keeps.
///
/// # Errors
/// The file cannot be written; says which and why.
pub fn append(file: &Path, text: &str) -> Result<(), String> {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = if end < text.len() {
        "\n\n(cut here: the whole report is in the log)\n"
    } else {
        "\n"
    };
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .and_then(|mut f| f.write_all([&text[..end], cut].concat().as_bytes()))
        .map_err(|cause| {
            format!(
                "failed to write the step summary {}: {cause}",
                file.display()
            )
        })
}
