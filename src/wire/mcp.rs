//! The repository behind `fleet mcp`: opened anew for each call.

use std::path::PathBuf;

use crate::app::tracker::desk::Opened;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::init::first_trouble;
use crate::config::Env;
use crate::mcp::Backlog;
use crate::ports::site::Site as _;
use crate::wire::Wire;

/// Where to look, and the environment to look in.
pub(in crate::wire) struct Repository {
    env: Env,
    dir: Option<PathBuf>,
}

impl Repository {
    pub(in crate::wire) const fn new(env: Env, dir: Option<PathBuf>) -> Self {
        Self { env, dir }
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
            office.actor = format!("agent:{client}");
        }
        Ok(Box::new(office))
    }
}
