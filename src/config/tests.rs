mod money;

use secrecy::ExposeSecret as _;

use super::*;
use crate::domain::money::MicroUsd;
use crate::domain::policy::{AgentKind, CliKind, ForgeKind, PushMode, UnblockOn};
use crate::domain::time::DurationMs;

fn files(config: &str) -> CommitFiles {
    CommitFiles::from([(CONFIG_PATH.to_owned(), config.as_bytes().to_vec())])
}

fn good(config: &str) -> Policy {
    match load(None, &files(config), &Env::default()) {
        Ok(settings) => settings.policy,
        Err(errors) => panic!("{errors}"),
    }
}

/// What a file says to a user whose home is `/home/u`, or all that is wrong with it.
pub(super) fn read(config: &str) -> Result<Policy, String> {
    load(None, &files(config), &Env::of([("HOME", "/home/u")]))
        .map(|settings| settings.policy)
        .map_err(|errors| errors.to_string())
}

fn said(config: &str) -> String {
    load(None, &files(config), &Env::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn no_file_means_the_defaults_and_says_how_to_add_an_agent() {
    let settings = load(None, &CommitFiles::new(), &Env::default()).unwrap();
    assert_eq!(settings.origin, Origin::Defaults);
    let policy = settings.policy;
    assert_eq!(policy.base_branch, "main");
    assert_eq!(policy.state.branch, "fleet/state");
    assert_eq!(policy.retry.backoff.len(), 3);
    assert!(policy.diff.protected.contains(&"**/Cargo.lock".to_owned()));
    assert!(settings.notes[0].contains("[agents.claude]"));
    for role in [
        "architect",
        "writer",
        "reviewer",
        "tester",
        "documenter",
        "planner",
    ] {
        assert!(policy.roles[role].contains("FLEET_OUTBOX"), "{role}");
    }
    let role_of = |kind: &str| {
        let route = policy.routes.iter().find(|r| r.types == [kind]);
        route.and_then(|r| r.role.clone()).unwrap()
    };
    assert_eq!(role_of("architecture"), "architect");
    assert_eq!(role_of("implementation"), "writer");
    assert_eq!(role_of("review"), "reviewer");
    assert_eq!(role_of("testing"), "tester");
    assert_eq!(role_of("documentation"), "documenter");
}

#[test]
fn a_whole_configuration_is_read() {
    let policy = good(
        r#"
base_branch = "trunk"
unblock_on = "review"
[state]
branch = "trunk"
[sync]
push = "never"
timeout = "500ms"
[budget]
per_day = "5.00"
per_task = 1
sessions_per_day = 40
[diff]
protected = ["infra/**"]
max_bytes = "64 KiB"
[[verify]]
argv = ["cargo", "test"]
timeout = "1h 30m"
[agents.claude]
kind = "cli"
model = "opus"
fits = ["high"]
cost_estimate = 0.25
env = ["ANTHROPIC_API_KEY"]
set_env = { LANG = "C" }
home_files = { "/etc/agent.json" = ".agent/config.json" }
[agents.own]
kind = "command"
argv = ["./agent", "{prompt_file}"]
prompt_stdin = true
[[routes]]
types = ["architecture"]
agents = ["claude"]
from_attempt = 2
"#,
    );
    assert_eq!(policy.base_branch, "trunk");
    assert_eq!(policy.unblock_on, UnblockOn::Review);
    assert_eq!(policy.state.push, PushMode::Never);
    assert_eq!(policy.state.push_timeout, DurationMs(500));
    assert_eq!(policy.budget.per_day, Some(MicroUsd(5_000_000)));
    assert_eq!(policy.budget.per_task, Some(MicroUsd(1_000_000)));
    assert_eq!(policy.diff.protected, ["infra/**"]);
    assert_eq!(policy.diff.max_bytes, 65_536);
    assert_eq!(policy.verify[0].timeout, DurationMs::mins(90));
    let claude = &policy.agents["claude"];
    assert_eq!(claude.cost_estimate, MicroUsd(250_000));
    let cli = AgentKind::Cli {
        cli: CliKind::Claude,
        program: None,
    };
    assert_eq!(claude.kind, cli);
    // A budget is set, and it does not say what its runs cost.
    assert_eq!(policy.agents["own"].cost_estimate, MicroUsd(1_000_000));
    assert_eq!(policy.routes[0].from_attempt, 2);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let errors = said(
        r#"base_brnch = "main"
remote = 7
[tick]
time_budget = "soon"
max_parallel = 0
[agents.claude]
kind = "cli"
role = "architekt"
argv = ["x"]
[agents.broken]
kind = "clii"
[[routes]]
agents = ["claud"]
paths = ["src/{a"]
complexity = ["huge"]
[budget]
per_day = "five"
[forge]
kind = "gitlab"
base_url = "https://me:pw@example.com"
"#,
    );
    for wanted in [
        ".orchestra/config.toml:1:1: `base_brnch` is not a key; did you mean `base_branch`?",
        ".orchestra/config.toml:2:10: `remote` must be a text, and is a number",
        ":4:15: `tick.time_budget`: `soon` is not a duration",
        ":5:16: `tick.max_parallel`: it must be from 1 to 1000",
        "there is no role `architekt`; did you mean \"architect\"?",
        "`agents.claude.argv`: it is for kind \"command\" only",
        "`agents.broken.kind`: `clii` is not one of its values; did you mean \"cli\"?",
        "there is no agent `claud`; did you mean \"claude\"?",
        "`src/{a` is not a path glob",
        "`huge` is not low, medium or high",
        "`five` is not an amount of dollars",
        "`gitlab` is not one of its values",
        "without a name or password",
        "the configuration has 13 problems",
    ] {
        assert!(errors.contains(wanted), "{wanted}\nis not in\n{errors}");
    }
}

#[test]
fn a_key_in_the_wrong_section_is_told_where_it_belongs() {
    assert!(said("max_files = 3").contains("`max_files` belongs into [diff]"));
}

#[test]
fn broken_toml_is_located_and_nothing_else_is_said_of_it() {
    let errors = said("base_branch = \n[tick]\nmax_parallel = 0\n");
    assert!(errors.contains("config.toml:1:"), "{errors}");
    assert!(!errors.contains("tick.max_parallel"), "{errors}");
    let errors = said("foo = [\n");
    assert!(!errors.contains("is not a key"), "{errors}");
    assert!(errors.contains("has 1 problem"), "{errors}");
}

#[test]
fn the_environment_stands_above_the_file() {
    let env = Env::of([
        ("FLEET_STATE_BRANCH", "other"),
        ("FLEET_FORGE", "github"),
        ("FLEET_BUDGET_PER_DAY", "$2.5"),
        ("GITHUB_REPOSITORY", "octo/hello"),
        ("GITHUB_API_URL", "https://ghe.example.com/api/v3/"),
    ]);
    let policy = load(None, &files("[state]\nbranch = \"s\"\n"), &env)
        .unwrap()
        .policy;
    assert_eq!(policy.state.branch, "other");
    assert_eq!(policy.forge.kind, ForgeKind::GitHub);
    assert_eq!(policy.budget.per_day, Some(MicroUsd(2_500_000)));
    assert_eq!(policy.forge.repo.as_deref(), Some("octo/hello"));
    assert_eq!(policy.forge.base_url, "https://ghe.example.com/api/v3");
    let bad = load(
        None,
        &CommitFiles::new(),
        &Env::of([("FLEET_FORGE", "svn")]),
    )
    .unwrap_err();
    assert!(
        bad.to_string()
            .contains("FLEET_FORGE: `svn` is not one of local, github")
    );
}

#[test]
fn i11_secrets_are_gathered_and_never_shown() {
    let env = Env::of([
        ("GITHUB_TOKEN", "hunter2hunter2"),
        ("OWN_KEY", "open-sesame-now"),
        ("DEPLOY", "not-by-name-but-named"),
        ("LANG", "C"),
    ]);
    let config = "secret_env = [\"DEPLOY\"]\n[agents.a]\nkind = \"command\"\nargv = [\"a\"]\n\
                  env = [\"OWN_KEY\", \"LANG\"]\n";
    let settings = load(None, &files(config), &env).unwrap();
    let names: Vec<_> = settings.secrets.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, ["DEPLOY", "GITHUB_TOKEN", "OWN_KEY"]);
    assert_eq!(
        settings.forge_token.as_ref().unwrap().expose_secret(),
        "hunter2hunter2"
    );
    let shown = format!("{settings:?} {env:?} {:?}", settings.secrets);
    assert!(
        !shown.contains("hunter2") && !shown.contains("sesame"),
        "{shown}"
    );
}

#[test]
fn a_token_of_the_forge_is_refused_to_every_agent() {
    let env = Env::of([("MY_FORGE", "hunter2hunter2")]);
    for line in [
        "env = [\"MY_FORGE\"]",
        "env = [\"GH_TOKEN\"]",
        "set_env = { GITHUB_TOKEN = \"x\" }",
    ] {
        let config = format!(
            "[forge]\ntoken_env = \"MY_FORGE\"\n[agents.a]\nkind = \"command\"\nargv = [\"a\"]\n{line}\n"
        );
        let refused = load(None, &files(&config), &env).unwrap_err().to_string();
        assert!(refused.contains("no agent gets it"), "{line}: {refused}");
    }
}

#[test]
fn i11_the_key_of_an_app_is_kept_from_agents_and_scanned_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.pem");
    std::fs::write(&file, "-----BEGIN X-----\nhunter2hunter2hunter2\n").unwrap();
    let app = format!(
        "[forge]\napp_id = \"12\"\napp_key_env = \"OUR_APP\"\napp_key_file = \"{}\"\n",
        file.display()
    );
    let told = |env: &Env| {
        let settings = load(None, &files(&app), env).unwrap();
        let names: Vec<String> = settings.secrets.iter().map(|(n, _)| n.clone()).collect();
        assert!(!format!("{settings:?}").contains("hunter2"));
        (
            settings.forge_app_key.unwrap().expose_secret().to_owned(),
            names,
        )
    };
    let (key, names) = told(&Env::default());
    assert!(key.contains("hunter2hunter2hunter2"));
    assert_eq!(names, ["forge.app_key"]);
    // The variable comes first.
    let (key, _) = told(&Env::of([("OUR_APP", "from the environment")]));
    assert_eq!(key, "from the environment");
    let agent =
        format!("{app}[agents.a]\nkind = \"command\"\nargv = [\"a\"]\nenv = [\"OUR_APP\"]\n");
    let refused = load(None, &files(&agent), &Env::default()).unwrap_err();
    assert!(
        refused.to_string().contains("no agent gets it"),
        "{refused}"
    );
}

