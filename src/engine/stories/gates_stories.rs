use crate::domain::policy::DiffPolicy;
use crate::engine::gates::{Change, Rule, Verdict, check_changes, fold_path, verdict};
use crate::engine::secrets::{Form, REDACTED, Scanner};

fn policy() -> DiffPolicy {
    DiffPolicy {
        protected: vec!["**/Cargo.lock".into()],
        max_files: 3,
        max_bytes: 1000,
    }
}

fn change(path: &str, new_mode: u32) -> Change {
    Change {
        path: path.into(),
        old_mode: 0,
        new_mode,
        bytes: 10,
    }
}

fn rules(path: &str, mode: u32) -> Vec<Rule> {
    check_changes(&policy(), &[change(path, mode)])
        .iter()
        .map(|v| v.rule)
        .collect()
}

#[test]
fn paths_that_steer_fleet_ci_and_agents_need_a_human_in_every_spelling() {
    for path in [
        ".orchestra/config.toml",
        ".ORCHESTRA/config.toml",
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/ci.yml",
        "CODEOWNERS",
        "docs/codeowners",
        "AGENTS.md",
        "sub/dir/Claude.md",
        "GEMINI.md",
        ".claude/settings.json",
        "pkg/.mcp.json",
        ".codex/config.toml",
        "opencode.jsonc",
        ".opencode/agent.md",
        ".aider.conf.yml",
        ".husky/pre-commit",
        ".gitmodules",
        "sub/Cargo.lock",
        "ＡＧＥＮＴＳ.md",
        "AGENT\u{17f}.md",
        "AGENTS.md.",
    ] {
        let found = check_changes(&policy(), &[change(path, 0o100_644)]);
        assert!(
            found.iter().any(|v| v.rule == Rule::Protected),
            "{path}: {found:?}"
        );
        assert_eq!(
            rules(path, 0).last(),
            Some(&Rule::Protected),
            "deleting {path} too"
        );
    }
    for path in [
        "src/lib.rs",
        "docs/agents.txt",
        "orchestra/x",
        "github/workflows/a.yml",
    ] {
        assert_eq!(rules(path, 0o100_644), [], "{path}");
    }
    let found = check_changes(&policy(), &[change("AGENTS.md", 0o100_644)]);
    assert_eq!(verdict(&found), Verdict::NeedsHuman);
    assert_eq!(
        found[0].to_string(),
        "protected: AGENTS.md matches the protected `**/AGENTS.md`"
    );
}

#[test]
fn links_submodules_odd_modes_and_odd_names_are_refused() {
    for (path, mode, rule) in [
        ("link", 0o120_000, Rule::Symlink),
        ("module", 0o160_000, Rule::Gitlink),
        ("odd", 0o100_664, Rule::Mode),
        ("a/../b", 0o100_644, Rule::Name),
        ("a//b", 0o100_644, Rule::Name),
        ("sub/.git/config", 0o100_644, Rule::Name),
        ("sub/.GIT/config", 0o100_644, Rule::Name),
        (".g\u{200c}it/config", 0o100_644, Rule::Name),
        ("GIT~1/config", 0o100_644, Rule::Name),
        (".git /x", 0o100_644, Rule::Name),
        ("aux.txt", 0o100_644, Rule::Name),
        ("a\\b", 0o100_644, Rule::Name),
        ("a\u{202e}b", 0o100_644, Rule::Name),
        ("a\nb", 0o100_644, Rule::Name),
        ("a\u{fffd}b", 0o100_644, Rule::Name),
    ] {
        let found = check_changes(&policy(), &[change(path, mode)]);
        assert!(found.iter().any(|v| v.rule == rule), "{path:?}: {found:?}");
        assert_eq!(verdict(&found), Verdict::Refuse, "{path:?}");
    }
    assert_eq!(rules("run.sh", 0o100_755), []);
    assert_eq!(rules(".gitignore", 0o100_644), []);
    assert_eq!(rules("link", 0), [], "taking a link away does no harm");
}

#[test]
fn big_diffs_and_names_that_fold_together_are_refused() {
    let many: Vec<_> = (0..4)
        .map(|n| change(&format!("f{n}"), 0o100_644))
        .collect();
    let found = check_changes(&policy(), &many);
    assert_eq!(
        found[0].to_string(),
        "too_many_files: 4 files changed, at most 3 may (diff.max_files)"
    );
    let big = Change {
        bytes: u64::MAX,
        ..change("a", 0o100_644)
    };
    assert_eq!(
        check_changes(&policy(), &[big.clone(), big])[0].rule,
        Rule::CaseClash.min(Rule::TooManyBytes)
    );
    let clash = check_changes(
        &policy(),
        &[
            change("Readme.md", 0o100_644),
            change("README.md", 0o100_644),
        ],
    );
    assert_eq!(clash[0].rule, Rule::CaseClash);
    assert_eq!(fold_path("Straße/ﬁle."), fold_path("STRASSE/FILE"));
}

const TOKEN: &str = "s3cr3t/Value+With=Signs&0123456789abcdef";

