//! Streams, colours and the envelope.

use std::process::Stdio;

use crate::env::TestEnv;

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "One"]).expect_exit(0);
    for args in [&["list"][..], &["list", "--json"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let mut command = clone.command(args);
        let out = command.stdout(writer).stderr(Stdio::piped());
        let out = out.spawn().and_then(std::process::Child::wait_with_output);
        let out = out.expect("fleet runs");
        assert_eq!(out.status.code(), Some(0), "{args:?}");
        assert!(out.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn a_full_disk_below_stdout_is_an_error() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "One"]).expect_exit(0);
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        return;
    };
    let out = clone
        .command(&["list"])
        .stdout(full)
        .output()
        .expect("fleet runs");
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("failed to write to stdout"));
}

#[test]
fn colours_are_for_terminals_or_on_demand() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "One"]).expect_exit(0);
    let plain = clone.fleet(&["list"]).stdout;
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let always = clone.fleet(&["list", "--color", "always"]).stdout;
    assert!(always.contains("\u{1b}[36mT-1\u{1b}[0m"), "{always:?}");
    let json = clone.fleet(&["list", "--color", "always", "--json"]).stdout;
    assert!(!json.contains('\u{1b}'), "{json:?}");
}

#[test]
fn every_answer_in_json_is_one_line_with_an_envelope() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    clone.fleet(&["q", "One"]).expect_exit(0);
    let lines: [&[&str]; 14] = [
        &["init"],
        &["add", "x"],
        &["q", "x"],
        &["show", "T-1"],
        &["list"],
        &["ready", "--explain"],
        &["blocked"],
        &["update", "T-1", "-p", "1"],
        &["dep", "cycles"],
        &["log", "T-1"],
        &["doctor", "--verify"],
        &["show", "T-77"],
        &["show", "x"],
        &["dep", "frob"],
    ];
    for args in lines {
        let ran = clone.fleet(&[args, &["--json"]].concat());
        assert_eq!(ran.stdout.matches('\n').count(), 1, "{}", ran.told());
        let json = ran.json();
        assert_eq!(json["schema_version"], 1, "{}", ran.told());
        assert_eq!(json["ok"], ran.exit == 0, "{}", ran.told());
        assert_eq!(json["data"].is_object(), ran.exit == 0, "{}", ran.told());
        if ran.exit != 0 {
            let error = &json["error"];
            assert!(
                error["code"].is_string() && error["message"].is_string(),
                "{}",
                ran.told()
            );
            assert!(error["hint"].is_string() && error["retryable"].is_boolean());
            assert!(ran.stderr.is_empty(), "{}", ran.told());
        }
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    let env = TestEnv::new();
    let clone = env.repo("project");
    let help = clone.fleet(&["--help"]);
    help.expect_exit(0);
    let commands = help
        .stdout
        .split("Commands:")
        .nth(1)
        .expect("commands are listed");
    let names: Vec<&str> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.trim().is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| !["help", "config", "version"].contains(name) && !name.starts_with('['))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let text = clone.fleet(&[name, "--help"]);
        text.expect_exit(0);
        assert!(text.stdout.contains("Examples:"), "{name}");
        let first = text.stdout.lines().next().unwrap_or_default();
        assert!(
            !first.ends_with('.') && !first.is_empty(),
            "{name}: {first}"
        );
    }
}

#[test]
fn another_directory_can_be_named() {
    let env = TestEnv::new();
    env.ready("project").fleet(&["q", "One"]).expect_exit(0);
    std::fs::create_dir(env.path("elsewhere")).expect("a folder can be made");
    let elsewhere = env.at("elsewhere");
    let list = elsewhere.data(&["-C", "../project", "list"]);
    assert_eq!(list["total"], 1);
    std::fs::create_dir(env.path("project/deep")).expect("a folder can be made");
    assert_eq!(env.at("project/deep").data(&["list"])["total"], 1);
}
