//! `fleet review`: reading and judging work without a forge.

use crate::world::{Shape, World};

const AGENT: &str = r#"case "$FLEET_TASK" in
T-1) echo "line $FLEET_ATTEMPT" >> notes; echo "I wrote notes.";;
*) echo other > notes; echo "I wrote other notes.";;
esac"#;

fn told(world: &World, args: &[&str]) -> (i32, String) {
    let out = world.fleet(args);
    let mut text = String::from_utf8(out.stdout).unwrap();
    text.push_str(&String::from_utf8(out.stderr).unwrap());
    (out.status.code().unwrap(), text)
}

#[test]
fn work_is_read_judged_reworked_approved_and_merged_without_a_forge() {
    let world = World::new(AGENT, Shape::default(), &["Write notes", "Write others"]);
    assert!(world.ok(&["review"]).contains("nothing is in review"));
    // One after the other: who waits longer comes first.
    world.ok(&["tick", "--only", "T-1"]);
    world.ok(&["tick"]);

    let list = world.ok(&["review"]);
    assert!(list.contains("T-1") && list.contains("waiting"), "{list}");
    assert!(list.contains("not checked"), "{list}");
    assert!(
        list.contains("merge T-1 before T-2: both change notes"),
        "a real merge of the two was tried: {list}"
    );
    let page = world.ok(&["review", "T-1"]);
    for wanted in [
        "Write notes",
        "I wrote notes.",
        "+line 1",
        "merges with main",
        "git merge --no-ff agent/T-1",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert!(
        !page.contains('\u{1b}'),
        "no colour but on a terminal: {page}"
    );
    let coloured = world.ok(&["review", "T-1", "--color", "always"]);
    assert!(coloured.contains("\u{1b}[32m+line 1"), "{coloured}");
    let stat = world.data(&["review", "T-1", "--stat"]);
    assert_eq!(stat["files"][0]["path"], "notes");
    assert_eq!(stat["files"][0]["added"], 1);
    assert!(stat.get("patch").is_none(), "{stat}");

    let said = world.data(&["review", "T-1", "--request-changes", "one more line"]);
    assert_eq!(said["verdict"], "changes_requested");
    assert_eq!(world.data(&["review"])["reviews"][0]["state"], "rework");
    world.ok(&["tick"]);
    let page = world.ok(&["review", "T-1"]);
    assert!(page.contains("+line 2"), "{page}");

    let first = world.data(&["review", "T-1", "--approve"]);
    assert_eq!(first["records"][0], "review.approved");
    let again = world.data(&["review", "T-1", "--approve"]);
    assert_eq!(again["records"].as_array().unwrap().len(), 0, "{again}");
    let list = world.data(&["review"]);
    assert_eq!(list["reviews"][0]["state"], "approved");
    assert_eq!(list["reviews"][0]["approved_by"], "human:Ada");

    world.git(
        "repo",
        &["merge", "-q", "--no-ff", "-m", "merged", "agent/T-1"],
    );
    world.ok(&["tick"]);
    let (code, text) = told(&world, &["review", "T-1"]);
    assert_eq!(code, 3, "{text}");
    assert!(text.contains("T-1 has no open review"), "{text}");
}

#[test]
fn an_empty_verdict_is_refused_and_a_dry_run_records_nothing() {
    let world = World::new(AGENT, Shape::default(), &["Write notes"]);
    world.ok(&["tick"]);
    let (code, text) = told(&world, &["review", "T-1", "--request-changes"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("the text is empty"), "{text}");
    let dry = world.ok(&["review", "T-1", "--approve", "--dry-run"]);
    assert!(
        dry.contains("dry run: would record review.approved"),
        "{dry}"
    );
    assert_eq!(world.data(&["review"])["reviews"][0]["state"], "waiting");
}
