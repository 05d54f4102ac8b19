//! Bad input: one clear message, an exit code of the table, nothing lost.
#![expect(clippy::too_many_lines, reason = "a story is told in one piece")]

use std::fs;

use insta::assert_snapshot;

use crate::env::{TestEnv, plant};

#[test]
fn outside_of_a_repository_it_says_where_to_go() {
    let env = TestEnv::new();
    fs::create_dir(env.path("nowhere")).expect("a folder can be made");
    let nowhere = env.at("nowhere");
    assert_snapshot!(nowhere.story(&["list", "list --json", "init", "add x", "doctor", "version"]), @r#"
    $ fleet list
    ! error: failed to use [ROOT]/nowhere as a repository: it is not inside a git repository; run `git init` there, or name one with -C
    [exit 3]
    $ fleet list --json
    {"schema_version":1,"ok":false,"error":{"code":"no_repository","message":"failed to use [ROOT]/nowhere as a repository: it is not inside a git repository; run `git init` there, or name one with -C","hint":"","retryable":false,"details":null}}
    [exit 3]
    $ fleet init
    ! error: failed to use [ROOT]/nowhere as a repository: it is not inside a git repository; run `git init` there, or name one with -C
    [exit 3]
    $ fleet add x
    ! error: failed to use [ROOT]/nowhere as a repository: it is not inside a git repository; run `git init` there, or name one with -C
    [exit 3]
    $ fleet doctor
    ! error: failed to use [ROOT]/nowhere as a repository: it is not inside a git repository; run `git init` there, or name one with -C
    [exit 3]
    $ fleet version
    fleet 0.1.0 (records v1, json v1)
    "#);
}

#[test]
fn before_init_it_says_so() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    assert_snapshot!(clone.story(&["list", "add x", "add x --dry-run", "ready --json", "sync", "doctor"]), @r#"
    $ fleet list
    ! error: this repository has no fleet state on branch fleet/state
    ! hint: run `fleet init`
    [exit 7]
    $ fleet add x
    ! error: this repository has no fleet state on branch fleet/state
    ! hint: run `fleet init`
    [exit 7]
    $ fleet add x --dry-run
    ! error: this repository has no fleet state on branch fleet/state
    ! hint: run `fleet init`
    [exit 7]
    $ fleet ready --json
    {"schema_version":1,"ok":false,"error":{"code":"not_initialised","message":"this repository has no fleet state on branch fleet/state","hint":"run `fleet init`","retryable":false,"details":null}}
    [exit 7]
    $ fleet sync
    ! error: this repository has no fleet state on branch fleet/state
    ! hint: run `fleet init`
    [exit 7]
    $ fleet doctor
    git           [GIT]
    repository    [ROOT]/project (work tree)
    remotes       none: the local branch decides
    branch        main
    config        none: defaults hold
    state branch  fleet/state

    note  none: defaults hold  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    error  fleet/state  not_initialised
        there is no branch fleet/state yet
        next: `fleet init`

    2 findings
    [exit 7]
    "#);
    assert_eq!(clone.git(&["branch", "--list", "fleet/*"]), "");
}

#[test]
fn wrong_names_and_flags_are_told_what_would_be_right() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "One"]).expect_exit(0);
    assert_snapshot!(clone.story(&[
        "show T-12",
        "close T-12 --json",
        "close T-0",
        "close 1",
        "close T-~zzzzz",
        "add",
        "add '' ",
        "add x -p 7",
        "add x --type 'Not A Type'",
        "add x --path ../up",
        "add x --dep relates:T-1",
        "add x --dep T-99",
        "add x --due soon",
        "add x --body-file [ROOT]/none.md",
        "list --phase sleeping",
        "list --frobnicate",
        "list --frobnicate --json",
        "frobnicate",
        "ready --dry-run",
    ]), @r#"
    $ fleet show T-12
    ! error: no task is called T-12
    ! hint: did you mean T-1? `fleet list --all` shows every task
    [exit 3]
    $ fleet close T-12 --json
    {"schema_version":1,"ok":false,"error":{"code":"task_not_found","message":"no task is called T-12","hint":"did you mean T-1? `fleet list --all` shows every task","retryable":false,"details":{"near":["T-1"]}}}
    [exit 3]
    $ fleet close T-0
    ! error: invalid value 'T-0' for '<TASK>...': `T-0` is not a task id; ids look like T-7, or T-~k3f9q before they are published
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet close 1
    ! error: invalid value '1' for '<TASK>...': `1` is not a task id; did you mean T-1?
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet close T-~zzzzz
    ! error: no task is called T-~zzzzz
    ! hint: `fleet list --all` shows every task
    [exit 3]
    $ fleet add
    ! error: the following required arguments were not provided:
    !   <TITLE>
    ! 
    ! Usage: fleet add <TITLE>
    ! 
    ! For more information, try '--help'.
    ! hint: for example `fleet add "Parse dates" -p 1 -l parser -l dates --path 'src/date/**'`
    [exit 2]
    $ fleet add ''
    ! error: the title is empty
    ! hint: say in a line what is wanted
    [exit 2]
    $ fleet add x -p 7
    ! error: invalid value '7' for '--priority <PRIORITY>': `7` is not a priority; priorities are 0 (most urgent) to 4, or P0 to P4
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet add x --type 'Not A Type'
    ! error: `Not A Type` is not a type
    ! hint: types are 1 to 40 lower-case letters, digits, - and _, such as implementation or bug
    [exit 2]
    $ fleet add x --path ../up
    ! error: `../up` is not a path inside the repository
    ! hint: globs are relative to the repository's root, such as src/parser/**
    [exit 2]
    $ fleet add x --dep relates:T-1
    ! error: invalid value 'relates:T-1' for '--dep <[KIND:]TASK>': `relates` is not a kind of dependency; kinds are blocks, parent-child, discovered-from, related, waits-for, duplicates, supersedes, on-failure, on-close
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet add x --dep T-99
    ! error: no task is called T-99
    ! hint: did you mean T-1? `fleet list --all` shows every task
    [exit 3]
    $ fleet add x --due soon
    ! error: invalid value 'soon' for '--due <TIME>': `soon` is no time; write `tomorrow 9am`, `in 3 days`, `next monday`, `2h30m`, `2026-11-21 17:00` or an RFC 3339 time
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet add x --body-file [ROOT]/none.md
    ! error: failed to read [ROOT]/none.md: No such file or directory (os error 2)
    [exit 2]
    $ fleet list --phase sleeping
    ! error: invalid value 'sleeping' for '--phase <PHASE>'
    !   [possible values: draft, deferred, blocked, ready, waiting, running, in_review, needs_human, closed]
    ! 
    ! For more information, try '--help'.
    [exit 2]
    $ fleet list --frobnicate
    ! error: unexpected argument '--frobnicate' found
    ! 
    ! Usage: fleet list [OPTIONS]
    ! 
    ! For more information, try '--help'.
    ! hint: for example `fleet list --type bug --type testing -p 0 -p 1`
    [exit 2]
    $ fleet list --frobnicate --json
    {"schema_version":1,"ok":false,"error":{"code":"usage","message":"unexpected argument '--frobnicate' found","hint":"for example `fleet list --type bug --type testing -p 0 -p 1`","retryable":false,"details":{"text":"error: unexpected argument '--frobnicate' found\n\nUsage: fleet list [OPTIONS]\n\nFor more information, try '--help'.\n"}}}
    [exit 2]
    $ fleet frobnicate
    ! error: unrecognized subcommand 'frobnicate'
    ! 
    ! Usage: fleet [OPTIONS] <COMMAND>
    ! 
    ! For more information, try '--help'.
    ! hint: `fleet help` shows every command
    [exit 2]
    $ fleet ready --dry-run
    ! error: the following required arguments were not provided:
    !   --claim
    ! 
    ! Usage: fleet ready --claim --dry-run
    ! 
    ! For more information, try '--help'.
    ! hint: for example `fleet ready --limit 5`
    [exit 2]
    "#);
    assert_eq!(clone.data(&["list", "--all"])["total"], 1);
}

