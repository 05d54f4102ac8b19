//! The repository at the forge: rights, settings, rules, the schedule.

use super::Sheet;
use crate::app::tracker::desk::Place;
use crate::app::tracker::report::RulesFile;
use crate::domain::policy::Policy;
use crate::ports::forge::ForgeError;
use crate::ports::forge_setup::{SetupLevel, SetupWish};

/// Label that wakes a tick up at the forge.
const WAKE_LABEL: &str = "fleet";

pub(super) fn look(place: &dyn Place, policy: &Policy, sheet: &mut Sheet) {
    let forge = match place.forge_setup(policy) {
        Ok(Some(forge)) => forge,
        Ok(None) => {
            let what = "reviews are branches and records here, so there are no settings to look at";
            let next = "set another `kind` under [forge] in .orchestra/config.toml, if reviews are to be opened at a forge";
            sheet.find(("note", "forge_local"), "forge", what, next);
            return;
        }
        Err(what) => {
            let next = "`fleet config check` reads the configuration alone";
            sheet.find(("error", "forge_unusable"), "forge", what, next);
            return;
        }
    };
    let mut labels = policy.forge.labels.clone();
    if !labels.iter().any(|label| label == WAKE_LABEL) {
        labels.push(WAKE_LABEL.to_owned());
    }
    let wish = SetupWish {
        state_branch: &policy.state.branch,
        base_branch: &policy.base_branch,
        labels: &labels,
    };
    match forge.look(&wish) {
        Ok(report) => {
            sheet.facts.extend(report.facts);
            for finding in report.findings {
                let severity = match finding.level {
                    SetupLevel::Note => "note",
                    SetupLevel::Warning => "warning",
                    SetupLevel::Error => "error",
                };
                let code = finding.about.code();
                sheet.find((severity, code), "forge", finding.what, finding.next);
            }
            sheet.rules = report.rules.map(|(name, text)| RulesFile { name, text });
        }
        Err(error) => {
            let (code, next) = match &error {
                ForgeError::Denied { .. } => (
                    "forge_denied",
                    format!(
                        "set {} to a token that works, and look again",
                        policy.forge.token_env
                    ),
                ),
                ForgeError::RateLimited { .. } => ("forge_limited", "ask again later".to_owned()),
                ForgeError::Unreachable { .. } => {
                    ("forge_unreachable", "ask again when it answers".to_owned())
                }
            };
            sheet.find(("error", code), "forge", error.to_string(), next);
        }
    }
}
