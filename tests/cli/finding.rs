//! Finding, counting and judging tasks through the real program.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use insta::assert_snapshot;

use crate::env::{Clone, TestEnv};

/// A repository with a small backlog.
fn backlog(env: &TestEnv) -> Clone<'_> {
    let clone = env.ready("project");
    for line in [
        "add 'Parse dates with time zones' -t bug -p 1 -l api -l area:core --body 'All formats of RFC 3339.' --acceptance 'leap years'",
        "add 'Print dates' -t implementation -l ui --dep T-1 --estimate 4h --milestone v1",
        "add 'Parse dates with time zone' -l cli --body 'All formats of RFC 3339!' --external-ref gh-9",
        "add 'fix stuff' -p 3",
        "add 'Announce the parser' -t documentation --dep T-2 --due 2026-11-20 --assignee grace",
        "comment T-4 'The leap second of 2016 breaks it.'",
        "close T-3 --reason 'not needed'",
        "reopen T-3",
    ] {
        clone.story(&[line]);
    }
    clone
}

#[test]
fn the_query_language_finds_what_it_says() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    assert_snapshot!(clone.story(&[
        "query 'type:bug prio<=1 label:api sort:prio'",
        "query 'label:area:* OR label:ui,cli sort:-id'",
        "query '-is:ready has:dep'",
        "query 'dates -label:ui'",
        "query 'is:overdue assignee:grace'",
        "query 'updated>2h comment:\"leap second\"'",
        "query 'milestone:none sort:created' --limit 2",
        "query '' --json --limit 1",
    ]), @r#"
    $ fleet query 'type:bug prio<=1 label:api sort:prio'
    T-1  P1  bug  ready  Parse dates with time zones
    $ fleet query 'label:area:* OR label:ui,cli sort:-id'
    T-3  P2  implementation  ready    Parse dates with time zone
    T-2  P2  implementation  blocked  Print dates
    T-1  P1  bug             ready    Parse dates with time zones
    $ fleet query '-is:ready has:dep'
    T-2  P2  implementation  blocked  Print dates
    T-5  P2  documentation   blocked  Announce the parser (@grace)
    $ fleet query 'dates -label:ui'
    T-1  P1  bug             ready  Parse dates with time zones
    T-3  P2  implementation  ready  Parse dates with time zone
    $ fleet query 'is:overdue assignee:grace'
    T-5  P2  documentation  blocked  Announce the parser (@grace)
    $ fleet query 'updated>2h comment:"leap second"'
    T-4  P3  implementation  ready  fix stuff
    $ fleet query 'milestone:none sort:created' --limit 2
    T-1  P1  bug             ready  Parse dates with time zones
    T-3  P2  implementation  ready  Parse dates with time zone
    ! note: 2 of 4 shown
    $ fleet query '' --json --limit 1
    {"schema_version":1,"ok":true,"data":{"tasks":[{"id":"T-1","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e532f","title":"Parse dates with time zones","type":"bug","priority":1,"complexity":"medium","status":"open","phase":"ready","labels":["api","area:core"],"checklist":{"done":0,"total":1}}],"total":5,"has_more":true}}
    ! note: 1 of 5 shown
    "#);
}

#[test]
fn a_wrong_query_points_at_its_column_and_teaches() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "query 'type:bug lable:api'",
        "query 'is:raedy'",
        "query '(a OR b'",
        "query 'prio<=many' --json",
        "query '@urgent'",
        "query",
    ]), @r#"
    $ fleet query 'type:bug lable:api'
    ! error: failed to read the query, column 10: `lable` is no field
    ! hint: did you mean label:? Fields are status, phase, is, has, type, prio, complexity, deliverable, outcome, label, path, assignee, by, agent, milestone, ref, title, body, comment, id, parent, dep, estimate, created, updated, closed, due, defer
    [exit 2]
    $ fleet query is:raedy
    ! error: failed to read the query, column 4: `is:` does not know `raedy`
    ! hint: did you mean ready? It knows open, closed, ready, blocked, deferred, running, overdue, epic, leaf, gated, admitted, held
    [exit 2]
    $ fleet query '(a OR b'
    ! error: failed to read the query, column 1: this `(` is never closed
    ! hint: close it with `)`
    [exit 2]
    $ fleet query prio<=many --json
    {"schema_version":1,"ok":false,"error":{"code":"invalid_value","message":"failed to read the query, column 7: `many` is no number","hint":"prio is 0 to 4","retryable":false,"details":null}}
    [exit 2]
    $ fleet query @urgent
    ! error: failed to read the query, column 1: no query is saved as `urgent`
    ! hint: `fleet query QUERY --save NAME` saves one
    [exit 2]
    $ fleet query
    ! error: the following required arguments were not provided:
    !   <QUERY>
    ! 
    ! Usage: fleet query <QUERY> [MORE]...
    ! 
    ! For more information, try '--help'.
    ! hint: for example `fleet query 'type:bug prio<=1 label:api updated>7d sort:prio'`
    [exit 2]
    "#);
}

