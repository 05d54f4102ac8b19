//! The forge, and whose rights are used there.

use crate::config::reader::Section;
use crate::config::sections::{FORGES, checked, checked_repo, checked_url};
use crate::domain::policy::{ForgeApp, ForgePolicy};

/// The `[forge]` table.
pub(super) fn policy(forge: &Section<'_, '_>) -> ForgePolicy {
    ForgePolicy {
        kind: forge.choice("kind", FORGES).unwrap_or_default(),
        base_url: checked(forge, "base_url", checked_url).unwrap_or_default(),
        repo: checked(forge, "repo", checked_repo),
        token_env: forge
            .text("token_env")
            .unwrap_or_else(|| "GITHUB_TOKEN".to_owned()),
        draft: forge.flag("draft").unwrap_or(true),
        labels: forge
            .texts("labels")
            .unwrap_or_else(|| vec!["fleet".to_owned()]),
        reviewers: reviewers(forge),
        app: forge_app(forge),
        max_calls: forge.number("max_calls", 1..100_001).unwrap_or(100),
    }
}

/// People and `org/team`s, by names that the forge could have given.
fn reviewers(forge: &Section<'_, '_>) -> Vec<String> {
    let names = forge.texts("reviewers").unwrap_or_default();
    let plain = |part: &str| {
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && part.chars().all(safe)
    };
    for name in &names {
        let fine = match name.split_once('/') {
            Some((org, team)) => plain(org) && plain(team),
            None => plain(name),
        };
        if !fine {
            let what = format!(
                "`{}` is no name of a person, nor `org/team`; write it without `@`",
                name.escape_debug()
            );
            forge.bad("reviewers", &what);
        }
    }
    names
}

fn forge_app(forge: &Section<'_, '_>) -> Option<ForgeApp> {
    let plain = |id: &str| {
        let safe = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        let id = id.to_owned();
        (safe && !id.is_empty()).then_some(id).ok_or_else(|| {
            "it is the App's id, such as \"123456\", or its client id, such as \"Iv23abc\""
                .to_owned()
        })
    };
    let absolute = |path: &str| {
        let path = path.to_owned();
        let is = std::path::Path::new(&path).is_absolute();
        is.then_some(path)
            .ok_or_else(|| "it is an absolute path, to a file outside the repository".to_owned())
    };
    let digits = |text: &str| match text.parse::<u64>() {
        Ok(number) => Ok(number.to_string()),
        Err(_) => Err("it is a number in quotes, such as \"12345678\"".to_owned()),
    };
    let id = checked(forge, "app_id", plain);
    let key_env = forge.text("app_key_env");
    let key_file = checked(forge, "app_key_file", absolute);
    let installation_id = checked(forge, "installation_id", digits);
    let installation_id = installation_id.and_then(|digits| digits.parse().ok());
    let Some(id) = id else {
        for name in ["app_key_env", "app_key_file", "installation_id"] {
            if forge.get(name).is_some() && forge.get("app_id").is_none() {
                forge.bad(name, "it is of no use without `app_id`");
            }
        }
        return None;
    };
    if key_env.is_none() && key_file.is_none() {
        forge.bad(
            "app_id",
            "the App's private key is needed too: `app_key_env` or `app_key_file`",
        );
    }
    Some(ForgeApp {
        id,
        key_env,
        key_file,
        installation_id,
    })
}
