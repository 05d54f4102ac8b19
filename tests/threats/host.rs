//! The runner host: nothing that an agent or a check writes makes fleet's own git run a program, and
//! what is no plain file is neither waited for, read without end, nor followed.

use std::fs;

use crate::traces::{commit, configure};
use crate::world::{Shape, World};

const REMOTE: Shape = Shape {
    remote: true,
    in_tree: false,
};

/// Plants a program at every place where git, run by somebody else later, would look for one. In the
/// file named by `$1` it says who ran it: only agents and checks have a run in their environment.
const PLANT: &str = r#"
evil=$1
printf '#!/bin/sh\necho "${FLEET_RUN:-fleet}: $0 $*" >> "%s"\ncat\n' "$evil" > "$TMPDIR/evil"; chmod +x "$TMPDIR/evil"
cp "$TMPDIR/evil" "$evil.sh"
trap_in() {
  cat >> "$1/config" <<END
[core]
	fsmonitor = $evil.sh
	hooksPath = $1/hooks
	pager = $evil.sh
	sshCommand = $evil.sh
	editor = $evil.sh
	attributesFile = $1/attributes
	askPass = $evil.sh
	gitProxy = $evil.sh
	alternateRefsCommand = $evil.sh
[diff]
	external = $evil.sh
[diff "evil"]
	textconv = $evil.sh
	command = $evil.sh
[merge "evil"]
	driver = $evil.sh
[filter "evil"]
	clean = $evil.sh
	smudge = $evil.sh
	process = $evil.sh
	required = true
[credential]
	helper = !$evil.sh
[gpg]
	program = $evil.sh
[commit]
	gpgSign = true
[uploadpack]
	packObjectsHook = $evil.sh
[remote "origin"]
	url = ext::$evil.sh
	uploadpack = $evil.sh
	receivepack = $evil.sh
[url "ext::$evil.sh "]
	insteadOf = /
[protocol]
	allow = always
[submodule "x"]
	url = ext::$evil.sh
	update = !$evil.sh
[trailer "x"]
	command = $evil.sh
[include]
	path = $1/more
END
  mkdir -p "$1/hooks" "$1/info"
  for hook in applypatch-msg pre-commit prepare-commit-msg commit-msg post-commit pre-rebase post-checkout \
      post-merge pre-push reference-transaction post-index-change fsmonitor-watchman pre-auto-gc post-rewrite \
      pre-receive update post-receive proc-receive push-to-checkout sendemail-validate; do
    cp "$evil.sh" "$1/hooks/$hook"
  done
  echo '* filter=evil diff=evil merge=evil' | tee "$1/info/attributes" > "$1/attributes"
}
trap_in "$(git rev-parse --absolute-git-dir)"
git status >/dev/null 2>&1
"#;

#[test]
fn threat_runner_host_no_program_that_an_agent_or_a_check_planted_is_run_by_git() {
    let plant =
        |what: &str| format!("sh \"$W/plant.sh\" \"$W/pwned\"\n. \"$W/parts.sh\"\n{what}\n");
    let agent = plant(
        "echo work > $FLEET_TASK.txt\n\
         case $FLEET_TASK in\n\
         T-2) echo '* filter=evil diff=evil merge=evil' > sub.txt; mkdir d; echo '* filter=evil' > d/.gitattributes ;;\n\
         T-3) git init -q nested; trap_in nested/.git; echo x > nested/x ;;\n\
         T-4) mkdir bare; git init -q --bare bare; echo x > bare/objects/x; echo x > bare/refs/x; trap_in bare ;;\n\
         T-5) other=$(mktemp -d); git init -q $other; trap_in $other/.git; rm -rf .git; echo \"gitdir: $other/.git\" > .git ;;\n\
         T-6) other=$(mktemp -d); git init -q $other; trap_in $other/.git; rm -rf .git; ln -s $other/.git .git ;;\n\
         T-7) printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = ext::%s\\n' $evil.sh > .gitmodules; mkdir x ;;\n\
         T-8) rm -rf .git; cp -r . ../copy; trap_in . ;;\n\
         esac",
    );
    let titles = ["1", "2", "3", "4", "5", "6", "7", "8"];
    let world = World::new(&agent, REMOTE, &titles);
    fs::write(world.path("plant.sh"), PLANT).unwrap();
    // The same functions for the agent's own script, without running them once more.
    let parts = PLANT
        .replace("evil=$1", "evil=\"$W/pwned\"")
        .replace("trap_in \"$(git rev-parse --absolute-git-dir)\"", "")
        .replace("git status >/dev/null 2>&1", "");
    fs::write(world.path("parts.sh"), parts).unwrap();
    let check = format!(
        "[[verify]]\nargv = [\"sh\", \"-c\", \"sh '{0}' '{1}' || true\"]\n",
        world.path("plant.sh").display(),
        world.path("pwned").display()
    );
    configure(&world, |text| text + &check);
    world.ok(&["tick"]);
    world.ok(&["tick"]);
    world.ok(&["sync"]);
    world.ok(&["doctor", "--verify"]);
    let ran = fs::read_to_string(world.path("pwned")).unwrap_or_default();
    // What the agent itself set off, by its own calls of git in its own repository, is its own affair.
    let (by_fleet, by_agents): (Vec<&str>, Vec<&str>) =
        ran.lines().partition(|line| line.starts_with("fleet: "));
    // It is armed: git falls into it where an agent calls it in its own repository.
    assert!(by_agents.iter().any(|line| line.contains("pwned.sh")));
    assert_eq!(by_fleet, Vec::<&str>::new());
    let branches = world.git(
        "hub",
        &["branch", "--list", "agent/*", "--format=%(refname:short)"],
    );
    assert!(branches.contains("agent/T-1\n"), "{branches}");
    for nested in ["agent/T-3", "agent/T-4", "agent/T-7"] {
        assert!(!branches.contains(nested), "{branches}");
    }
    world.expect_nothing_left();
}

