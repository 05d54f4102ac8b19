//! The place, the configuration and the agents.

use super::Sheet;
use crate::domain::policy::Policy;
use crate::ports::site::{Site, is_too_old};

pub(super) fn look_at_site(site: &dyn Site, sheet: &mut Sheet) {
    match site.git_version() {
        Ok(version) if is_too_old(&version) => {
            let what = format!("git {version} lacks options that fleet needs");
            let next = "install git 2.38 or later, or name it in FLEET_GIT";
            sheet.find(("error", "git_too_old"), "git", what, next);
        }
        Ok(version) => sheet.fact("git", version),
        Err(cause) => {
            let next =
                "install git 2.38 or later, and see that it is on PATH, or name it in FLEET_GIT";
            sheet.find(("error", "git_missing"), "git", cause, next);
        }
    }
    let facts = match site.facts() {
        Ok(facts) => facts,
        Err(cause) => {
            let next = "`git fsck` says whether the repository is sound";
            sheet.find(("error", "state_repository"), "", cause, next);
            return;
        }
    };
    let kind = if facts.bare { "bare" } else { "work tree" };
    sheet.fact("repository", format!("{} ({kind})", facts.top));
    let remotes = facts.remotes.join(", ");
    let none = "none: the local branch decides".to_owned();
    sheet.fact("remotes", if remotes.is_empty() { none } else { remotes });
    match &facts.branch {
        Some(branch) if facts.unborn => {
            let what =
                format!("branch {branch} has no commit, so agents have nothing to start from");
            let next = "make a first commit: `git commit --allow-empty -m start`";
            sheet.find(("warning", "unborn_branch"), branch.clone(), what, next);
        }
        Some(branch) => sheet.fact("branch", branch),
        None => sheet.find(
            ("note", "detached_head"),
            "HEAD",
            "no branch is checked out; fleet does not mind",
            "nothing to do",
        ),
    }
    if facts.shallow {
        let what = "the history is cut off; whether old work is merged may not be known";
        let next = "`git fetch --unshallow`";
        sheet.find(("warning", "shallow"), "", what, next);
    }
}

pub(super) fn look_at_config(site: &dyn Site, sheet: &mut Sheet) -> Option<Policy> {
    match site.configured() {
        Ok(configured) => {
            let file = configured.file.as_deref().unwrap_or("none: defaults hold");
            sheet.fact("config", file);
            for warning in configured.warnings {
                let next = "`fleet config check`";
                sheet.find(("note", "config_remark"), file, warning, next);
            }
            Some(configured.policy)
        }
        Err(troubles) => {
            for trouble in troubles {
                let next = if trouble.hint.is_empty() {
                    "edit the file, then run `fleet config check`".to_owned()
                } else {
                    trouble.hint
                };
                sheet.find(("error", "config"), trouble.place, trouble.what, next);
            }
            None
        }
    }
}

pub(super) fn look_at_agents(site: &dyn Site, policy: &Policy, sheet: &mut Sheet) {
    for (agent, spec) in &policy.agents {
        match site.available(spec) {
            Ok(()) => sheet.fact(&format!("agent {agent}"), "can start here"),
            Err(cause) => {
                let next = "install it, or take it out of .orchestra/config.toml";
                sheet.find(("warning", "agent_unavailable"), agent.clone(), cause, next);
            }
        }
    }
}
