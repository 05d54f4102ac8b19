//! The judge: reads the repository that decides with plain git (`truth.rs`), the records as plain JSON,
//! what the agent wrote down about its runs, and what is left on the machine. It knows nothing of
//! fleet's own reading, so that a mistake there cannot hide itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::truth::{read, text};
use crate::world::World;

/// What the outside was told, and so must hold for ever.
#[derive(Default)]
pub(crate) struct Told {
    /// Ids that were printed, with their titles.
    pub(crate) tasks: Vec<(String, String)>,
    /// Sessions whose work was reported as being in review, with their tasks.
    pub(crate) published: Vec<(String, String)>,
}

impl Told {
    /// What the makers of a new world were told.
    pub(crate) fn at_first() -> Self {
        let titles = (1..).zip(crate::world::TITLES);
        Self {
            tasks: titles
                .map(|(n, title)| (format!("T-{n}"), title.to_owned()))
                .collect(),
            published: Vec::new(),
        }
    }

    /// Remembers what a tick with `--json` said.
    pub(crate) fn hear(&mut self, out: &Output) {
        let Ok(mut report) = serde_json::from_slice::<Value>(&out.stdout) else {
            return;
        };
        let sessions = report["data"]["sessions"].take();
        let sessions = sessions.as_array().into_iter().flatten();
        for one in sessions.filter(|one| one["ended"] == "in_review") {
            let session = text(one, "session").to_owned();
            self.published.push((session, text(one, "task").to_owned()));
        }
    }
}

/// What the records say of one attempt.
#[derive(Default)]
struct Attempt {
    claims: usize,
    ends: usize,
    heads: Vec<String>,
}

/// What the records say of one task.
#[derive(Default)]
struct Work {
    attempts: BTreeMap<u64, Attempt>,
    /// Branch and head of each review that is open.
    open: BTreeMap<String, (String, String)>,
    reviews: usize,
    escalations: BTreeSet<String>,
    successes: usize,
    closed: bool,
}

#[derive(Default)]
struct Story {
    numbers: BTreeMap<String, BTreeSet<String>>,
    titles: BTreeMap<String, String>,
    work: BTreeMap<String, Work>,
    /// Task and attempt of each session.
    sessions: BTreeMap<String, (String, u64)>,
    /// Which session holds the lease of a task.
    live: BTreeMap<String, String>,
    /// Sessions that ended well.
    good: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Story {
    fn of(records: &[Value]) -> Self {
        let mut story = Self::default();
        for record in records {
            story.go_on(record);
        }
        for (task, session) in &story.live {
            // A lease without proof that nothing runs is for a human to decide about.
            if story.work[task].escalations.is_empty() {
                let what = format!("I7: {session} still holds the lease of {task}");
                story.wrong.push(what);
            }
        }
        story
    }

    fn work_on(&mut self, task: &str) -> &mut Work {
        self.work.entry(task.to_owned()).or_default()
    }

    fn go_on(&mut self, record: &Value) {
        let (id, task) = (text(record, "id").to_owned(), text(record, "task"));
        match text(record, "op") {
            "task.added" => {
                let title = text(&record["set"], "title").to_owned();
                self.work_on(&id);
                self.titles.insert(id, title);
            }
            "task.numbered" => {
                let named = self.numbers.entry(format!("T-{}", record["n"]));
                named.or_default().insert(task.to_owned());
            }
            "task.closed" => self.work_on(task).closed = true,
            "session.claimed" => {
                let attempt = record["attempt"].as_u64().unwrap();
                self.sessions.insert(id.clone(), (task.to_owned(), attempt));
                if let Some(before) = self.live.insert(task.to_owned(), id.clone()) {
                    let what = format!("I2: {id} claims while {before} holds the lease");
                    self.wrong.push(what);
                }
                let work = self.work_on(task);
                work.attempts.entry(attempt).or_default().claims += 1;
            }
            "session.finished" | "session.released" => self.end(record),
            "review.opened" => {
                let head = (text(record, "branch").into(), text(record, "head").into());
                let work = self.work_on(task);
                work.open.insert(id, head);
                work.reviews += 1;
            }
            // Merged or closed by people: its branch is theirs to remove.
            "review.updated" if ["merged", "closed"].contains(&text(&record["state"], "kind")) => {
                for work in self.work.values_mut() {
                    work.open.remove(text(record, "review"));
                }
            }
            "escalation.opened" => drop(self.work_on(task).escalations.insert(id)),
            _ => {}
        }
    }

    fn end(&mut self, record: &Value) {
        let session = text(record, "session");
        let (task, attempt) = self.sessions.get(session).cloned().unwrap_or_default();
        if self.live.get(&task).is_some_and(|live| live == session) {
            self.live.remove(&task);
        } else {
            let what = format!("I2: {session} ends without its lease");
            self.wrong.push(what);
        }
        let good = record["outcome"]["kind"] == "succeeded";
        if good {
            self.good.insert(session.to_owned());
        }
        let work = self.work_on(&task);
        work.successes += usize::from(good);
        let known = work.attempts.entry(attempt).or_default();
        // No agent was started: the number of that attempt is free again.
        if record["unstarted"] == true {
            known.claims -= 1;
            return;
        }
        known.ends += 1;
        if !text(record, "head").is_empty() {
            known.heads.push(text(record, "head").to_owned());
        }
    }
}

/// How far work must have come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything is in review, or a human is asked.
    Final,
    /// Nothing but that no promise is broken: something may still be at work.
    Open,
}

