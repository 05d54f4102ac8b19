//! What the pretend GitHub remembers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::app::FakeApp;
use super::http::Recorded;
use super::issues::FakeIssues;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FakePr {
    pub(crate) number: u64,
    /// `open`, `closed` or `merged`.
    pub(crate) state: String,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) branch: String,
    /// Repository of the branch.
    pub(crate) repo: String,
    pub(crate) base: String,
    /// Follows the branch while open.
    pub(crate) head: String,
    pub(crate) draft: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) mergeable_state: String,
    pub(crate) merge_commit: Option<String>,
    /// People and `org/team`s whose review is asked for.
    pub(crate) reviewers: Vec<String>,
}

/// A comment on an issue or pull request, or in a thread of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FakeComment {
    pub(crate) id: u64,
    /// Of the issue or pull request.
    pub(crate) number: u64,
    pub(crate) login: String,
    pub(crate) body: String,
    /// The comment that began the thread, for an answer in one.
    pub(crate) thread: Option<u64>,
}

/// A review.
#[derive(Debug, Clone)]
pub(crate) struct FakeReview {
    pub(crate) id: u64,
    pub(crate) number: u64,
    pub(crate) login: String,
    pub(crate) association: String,
    pub(crate) state: String,
    pub(crate) body: String,
    pub(crate) commit: Option<String>,
    /// Each began a thread: its id, path, line and text.
    pub(crate) lines: Vec<(u64, String, u64, String)>,
}

