//! The workflow that `fleet init --github` writes.

use insta::assert_snapshot;

use crate::env::TestEnv;

const INIT: &str = "init --github --action someone/fleet@0123456789abcdef0123456789abcdef01234567";
const PATH: &str = ".github/workflows/fleet.yml";

#[test]
fn a_workflow_is_written_once_kept_when_edited_and_brought_up_to_date_when_not() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let dry = format!("{INIT} --dry-run");
    assert_snapshot!(clone.story(&[&dry, INIT, INIT]));
    let path = clone.dir.join(PATH);
    let written = std::fs::read_to_string(&path).unwrap();

    // The configuration names an agent now: nobody touched the file, so it follows.
    let config = "[agents.claude]\nkind = \"cli\"\nenv = [\"ANTHROPIC_API_KEY\"]\n";
    std::fs::write(clone.dir.join(".orchestra/config.toml"), config).unwrap();
    assert_snapshot!(clone.story(&[&dry, INIT]));
    let followed = std::fs::read_to_string(&path).unwrap();
    assert_ne!(written, followed);
    assert!(followed.contains("ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}"));

    let edited = followed.replace("\"7,37 * * * *\"", "\"11 * * * *\"");
    std::fs::write(&path, &edited).unwrap();
    let json = format!("{INIT} --json");
    assert_snapshot!(clone.story(&[INIT, &json]));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), edited);
}

#[test]
fn a_workflow_needs_to_know_where_fleet_comes_from() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    assert_snapshot!(clone.story(&[
        "init --github",
        "init --github --action someone/fleet@v1",
        "init --github --action someone/fleet",
        "init --github --action ./../fleet",
        "init --github --action ./tools/fleet --release 1.0.0 --sha256 short",
        "init --github --release 1.0.0",
    ]));
    assert!(!clone.dir.join(PATH).exists());
}

#[test]
fn secrets_are_named_where_they_are_needed_and_tokens_of_the_repository_never() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let config = r#"
[forge]
kind = "github"
token_env = "FLEET_TOKEN"

[agents.codex]
kind = "cli"
env = ["OPENAI_API_KEY"]

[agents.house]
kind = "api"
provider = "anthropic"
model = "claude-sonnet-4-5"

[agents.jules]
kind = "session"
service = "jules"
source = "sources/github/octo/hello"
"#;
    std::fs::write(clone.dir.join(".orchestra/config.toml"), config).unwrap();
    std::fs::create_dir_all(clone.dir.join(".orchestra/secrets")).unwrap();
    std::fs::write(clone.dir.join(".orchestra/secrets/recipients.txt"), "").unwrap();
    clone
        .fleet(&INIT.split(' ').collect::<Vec<_>>())
        .expect_exit(0);
    let text = std::fs::read_to_string(clone.dir.join(PATH)).unwrap();
    let (claim, rest) = text.split_once("\n  run:\n    needs").unwrap();
    let (run, publish) = rest.split_once("\n  publish:\n").unwrap();
    let secrets = |job: &str| -> Vec<String> {
        let names = job.split("${{ secrets.").skip(1);
        let mut names: Vec<_> = names
            .map(|rest| rest.split(' ').next().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(secrets(claim), ["JULES_API_KEY"]);
    assert_eq!(
        secrets(run),
        ["ANTHROPIC_API_KEY", "FLEET_IDENTITY", "OPENAI_API_KEY"]
    );
    assert_eq!(secrets(publish), Vec::<String>::new());
    for (job, writes) in [(claim, true), (run, false), (publish, true)] {
        assert_eq!(job.contains("FLEET_TOKEN: ${{ github.token }}"), writes);
        assert_eq!(job.contains(": write"), writes);
        assert_eq!(job.contains("persist-credentials: true"), writes);
        assert!(!job.contains("actions/cache") && !job.contains("cache:"));
    }
    // Nothing that anybody wrote into an issue reaches a shell, and no action is named by a tag.
    for line in text.lines() {
        let run = line.trim_start().strip_prefix("run: ").unwrap_or_default();
        assert!(!run.contains("${{"), "{line}");
        let step = line.trim_start().trim_start_matches("- ");
        if let Some(action) = step.strip_prefix("uses: ") {
            let commit = action.split(['@', ' ']).nth(1).unwrap();
            assert!(commit.len() == 40, "{line}");
        }
    }
}

#[test]
fn the_documentation_shows_the_workflow_that_is_written() {
    let env = TestEnv::new();
    let clone = env.ready("project");
    let config = "[agents.claude]\nkind = \"cli\"\nenv = [\"ANTHROPIC_API_KEY\"]\n";
    std::fs::write(clone.dir.join(".orchestra/config.toml"), config).unwrap();
    clone
        .fleet(&INIT.split(' ').collect::<Vec<_>>())
        .expect_exit(0);
    let written = std::fs::read_to_string(clone.dir.join(PATH)).unwrap();
    // The first line is the seal.
    let (_, written) = written.split_once('\n').unwrap();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/github.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, shown) = page.split_once("```yaml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert_eq!(shown, written, "docs/github.md shows another workflow");
}
