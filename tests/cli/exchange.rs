//! Issues of other trackers, in and out: one publish or none, twice without doubling, and back.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use serde_json::Value;

use crate::env::{Clone, TestEnv};

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/import");
    path.join(name).to_string_lossy().into_owned()
}

/// The objects of a JSON Lines file, by id.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let all = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
    all.map(|value| {
        let id = value
            .get("id")
            .or_else(|| value.get("key"))
            .expect("it has a name");
        (id.as_str().expect("a text").to_owned(), value.clone())
    })
    .collect()
}

fn export(clone: &Clone<'_>, to: &str) -> String {
    let ran = clone.fleet(&["export", "--to", to]);
    ran.expect_exit(0);
    ran.stdout
}

/// Commits of the state.
fn commits(clone: &Clone<'_>) -> usize {
    clone
        .git(&["rev-list", "--count", "fleet/state"])
        .trim()
        .parse()
        .expect("a number")
}

#[test]
fn beads_come_in_in_one_commit_and_go_out_as_they_were() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let before = commits(&clone);
    let file = fixture("beads-strange.jsonl");
    let ran = clone.fleet(&["import", &file, "--dry-run", "--json"]);
    ran.expect_exit(0);
    assert_eq!(ran.json()["data"]["created"], 10);
    assert_eq!(commits(&clone), before, "a dry run records nothing");
    let ran = clone.fleet(&["import", &file, "--json"]);
    ran.expect_exit(0);
    let data = ran.json()["data"].clone();
    assert_eq!(
        (&data["created"], &data["skipped"]),
        (&10.into(), &1.into())
    );
    assert_eq!(commits(&clone), before + 1);
    let notes: Vec<&str> = data["notes"]
        .as_array()
        .expect("notes")
        .iter()
        .map(|note| note["text"].as_str().expect("words"))
        .collect();
    for wanted in [
        "blocks beads:bd-wisp-x, which is not here: held until it comes or `fleet undefer`",
        "related external:other:cap, which is not here: kept, without effect",
        "blocks on itself was left out",
        "priority 9 became 4",
        "type `User Story` became user-story",
    ] {
        assert!(notes.contains(&wanted), "{wanted}: {notes:#?}");
    }
    assert!(
        notes
            .iter()
            .any(|n| n.starts_with("these wait for each other")),
        "{notes:#?}"
    );

    let out = objects(&export(&clone, "beads"));
    let source = fs::read_to_string(&file).expect("the fixture reads");
    // Of two versions of one issue the newer counts.
    for (id, wanted) in objects(&source) {
        assert_eq!(out.get(&id), Some(&wanted), "{id}");
    }
    let raw = export(&clone, "beads");
    assert!(
        raw.contains(r#""metadata":{"n":1.50,"z":1,"a":[1e3]}"#),
        "spelled as before"
    );
    assert_eq!(
        raw,
        export(&clone, "beads"),
        "the same tasks give the same bytes"
    );

    // Out and in again changes nothing, and a fresh repository ends up with the same file.
    fs::write(env.path("out.jsonl"), &raw).expect("a file can be written");
    let again = env.path("out.jsonl").to_string_lossy().into_owned();
    let data = clone.data(&["import", &again]);
    assert_eq!(
        (&data["created"], &data["updated"]),
        (&0.into(), &0.into()),
        "{data:#}"
    );
    assert_eq!(commits(&clone), before + 1, "nothing to say, no commit");
    let other = env.ready("other");
    other.fleet(&["import", &again]).expect_exit(0);
    assert_eq!(export(&other, "beads"), raw);
}

