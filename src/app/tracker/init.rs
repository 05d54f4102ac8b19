//! Setting up a repository.

mod jobs;

use crate::app::tracker::desk::{Desk, Place};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::{Delivery, InitReport, InitStep};
use crate::app::tracker::request::{InitRequest, Mode};
use crate::domain::policy::{Policy, PushMode};
use crate::ports::site::{ConfigTrouble, Site, SiteFacts};
use crate::ports::state_repo::{Freshness, Proposal, PublishOutcome, Reach, StateView};
use crate::store;

/// Path of the configuration.
const CONFIG_PATH: &str = ".orchestra/config.toml";
/// Tries against others who set up the same repository now.
const MAX_TRIES: u32 = 5;

/// Writes the first files and creates the state branch. What is there already stays as it is.
///
/// # Errors
/// The repository cannot be used, the configuration there is wrong, or nothing can be written.
pub fn init(
    place: &dyn Place,
    request: &InitRequest,
    mode: Mode,
) -> Result<InitReport, TrackerError> {
    let site = place.site();
    let facts = site.facts().map_err(TrackerError::State)?;
    let branch = in_tree_branch(request, &facts)?;
    let mut steps = files(site, request, &facts, branch.as_deref(), mode)?;
    let mut policy = configured(site)?;
    if let Some(branch) = branch {
        if mode == Mode::DryRun && !site.has(CONFIG_PATH) {
            policy.state.branch.clone_from(&branch);
        }
        if policy.state.branch != branch {
            return Err(TrackerError::Config {
                what: format!(
                    "{CONFIG_PATH} keeps the state on branch {}, not on {branch}",
                    policy.state.branch
                ),
                hint: format!("set `branch = \"{branch}\"` under [state] in {CONFIG_PATH}"),
            });
        }
    }
    if let Some(program) = &request.jobs {
        if facts.bare {
            return Err(TrackerError::Invalid {
                what: "a bare repository has no tree to write a workflow to".to_owned(),
                hint: "run it in a clone with a work tree, and push".to_owned(),
            });
        }
        steps.extend(jobs::write(site, &policy, program, mode)?);
    }
    let branch = policy.state.branch.clone();
    let opened = place.open(policy)?;
    let (created, delivery) = state_branch(opened.desk(), mode)?;
    steps.push(InitStep::new(format!("state on branch {branch}"), created));
    Ok(InitReport {
        branch,
        steps,
        remarks: opened.remarks(),
        delivery,
    })
}

fn in_tree_branch(
    request: &InitRequest,
    facts: &SiteFacts,
) -> Result<Option<String>, TrackerError> {
    if !request.in_tree {
        return Ok(None);
    }
    let invalid = |what: &str, hint: &str| TrackerError::Invalid {
        what: what.to_owned(),
        hint: hint.to_owned(),
    };
    if facts.bare {
        let hint = "leave --in-tree out: the state gets a branch of its own";
        return Err(invalid(
            "a bare repository has no tree to keep the state in",
            hint,
        ));
    }
    match &facts.branch {
        Some(branch) => Ok(Some(branch.clone())),
        None => Err(invalid(
            "HEAD is detached, so there is no current branch to keep the state on",
            "switch to a branch first: `git switch <BRANCH>`",
        )),
    }
}

