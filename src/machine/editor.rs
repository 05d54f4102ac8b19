//! The editor of the user's choice.
//!
//! A text lies in a file of its name while it is edited, and stays there if it could not be used;
//! what it was when it was opened lies beside it. No file is ever written over.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGQUIT};

/// Longest text that is read back, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// What the file is called that has a text as it was opened, after the name of the edited one.
const OPENED: &str = ".opened";

/// Writes `text` to `dir/name.md`, runs the editor on it, and reads it back. `editor` is a program
/// with arguments between blanks, as in `code --wait`; no shell is asked.
///
/// # Errors
/// A text of that name is being edited or was kept, the file cannot be written or read, the editor
/// does not run, or says that it failed; a sentence.
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
    let told = |error: std::io::Error| format!("failed to write {shown}: {error}");
    fs::create_dir_all(dir).map_err(told)?;
    match put_new(&file, text) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(format!(
                "{shown} is there already: somebody edits it now, or it was kept when it could not \
                 be recorded; `fleet edit {name} --file {shown}` takes it up"
            ));
        }
        put => put,
    }
    // What was left beside a file that somebody deleted is of no use.
    .and_then(|()| fs::write(beside(&file), text))
    // Half a text must not stand in the way of the next edit.
    .inspect_err(|_| forget(&file))
    .map_err(told)?;
    let status = run(Command::new(program).args(words).arg(&file))
        .inspect_err(|_| forget(&file))
        .map_err(|error| format!("failed to run the editor {program}: {error}"))?;
    if !status.success() {
        if fs::read(&file).is_ok_and(|left| left == text.as_bytes()) {
            forget(&file);
            return Err(format!(
                "the editor {program} failed ({status}), and nothing was changed"
            ));
        }
        return Err(format!(
            "the editor {program} failed ({status}); your text is in {shown}, and \
             `fleet edit {name} --file {shown}` takes it up"
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

/// Runs the editor to its end. Ctrl-C and Ctrl-\\ in it are the editor's alone, as `vi` lives on
/// after them: we do not go down under it. The program that is run gets the usual ways back.
fn run(command: &mut Command) -> std::io::Result<ExitStatus> {
    let over = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGQUIT] {
        // Once the editor has ended, they end this program as before.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&over))?;
    }
    let status = command.status();
    over.store(true, Ordering::SeqCst);
    status
}

fn put_new(file: &Path, text: &str) -> std::io::Result<()> {
    let mut new = fs::File::create_new(file)?;
    new.write_all(text.as_bytes())
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(OPENED);
    PathBuf::from(name)
}

/// What an edited text was when it was opened, if `file` is one of those that [`edit`] made.
#[must_use]
pub fn opened(file: &Path) -> Option<String> {
    let file = beside(file);
    let length = fs::metadata(&file).ok()?.len();
    (length <= MAX_BYTES)
        .then(|| fs::read_to_string(&file).ok())
        .flatten()
}

/// Deletes the file of an edited text; one that stays does no harm.
pub fn forget(file: &Path) {
    drop(fs::remove_file(file));
    drop(fs::remove_file(beside(file)));
}
