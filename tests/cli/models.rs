//! Providers on the command line, against a server on loopback that speaks the wire of one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;

use crate::env::TestEnv;

/// Answers requests with these bodies in order, and gives the requests' heads.
fn serve(answers: Vec<(u16, &'static str)>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut heads = Vec::new();
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            reader.take(length).read_to_end(&mut Vec::new()).unwrap();
            let text = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(text.as_bytes()).unwrap();
            heads.push(head);
        }
        heads
    });
    (url, served)
}

fn house(env: &TestEnv, url: &str) -> String {
    let repo = env.ready("r");
    let config = format!(
        "[providers.house]\nkind = \"openai-compatible\"\nbase_url = \"{url}\"\nkey_env = [\"HOUSE_KEY\"]\n"
    );
    std::fs::write(repo.dir.join(".orchestra/config.toml"), config).unwrap();
    repo.fleet(&["secret", "init"]).expect_exit(0);
    repo.fleet_with(&["secret", "set", "HOUSE_KEY"], "sk-house-hunter2")
        .expect_exit(0);
    "r".to_owned()
}

#[test]
fn the_models_of_a_provider_are_listed_with_a_stored_key() {
    let env = TestEnv::new();
    let models = r#"{"object":"list","data":[{"id":"small","object":"model"},{"id":"large","object":"model"}]}"#;
    let (url, served) = serve(vec![(200, models)]);
    let repo = env.at(&house(&env, &url));
    let ran = repo.fleet(&["models", "house"]);
    ran.expect_exit(0);
    insta::assert_snapshot!(ran.told().replace(&url, "[URL]"), @r"
    $ fleet models house
    house  [URL]
      large
      small
    ");
    let heads = served.join().unwrap();
    assert!(heads[0].starts_with("GET /v1/models "), "{}", heads[0]);
    assert!(
        heads[0]
            .to_lowercase()
            .contains("authorization: bearer sk-house-hunter2")
    );
}

#[test]
fn a_refused_key_is_trouble_of_that_provider_and_is_not_shown() {
    let env = TestEnv::new();
    let refusal = r#"{"error":{"message":"Incorrect API key provided: sk-house-hunter2","type":"invalid_request_error","code":"invalid_api_key"}}"#;
    let (url, served) = serve(vec![(401, refusal), (401, refusal)]);
    let repo = env.at(&house(&env, &url));
    let listed = repo.fleet(&["models", "house"]);
    listed.expect_exit(0);
    assert!(listed.stdout.contains("auth: "), "{}", listed.told());
    let checked = repo.fleet(&["models", "house", "--check", "small"]);
    checked.expect_exit(7);
    for told in [listed.told(), checked.told()] {
        assert!(!told.contains("hunter2"), "{told}");
    }
    drop(served);
}

#[test]
fn a_provider_without_a_key_says_where_to_put_one() {
    let env = TestEnv::new();
    let repo = env.ready("r");
    let ran = repo.fleet(&["models", "anthropic"]);
    ran.expect_exit(0);
    insta::assert_snapshot!(ran.told());
    repo.fleet(&["models", "nobody"]).expect_exit(3);
    repo.fleet(&["models", "--check", "x"]).expect_exit(2);
}

#[test]
fn a_provider_that_repeats_the_key_in_another_form_is_not_repeated() {
    let env = TestEnv::new();
    // The stored key, in base 64.
    let refusal = r#"{"error":{"message":"bad header Basic c2staG91c2UtaHVudGVyMg== was sent","type":"invalid_request_error"}}"#;
    let (url, served) = serve(vec![(400, refusal), (400, refusal)]);
    let repo = env.at(&house(&env, &url));
    let checked = repo.fleet(&["models", "house", "--check", "small"]).told();
    let listed = repo.fleet(&["models", "house", "--json"]).told();
    for told in [checked, listed] {
        assert!(told.contains("[redacted]"), "{told}");
        assert!(!told.contains("c2staG91c2Ut"), "{told}");
    }
    drop(served);
}