fn scanner() -> Scanner {
    Scanner::new(&[
        ("DEPLOY_TOKEN".to_owned(), TOKEN.to_owned()),
        ("PIN".to_owned(), "1234".to_owned()),
    ])
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut n = 0u32;
        for i in 0..3 {
            n = n << 8 | u32::from(*group.get(i).unwrap_or(&0));
        }
        for i in 0..=group.len() {
            out.push(char::from(LETTERS[(n >> (18 - 6 * i) & 63) as usize]));
        }
    }
    out
}

#[test]
fn i11_a_known_secret_is_found_in_every_form_that_slips_out() {
    let s = scanner();
    assert_eq!(s.too_short(), ["PIN"]);
    let hex: String = TOKEN.bytes().map(|b| format!("{b:02x}")).collect();
    let reversed: String = TOKEN.chars().rev().collect();
    let percent = TOKEN
        .replace('/', "%2F")
        .replace('+', "%2B")
        .replace('=', "%3D")
        .replace('&', "%26");
    let mut forms = vec![
        (TOKEN.to_owned(), Form::Exact),
        (hex.to_uppercase(), Form::Hex),
        (hex, Form::Hex),
        (reversed, Form::Reversed),
        (percent, Form::UrlEncoded),
        (TOKEN[5..30].to_owned(), Form::Fragment),
    ];
    for before in ["", "x", "xy", "xyz"] {
        let text = base64(format!("{before}{TOKEN}tail").as_bytes());
        forms.push((text.replace('+', "-").replace('/', "_"), Form::Base64));
        forms.push((text, Form::Base64));
    }
    for (text, form) in forms {
        let found = s.scan(format!("log: {text} end").as_bytes());
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(
            (found[0].name.as_str(), found[0].form),
            ("DEPLOY_TOKEN", form),
            "{text}"
        );
    }
    assert_eq!(s.scan(b"nothing to see 1234"), []);
    assert_eq!(s.scan(&TOKEN.as_bytes()[..19]), [], "too short a piece");
}

#[test]
fn i11_redacted_text_holds_no_piece_of_a_secret() {
    let s = scanner();
    let text = format!("ü{TOKEN}ü and {} and {}", &TOKEN[3..33], "x");
    let redacted = s.redact(&text);
    assert_eq!(redacted, format!("ü{REDACTED}ü and {REDACTED} and x"));
    assert_eq!(s.scan(redacted.as_bytes()), []);
    let shown = format!("{s:?} {:?}", s.scan(TOKEN.as_bytes()));
    assert!(!shown.contains("Value"), "{shown}");
}

#[test]
fn i11_tokens_of_well_known_services_are_found_by_their_shape() {
    let s = Scanner::default();
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let found = s.scan(format!("token={token};").as_bytes());
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "a GitHub token (by its shape) at byte 6"
    );
    assert_eq!(s.redact(&format!("x {token} y")), "x [redacted] y");
    assert_eq!(s.scan(b"a function named ghp_parse and AKIA"), []);
    assert!(!s.scan(b"-----BEGIN OPENSSH PRIVATE KEY-----").is_empty());
}

#[test]
fn a_secret_of_many_lines_is_found_by_each_of_them() {
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
    let key = format!(
        "-----BEGIN X-----\n{line}\n{}\n-----END X-----",
        &line.to_lowercase()
    );
    let s = Scanner::new(&[("KEY".to_owned(), key)]);
    assert_eq!(s.scan(line.as_bytes())[0].name, "KEY");
    assert_eq!(s.scan(b"-----BEGIN X-----"), []);
}

#[test]
fn i11_a_secret_that_a_program_broke_into_lines_is_found_in_each_way_of_writing() {
    let s = scanner();
    let lines = |text: &str, len: usize| -> String {
        let letters: Vec<char> = text.chars().collect();
        let lines: Vec<String> = letters
            .chunks(len)
            .map(|line| line.iter().collect())
            .collect();
        lines.join("\n")
    };
    let hex: Vec<String> = TOKEN.bytes().map(|b| format!("{b:02x}")).collect();
    let by_rows = |between: &str| -> String {
        let rows: Vec<String> = hex.chunks(16).map(|row| row.join(between)).collect();
        rows.join("\n ")
    };
    for text in [
        lines(
            &base64(format!("some words before {TOKEN} and after").as_bytes()),
            40,
        ),
        lines(&base64(TOKEN.as_bytes()), 38),
        lines(&hex.concat(), 60),
        by_rows(" "),
        by_rows(":"),
        by_rows("\\x"),
        format!("%{}", hex.join("%")),
    ] {
        let found = s.scan(text.as_bytes());
        assert!(
            found.iter().any(|leak| leak.name == "DEPLOY_TOKEN"),
            "{text}"
        );
        let left = s.redact(&text);
        assert!(s.scan(left.as_bytes()).is_empty(), "{left}");
    }
}

#[test]
fn an_accent_in_one_character_or_in_two_is_one_name() {
    let policy = DiffPolicy {
        protected: vec!["Größe/**".into()],
        ..policy()
    };
    let apart = "gro\u{308}ße/x";
    let found = check_changes(&policy, &[change(apart, 0o100_644)]);
    assert_eq!(found[0].rule, Rule::Protected, "{found:?}");
    let both = [
        change("caf\u{e9}", 0o100_644),
        change("cafe\u{301}", 0o100_644),
    ];
    assert_eq!(check_changes(&policy, &both)[0].rule, Rule::CaseClash);
}
