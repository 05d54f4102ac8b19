//! Settings of a repository as GitHub shows them, over real HTTP on loopback. The answers have the
//! shape of GitHub's documentation (REST, 2022-11-28).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use crate::domain::time::{DurationMs, Timestamp};
use crate::forge::github::remote::Target;
use crate::forge::github::{GitHubConfig, GitHubForge};
use crate::ports::clock::Clock;
use crate::ports::forge::ForgeError;
use crate::ports::forge_setup::{ForgeSetup as _, SetupReport, SetupWish};

const NOW: &str = "2026-11-21T12:00:00Z";

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        NOW.parse().unwrap()
    }

    fn pause(&self, _: DurationMs) {}
}

/// Answers GETs below `/repos/octo/hello` from a table; what is not in it is not found.
struct Settings {
    table: BTreeMap<&'static str, (u16, String)>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Settings {
    /// A repository that is set up well.
    fn good() -> Self {
        let mut settings = Self {
            table: BTreeMap::new(),
            asked: Arc::default(),
        };
        settings
            .put("", r#"{"default_branch":"main","private":false,"fork":false,"archived":false,"pushed_at":"2026-11-20T00:00:00Z","permissions":{"admin":true,"push":true,"pull":true}}"#)
            .put("/actions/permissions", r#"{"enabled":true,"allowed_actions":"all"}"#)
            .put("/actions/permissions/workflow", r#"{"default_workflow_permissions":"read","can_approve_pull_request_reviews":true}"#)
            .put("/actions/workflows/fleet.yml", r#"{"id":1,"state":"active"}"#)
            .put("/actions/workflows/fleet.yml/runs", r#"{"total_count":1,"workflow_runs":[{"created_at":"2026-11-21T11:37:30Z","event":"schedule","status":"completed","conclusion":"success","html_url":"https://github.com/octo/hello/actions/runs/1"}]}"#)
            .put("/rules/branches/fleet%2Fstate", r#"[{"type":"deletion","ruleset_id":7},{"type":"non_fast_forward","ruleset_id":7}]"#)
            .put("/rules/branches/agent%2FT-1", "[]")
            .put("/branches/fleet%2Fstate", r#"{"name":"fleet/state","protected":false}"#)
            .put("/labels", r#"[{"name":"bug"},{"name":"Fleet"}]"#);
        settings
    }

    fn put(&mut self, path: &'static str, body: &str) -> &mut Self {
        self.table.insert(path, (200, body.to_owned()));
        self
    }

    fn refuse(&mut self, path: &'static str, status: u16) -> &mut Self {
        let body = r#"{"message":"Resource not accessible by integration"}"#;
        self.table.insert(path, (status, body.to_owned()));
        self
    }

    /// Serves, looks, and gives the report.
    fn look(&self) -> Result<SetupReport, ForgeError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (table, asked) = (self.table.clone(), self.asked.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { break };
                answer(&stream, &table, &asked);
            }
        });
        let target = Target {
            repo: "octo/hello".parse().unwrap(),
            api_base: format!("http://{address}"),
        };
        let config = GitHubConfig::new(
            target,
            SecretString::from("ghp_OfTheTests0123456789"),
            "GITHUB_TOKEN",
        );
        let labels = ["fleet".to_owned()];
        GitHubForge::new(config, Arc::new(Noon)).look(&SetupWish {
            state_branch: "fleet/state",
            base_branch: "main",
            labels: &labels,
        })
    }

    /// The findings, one line and its advice each.
    fn findings(&self) -> String {
        let report = self.look().unwrap();
        let lines = report.findings.iter().map(|f| {
            let level = format!("{:?}", f.level).to_lowercase();
            format!("{level} {}: {}\n  -> {}\n", f.about.code(), f.what, f.next)
        });
        lines.collect()
    }
}

fn answer(
    mut stream: &TcpStream,
    table: &BTreeMap<&'static str, (u16, String)>,
    asked: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    while lines.next().is_some_and(|line| !line.is_empty()) {}
    asked.lock().unwrap().push(first.clone());
    let path = first.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let below = path.strip_prefix("/repos/octo/hello").unwrap_or("-");
    let missing = (404, r#"{"message":"Not Found"}"#.to_owned());
    let (status, body) = table.get(below).unwrap_or(&missing);
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

#[test]
fn a_repository_that_is_set_up_well_has_no_findings_and_costs_at_most_ten_calls() {
    let settings = Settings::good();
    let report = settings.look().unwrap();
    assert_eq!(report.findings, [], "{report:#?}");
    assert_eq!(report.rules, None);
    let asked = settings.asked.lock().unwrap().clone();
    assert!(asked.len() <= 10, "{asked:#?}");
    assert!(
        asked.iter().all(|line| line.starts_with("GET ")),
        "{asked:#?}"
    );
}

#[test]
fn a_fresh_repository_is_told_what_to_click() {
    let mut settings = Settings::good();
    settings
        .put(
            "/actions/permissions/workflow",
            r#"{"default_workflow_permissions":"read","can_approve_pull_request_reviews":false}"#,
        )
        .put("/rules/branches/fleet%2Fstate", "[]")
        .put("/labels", "[]");
    settings.table.remove("/branches/fleet%2Fstate");
    insta::assert_snapshot!(settings.findings());
    let (name, text) = settings.look().unwrap().rules.unwrap();
    assert_eq!(name, "fleet-state.json");
    insta::assert_snapshot!(text);
}

#[test]
fn rules_that_stop_a_push_are_named_with_what_they_want() {
    let mut settings = Settings::good();
    settings
        .put("/rules/branches/fleet%2Fstate", r#"[{"type":"pull_request","ruleset_id":9},{"type":"required_status_checks","ruleset_id":9},{"type":"deletion"},{"type":"non_fast_forward"}]"#)
        .put("/rules/branches/agent%2FT-1", r#"[{"type":"required_signatures"},{"type":"creation"}]"#)
        .put("/branches/fleet%2Fstate", r#"{"name":"fleet/state","protected":true}"#)
        .put("/branches/fleet%2Fstate/protection", r#"{"required_pull_request_reviews":{},"required_linear_history":{"enabled":true},"lock_branch":{"enabled":false}}"#);
    insta::assert_snapshot!(settings.findings());
}

#[test]
fn a_schedule_that_sleeps_is_late_or_fails_is_told() {
    let mut settings = Settings::good();
    settings.put(
        "/actions/workflows/fleet.yml",
        r#"{"id":1,"state":"disabled_inactivity"}"#,
    );
    let asleep = settings.findings();
    settings
        .put("", r#"{"default_branch":"trunk","private":false,"pushed_at":"2026-09-25T00:00:00Z","permissions":{"push":true}}"#)
        .put("/actions/workflows/fleet.yml", r#"{"id":1,"state":"active"}"#)
        .put("/actions/workflows/fleet.yml/runs", r#"{"workflow_runs":[{"created_at":"2026-11-19T11:37:30Z","event":"schedule","status":"completed","conclusion":"failure","html_url":"https://github.com/octo/hello/actions/runs/1"}]}"#);
    insta::assert_snapshot!(format!("{asleep}--\n{}", settings.findings()));
}

#[test]
fn what_the_token_may_not_see_is_a_note_that_says_where_to_look() {
    let mut settings = Settings::good();
    settings
        .put("", r#"{"default_branch":"main","private":true,"fork":true,"archived":false,"permissions":{"push":false}}"#)
        .refuse("/actions/permissions", 403)
        .refuse("/actions/permissions/workflow", 403)
        .refuse("/actions/workflows/fleet.yml", 403)
        .refuse("/rules/branches/fleet%2Fstate", 403)
        .refuse("/rules/branches/agent%2FT-1", 404)
        .refuse("/labels", 403);
    insta::assert_snapshot!(settings.findings());
}

#[test]
fn a_token_that_is_refused_ends_the_look() {
    let mut settings = Settings::good();
    settings
        .table
        .insert("", (401, r#"{"message":"Bad credentials"}"#.to_owned()));
    let error = settings.look().unwrap_err();
    assert!(matches!(error, ForgeError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("GITHUB_TOKEN"), "{error}");
}