#[test]
fn saved_queries_are_shared_with_every_clone() {
    let env = TestEnv::new();
    let [ada, ben] = env.team(["ada", "ben"]);
    ada.story(&["add 'Parse dates' -p 0", "add 'Print dates'"]);
    assert_snapshot!(ada.story(&[
        "query 'prio:0 OR is:overdue' --save urgent",
        "query 'prio:0 OR is:overdue' --save urgent",
        "query 'lable:x' --save broken",
        "query '@urgent' --save 'My Urgent'",
        "query '@mine' --save mine",
    ]), @"
    $ fleet query 'prio:0 OR is:overdue' --save urgent
    @urgent  saved  prio:0 OR is:overdue
    $ fleet query 'prio:0 OR is:overdue' --save urgent
    @urgent  unchanged  prio:0 OR is:overdue
    $ fleet query lable:x --save broken
    ! error: failed to read the query, column 1: `lable` is no field
    ! hint: did you mean label:? Fields are status, phase, is, has, type, prio, complexity, deliverable, outcome, label, path, assignee, by, agent, milestone, ref, title, body, comment, id, parent, dep, estimate, created, updated, closed, due, defer
    [exit 2]
    $ fleet query @urgent --save 'My Urgent'
    ! error: `my urgent` is no name for a query
    ! hint: names are 1 to 40 letters, digits, - and _
    [exit 2]
    $ fleet query @mine --save mine
    ! error: failed to read the query, column 1: no query is saved as `mine`
    ! hint: saved are @urgent
    [exit 2]
    ");
    ben.fleet(&["sync"]).expect_exit(0);
    assert_snapshot!(ben.story(&[
        "query --list",
        "query '@urgent dates'",
        "query '-@urgent'",
        "query --remove urgent",
        "query --list --json",
        "query --remove urgent",
    ]), @r#"
    $ fleet query --list
    @urgent  prio:0 OR is:overdue
    $ fleet query '@urgent dates'
    T-1  P0  implementation  ready  Parse dates
    $ fleet query -@urgent
    T-2  P2  implementation  ready  Print dates
    $ fleet query --remove urgent
    @urgent  removed
    $ fleet query --list --json
    {"schema_version":1,"ok":true,"data":{"queries":[],"total":0,"has_more":false}}
    $ fleet query --remove urgent
    ! error: no query is saved as `urgent`
    ! hint: `fleet query --list` shows them
    [exit 3]
    "#);
}

#[test]
fn a_search_ranks_titles_above_bodies_and_comments() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    assert_snapshot!(clone.story(&[
        "search parse date",
        "search leap",
        "search rfc --limit 1",
        "search leap second --json",
        "search klingon",
        "search ...",
    ]), @r#"
    $ fleet search parse date
    T-1  P1  bug  ready  Parse dates with time zones
    T-3  P2  implementation  ready  Parse dates with time zone
    $ fleet search leap
    T-4  P3  implementation  ready  fix stuff
        The leap second of 2016 breaks it.
    $ fleet search rfc --limit 1
    T-1  P1  bug  ready  Parse dates with time zones
        All formats of RFC 3339.
    ! note: 1 of 2 shown
    $ fleet search leap second --json
    {"schema_version":1,"ok":true,"data":{"hits":[{"id":"T-4","uid":"01a1fd23-1fe0-7002-bb92-d3f0106bc147","title":"fix stuff","type":"implementation","priority":3,"complexity":"medium","status":"open","phase":"ready","labels":[],"score":600,"excerpt":"The leap second of 2016 breaks it."}],"total":1,"has_more":false}}
    $ fleet search klingon
    $ fleet search ...
    ! error: there is no word to search for
    ! hint: `fleet search parse dates`
    [exit 2]
    "#);
}

#[test]
fn labels_are_filtered_by_all_by_either_by_pattern_and_by_absence() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    assert_snapshot!(clone.story(&[
        "list -l api -l area:core",
        "list -l 'ui|cli'",
        "list -l 'area:*'",
        "list --without-label 'a*' --without-label ui",
        "list --milestone v1",
    ]), @"
    $ fleet list -l api -l area:core
    T-1  P1  bug  ready  Parse dates with time zones
    $ fleet list -l ui|cli
    T-2  P2  implementation  blocked  Print dates
    T-3  P2  implementation  ready    Parse dates with time zone
    $ fleet list -l area:*
    T-1  P1  bug  ready  Parse dates with time zones
    $ fleet list --without-label a* --without-label ui
    T-3  P2  implementation  ready    Parse dates with time zone
    T-5  P2  documentation   blocked  Announce the parser (@grace)
    T-4  P3  implementation  ready    fix stuff
    $ fleet list --milestone v1
    T-2  P2  implementation  blocked  Print dates
    ");
}

#[test]
fn numbers_tell_how_the_queue_stands() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    clone.story(&["close T-4 --outcome wontdo"]);
    assert_snapshot!(clone.story(&[
        "stats",
        "count --by type",
        "count --by label --where 'prio<=2'",
        "count --by outcome",
        "count --by priority --json",
        "count --by colour",
        "stale --days 1",
    ]), @r#"
    $ fleet stats
    tasks             5
    open              4
    closed            1
    phases            2 blocked, 1 closed, 2 ready
    open types        1 bug, 1 documentation, 2 implementation
    open priorities   1 P1, 3 P2
    overdue           1
    unassigned        3
    estimated         4h
    last 7 days       5 added, 1 closed
    median lead time  0 h
    $ fleet count --by type
         2  implementation
         1  bug
         1  documentation
    $ fleet count --by label --where prio<=2
         1  api
         1  area:core
         1  cli
         1  none
         1  ui
    $ fleet count --by outcome
         4  open
         1  wontdo
    $ fleet count --by priority --json
    {"schema_version":1,"ok":true,"data":{"by":"priority","rows":[{"value":"P1","count":1},{"value":"P2","count":3}],"tasks":4,"total":2,"has_more":false}}
    $ fleet count --by colour
    ! error: invalid value 'colour' for '--by <FIELD>'
    !   [possible values: status, phase, type, priority, label, assignee, milestone, agent, complexity, outcome, author, month]
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet stale --days 1
    "#);
}

#[test]
fn lint_says_what_a_task_lacks_and_how_to_give_it() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    clone.story(&["add 'An epic' -t epic", "milestone set v1 --close"]);
    assert_snapshot!(clone.story(&["lint", "lint --limit 1 --json"]), @r#"
    $ fleet lint
    T-2  Print dates
        no_body:  it has a title only; `fleet update T-2 --body …` or `fleet edit T-2`
        no_acceptance:  nothing says when it is done; `fleet update T-2 --acceptance "what holds then"`
        closed_milestone:  its milestone v1 is over; `fleet update T-2 --milestone NEXT`, or --clear milestone
    T-3  Parse dates with time zone
        no_type:  it has no type, so it counts as implementation; `fleet update T-3 -t bug`, or the type that it is of
        no_acceptance:  nothing says when it is done; `fleet update T-3 --acceptance "what holds then"`
    T-5  Announce the parser
        no_body:  it has a title only; `fleet update T-5 --body …` or `fleet edit T-5`
        no_acceptance:  nothing says when it is done; `fleet update T-5 --acceptance "what holds then"`
        overdue:  it was due 2026-11-20; `fleet update T-5 --due "next friday"`, or --clear due
    T-6  An epic
        no_body:  it has a title only; `fleet update T-6 --body …` or `fleet edit T-6`
        no_acceptance:  nothing says when it is done; `fleet update T-6 --acceptance "what holds then"`
        empty_epic:  it is an epic without parts; `fleet dep add PART T-6 --kind parent-child`, or `fleet update T-6 -t implementation`
    T-4  fix stuff
        vague_title:  its title does not say what is wanted; `fleet update T-4 --title "what is to be there afterwards"`
        no_type:  it has no type, so it counts as implementation; `fleet update T-4 -t bug`, or the type that it is of
        no_body:  it has a title only; `fleet update T-4 --body …` or `fleet edit T-4`
        no_acceptance:  nothing says when it is done; `fleet update T-4 --acceptance "what holds then"`
    $ fleet lint --limit 1 --json
    {"schema_version":1,"ok":true,"data":{"rows":[{"id":"T-2","title":"Print dates","code":"no_body","what":"it has a title only","hint":"`fleet update T-2 --body …` or `fleet edit T-2`"}],"tasks":6,"total":15,"has_more":true}}
    "#);
}

#[test]
fn two_tasks_that_say_the_same_are_found_and_made_one() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    clone.story(&[
        "comment T-3 'Grace asked for it.'",
        "dep add T-4 T-3",
        "update T-3 --acceptance 'leap seconds'",
    ]);
    assert_snapshot!(clone.story(&[
        "duplicates",
        "merge T-1 T-3 --dry-run",
        "merge T-1 T-1",
        "merge T-1 T-3",
        "merge T-1 T-3",
        "duplicates --json",
        "show T-1",
        "show T-3",
        "blocked",
    ]), @r#"
    $ fleet duplicates
    100%  T-1  Parse dates with time zones
          T-3  Parse dates with time zone
    $ fleet merge T-1 T-3 --dry-run
    T-3  merged into T-1  Parse dates with time zone
    dry run: would record task.updated, dep.added, comment.added, dep.added, task.closed
    $ fleet merge T-1 T-1
    ! error: T-1 cannot be merged with itself
    ! hint: name the task that is kept first, then those that go
    [exit 2]
    $ fleet merge T-1 T-3
    T-3  merged into T-1  Parse dates with time zone
    $ fleet merge T-1 T-3
    T-3  unchanged  Parse dates with time zone
    $ fleet duplicates --json
    {"schema_version":1,"ok":true,"data":{"pairs":[],"total":0,"has_more":false}}
    $ fleet show T-1
    T-1  Parse dates with time zones
    phase        ready
    type         bug
    priority     P1
    complexity   medium
    labels       api, area:core, cli
    deliverable  pr
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:16
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

      All formats of RFC 3339.

    Acceptance (0 of 2)
      1.  [ ]  leap years
      2.  [ ]  leap seconds

    Needed by
      T-2  blocks      open    Print dates
      T-3  duplicates  closed  Parse dates with time zone
      T-4  blocks      open    fix stuff

    Comment 1 of human:Ada at 2026-11-21 08:16
      From T-3, human:Ada at 2026-11-21T08:10:00.000Z:

      Grace asked for it.
    $ fleet show T-3
    T-3  Parse dates with time zone
    phase        closed
    because      closed as duplicate
    type         implementation
    priority     P2
    complexity   medium
    labels       cli
    deliverable  pr
    external     gh-9
    reason       merged into T-1
    added        2026-11-21 08:04 by human:Ada
    updated      2026-11-21 08:16
    uid          01a1fd22-3580-7002-9bef-19fc8e7b845f

      All formats of RFC 3339!

    Acceptance (0 of 1)
      1.  [ ]  leap seconds

    Depends on
      T-1  duplicates  open  Parse dates with time zones

    Needed by
      T-4  blocks  open  fix stuff

    Comment 1 of human:Ada at 2026-11-21 08:10
      Grace asked for it.
    $ fleet blocked
    T-2  P2  implementation  blocked  Print dates
        blocked by T-1 (open)
    T-5  P2  documentation  blocked  Announce the parser (@grace)
        grace works on it
        blocked by T-2 (open)
    T-4  P3  implementation  blocked  fix stuff
        blocked by T-1 (open)
    "#);
}

#[test]
fn open_tasks_that_commits_name_are_orphans() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    clone.git(&[
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "print dates (T-2)\n\nTask: T-2",
    ]);
    clone.git(&["commit", "-q", "--allow-empty", "-m", "see AT-1 and T-99"]);
    clone.story(&["dep add T-4 T-1 --kind parent-child", "close T-1"]);
    let told = clone.story(&["orphans", "orphans --commits 1"]);
    let told = regex_hex(&told);
    assert_snapshot!(told, @"
    $ fleet orphans
    T-4  closed parent  fix stuff
        its whole T-1 is closed
    T-2  mentioned in commits  Print dates
        [OID] print dates (T-2)
    $ fleet orphans --commits 1
    T-4  closed parent  fix stuff
        its whole T-1 is closed
    ");
}

/// Commit ids are those of the day.
fn regex_hex(text: &str) -> String {
    let id = |word: &str| word.len() == 10 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let words: Vec<_> = text
        .split(' ')
        .map(|word| if id(word) { "[OID]" } else { word })
        .collect();
    words.join(" ")
}

#[test]
fn a_graph_shows_the_critical_path_and_what_unblocks_most() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    clone.story(&[
        "dep add T-4 T-1 --kind related",
        "add 'Say \"hi\" & <b>' --dep T-1",
    ]);
    assert_snapshot!(clone.story(&[
        "graph",
        "graph T-4",
        "graph --format dot",
        "graph --format mermaid",
        "graph T-3 --json",
    ]), @r#"
    $ fleet graph
    T-1*  ready  Parse dates with time zones
      T-2*  blocked  Print dates
        T-5*  blocked  Announce the parser
      T-6  blocked  Say "hi" & <b>
    T-4  ready  fix stuff

    critical path (6h): T-1 -> T-2 -> T-5

    Unblocks most
      T-1  3 (2 directly)  Parse dates with time zones
      T-2  1 (1 directly)  Print dates
    $ fleet graph T-4
    T-1*  ready  Parse dates with time zones
      T-2*  blocked  Print dates
        T-5*  blocked  Announce the parser
      T-6  blocked  Say "hi" & <b>
    T-4  ready  fix stuff

    critical path (6h): T-1 -> T-2 -> T-5

    Unblocks most
      T-1  3 (2 directly)  Parse dates with time zones
      T-2  1 (1 directly)  Print dates
    $ fleet graph --format dot
    digraph tasks {
      rankdir=LR;
      node [shape=box];
      "T-1" [label="T-1\nParse dates with time zones", penwidth=2, color=red];
      "T-2" [label="T-2\nPrint dates", penwidth=2, color=red];
      "T-4" [label="T-4\nfix stuff"];
      "T-5" [label="T-5\nAnnounce the parser", penwidth=2, color=red];
      "T-6" [label="T-6\nSay \"hi\" & <b>"];
      "T-1" -> "T-2" [label="", color=red];
      "T-1" -> "T-4" [label="related", style=dotted, arrowhead=none];
      "T-2" -> "T-5" [label="", color=red];
      "T-1" -> "T-6" [label=""];
    }
    $ fleet graph --format mermaid
    graph LR
      T1["T-1 Parse dates with time zones"]
      T2["T-2 Print dates"]
      T4["T-4 fix stuff"]
      T5["T-5 Announce the parser"]
      T6["T-6 Say 'hi' &amp; &lt;b&gt;"]
      T1 --> T2
      T1 -.-|related| T4
      T2 --> T5
      T1 --> T6
      classDef critical stroke:#c00,stroke-width:2px
      class T1,T2,T5 critical
    $ fleet graph T-3 --json
    {"schema_version":1,"ok":true,"data":{"root":"T-3","nodes":[{"id":"T-3","title":"Parse dates with time zone","status":"open","phase":"ready","priority":2,"critical":true}],"edges":[],"critical_path":["T-3"],"critical_minutes":60,"unblocks_most":[],"total":1,"has_more":false}}
    "#);
}

#[test]
fn a_changelog_lists_what_was_done_by_type() {
    let env = TestEnv::new();
    let clone = backlog(&env);
    clone.story(&["close T-1 T-2 T-3", "close T-4 --outcome wontdo"]);
    assert_snapshot!(clone.story(&[
        "changelog",
        "changelog --since 30d --milestone v1 --json",
        "changelog --since 2026-01-01 --until 2026-02-01",
        "changelog --since 1d --until 2d",
    ]), @r#"
    $ fleet changelog
    ## Added and changed

    - Print dates (T-2)
    - Parse dates with time zone (T-3, gh-9)

    ## Fixed

    - Parse dates with time zones (T-1)
    $ fleet changelog --since 30d --milestone v1 --json
    {"schema_version":1,"ok":true,"data":{"since":"2026-10-22T08:13:00.000Z","until":"2026-11-21T08:13:00.001Z","groups":[{"heading":"Added and changed","kind":"implementation","tasks":[{"id":"T-2","title":"Print dates","external_ref":null,"closed_at":"2026-11-21T08:10:00.000Z"}]}],"total":1,"has_more":false}}
    $ fleet changelog --since 2026-01-01 --until 2026-02-01
    ! note: no task was closed as done in that time
    $ fleet changelog --since 1d --until 2d
    ! error: nothing is between 2026-11-20T08:15:00.000Z and 2026-11-19T08:15:00.000Z
    ! hint: `fleet changelog --since 30d`, or --since DATE --until DATE
    [exit 2]
    "#);
}
