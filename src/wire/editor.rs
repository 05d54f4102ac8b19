//! The user's editor, on a text in fleet's own folder.

use crate::cli::host::Edited;
use crate::config::Env;
use crate::machine::editor;
use crate::wire::ProjectPlace;

/// Lets the user edit a text; see `cli::host::Host::edit`.
pub(super) fn edit(
    place: &ProjectPlace,
    env: &Env,
    name: &str,
    text: &str,
) -> Result<Edited, String> {
    let named = |name: &str| env.get(name).filter(|value| !value.trim().is_empty());
    let program = named("VISUAL").or_else(|| named("EDITOR")).unwrap_or("vi");
    let folder = place.site.place().owned_dir().join("edit");
    let (text, path) = editor::edit(&folder, name, text, program)?;
    Ok(Edited {
        text,
        path: path.display().to_string(),
    })
}