#[test]
fn an_app_without_a_key_and_odd_reviewers_are_refused() {
    for (line, says) in [
        ("app_id = \"12\"", "the App's private key is needed too"),
        (
            "app_id = \"a b\"\napp_key_env = \"K\"",
            "it is the App's id",
        ),
        (
            "app_id = \"12\"\napp_key_file = \"key.pem\"",
            "it is an absolute path",
        ),
        (
            "app_id = \"12\"\napp_key_env = \"K\"\ninstallation_id = \"x\"",
            "a number in quotes",
        ),
        ("installation_id = \"7\"", "no use without `app_id`"),
        ("reviewers = [\"@ann\"]", "write it without `@`"),
        ("reviewers = [\"a/b/c\"]", "nor `org/team`"),
    ] {
        let errors = said(&format!("[forge]\n{line}"));
        assert!(errors.contains(says), "{line}: {errors}");
    }
    let fine = load(
        None,
        &files("[forge]\nreviewers = [\"ann\", \"org/core\"]"),
        &Env::default(),
    );
    assert_eq!(fine.unwrap().policy.forge.reviewers, ["ann", "org/core"]);
}

#[test]
fn role_files_replace_and_add_roles_and_keep_the_common_rules() {
    let mut files = files("[agents.a]\nkind = \"command\"\nargv = [\"a\"]\nrole = \"poet\"\n");
    files.insert(".orchestra/roles/poet.md".into(), b"Write verse.".to_vec());
    files.insert(
        ".orchestra/roles/writer.md".into(),
        b"Write prose.".to_vec(),
    );
    let policy = load(None, &files, &Env::default()).unwrap().policy;
    assert!(policy.roles["poet"].starts_with("Write verse."));
    assert!(policy.roles["writer"].starts_with("Write prose."));
    assert!(policy.roles["writer"].contains("FLEET_OUTBOX"));
    files.insert(".orchestra/roles/Bad Name.md".into(), b"x".to_vec());
    files.insert(".orchestra/roles/empty.md".into(), b" \n".to_vec());
    let errors = load(None, &files, &Env::default()).unwrap_err();
    assert_eq!(errors.problems.len(), 2, "{errors}");
}

