//! The write token: what an agent or a check can look at does not hold it.

use std::fs;

use crate::traces::{commit, configure, everything, places, told};
use crate::world::{Shape, World};

const TOKEN: &str = "ghs_c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry0123";

/// Gathers what a process can see, and fails if the token is there. The token is given in two halves,
/// neither of which is in any command line.
const LOOK: &str = r#"
seen=$(mktemp) half=$(mktemp)
{
  env; cat /proc/self/environ; git config --list --show-origin
  cat /proc/[0-9]*/cmdline
  [ "$1" = confined ] && cat /proc/[0-9]*/environ
  find . "$HOME" "$TMPDIR" -type f ! -path "$seen" ! -path ./first ! -path ./second -size -2000k -exec cat {} +
  cat ~/.netrc ~/.git-credentials ~/.config/gh/hosts.yml /run/secrets/* "$SSH_AUTH_SOCK"
  printf 'protocol=https\nhost=github.com\n\n' | git credential fill
} 2>/dev/null </dev/null | tr '\0' '\n' > "$seen"
cat first second | tr -d '\n' > "$half"
[ -s "$seen" ] || exit 8
if grep -qF -f "$half" "$seen"; then echo FOUND; exit 7; fi
rm "$seen" "$half"
"#;

fn look_everywhere(sandbox: &str, how: &str) {
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let world = World::new("exit 9", shape, &["Look for it", "Look again"]);
    configure(&world, |text| {
        let (argv, verify) = (
            format!(
                "argv = [\"sh\", \"-c\", \"sh look.sh {how} && echo clean > $FLEET_TASK.txt\"]"
            ),
            format!("[[verify]]\nargv = [\"sh\", \"look.sh\", \"{how}\"]\n"),
        );
        let at = format!("argv = [\"{}\"]", world.path("agent").display());
        text.replace(&at, &argv)
            .replace("mode = \"off\"", &format!("mode = \"{sandbox}\""))
            + &verify
    });
    let (first, second) = TOKEN.split_at(18);
    commit(
        &world,
        &[("look.sh", LOOK), ("first", first), ("second", second)],
    );
    let env = [
        ("GITHUB_TOKEN", TOKEN),
        ("GH_TOKEN", TOKEN),
        ("ACTIONS_RUNTIME_TOKEN", TOKEN),
    ];
    // In one process, and in three of which the second has no use for it.
    let mut said = told(&world, &["tick", "--max", "1"], &env);
    for phase in ["claim", "run", "publish"] {
        said += &told(
            &world,
            &["tick", "--phase", phase, "--handover", "../passed"],
            &env,
        );
    }
    for read in ["logs", "show", "log"] {
        said += &told(&world, &[read, "T-1"], &env);
    }
    world.expect_phases(&[("T-1", "in_review"), ("T-2", "in_review")]);
    let mut all = everything(&world);
    all.push(("what was said".to_owned(), said.into_bytes()));
    assert_eq!(places(&all, &[TOKEN.to_owned()]), Vec::<String>::new());
    world.expect_nothing_left();
}

#[test]
fn threat_write_token_is_nowhere_an_agent_or_a_check_can_look() {
    look_everywhere("off", "open");
    let world = World::new("exit 9", Shape::default(), &[]);
    configure(&world, |text| {
        text.replace("mode = \"off\"", "mode = \"auto\"")
    });
    let facts = world.fleet(&["doctor", "--json"]).stdout;
    let facts = String::from_utf8_lossy(&facts).into_owned();
    assert!(facts.contains("\"sandbox\""), "{facts}");
    // Without walls root may read what it likes of its own processes: docs/security.md says so.
    if facts.contains("bubblewrap") || facts.contains("landlock") {
        look_everywhere("auto", "confined");
    }
}

/// The token is refused where a configuration would hand it to an agent.
#[test]
fn threat_write_token_is_given_to_no_agent_by_configuration() {
    for name in ["GITHUB_TOKEN", "GH_TOKEN"] {
        let world = World::new(
            "env > \"$W/seen\"; echo x > out.txt",
            Shape::default(),
            &["a"],
        );
        configure(&world, |text| text + &format!("env = [\"{name}\"]\n"));
        let mut tick = world.command("repo", &["tick"]);
        let out = tick.env(name, TOKEN).output().unwrap();
        assert_eq!(out.status.code(), Some(7), "{name}");
        let seen = fs::read_to_string(world.path("seen")).unwrap_or_default();
        assert!(!seen.contains(TOKEN), "{name}");
        assert!(!String::from_utf8_lossy(&out.stderr).contains(TOKEN));
    }
}
