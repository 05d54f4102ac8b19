//! Many processes of one clone fetch at once.

use fleet::git::process::Git;
use fleet::git::state_repo::{GitStateRepo, StateOptions};
use fleet::ports::state_repo::{RemoteState, StateRepo as _};

use crate::sandbox::{FETCH, FILE, Sandbox, put, read, script};

#[test]
fn two_processes_of_one_clone_fetch_at_once() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(2);
    let writer = sandbox.open(&clones[1]);
    let readers: Vec<_> = (0..4).map(|_| sandbox.open(&clones[0])).collect();
    for round in 0..3 {
        put(&writer, FILE, &format!("{round}\n"));
        std::thread::scope(|scope| {
            for reader in &readers {
                scope.spawn(move || {
                    let view = reader.view(FETCH).unwrap();
                    assert_eq!(view.remote, RemoteState::Fresh);
                    assert_eq!(read(&view, FILE), Some(format!("{round}\n")));
                });
            }
        });
    }
}

#[test]
fn a_fetch_that_others_of_the_clone_overtake_many_times_still_has_its_answer() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(2);
    put(&sandbox.open(&clones[1]), FILE, "1\n");
    // What git says when another one has moved the tracking ref between its question and its answer.
    let said = "error: cannot lock ref 'refs/remotes/origin/fleet/state': is at b but expected a";
    let (shim, tries) = (sandbox.path("git-overtaken"), sandbox.path("tries"));
    let body = format!(
        "case \"$*\" in *fetch*) echo >> '{0}'; \
         [ $(wc -l < '{0}') -gt 8 ] || {{ echo \"{said}\" >&2; exit 1; }};; esac; exec git \"$@\"",
        tries.display()
    );
    script(&shim, &body);
    let git = Git::with_env(shim, sandbox.git_env());
    let repo = GitStateRepo::open(&clones[0], git, StateOptions::default()).unwrap();
    let view = repo.view(FETCH).unwrap();
    assert_eq!(view.remote, RemoteState::Fresh);
    assert_eq!(read(&view, FILE).as_deref(), Some("1\n"));
}

#[test]
fn locks_of_others_are_waited_for_and_one_that_stays_is_named() {
    let sandbox = Sandbox::new();
    let (_, clones) = sandbox.team(2);
    put(&sandbox.open(&clones[1]), FILE, "1\n");
    // Another one holds the lock each time, as many processes in turn do; each makes a file of its own.
    let lock = clones[0].join("one.lock");
    let (shim, tries) = (sandbox.path("git-locked"), sandbox.path("tries"));
    let said = format!(
        "error: cannot lock ref 'r': Unable to create '{}': File exists.",
        lock.display()
    );
    let body = |others: &str| {
        format!(
            "case \"$*\" in *fetch*) echo >> '{0}'; {others}\n[ $(wc -l < '{0}') -gt 12 ] || \
             {{ echo \"{said}\" >&2; exit 1; }};; esac; exec git \"$@\"",
            tries.display()
        )
    };
    script(
        &shim,
        &body(&format!("rm -f '{0}'; echo > '{0}';", lock.display())),
    );
    let open = || {
        let git = Git::with_env(shim.clone(), sandbox.git_env());
        GitStateRepo::open(&clones[0], git, StateOptions::default()).unwrap()
    };
    assert_eq!(open().view(FETCH).unwrap().remote, RemoteState::Fresh);
    std::fs::remove_file(&tries).unwrap();
    script(&shim, &body(""));
    let view = open().view(FETCH).unwrap();
    let RemoteState::Unreachable { cause, .. } = &view.remote else {
        panic!("it waits for a lock that nobody holds: {:?}", view.remote);
    };
    assert!(cause.contains("one.lock"), "{cause}");
}
