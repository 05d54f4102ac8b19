//! Step 6: results become records and branches in one atomic push, then reviews.

mod apart;

use std::convert::Infallible;

use crate::app::context::Minter;
use crate::app::end::End;
use crate::app::publish::{self, ChangeError, Changed, Decision, How, Terms};
use crate::app::tick::checks::{self, Verdict};
use crate::app::tick::claims_file;
use crate::app::tick::documents::ResultDoc;
use crate::app::tick::report::{Ended, SessionReport};
use crate::app::tick::scrub::{REPORT_BYTES, recorded_paths, scrubbed};
use crate::app::tick::{World, mint, reviews};
use crate::domain::escalation::Trigger;
use crate::domain::ids::{Oid, SessionUid};
use crate::domain::record::SessionFinished;
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::state::State;
use crate::domain::task::{Deliverable, Task};
use crate::engine::history::History;
use crate::engine::text;
use crate::ports::code_repo::Merged;
use crate::ports::state_repo::{Freshness, RefChange};
use crate::store::{Checkpoint, Loaded, Scope};

/// The forge whose reviews are records only.
pub(super) const LOCAL: &str = "local";

/// What one decision says about one result.
#[derive(Debug, Clone)]
pub(super) struct Verdicted {
    pub(super) session: SessionUid,
    pub(super) ended: Ended,
    pub(super) head: Option<Oid>,
    pub(super) summary: String,
}

/// Publishes results together: each as far as its own rules allow. With `refused`, the words with
/// which the remote does not take their branches, only the records are published.
fn publish(
    world: &World<'_>,
    results: &[ResultDoc],
    refused: Option<&str>,
    end: End,
) -> Result<Changed<Vec<Verdicted>>, ChangeError<Infallible>> {
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(end.left(world.context)),
        checkpoint: Checkpoint::IfGrown,
    };
    let results: Vec<_> = results
        .iter()
        .map(|result| scrubbed(world.secrets, result))
        .collect();
    publish::change(world.context, &terms, |loaded, minter| {
        let mut verdicts = Vec::new();
        let mut refs = Vec::new();
        for result in &results {
            verdicts.push(decide(world, loaded, minter, (result, refused), &mut refs));
        }
        let names: Vec<_> = results.iter().map(|r| r.claim.task.as_str()).collect();
        if minter.records().is_empty() {
            return Ok(Decision::Nothing(verdicts));
        }
        Ok(Decision::Write {
            value: verdicts,
            subject: format!("finish {}", names.join(", ")),
            refs,
        })
    })
}

/// Results that were published, and shown where humans look.
pub(super) struct Finished {
    pub(super) lines: Vec<SessionReport>,
    pub(super) notes: Vec<String>,
    pub(super) state: State,
}

/// Publishes results, opens what reviews are due, and removes what the hand-over held of them.
pub(super) fn finish(
    world: &World<'_>,
    results: &[ResultDoc],
    end: End,
) -> Result<Finished, ChangeError<Infallible>> {
    let mut changed = apart::publish_all(world, results, end)?;
    let index = changed.state.index();
    let (mut lines, mut ended) = (Vec::new(), Vec::new());
    let mut due = Vec::new();
    for (result, verdict) in &changed.verdicts {
        let mut line = session_report(result, verdict);
        if verdict.ended == Ended::Pushed && world.forge.kind() == LOCAL {
            line.ended = Ended::InReview;
            line.review = line
                .branch
                .as_ref()
                .map(|branch| format!("branch {branch}"));
        } else if verdict.ended == Ended::Pushed {
            let task = result.claim.claim.task;
            // Not if a human closed its review meanwhile, and another tick recorded that.
            let history = History::of(&changed.state, &index, task);
            let due_now = history.unreviewed(&changed.state);
            let shows = due_now.filter(|(session, _)| *session == verdict.session);
            due.extend(shows.map(|(session, review)| reviews::Due {
                task,
                session,
                review,
                onto: None,
                head: None,
            }));
        }
        ended.push((verdict.session, line.cost.unwrap_or_default()));
        lines.push(line);
    }
    claims_file::forget(world, &ended, &mut changed.notes);
    let mut finished = Finished {
        lines,
        notes: changed.notes,
        state: changed.state,
    };
    // The results are published, whatever becomes of their reviews: a later tick opens or adopts
    // those that were not recorded.
    match reviews::open(world, &finished.state, &due, end) {
        Ok((shown, newer)) => {
            tell_reviews(shown, &mut finished.lines, &mut finished.notes);
            finished.state = newer.unwrap_or(finished.state);
        }
        Err(error) => finished.notes.push(format!(
            "reviews could not be recorded, the next tick tries again: {error}"
        )),
    }
    Ok(finished)
}

