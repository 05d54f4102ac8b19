//! The doctor: it reads everything again, and mends by adding.

use crate::env::{TestEnv, plant};

/// Path and bytes of every file of the log on the state branch.
fn log_of(clone: &crate::env::Clone<'_>) -> Vec<(String, String)> {
    let listed = clone.git(&[
        "ls-tree",
        "-r",
        "--name-only",
        "fleet/state",
        "--",
        ".orchestra/log",
    ]);
    let show = |path: &str| clone.git(&["show", &format!("fleet/state:{path}")]);
    listed
        .lines()
        .map(|path| (path.to_owned(), show(path)))
        .collect()
}

#[test]
fn the_doctor_mends_only_by_adding_records_and_changes_no_line() {
    let env = TestEnv::new();
    let (one, two) = (env.ready("one"), env.ready("two"));
    one.fleet(&["q", "Hers"]).expect_exit(0);
    two.fleet(&["q", "His"]).expect_exit(0);
    one.git(&["fetch", "-q", "../two", "fleet/state:refs/heads/theirs"]);
    one.git(&["checkout", "-q", "fleet/state"]);
    let merge = [
        "merge",
        "-q",
        "--allow-unrelated-histories",
        "-m",
        "forced",
        "theirs",
    ];
    one.git(&merge);
    one.git(&["checkout", "-q", "main"]);
    // Damage of every kind lies beside it.
    let damage = "{\"v\":1,\"torn\n\0\n<<<<<<< a\nnot a record\n{\"v\":1}\nlast without an end";
    plant(
        &one,
        ".orchestra/log/2026-11/wz-0000.jsonl",
        damage.as_bytes(),
    );
    let (before, tip) = (log_of(&one), one.git(&["rev-parse", "fleet/state"]));
    for look in [&["doctor"][..], &["doctor", "--verify"]] {
        assert_ne!(one.fleet(look).exit, 0, "two tasks have one number");
        assert_eq!(
            one.git(&["rev-parse", "fleet/state"]),
            tip,
            "{look:?} writes nothing"
        );
    }
    for _ in 0..2 {
        one.fleet(&["doctor", "--fix", "--verify"]);
        let after = log_of(&one);
        for (path, bytes) in &before {
            let now = after.iter().find(|(p, _)| p == path);
            let now = now.map(|(_, bytes)| bytes.as_str()).unwrap_or_default();
            assert!(now.starts_with(bytes.as_str()), "{path} was rewritten");
        }
        let added: usize = after.iter().map(|(_, b)| b.len()).sum::<usize>()
            - before.iter().map(|(_, b)| b.len()).sum::<usize>();
        assert!(added > 0, "the repair is a record");
        one.git(&["merge-base", "--is-ancestor", tip.trim(), "fleet/state"]);
    }
    let listed = one.fleet(&["list"]).stdout;
    assert!(listed.contains("T-1") && listed.contains("T-2"), "{listed}");
    let doctor = one.fleet(&["doctor"]).stdout;
    for line in 1..=6 {
        assert!(
            doctor.contains(&format!("wz-0000.jsonl:{line}")),
            "line {line} stays told: {doctor}"
        );
    }
}

#[test]
fn i14_doctor_verify_folds_every_record_again_and_says_how_many() {
    let env = TestEnv::new();
    let clone = env.ready("one");
    for title in ["a", "b", "c"] {
        clone.fleet(&["q", title]).expect_exit(0);
    }
    clone.fleet(&["close", "T-2"]).expect_exit(0);
    let told = clone.data(&["doctor", "--verify"]);
    let facts = told["facts"].to_string();
    assert!(facts.contains("records fold to this state"), "{facts}");
}

#[test]
fn two_tasks_with_one_reference_are_told_with_both_ids_and_what_to_type() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.story(&[
        "add One --external-ref gh-9",
        "add Two --external-ref gh-10",
        "add Three --external-ref gh-9",
    ]);
    let doubled = || -> Vec<(String, String)> {
        let found = clone.data(&["doctor"]);
        let findings = found["findings"].as_array().expect("findings").iter();
        let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
        findings
            .filter(|finding| finding["code"] == "doubled_reference")
            .map(|finding| (text(&finding["what"]), text(&finding["next"])))
            .collect()
    };
    insta::assert_debug_snapshot!(doubled(), @r#"
    [
        (
            "T-1 and T-3 carry the reference gh-9; an import takes T-1 for it",
            "`fleet merge T-1 T-3` makes one of them, `fleet update T-3 --clear external-ref` parts them",
        ),
    ]
    "#);
    // Parted, they are two; merged, they are one.
    clone.story(&["update T-3 --clear external-ref"]);
    assert_eq!(doubled(), []);
    clone.story(&["update T-3 --external-ref gh-9", "merge T-1 T-3"]);
    assert_eq!(doubled(), []);
}
