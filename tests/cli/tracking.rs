//! Checklists, gates, edges with outcomes, epics, milestones, times and remarks as people use them.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use insta::assert_snapshot;

use crate::env::TestEnv;

#[test]
fn a_checklist_is_met_point_by_point_and_counted() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "add 'Parse dates' --acceptance 'leap years' --acceptance 'time zones' --acceptance docs",
        "check T-1 1 3",
        "check T-1 1",
        "uncheck T-1 3",
        "check T-1 4",
        "update T-1 --acceptance 'leap years' --acceptance benchmarks",
        "show T-1",
    ]), @"
    $ fleet add 'Parse dates' --acceptance 'leap years' --acceptance 'time zones' --acceptance docs
    T-1  Parse dates
    $ fleet check T-1 1 3
    T-1  updated  Parse dates (acceptance)
    $ fleet check T-1 1
    T-1  unchanged  Parse dates (already so)
    $ fleet uncheck T-1 3
    T-1  updated  Parse dates (acceptance)
    $ fleet check T-1 4
    ! error: there is no acceptance point 4, the task has 3
    ! hint: `fleet show` numbers them from 1
    [exit 2]
    $ fleet update T-1 --acceptance 'leap years' --acceptance benchmarks
    T-1  updated  Parse dates (acceptance)
    $ fleet show T-1
    T-1  Parse dates
    phase        ready
    type         implementation
    priority     P2
    complexity   medium
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:07
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

    Acceptance (1 of 2)
      1.  [x]  leap years
      2.  [ ]  benchmarks
    ");
}

#[test]
fn points_checked_at_the_same_time_in_two_clones_both_count() {
    let env = TestEnv::new();
    let [ada, ben] = env.team(["ada", "ben"]);
    ada.fleet(&["add", "Parse", "--acceptance", "one", "--acceptance", "two"])
        .expect_exit(0);
    ben.fleet(&["sync"]).expect_exit(0);
    env.hub_is_up(false);
    ada.fleet(&["check", "T-1", "1"]).expect_exit(0);
    ben.fleet(&["check", "T-1", "2"]).expect_exit(0);
    env.hub_is_up(true);
    ada.fleet(&["sync"]).expect_exit(0);
    ben.fleet(&["sync"]).expect_exit(0);
    let shown = ben.fleet(&["show", "T-1", "--json"]);
    assert!(
        shown.stdout.contains(r#""checklist":{"done":2,"total":2}"#),
        "{}",
        shown.stdout
    );
}

#[test]
fn gates_hold_a_task_until_they_open() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "add 'Release it'",
        "gate add T-1 human --note 'legal has to agree'",
        "gate add T-1 timer 'in 2 hours'",
        "gate add T-1 ci nightly",
        "gate add T-1 timer",
        "gate add T-1 pr",
        "gate add T-1 human later",
        "blocked",
        "gate list",
        "gate pass T-1",
        "gate pass T-1 1 --note 'they do'",
        "gate rm T-1 2",
        "gate pass T-1 3",
        "gate pass T-1 3",
        "ready",
        "gate reset T-1 3",
        "gate list T-1 --all",
        "log T-1",
    ]), @r#"
    $ fleet add 'Release it'
    T-1  Release it
    $ fleet gate add T-1 human --note 'legal has to agree'
    T-1  gate 1  waiting  human    legal has to agree
    $ fleet gate add T-1 timer 'in 2 hours'
    T-1  gate 2  waiting  timer  2026-11-21 10:04
    $ fleet gate add T-1 ci nightly
    T-1  gate 3  waiting  ci  nightly
    $ fleet gate add T-1 timer
    ! error: a timer needs a time
    ! hint: `fleet gate add T-7 timer "tomorrow 9am"`
    [exit 2]
    $ fleet gate add T-1 pr
    ! error: the gate does not say what it waits for
    ! hint: `fleet gate add T-7 pr 12`, `fleet gate add T-7 ci nightly`
    [exit 2]
    $ fleet gate add T-1 human later
    ! error: a human gate takes no `later`; a reason goes into --note
    ! hint: `fleet gate add --help` shows a gate of each kind
    [exit 2]
    $ fleet blocked
    T-1  P2  implementation  deferred  Release it
        a gate waits for a human: legal has to agree
        a gate waits until 2026-11-21T10:04:00.000Z
        a gate waits for CI run nightly
    $ fleet gate list
    T-1  gate 1  waiting  human                    legal has to agree
    T-1  gate 2  waiting  timer  2026-11-21 10:04
    T-1  gate 3  waiting  ci     nightly
    $ fleet gate pass T-1
    ! error: T-1 has 3 gates, not one
    ! hint: `fleet gate list T-1` numbers them from 1
    [exit 3]
    $ fleet gate pass T-1 1 --note 'they do'
    T-1  gate 1  passed  human    legal has to agree
    $ fleet gate rm T-1 2
    T-1  gate 2  removed  timer  2026-11-21 10:04
    $ fleet gate pass T-1 3
    T-1  gate 3  passed  ci  nightly
    $ fleet gate pass T-1 3
    T-1  gate 3  passed  ci  nightly
    $ fleet ready
    T-1  P2  implementation  Release it
    $ fleet gate reset T-1 3
    T-1  gate 3  waiting  ci  nightly
    $ fleet gate list T-1 --all
    T-1  gate 1  passed   human                    legal has to agree
    T-1  gate 2  removed  timer  2026-11-21 10:04
    T-1  gate 3  waiting  ci     nightly
    $ fleet log T-1
    T-1  Release it
    2026-11-21 08:02  human:Ada  task.added     Release it
    2026-11-21 08:02  human:Ada  task.numbered  T-1
    2026-11-21 08:03  human:Ada  gate.added     human  legal has to agree
    2026-11-21 08:04  human:Ada  gate.added     timer 2026-11-21T10:04:00.000Z
    2026-11-21 08:05  human:Ada  gate.added     ci nightly
    2026-11-21 08:12  human:Ada  gate.set       passed they do
    2026-11-21 08:13  human:Ada  gate.set       removed
    2026-11-21 08:14  human:Ada  gate.set       passed
    2026-11-21 08:17  human:Ada  gate.set       waiting
    "#);
    let mut agent = clone.command(&["gate", "pass", "T-1", "1"]);
    agent.env("FLEET_ACTOR", "agent:bot");
    let out = agent.output().expect("fleet runs");
    assert_eq!(out.status.code(), Some(2), "a human's gate is no agent's");
}

