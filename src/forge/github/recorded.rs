//! Answers that GitHub gave, read as ours: tests/fixtures/github/README.md names the source.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use crate::domain::time::Timestamp;
use crate::forge::github::answers::Combined;
use crate::forge::github::api::parse;
use crate::forge::github::client::head_of;
use crate::forge::github::refusal::{self, Answer, Names, Unprocessable};

/// The answers of a scenario, in their order.
fn recorded(scenario: &str) -> Vec<Answer> {
    let text = include_str!("../../../tests/fixtures/github/recorded.json");
    let all: Vec<Value> = serde_json::from_str(text).unwrap();
    let of = |one: &&Value| one["scenario"] == scenario;
    all.iter().filter(of).map(answer).collect()
}

fn answer(one: &Value) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in one["headers"].as_object().unwrap() {
        let name: HeaderName = name.parse().unwrap();
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(name, HeaderValue::from_str(&text).unwrap());
    }
    let status = u16::try_from(one["status"].as_u64().unwrap()).unwrap();
    Answer {
        body: one["response"].to_string(),
        ..head_of(status, &headers).answer
    }
}

fn names() -> Names {
    Names {
        repo: "octokit-fixture-org/rename-repository".into(),
        token_env: "GITHUB_TOKEN".into(),
        app: None,
    }
}

#[test]
fn a_recorded_refusal_is_said_in_one_line() {
    let answer = recorded("errors").remove(0);
    assert_eq!(refusal::unprocessable(&answer), Unprocessable::Other);
    insta::assert_snapshot!(refusal::refused("cannot label", &answer, &names()), @"cannot label: the forge refuses the request (Validation Failed: color invalid)");
}

#[test]
fn recorded_redirects_of_a_renamed_repository_are_told_for_reads_and_writes() {
    let answers = recorded("rename-repository");
    assert_eq!(answers.len(), 2);
    for answer in answers {
        assert!(answer.location.is_some());
        let error = refusal::always("cannot look", &answer, &names(), Timestamp(0)).unwrap();
        insta::allow_duplicates!(
            insta::assert_snapshot!(error, @"cannot look: octokit-fixture-org/rename-repository has moved or been renamed; set forge.repo, and the remote's URL, to its new name")
        );
    }
}

#[test]
fn recorded_headers_and_statuses_are_read() {
    let page = recorded("paginate-issues").remove(0);
    assert_eq!(page.last_page, Some(5));
    assert_eq!(
        page.etag.as_deref(),
        Some("\"00000000000000000000000000000000\"")
    );
    let combined: Combined = parse("statuses", &recorded("create-status")[0]).unwrap();
    let told: Vec<(&str, &str)> = combined
        .statuses
        .iter()
        .map(|status| (status.context.as_str(), status.state.as_str()))
        .collect();
    assert_eq!(told, [("example/1", "failure"), ("example/2", "success")]);
}