/// Puts opened reviews into the lines of the report, and those that could not be opened into notes.
pub(super) fn tell_reviews(
    shown: Vec<reviews::Shown>,
    lines: &mut [SessionReport],
    notes: &mut Vec<String>,
) {
    for one in shown {
        match one.place {
            Ok(place) => {
                for line in lines.iter_mut().filter(|line| line.session == one.session) {
                    line.ended = Ended::InReview;
                    line.review = Some(place.clone());
                }
            }
            Err(why) => notes.push(format!(
                "a review could not be opened, the next tick tries again: {why}"
            )),
        }
    }
}

/// Records of one result. The lease is looked at in the newest state: a session that does not hold
/// it any more publishes nothing (I2).
fn decide(
    world: &World<'_>,
    loaded: &Loaded,
    minter: &mut Minter<'_>,
    (result, refused): (&ResultDoc, Option<&str>),
    refs: &mut Vec<RefChange>,
) -> Verdicted {
    let session = result.finished.session;
    let task = result.claim.claim.task;
    let holder = loaded.state.index().lease_holder(&loaded.state, task);
    let mut verdict = Verdicted {
        session,
        ended: Ended::Superseded,
        head: None,
        summary: result.finished.summary.clone(),
    };
    if holder != Some(session) {
        "its lease had passed on; nothing was published".clone_into(&mut verdict.summary);
        return verdict;
    }
    if result.unstarted {
        verdict.ended = Ended::Stopped;
        verdict.summary = mint::give_back(minter, result, loaded);
        return verdict;
    }
    let mut finished = result.finished.clone();
    finished.paths = recorded_paths(&finished.paths);
    if !loaded.state.tasks.get(&task).is_some_and(Task::is_open) {
        // Merged or closed by a human while the attempt ran: there is nothing left to show.
        finished.head = None;
        finished.outcome = Outcome::Failed {
            class: FailureClass::Cancelled,
        };
        "the task was closed while this attempt ran; its work is not pushed"
            .clone_into(&mut finished.summary);
        verdict.summary.clone_from(&finished.summary);
    }
    let mut held = result
        .held
        .clone()
        .map(|h| (trigger_of(h.protected), h.reasons.join("\n")));
    if let Some(head) = finished.head.clone()
        && let Err((trigger, why)) = may_push(world, result, &head, refused)
    {
        finished.head = None;
        finished.outcome = Outcome::Failed {
            class: FailureClass::PolicyRefused,
        };
        held = Some((trigger, text::truncated(&why, REPORT_BYTES).into_owned()));
    }
    if let (Some(head), Some(branch)) = (&finished.head, &result.claim.claim.branch) {
        refs.push(RefChange {
            name: ref_of(branch),
            expected: result.claim.claim.continues.clone(),
            new: head.clone(),
        });
    }
    verdict.head.clone_from(&finished.head);
    verdict.ended = ended(&finished, held.is_some(), result.claim.deliverable);
    if let Some((_, why)) = &held {
        verdict.summary.clone_from(why);
    }
    // Work that a limit cut short is kept on its branch, where the next attempt goes on; it is not
    // shown for review.
    let shown = finished.outcome == Outcome::Succeeded;
    let head = finished.head.clone().filter(|_| shown);
    mint::record(world, minter, result, finished, held, loaded);
    if let Some((head, branch)) = head.zip(result.claim.claim.branch.clone())
        && world.forge.kind() == LOCAL
    {
        // A local review has nothing outside git, so it is opened by the same push.
        reviews::record_local(
            world,
            &loaded.state,
            minter,
            session,
            (branch, &result.claim.claim),
            head,
        );
    }
    verdict
}

/// Where work goes: the branch of its claim, and none else (I10).
fn ref_of(branch: &str) -> String {
    if planted!("foreign-branch") {
        return "refs/heads/main".to_owned();
    }
    format!("refs/heads/{branch}")
}

const fn trigger_of(protected: bool) -> Trigger {
    if protected {
        Trigger::ProtectedPaths
    } else {
        Trigger::Policy
    }
}

