//! What tests may count on.

use std::net::TcpStream;

use super::{FakeComment, FakeGitHub, Fault, TOKEN};

/// Uses all of the API, so that every test binary that includes this file uses all of it too.
#[test]
fn the_pretend_github_keeps_its_own_contract() {
    let fake = FakeGitHub::start("octo/hello");
    let sha = "a".repeat(40);
    fake.set_branch("agent/T-1", &sha);
    let (mine, theirs) = (
        fake.open_pr("agent/T-1", "main"),
        fake.open_fork_pr("agent/T-1", "main"),
    );
    fake.set_permission("ann", "write");
    assert_eq!(
        fake.set_review(mine, "ann", "MEMBER", "APPROVED", "fine", &[("a", 1, "b")]),
        1
    );
    fake.set_check(&sha, "ci", None, "");
    fake.set_status(&sha, "old", "pending", "");
    fake.conflict(mine);
    fake.merge(mine, &"b".repeat(40));
    fake.close(theirs);
    for fault in [
        Fault::LimitedWithoutWord,
        Fault::NotModified,
        Fault::Graph("X", "x"),
        Fault::Kill,
        Fault::KillAfterEffect,
        Fault::Silence,
        Fault::SilenceAfterEffect,
        Fault::Drop,
        Fault::DropAfterEffect,
        Fault::StatusAfterEffect(502),
        Fault::TruncatedJson,
        Fault::SecondaryLimit { retry_after_s: 1 },
        Fault::TooMany { retry_after_s: 1 },
        Fault::QuotaExhausted { reset_s: 1 },
        Fault::GraphBeside("X", "x"),
        Fault::RefuseAt(403, "x", "x"),
        Fault::Refuse(403, "x"),
        Fault::RefuseWith(403, "x", "x", "x"),
        Fault::Doubled,
        Fault::Stale,
        Fault::Date("x"),
    ] {
        fake.fault_at(0, fault);
    }
    let client = fake.client(|| std::process::Command::new("true").spawn().unwrap());
    client.wait_with_output().expect("it ends");
    fake.fault_on("GET", "/pulls", Fault::Status(500));
    fake.heal();
    fake.limit_body(10);
    fake.refuse_drafts();
    fake.allow_duplicates();
    let states: Vec<String> = fake.prs().into_iter().map(|pr| pr.state).collect();
    assert_eq!(states, ["merged", "closed"]);
    assert_eq!(fake.most_open_at_once(), 1);
    talks(&fake, mine);
    assert!(fake.requests().is_empty() && fake.base_url().starts_with("http://127.0.0.1:"));
    assert!(TOKEN.starts_with("ghp_"));

    let none = std::env::temp_dir().join("no-such-repository.git");
    fake.serve_git_dir(&none);
    fake.assert_nothing_forbidden();

    let mut stream = TcpStream::connect(fake.address).expect("the fake listens");
    let merge = "PUT /repos/octo/hello/pulls/1/merge HTTP/1.1\r\n\r\n";
    std::io::Write::write_all(&mut stream, merge.as_bytes()).expect("the fake reads");
    let answer = std::io::read_to_string(stream).expect("the fake answers");
    assert!(answer.starts_with("HTTP/1.1 418"), "{answer}");
    let asked = &fake.requests()[0];
    assert!(asked.forbidden && asked.body.is_null() && asked.at.elapsed().as_secs() < 600);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(fake)));
    assert!(ended.is_err(), "a request to merge fails the test");
}

fn talks(fake: &FakeGitHub, number: u64) {
    fake.set_viewer("fleet-bot");
    fake.refuse_graphql();
    fake.set_log(1, "log");
    fake.set_run(
        1,
        ("ci", "ci.yml"),
        "main",
        "success",
        "2026-11-21T09:00:00Z",
    );
    fake.set_base(number, "main");
    fake.delete_branch("agent/T-9");
    fake.resolve(1000);
    fake.install_app("12", &[("pull_requests", "write")], "2026-11-21T09:00:00Z");
    let id = fake.comment(number, "ann", "hi");
    let said: FakeComment = fake.comments().remove(0);
    assert_eq!((said.id, said.body.as_str()), (id, "hi"));
    assert!(fake.app_sales().is_empty());
    fake.reopen(number);
    fake.merge(number, &"b".repeat(40));
    fake.also_known_as("octo/old");
    fake.rename_to("octo/hello");
}
