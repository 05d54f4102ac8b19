//! `fleet query`

use crate::app::tracker::find;
use crate::app::tracker::request::QueryRequest;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// Find tasks with a query
///
/// A term is a field, an operator (: = != < <= > >=) and a value, or words that title, body or labels
/// have. Terms beside each other must all hold; OR, NOT, - and brackets combine them. `a,b` is
/// either, `*` and `?` stand for letters, `none` for no value, quotes keep blanks. A time is a
/// moment: updated>7d is after the one seven days ago, due<3d before the one in three days.
/// Closed tasks are found if the query names status, outcome or closed, or with --all.
///
/// Saved queries are shared with everybody who has the repository; @name stands for one, also inside
/// of others.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet query 'type:bug prio<=1 label:api updated>7d sort:prio'
  fleet query 'is:ready -label:\"needs design\" (milestone:v1 OR due<\"next friday\")'
  fleet query 'closed>30d outcome:failed sort:-closed' --json
  fleet query 'is:overdue OR prio:0' --save urgent
  fleet query '@urgent assignee:none'
  fleet query --list

Fields: status phase is has type prio complexity deliverable outcome label path assignee by agent
milestone ref title body comment id parent dep estimate created updated closed due defer; sort:FIELD
or sort:-FIELD orders")]
pub struct Args {
    /// The query
    #[arg(value_name = "QUERY", required_unless_present_any = ["list", "remove"], allow_hyphen_values = true)]
    query: Option<String>,
    /// More of it, if it was not quoted
    #[arg(value_name = "MORE", conflicts_with_all = ["list", "remove"])]
    more: Vec<String>,
    /// Save the query under this name instead of asking it
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Take a saved query away
    #[arg(long, value_name = "NAME", conflicts_with_all = ["query", "save"])]
    remove: Option<String>,
    /// List saved queries
    #[arg(long, conflicts_with_all = ["query", "save", "remove"])]
    list: bool,
    /// Closed tasks too
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// With bodies and every other field (JSON)
    #[arg(long)]
    full: bool,
    /// With --save or --remove, say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let desk = opened.desk();
    if args.list {
        session.answer(&find::saved(desk)?, human::saved)?;
        return Ok(Exit::Ok);
    }
    let words: Vec<String> = args.query.into_iter().chain(args.more).collect();
    let text = words.join(" ");
    let change = match (&args.save, &args.remove) {
        (Some(name), _) => Some((name, Some(text.as_str()))),
        (None, Some(name)) => Some((name, None)),
        (None, None) => None,
    };
    if let Some((name, text)) = change {
        let report = find::save(desk, name, text, mode(args.dry_run))?;
        session.note_delivery(&report.delivery);
        session.answer(&report, human::saved_change)?;
        return Ok(Exit::Ok);
    }
    let request = QueryRequest {
        text,
        all: args.all,
        limit: args.limit,
        full: args.full,
    };
    let report = find::query(desk, &request)?;
    session.answer(&report, human::list)?;
    human::note_more(session, &report);
    Ok(Exit::Ok)
}