/// The commit is judged again, from objects, whatever the run phase said; and the branch must still
/// be where this attempt found it.
fn may_push(
    world: &World<'_>,
    result: &ResultDoc,
    head: &Oid,
    refused: Option<&str>,
) -> Result<(), (Trigger, String)> {
    let claim = &result.claim.claim;
    let policy = |why: String| (Trigger::Policy, why);
    if let Some(words) = refused {
        return Err(policy(apart::question(world, result, head, words)));
    }
    let commit = world
        .code
        .commit(head)
        .map_err(|error| policy(format!("the work could not be checked: failed to {error}")))?;
    let ground = ground(world, result).map_err(&policy)?;
    let parents = std::iter::once(&result.start).chain(&claim.merges);
    if !commit.parents.iter().eq(parents) {
        // Commits in between would be published without a look at them.
        return Err(policy(format!(
            "commit {head} does not stand on what the claim names: {}",
            result.start
        )));
    }
    if let Some(rule) = checks::secret_in(world.secrets, commit.message.as_bytes()) {
        return Err(policy(rule));
    }
    let changes = world
        .code
        .diff(&ground.commit, head)
        .map_err(|error| policy(format!("the work could not be checked: failed to {error}")))?;
    match checks::judge_changes(&world.policy.diff, &changes, &result.claim.allowed) {
        Verdict::Pass => {}
        Verdict::Empty if claim.merges.is_some() => {}
        Verdict::Empty => return Err(policy("the commit changes nothing".to_owned())),
        Verdict::Held(held) => {
            return Err((trigger_of(held.protected), held.reasons.join("\n")));
        }
    }
    let marked = world.code.unresolved(head, &ground.conflicts);
    let marked =
        marked.map_err(|error| policy(format!("the merge could not be checked: {error}")))?;
    if !marked.is_empty() {
        let files = marked.join(", ");
        return Err(policy(format!("marks of a conflict are left in {files}")));
    }
    let text = world
        .code
        .added_text(&ground.commit, head, world.policy.diff.max_bytes)
        .map_err(|error| policy(format!("the work could not be checked: failed to {error}")))?;
    if let Some(rule) = checks::secret_in(world.secrets, &text) {
        return Err(policy(rule));
    }
    let Some(branch) = &claim.branch else {
        return Ok(());
    };
    let now = stands_at(world, branch);
    if now == claim.continues {
        return Ok(());
    }
    let found = now.map_or_else(
        || "is gone".to_owned(),
        |oid| format!("is at {}", oid.short()),
    );
    Err((
        Trigger::HumanCommit,
        format!(
            "branch {branch} {found}, which fleet did not put there; it is left as it is. The work of \
             this attempt is commit {head} in the clone that made it"
        ),
    ))
}

/// Where a branch is, as far as it was fetched.
fn stands_at(world: &World<'_>, branch: &String) -> Option<Oid> {
    let facts = world.code.branches(std::slice::from_ref(branch));
    facts.ok()?.pop()?.head
}

/// What the work was made on: the start that the claim names, with the base merged in if the claim
/// says so. Made anew here, from objects.
fn ground(world: &World<'_>, result: &ResultDoc) -> Result<Merged, String> {
    let Some(theirs) = &result.claim.claim.merges else {
        return Ok(Merged {
            commit: result.start.clone(),
            conflicts: Vec::new(),
        });
    };
    let merged = world.code.merge(&result.start, theirs);
    merged.map_err(|error| format!("the work could not be checked: failed to {error}"))
}

fn ended(finished: &SessionFinished, held: bool, deliverable: Deliverable) -> Ended {
    match (&finished.outcome, held) {
        (_, true) => Ended::Held,
        (Outcome::Succeeded, false) if deliverable == Deliverable::Pr => Ended::Pushed,
        (Outcome::Succeeded, false) => Ended::Reported,
        (Outcome::Escalated, false) => Ended::AskedHuman,
        (
            Outcome::Failed {
                class: FailureClass::Cancelled,
            },
            false,
        ) => Ended::Stopped,
        (
            Outcome::Failed {
                class: FailureClass::Budget,
            },
            false,
        ) => Ended::OverBudget,
        (Outcome::Failed { .. }, false) => Ended::Failed,
    }
}

/// One line of the report.
pub(super) fn session_report(result: &ResultDoc, verdict: &Verdicted) -> SessionReport {
    let claim = &result.claim.claim;
    SessionReport {
        session: verdict.session,
        task: result.claim.task.clone(),
        title: result.claim.title.clone(),
        attempt: claim.attempt,
        agent: claim.agent.clone(),
        model: result.finished.model.clone(),
        ended: verdict.ended,
        summary: verdict.summary.clone(),
        branch: verdict.head.as_ref().and(claim.branch.clone()),
        review: None,
        usage: result.finished.usage,
        cost: result.finished.cost,
        cost_source: result.finished.cost_source,
        duration_ms: result.finished.duration_ms,
    }
}