#[test]
fn bare_unborn_detached_and_shallow_repositories_work() {
    let env = TestEnv::new();
    let project = env.ready("project");
    project.git(&["checkout", "-q", "--detach"]);
    project.fleet(&["q", "Detached"]).expect_exit(0);
    fs::create_dir(env.path("bare")).expect("a folder can be made");
    let bare = env.at("bare");
    bare.git(&["init", "-q", "--bare", "-b", "main", "."]);
    fs::create_dir(env.path("unborn")).expect("a folder can be made");
    let unborn = env.at("unborn");
    unborn.git(&["init", "-q", "-b", "main", "."]);
    let mut told = bare.story(&["init --in-tree", "init", "q Bare", "list", "doctor"]);
    told += &unborn.story(&["init", "q Unborn", "list", "doctor"]);
    assert_snapshot!(told, @r#"
    $ fleet init --in-tree
    ! error: a bare repository has no tree to keep the state in
    ! hint: leave --in-tree out: the state gets a branch of its own
    [exit 2]
    $ fleet init
    created  state on branch fleet/state
    next: fleet add "What is to be done"
    $ fleet q Bare
    T-1
    $ fleet list
    T-1  P2  implementation  ready  Bare
    $ fleet doctor
    git           [GIT]
    repository    [ROOT]/bare (bare)
    remotes       none: the local branch decides
    config        none: defaults hold
    state branch  fleet/state
    tasks         1 open, 0 closed

    warning  main  unborn_branch
        branch main has no commit, so agents have nothing to start from
        next: make a first commit: `git commit --allow-empty -m start`

    note  none: defaults hold  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    healthy, 2 remarks
    $ fleet init
    created  .orchestra/config.toml
    created  state on branch fleet/state
    next: git add .orchestra && git commit -m "set up fleet"
    next: fleet add "What is to be done"
    $ fleet q Unborn
    T-1
    $ fleet list
    T-1  P2  implementation  ready  Unborn
    $ fleet doctor
    git           [GIT]
    repository    [ROOT]/unborn (work tree)
    remotes       none: the local branch decides
    config        .orchestra/config.toml
    state branch  fleet/state
    tasks         1 open, 0 closed

    warning  main  unborn_branch
        branch main has no commit, so agents have nothing to start from
        next: make a first commit: `git commit --allow-empty -m start`

    note  .orchestra/config.toml  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    healthy, 2 remarks
    "#);
}

#[test]
fn a_damaged_line_is_reported_and_the_rest_is_read() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "Before"]).expect_exit(0);
    let path = ".orchestra/log/2026-11/damaged000-0000.jsonl";
    plant(
        &clone,
        path,
        b"{\"v\":1,\"id\":\"nonsense\"}\n<<<<<<< HEAD\n{\"v\":1,\"id\":\"cut of",
    );
    assert_snapshot!(clone.story(&["list", "q After", "list", "doctor", "doctor --json"]), @r#"
    $ fleet list
    T-1  P2  implementation  ready  Before
    ! note: 3 problems in the state, first .orchestra/log/2026-11/damaged000-0000.jsonl:1: not a record; the line is kept and not read [`nonsense` is not a record id (a UUID) at line 1 column 22: {"v":1,"id":"nonsense"}]; `fleet doctor` shows everything
    $ fleet q After
    T-2
    ! note: 3 problems in the state, first .orchestra/log/2026-11/damaged000-0000.jsonl:1: not a record; the line is kept and not read [`nonsense` is not a record id (a UUID) at line 1 column 22: {"v":1,"id":"nonsense"}]; `fleet doctor` shows everything
    $ fleet list
    T-1  P2  implementation  ready  Before
    T-2  P2  implementation  ready  After
    ! note: 3 problems in the state, first .orchestra/log/2026-11/damaged000-0000.jsonl:1: not a record; the line is kept and not read [`nonsense` is not a record id (a UUID) at line 1 column 22: {"v":1,"id":"nonsense"}]; `fleet doctor` shows everything
    $ fleet doctor
    git           [GIT]
    repository    [ROOT]/project (work tree)
    remotes       none: the local branch decides
    branch        main
    config        .orchestra/config.toml
    state branch  fleet/state
    tasks         2 open, 0 closed

    note  .orchestra/config.toml  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    warning  .orchestra/log/2026-11/damaged000-0000.jsonl:1  state_damage
        not a record; the line is kept and not read [`nonsense` is not a record id (a UUID) at line 1 column 22: {"v":1,"id":"nonsense"}]
        next: `git log -p fleet/state -- .orchestra/log/2026-11/damaged000-0000.jsonl` shows how it came about

    warning  .orchestra/log/2026-11/damaged000-0000.jsonl:2  state_damage
        a merge conflict's marker; the line is kept and not read [<<<<<<< HEAD]
        next: `git log -p fleet/state -- .orchestra/log/2026-11/damaged000-0000.jsonl` shows how it came about

    warning  .orchestra/log/2026-11/damaged000-0000.jsonl:3  state_damage
        the last line is cut off; it is kept and not read [{"v":1,"id":"cut of]
        next: `git log -p fleet/state -- .orchestra/log/2026-11/damaged000-0000.jsonl` shows how it came about

    healthy, 4 remarks
    $ fleet doctor --json
    {"schema_version":1,"ok":true,"data":{"healthy":true,"facts":[["git","[GIT]"],["repository","[ROOT]/project (work tree)"],["remotes","none: the local branch decides"],["branch","main"],["config",".orchestra/config.toml"],["state branch","fleet/state"],["tasks","2 open, 0 closed"]],"findings":[{"severity":"note","code":"config_remark","where":".orchestra/config.toml","what":"no agents are configured; add one to .orchestra/config.toml, such as\n[agents.claude]\nkind = \"cli\"\ncli = \"claude\"","next":"`fleet config check`"},{"severity":"warning","code":"state_damage","where":".orchestra/log/2026-11/damaged000-0000.jsonl:1","what":"not a record; the line is kept and not read [`nonsense` is not a record id (a UUID) at line 1 column 22: {\"v\":1,\"id\":\"nonsense\"}]","next":"`git log -p fleet/state -- .orchestra/log/2026-11/damaged000-0000.jsonl` shows how it came about"},{"severity":"warning","code":"state_damage","where":".orchestra/log/2026-11/damaged000-0000.jsonl:2","what":"a merge conflict's marker; the line is kept and not read [<<<<<<< HEAD]","next":"`git log -p fleet/state -- .orchestra/log/2026-11/damaged000-0000.jsonl` shows how it came about"},{"severity":"warning","code":"state_damage","where":".orchestra/log/2026-11/damaged000-0000.jsonl:3","what":"the last line is cut off; it is kept and not read [{\"v\":1,\"id\":\"cut of]","next":"`git log -p fleet/state -- .orchestra/log/2026-11/damaged000-0000.jsonl` shows how it came about"}],"total":4,"has_more":false}}
    "#);
}

#[test]
fn a_newer_format_is_read_and_not_written() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "Before"]).expect_exit(0);
    plant(
        &clone,
        ".orchestra/format.json",
        b"{\"format\":2,\"min_reader\":1}\n",
    );
    let mut told = clone.story(&["list", "add After", "close T-1 --json"]);
    plant(
        &clone,
        ".orchestra/format.json",
        b"{\"format\":9,\"min_reader\":9}\n",
    );
    told += &clone.story(&["list", "add After", "doctor"]);
    plant(&clone, ".orchestra/format.json", b"{");
    told += &clone.story(&["list --json"]);
    assert_snapshot!(told, @r#"
    $ fleet list
    T-1  P2  implementation  ready  Before
    $ fleet add After
    ! error: failed to write the state: it is in format 2, this fleet writes 1; install a newer fleet (reading works)
    ! hint: install a newer fleet
    [exit 8]
    $ fleet close T-1 --json
    {"schema_version":1,"ok":false,"error":{"code":"state_too_new","message":"failed to write the state: it is in format 2, this fleet writes 1; install a newer fleet (reading works)","hint":"install a newer fleet","retryable":false,"details":null}}
    [exit 8]
    $ fleet list
    ! error: failed to read the state: it needs a fleet that reads format 9, this one reads up to 1; install a newer fleet
    ! hint: install a newer fleet
    [exit 8]
    $ fleet add After
    ! error: failed to read the state: it needs a fleet that reads format 9, this one reads up to 1; install a newer fleet
    ! hint: install a newer fleet
    [exit 8]
    $ fleet doctor
    git           [GIT]
    repository    [ROOT]/project (work tree)
    remotes       none: the local branch decides
    branch        main
    config        .orchestra/config.toml
    state branch  fleet/state

    note  .orchestra/config.toml  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    error  fleet/state  state_unreadable
        failed to read the state: it needs a fleet that reads format 9, this one reads up to 1; install a newer fleet
        next: `git log fleet/state` shows its history

    2 findings
    [exit 8]
    $ fleet list --json
    {"schema_version":1,"ok":false,"error":{"code":"state_unreadable","message":"failed to read .orchestra/format.json: EOF while parsing an object at line 1 column 1; repair it by hand from `git log` of the state branch","hint":"`fleet doctor` shows what is wrong","retryable":false,"details":null}}
    [exit 8]
    "#);
}

