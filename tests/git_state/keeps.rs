//! The contract, against git.

use std::path::PathBuf;
use std::sync::Mutex;

use fleet::domain::ids::Oid;
use fleet::ports::state_repo::StateRepo;

use crate::contract::{self, World};
use crate::sandbox::{Sandbox, script};

/// Clones of one bare remote, or handles on one repository.
struct GitWorld {
    sandbox: Sandbox,
    hub: Option<PathBuf>,
    clones: Mutex<Vec<PathBuf>>,
}

impl GitWorld {
    fn boxed(with_remote: bool) -> Box<dyn World> {
        let sandbox = Sandbox::new();
        let hub = with_remote.then(|| {
            let hub = sandbox.bare("hub");
            let seed = sandbox.init("seed");
            sandbox.run(&seed, &["push", "-q", hub.to_str().unwrap(), "main"]);
            hub
        });
        Box::new(Self {
            sandbox,
            hub,
            clones: Mutex::new(Vec::new()),
        })
    }

    fn shared(&self) -> PathBuf {
        let first = || self.clones.lock().unwrap()[0].clone();
        self.hub.clone().unwrap_or_else(first)
    }
}

impl World for GitWorld {
    fn repo(&self) -> Box<dyn StateRepo> {
        let mut clones = self.clones.lock().unwrap();
        let name = format!("c{}", clones.len());
        let dir = match (&self.hub, clones.first()) {
            (Some(hub), _) => self.sandbox.clone(hub, &name),
            (None, Some(first)) => first.clone(),
            (None, None) => self.sandbox.init(&name),
        };
        clones.push(dir.clone());
        Box::new(self.sandbox.open(&dir))
    }

    fn again(&self, nth: usize) -> Box<dyn StateRepo> {
        Box::new(self.sandbox.open(&self.clones.lock().unwrap()[nth]))
    }

    fn has_remote(&self) -> bool {
        self.hub.is_some()
    }

    fn commit(&self, nth: usize, salt: u32) -> Oid {
        let dir = self.clones.lock().unwrap()[nth].clone();
        let message = format!("work {salt}");
        let args = ["commit-tree", "-m", &message, "-p", "HEAD", "HEAD^{tree}"];
        self.sandbox.run(&dir, &args).parse().unwrap()
    }

    fn ref_at(&self, name: &str) -> Option<Oid> {
        let found = self.sandbox.rev(&self.shared(), name);
        found.map(|oid| oid.parse().unwrap())
    }

    fn answer(&self, on: bool) -> bool {
        let Some(hub) = &self.hub else {
            return false;
        };
        let away = self.sandbox.path("away");
        let (from, to) = if on { (&away, hub) } else { (hub, &away) };
        std::fs::rename(from, to).unwrap();
        true
    }

    fn refuse(&self, on: bool) -> bool {
        let Some(hub) = &self.hub else {
            return false;
        };
        let hook = hub.join("hooks/pre-receive");
        if on {
            script(&hook, "echo 'not on my watch' >&2; exit 1");
        } else {
            std::fs::remove_file(hook).unwrap();
        }
        true
    }

    fn rewind(&self) -> bool {
        let Some(hub) = &self.hub else {
            return false;
        };
        let args = [
            "update-ref",
            "refs/heads/fleet/state",
            "refs/heads/fleet/state~1",
        ];
        self.sandbox.run(hub, &args);
        true
    }
}

#[test]
fn i3_the_git_repository_keeps_the_contract_with_a_remote() {
    contract::keep(&|| GitWorld::boxed(true));
}

#[test]
fn i3_the_git_repository_keeps_the_contract_without_a_remote() {
    contract::keep(&|| GitWorld::boxed(false));
}
