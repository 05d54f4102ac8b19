//! Whether a repository's settings let fleet work, and what to click where they do not. Reads only.
//!
//! Ten calls at most. Most settings are shown to administrators only: what the token may not see is
//! a note that says where to look.

mod answers;
mod rules;
mod schedule;

use serde::de::DeserializeOwned;

use crate::domain::time::{DurationMs, Timestamp};
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::setup::answers::{Actions, Labelled, Repository, WorkflowRights};
use crate::ports::forge::ForgeError;
use crate::ports::forge_setup::{SetupFinding, SetupLevel, SetupQuestion, SetupReport, SetupWish};

/// Where Actions are allowed, and what they may do.
const ACTIONS_PAGE: &str = "Settings > Actions > General";
/// The switch without which a workflow opens no pull requests.
const SWITCH: &str = "Allow GitHub Actions to create and approve pull requests";
/// GitHub switches schedules of public repositories off after this time without a commit.
const ASLEEP: DurationMs = DurationMs::secs(60 * 86_400);

/// What came of looking at something that may be hidden.
pub(super) enum Seen<T> {
    /// This is it.
    Yes(T),
    /// There is none, or the token may not know of it.
    Missing,
    /// The token may not see it, or it cannot be read.
    Hidden,
}

/// A report under construction, and what it is about.
pub(super) struct Look<'a, 'api> {
    api: &'a mut Api<'api>,
    wish: &'a SetupWish<'a>,
    report: SetupReport,
}

/// Looks at everything.
pub(super) fn look(api: &mut Api<'_>, wish: &SetupWish<'_>) -> Result<SetupReport, ForgeError> {
    let mut look = Look {
        api,
        wish,
        report: SetupReport::default(),
    };
    let repo: Repository = {
        let route = look.route("");
        look.api.get("look at the repository", &route)?
    };
    repository(&mut look, &repo);
    let scheduled = schedule::look(&mut look, &repo)?;
    actions(&mut look, scheduled)?;
    rules::look(&mut look)?;
    labels(&mut look)?;
    Ok(look.report)
}

impl Look<'_, '_> {
    fn route(&self, below: &str) -> String {
        format!("/repos/{}{below}", self.api.names.repo)
    }

    /// A GET that may be refused.
    fn see<T: DeserializeOwned>(&mut self, what: &str, below: &str) -> Result<Seen<T>, ForgeError> {
        let route = self.route(below);
        let answer = self.api.call(what, Ask::Get, &route)?;
        Ok(match answer.status {
            200..=299 => parse(what, &answer).map_or(Seen::Hidden, Seen::Yes),
            404 => Seen::Missing,
            _ => Seen::Hidden,
        })
    }

    fn now(&self) -> Timestamp {
        self.api.clock.now()
    }

    fn fact(&mut self, name: &str, value: impl ToString) {
        let fact = (format!("github {name}"), value.to_string());
        self.report.facts.push(fact);
    }

    fn find(
        &mut self,
        level: SetupLevel,
        about: SetupQuestion,
        what: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.report.findings.push(SetupFinding {
            level,
            about,
            what: what.into(),
            next: next.into(),
        });
    }
}

