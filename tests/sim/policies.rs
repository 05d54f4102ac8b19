//! What the owner of a seed's world configured.

use std::sync::LazyLock;

use fleet::config::{CONFIG_PATH, CommitFiles, Env};
use fleet::domain::money::MicroUsd;
use fleet::domain::policy::Policy;

/// What an agent spends between two of its words.
pub(crate) const SLICE_COST: MicroUsd = MicroUsd(10_000);
/// The cap of all spend, where there is one.
pub(crate) const TOTAL: MicroUsd = MicroUsd(40_000);
/// The cap of a session, where there is one.
pub(crate) const PER_SESSION: MicroUsd = MicroUsd(30_000);

const HERE: &str = r#"
[agents.one]
kind = "command"
argv = ["one"]
max_parallel = 3
"#;

/// One at a time, so that a process has one thread with an agent at most.
const AT_A_SERVICE: &str = r#"
[agents.one]
kind = "session"
service = "jules"
source = "sources/github/owner/name"
"#;

const COMMON: &str = r#"
base_branch = "main"
[forge]
kind = "local"
[tick]
max_parallel = 1
time_budget = "23h"
[[verify]]
argv = ["check"]
[[routes]]
agents = ["one"]
"#;

/// A kind of world.
#[derive(Debug)]
pub(crate) struct World {
    /// As its owner has it while there are faults.
    pub(crate) policy: Policy,
    /// As its owner has it afterwards.
    pub(crate) calm: Policy,
    /// Whether spend is capped.
    pub(crate) capped: bool,
    /// Whether plans at a service wait for a person.
    pub(crate) plans_wait: bool,
}

fn load(top: &str, end: &str) -> Policy {
    let text = format!("{top}\n{COMMON}\n{end}\n");
    let config = CommitFiles::from([(CONFIG_PATH.to_owned(), text.into_bytes())]);
    let settings = fleet::config::load(None, &config, &Env::default());
    settings.expect("the configuration is valid").policy
}

static WORLDS: LazyLock<[World; 6]> = LazyLock::new(|| {
    let merge = |agents: &str| load("unblock_on = \"merge\"", agents);
    let stacked = || load("unblock_on = \"review\"", HERE);
    let caps = format!("{HERE}\n[budget]\ntotal = \"0.04\"\nper_session = \"0.03\"");
    let asked = format!("{HERE}\n[intake]\nenabled = true");
    let world = |policy, calm, capped| World {
        policy,
        calm,
        capped,
        plans_wait: false,
    };
    let waiting = format!("{AT_A_SERVICE}plans = \"ask\"\n");
    [
        world(merge(HERE), merge(HERE), false),
        world(stacked(), stacked(), false),
        // Its owner raises the cap when faults stop.
        world(merge(&caps), merge(HERE), true),
        world(merge(AT_A_SERVICE), merge(AT_A_SERVICE), false),
        world(merge(&asked), merge(&asked), false),
        World {
            plans_wait: true,
            ..world(merge(&waiting), merge(&waiting), false)
        },
    ]
});

/// The world of a seed. Of those at a service, every second has plans that wait for a person.
pub(crate) fn of(seed: u64) -> &'static World {
    let at = match seed % 10 {
        8 => 5,
        n => n % 5,
    };
    &WORLDS[at as usize]
}
