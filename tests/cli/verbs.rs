//! Each verb as a person and as a program sees it.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use insta::assert_snapshot;

use crate::env::{TestEnv, plant};

#[test]
fn init_sets_up_once_and_says_what_it_did() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    let own_files = || {
        let hooks = std::fs::read_dir(clone.dir.join(".git/hooks")).map(Iterator::count);
        let config = std::fs::read(clone.dir.join(".git/config"));
        (hooks.ok(), config.expect("the configuration can be read"))
    };
    let before = own_files();
    assert_snapshot!(clone.story(&["init --dry-run", "init", "init", "init --json"]), @r#"
    $ fleet init --dry-run
    would create  .orchestra/config.toml
    would create  state on branch fleet/state
    $ fleet init
    created  .orchestra/config.toml
    created  state on branch fleet/state
    next: git add .orchestra && git commit -m "set up fleet"
    next: fleet add "What is to be done"
    $ fleet init
    was there  .orchestra/config.toml
    was there  state on branch fleet/state
    next: fleet add "What is to be done"
    $ fleet init --json
    {"schema_version":1,"ok":true,"data":{"branch":"fleet/state","steps":[{"what":".orchestra/config.toml","created":false},{"what":"state on branch fleet/state","created":false}],"published":true,"records":[]}}
    "#);
    assert_eq!(clone.git(&["status", "--short"]), "?? .orchestra/\n");
    assert_eq!(
        own_files(),
        before,
        "hooks and git's configuration stay as they are"
    );
}

#[test]
fn init_in_tree_keeps_the_records_on_the_current_branch() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    assert_snapshot!(clone.story(&["init --in-tree", "add 'Parse dates'", "list"]), @r#"
    $ fleet init --in-tree
    created  .orchestra/config.toml
    created  state on branch main
    next: git add .orchestra && git commit -m "set up fleet"
    next: fleet add "What is to be done"
    $ fleet add 'Parse dates'
    T-1  Parse dates
    $ fleet list
    T-1  P2  implementation  ready  Parse dates
    "#);
    assert_eq!(
        clone.git(&["branch", "--format=%(refname:short)"]),
        "main\n"
    );
}

