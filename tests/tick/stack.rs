//! Branches that must be brought up to date, and branches that stand on others.

use fleet::app::tick::report::Ended;
use fleet::domain::dep::DepKind;
use fleet::domain::escalation::Trigger;
use fleet::domain::policy::UnblockOn;
use fleet::domain::record::{DepEdge, Op};
use fleet::domain::review::FeedbackKind;
use fleet::domain::session::{FailureClass, Outcome};
use fleet::ports::forge::ForgeState;

use crate::talk::{head, working};
use crate::town::Town;

/// A person changes a file on main.
fn on_main(town: &Town, path: &str, text: &str) {
    let human = town.path("one");
    town.git(&human, &["switch", "-q", "main"]);
    town.git(&human, &["pull", "-q"]);
    std::fs::write(human.join(path), text).unwrap();
    town.git(&human, &["add", "."]);
    town.git(&human, &["commit", "-qm", "by hand"]);
    town.git(&human, &["push", "-q", "origin", "main"]);
}

/// The first attempt adds a line; later ones resolve by keeping every line of both.
const RESOLVES: &str = r#"if [ "$FLEET_ATTEMPT" = 1 ]; then echo mine >> src/a.txt
    else grep -q 'src/a.txt' "$0" && sed -i '/^<<<<<<< /d; /^=======$/d; /^>>>>>>> /d' src/a.txt; fi"#;

#[test]
fn i4_a_conflict_is_resolved_in_a_real_merge_commit() {
    let (town, clone, desk) = working(RESOLVES);
    clone.add("Add a line", &[]);
    clone.tick();
    let before = head(&town, "agent/T-1");
    on_main(&town, "src/a.txt", "one\ntheirs\n");
    let main = head(&town, "main");

    let report = clone.tick();

    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let remote = town.path("remote.git");
    let parents = town.git(&remote, &["log", "-1", "--format=%P", "agent/T-1"]);
    assert_eq!(
        parents,
        format!("{before} {main}"),
        "the old head, then main"
    );
    let text = town.git(&remote, &["show", "agent/T-1:src/a.txt"]);
    assert_eq!(text, "one\nmine\ntheirs");
    assert_eq!(desk.pull(1).draft.head, head(&town, "agent/T-1"));
    assert!(
        desk.said()[0].text.contains("Attempt 2"),
        "{:#?}",
        desk.said()
    );
    assert!(clone.tick().sessions.is_empty(), "it merges now");
}

#[test]
fn a_merge_with_marks_left_is_refused() {
    let (town, clone, _desk) = working("echo mine >> src/a.txt");
    let task = clone.add("Add a line", &[]);
    clone.tick();
    let before = head(&town, "agent/T-1");
    on_main(&town, "src/a.txt", "one\ntheirs\n");
    clone.tick();
    assert_eq!(head(&town, "agent/T-1"), before);
    let state = clone.state();
    let session = state.sessions[&state.index().sessions_of(task)[1]]
        .finished
        .clone();
    let (finished, _) = session.unwrap();
    let class = FailureClass::VerifyFailed;
    assert_eq!(finished.outcome, Outcome::Failed { class });
    assert_eq!(finished.verify, [], "no check ran on such a tree");
}

