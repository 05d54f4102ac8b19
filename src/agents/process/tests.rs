//! What is said of the processes of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::agents::lines::Line;

struct Nowhere;

impl Sink for Nowhere {
    fn line(&mut self, _: Stream, _: Line<'_>) {}

    fn is_over(&mut self) -> bool {
        false
    }
}

/// Ends when what it leaves behind is there, in a session of its own, with the mark by which it is
/// known: a program that starts has its name before its environment.
const LEAVES: &str = "setsid sleep 60 & \
    until grep -q sleep /proc/$!/comm && grep -q left-behind /proc/$!/environ; do :; done";

fn left_behind(wrapped: bool) -> usize {
    let long = Duration::from_secs(60);
    let spec = Spec {
        program: "/bin/sh".into(),
        args: vec!["-c".into(), LEAVES.into()],
        env: BTreeMap::from([
            ("PATH".to_owned(), "/usr/bin:/bin".into()),
            (tree::MARK.to_owned(), "left-behind".into()),
        ]),
        cwd: std::env::temp_dir(),
        stdin: None,
        merged: true,
        wrapped,
        limits: Limits {
            idle: long,
            total: long,
            max_output: 1000,
            grace: long,
            linger: long,
        },
        run: "left-behind".to_owned(),
    };
    let ended = run(&spec, &Cancel::default(), &mut Nowhere).expect("a shell");
    assert_eq!(ended.code, Some(0));
    ended.stragglers
}

#[test]
fn what_is_left_running_is_counted_unless_a_confining_program_hides_it() {
    assert!(left_behind(false) > 0);
    assert_eq!(left_behind(true), 0);
}
