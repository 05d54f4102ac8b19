//! Gates that wait for a merged pull request or a green run of a workflow.
//!
//! A pull request takes one call (`GET …/pulls/{number}`), all workflows together one more
//! (`GET …/actions/runs`), a run by its number one. What is not there, or may not be read, is noted,
//! and its gate waits on.

use serde::Deserialize;

use crate::domain::time::Timestamp;
use crate::domain::tracking::GateKind;
use crate::forge::github::answers::Pull;
use crate::forge::github::api::Api;
use crate::forge::github::text::encode;
use crate::ports::forge::{ForgeError, GateWatch};

/// A run of a workflow, from the listing or by number.
#[derive(Debug, Clone, Deserialize)]
struct Run {
    id: u64,
    name: Option<String>,
    /// File of the workflow, such as `.github/workflows/nightly.yml`; GitHub puts `@ref` behind it.
    path: Option<String>,
    conclusion: Option<String>,
    created_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Runs {
    #[serde(default)]
    workflow_runs: Vec<Run>,
}

/// What a subject names.
#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Pull(u64),
    Run(u64),
    Workflow(&'a str),
    /// Something in another repository, or no number where there must be one.
    Unknown,
}

fn wanted<'a>(gate: &'a GateWatch, repo: &str) -> Wanted<'a> {
    let subject = gate.subject.trim();
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    // `https://github.com/octo/hello/pull/12/files` and `…/actions/runs/71`: the host is the remote's.
    let address = subject.split_once("://").map(|(_, rest)| rest);
    let inside = address.map(|rest| {
        let mut parts = rest.split(['/', '?', '#']).skip(1);
        let owner_and_name = [parts.next(), parts.next()].map(Option::unwrap_or_default);
        let own = owner_and_name.join("/").eq_ignore_ascii_case(repo);
        (own, parts.collect::<Vec<_>>())
    });
    let found = match (gate.kind, &inside) {
        (GateKind::Pr, None) => number(subject.trim_start_matches('#')).map(Wanted::Pull),
        (GateKind::Pr, Some((true, path))) => match path.as_slice() {
            ["pull", n, ..] => number(n).map(Wanted::Pull),
            _ => None,
        },
        (GateKind::Ci, None) => {
            Some(number(subject).map_or(Wanted::Workflow(subject), Wanted::Run))
        }
        (GateKind::Ci, Some((true, path))) => match path.as_slice() {
            ["actions", "runs", n, ..] => number(n).map(Wanted::Run),
            ["actions", "workflows", file, ..] if !file.is_empty() => Some(Wanted::Workflow(file)),
            _ => None,
        },
        _ => None,
    };
    found.unwrap_or(Wanted::Unknown)
}

pub(super) fn passed(
    api: &mut Api<'_>,
    gates: &[GateWatch],
    base: &str,
) -> Result<Vec<Option<String>>, ForgeError> {
    let repo = api.names.repo.clone();
    let all: Vec<Wanted<'_>> = gates.iter().map(|gate| wanted(gate, &repo)).collect();
    let named = gates.iter().zip(&all);
    let named = named.filter(|(_, wanted)| matches!(wanted, Wanted::Workflow(_)));
    let oldest = named.map(|(gate, _)| gate.since).min();
    let mut runs = None;
    let mut said = Vec::with_capacity(gates.len());
    for (gate, wanted) in gates.iter().zip(&all) {
        if api.reads_left() == 0 {
            api.note(format!(
                "not every gate was looked at: this tick's budget is {} calls (forge.max_calls)",
                api.config.max_calls
            ));
            said.resize(gates.len(), None);
            break;
        }
        said.push(match wanted {
            Wanted::Pull(number) => pull(api, &repo, *number)?,
            Wanted::Run(id) => run(api, &repo, *id)?,
            Wanted::Workflow(name) => {
                if runs.is_none() {
                    runs = Some(successes(api, &repo, base, oldest.unwrap_or(gate.since))?);
                }
                green(runs.as_deref().unwrap_or_default(), name, gate.since)
            }
            Wanted::Unknown => None,
        });
    }
    Ok(said)
}