fn files(
    site: &dyn Site,
    request: &InitRequest,
    facts: &SiteFacts,
    branch: Option<&str>,
    mode: Mode,
) -> Result<Vec<InitStep>, TrackerError> {
    if facts.bare {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for (path, text) in site.templates(branch) {
        if path != CONFIG_PATH && !request.roles {
            continue;
        }
        let created = match mode {
            Mode::DryRun => !site.has(&path),
            Mode::Do => site
                .put_new(&path, &text)
                .map_err(|cause| TrackerError::Write(format!("write {path}: {cause}")))?,
        };
        steps.push(InitStep::new(path, created));
    }
    Ok(steps)
}

/// The policy, or the first thing that is wrong with it.
pub(in crate::app::tracker) fn configured(site: &dyn Site) -> Result<Policy, TrackerError> {
    site.configured()
        .map(|configured| configured.policy)
        .map_err(|troubles| first_trouble(&troubles))
}

/// An error that names the first trouble and counts the others.
#[must_use]
pub fn first_trouble(troubles: &[ConfigTrouble]) -> TrackerError {
    let (what, hint) = troubles.first().map_or_else(
        || ("the configuration is wrong".to_owned(), String::new()),
        |t| (format!("{}: {}", t.place, t.what), t.hint.clone()),
    );
    let more = troubles.len().saturating_sub(1);
    let tail = "`fleet config check` shows everything";
    let hint = match (hint.is_empty(), more) {
        (true, _) => tail.to_owned(),
        (false, 0) => hint,
        (false, n) => format!("{hint}; {n} more: {tail}"),
    };
    TrackerError::Config { what, hint }
}

/// Creates the state branch if nobody has; says whether this call did.
fn state_branch(desk: Desk<'_>, mode: Mode) -> Result<(bool, Delivery), TrackerError> {
    let push = &desk.policy.state;
    let repo = desk.context.repo;
    let mut freshness = match push.push {
        PushMode::Never => Freshness::Local,
        PushMode::Auto | PushMode::Always => Freshness::Fetch(push.push_timeout),
    };
    let mut reach = match push.push {
        PushMode::Never => Reach::LocalOnly,
        PushMode::Auto | PushMode::Always => Reach::Remote(push.push_timeout),
    };
    let mut kept = (push.push == PushMode::Never).then(|| "`sync.push` is \"never\"".to_owned());
    for _ in 0..MAX_TRIES {
        let view = repo.view(freshness)?;
        // In-tree the branch is there before the state is.
        let trees = [Some(&view.tree), view.unpublished.as_ref()];
        let mut exists = false;
        for tree in trees.into_iter().flatten() {
            exists |= tree.read(store::FORMAT_PATH)?.is_some();
        }
        let delivery = |published: bool, kept: Option<String>| Delivery {
            published,
            unpublished_because: kept,
            dry_run: mode == Mode::DryRun,
            records: Vec::new(),
        };
        if exists || mode == Mode::DryRun {
            let published = view.unpublished.is_none();
            return Ok((!exists, delivery(exists && published, None)));
        }
        match repo.publish(&first(desk, &view, reach))? {
            PublishOutcome::Published(published) => {
                let kept = kept.filter(|_| !published.settled);
                return Ok((true, delivery(published.settled, kept)));
            }
            PublishOutcome::Lost { .. } => {}
            PublishOutcome::Denied { cause, .. } | PublishOutcome::Unreachable { cause }
                if push.push == PushMode::Auto =>
            {
                kept = Some(cause);
                reach = Reach::LocalOnly;
                freshness = Freshness::Local;
            }
            PublishOutcome::Denied { cause, .. } => {
                let what = "create the state branch".to_owned();
                return Err(TrackerError::Denied { what, cause });
            }
            PublishOutcome::Unreachable { cause } => {
                let what = "create the state branch".to_owned();
                return Err(TrackerError::Unreachable { what, cause });
            }
        }
    }
    Err(TrackerError::Lost {
        what: "create the state branch".to_owned(),
        tries: MAX_TRIES,
    })
}

fn first(desk: Desk<'_>, view: &StateView, reach: Reach) -> Proposal {
    Proposal {
        based_on: view.tip.clone(),
        unpublished: view.unpublished_tip.clone(),
        files: vec![store::first_file()],
        refs: Vec::new(),
        subject: "begin the state".to_owned(),
        nonce: desk.context.ids.nonce(),
        reach,
        settles_unpublished: reach != Reach::LocalOnly,
    }
}