/// The repository itself, and what the token may do there.
fn repository(look: &mut Look<'_, '_>, repo: &Repository) {
    let name = look.api.names.repo.clone();
    let kind = if repo.private { "private" } else { "public" };
    look.fact("repository", format!("{name} ({kind})"));
    look.fact("default branch", &repo.default_branch);
    if repo.archived || repo.disabled {
        look.find(
            SetupLevel::Error,
            SetupQuestion::Repository,
            format!("{name} is archived or switched off, so nothing can be pushed to it"),
            "Settings > General > Danger Zone > Unarchive this repository",
        );
    }
    if repo.fork {
        look.find(
            SetupLevel::Note,
            SetupQuestion::Repository,
            format!("{name} is a fork: its workflows are off until somebody switches them on"),
            "Actions > I understand my workflows, go ahead and enable them",
        );
    }
    let base = look.wish.base_branch;
    if base != repo.default_branch {
        let what = format!(
            "base_branch is {base} and the default branch is {}; scheduled workflows run from the default branch",
            repo.default_branch
        );
        let next =
            "set base_branch in .orchestra/config.toml, or Settings > General > Default branch";
        look.find(
            SetupLevel::Warning,
            SetupQuestion::DefaultBranch,
            what,
            next,
        );
    }
    let token = look.api.names.token_env.clone();
    match &repo.permissions {
        Some(rights) if rights.push => look.fact("token", format!("{token} may write")),
        Some(_) => look.find(
            SetupLevel::Error,
            SetupQuestion::Token,
            format!("the token in {token} may read {name} and not write to it"),
            "github.com > Settings > Developer settings > Fine-grained tokens: this repository, with Contents, \
             Pull requests and Issues: Read and write; or a classic token with the scope repo",
        ),
        None => look.find(
            SetupLevel::Note,
            SetupQuestion::Token,
            format!("GitHub does not say what the token in {token} may do in {name}"),
            "it needs Contents, Pull requests and Issues: Read and write; Checks and Commit statuses: Read",
        ),
    }
}

/// Whether workflows run at all, and may open pull requests.
fn actions(look: &mut Look<'_, '_>, scheduled: bool) -> Result<(), ForgeError> {
    let level = if scheduled {
        SetupLevel::Error
    } else {
        SetupLevel::Note
    };
    let about = SetupQuestion::OpenReviews;
    let allowed = look.see::<Actions>("look at the settings of Actions", "/actions/permissions")?;
    if let Seen::Yes(allowed) = &allowed {
        if !allowed.enabled {
            let what = "GitHub Actions are switched off, so no workflow ticks";
            let next = format!("{ACTIONS_PAGE} > Actions permissions");
            look.find(level, SetupQuestion::Schedule, what, next);
        } else if allowed.allowed_actions.as_deref() == Some("local_only") {
            let what = "only actions of this owner may run, and the workflow uses actions/checkout and others";
            let next = format!(
                "{ACTIONS_PAGE} > Actions permissions > Allow … and select non-…: allow actions created by GitHub, and \
                 the repository of fleet"
            );
            look.find(level, SetupQuestion::Schedule, what, next);
        }
    }
    let click = format!("{ACTIONS_PAGE} > Workflow permissions > {SWITCH}");
    let seen = look.see::<WorkflowRights>(
        "look at the rights of workflows",
        "/actions/permissions/workflow",
    )?;
    match seen {
        Seen::Yes(rights) if rights.can_approve_pull_request_reviews => {
            look.fact("workflows", "may open pull requests");
        }
        Seen::Yes(_) => {
            let what = "workflows may not open pull requests, and there is one switch for that and for approving, \
                        which fleet never does; with the token of a GitHub App it is not needed";
            let next = format!("{click} (of the organisation first, if it belongs to one)");
            look.find(level, about, what, next);
        }
        Seen::Missing | Seen::Hidden => {
            let what =
                "only an administrator's token shows whether workflows may open pull requests";
            let next = format!("see that this is on: {click}");
            look.find(SetupLevel::Note, about, what, next);
        }
    }
    Ok(())
}

fn labels(look: &mut Look<'_, '_>) -> Result<(), ForgeError> {
    if look.wish.labels.is_empty() {
        return Ok(());
    }
    let about = SetupQuestion::Labels;
    match look.see::<Vec<Labelled>>("list the labels", "/labels?per_page=100")? {
        Seen::Yes(there) => {
            let has = |name: &str| there.iter().any(|l| l.name.eq_ignore_ascii_case(name));
            // A full page may not be all of them.
            let whole = there.len() < 100;
            for name in look.wish.labels {
                if !has(name) && whole {
                    let what = format!("there is no label {name}");
                    let next = "Issues > Labels > New label";
                    look.find(SetupLevel::Warning, about, what, next);
                }
            }
        }
        Seen::Missing | Seen::Hidden => {
            let what = "the labels cannot be seen with this token";
            let next = "give it Issues: Read and write";
            look.find(SetupLevel::Note, about, what, next);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
