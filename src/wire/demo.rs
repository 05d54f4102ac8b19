//! The demonstration's repository, and the scripted agent that this program also is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::agents::demo::{SUBCOMMAND, play};
use crate::cli::host::Demo;
use crate::demo::{DemoRepo, fresh_dir};

/// Plays the scripted agent if `args` ask for it.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the scripted agent is a program of its own: environment, directory and stdout are its input and output"
)]
pub fn agent(args: &[OsString]) -> Option<ExitCode> {
    let (verb, rest) = args.get(1..)?.split_first()?;
    if verb != SUBCOMMAND {
        return None;
    }
    let env: BTreeMap<String, OsString> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .collect();
    let rest: Vec<String> = rest
        .iter()
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    Some(ExitCode::from(play(
        &env,
        &rest,
        &here,
        &mut std::io::stdout().lock(),
    )))
}

struct Stage(DemoRepo);

/// Makes the demonstration.
pub(super) fn build(dir: Option<&Path>) -> Result<Box<dyn Demo>, String> {
    let made = match dir {
        Some(dir) => DemoRepo::build(dir),
        None => fresh_dir().and_then(|dir| DemoRepo::build(&dir)),
    };
    made.map(|repo| Box::new(Stage(repo)) as Box<dyn Demo>)
        .map_err(|error| format!("failed to {error}"))
}

impl Demo for Stage {
    fn clone_dir(&self) -> &Path {
        &self.0.clone
    }

    fn merge(&self, branch: &str) -> Result<(), String> {
        self.0
            .merge(branch)
            .map_err(|error| format!("failed to {error}"))
    }

    fn summary(&self, branch: &str) -> Result<String, String> {
        self.0
            .summary(branch)
            .map_err(|error| format!("failed to {error}"))
    }
}
