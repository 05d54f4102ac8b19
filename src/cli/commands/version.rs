//! `fleet version`

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::json::SCHEMA_VERSION;
use crate::cli::session::Session;
use crate::domain::record::RECORD_VERSION;

/// Print the version of fleet and of its formats
#[derive(Debug, clap::Args)]
pub struct Args {}

#[derive(Serialize)]
struct Version {
    version: &'static str,
    record_version: u32,
    schema_version: u32,
}

/// Runs it.
///
/// # Errors
/// Stdout refuses.
pub fn run(_: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION"),
        record_version: RECORD_VERSION,
        schema_version: SCHEMA_VERSION,
    };
    session.answer(&version, |v, page| {
        page.line(format!(
            "fleet {} (records v{}, json v{})",
            v.version, v.record_version, v.schema_version
        ));
    })?;
    Ok(Exit::Ok)
}
