//! Whether the scheduled workflow is there, on, and well.

use crate::domain::time::{DurationMs, Timestamp};
use crate::forge::github::setup::answers::{Repository, Run, Runs, Workflow};
use crate::forge::github::setup::{ASLEEP, Look, Seen};
use crate::forge::github::workflow::PATH;
use crate::ports::forge::ForgeError;
use crate::ports::forge_setup::{SetupLevel, SetupQuestion};

const ABOUT: SetupQuestion = SetupQuestion::Schedule;
/// A scheduled run that is older is late, however patient one is.
const LATE: DurationMs = DurationMs::secs(86_400);
/// Time before GitHub switches a schedule off at which that is told.
const SOON: DurationMs = DurationMs::secs(10 * 86_400);

/// Looks; true if the workflow is there and on.
pub(super) fn look(look: &mut Look<'_, '_>, repo: &Repository) -> Result<bool, ForgeError> {
    let file = PATH.rsplit('/').next().unwrap_or(PATH);
    let below = format!("/actions/workflows/{file}");
    let workflow = match look.see::<Workflow>("look at the workflow", &below)? {
        Seen::Yes(workflow) => workflow,
        Seen::Missing => {
            let what = format!("the default branch has no {PATH}, so GitHub starts no ticks");
            let next = "`fleet init --github`, then commit and push it; nothing to do if cron ticks elsewhere";
            look.find(SetupLevel::Note, ABOUT, what, next);
            return Ok(false);
        }
        Seen::Hidden => {
            let what = "whether the workflow is there, and runs, cannot be seen with this token";
            let next = "give it Actions: Read, or look at the tab Actions";
            look.find(SetupLevel::Note, ABOUT, what, next);
            return Ok(false);
        }
    };
    look.fact(
        "workflow",
        format!("{file} is {}", workflow.state.replace('_', " ")),
    );
    let click = format!("Actions > fleet > Enable workflow (or `gh workflow enable {file}`)");
    match workflow.state.as_str() {
        "active" => {}
        "disabled_inactivity" => {
            let what = "GitHub has switched the schedule off: 60 days without a commit in a public repository";
            look.find(SetupLevel::Error, ABOUT, what, click);
            return Ok(false);
        }
        other => {
            let what = format!("the workflow is switched off ({})", other.replace('_', " "));
            look.find(SetupLevel::Error, ABOUT, what, click);
            return Ok(false);
        }
    }
    let below = format!("{below}/runs?per_page=20");
    if let Seen::Yes(runs) = look.see::<Runs>("look at the runs of the workflow", &below)? {
        health(look, &runs.workflow_runs);
    }
    asleep(look, repo);
    Ok(true)
}

fn health(look: &mut Look<'_, '_>, runs: &[Run]) {
    let Some(last) = runs.first() else {
        let what = "the workflow has not run yet";
        let next = "Actions > fleet > Run workflow; a schedule may take an hour to begin";
        look.find(SetupLevel::Note, ABOUT, what, next);
        return;
    };
    look.fact("last run", &last.created_at);
    let scheduled = runs
        .iter()
        .find(|run| run.event.as_deref() == Some("schedule"));
    let age = |run: &Run| since(&run.created_at, look.now());
    if let Some(run) = scheduled
        && age(run).is_some_and(|age| age > LATE)
    {
        let what = format!("the last scheduled run was at {}", run.created_at);
        let next = "githubstatus.com says whether Actions are late; Actions > fleet shows whether runs wait for a runner";
        look.find(SetupLevel::Warning, ABOUT, what, next);
    }
    let ended = runs
        .iter()
        .find(|run| run.status.as_deref() == Some("completed"));
    if let Some(run) = ended
        && matches!(
            run.conclusion.as_deref(),
            Some("failure" | "timed_out" | "startup_failure")
        )
    {
        let how = run
            .conclusion
            .as_deref()
            .unwrap_or_default()
            .replace('_', " ");
        let what = format!("the last run that ended, of {}, is a {how}", run.created_at);
        let next = match run.html_url.as_deref() {
            Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
                url.to_owned()
            }
            _ => "Actions > fleet".to_owned(),
        };
        look.find(SetupLevel::Warning, ABOUT, what, next);
    }
}

/// Warns before GitHub switches the schedule off.
fn asleep(look: &mut Look<'_, '_>, repo: &Repository) {
    let Some(pushed) = repo.pushed_at.as_deref().filter(|_| !repo.private) else {
        return;
    };
    if since(pushed, look.now()).is_some_and(|age| age.0 > ASLEEP.0 - SOON.0) {
        let what = format!(
            "the last push was at {pushed}, and GitHub switches schedules of public repositories off after 60 days \
             without a commit"
        );
        let next = "push any commit, or Actions > fleet > Enable workflow once it is off";
        look.find(SetupLevel::Warning, ABOUT, what, next);
    }
}

fn since(time: &str, now: Timestamp) -> Option<DurationMs> {
    Some(now.since(time.parse().ok()?))
}