#[test]
fn a_wrong_configuration_is_located() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let config = clone.dir.join(".orchestra/config.toml");
    fs::write(
        config,
        "base_brnch = \"main\"\n[tick]\nmax_parallel = \"two\"\n",
    )
    .expect("a file can be written");
    assert_snapshot!(clone.story(&["list", "list --json", "config check", "doctor"]), @r#"
    $ fleet list
    ! error: .orchestra/config.toml:1:1: `base_brnch` is not a key; did you mean `base_branch`?
    ! hint: `fleet config check` shows everything
    [exit 7]
    $ fleet list --json
    {"schema_version":1,"ok":false,"error":{"code":"config","message":".orchestra/config.toml:1:1: `base_brnch` is not a key; did you mean `base_branch`?","hint":"`fleet config check` shows everything","retryable":false,"details":null}}
    [exit 7]
    $ fleet config check
    ! error: .orchestra/config.toml:1:1: `base_brnch` is not a key; did you mean `base_branch`?
    ! .orchestra/config.toml:3:16: `tick.max_parallel` must be a whole number, and is a text
    ! hint: edit the file
    [exit 7]
    $ fleet doctor
    git         [GIT]
    repository  [ROOT]/project (work tree)
    remotes     none: the local branch decides
    branch      main

    error  .orchestra/config.toml:1:1  config
        `base_brnch` is not a key; did you mean `base_branch`?
        next: edit the file, then run `fleet config check`

    error  .orchestra/config.toml:3:16  config
        `tick.max_parallel` must be a whole number, and is a text
        next: edit the file, then run `fleet config check`

    2 findings
    [exit 7]
    "#);
}