#[test]
fn a_second_import_takes_what_changed_there_and_keeps_what_changed_here() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let line = |title: &str, priority: u8, labels: &str, more: &str, updated: &str| {
        format!(
            r#"{{"id":"bd-1","title":"{title}","status":"open","priority":{priority},"issue_type":"task","labels":[{labels}],{more}"created_at":"2026-01-01T10:00:00Z","updated_at":"{updated}"}}"#
        )
    };
    let put = |text: &str| {
        fs::write(clone.dir.join("b.jsonl"), format!("{text}\n")).expect("a file can be written");
    };
    put(&line("One", 2, r#""a","b""#, "", "2026-01-01T10:00:00Z"));
    clone.fleet(&["import", "b.jsonl"]).expect_exit(0);
    clone
        .fleet(&["update", "T-1", "--priority", "0", "--label", "mine"])
        .expect_exit(0);

    // The title changed there, the priority here: both stay.
    put(&line("Two", 2, r#""a","c""#, "", "2026-02-01T10:00:00Z"));
    let data = clone.data(&["import", "b.jsonl"]);
    assert_eq!(data["updated"], 1, "{data:#}");
    let task = clone.data(&["show", "T-1"])["tasks"][0].clone();
    assert_eq!(
        (&task["title"], &task["priority"]),
        (&"Two".into(), &0.into()),
        "{task:#}"
    );

    // Older than what was imported: passed over, and told.
    put(&line("Zero", 3, "", "", "2025-12-01T10:00:00Z"));
    let data = clone.data(&["import", "b.jsonl"]);
    assert_eq!(data["skipped"], 1, "{data:#}");
    assert!(
        data["rows"][0]["why"]
            .as_str()
            .is_some_and(|w| w.contains("imported before"))
    );

    // Changed on both sides, later here: it stays, and that is told.
    put(&line("Two", 4, r#""a","c""#, "", "2026-03-01T10:00:00Z"));
    let data = clone.data(&["import", "b.jsonl"]);
    assert_eq!(
        data["notes"][0]["text"], "priority was changed here, too, and stays",
        "{data:#}"
    );
    // And later there: it is taken.
    put(&line("Two", 3, r#""a","c""#, "", "2027-03-01T10:00:00Z"));
    clone.fleet(&["import", "b.jsonl"]).expect_exit(0);
    let task = clone.data(&["show", "T-1"])["tasks"][0].clone();
    assert_eq!(task["priority"], 3, "{task:#}");

    // A comment, a close and a blocker that came later.
    let comment = r#""comments":[{"id":"c1","author":"ada","text":"done so","created_at":"2027-04-01T10:00:00Z"}],"#;
    put(
        &line("Two", 3, r#""a","c""#, comment, "2027-04-01T10:00:00Z")
            .replace(r#""open""#, r#""closed""#),
    );
    clone.fleet(&["import", "b.jsonl"]).expect_exit(0);
    let shown = clone.data(&["show", "T-1"]);
    assert_eq!(shown["tasks"][0]["status"], "closed", "{shown:#}");
    let data = clone.data(&["import", "b.jsonl"]);
    assert_eq!(data["unchanged"], 1, "{data:#}");
}

#[test]
fn an_edge_that_is_gone_there_goes_here_and_a_blocker_that_arrives_lets_go() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let issue = |id: &str, deps: &[&str], month: u8| {
        let deps: Vec<String> = deps
            .iter()
            .map(|on| format!(r#"{{"issue_id":"{id}","depends_on_id":"{on}","type":"blocks"}}"#))
            .collect();
        format!(
            r#"{{"id":"{id}","title":"{id}","status":"open","priority":2,"issue_type":"task","dependencies":[{}],"updated_at":"2026-{month:02}-01T10:00:00Z"}}"#,
            deps.join(",")
        )
    };
    let import = |lines: &[String]| {
        fs::write(clone.dir.join("b.jsonl"), lines.join("\n") + "\n").expect("it writes");
        clone.data(&["import", "b.jsonl"])
    };
    let ready = || -> Vec<String> {
        let data = clone.data(&["ready"]);
        let tasks = data["tasks"].as_array().expect("tasks").clone();
        tasks
            .iter()
            .map(|t| t["title"].as_str().expect("a title").to_owned())
            .collect()
    };
    import(&[issue("bd-1", &["bd-2", "bd-3"], 1), issue("bd-2", &[], 1)]);
    assert_eq!(
        ready(),
        ["bd-2"],
        "bd-3 is not here: unknown blockers block"
    );
    let told = clone.fleet(&["show", "T-1"]).stdout;
    assert!(
        told.contains("waits for beads:bd-3, which is not here"),
        "{told}"
    );
    // It arrives, closed; and bd-2 does not block any more.
    let closed = issue("bd-3", &[], 1).replace(r#""open""#, r#""closed""#);
    import(&[issue("bd-1", &["bd-3"], 2), closed]);
    assert_eq!(ready(), ["bd-1", "bd-2"]);
}

#[test]
fn what_is_broken_is_refused_as_a_whole_or_left_out_on_request() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let before = commits(&clone);
    let text = "{\"id\":\"a-1\",\"title\":\"good\",\"issue_type\":\"task\"}\n{\"id\":\"a-2\",\"ti";
    fs::write(clone.dir.join("b.jsonl"), text).expect("it writes");
    fs::write(clone.dir.join("e.jsonl"), "").expect("it writes");
    fs::write(clone.dir.join("q.csv"), "id,title,x\n1,a,b\n2,\"c,d\n").expect("it writes");
    fs::write(clone.dir.join("odd.txt"), "nothing known").expect("it writes");
    assert_snapshot!(clone.story(&[
        "import b.jsonl",
        "import b.jsonl --json",
        "import e.jsonl",
        "import q.csv",
        "import odd.txt",
        "import none.jsonl",
        "import q.csv --map what=x",
    ]), @r#"
    $ fleet import b.jsonl
    ! error: nothing was imported: b.jsonl:2:15: torn: the last line ends in the middle (EOF while parsing a string)
    ! hint: mend that, or import the other 1 with `--skip-bad`
    [exit 2]
    $ fleet import b.jsonl --json
    {"schema_version":1,"ok":false,"error":{"code":"bad_input","message":"nothing was imported: b.jsonl:2:15: torn: the last line ends in the middle (EOF while parsing a string)","hint":"mend that, or import the other 1 with `--skip-bad`","retryable":false,"details":{"problems":["b.jsonl:2:15: torn: the last line ends in the middle (EOF while parsing a string)"]}}}
    [exit 2]
    $ fleet import e.jsonl
    ! error: nothing was imported: e.jsonl: the file is empty
    ! hint: nothing in it can be read as beads; `--from` names the format
    [exit 2]
    $ fleet import q.csv
    ! error: nothing was imported: q.csv:3: a quote that begins in this row is not closed
    ! hint: mend that, or import the other 1 with `--skip-bad`
    [exit 2]
    $ fleet import odd.txt
    ! error: failed to tell the format of odd.txt
    ! hint: name it: `--from` takes beads, github, gitlab, jira, linear, taskwarrior, backlog, markdown, csv
    [exit 2]
    $ fleet import none.jsonl
    ! error: failed to read none.jsonl: No such file or directory (os error 2)
    [exit 2]
    $ fleet import q.csv --map what=x
    ! error: invalid value 'what=x' for '--map <FIELD=COLUMN>': `what=x` is no FIELD=COLUMN; fields are id, title, body, type, status, priority, labels, assignee, due, updated, parent, blocked_by, acceptance
    ! 
    ! For more information, try '--help'.
    [exit 2]
    "#);
    assert_eq!(commits(&clone), before, "nothing was recorded");
    let ran = clone.fleet(&["import", "b.jsonl", "--skip-bad"]);
    ran.expect_exit(0);
    assert!(
        ran.stdout
            .contains("1 created, 0 updated, 0 unchanged, 1 skipped"),
        "{}",
        ran.told()
    );
    assert!(
        ran.stdout
            .contains("Left out: cannot be read\n  b.jsonl:2:15"),
        "{}",
        ran.told()
    );
    assert_eq!(commits(&clone), before + 1);
}

#[test]
fn a_file_that_holds_more_is_not_replaced_and_none_is_half_written() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["add", "One", "-p", "1", "-l", "x"])
        .expect_exit(0);
    clone.fleet(&["add", "Two", "--dep", "T-1"]).expect_exit(0);
    let richer = "{\"id\":\"bd-1\",\"title\":\"precious\"}\n";
    fs::write(clone.dir.join("b.jsonl"), richer).expect("it writes");
    assert_snapshot!(clone.story(&[
        "export --to beads -o b.jsonl",
        "export --to beads -o new.jsonl --dry-run",
        "export --to beads -o new.jsonl",
        "export --to beads -o new.jsonl",
        "export --to markdown",
    ]), @r"
    $ fleet export --to beads -o b.jsonl
    ! error: b.jsonl was left as it is: beads:bd-1 would be gone
    ! hint: import it first, write to another file, or say --overwrite
    [exit 2]
    $ fleet export --to beads -o new.jsonl --dry-run
    dry run: would write 2 tasks as beads to new.jsonl
    $ fleet export --to beads -o new.jsonl
    wrote 2 tasks as beads to new.jsonl
    $ fleet export --to beads -o new.jsonl
    new.jsonl holds these 2 tasks as beads already
    $ fleet export --to markdown
    - [ ] One (T-1)
    - [ ] Two (T-2) (after T-1)
    ");
    let kept = fs::read_to_string(clone.dir.join("b.jsonl")).expect("it reads");
    assert_eq!(kept, richer);
    clone
        .fleet(&["export", "--to", "beads", "-o", "b.jsonl", "--overwrite"])
        .expect_exit(0);
    // What was written here comes home as the tasks that it was written from.
    let data = clone.data(&["import", "b.jsonl"]);
    assert_eq!(
        (&data["created"], &data["unchanged"]),
        (&0.into(), &2.into()),
        "{data:#}"
    );
    let data = {
        fs::write(clone.dir.join("t.csv"), export(&clone, "csv")).expect("it writes");
        clone.data(&["import", "t.csv"])
    };
    assert_eq!(
        (&data["created"], &data["unchanged"]),
        (&0.into(), &2.into()),
        "{data:#}"
    );
    for to in ["json", "github"] {
        let value: Value = serde_json::from_str(&export(&clone, to)).expect("it is JSON");
        let list = value.get("tasks").unwrap_or(&value);
        assert_eq!(list.as_array().map(Vec::len), Some(2), "{to}");
    }
}

#[test]
fn what_outsiders_wrote_waits_for_a_human_and_folders_are_read_without_links() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone
        .fleet(&["import", &fixture("github-rest.json")])
        .expect_exit(0);
    let shown = clone.data(&["show", "T-1"]);
    assert_eq!(shown["tasks"][0]["admitted"], false, "{shown:#}");
    let told = clone.fleet(&["import", &fixture("backlog"), "--json"]);
    told.expect_exit(0);
    assert_eq!(told.json()["data"]["created"], 3, "{}", told.told());
    let folder = clone.dir.join("folder");
    fs::create_dir(&folder).expect("a folder can be made");
    fs::write(
        folder.join("a.md"),
        "---\nid: task-9\ntitle: ../../etc/passwd\n---\n",
    )
    .expect("it writes");
    std::os::unix::fs::symlink("/etc/passwd", folder.join("b.md")).expect("a link can be made");
    let told = clone.fleet(&["import", "folder", "--json"]);
    told.expect_exit(0);
    let data = told.json()["data"].clone();
    assert_eq!(
        data["notes"][0]["text"],
        "b.md was left out: a link: links are not followed"
    );
}

#[test]
fn every_other_format_comes_in_and_comes_in_again_unchanged() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    for name in [
        "github-gh.json",
        "gitlab.json",
        "jira.json",
        "linear.json",
        "taskwarrior.json",
        "todo.md",
        "plain.csv",
        "gitlab.csv",
        "jira.csv",
        "linear.csv",
    ] {
        let first = clone.data(&["import", &fixture(name)]);
        assert!(
            first["created"].as_u64() > Some(0)
                || first["updated"].as_u64() > Some(0)
                || first["skipped"].as_u64() > Some(0),
            "{name}: {first:#}"
        );
        let second = clone.data(&["import", &fixture(name)]);
        assert_eq!(
            (&second["created"], &second["updated"]),
            (&0.into(), &0.into()),
            "{name}: {second:#}"
        );
    }
}

// ---- Real files ----

/// Files of public projects, which are not part of this repository; `FLEET_BEADS_DATA` names their
/// folder. Without it the tests that want them say so and end.
fn real_files() -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/beads");
    let folder = std::env::var_os("FLEET_BEADS_DATA").map_or(beside, PathBuf::from);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "jsonl"));
    files.sort();
    if files.is_empty() {
        eprintln!(
            "skipped: no real files in {} (set FLEET_BEADS_DATA)",
            folder.display()
        );
    }
    files
}

#[test]
fn real_files_of_public_projects_go_in_and_out_without_loss() {
    for file in real_files() {
        let env = TestEnv::new();
        let clone = env.ready("project");
        let name = file.to_string_lossy().into_owned();
        let data = clone.data(&["import", &name]);
        let source = objects(&fs::read_to_string(&file).expect("it reads"));
        assert_eq!(data["created"], source.len(), "{name}");
        assert_eq!(data["skipped"], 0, "{name}");
        let text = export(&clone, "beads");
        let out = objects(&text);
        assert_eq!(out.len(), source.len(), "{name}");
        for (id, wanted) in &source {
            assert_eq!(out.get(id), Some(wanted), "{name}: {id}");
        }
        let data = clone.data(&["import", &name]);
        assert_eq!(data["unchanged"], source.len(), "{name}");
    }
}

/// What `bd ready` of beads 1.0 computes, written from its documentation (docs/import.md).
struct Oracle<'a> {
    issues: &'a BTreeMap<String, Value>,
}

impl Oracle<'_> {
    fn text<'v>(issue: &'v Value, field: &str) -> &'v str {
        issue[field].as_str().unwrap_or_default()
    }

    fn ends(status: &str) -> bool {
        // A deleted one is not in its database at all.
        matches!(status, "closed" | "pinned" | "tombstone")
    }

    fn edges<'v>(issue: &'v Value, kinds: &'v [&str]) -> impl Iterator<Item = &'v str> {
        let all = issue["dependencies"].as_array().into_iter().flatten();
        all.filter(move |d| kinds.contains(&Self::text(d, "type")))
            .map(|d| Self::text(d, "depends_on_id"))
    }

    fn open_target(&self, id: &str) -> bool {
        self.issues
            .get(id)
            .is_some_and(|t| !Self::ends(Self::text(t, "status")))
    }

    fn blocked(&self, id: &str, seen: &mut BTreeSet<String>) -> bool {
        let Some(issue) = self.issues.get(id) else {
            return false;
        };
        if Self::ends(Self::text(issue, "status")) || !seen.insert(id.to_owned()) {
            return false;
        }
        Self::edges(issue, &["blocks", "conditional-blocks"]).any(|t| self.open_target(t))
            || Self::edges(issue, &["waits-for"])
                .any(|t| self.children(t).any(|c| self.open_target(c)))
            || Self::edges(issue, &["parent-child"]).any(|p| self.blocked(p, seen))
    }

    fn children<'v>(&'v self, id: &'v str) -> impl Iterator<Item = &'v str> {
        self.issues
            .iter()
            .filter(move |(_, issue)| Self::edges(issue, &["parent-child"]).any(|p| p == id))
            .map(|(child, _)| child.as_str())
    }

    fn ready(&self, id: &str) -> bool {
        let issue = &self.issues[id];
        let no_work = [
            "merge-request",
            "gate",
            "molecule",
            "message",
            "agent",
            "role",
            "rig",
        ];
        Self::text(issue, "status") == "open"
            && issue["pinned"] != true
            && issue["ephemeral"] != true
            && !no_work.contains(&Self::text(issue, "issue_type"))
            && issue.get("defer_until").is_none()
            && !self.blocked(id, &mut BTreeSet::new())
    }

    /// The rule by which fleet does not start what beads offers.
    fn rule(&self, id: &str) -> Option<&'static str> {
        let issue = &self.issues[id];
        if self.children(id).any(|child| self.open_target(child)) {
            return Some("its parts come first");
        }
        if !Self::text(issue, "assignee").is_empty() {
            return Some("somebody holds it");
        }
        let blockers = Self::edges(issue, &["blocks", "conditional-blocks", "waits-for"]);
        if blockers
            .into_iter()
            .any(|target| !self.issues.contains_key(target))
        {
            return Some("a blocker is not in the file");
        }
        None
    }
}