fn pull(api: &mut Api<'_>, repo: &str, number: u64) -> Result<Option<String>, ForgeError> {
    let what = format!("cannot read pull request {number} of {repo}, which a gate waits for");
    let route = format!("/repos/{repo}/pulls/{number}");
    let pull: Option<Pull> = api.get_if_possible(&what, &route)?;
    let merged = pull.is_some_and(|p| p.merged == Some(true) || p.merged_at.is_some());
    Ok(merged.then(|| format!("pull request {number} is merged")))
}

fn run(api: &mut Api<'_>, repo: &str, id: u64) -> Result<Option<String>, ForgeError> {
    let what = format!("cannot read run {id} of {repo}, which a gate waits for");
    let run: Option<Run> =
        api.get_if_possible(&what, &format!("/repos/{repo}/actions/runs/{id}"))?;
    let green = run.is_some_and(|run| run.conclusion.as_deref() == Some("success"));
    Ok(green.then(|| format!("run {id} has succeeded")))
}

/// Newest hundred runs of the base branch that succeeded and began no earlier than `since`.
fn successes(
    api: &mut Api<'_>,
    repo: &str,
    base: &str,
    since: Timestamp,
) -> Result<Vec<Run>, ForgeError> {
    let what = format!("cannot read the workflow runs of {repo}, which a gate waits for");
    // GitHub tells and compares whole seconds.
    let since = Timestamp(since.0 / 1_000 * 1_000).to_string();
    let since = since.replace(".000Z", "Z");
    let route = format!(
        "/repos/{repo}/actions/runs?status=success&per_page=100&branch={}&created={}",
        encode(base),
        encode(&format!(">={since}"))
    );
    let runs: Option<Runs> = api.get_if_possible(&what, &route)?;
    Ok(runs.unwrap_or_default().workflow_runs)
}

/// A run that counts: of the workflow with this name, or in this file with or without its ending.
fn green(runs: &[Run], name: &str, since: Timestamp) -> Option<String> {
    let is_it = |run: &&Run| {
        let path = run.path.as_deref().unwrap_or_default();
        let path = path.split('@').next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let began = run.created_at.as_deref().and_then(|at| at.parse().ok());
        let named = run.name.as_deref() == Some(name) || [path, file, stem].contains(&name);
        named && began.is_some_and(|at: Timestamp| at.0 / 1_000 >= since.0 / 1_000)
    };
    let run = runs.iter().find(is_it)?;
    Some(format!("run {} has succeeded", run.id))
}

#[cfg(test)]
mod tests {
    use super::{Wanted, wanted};
    use crate::domain::time::Timestamp;
    use crate::domain::tracking::GateKind;
    use crate::ports::forge::GateWatch;

    #[test]
    fn subjects_are_read_as_people_write_them_and_only_of_this_repository() {
        let of = |kind, subject: &str| GateWatch {
            kind,
            subject: subject.to_owned(),
            since: Timestamp(0),
        };
        let (pr, ci) = (GateKind::Pr, GateKind::Ci);
        for (kind, subject, meant) in [
            (pr, "12", Wanted::Pull(12)),
            (pr, "#12", Wanted::Pull(12)),
            (
                pr,
                "https://github.com/Octo/Hello/pull/12/files",
                Wanted::Pull(12),
            ),
            (pr, "https://github.com/octo/other/pull/12", Wanted::Unknown),
            (
                pr,
                "https://github.com/octo/hello/issues/12",
                Wanted::Unknown,
            ),
            (pr, "soon", Wanted::Unknown),
            (pr, "0", Wanted::Unknown),
            (ci, "71", Wanted::Run(71)),
            (
                ci,
                "https://github.com/octo/hello/actions/runs/71?pr=1",
                Wanted::Run(71),
            ),
            (
                ci,
                "https://github.com/octo/hello/actions/workflows/a.yml",
                Wanted::Workflow("a.yml"),
            ),
            (ci, "nightly build", Wanted::Workflow("nightly build")),
            (GateKind::Human, "12", Wanted::Unknown),
        ] {
            assert_eq!(wanted(&of(kind, subject), "octo/hello"), meant, "{subject}");
        }
    }
}
