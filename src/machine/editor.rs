//! The editor of the user's choice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest text that is read back, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Writes `text` to `dir/name.md`, runs the editor on it, and reads it back. `editor` is a program
/// with arguments between blanks, as in `code --wait`; no shell is asked.
///
/// # Errors
/// The file cannot be written or read, the editor does not run, or says that it failed; a sentence.
pub fn edit(dir: &Path, name: &str, text: &str, editor: &str) -> Result<(String, PathBuf), String> {
    let mut words = editor.split_whitespace();
    let program = words.next().ok_or("no editor is named")?;
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let file = dir.join(format!("{plain}.md"));
    let shown = file.display();
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&file, text))
        .map_err(|error| format!("failed to write {shown}: {error}"))?;
    let status = Command::new(program)
        .args(words)
        .arg(&file)
        .status()
        .map_err(|error| format!("failed to run the editor {program}: {error}"))?;
    if !status.success() {
        return Err(format!(
            "the editor {program} failed ({status}); your text, if there is one, is in {shown}"
        ));
    }
    let length = fs::metadata(&file).map(|meta| meta.len()).unwrap_or(0);
    if length > MAX_BYTES {
        return Err(format!(
            "{shown} has {length} bytes, the limit is {MAX_BYTES}"
        ));
    }
    let text = fs::read(&file).map_err(|error| format!("failed to read {shown}: {error}"))?;
    let text = String::from_utf8(text).map_err(|_| format!("{shown} is not UTF-8"))?;
    Ok((text, file))
}

/// Deletes the file of an edited text; one that stays does no harm.
pub fn forget(file: &Path) {
    drop(fs::remove_file(file));
}