#[test]
fn text_of_records_cannot_deceive_a_terminal() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["add", "safe", "-d", "\u{1b}[2Jgone \u{202e}txt.exe\u{200b}"])
        .expect_exit(0);
    let shown = clone.fleet(&["show", "T-1", "--color", "always"]);
    assert!(!shown.stdout.contains("\u{1b}[2J"), "{}", shown.stdout);
    assert!(
        shown
            .stdout
            .contains("\\u{1b}[2Jgone \\u{202e}txt.exe\\u{200b}")
    );
    assert_eq!(clone.fleet(&["add", "a\u{1b}[31mb"]).exit, 2);
}

#[test]
fn a_number_that_two_tasks_claim_is_refused_and_mended_by_adding() {
    let env = TestEnv::new();
    let (one, two) = (env.ready("one"), env.ready("two"));
    one.fleet(&["q", "Hers"]).expect_exit(0);
    two.fleet(&["q", "His"]).expect_exit(0);
    // Two histories that never met are forced together.
    one.git(&["fetch", "-q", "../two", "fleet/state:refs/heads/theirs"]);
    one.git(&["checkout", "-q", "fleet/state"]);
    one.git(&[
        "merge",
        "-q",
        "--allow-unrelated-histories",
        "-m",
        "forced",
        "theirs",
    ]);
    one.git(&["checkout", "-q", "main"]);
    assert_snapshot!(one.story(&[
        "list",
        "close T-1",
        "doctor",
        "doctor --fix",
        "close T-1",
        "list --all",
    ]), @r#"
    $ fleet list
    T-1       P2  implementation  ready  Hers
    T-~qvrsz  P2  implementation  ready  His
    $ fleet close T-1
    ! error: T-1 names more than one task: T-~stz8m (Hers), T-~qvrsz (His)
    ! hint: name it by one of these handles; `fleet doctor --fix` gives doubled numbers a new one
    [exit 3]
    $ fleet doctor
    git           [GIT]
    repository    [ROOT]/one (work tree)
    remotes       none: the local branch decides
    branch        main
    config        .orchestra/config.toml
    state branch  fleet/state
    tasks         2 open, 0 closed

    note  .orchestra/config.toml  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    error  T-1  state_number_collision
        2 tasks have the number T-1: T-~stz8m, T-~qvrsz
        next: `fleet doctor --fix` gives all but the first a new number

    2 findings
    [exit 8]
    $ fleet doctor --fix
    git           [GIT]
    repository    [ROOT]/one (work tree)
    remotes       none: the local branch decides
    branch        main
    config        .orchestra/config.toml
    state branch  fleet/state
    tasks         2 open, 0 closed

    note  .orchestra/config.toml  config_remark
        no agents are configured; add one to .orchestra/config.toml, such as
        [agents.claude]
        kind = "cli"
        cli = "claude"
        next: `fleet config check`

    note  T-1  state_number_collision
        2 tasks have the number T-1: T-~stz8m, T-~qvrsz
        next: mended: `fleet list` shows the new number

    recorded task.numbered

    healthy, 2 remarks
    $ fleet close T-1
    T-1  closed  Hers (done)
    $ fleet list --all
    T-2  P2  implementation  ready   His
    T-1  P2  implementation  closed  Hers
    "#);
}