/// Every promise that is broken, as sentences; none if all hold.
pub(crate) fn check(world: &World, told: &Told, end: End) -> Vec<String> {
    let truth = read(world);
    let story = Story::of(&truth.records);
    let mut wrong = truth.wrong.clone();
    let held = |what: &&String| end == End::Final || !what.starts_with("I7");
    wrong.extend(story.wrong.iter().filter(held).cloned());
    for (number, title) in &told.tasks {
        match story.numbers.get(number) {
            None => wrong.push(format!("I1, I5: {number} was printed and is not there")),
            Some(uids) if uids.len() > 1 => wrong.push(format!("I5: {number} is two tasks")),
            Some(uids) => {
                let uid = uids.first().unwrap();
                if story.titles.get(uid) != Some(title) {
                    wrong.push(format!("I1: {number} is not `{title}` any more"));
                }
            }
        }
    }
    let mut reported = BTreeSet::new();
    for (session, task) in &told.published {
        if !story.good.contains(session) {
            wrong.push(format!(
                "I5: {session} was reported as published and is not"
            ));
        }
        if !reported.insert(task) {
            wrong.push(format!("I4: two runners published {task}"));
        }
    }
    for (uid, work) in &story.work {
        let name = story.titles.get(uid).map_or("?", String::as_str);
        for (attempt, known) in &work.attempts {
            if known.claims > 1 {
                wrong.push(format!(
                    "I3: attempt {attempt} of `{name}` was claimed twice"
                ));
            }
            if known.ends > 1 || known.heads.len() > 1 {
                wrong.push(format!("I2: attempt {attempt} of `{name}` ended twice"));
            }
        }
        if work.successes > 1 || work.reviews > 1 || work.open.len() > 1 {
            wrong.push(format!("I4: `{name}` was published twice"));
        }
        for (branch, head) in work.open.values() {
            if truth.branches.get(branch) != Some(head) {
                let at = truth.branches.get(branch);
                wrong.push(format!("I4: {branch} is at {at:?}, recorded is {head}"));
            }
        }
        let ended = work.closed || !work.open.is_empty() || !work.escalations.is_empty();
        if end == End::Final && !ended {
            wrong.push(format!("I7: `{name}` came to no end"));
        }
    }
    let recorded: BTreeSet<&String> = story
        .work
        .values()
        .flat_map(|work| work.open.values().map(|(branch, _)| branch))
        .collect();
    for branch in truth.branches.keys().filter(|b| !recorded.contains(b)) {
        wrong.push(format!("I4: {branch} was pushed without a record"));
    }
    wrong.extend(ran_twice(world));
    wrong.extend(left_over(world));
    wrong
}

/// The agent's own book: no attempt was run twice.
fn ran_twice(world: &World) -> Vec<String> {
    let book = fs::read_to_string(world.path("bin/runs")).unwrap_or_default();
    let mut seen = BTreeSet::new();
    book.lines()
        .filter(|run| !seen.insert(*run))
        .map(|run| format!("I2: attempt {run} was run twice"))
        .collect()
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let Ok(all) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut all: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn files_below(dir: &Path, into: &mut Vec<PathBuf>) {
    for path in entries(dir) {
        if path.is_dir() && !path.is_symlink() {
            files_below(&path, into);
        } else {
            into.push(path);
        }
    }
}

/// Processes of this world that still run: their environment or their folder names it.
pub(crate) fn processes(root: &Path) -> Vec<String> {
    let root = root.to_str().unwrap();
    let ours = |dir: PathBuf| {
        let pid = dir.file_name()?.to_str()?.parse::<u32>().ok()?;
        if pid == std::process::id() {
            return None;
        }
        let at = fs::read_link(dir.join("cwd")).unwrap_or_default();
        let named = || {
            let env = fs::read(dir.join("environ")).unwrap_or_default();
            memchr::memmem::find(&env, root.as_bytes()).is_some()
        };
        (at.starts_with(root) || named()).then(|| {
            let line = fs::read(dir.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).replace('\0', " ")
        })
    };
    entries(Path::new("/proc"))
        .into_iter()
        .filter_map(ours)
        .collect()
}

/// Processes, workspaces, temporary files and lock files that nobody takes away any more (I9).
pub(crate) fn left_over(world: &World) -> Vec<String> {
    let mut wrong: Vec<String> = processes(world.root())
        .into_iter()
        .map(|line| format!("I9: still runs: {line}"))
        .collect();
    let mut left = entries(&world.path("tmp"));
    for cache in entries(&world.path("home/.cache/fleet")) {
        for path in entries(&cache) {
            match path.file_name().unwrap().to_str().unwrap() {
                "trash" => left.extend(entries(&path)),
                "pool" => {}
                _ if path.is_dir() => left.push(path),
                _ => {}
            }
        }
    }
    for git in world.git_dirs() {
        let mut files = Vec::new();
        files_below(&git, &mut files);
        left.extend(files.into_iter().filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            // Fleet's lock is a file that stays; the kernel's lock on it does not.
            let lock = name.ends_with(".lock") && !path.ends_with("fleet/state.lock");
            // Git's own names for unfinished objects: `git gc` takes them away.
            let object = ["tmp_obj", "tmp_pack", "tmp_idx"]
                .iter()
                .any(|own| name.starts_with(own));
            let temporary = name.starts_with(".tmp") || name.starts_with("tmp");
            lock || (temporary && !object)
        }));
        left.extend(entries(&git.join("fleet/handover")));
    }
    wrong.extend(
        left.into_iter()
            .map(|path| format!("I9: left over: {}", path.display())),
    );
    wrong
}