#[test]
fn threat_runner_host_pipes_devices_sockets_and_huge_files_stop_nothing() {
    let world = World::new(
        "echo work > $FLEET_TASK.txt\n\
         case $FLEET_TASK in\n\
         T-1) mkfifo pipe; mkfifo .gitignore2 ;;\n\
         T-2) mknod device c 1 5 2>/dev/null || mkfifo device ;;\n\
         T-3) python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")' ;;\n\
         T-4) truncate -s 40G huge ;;\n\
         T-5) ln -s /dev/zero zero ;;\n\
         T-6) ln -s /proc/self/environ env ;;\n\
         T-7) rm .gitattributes; mkfifo .gitattributes ;;\n\
         T-8) rm -rf src; ln -s \"$W/outside\" src ;;\n\
         T-9) rm README; ln -s ../../../../../etc/hostname README ;;\n\
         esac",
        REMOTE,
        &[],
    );
    commit(
        &world,
        &[(".gitattributes", "* -text\n"), ("src/a.txt", "a\n")],
    );
    for n in 1..=10 {
        world.ok(&["q", &format!("{n}")]);
    }
    fs::create_dir(world.path("outside")).unwrap();
    fs::write(world.path("outside/a.txt"), "outside\n").unwrap();
    world.ok(&["tick"]);
    world.ok(&["tick"]);
    let branches = world.git(
        "hub",
        &["branch", "--list", "agent/*", "--format=%(refname:short)"],
    );
    assert_eq!(
        branches,
        "agent/T-10\n",
        "only plain work goes out: {:?}",
        world.phases()
    );
    assert_eq!(
        fs::read_to_string(world.path("outside/a.txt")).unwrap(),
        "outside\n"
    );
    let inbox = world.ok(&["inbox"]);
    for rule in ["fifo", "socket", "symlink-out"] {
        assert!(inbox.contains(rule), "{rule}: {inbox}");
    }
    world.expect_nothing_left();
}

/// A folder is swapped for a link again and again while the work is taken in.
#[test]
fn threat_runner_host_links_that_are_swapped_while_work_is_taken_in_lead_nowhere() {
    // The swapper outlives the agent for a moment; what it is caught in is ended with it.
    let world = World::new(
        "mkdir d; echo in > d/f.txt; echo work > w.txt\n\
         (while :; do mv d d2; ln -s \"$W/outside\" d; rm d; mv d2 d; done) >/dev/null 2>&1 &\n\
         i=0; while [ $i -lt 200 ]; do cat d/f.txt >/dev/null 2>&1; i=$((i+1)); done",
        REMOTE,
        &["swap"],
    );
    fs::create_dir(world.path("outside")).unwrap();
    fs::write(world.path("outside/f.txt"), "a secret outside\n").unwrap();
    world.ok(&["tick"]);
    let all = crate::traces::everything(&world);
    let found = crate::traces::places(&all, &["a secret outside".to_owned()]);
    assert_eq!(found.len(), 1, "only where it was: {found:?}");
    world.expect_nothing_left();
}