#[test]
fn the_work_tree_wins_over_the_commit_and_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let orchestra = dir.path().join(".orchestra");
    std::fs::create_dir(&orchestra).unwrap();
    let commit = files("base_branch = \"of-commit\"\n");
    let read = |env: &Env| load(Some(dir.path()), &commit, env);
    assert_eq!(read(&Env::default()).unwrap().origin, Origin::Commit);
    std::fs::write(orchestra.join("config.toml"), "base_branch = \"of-tree\"\n").unwrap();
    assert_eq!(read(&Env::default()).unwrap().policy.base_branch, "of-tree");
    std::fs::remove_file(orchestra.join("config.toml")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", orchestra.join("config.toml")).unwrap();
    let errors = read(&Env::default()).unwrap_err().to_string();
    assert!(errors.contains("it is no plain file"), "{errors}");
}

#[test]
fn the_template_is_valid_and_so_is_everything_that_it_offers() {
    let text = template("trunk", "fleet/state", ForgeKind::Local);
    assert_eq!(good(&text).base_branch, "trunk");
    // Every commented setting, made real: only comments with a key, a table or a list.
    let real: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || rest.contains(" = ") => rest,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let policy = good(&real);
    assert_eq!(policy.agents.len(), 6);
    assert_eq!(policy.budget.per_task, Some(MicroUsd(3_000_000)));
}