#[test]
fn add_takes_every_field_and_q_prints_only_the_id() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "add 'Parse dates' -t bug -p P1 --complexity high -l parser -l dates,time --path src/date/** -d 'All of them.' --acceptance 'leap years' --acceptance 'time zones' --deliverable report --due 2026-12-01 --defer 3d --external-ref gh-9 --agent claude --assignee grace --key k1",
        "show T-1",
        "q 'Quick one'",
        "add 'Parse dates again' --key k1",
        "add Third --dep T-1 --dep related:T-2 --parent T-2 --json",
        "add Fourth --dry-run",
        "show T-3",
    ]), @r#"
    $ fleet add 'Parse dates' -t bug -p P1 --complexity high -l parser -l dates,time --path src/date/** -d 'All of them.' --acceptance 'leap years' --acceptance 'time zones' --deliverable report --due 2026-12-01 --defer 3d --external-ref gh-9 --agent claude --assignee grace --key k1
    T-1  Parse dates
    $ fleet show T-1
    T-1  Parse dates
    phase        deferred
    because      deferred until 2026-11-24T08:02:00.000Z; grace works on it
    type         bug
    priority     P1
    complexity   high
    labels       dates, parser, time
    assignee     grace
    deliverable  report
    paths        src/date/**
    due          2026-12-01 00:00
    deferred     2026-11-24 08:02
    external     gh-9
    agent        claude
    key          k1
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:02
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

      All of them.

    Acceptance (0 of 2)
      1.  [ ]  leap years
      2.  [ ]  time zones
    $ fleet q 'Quick one'
    T-2
    $ fleet add 'Parse dates again' --key k1
    T-1  Parse dates  (was there already)
    $ fleet add Third --dep T-1 --dep related:T-2 --parent T-2 --json
    {"schema_version":1,"ok":true,"data":{"id":"T-3","uid":"01a1fd24-0a40-7002-8e6c-7d0372aa2f46","title":"Third","existed":false,"published":true,"records":["task.added","dep.added","dep.added","dep.added","task.numbered"]}}
    $ fleet add Fourth --dry-run
    dry run: would record task.added
    $ fleet show T-3
    T-3  Third
    phase        blocked
    because      blocked by T-1 (open)
    type         implementation
    priority     P2
    complexity   medium
    deliverable  pr
    added        2026-11-21 08:06 by human:Ada
    updated      2026-11-21 08:06
    uid          01a1fd24-0a40-7002-8e6c-7d0372aa2f46

    Depends on
      T-1  blocks        open  Parse dates
      T-2  parent-child  open  Quick one
      T-2  related       open  Quick one
    "#);
}

#[test]
fn bodies_come_from_files_and_from_stdin() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    std::fs::write(env.path("body.md"), "# From a file\n").expect("a file can be written");
    let file = env.path("body.md");
    clone
        .fleet(&["add", "A", "--body-file", &file.to_string_lossy()])
        .expect_exit(0);
    clone
        .fleet_with(&["add", "B", "--body-file", "-"], "from stdin\nline two\n")
        .expect_exit(0);
    let tasks = clone.data(&["list", "--full"]);
    assert_eq!(tasks["tasks"][0]["body"], "# From a file");
    assert_eq!(tasks["tasks"][1]["body"], "from stdin\nline two");
}

#[test]
fn a_plan_is_recorded_whole_or_not_at_all() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let add = |plan: &str| clone.fleet_with(&["add", "--graph", "-"], plan).told();
    let mut told = add(
        r#"{"tasks":[{"id":"a","title":"A","deps":["b","related:c"]},{"id":"b","title":"B","type":"testing"},{"id":"c","title":"C","parent":"b"}]}"#,
    );
    told += &add(
        r#"{"tasks":[{"id":"x","title":"X","deps":["y"]},{"id":"y","title":"Y","deps":["x"]}]}"#,
    );
    told += &add(r#"{"tasks":[{"id":"x","title":"X"},{"id":"y","title":"Y","deps":["zz"]}]}"#);
    told += &add(r#"{"tasks":[{"id":"x","title":"X"},{"id":"x","title":"Y"}]}"#);
    told += &add(r#"{"tasks":[{"id":"x","title":" "}]}"#);
    told += &add("{\"tasks\":[{\"id\":\"x\",\n\"titel\":\"X\"}]}");
    told += &add(r#"{"tasks":[{"id":"x","title":"X","deps":["T-77"]}]}"#);
    told += &clone.story(&["list --all", "dep tree T-1"]);
    assert_snapshot!(told, @r"
    $ fleet add --graph -
    T-1  a  A
    T-2  b  B
    T-3  c  C
    $ fleet add --graph -
    ! error: the dependency would close a cycle: tasks[0] (`x`) -> tasks[1] (`y`) -> tasks[0] (`x`)
    ! hint: take one edge of the cycle away first: `fleet dep rm <TASK> <ON>`
    [exit 5]
    $ fleet add --graph -
    ! error: tasks[1].deps[0]: `zz` is neither a task of the plan nor an id such as T-7
    ! hint: names are those in the `id` fields of the plan
    [exit 2]
    $ fleet add --graph -
    ! error: tasks[1] (`x`): the name is that of tasks[0] (`x`) already
    ! hint: give every task of the plan a name of its own
    [exit 2]
    $ fleet add --graph -
    ! error: tasks[0] (`x`): the title is empty
    ! hint: say in a line what is wanted
    [exit 2]
    $ fleet add --graph -
    ! error: failed to read the plan: unknown field `titel`, expected one of `id`, `title`, `body`, `description`, `type`, `priority`, `complexity`, `deliverable`, `acceptance`, `assignee`, `due`, `defer_until`, `external_ref`, `agent`, `key`, `labels`, `paths`, `deps`, `parent` at line 2 column 7
    ! hint: `fleet add --help` shows what a plan looks like
    [exit 2]
    $ fleet add --graph -
    ! error: no task is called T-77
    ! hint: did you mean T-3? `fleet list --all` shows every task
    [exit 3]
    $ fleet list --all
    T-1  P2  implementation  blocked  A
    T-2  P2  testing         waiting  B
    T-3  P2  implementation  ready    C
    $ fleet dep tree T-1
    T-1  open  A
      T-2  open  B
      T-3  (related)  open  C
        T-2  (parent-child)  open  B (shown above)
    ");
}

#[test]
fn ready_blocked_and_list_agree() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "q 'First' -p 2",
        "q 'Urgent' -p 0 -t bug -l ui",
        "add 'Second' --dep T-1 -l ui",
        "add 'Later' --defer 2026-12-24",
        "add 'Hers' --assignee grace",
        "ready",
        "ready --limit 1",
        "ready --limit 1 --json",
        "ready --explain",
        "blocked",
        "blocked --json",
        "list",
        "list --label ui --type bug",
        "list --phase blocked --phase deferred",
        "list --search SECOND --json",
        "list --limit 2",
        "close T-1",
        "ready",
    ]), @r#"
    $ fleet q First -p 2
    T-1
    $ fleet q Urgent -p 0 -t bug -l ui
    T-2
    $ fleet add Second --dep T-1 -l ui
    T-3  Second
    $ fleet add Later --defer 2026-12-24
    T-4  Later
    $ fleet add Hers --assignee grace
    T-5  Hers
    $ fleet ready
    T-2  P0  bug             Urgent
    T-1  P2  implementation  First
    $ fleet ready --limit 1
    T-2  P0  bug  Urgent
    ! note: 1 of 2 shown
    $ fleet ready --limit 1 --json
    {"schema_version":1,"ok":true,"data":{"tasks":[{"id":"T-2","uid":"01a1fd21-4b20-7002-9ceb-e8a6d050dd01","title":"Urgent","type":"bug","priority":0,"complexity":"medium","status":"open","phase":"ready","labels":["ui"]}],"total":2,"has_more":true}}
    ! note: 1 of 2 shown
    $ fleet ready --explain
    Ready (2)
    T-2  P0  bug  Urgent
        no agents are configured; add an [agents.<name>] table to .orchestra/config.toml
    T-1  P2  implementation  First
        no agents are configured; add an [agents.<name>] table to .orchestra/config.toml

    Waiting (3)
    T-3  P2  implementation  blocked  Second
        blocked by T-1 (open)
    T-4  P2  implementation  deferred  Later
        deferred until 2026-12-24T00:00:00.000Z
    T-5  P2  implementation  waiting  Hers (@grace)
        grace works on it
    $ fleet blocked
    T-3  P2  implementation  blocked  Second
        blocked by T-1 (open)
    T-4  P2  implementation  deferred  Later
        deferred until 2026-12-24T00:00:00.000Z
    T-5  P2  implementation  waiting  Hers (@grace)
        grace works on it
    $ fleet blocked --json
    {"schema_version":1,"ok":true,"data":{"tasks":[{"id":"T-3","uid":"01a1fd22-3580-7002-9bef-19fc8e7b845f","title":"Second","type":"implementation","priority":2,"complexity":"medium","status":"open","phase":"blocked","labels":["ui"],"reasons":[{"code":"blocked","text":"blocked by T-1 (open)"}]},{"id":"T-4","uid":"01a1fd23-1fe0-7002-bb92-d3f0106bc147","title":"Later","type":"implementation","priority":2,"complexity":"medium","status":"open","phase":"deferred","labels":[],"reasons":[{"code":"deferred","text":"deferred until 2026-12-24T00:00:00.000Z"}]},{"id":"T-5","uid":"01a1fd24-0a40-7002-8e6c-7d0372aa2f46","title":"Hers","type":"implementation","priority":2,"complexity":"medium","status":"open","phase":"waiting","assignee":"grace","labels":[],"reasons":[{"code":"assigned_to_human","text":"grace works on it"}]}],"total":3,"has_more":false}}
    $ fleet list
    T-2  P0  bug             ready     Urgent
    T-1  P2  implementation  ready     First
    T-3  P2  implementation  blocked   Second
    T-4  P2  implementation  deferred  Later
    T-5  P2  implementation  waiting   Hers (@grace)
    $ fleet list --label ui --type bug
    T-2  P0  bug  ready  Urgent
    $ fleet list --phase blocked --phase deferred
    T-3  P2  implementation  blocked   Second
    T-4  P2  implementation  deferred  Later
    $ fleet list --search SECOND --json
    {"schema_version":1,"ok":true,"data":{"tasks":[{"id":"T-3","uid":"01a1fd22-3580-7002-9bef-19fc8e7b845f","title":"Second","type":"implementation","priority":2,"complexity":"medium","status":"open","phase":"blocked","labels":["ui"]}],"total":1,"has_more":false}}
    $ fleet list --limit 2
    T-2  P0  bug             ready  Urgent
    T-1  P2  implementation  ready  First
    ! note: 2 of 5 shown
    $ fleet close T-1
    T-1  closed  First (done)
    $ fleet ready
    T-2  P0  bug             Urgent
    T-3  P2  implementation  Second
    "#);
}

#[test]
fn a_claim_takes_the_best_one_for_a_person() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "ready --claim --exit-code",
        "q 'Only one'",
        "ready --claim --dry-run",
        "ready --claim --as grace",
        "ready --claim --exit-code --json",
        "ready",
    ]), @r#"
    $ fleet ready --claim --exit-code
    ! note: nothing is ready; `fleet blocked` says what waits for what
    [exit 6]
    $ fleet q 'Only one'
    T-1
    $ fleet ready --claim --dry-run
    T-1  P2  implementation  Only one (@Ada)
    dry run: would record task.updated
    $ fleet ready --claim --as grace
    T-1  P2  implementation  Only one (@grace)
    $ fleet ready --claim --exit-code --json
    {"schema_version":1,"ok":true,"data":{"task":null,"remaining":0,"already_held":false,"published":true,"records":[]}}
    ! note: nothing is ready; `fleet blocked` says what waits for what
    [exit 6]
    $ fleet ready
    ! note: nothing is ready; `fleet blocked` says what waits for what
    "#);
}

#[test]
fn updates_record_what_differs() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "q 'Parse dates' -l a -l b --acceptance one --acceptance two",
        "update T-1 --title 'Parse all dates' -p 0 -l c --rm-label a --met 2 --path src/**",
        "update T-1 -p 0",
        "update T-1 --met 3",
        "update T-1",
        "update T-1 --due 2026-12-01 --assignee grace",
        "update T-1 --clear due,assignee --dry-run",
        "update T-1 --clear due,assignee --json",
        "comment T-1 'The parser of T-3 may help.'",
        "comment T-1 '  '",
        "defer T-1 3d",
        "undefer T-1",
        "undefer T-1",
        "show T-1",
        "log T-1",
        "log T-1 --limit 1 --json",
    ]), @r#"
    $ fleet q 'Parse dates' -l a -l b --acceptance one --acceptance two
    T-1
    $ fleet update T-1 --title 'Parse all dates' -p 0 -l c --rm-label a --met 2 --path src/**
    T-1  updated  Parse all dates (title, priority, acceptance, labels, paths)
    $ fleet update T-1 -p 0
    T-1  unchanged  Parse all dates (already so)
    $ fleet update T-1 --met 3
    ! error: there is no acceptance point 3, the task has 2
    ! hint: `fleet show` numbers them from 1
    [exit 2]
    $ fleet update T-1
    ! error: no change is named
    ! hint: `fleet update --help` shows what can be changed
    [exit 2]
    $ fleet update T-1 --due 2026-12-01 --assignee grace
    T-1  updated  Parse all dates (assignee, due)
    $ fleet update T-1 --clear due,assignee --dry-run
    T-1  updated  Parse all dates (assignee, due)
    dry run: would record task.updated
    $ fleet update T-1 --clear due,assignee --json
    {"schema_version":1,"ok":true,"data":{"action":"updated","tasks":[{"id":"T-1","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e532f","title":"Parse all dates","changed":true,"note":"assignee, due"}],"total":1,"has_more":false,"published":true,"records":["task.updated"]}}
    $ fleet comment T-1 'The parser of T-3 may help.'
    T-1  commented  Parse all dates
    $ fleet comment T-1 '  '
    ! error: the comment is empty
    [exit 2]
    $ fleet defer T-1 3d
    T-1  updated  Parse all dates (defer)
    $ fleet undefer T-1
    T-1  updated  Parse all dates (defer)
    $ fleet undefer T-1
    T-1  unchanged  Parse all dates (already so)
    $ fleet show T-1
    T-1  Parse all dates
    phase        ready
    type         implementation
    priority     P0
    complexity   medium
    labels       b, c
    deliverable  pr
    paths        src/**
    added        2026-11-21 08:02 by human:Ada
    updated      2026-11-21 08:13
    uid          01a1fd20-60c0-7002-987b-bcbfdd7e532f

    Acceptance (1 of 2)
      1.  [ ]  one
      2.  [x]  two

    Comment 1 of human:Ada at 2026-11-21 08:10
      The parser of T-3 may help.
    $ fleet log T-1
    T-1  Parse all dates
    2026-11-21 08:02  human:Ada  task.added     Parse dates
    2026-11-21 08:02  human:Ada  task.numbered  T-1
    2026-11-21 08:03  human:Ada  task.updated   priority = 0, title = Parse all dates, +label c, -label a, +path src/**, met: two
    2026-11-21 08:07  human:Ada  task.updated   assignee = grace, due = 2026-12-01T00:00:00.000Z
    2026-11-21 08:09  human:Ada  task.updated   assignee cleared, due cleared
    2026-11-21 08:10  human:Ada  comment.added  The parser of T-3 may help.
    2026-11-21 08:12  human:Ada  task.updated   defer_until = 2026-11-24T08:12:00.000Z
    2026-11-21 08:13  human:Ada  task.updated   defer_until cleared
    $ fleet log T-1 --limit 1 --json
    {"schema_version":1,"ok":true,"data":{"id":"T-1","title":"Parse all dates","entries":[{"ts":"2026-11-21T08:13:00.000Z","by":"human:Ada","op":"task.updated","record":"01a1fd2a-72e0-7002-a202-a2257a25f4c8","what":"defer_until cleared","payload":{"set":{"defer_until":null},"task":"01a1fd20-60c0-7002-987b-bcbfdd7e532f"}}],"total":8,"has_more":true}}
    "#);
}

#[test]
fn closing_again_is_harmless_and_reopening_brings_back() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "q One",
        "q Two",
        "close T-1 T-2 --reason 'merged by hand'",
        "close T-1",
        "close T-1 --outcome failed --json",
        "reopen T-1 T-2 --reason 'not yet'",
        "reopen T-1",
        "close T-1 T-9",
        "list --all",
    ]), @r#"
    $ fleet q One
    T-1
    $ fleet q Two
    T-2
    $ fleet close T-1 T-2 --reason 'merged by hand'
    T-1  closed  One (done)
    T-2  closed  Two (done)
    $ fleet close T-1
    T-1  unchanged  One (already closed)
    $ fleet close T-1 --outcome failed --json
    {"schema_version":1,"ok":true,"data":{"action":"closed","tasks":[{"id":"T-1","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e532f","title":"One","changed":true,"note":"failed"}],"total":1,"has_more":false,"published":true,"records":["task.closed"]}}
    $ fleet reopen T-1 T-2 --reason 'not yet'
    T-1  reopened  One
    T-2  reopened  Two
    $ fleet reopen T-1
    T-1  unchanged  One (already open)
    $ fleet close T-1 T-9
    ! error: no task is called T-9
    ! hint: did you mean T-2? `fleet list --all` shows every task
    [exit 3]
    $ fleet list --all
    T-1  P2  implementation  ready  One
    T-2  P2  implementation  ready  Two
    "#);
}

#[test]
fn a_cycle_is_refused_when_it_is_written() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "q One",
        "add Two --dep T-1",
        "add Three --dep T-2",
        "dep add T-1 T-3",
        "dep add T-1 T-3 --json",
        "dep add T-1 T-1",
        "dep add T-1 T-3 --kind related",
        "dep add T-3 T-1 --dry-run",
        "dep add T-3 T-1 --json",
        "dep add T-3 T-1",
        "dep tree T-3",
        "dep tree T-3 --json",
        "dep rm T-3 T-1",
        "dep rm T-3 T-1",
        "dep cycles",
    ]), @r#"
    $ fleet q One
    T-1
    $ fleet add Two --dep T-1
    T-2  Two
    $ fleet add Three --dep T-2
    T-3  Three
    $ fleet dep add T-1 T-3
    ! error: the dependency would close a cycle: T-1 -> T-3 -> T-2 -> T-1
    ! hint: take one edge of the cycle away first: `fleet dep rm <TASK> <ON>`
    [exit 5]
    $ fleet dep add T-1 T-3 --json
    {"schema_version":1,"ok":false,"error":{"code":"dependency_cycle","message":"the dependency would close a cycle: T-1 -> T-3 -> T-2 -> T-1","hint":"take one edge of the cycle away first: `fleet dep rm <TASK> <ON>`","retryable":false,"details":{"cycle":["T-1","T-3","T-2","T-1"]}}}
    [exit 5]
    $ fleet dep add T-1 T-1
    ! error: T-1 cannot depend on itself
    ! hint: name another task
    [exit 5]
    $ fleet dep add T-1 T-3 --kind related
    T-1  related  T-3  added
    $ fleet dep add T-3 T-1 --dry-run
    T-3  blocks  T-1  added
    dry run: would record dep.added
    $ fleet dep add T-3 T-1 --json
    {"schema_version":1,"ok":true,"data":{"action":"added","from":"T-3","to":"T-1","kind":"blocks","changed":true,"published":true,"records":["dep.added"]}}
    $ fleet dep add T-3 T-1
    T-3  blocks  T-1  unchanged
    $ fleet dep tree T-3
    T-3  open  Three
      T-1  open  One
        T-3  (related)  open  Three (shown above)
      T-2  open  Two
        T-1  open  One (shown above)
    $ fleet dep tree T-3 --json
    {"schema_version":1,"ok":true,"data":{"id":"T-3","lines":[{"depth":0,"id":"T-3","title":"Three","status":"open","kind":null,"repeated":false},{"depth":1,"id":"T-1","title":"One","status":"open","kind":"blocks","repeated":false},{"depth":2,"id":"T-3","title":"Three","status":"open","kind":"related","repeated":true},{"depth":1,"id":"T-2","title":"Two","status":"open","kind":"blocks","repeated":false},{"depth":2,"id":"T-1","title":"One","status":"open","kind":"blocks","repeated":true}],"total":5,"has_more":false}}
    $ fleet dep rm T-3 T-1
    T-3  blocks  T-1  removed
    $ fleet dep rm T-3 T-1
    T-3  blocks  T-1  unchanged
    $ fleet dep cycles
    "#);
}

#[test]
fn the_place_is_described() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "q One",
        "config check",
        "config check --json",
        "doctor --verify",
        "sync",
        "inbox",
        "inbox --json --exit-code",
        "answer T-1 yes",
        "answer E-aaaaa yes",
        "route T-1 --explain",
        "route T-1 --json",
        "admit T-1",
        "version",
        "version --json",
    ]), @r#"
    $ fleet q One
    T-1
    $ fleet config check
    file          .orchestra/config.toml
    state branch  fleet/state
    base branch   main
    agents        none
    routes        8
    warning: no agents are configured; add one to .orchestra/config.toml, such as
    [agents.claude]
    kind = "cli"
    cli = "claude"
    the configuration is good
    $ fleet config check --json
    {"schema_version":1,"ok":true,"data":{"file":".orchestra/config.toml","agents":[],"routes":8,"state_branch":"fleet/state","base_branch":"main","warnings":["no agents are configured; add one to .orchestra/config.toml, such as\n[agents.claude]\nkind = \"cli\"\ncli = \"claude\""]}}
    $ fleet doctor --verify
    git           [GIT]
    repository    [ROOT]/project (work tree)
    remotes       none: the local branch decides
    branch        main
    config        .orchestra/config.toml
    state branch  fleet/state
    tasks         1 open, 0 closed
    verified      2 records fold to this state

    note  .orchestra/config.toml  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    healthy, 1 remark
    $ fleet sync
    nothing to publish: there is no remote
    $ fleet inbox
    $ fleet inbox --json --exit-code
    {"schema_version":1,"ok":true,"data":{"escalations":[],"total":0,"has_more":false}}
    $ fleet answer T-1 yes
    ! error: no open escalation is called T-1
    ! hint: `fleet inbox` shows the open ones
    [exit 3]
    $ fleet answer E-aaaaa yes
    ! error: no open escalation is called E-aaaaa
    ! hint: `fleet inbox` shows the open ones
    [exit 3]
    $ fleet route T-1 --explain
    T-1  One
    attempt 1: nobody can take it now
    waits: no agents are configured; add an [agents.<name>] table to .orchestra/config.toml
    $ fleet route T-1 --json
    {"schema_version":1,"ok":true,"data":{"task":{"id":"T-1","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e532f","title":"One","type":"implementation","priority":2,"complexity":"medium","status":"open","phase":"ready","labels":[]},"attempt":1,"taken_by":null,"skipped":[],"waits_for":[{"code":"no_agents","text":"no agents are configured; add an [agents.<name>] table to .orchestra/config.toml"}]}}
    $ fleet admit T-1
    T-1  unchanged  One (already admitted)
    $ fleet version
    fleet 0.1.0 (records v1, json v1)
    $ fleet version --json
    {"schema_version":1,"ok":true,"data":{"version":"0.1.0","record_version":1,"schema_version":1}}
    "#);
}

#[test]
fn what_an_agent_adds_waits_for_a_human() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let mut command = clone.command(&["add", "From an agent"]);
    let out = command
        .env("FLEET_ACTOR", "agent:claude")
        .output()
        .expect("fleet runs");
    assert!(out.status.success());
    assert_snapshot!(clone.story(&[
        "ready --exit-code",
        "blocked",
        "admit T-1",
        "ready",
        "update T-1 --title 'From an agent, better'",
        "ready",
    ]), @r#"
    $ fleet ready --exit-code
    ! note: nothing is ready; `fleet blocked` says what waits for what
    [exit 6]
    $ fleet blocked
    T-1  P2  implementation  draft  From an agent
        its text waits for a human to admit it
    $ fleet admit T-1
    T-1  admitted  From an agent
    $ fleet ready
    T-1  P2  implementation  From an agent
    $ fleet update T-1 --title 'From an agent, better'
    T-1  updated  From an agent, better (title)
    $ fleet ready
    T-1  P2  implementation  From an agent, better
    "#);
}

#[test]
fn completions_are_printed_for_every_shell() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = clone.fleet(&["completions", shell]);
        ran.expect_exit(0);
        assert!(ran.stdout.contains("fleet"), "{shell}");
    }
}

#[test]
fn a_question_is_answered_by_its_short_id_or_by_its_task() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "Parse dates"]).expect_exit(0);
    let shown = clone.data(&["show", "T-1"]);
    let uid = shown["tasks"][0]["uid"].as_str().expect("a task has a uid");
    let question = |n: u32, context: &str| {
        format!(
            r#"{{"v":1,"id":"01a1fd20-60c0-7002-987b-bcbfdd7e{n:04}","ts":"2026-11-21T08:03:00.00000000{n}Z","by":"agent:claude","run":"r1","op":"escalation.opened","task":"{uid}","agent":"claude","trigger":"question","context":"{context}","options":["UTC","local"]}}"#
        )
    };
    let lines = format!(
        "{}\n{}\n",
        question(1, "Which time zone?"),
        question(2, "Which calendar?")
    );
    let path = ".orchestra/log/2026-11/agentagent-0000.jsonl";
    plant(&clone, path, lines.as_bytes());
    assert_snapshot!(clone.story(&[
        "inbox",
        "inbox --exit-code --json",
        "list",
        "answer T-1 UTC",
        "answer 01a1fd20-60c0-7002-987b-bcbfdd7e0001 UTC --dry-run",
        "answer 01a1fd20-60c0-7002-987b-bcbfdd7e0001 UTC",
        "answer 01a1fd20-60c0-7002-987b-bcbfdd7e0001 UTC",
        "answer T-1 Gregorian --json",
        "inbox",
        "list",
        "log T-1",
    ]), @r#"
    $ fleet inbox
    E-gyxwqzeqw001  T-1  P2  question  2026-11-21 08:03  Parse dates
        Which time zone?
        - UTC
        - local
        fleet answer E-gyxwqzeqw001 "…"

    E-gyxwqzeqw002  T-1  P2  question  2026-11-21 08:03  Parse dates
        Which calendar?
        - UTC
        - local
        fleet answer E-gyxwqzeqw002 "…"
    $ fleet inbox --exit-code --json
    {"schema_version":1,"ok":true,"data":{"escalations":[{"id":"E-gyxwqzeqw001","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e0001","task":"T-1","title":"Parse dates","priority":2,"trigger":"question","agent":"claude","context":"Which time zone?","options":["UTC","local"],"opened_at":"2026-11-21T08:03:00.000Z"},{"id":"E-gyxwqzeqw002","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e0002","task":"T-1","title":"Parse dates","priority":2,"trigger":"question","agent":"claude","context":"Which calendar?","options":["UTC","local"],"opened_at":"2026-11-21T08:03:00.000Z"}],"total":2,"has_more":false}}
    [exit 12]
    $ fleet list
    T-1  P2  implementation  needs human  Parse dates
    $ fleet answer T-1 UTC
    ! error: T-1 names more than one open escalation: E-gyxwqzeqw001 (01a1fd20-60c0-7002-987b-bcbfdd7e0001), E-gyxwqzeqw002 (01a1fd20-60c0-7002-987b-bcbfdd7e0002)
    ! hint: name one of them, as `fleet inbox` shows it
    [exit 3]
    $ fleet answer 01a1fd20-60c0-7002-987b-bcbfdd7e0001 UTC --dry-run
    E-gyxwqzeqw001  T-1  P2  question  2026-11-21 08:03  Parse dates
        Which time zone?
        - UTC
        - local
        answered by human:Ada:
          UTC
    dry run: would record escalation.answered
    $ fleet answer 01a1fd20-60c0-7002-987b-bcbfdd7e0001 UTC
    E-gyxwqzeqw001  T-1  P2  question  2026-11-21 08:03  Parse dates
        Which time zone?
        - UTC
        - local
        answered by human:Ada:
          UTC
    $ fleet answer 01a1fd20-60c0-7002-987b-bcbfdd7e0001 UTC
    ! error: no open escalation is called 01a1fd20-60c0-7002-987b-bcbfdd7e0001
    ! hint: `fleet inbox` shows the open ones
    [exit 3]
    $ fleet answer T-1 Gregorian --json
    {"schema_version":1,"ok":true,"data":{"escalation":{"id":"E-gyxwqzeqw002","uid":"01a1fd20-60c0-7002-987b-bcbfdd7e0002","task":"T-1","title":"Parse dates","priority":2,"trigger":"question","agent":"claude","context":"Which calendar?","options":["UTC","local"],"opened_at":"2026-11-21T08:03:00.000Z","answer":"Gregorian","answered_by":"human:Ada"},"published":true,"records":["escalation.answered"]}}
    $ fleet inbox
    $ fleet list
    T-1  P2  implementation  ready  Parse dates
    $ fleet log T-1
    T-1  Parse dates
    2026-11-21 08:02  human:Ada     task.added           Parse dates
    2026-11-21 08:02  human:Ada     task.numbered        T-1
    2026-11-21 08:03  agent:claude  escalation.opened    question: Which time zone?
    2026-11-21 08:03  agent:claude  escalation.opened    question: Which calendar?
    2026-11-21 08:09  human:Ada     escalation.answered  UTC
    2026-11-21 08:11  human:Ada     escalation.answered  Gregorian
    "#);
}

#[test]
fn who_never_ticks_nor_syncs_has_a_checkpoint_all_the_same() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let task = |n: u32| format!(r#"{{"id":"t{n}","title":"Task {n}"}}"#);
    let tasks: Vec<String> = (0..520).map(task).collect();
    let plan = format!(r#"{{"tasks":[{}]}}"#, tasks.join(","));
    clone
        .fleet_with(&["add", "--graph", "-"], &plan)
        .expect_exit(0);
    let commits = || clone.git(&["log", "--format=%s", "fleet/state"]);
    let has = || {
        !clone
            .git(&["ls-tree", "fleet/state", ".orchestra/checkpoint.json"])
            .is_empty()
    };
    assert!(!has(), "{}", commits());
    let before = commits().lines().count();
    // A look writes nothing, a change does, in a commit behind its own.
    clone
        .fleet(&["update", "T-3", "--priority", "0", "--dry-run"])
        .expect_exit(0);
    assert_eq!(commits().lines().count(), before);
    clone
        .fleet(&["update", "T-3", "--priority", "0"])
        .expect_exit(0);
    assert!(has(), "{}", commits());
    assert_eq!(commits().lines().count(), before + 2);
    assert_eq!(commits().lines().next(), Some("checkpoint"));
    clone
        .fleet(&["update", "T-4", "--priority", "0"])
        .expect_exit(0);
    assert_eq!(commits().lines().count(), before + 3);
    assert_eq!(clone.data(&["list", "--all"])["total"], 520);
    clone.fleet(&["doctor", "--verify"]).expect_exit(0);
}
