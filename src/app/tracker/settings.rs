//! Checking the configuration.

use crate::app::tracker::desk::Place;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::init::first_trouble;
use crate::app::tracker::report::ConfigReport;

/// What the configuration comes to.
///
/// # Errors
/// Everything that is wrong with it: the first in full, the others counted.
pub fn check_config(place: &dyn Place) -> Result<ConfigReport, TrackerError> {
    let configured = place
        .site()
        .configured()
        .map_err(|troubles| match troubles.as_slice() {
            [] | [_] => first_trouble(&troubles),
            several => TrackerError::Config {
                what: several
                    .iter()
                    .map(|t| format!("{}: {}", t.place, t.what))
                    .collect::<Vec<_>>()
                    .join("\n"),
                hint: several
                    .iter()
                    .map(|t| t.hint.as_str())
                    .find(|hint| !hint.is_empty())
                    .unwrap_or("edit the file")
                    .to_owned(),
            },
        })?;
    let policy = configured.policy;
    Ok(ConfigReport {
        file: configured.file,
        agents: policy.agents.into_keys().collect(),
        routes: policy.routes.len(),
        state_branch: policy.state.branch,
        base_branch: policy.base_branch,
        warnings: configured.warnings,
    })
}