#[test]
fn every_key_is_documented_with_its_default() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md"))
            .unwrap();
    let missing: Vec<_> = schema::keys()
        .filter(|key| !key.section.is_empty() || !key.default.is_empty())
        .map(|key| format!("| `{}` | {} | {} |", key.name, key.default, key.meaning))
        .filter(|row| !page.contains(row.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/config.md lacks:\n{}",
        missing.join("\n")
    );
    for (variable, key) in env::VARIABLES {
        let row = format!("| `{variable}` | `{key}` |");
        assert!(page.contains(&row), "docs/config.md lacks {row}");
    }
}

#[test]
fn amounts_of_money_are_exact() {
    for (text, micros) in [
        ("5", 5_000_000),
        ("5.00", 5_000_000),
        ("$0.000001", 1),
        ("0.10", 100_000),
    ] {
        assert_eq!(units::money(text), Ok(MicroUsd(micros)), "{text}");
    }
    for text in [
        "",
        "-1",
        "1e3",
        "1.2.3",
        "0.0000001",
        "99999999999999999999",
        ".5",
        "5.",
    ] {
        assert!(units::money(text).is_err(), "{text}");
    }
}

#[test]
fn hostile_configurations_end_in_problems_and_never_in_a_panic() {
    for config in [
        "a = [[[[[[1]]]]]]",
        "[agents]\nx = 1",
        "agents = []",
        "routes = {}",
        "[[agents]]\nkind = \"cli\"",
        "[tick]\nmax_parallel = 99999999999999999999",
        "[tick]\nmax_parallel = -1",
        "[tick]\nmax_parallel = 0x10000000000",
        "secret_env = [\"A=b\"]",
        "state = \"x\"",
        "[state]\nbranch = \"--upload-pack=x\"",
        "[state]\nbranch = \"a..b\"",
        "[diff]\nprotected = [\"\"]",
        "[agents.a]\nkind = \"command\"\nargv = []",
        "[agents.a]\nkind = \"command\"\nargv = \"cargo test\"",
        "[agents.a]\nkind = \"cli\"",
        "[agents.a]\nkind = \"demo\"\nhome_files = { x = \"../y\" }",
        "[budget]\nper_day = true",
        "base_branch = \"é\u{202e}\\u0000\"",
        "=",
        "[",
    ] {
        let errors = load(None, &files(config), &Env::default());
        assert!(errors.is_err(), "{config}");
    }
    let not_utf8 = CommitFiles::from([(CONFIG_PATH.to_owned(), vec![0xff, 0xfe])]);
    assert!(load(None, &not_utf8, &Env::default()).is_err());
}

