//! Looking for what is wrong. Repairs only add records.

mod forge;
mod meaning;
mod place;
mod sandbox;

use crate::app::publish::Decision;
use crate::app::tracker::desk::{Desk, Place};
use crate::app::tracker::doctor::meaning::look_at_meaning;
use crate::app::tracker::doctor::place::{look_at_agents, look_at_config, look_at_site};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::{Delivery, DoctorFinding, DoctorReport, RulesFile};
use crate::app::tracker::request::Mode;
use crate::domain::ids::TaskNumber;
use crate::domain::policy::PushMode;
use crate::domain::record::{Op, TaskNumbered};
use crate::domain::state::State;
use crate::ports::state_repo::{Freshness, RemoteState, StateRepoError, StateView};
use crate::store::{self, HistoryOf, Problem, ProblemKind, Scope};

/// Name of the finding that `--fix` mends.
const COLLISION: &str = "state_number_collision";

/// What kind of error a doctor's report has: it decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Illness {
    /// The configuration, or a set-up that is not there.
    Config,
    /// The state.
    State,
}

/// The worst kind of error in a report; none if it is healthy.
#[must_use]
pub fn exit_class(report: &DoctorReport) -> Option<Illness> {
    let errors = || report.findings.iter().filter(|f| f.severity == "error");
    let state = errors().any(|f| f.code.starts_with("state"));
    match (state, errors().next()) {
        (true, _) => Some(Illness::State),
        (false, Some(_)) => Some(Illness::Config),
        (false, None) => None,
    }
}

/// Findings under construction.
#[derive(Default)]
struct Sheet {
    facts: Vec<(String, String)>,
    findings: Vec<DoctorFinding>,
    repairs: Option<Delivery>,
    rules: Option<RulesFile>,
}

impl Sheet {
    fn fact(&mut self, name: &str, value: impl ToString) {
        self.facts.push((name.to_owned(), value.to_string()));
    }

    fn find(
        &mut self,
        (severity, code): (&'static str, &'static str),
        place: impl Into<String>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) {
        self.findings.push(DoctorFinding {
            severity,
            code,
            place: place.into(),
            what: what.into(),
            next: next.into(),
        });
    }
}

/// How closely a doctor looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Examination {
    /// Fold every record again.
    pub verify: bool,
    /// Record what mends what can be mended.
    pub fix: bool,
    /// Ask the forge about its settings, too.
    pub forge: bool,
}

/// Looks at repository, configuration, agents and state, and at what else is asked for.
///
/// # Errors
/// A repair could not be recorded. Whatever else is wrong is a finding.
pub fn doctor(place: &dyn Place, how: Examination) -> Result<DoctorReport, TrackerError> {
    let mut sheet = Sheet::default();
    look_at_site(place.site(), &mut sheet);
    if let Some(policy) = look_at_config(place.site(), &mut sheet) {
        sandbox::look(place.site(), &policy, &mut sheet);
        look_at_agents(place.site(), &policy, &mut sheet);
        if how.forge {
            forge::look(place, &policy, &mut sheet);
        }
        match place.open(policy) {
            Ok(opened) => look_at_state(opened.desk(), how.verify, how.fix, &mut sheet)?,
            Err(error) => {
                let next = "`git fsck` says whether the repository is sound";
                sheet.find(("error", "state_unusable"), "", error.to_string(), next);
            }
        }
    }
    Ok(DoctorReport {
        healthy: sheet.findings.iter().all(|f| f.severity != "error"),
        total: sheet.findings.len(),
        facts: sheet.facts,
        findings: sheet.findings,
        has_more: false,
        repairs: sheet.repairs,
        rules: sheet.rules,
    })
}

fn look_at_state(
    desk: Desk<'_>,
    verify: bool,
    fix: bool,
    sheet: &mut Sheet,
) -> Result<(), TrackerError> {
    let branch = &desk.policy.state.branch;
    sheet.fact("state branch", branch);
    let view = match newest(desk, sheet) {
        Ok(view) => view,
        Err(error) => {
            untrusted(branch, &error, sheet);
            return Ok(());
        }
    };
    if view.tip.is_none() && view.unpublished.is_none() {
        let what = format!("there is no branch {branch} yet");
        sheet.find(
            ("error", "not_initialised"),
            branch.clone(),
            what,
            "`fleet init`",
        );
        return Ok(());
    }
    let loaded = match store::load(&view, Scope::All) {
        Ok(loaded) => loaded,
        Err(error) => {
            let what = format!("failed to {error}");
            let next = format!("`git log {branch}` shows its history");
            sheet.find(("error", "state_unreadable"), branch.clone(), what, next);
            return Ok(());
        }
    };
    if let Err(error) = loaded.writable() {
        let what = format!("failed to {error}");
        let next = "read this repository only, until that is mended";
        sheet.find(("error", "state_not_writable"), branch.clone(), what, next);
    }
    for problem in &loaded.problems {
        report_problem(branch, problem, sheet);
    }
    let open = loaded.state.tasks.values().filter(|t| t.is_open()).count();
    let closed = loaded.state.tasks.len() - open;
    sheet.fact("tasks", format!("{open} open, {closed} closed"));
    look_at_unpublished(&view, sheet);
    look_at_meaning(&loaded.state, sheet);
    if verify {
        compare(&view, &loaded.state, sheet);
    }
    if fix && loaded.state.collisions().next().is_some() {
        sheet.repairs = Some(renumber(desk)?);
        for finding in &mut sheet.findings {
            if finding.code == COLLISION {
                finding.severity = "note";
                "mended: `fleet list` shows the new number".clone_into(&mut finding.next);
            }
        }
    }
    Ok(())
}

