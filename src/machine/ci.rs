//! What a CI job is told: a step summary in Markdown, and values for later steps and jobs.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Largest summary of one step that is written; GitHub drops all of one above 1 MiB (security.md §1.10).
const MAX_BYTES: usize = 900 << 10;
/// What a cut summary ends with.
const CUT: &str = "\n\n(cut here: the whole report is in the log)\n";

/// Appends Markdown, cut so that the file stays below the size that the host keeps.
///
/// # Errors
/// The file cannot be written; says which and why.
pub fn append_summary(file: &Path, text: &str) -> Result<(), String> {
    let there = fs::metadata(file).map_or(0, |about| about.len());
    let room = MAX_BYTES.saturating_sub(usize::try_from(there).unwrap_or(usize::MAX));
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let tail = if end < text.len() { CUT } else { "\n" };
    append(file, &[&text[..end], tail].concat()).map_err(|cause| {
        format!(
            "failed to write the step summary {}: {cause}",
            file.display()
        )
    })
}

/// Appends outputs of a step. A value is one line.
///
/// # Errors
/// A value has several lines, which could say more than it means; or the file cannot be written.
pub fn append_outputs(file: &Path, outputs: &[(&str, String)]) -> Result<(), String> {
    let mut text = String::new();
    for (name, value) in outputs {
        if value.contains(['\n', '\r']) {
            return Err(format!(
                "failed to write the job output {name}: it is more than a line"
            ));
        }
        text.extend([name, "=", value, "\n"]);
    }
    append(file, &text).map_err(|cause| {
        format!(
            "failed to write the job outputs {}: {cause}",
            file.display()
        )
    })
}

fn append(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{append_outputs, append_summary};

    #[test]
    fn a_summary_stays_below_the_limit_of_the_host_however_often_it_is_appended_to() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("summary");
        let line = "é".repeat(100_000);
        for _ in 0..10 {
            append_summary(&file, &line).unwrap();
        }
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.len() < 1 << 20, "{}", text.len());
        assert!(text.ends_with("(cut here: the whole report is in the log)\n"));
        let small = temp.path().join("small");
        append_summary(&small, "one").unwrap();
        append_summary(&small, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&small).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn an_output_is_one_line_and_what_was_there_stays() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("output");
        std::fs::write(&file, "first=1\n").unwrap();
        append_outputs(&file, &[("claimed", "2".to_owned())]).unwrap();
        assert!(append_outputs(&file, &[("x", "a\ntoken=b".to_owned())]).is_err());
        assert_eq!(
            std::fs::read_to_string(&file).unwrap(),
            "first=1\nclaimed=2\n"
        );
    }
}
