//! The repository behind `fleet mcp`: opened anew for each call.

use std::path::PathBuf;

use crate::app::tracker::desk::Opened;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::init::first_trouble;
use crate::config::Env;
use crate::mcp::Backlog;
use crate::ports::site::Site as _;
use crate::wire::{Wire, clock_and_ids};

/// Letters that tell servers apart.
const SERVER_LEN: usize = 8;

/// Where to look, and the environment to look in.
pub(in crate::wire) struct Repository {
    env: Env,
    dir: Option<PathBuf>,
    /// Of this server alone: two that one program starts are two holders of tasks (I3).
    server: String,
}

impl Repository {
    pub(in crate::wire) fn new(env: Env, dir: Option<PathBuf>) -> Self {
        let (_, ids) = clock_and_ids(&env);
        let server = ids.nonce()[..SERVER_LEN].to_owned();
        Self { env, dir, server }
    }
}

impl Backlog for Repository {
    fn open(&self, client: &str) -> Result<Box<dyn Opened>, TrackerError> {
        let place = Wire::of(self.env.clone()).place(self.dir.as_deref())?;
        let configured = place.site.configured();
        let policy = configured
            .map_err(|troubles| first_trouble(&troubles))?
            .policy;
        let mut office = place.office(policy)?;
        office.one_shot = false;
        if self.env.get("FLEET_ACTOR").is_none() {
            office.actor = format!("agent:{client}-{}", self.server);
            office.own_name = true;
        }
        Ok(Box::new(office))
    }
}
