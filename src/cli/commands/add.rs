//! `fleet add`

use crate::app::tracker::add;
use crate::app::tracker::graph::{self, Entry};
use crate::app::tracker::request::{DepSpec, Mode, NewTask};
use crate::app::tracker::template::{self, Ready};
use crate::cli::args;
use crate::cli::commands::fields::Fields;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Add a task, or a whole plan of tasks
///
/// Prints the id and the title. With a remote, the task is published at once if the remote answers
/// in time; else it is kept locally under a handle such as T-~k3f9q, which keeps working after
/// `fleet sync` granted the number.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet add \"Parse dates\" -p 1 -l parser -l dates --path 'src/date/**'
  fleet add \"Test date parsing\" -t testing --dep T-1 --dep related:T-4
  fleet add \"Write the guide\" --body-file - < guide.md
  fleet add \"Nightly upgrade\" --key upgrade-2026-11    # safe to repeat
  fleet add --graph plan.json
  fleet add \"Crash on empty input\" --template bug
  fleet add --template release --var version=1.4.0

A plan is {\"tasks\": [{\"id\": \"parse\", \"title\": \"Parse dates\", \"deps\": []},
                    {\"id\": \"test\", \"title\": \"Test it\", \"type\": \"testing\", \"deps\": [\"parse\", \"related:T-4\"]}]}
and is recorded whole or not at all.

A template is a file .orchestra/templates/bug.md in the work tree: a sheet as `fleet edit` opens it,
    ---
    type: bug
    labels: triage
    acceptance:
    - [ ] a test fails without the fix
    ---
    What happens, and what should happen?
Flags stand above its values; labels, paths and acceptance points are those of both. In TOML it may
have variables and several tasks, .orchestra/templates/release.toml:
    [vars.version]                       # needed: it has no default
    about = \"such as 1.4.0\"
    [[tasks]]
    id = \"notes\"
    title = \"Notes of {{version}}\"
    [[tasks]]
    id = \"tag\"
    title = \"Tag {{version}}\"
    deps = [\"notes\"]")]
pub struct Args {
    /// Title, one line
    #[arg(required_unless_present_any = ["graph", "template"])]
    title: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Task that it depends on; may be repeated
    #[arg(long = "dep", visible_alias = "deps", value_name = "[KIND:]TASK", value_parser = args::dep_spec, value_delimiter = ',')]
    deps: Vec<DepSpec>,
    /// Task that it is part of
    #[arg(long, value_name = "TASK")]
    parent: Option<TaskSelector>,
    /// Add only if no task has this key; else answer with that task
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Begin with the values of .orchestra/templates/NAME.toml or NAME.md
    #[arg(long, value_name = "NAME", conflicts_with = "graph")]
    template: Option<String>,
    /// With --template: value of one of its variables; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", requires = "template", value_parser = args::pair)]
    vars: Vec<(String, String)>,
    /// Add all tasks of a plan, from a file or from stdin with -
    #[arg(long, value_name = "FILE", conflicts_with_all = ["title", "deps", "parent", "key"])]
    graph: Option<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    if let Some(file) = &args.graph {
        let plan = graph::parse(&session.read_input(file)?)?;
        return add_all(&plan.entries(), mode(args.dry_run), session);
    }
    let mut task = NewTask {
        deps: args.deps,
        parent: args.parent,
        key: args.key,
        ..new_task(args.title, args.fields, session)?
    };
    if let Some(name) = &args.template {
        let form = template::read(session.site()?.site(), name)?;
        match template::fill(form, &args.vars, task)? {
            Ready::One(filled) => task = *filled,
            Ready::Several(plan) => return add_all(&plan, mode(args.dry_run), session),
        }
    }
    let opened = session.open()?;
    let report = add::add(opened.desk(), &task, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::added)?;
    Ok(Exit::Ok)
}

fn add_all(plan: &[Entry], mode: Mode, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = graph::add(opened.desk(), plan, mode)?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::graph)?;
    Ok(Exit::Ok)
}

/// A task with these values.
pub(in crate::cli) fn new_task(
    title: Option<String>,
    fields: Fields,
    session: &Session<'_>,
) -> Result<NewTask, CliError> {
    let mut edits = fields.edits(session)?;
    edits.title = title;
    Ok(NewTask {
        edits,
        ..NewTask::default()
    })
}
