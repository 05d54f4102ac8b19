//! `write`: a whole new file, or one whose content the model knows.

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Desk, parsed};

#[derive(Deserialize)]
struct Input {
    path: String,
    content: String,
}

/// Writes a file.
pub(super) fn write(desk: &mut Desk<'_>, input: &Value) -> Result<Answer, String> {
    let input: Input = parsed("write", input)?;
    let relative = desk.files.relative(&input.path)?;
    let existed = desk.files.open_read(&relative).is_ok();
    if existed && !desk.known.contains(&relative) {
        return Err(format!(
            "`{}` exists and you have not read it: read it first, and prefer `edit` for changing a \
             part of it",
            relative.display()
        ));
    }
    desk.files.replace(&relative, input.content.as_bytes())?;
    let what = if existed { "replaced" } else { "made" };
    let lines = input.content.lines().count();
    let said = format!("{what} {} ({lines} lines)", relative.display());
    desk.known.insert(relative);
    Ok(Answer::new(said, ""))
}