/// What goes wrong with one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, and nothing happened.
    Status(u16),
    /// It happened, but the answer is this status.
    StatusAfterEffect(u16),
    /// Nothing happened, and no answer comes until the client gives up.
    Silence,
    /// It happened, and no answer comes until the client gives up.
    SilenceAfterEffect,
    /// Nothing happened, and the connection is closed.
    Drop,
    /// It happened, and the connection is closed.
    DropAfterEffect,
    /// Nothing happened, and the client is killed.
    Kill,
    /// It happened, and the client is killed before it hears of it.
    KillAfterEffect,
    /// It happened, and the answer ends in the middle.
    TruncatedJson,
    /// 403 with `retry-after`.
    SecondaryLimit { retry_after_s: u64 },
    /// 429 with `retry-after`.
    TooMany { retry_after_s: u64 },
    /// 403 with nothing remaining until this second of the epoch.
    QuotaExhausted { reset_s: u64 },
    /// 403 that speaks of a secondary limit and says nothing of when to come back.
    LimitedWithoutWord,
    /// 304 although nothing was said to be known.
    NotModified,
    /// Status 200 with an error of this type and message, and no data; nothing happened.
    Graph(&'static str, &'static str),
    /// The answer, and beside it an error of this type and message for the checks of the first.
    GraphBeside(&'static str, &'static str),
    /// This status and message at this time of the forge's clock; nothing happened.
    RefuseAt(u16, &'static str, &'static str),
    /// This status with this message; nothing happened.
    Refuse(u16, &'static str),
    /// This status, message and header; nothing happened.
    RefuseWith(u16, &'static str, &'static str, &'static str),
    /// A listing shows each entry twice.
    Doubled,
    /// A listing is empty although there is something.
    Stale,
    /// The `Date` header is this.
    Date(&'static str),
}

pub(crate) enum Scripted {
    At(usize, Fault),
    On(String, String, Fault),
}

pub(crate) struct Model {
    pub(crate) repo: String,
    pub(crate) base_url: String,
    pub(crate) branches: BTreeMap<String, String>,
    pub(crate) git_dir: Option<PathBuf>,
    pub(crate) prs: Vec<FakePr>,
    pub(crate) reviews: Vec<FakeReview>,
    pub(crate) comments: Vec<FakeComment>,
    pub(crate) issues: FakeIssues,
    /// Threads that somebody marked as resolved, by their first comment.
    pub(crate) resolved: Vec<u64>,
    /// Whose token it is.
    pub(crate) viewer: String,
    pub(crate) no_graphql: bool,
    /// A former name, under which GraphQL still knows it.
    pub(crate) former_repo: Option<String>,
    pub(crate) logs: BTreeMap<String, String>,
    pub(crate) app: FakeApp,
    pub(crate) permissions: BTreeMap<String, String>,
    pub(crate) checks: Vec<Value>,
    pub(crate) runs: Vec<Value>,
    pub(crate) statuses: Vec<(String, Value)>,
    pub(crate) requests: Vec<Recorded>,
    pub(crate) scripted: Vec<Scripted>,
    /// Process id of the client that faults kill.
    pub(crate) client: Option<u32>,
    pub(crate) most_open: usize,
    pub(crate) allow_duplicates: bool,
    pub(crate) refuse_drafts: bool,
    pub(crate) body_max_bytes: usize,
}

impl Model {
    pub(crate) fn new(repo: &str, base_url: &str) -> Self {
        Self {
            repo: repo.to_owned(),
            base_url: base_url.to_owned(),
            branches: BTreeMap::from([("main".to_owned(), "0".repeat(40))]),
            git_dir: None,
            prs: Vec::new(),
            reviews: Vec::new(),
            comments: Vec::new(),
            issues: FakeIssues::default(),
            resolved: Vec::new(),
            viewer: "fleet-bot".into(),
            no_graphql: false,
            former_repo: None,
            logs: BTreeMap::new(),
            app: FakeApp::default(),
            permissions: BTreeMap::new(),
            checks: Vec::new(),
            runs: Vec::new(),
            statuses: Vec::new(),
            requests: Vec::new(),
            scripted: Vec::new(),
            client: None,
            most_open: 0,
            allow_duplicates: false,
            refuse_drafts: false,
            body_max_bytes: 65_536,
        }
    }

    /// The fault for the request that comes now, if one is scripted.
    pub(crate) fn fault_for(&mut self, method: &str, path: &str) -> Option<Fault> {
        let now = self.requests.len();
        let hit = self.scripted.iter().position(|scripted| match scripted {
            Scripted::At(at, _) => *at == now,
            Scripted::On(of, part, _) => of == method && path.contains(part.as_str()),
        })?;
        match self.scripted.remove(hit) {
            Scripted::At(_, fault) | Scripted::On(_, _, fault) => Some(fault),
        }
    }

    pub(crate) fn head_of(&self, branch: &str) -> Option<String> {
        let Some(git_dir) = &self.git_dir else {
            return self.branches.get(branch).cloned();
        };
        let name = format!("refs/heads/{branch}");
        let output = Command::new("git")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .arg("--git-dir")
            .arg(git_dir)
            .args(["for-each-ref", "--format=%(objectname)", &name])
            .output()
            .ok()?;
        let sha = String::from_utf8(output.stdout).ok()?.trim().to_owned();
        (!sha.is_empty()).then_some(sha)
    }

    /// Heads of open pull requests are the heads of their branches.
    pub(crate) fn follow_branches(&mut self) {
        let repo = self.repo.clone();
        let heads: Vec<Option<String>> =
            self.prs.iter().map(|pr| self.head_of(&pr.branch)).collect();
        for (pr, head) in self.prs.iter_mut().zip(heads) {
            if let Some(head) = head.filter(|_| pr.state == "open" && pr.repo == repo) {
                pr.head = head;
            }
        }
    }

    pub(crate) fn pr(&mut self, number: u64) -> Option<&mut FakePr> {
        self.prs.iter_mut().find(|pr| pr.number == number)
    }

    pub(crate) fn open_of(&self, branch: &str) -> usize {
        let ours = |pr: &&FakePr| pr.branch == branch && pr.state == "open" && pr.repo == self.repo;
        self.prs.iter().filter(ours).count()
    }

    pub(crate) fn open(
        &mut self,
        title: &str,
        body: &str,
        branch: &str,
        base: &str,
        draft: bool,
    ) -> u64 {
        let repo = self.repo.clone();
        self.open_in(&repo, title, body, branch, base, draft)
    }

    pub(crate) fn open_in(
        &mut self,
        repo: &str,
        title: &str,
        body: &str,
        branch: &str,
        base: &str,
        draft: bool,
    ) -> u64 {
        let number = self.prs.len() as u64 + 1;
        self.prs.push(FakePr {
            number,
            state: "open".into(),
            title: title.into(),
            body: body.into(),
            branch: branch.into(),
            repo: repo.to_owned(),
            base: base.into(),
            head: self.head_of(branch).unwrap_or_else(|| "f".repeat(40)),
            draft,
            labels: Vec::new(),
            mergeable_state: "clean".into(),
            merge_commit: None,
            reviewers: Vec::new(),
        });
        self.most_open = self.most_open.max(self.open_of(branch));
        number
    }

    pub(crate) fn end(&mut self, number: u64, commit: Option<String>) {
        self.follow_branches();
        let pr = self.pr(number).expect("there is such a pull request");
        pr.state = if commit.is_some() { "merged" } else { "closed" }.into();
        pr.merge_commit = commit;
    }

    pub(crate) fn review(
        &mut self,
        number: u64,
        login: &str,
        association: &str,
        state: &str,
        body: &str,
        comments: &[(&str, u64, &str)],
    ) -> u64 {
        self.follow_branches();
        let head = self.pr(number).map(|pr| pr.head.clone());
        let id = self.reviews.len() as u64 + 1;
        let lines = comments.iter().enumerate();
        let lines = lines.map(|(nth, (path, line, text))| {
            let line_id = 1000 * id + nth as u64;
            (line_id, (*path).to_owned(), *line, (*text).to_owned())
        });
        self.reviews.push(FakeReview {
            id,
            number,
            login: login.into(),
            association: association.into(),
            state: state.into(),
            body: body.into(),
            commit: head,
            lines: lines.collect(),
        });
        id
    }

    pub(crate) fn comment(
        &mut self,
        number: u64,
        login: &str,
        body: &str,
        thread: Option<u64>,
    ) -> u64 {
        let id = 500_000_000_000 + self.comments.len() as u64;
        self.comments.push(FakeComment {
            id,
            number,
            login: login.into(),
            body: body.into(),
            thread,
        });
        id
    }

    pub(crate) fn check(&mut self, sha: &str, name: &str, conclusion: Option<&str>, summary: &str) {
        let status = if conclusion.is_some() {
            "completed"
        } else {
            "in_progress"
        };
        let id = self.checks.len() + 1;
        self.checks
            .retain(|check| check["name"] != name || check["head_sha"] != sha);
        self.checks.push(json!({
            "id": id, "name": name, "head_sha": sha, "app": { "slug": "github-actions" }, "status": status, "conclusion": conclusion,
            "output": { "title": null, "summary": summary, "text": null },
        }));
    }

    pub(crate) fn status(&mut self, sha: &str, context: &str, state: &str, description: &str) {
        self.statuses
            .retain(|(of, status)| of != sha || status["context"] != context);
        let status = json!({ "context": context, "state": state, "description": description });
        self.statuses.push((sha.to_owned(), status));
    }

    pub(crate) fn shown(&self, pr: &FakePr, by_number: bool) -> Value {
        let labels: Vec<Value> = pr
            .labels
            .iter()
            .map(|name| json!({ "name": name }))
            .collect();
        let (teams, people): (Vec<&String>, Vec<&String>) =
            pr.reviewers.iter().partition(|name| name.contains('/'));
        let people: Vec<Value> = people.iter().map(|name| user(name)).collect();
        let teams: Vec<Value> = teams.iter().map(|name| json!({ "slug": name })).collect();
        let merged = pr.state == "merged";
        let owner = pr.repo.split('/').next().unwrap_or_default();
        let mut shown = json!({
            "number": pr.number,
            "state": if pr.state == "open" { "open" } else { "closed" },
            "title": pr.title,
            "body": if pr.body.is_empty() { Value::Null } else { json!(pr.body) },
            "html_url": format!("{}/{}/pull/{}", self.base_url, self.repo, pr.number),
            "draft": pr.draft,
            "node_id": format!("PR_{}", pr.number),
            "user": { "login": self.viewer, "type": "User" },
            "requested_reviewers": people, "requested_teams": teams,
            "merged_at": merged.then_some("2026-11-21T08:00:00Z"),
            // Of an unmerged one this is a test merge, as on GitHub.
            "merge_commit_sha": pr.merge_commit.clone().unwrap_or_else(|| "e".repeat(40)),
            "labels": labels,
            "head": {
                "label": format!("{owner}:{}", pr.branch), "ref": pr.branch, "sha": pr.head,
                "repo": { "full_name": pr.repo },
            },
            "base": { "ref": pr.base, "sha": "0".repeat(40), "repo": { "full_name": self.repo } },
        });
        if by_number {
            shown["merged"] = json!(merged);
            shown["mergeable_state"] = json!(pr.mergeable_state);
        }
        shown
    }
}

/// A person, or a bot by its name.
pub(crate) fn user(login: &str) -> Value {
    let kind = if login.ends_with("[bot]") {
        "Bot"
    } else {
        "User"
    };
    json!({ "login": login, "type": kind })
}
