//! Who people are and what they may do: the forge is asked, each person once in a tick.
//!
//! What bots and outsiders say runs nothing (R4). An association is not trusted either.

use crate::forge::github::answers::{Permission, User};
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::observe::out_of_budget;
use crate::forge::github::text::encode;
use crate::ports::forge::ForgeError;

/// People whose rights are asked for in one tick.
const ASKED_MAX: usize = 50;

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Viewer {
    /// A person or a bot, by its name.
    Login(String),
    /// An App whose name the forge does not tell: some bot.
    SomeBot,
}

pub(super) fn is_person(user: &User) -> bool {
    user.kind.as_deref().is_none_or(|kind| kind == "User") && !user.login.ends_with("[bot]")
}

/// Whether the forge says that `login` may write to the repository. No answer is a no for now, and
/// a note; it is not remembered.
pub(super) fn may_write(api: &mut Api<'_>, login: &str) -> Result<bool, ForgeError> {
    let key = login.to_ascii_lowercase();
    if let Some(known) = api.session.may_write.get(&key) {
        return Ok(*known);
    }
    let what = format!("cannot tell what {login} may do in {}", api.names.repo);
    if api.session.may_write.len() >= ASKED_MAX {
        api.note(format!(
            "{what}: the rights of {ASKED_MAX} people were asked for in this tick already"
        ));
        return Ok(false);
    }
    if api.reads_left() == 0 {
        out_of_budget(api);
        return Ok(false);
    }
    let route = format!(
        "/repos/{}/collaborators/{}/permission",
        api.names.repo,
        encode(login)
    );
    let answer = api.call(&what, Ask::GetFresh, &route)?;
    let may = if answer.status == 200 {
        let permission: Permission = parse(&what, &answer)?;
        // `push` is the name of `write` where rights are given; an emulation answers with it here too.
        matches!(
            permission.permission.as_str(),
            "admin" | "maintain" | "write" | "push"
        )
    } else {
        api.note(format!(
            "{what} (the forge answered {}), so what they say is not acted on",
            answer.status
        ));
        if answer.status != 404 {
            return Ok(false);
        }
        false
    };
    api.session.may_write.insert(key, may);
    Ok(may)
}

/// Whether the token's owner wrote something, as far as can be told.
pub(super) fn is_ours(api: &mut Api<'_>, author: Option<&User>) -> Result<bool, ForgeError> {
    let Some(author) = author else {
        return Ok(false);
    };
    Ok(match viewer(api)? {
        Viewer::Login(login) => login.eq_ignore_ascii_case(&author.login),
        Viewer::SomeBot => !is_person(author),
    })
}

fn viewer(api: &mut Api<'_>) -> Result<Viewer, ForgeError> {
    if let Some(viewer) = &api.session.viewer {
        return Ok(viewer.clone());
    }
    let what = "cannot tell whose token it is";
    let answer = api.call(what, Ask::Get, "/user")?;
    // Tokens of Apps, and that of a workflow, have no user.
    let viewer = match parse::<User>(what, &answer) {
        Ok(user) if answer.is_success() => Viewer::Login(user.login),
        _ => Viewer::SomeBot,
    };
    api.session.viewer = Some(viewer.clone());
    Ok(viewer)
}