#[test]
fn edges_open_by_the_outcome_that_they_name() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "add 'Plan A'",
        "add 'Plan B' --dep on-failure:T-1",
        "add 'Report what came of it' --dep on-close:T-1",
        "add 'Go on' --dep T-1",
        "gate add T-4 task T-2 --on any",
        "ready",
        "close T-1 --outcome failed --reason 'the API is gone'",
        "ready",
        "blocked",
        "dep add T-1 T-2 --kind on-close",
    ]), @"
    $ fleet add 'Plan A'
    T-1  Plan A
    $ fleet add 'Plan B' --dep on-failure:T-1
    T-2  Plan B
    $ fleet add 'Report what came of it' --dep on-close:T-1
    T-3  Report what came of it
    $ fleet add 'Go on' --dep T-1
    T-4  Go on
    $ fleet gate add T-4 task T-2 --on any
    T-4  on-close  T-2  added
    $ fleet ready
    T-1  P2  implementation  Plan A
    $ fleet close T-1 --outcome failed --reason 'the API is gone'
    T-1  closed  Plan A (failed)
    $ fleet ready
    T-2  P2  implementation  Plan B
    T-3  P2  implementation  Report what came of it
    $ fleet blocked
    T-4  P2  implementation  blocked  Go on
        blocked by T-1 (closed as failed)
        waits for T-2 (open)
    $ fleet dep add T-1 T-2 --kind on-close
    ! error: the dependency would close a cycle: T-1 -> T-2 -> T-1
    ! hint: take one edge of the cycle away first: `fleet dep rm <TASK> <ON>`
    [exit 5]
    ");
}