#[test]
fn known_providers_need_no_section_and_a_section_changes_only_what_it_names() {
    use crate::domain::provider::{ProviderKind, ProviderSpec};
    let policy = good("");
    assert_eq!(policy.providers, ProviderSpec::known());
    assert_eq!(policy.providers.len(), 8);
    let policy = good(
        r#"
[providers.openai]
key_env = ["NEW_KEY", "OLD_KEY"]
max_retries = 0
idle_timeout = "5s"

[providers.house]
kind = "openai-compatible"
base_url = "http://127.0.0.1:8080/v1/"
headers = { X-Team = "fleet" }
context_window = 8192
"#,
    );
    let openai = &policy.providers["openai"];
    assert_eq!(openai.key_env, ["NEW_KEY", "OLD_KEY"]);
    assert_eq!(openai.limits.idle, DurationMs::secs(5));
    assert_eq!(openai.base_url, "https://api.openai.com/v1");
    let house = &policy.providers["house"];
    assert_eq!(house.kind, ProviderKind::Compatible);
    assert_eq!(house.base_url, "http://127.0.0.1:8080/v1");
    assert_eq!(house.headers["x-team"], "fleet");
    assert_eq!(house.context_window, Some(8192));
}

#[test]
fn a_provider_that_would_leak_its_key_is_refused() {
    for (text, says) in [
        ("[providers.x]", "`providers.x.kind`: it is required"),
        (
            "[providers.x]\nkind = \"openai-compatible\"",
            "`providers.x.base_url`: it is required",
        ),
        (
            "[providers.groq]\nbase_url = \"http://models.example.com/v1\"",
            "unencrypted over the network",
        ),
        (
            "[providers.groq]\nkey_env = [\"GITHUB_TOKEN\"]",
            "holds the right to push",
        ),
        (
            "[providers.groq]\nheaders = { Authorization = \"Bearer x\" }",
            "keys go into `key_env`",
        ),
        (
            "[providers.groq]\nkey_env = [\"sk-123\"]",
            "names only, no values",
        ),
    ] {
        let errors = said(text);
        assert!(errors.contains(says), "{text}: {errors}");
    }
}

#[test]
fn keys_that_take_lists_are_keys_of_agents() {
    for key in super::edit::LISTS {
        assert!(
            super::schema::names("agents.*").any(|name| name == *key),
            "{key}"
        );
    }
}

#[test]
fn a_program_may_name_the_provider_whose_limits_it_shares() {
    let policy = good(
        "[agents.claude]\nkind = \"cli\"\n[agents.mine]\nkind = \"cli\"\ncli = \"claude\"\nprovider = \"claude-team\"\n\
         [agents.house]\nkind = \"api\"\nprovider = \"anthropic\"\nmodel = \"m\"\n",
    );
    let of = |name: &str| policy.agents[name].provider(None).unwrap();
    assert_eq!(of("claude"), "anthropic");
    assert_eq!(of("mine"), "claude-team");
    assert_eq!(of("house"), "anthropic");
}
