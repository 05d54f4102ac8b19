//! `fleet secret`

use std::io::IsTerminal as _;

use secrecy::SecretString;

use crate::app::tracker::secret;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Keep API keys encrypted in the repository
///
/// A secret stands for an environment variable: where a provider or agent names the variable and it
/// is not set, the newest value is used. Files lie in .orchestra/secrets/, one a value, encrypted
/// with age; commit them. Adding needs public keys only; reading needs this machine's identity, from
/// FLEET_IDENTITY (the key itself), FLEET_IDENTITY_FILE, or fleet/identity.txt in the user's
/// configuration folder. No command prints a value.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet secret init                          Make this machine's identity
  fleet secret set ANTHROPIC_API_KEY         Ask for the value without showing it
  printf %s \"$KEY\" | fleet secret set ANTHROPIC_API_KEY
  fleet secret retire ANTHROPIC_API_KEY      End a rotation: only the newest stays
  fleet secret share age1… --label ci        Let another identity open everything")]
pub struct Args {
    #[command(subcommand)]
    verb: SecretVerb,
}

#[derive(Debug, clap::Subcommand)]
enum SecretVerb {
    /// Make this machine's identity, and admit it if it is the first
    Init {
        /// Whose identity it is, in the list of public keys; your name by default
        #[arg(long, value_name = "NAME")]
        label: Option<String>,
    },
    /// Store a value; the one before stays valid until it is retired
    ///
    /// The newer value is tried first, so a key can be changed without a pause. A line end after the
    /// value is not part of it.
    Set {
        /// Environment variable that it stands for
        name: String,
        /// File to read the value from; `-` is stdin
        #[arg(long, value_name = "FILE", default_value = "-")]
        from: String,
    },
    /// List the secrets, and who can open them
    #[command(visible_alias = "ls")]
    List,
    /// Remove all values of a secret but the newest
    Retire {
        /// Which secret
        name: String,
    },
    /// Remove a secret
    #[command(visible_alias = "remove")]
    Rm {
        /// Which secret
        name: String,
    },
    /// Let another identity open every secret
    Share {
        /// Its public key, as `fleet secret init` prints it there
        #[arg(value_name = "PUBLIC_KEY")]
        recipient: String,
        /// Whose it is
        #[arg(long, value_name = "NAME", default_value = "")]
        label: String,
    },
    /// Take that back; values that were read before should be changed
    Unshare {
        /// Its public key, or label
        #[arg(value_name = "PUBLIC_KEY|LABEL")]
        recipient: String,
    },
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let place = session.vault()?;
    let place = place.as_ref();
    match args.verb {
        SecretVerb::Init { label } => {
            let report = secret::init(place, label.as_deref())?;
            session.answer(&report, human::secret_init)?;
        }
        SecretVerb::Set { name, from } => {
            let value = read_value(session, &name, &from)?;
            let report = secret::set(place, &name, &value)?;
            session.answer(&report, human::secret_set)?;
        }
        SecretVerb::List => session.answer(&secret::list(place)?, human::secrets)?,
        SecretVerb::Retire { name } => {
            session.answer(&secret::retire(place, &name)?, human::secret_removed)?;
        }
        SecretVerb::Rm { name } => {
            session.answer(&secret::remove(place, &name)?, human::secret_removed)?;
        }
        SecretVerb::Share { recipient, label } => {
            let report = secret::share(place, &recipient, &label)?;
            session.answer(&report, human::secret_shared)?;
        }
        SecretVerb::Unshare { recipient } => {
            session.answer(&secret::unshare(place, &recipient)?, human::secret_shared)?;
        }
    }
    Ok(Exit::Ok)
}

/// The value: typed unseen at a terminal, else read whole.
fn read_value(session: &Session<'_>, name: &str, from: &str) -> Result<SecretString, CliError> {
    let text = if from == "-" && std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("value of {name}: "))
            .map_err(|error| CliError::input("the terminal", &error))?
    } else {
        session.read_input(from)?
    };
    let value = text.strip_suffix('\n').unwrap_or(&text);
    Ok(SecretString::from(
        value.strip_suffix('\r').unwrap_or(value),
    ))
}
