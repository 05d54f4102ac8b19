//! A pretend GitHub on loopback: pull requests with state, scripted faults, every request recorded.
//!
//! `FakeGitHub::start("octo/hello")` → `base_url()`; `set_branch` (or `serve_git_dir`, where heads
//! come from a bare repository) makes branches known; `fault_at`/`fault_on` script what goes wrong;
//! `prs()`, `requests()` and friends tell what happened. Merging, approving, closing, deleting over
//! the API is something that fleet never does: such a request is answered 418, and dropping the
//! fake fails the test.

mod app;
mod contract;
mod graph;
mod graphql;
mod http;
pub(crate) mod issues;
mod model;
mod routes;
mod runs;
mod talk;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

pub(crate) use http::Recorded;
pub(crate) use model::{FakeComment, FakePr, Fault};

use model::{Model, Scripted};

/// The token that the fake takes; every other one is refused with 401.
pub(crate) const TOKEN: &str = "ghp_FakeTokenOfTheTests0123456789";

/// A running pretend GitHub. Ends with its value.
pub(crate) struct FakeGitHub {
    address: std::net::SocketAddr,
    model: Arc<Mutex<Model>>,
    stop: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl FakeGitHub {
    /// Serves the repository `owner/name`, with a base branch `main` and nothing else.
    pub(crate) fn start(repo: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port on loopback");
        let address = listener
            .local_addr()
            .expect("a bound listener has an address");
        let model = Arc::new(Mutex::new(Model::new(repo, &format!("http://{address}"))));
        let stop = Arc::new(AtomicBool::new(false));
        let accepting = {
            let (model, stop) = (Arc::clone(&model), Arc::clone(&stop));
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if stop.load(Ordering::SeqCst) {
                        break;
                    }
                    let Ok(stream) = stream else { continue };
                    let model = Arc::clone(&model);
                    std::thread::spawn(move || http::serve(stream, &model));
                }
            })
        };
        Self {
            address,
            model,
            stop,
            accepting: Some(accepting),
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// For `forge.base_url`.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A branch as if pushed. Open pull requests of it follow.
    pub(crate) fn set_branch(&self, name: &str, sha: &str) {
        self.model()
            .branches
            .insert(name.to_owned(), sha.to_owned());
    }

    /// Branches come from this bare repository from now on, read at every request.
    pub(crate) fn serve_git_dir(&self, git_dir: &Path) {
        self.model().git_dir = Some(git_dir.to_owned());
    }

    /// All pull requests, by number.
    pub(crate) fn prs(&self) -> Vec<FakePr> {
        let mut model = self.model();
        model.follow_branches();
        model.prs.clone()
    }

    /// Most pull requests of one branch that were ever open at once.
    pub(crate) fn most_open_at_once(&self) -> usize {
        self.model().most_open
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.model().requests.clone()
    }

    /// A human merges pull request `number`; `commit` is what brought it in.
    pub(crate) fn merge(&self, number: u64, commit: &str) {
        self.model().end(number, Some(commit.to_owned()));
    }

    /// A human closes pull request `number`.
    pub(crate) fn close(&self, number: u64) {
        self.model().end(number, None);
    }

    /// A pull request that somebody else opened; its number.
    pub(crate) fn open_pr(&self, branch: &str, base: &str) -> u64 {
        let mut model = self.model();
        let number = model.open("by hand", "", branch, base, false);
        model.follow_branches();
        number
    }

    /// A pull request of a fork's branch of the same name; its number.
    pub(crate) fn open_fork_pr(&self, branch: &str, base: &str) -> u64 {
        let fork = "mallory/hello";
        self.model()
            .open_in(fork, "from a fork", "", branch, base, false)
    }

    /// `login` reviews: `state` is `CHANGES_REQUESTED`, `APPROVED` …; `association` `MEMBER`,
    /// `NONE` …; comments are (path, line, text). The review's id.
    pub(crate) fn set_review(
        &self,
        number: u64,
        login: &str,
        association: &str,
        state: &str,
        body: &str,
        comments: &[(&str, u64, &str)],
    ) -> u64 {
        self.model()
            .review(number, login, association, state, body, comments)
    }

    /// What `login` may do: `admin`, `write`, `read`. Unknown people get 404.
    pub(crate) fn set_permission(&self, login: &str, permission: &str) {
        self.model()
            .permissions
            .insert(login.to_owned(), permission.to_owned());
    }

    /// The branch of `number` conflicts with its base.
    pub(crate) fn conflict(&self, number: u64) {
        self.model()
            .pr(number)
            .expect("there is such a pull request")
            .mergeable_state = "dirty".into();
    }

    /// A check run of `sha` ended with `conclusion`, or still runs (`None`).
    pub(crate) fn set_check(&self, sha: &str, name: &str, conclusion: Option<&str>, summary: &str) {
        self.model().check(sha, name, conclusion, summary);
    }

    /// Run `id` of the workflow `name` in `.github/workflows/FILE`, on `branch`, ended.
    pub(crate) fn set_run(
        &self,
        id: u64,
        (name, file): (&str, &str),
        branch: &str,
        ended: &str,
        at: &str,
    ) {
        self.model().runs.push(serde_json::json!({
            "id": id, "name": name, "path": format!(".github/workflows/{file}"),
            "head_branch": branch, "status": "completed", "conclusion": ended, "created_at": at,
        }));
    }

    /// A commit status of `sha`: `success`, `failure`, `pending`.
    pub(crate) fn set_status(&self, sha: &str, context: &str, state: &str, description: &str) {
        self.model().status(sha, context, state, description);
    }

    /// The `nth` request from now (0 is the next one) meets `fault`.
    pub(crate) fn fault_at(&self, nth: usize, fault: Fault) {
        let mut model = self.model();
        let at = model.requests.len() + nth;
        model.scripted.push(Scripted::At(at, fault));
    }

    /// The next request of `method` whose path holds `path` meets `fault`.
    pub(crate) fn fault_on(&self, method: &str, path: &str, fault: Fault) {
        let scripted = Scripted::On(method.to_owned(), path.to_owned(), fault);
        self.model().scripted.push(scripted);
    }

    /// Somebody comments on issue or pull request `number`; the comment's id.
    pub(crate) fn comment(&self, number: u64, login: &str, body: &str) -> u64 {
        self.model().comment(number, login, body, None)
    }

    /// All comments, and answers in threads, in the order in which they came.
    pub(crate) fn comments(&self) -> Vec<FakeComment> {
        self.model().comments.clone()
    }

    /// Somebody marks the thread that began with comment `top` as resolved. The `nth` line comment
    /// of review `id` is `1000 * id + nth`.
    pub(crate) fn resolve(&self, top: u64) {
        self.model().resolved.push(top);
    }

    /// Whose token it is; a name that ends in `[bot]` is an App's.
    pub(crate) fn set_viewer(&self, login: &str) {
        self.model().viewer = login.to_owned();
    }

    /// Speaks REST only, as some emulations.
    pub(crate) fn refuse_graphql(&self) {
        self.model().no_graphql = true;
    }

    /// The log of check run `id`, whose job has the same number.
    pub(crate) fn set_log(&self, id: u64, log: &str) {
        self.model().logs.insert(id.to_string(), log.to_owned());
    }

    /// A human merges pull requests into another branch than `base` now.
    pub(crate) fn set_base(&self, number: u64, base: &str) {
        let mut model = self.model();
        let pr = model.pr(number).expect("there is such a pull request");
        pr.base = base.to_owned();
    }

    /// A human opens a closed pull request again.
    pub(crate) fn reopen(&self, number: u64) {
        let mut model = self.model();
        let pr = model.pr(number).expect("there is such a pull request");
        pr.state = "open".into();
    }

    /// Somebody deletes a branch; its pull requests keep their last head.
    pub(crate) fn delete_branch(&self, name: &str) {
        self.model().branches.remove(name);
    }

    /// App `id` is installed, with these permissions; its tokens end at `expires_at` (RFC 3339).
    pub(crate) fn install_app(&self, id: &str, permissions: &[(&str, &str)], expires_at: &str) {
        let mut model = self.model();
        model.app.id = Some(id.to_owned());
        model.app.installed = true;
        let owned = permissions.iter();
        model.app.permissions = owned
            .map(|(name, level)| ((*name).to_owned(), (*level).to_owned()))
            .collect();
        model.app.expires_at = expires_at.to_owned();
    }

    /// What tokens of the App were asked for, one for each that was sold.
    pub(crate) fn app_sales(&self) -> Vec<serde_json::Value> {
        let model = self.model();
        model.app.sales.iter().map(|sale| sale.1.clone()).collect()
    }

    /// The repository has another name from now on.
    pub(crate) fn rename_to(&self, repo: &str) {
        self.model().repo = repo.to_owned();
    }

    /// A former name, under which GraphQL still finds the repository.
    pub(crate) fn also_known_as(&self, repo: &str) {
        self.model().former_repo = Some(repo.to_owned());
    }

    /// Forgets faults that have not happened.
    pub(crate) fn heal(&self) {
        self.model().scripted.clear();
    }

    /// Takes a second pull request of the same branch, as some emulations do.
    pub(crate) fn allow_duplicates(&self) {
        self.model().allow_duplicates = true;
    }

    /// Has no draft pull requests, as free private repositories.
    pub(crate) fn refuse_drafts(&self) {
        self.model().refuse_drafts = true;
    }

    /// Refuses bodies of more than `bytes`.
    pub(crate) fn limit_body(&self, bytes: usize) {
        self.model().body_max_bytes = bytes;
    }

    /// Fails if anything was asked that fleet must never ask.
    pub(crate) fn assert_nothing_forbidden(&self) {
        let requests = self.requests();
        let bad: Vec<String> = requests
            .iter()
            .filter(|request| request.forbidden)
            .map(|request| format!("{} {}", request.method, request.path))
            .collect();
        assert!(
            bad.is_empty(),
            "fleet asked the forge to merge, approve, close or delete: {bad:?}"
        );
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        if let Some(accepting) = self.accepting.take() {
            drop(accepting.join());
        }
        if !std::thread::panicking() {
            self.assert_nothing_forbidden();
        }
    }
}
