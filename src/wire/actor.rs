//! Who acts.

use crate::config::Env;
use crate::wire::site::ProjectSite;

/// Who acts: `FLEET_ACTOR` as it is, else the human whom git would sign with.
pub(in crate::wire) fn actor(env: &Env, site: &ProjectSite) -> String {
    if let Some(actor) = env.get("FLEET_ACTOR") {
        return match actor.split_once(':') {
            Some(("human" | "agent", name)) if !name.is_empty() => actor.to_owned(),
            _ => format!("human:{actor}"),
        };
    }
    let name = env
        .get("GIT_AUTHOR_NAME")
        .map(str::to_owned)
        .or_else(|| site.user_name())
        .or_else(|| env.get("USER").map(str::to_owned));
    format!("human:{}", name.as_deref().unwrap_or("unknown"))
}