#[test]
fn what_merges_by_itself_needs_no_agent() {
    let (town, clone, desk) = working(r#"[ "$FLEET_ATTEMPT" = 1 ] && echo mine > src/mine.txt"#);
    let task = clone.add("Add a file", &[]);
    clone.tick();
    let before = head(&town, "agent/T-1");
    on_main(&town, "src/theirs.txt", "theirs\n");
    let behind = (FeedbackKind::Conflict, "behind:1");
    desk.feedback(1, behind, &before, "the forge says that it does not merge");

    let report = clone.tick();

    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let remote = town.path("remote.git");
    let files = town.git(&remote, &["ls-tree", "--name-only", "-r", "agent/T-1"]);
    assert!(
        files.contains("src/mine.txt") && files.contains("src/theirs.txt"),
        "{files}"
    );
    let state = clone.state();
    let session = &state.sessions[&state.index().sessions_of(task)[1]];
    let (finished, _) = session.finished.as_ref().unwrap();
    assert!(
        finished.summary.contains("no agent was needed"),
        "{}",
        finished.summary
    );
    assert_eq!(
        finished.paths,
        ["src/mine.txt"],
        "its own change, not main's"
    );
    assert_eq!(session.cost().0, 0);
}

/// `T-2` depends on `T-1` and may start when that is in review.
fn stacked() -> (Town, crate::town::Clone, crate::desk::Desk) {
    let (town, mut clone, desk) = working("echo $FLEET_TASK > src/$FLEET_TASK.txt");
    clone.policy.unblock_on = UnblockOn::Review;
    let first = clone.add("First", &["src/T-1.txt"]);
    let second = clone.add("Second", &["src/**"]);
    clone.write(vec![Op::DepAdded(DepEdge {
        from: second,
        to: first,
        kind: DepKind::Blocks,
    })]);
    let report = clone.tick();
    let ran: Vec<_> = report.sessions.iter().map(|s| s.task.as_str()).collect();
    assert_eq!(ran, ["T-1", "T-2"], "{report:#?}");
    (town, clone, desk)
}

#[test]
fn a_dependent_stands_on_the_branch_in_review_and_goes_on_to_main_when_that_is_merged() {
    let (town, clone, desk) = stacked();
    let (one, two) = (head(&town, "agent/T-1"), head(&town, "agent/T-2"));
    let remote = town.path("remote.git");
    assert_eq!(
        town.git(&remote, &["rev-parse", "agent/T-2^"]),
        one.as_str()
    );
    assert_eq!(desk.pull(2).draft.base_branch, "agent/T-1");
    let state = clone.state();
    let session = state
        .sessions
        .values()
        .find(|s| s.head() == Some(&two))
        .unwrap();
    let (finished, _) = session.finished.as_ref().unwrap();
    assert_eq!(
        finished.paths,
        ["src/T-2.txt"],
        "only its own change counts"
    );

    let human = town.path("one");
    town.git(&human, &["fetch", "-q"]);
    town.git(&human, &["merge", "-q", "--squash", "origin/agent/T-1"]);
    town.git(&human, &["commit", "-qm", "squashed"]);
    town.git(&human, &["push", "-q", "origin", "main"]);
    desk.change(1, |pull| pull.state = ForgeState::Merged { commit: None });
    let report = clone.tick();
    assert!(report.sessions.is_empty(), "{report:#?}");
    assert_eq!(desk.pull(2).draft.base_branch, "main");
    assert_eq!(desk.pull(2).draft.head, two, "i4: PR head = recorded oid");
    let state = clone.state();
    let review = state.reviews.values().find(|r| r.is_open()).unwrap();
    assert_eq!(review.base_branch(), Some("main"));
    let calls = desk.calls();
    clone.tick();
    assert_eq!(desk.calls(), calls, "i8: once");
}

#[test]
fn when_the_work_below_is_given_up_a_human_is_asked_once() {
    let (_town, clone, desk) = stacked();
    desk.change(1, |pull| pull.state = ForgeState::Closed);
    for _ in 0..2 {
        let report = clone.tick();
        assert_eq!(report.open_questions, 2, "of both tasks: {report:#?}");
    }
    let state = clone.state();
    let asked = state.escalations.values().filter_map(|e| e.opened.as_ref());
    let about: Vec<_> = asked
        .filter(|(o, _)| o.trigger == Trigger::ReviewRejected)
        .map(|(o, _)| o.context.clone())
        .collect();
    assert!(
        about.iter().any(|text| text.contains("T-2 builds on T-1")),
        "{about:#?}"
    );
    assert_eq!(desk.pull(2).draft.base_branch, "agent/T-1");
}

#[test]
fn a_base_that_a_human_chose_is_respected_and_merged_from_then_on() {
    let (town, clone, desk) = working(RESOLVES);
    clone.add("Add a line", &[]);
    let human = town.path("one");
    town.git(&human, &["push", "-q", "origin", "main:release"]);
    clone.tick();
    desk.change(1, |pull| pull.base_branch = Some("release".to_owned()));
    clone.tick();
    let base = |clone: &crate::town::Clone| {
        let state = clone.state();
        let review = state.reviews.values().next().unwrap().clone();
        review.base_branch().map(str::to_owned)
    };
    assert_eq!(base(&clone).as_deref(), Some("release"));
    town.git(&human, &["switch", "-q", "-c", "release", "origin/main"]);
    std::fs::write(human.join("src/a.txt"), "one\nreleased\n").unwrap();
    town.git(&human, &["commit", "-qam", "on the release"]);
    town.git(&human, &["push", "-q", "origin", "release"]);
    town.git(&human, &["update-ref", "-d", "refs/remotes/origin/release"]);
    let report = clone.tick();
    assert_eq!(report.sessions.len(), 1, "{report:#?}");
    let text = town.git(&town.path("remote.git"), &["show", "agent/T-1:src/a.txt"]);
    assert_eq!(text, "one\nmine\nreleased");
    assert_eq!(desk.pull(1).draft.base_branch, "release", "not fought");
    assert_eq!(base(&clone).as_deref(), Some("release"));
}

#[test]
fn an_update_from_the_base_by_a_human_is_gone_on_from_without_a_question() {
    let (town, clone, desk) = working("echo mine > src/mine.txt");
    let task = clone.add("Add a file", &[]);
    clone.tick();
    on_main(&town, "src/theirs.txt", "theirs\n");
    let human = town.path("one");
    town.git(&human, &["fetch", "-q"]);
    town.git(&human, &["switch", "-q", "-c", "mine", "origin/agent/T-1"]);
    town.git(
        &human,
        &["merge", "-q", "--no-ff", "-m", "update", "origin/main"],
    );
    town.git(&human, &["push", "-q", "origin", "mine:agent/T-1"]);
    let updated = head(&town, "agent/T-1");
    let report = clone.tick();
    assert_eq!(report.open_questions, 0, "{report:#?}");
    let recorded = |clone: &crate::town::Clone| {
        let state = clone.state();
        let review = state.reviews[&state.index().reviews_of(task)[0]].clone();
        review.head.value.unwrap()
    };
    assert_eq!(recorded(&clone), updated, "i4");
    // A commit besides is a human's own: it is asked about.
    std::fs::write(human.join("src/mine.txt"), "by hand\n").unwrap();
    town.git(&human, &["commit", "-qam", "a human was here"]);
    town.git(&human, &["push", "-q", "origin", "mine:agent/T-1"]);
    let report = clone.tick();
    assert_eq!(report.open_questions, 1, "{report:#?}");
    assert_eq!(recorded(&clone), updated);
    assert!(desk.said().is_empty());
}

#[test]
fn a_file_that_holds_marks_of_its_own_can_be_resolved() {
    let script = r#"if [ "$FLEET_ATTEMPT" = 1 ]; then echo mine >> src/marks.txt
    else sed -i '/^<<<<<<< this branch/d; /^=======$/d; /^>>>>>>> its base/d' src/marks.txt; fi"#;
    let (town, clone, _desk) = working(script);
    let example = "<<<<<<< HEAD\nan example\n>>>>>>> theirs\n";
    on_main(&town, "src/marks.txt", example);
    clone.add("Add a line", &[]);
    clone.tick();
    on_main(&town, "src/marks.txt", &format!("{example}theirs\n"));
    let report = clone.tick();
    assert_eq!(report.sessions[0].ended, Ended::InReview, "{report:#?}");
    let remote = town.path("remote.git");
    let text = town.git(&remote, &["show", "agent/T-1:src/marks.txt"]);
    assert_eq!(text, format!("{example}mine\ntheirs"));
}

#[test]
fn i4_a_review_that_goes_on_to_main_stays_there_for_the_rest_of_the_tick() {
    let (_town, clone, desk) = stacked();
    desk.change(2, |pull| pull.base_branch = Some("agent/T-1".to_owned()));
    clone.add("Third, so that the tick decides again", &["docs/**"]);
    desk.change(1, |pull| pull.state = ForgeState::Merged { commit: None });
    clone.tick();
    let state = clone.state();
    let reviews = state.reviews.values();
    let mut of_second = reviews.filter(|r| r.opened.as_ref().unwrap().0.branch == "agent/T-2");
    let review = of_second.next().unwrap();
    assert_eq!(review.base_branch(), Some("main"));
    assert_eq!(desk.pull(2).draft.base_branch, "main");
}