/// The state as the remote has it now, if it may be asked and answers: what is wrong there does not
/// show from here.
fn newest(desk: Desk<'_>, sheet: &mut Sheet) -> Result<StateView, StateRepoError> {
    let state = &desk.policy.state;
    let freshness = match state.push {
        PushMode::Never => Freshness::Local,
        PushMode::Auto | PushMode::Always => Freshness::Fetch(state.push_timeout),
    };
    let view = desk.context.repo.view(freshness)?;
    if let RemoteState::Unreachable { cause } = &view.remote {
        let what = format!("it does not answer, so only what is known here was looked at: {cause}");
        let next = "`fleet doctor` again when it does";
        sheet.find(("note", "remote_unreachable"), "remote", what, next);
    }
    Ok(view)
}

fn untrusted(branch: &str, error: &StateRepoError, sheet: &mut Sheet) {
    let (code, next) = match error {
        StateRepoError::Gone { remote, seen, .. } => (
            "state_gone",
            format!(
                "`git push {remote} {seen}:refs/heads/{branch}` puts it back as it was known here, \
                 then `fleet sync`"
            ),
        ),
        _ => (
            "state_unreadable",
            format!("`git log {branch}` shows its history"),
        ),
    };
    sheet.find(("error", code), branch, error.to_string(), next);
}

fn report_problem(branch: &str, problem: &Problem, sheet: &mut Sheet) {
    let severity = match problem.what {
        ProblemKind::NoFinalNewline
        | ProblemKind::ByteOrderMark
        | ProblemKind::CarriageReturns
        | ProblemKind::More => "note",
        ProblemKind::Unreadable => "error",
        _ => "warning",
    };
    let place = match problem.line {
        0 => problem.path.clone(),
        line => format!("{}:{line}", problem.path),
    };
    let next = format!(
        "`git log -p {branch} -- {}` shows how it came about",
        problem.path
    );
    let what = problem.to_string();
    let what = what
        .strip_prefix(&format!("{place}: "))
        .unwrap_or(&what)
        .to_owned();
    sheet.find((severity, "state_damage"), place, what, next);
}

fn look_at_unpublished(view: &StateView, sheet: &mut Sheet) {
    match store::unpublished(view) {
        Ok(lines) if lines.is_empty() && view.unpublished.is_none() => {}
        Ok(lines) => {
            let what = format!("{} records are kept locally and not published", lines.len());
            sheet.find(("warning", "unpublished"), "", what, "`fleet sync`");
        }
        Err(error) => {
            let what = format!("failed to {error}");
            sheet.find(("error", "state_unreadable"), "", what, "`git fsck`");
        }
    }
}

/// Folds the whole log again and compares (I14).
fn compare(view: &StateView, read: &State, sheet: &mut Sheet) {
    match store::history(view, HistoryOf::All) {
        Ok(records) if State::fold(&records) == *read => {
            sheet.fact(
                "verified",
                format!("{} records fold to this state", records.len()),
            );
        }
        Ok(records) => {
            let what = format!(
                "the checkpoint differs from the fold of all {} records",
                records.len()
            );
            let next =
                "`fleet tick` writes a new checkpoint; keep a copy of the branch for a report";
            sheet.find(("error", "state_checkpoint_differs"), "", what, next);
        }
        Err(error) => {
            let what = format!("failed to {error}");
            sheet.find(("error", "state_unreadable"), "", what, "`git fsck`");
        }
    }
}

/// Gives all but the keeper of a doubled number a new one.
fn renumber(desk: Desk<'_>) -> Result<Delivery, TrackerError> {
    let what = "give doubled numbers anew";
    let done = desk.change(what, Scope::All, Mode::Do, |loaded, minter| {
        let state = &loaded.state;
        let mut max = state.max_number;
        let losers: Vec<_> = state
            .collisions()
            .flat_map(|(_, uids)| uids.into_iter().skip(1))
            .collect();
        for task in losers {
            let Some(n) = TaskNumber::new(max.saturating_add(1)) else {
                return Err(TrackerError::State("find a free number".to_owned()));
            };
            max = n.get();
            minter.add(Op::TaskNumbered(TaskNumbered { task, n }));
        }
        Ok(if minter.records().is_empty() {
            Decision::Nothing(())
        } else {
            Decision::write((), "renumber tasks that share a number")
        })
    })?;
    Ok(done.delivery)
}
