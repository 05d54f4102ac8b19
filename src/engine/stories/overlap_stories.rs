use super::world::World;
use crate::engine::holdings::conflicts_of_diff;
use crate::engine::overlap::{Pattern, example, literal_prefix, validate_glob};
use crate::engine::why::Why;

#[test]
fn globs_overlap_if_some_path_could_match_both() {
    for (a, b, wanted) in [
        ("src/lib.rs", "src/lib.rs", true),
        ("src/lib.rs", "src/main.rs", false),
        ("src", "src/lib.rs", true),
        ("src/", "src/a/b.rs", true),
        ("src/**", "src/new/file.rs", true),
        ("src/*.rs", "src/a/b.rs", false),
        ("src/*.rs", "src/*.md", false),
        ("src/a*", "src/b*", false),
        ("src/a*", "src/ab*", true),
        ("**/*.rs", "src/**", true),
        ("**/*.rs", "docs/*.md", false),
        ("**/Cargo.toml", "crates/*/Cargo.toml", true),
        ("{src,docs}/**", "docs/a.md", true),
        ("{src,docs}/**", "tests/a.rs", false),
        ("src/{a,b}.rs", "src/c.rs", false),
        ("src/?.rs", "src/a.rs", true),
        ("**", "anything/at/all", true),
        ("a/**/z", "a/z", true),
        ("a/**/z", "a/b/c", true), // a/b/c is a folder as well as a file: a/b/c/z
        ("./src/a.rs", "src/a.rs", true),
        ("srcs/**", "src/**", false),
        ("src//a.rs", "src/a.rs", true),
        ("src/", "src", true),
        ("././src/a.rs", "src/a.rs", true),
        ("[", "anything", true), // not a glob: fails closed
    ] {
        let (pa, pb) = (Pattern::glob(a), Pattern::glob(b));
        assert_eq!(
            pa.overlaps(&pb),
            wanted || a == "[" && pa.overlaps(&pb),
            "{a} and {b}"
        );
        let (la, lb) = (literal_prefix(a), literal_prefix(b));
        let may = la.starts_with(lb) || lb.starts_with(la);
        assert!(
            may || !pa.overlaps(&pb),
            "the quick look at {a} and {b} agrees"
        );
        assert_eq!(pa.overlaps(&pb), pb.overlaps(&pa), "{a} and {b}, both ways");
    }
}

#[test]
fn globs_are_checked_before_they_are_recorded() {
    for good in [
        "src/**",
        "a.rs",
        "*.{rs,md}",
        "docs/[a-z]*.md",
        "with space/ü",
    ] {
        assert_eq!(validate_glob(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        " ",
        "/etc/**",
        "../x",
        "a/../b",
        "a[",
        "{a,b",
        "a\nb",
        &"x".repeat(1025),
    ] {
        let said = validate_glob(bad).unwrap_err();
        assert!(said.contains("is not a path glob"), "{said}");
    }
    let many = "{a,b}".repeat(10);
    assert!(validate_glob(&many).is_err());
}

#[test]
fn work_in_review_holds_the_paths_that_it_really_changed() {
    let mut w = World::default();
    let a = w.task(&["docs/**"]);
    let (b, c, d) = (
        w.task(&["src/lib.rs"]),
        w.task(&["src/main.rs"]),
        w.task(&[]),
    );
    w.in_review(a, 1, &["docs/a.md", "src/lib.rs"]);
    assert!(
        matches!(w.whys(b)[..], [Why::OverlapsReview { .. }]),
        "{}",
        w.said(b)
    );
    assert_eq!(
        w.said(b),
        "src/lib.rs overlaps src/lib.rs, which T-1 changes in review"
    );
    assert_eq!(w.ready(), [c, d], "a task without paths overlaps nothing");
}

#[test]
fn a_diff_is_checked_at_publish_against_what_others_hold() {
    let mut w = World::default();
    let (a, b) = (w.task(&["src/**"]), w.task(&[]));
    w.start(a);
    let index = w.index();
    let paths = ["README.md".to_owned(), "src/x.rs".to_owned()];
    let found = conflicts_of_diff(&w.state, &index, b, &paths, w.now);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].ours.as_str(), found[0].theirs.as_str()),
        ("src/x.rs", "src/**")
    );
    assert_eq!(conflicts_of_diff(&w.state, &index, a, &paths, w.now), []);
}

#[test]
fn an_overlap_is_shown_by_an_existing_path() {
    let base = [
        "a.md".to_owned(),
        "src/a.rs".to_owned(),
        "src/b/c.rs".to_owned(),
    ];
    let found = example(&Pattern::glob("src/**"), &Pattern::glob("**/c.rs"), &base);
    assert_eq!(found, Some("src/b/c.rs"));
}
