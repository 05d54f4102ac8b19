//! An App that buys its tokens.

use std::sync::Arc;

use fleet::forge::github::{AppConfig, GitHubForge};
use fleet::ports::forge::Forge as _;
use serde_json::json;

use crate::fake_github::{FakeGitHub, Fault};
use crate::{Fixed, asked, config_for, draft, pushed, watch};

const KEY: &str = include_str!("../support/app_key.pem");
const ALL: &[(&str, &str)] = &[
    ("pull_requests", "write"),
    ("issues", "write"),
    ("contents", "write"),
    ("checks", "read"),
    ("metadata", "read"),
    ("secrets", "write"),
];
const IN_AN_HOUR: &str = "2026-11-21T09:00:00Z";

fn app(fake: &FakeGitHub, key: &str, installation_id: Option<u64>) -> GitHubForge {
    let mut config = config_for(&fake.base_url(), "");
    config.app = Some(AppConfig {
        id: "12".into(),
        key: key.to_owned().into(),
        key_place: "OUR_APP_KEY".into(),
        installation_id,
    });
    GitHubForge::new(config, Arc::new(Fixed))
}

fn refused(fake: &FakeGitHub, key: &str, installation_id: Option<u64>) -> String {
    let forge = app(fake, key, installation_id);
    let error = forge.open_or_adopt(&draft()).unwrap_err();
    let text = format!("{error} {error:?} {forge:?} {:?}", forge.take_notes());
    for line in KEY.lines().chain(["ghs_Sold", "eyJhbGci"]) {
        assert!(line.starts_with("--") || !text.contains(line), "{text}");
    }
    error.to_string()
}

#[test]
fn threat_other_repositories_a_token_is_bought_for_this_one_with_what_it_needs() {
    let fake = pushed();
    fake.install_app("12", ALL, IN_AN_HOUR);
    let forge = app(&fake, KEY, None);
    forge.open_or_adopt(&draft()).unwrap();
    forge.observe(&[watch(Some(1))]).unwrap();
    assert_eq!(
        fake.app_sales(),
        [json!({
            "repositories": ["hello"],
            "permissions": {
                "pull_requests": "write", "issues": "write", "contents": "read", "checks": "read",
                "metadata": "read",
            },
        })]
    );
    insta::assert_snapshot!(asked(&fake).join("\n"), @r"
    GET /repos/octo/hello/installation
    POST /app/installations/7/access_tokens
    GET /repos/octo/hello/pulls?state=all&per_page=100&head=octo:agent/T-7
    POST /repos/octo/hello/pulls
    POST /repos/octo/hello/issues/1/labels
    POST /graphql
    ");
    let named = app(&fake, KEY, Some(7));
    named.observe(&[watch(Some(1))]).unwrap();
    assert!(asked(&fake).contains(&"GET /app/installations/7".to_owned()));
}

#[test]
fn a_token_that_ends_soon_is_bought_anew() {
    let fake = pushed();
    fake.install_app("12", ALL, "2026-11-21T08:04:00Z");
    let forge = app(&fake, KEY, None);
    forge.observe(&[watch(None)]).unwrap();
    forge.observe(&[watch(None)]).unwrap();
    assert_eq!(fake.app_sales().len(), 2);
}

#[test]
fn i11_each_trouble_of_an_app_is_a_sentence_without_its_key() {
    let fake = pushed();
    insta::assert_snapshot!(refused(&fake, "", None), @"cannot list the pull requests of agent/T-7 in octo/hello: there is no key of App 12 in OUR_APP_KEY; store its private key there (forge.app_key_env or forge.app_key_file)");
    insta::assert_snapshot!(refused(&fake, "ghs_SoldNot", None), @"cannot list the pull requests of agent/T-7 in octo/hello: the App's key in OUR_APP_KEY is no private key in PEM form");
    insta::assert_snapshot!(refused(&fake, KEY, None), @"cannot find where App 12 is installed for octo/hello: App 12 is refused (Bad credentials); check forge.app_id, that the key in OUR_APP_KEY is one of that App's, and this machine's clock");
    fake.install_app("12", &[("pull_requests", "read")], IN_AN_HOUR);
    insta::assert_snapshot!(refused(&fake, KEY, None), @"cannot use App 12 for octo/hello: it lacks the permission to write pull requests; give it that in the App's settings (Permissions), and have its installation accept the change");
    fake.install_app("12", ALL, IN_AN_HOUR);
    insta::assert_snapshot!(refused(&fake, KEY, Some(8)), @"cannot find where App 12 is installed for octo/hello: the forge does not know that installation; correct forge.installation_id, or leave it out to have it looked up");
    fake.fault_on("GET", "/installation", Fault::Refuse(404, "Not Found"));
    insta::assert_snapshot!(refused(&fake, KEY, None), @"cannot find where App 12 is installed for octo/hello: it is not installed there; install the App for octo/hello (its settings > Install App)");
    fake.fault_on(
        "POST",
        "/access_tokens",
        Fault::Refuse(
            422,
            "The permissions requested are not granted to this installation.",
        ),
    );
    insta::assert_snapshot!(refused(&fake, KEY, None), @"cannot get a token of App 12 for octo/hello: the App's installation was not granted what its settings say (The permissions requested are not granted to this installation); have its owner accept the change");
    let needs = ("x-accepted-github-permissions", "pull_requests=write");
    fake.fault_on(
        "GET",
        "/pulls",
        Fault::RefuseWith(
            403,
            "Resource not accessible by integration",
            needs.0,
            needs.1,
        ),
    );
    insta::assert_snapshot!(refused(&fake, KEY, None), @"cannot list the pull requests of agent/T-7 in octo/hello: the token of App 12 lacks a permission (Resource not accessible by integration); give it `pull-requests: write` (in the App's settings, and have its installation accept the change)");
    // After all that it works.
    assert_eq!(
        app(&fake, KEY, None)
            .open_or_adopt(&draft())
            .unwrap()
            .number,
        Some(1)
    );
}

#[test]
fn a_proof_that_a_wrong_clock_made_is_made_again_by_the_forge_s_clock() {
    let fake = pushed();
    fake.install_app("12", ALL, IN_AN_HOUR);
    fake.fault_on(
        "GET",
        "/installation",
        Fault::RefuseAt(
            401,
            "'Issued at' claim ('iat') must be in the past",
            "Sat, 21 Nov 2026 07:50:00 GMT",
        ),
    );
    let forge = app(&fake, KEY, None);
    forge.observe(&[watch(None)]).unwrap();
    assert_eq!(fake.app_sales().len(), 1);
    insta::assert_snapshot!(forge.take_notes().join("\n"), @"this machine's clock is 600 s ahead of the forge's; set it right, or leases expire at the wrong time");
}