#[test]
fn what_is_ready_after_the_import_is_what_the_source_computes_but_for_documented_rules() {
    for file in real_files() {
        let env = TestEnv::new();
        let clone = env.ready("project");
        let name = file.to_string_lossy().into_owned();
        clone.fleet(&["import", &name]).expect_exit(0);
        let issues = objects(&fs::read_to_string(&file).expect("it reads"));
        let oracle = Oracle { issues: &issues };
        let theirs: BTreeSet<String> = issues
            .keys()
            .filter(|id| oracle.ready(id))
            .cloned()
            .collect();
        let data = clone.data(&["ready", "--full"]);
        let ours: BTreeSet<String> = data["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .filter_map(|t| {
                t["external_ref"]
                    .as_str()?
                    .strip_prefix("beads:")
                    .map(str::to_owned)
            })
            .collect();
        assert!(!theirs.is_empty(), "{name} has work");
        let more: Vec<_> = ours.difference(&theirs).collect();
        assert!(more.is_empty(), "{name}: ready here alone: {more:?}");
        for id in theirs.difference(&ours) {
            assert!(
                oracle.rule(id).is_some(),
                "{name}: {id} is ready there alone, by no rule"
            );
        }
        let excused = theirs.iter().filter(|id| oracle.rule(id).is_some()).count();
        assert_eq!(
            ours.len(),
            theirs.len() - excused,
            "{name}: every rule is applied"
        );
    }
}
