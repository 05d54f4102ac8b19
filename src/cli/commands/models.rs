//! `fleet models`

use crate::app::catalog;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// List the models of the providers, or ask one whether it answers
///
/// Providers are known by name (anthropic, openai, gemini, xai, openrouter, groq, ollama) or configured
/// as `[providers.NAME]`. Keys come from the environment or from `fleet secret`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet models                        Every provider, and its models where there is a key
  fleet models anthropic
  fleet models groq --check llama-3.3-70b-versatile

With --check it ends with 7 if the model does not answer, and with 10 if it may answer later.")]
pub struct Args {
    /// Only this provider
    provider: Option<String>,
    /// Ask this model for the least that shows that key, model and connection work
    #[arg(long, value_name = "MODEL", requires = "provider")]
    check: Option<String>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let place = session.models()?;
    let place = place.as_ref();
    place.notes().iter().for_each(|note| session.note(note));
    let (Some(provider), Some(model)) = (&args.provider, &args.check) else {
        let report = catalog::list(place, args.provider.as_deref())?;
        session.answer(&report, human::models)?;
        return Ok(Exit::Ok);
    };
    let report = catalog::check(place, provider, model)?;
    session.answer(&report, human::model_check)?;
    Ok(match &report.trouble {
        None => Exit::Ok,
        Some(trouble) if catalog::may_pass(trouble) => Exit::Unreachable,
        Some(_) => Exit::Config,
    })
}