#[test]
fn epics_and_milestones_add_up_what_belongs_to_them() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "add 'All about dates' -t epic",
        "add 'Parse dates' --parent T-1 --estimate 4h --milestone v1",
        "add 'Print dates' --parent T-1 --estimate 1d --milestone v1",
        "add 'In Klingon' --parent T-3 --estimate 30m --milestone v2",
        "add 'Announce it' --dep waits-for:T-1",
        "milestone set v1 --due 'friday 17:00' --note 'first release'",
        "milestone set v0 --close",
        "close T-2",
        "epics",
        "milestone list",
        "milestone list --all --json",
        "show T-1",
        "list --json --limit 1",
        "blocked",
        "update T-3 --clear milestone --clear estimate",
        "milestone set v1",
    ]), @r#"
    $ fleet add 'All about dates' -t epic
    T-1  All about dates
    $ fleet add 'Parse dates' --parent T-1 --estimate 4h --milestone v1
    T-2  Parse dates
    $ fleet add 'Print dates' --parent T-1 --estimate 1d --milestone v1
    T-3  Print dates
    $ fleet add 'In Klingon' --parent T-3 --estimate 30m --milestone v2
    T-4  In Klingon
    $ fleet add 'Announce it' --dep waits-for:T-1
    T-5  Announce it
    $ fleet milestone set v1 --due 'friday 17:00' --note 'first release'
    v1  due 2026-11-27 17:00
    $ fleet milestone set v0 --close
    v0  over
    $ fleet close T-2
    T-2  closed  Parse dates (done)
    $ fleet epics
    T-1  P2  open  1 of 3 done, 1d 30m to go  All about dates
    T-3  P2  open  0 of 1 done, 30m to go     Print dates
    $ fleet milestone list
    v1  1 of 2 done, 1d to go   due 2026-11-27 17:00  first release
    v2  0 of 1 done, 30m to go
    $ fleet milestone list --all --json
    {"schema_version":1,"ok":true,"data":{"milestones":[{"name":"v1","due":"2026-11-27T17:00:00.000Z","closed":false,"note":"first release","tasks":{"done":1,"total":2,"estimate_minutes":720,"estimate_open_minutes":480,"cost_usd_micros":0}},{"name":"v2","due":null,"closed":false,"note":"","tasks":{"done":0,"total":1,"estimate_minutes":30,"estimate_open_minutes":30,"cost_usd_micros":0}},{"name":"v0","due":null,"closed":true,"note":"","tasks":{"done":0,"total":0,"estimate_minutes":0,"estimate_open_minutes":0,"cost_usd_micros":0}}],"total":3,"has_more":false}}
    $ fleet show T-1
    T-1  All about dates
    phase        waiting
    because      its part T-3 is open
    type         epic
    priority     P2
    complexity   medium
    parts        1 of 3 done, 1d 30m to go
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:02
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

    Needed by
      T-2  parent-child  closed  Parse dates
      T-3  parent-child  open    Print dates
      T-5  waits-for     open    Announce it
    $ fleet list --json --limit 1
    {"schema_version":1,"ok":true,"data":{"tasks":[{"id":"T-1","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e532f","title":"All about dates","type":"epic","priority":2,"complexity":"medium","status":"open","phase":"waiting","labels":[]}],"total":4,"has_more":true}}
    ! note: 1 of 4 shown
    $ fleet blocked
    T-1  P2  epic  waiting  All about dates
        its part T-3 is open
    T-3  P2  implementation  waiting  Print dates
        its part T-4 is open
    T-5  P2  implementation  blocked  Announce it
        waits for T-3 (open)
    $ fleet update T-3 --clear milestone --clear estimate
    T-3  updated  Print dates (milestone, estimate)
    $ fleet milestone set v1
    ! error: nothing is said of the milestone
    ! hint: `fleet milestone set NAME --due "next friday"`
    [exit 2]
    "#);
}

#[test]
fn times_are_said_as_people_say_them_in_their_own_zone() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let run = |args: &[&str]| {
        let mut command = clone.command(args);
        command.env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
        let out = command.output().expect("fleet runs");
        format!(
            "{}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        )
    };
    run(&["add", "Call them", "--due", "dec 24 6pm"]);
    run(&["defer", "T-1", "tomorrow", "9am"]);
    let shown = run(&["show", "T-1", "--json"]);
    assert!(
        shown.contains(r#""due":"2026-12-24T17:00:00.000Z""#),
        "{shown}"
    );
    assert!(
        shown.contains(r#""defer_until":"2026-11-22T08:00:00.000Z""#),
        "{shown}"
    );
    run(&["defer", "T-1", "2027-07-01"]);
    let shown = run(&["show", "T-1", "--json"]);
    assert!(
        shown.contains(r#""defer_until":"2027-06-30T22:00:00.000Z""#),
        "summer: {shown}"
    );
    assert_snapshot!(run(&["defer", "T-1", "some", "day"]), @r#"
    error: `some day` is no time; write `tomorrow 9am`, `in 3 days`, `next monday`, `2h30m`, `2026-11-21 17:00` or an RFC 3339 time
    hint: `fleet defer T-7 "tomorrow 9am"`
    "#);
}

#[test]
fn a_remark_can_be_edited_and_keeps_its_older_texts() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "add 'Parse dates'",
        "comment T-1 'see T-3'",
        "comment T-1 'thanks'",
        "comment T-1 --edit 1 'see T-4'",
        "comment T-1 --edit 1 'see T-4'",
        "comment T-1 --edit 3 'see T-4'",
        "comment T-1 --versions 1",
        "show T-1",
    ]), @"
    $ fleet add 'Parse dates'
    T-1  Parse dates
    $ fleet comment T-1 'see T-3'
    T-1  commented  Parse dates
    $ fleet comment T-1 thanks
    T-1  commented  Parse dates
    $ fleet comment T-1 --edit 1 'see T-4'
    T-1  commented  Parse dates (comment 1)
    $ fleet comment T-1 --edit 1 'see T-4'
    T-1  unchanged  Parse dates (already so)
    $ fleet comment T-1 --edit 3 'see T-4'
    ! error: there is no comment 3, the task has 2
    ! hint: `fleet show` numbers them from 1
    [exit 3]
    $ fleet comment T-1 --versions 1
    human:Ada at 2026-11-21 08:03
      see T-3

    human:Ada at 2026-11-21 08:05
      see T-4
    $ fleet show T-1
    T-1  Parse dates
    phase        ready
    type         implementation
    priority     P2
    complexity   medium
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:05
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

    Comment 1 of human:Ada at 2026-11-21 08:03, edited 2026-11-21 08:05
      see T-4

    Comment 2 of human:Ada at 2026-11-21 08:04
      thanks
    ");
}
