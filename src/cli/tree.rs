//! The tree of commands.

use clap::Args as _;

use crate::cli::args::Global;
use crate::cli::commands as c;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// A backlog in git, worked off by coding agents
///
/// Tasks, dependencies, sessions and locks are records on a branch of this repository. People add
/// tasks and review pull requests; `fleet tick` runs the agents in between.
#[derive(Debug, clap::Parser)]
#[command(
    name = "fleet",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
#[command(after_help = "Examples:
  fleet init                              Set up this repository
  fleet add \"Parse dates\" -t implementation --path 'src/date/**'
  fleet add \"Test date parsing\" -t testing --dep T-1
  fleet ready --explain                   What can start, and what waits for what
  fleet show T-1                          Everything about a task

Exit codes: 0 ok, 1 internal, 2 usage, 3 not found, 4 lost race or claimed, 5 dependency,
6 nothing ready (with --exit-code), 7 config, 8 state, 9 denied, 10 unreachable, 11 budget,
12 needs human")]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

macro_rules! verbs {
    ($( $(#[$attr:meta])* $variant:ident($module:ident) ),+ $(,)?) => {
        /// What can be done.
        #[derive(Debug, clap::Subcommand)]
        #[expect(missing_docs, reason = "each command's arguments carry its help")]
        pub enum Verb {
            $( $(#[$attr])* $variant(c::$module::Args), )+
        }

        /// The tree with this command alone: a line that it takes means the same as in the whole one,
        /// which takes five times as long to make. None if there is no such command.
        pub(super) fn alone(name: &str) -> Option<clap::Command> {
            let named = |name: &'static str| clap::Command::new(name);
            let command = match name {
                $( verb if verb == stringify!($module) => {
                    c::$module::Args::augment_args(named(stringify!($module)))
                } )+
                _ => return None,
            };
            Some(Global::augment_args(clap::Command::new("fleet")).subcommand(command))
        }

        impl Verb {
            /// Does it.
            ///
            /// # Errors
            /// What went wrong, ready to be shown.
            pub fn run(self, session: &mut Session<'_>) -> Result<Exit, CliError> {
                match self {
                    $( Self::$variant(args) => c::$module::run(args, session), )+
                }
            }
        }
    };
}

verbs! {
    Init(init),
    #[command(visible_alias = "create")]
    Add(add),
    Q(q),
    Show(show),
    #[command(visible_alias = "ls")]
    List(list),
    Search(search),
    Query(query),
    Ready(ready),
    Claim(claim),
    Blocked(blocked),
    Update(update),
    Edit(edit),
    Undo(undo),
    Close(close),
    Reopen(reopen),
    Dep(dep),
    Check(check),
    Uncheck(uncheck),
    Comment(comment),
    Defer(defer),
    Undefer(undefer),
    Gate(gate),
    #[command(visible_alias = "epic")]
    Epics(epics),
    #[command(visible_alias = "milestones")]
    Milestone(milestone),
    Admit(admit),
    Intake(intake),
    Tick(tick),
    Inbox(inbox),
    Answer(answer),
    Review(review),
    Import(import),
    Export(export),
    #[command(visible_alias = "history")]
    Log(log),
    Watch(watch),
    Archive(archive),
    Logs(logs),
    Attach(attach),
    Stream(stream),
    Graph(graph),
    Count(count),
    Stats(stats),
    Stale(stale),
    Lint(lint),
    Orphans(orphans),
    Duplicates(duplicates),
    Merge(merge),
    Changelog(changelog),
    Route(route),
    Cost(cost),
    Usage(usage),
    Sync(sync),
    Doctor(doctor),
    Config(config),
    #[command(visible_alias = "agent")]
    Agents(agents),
    Models(models),
    Secret(secret),
    Prime(prime),
    Mcp(mcp),
    Hooks(hooks),
    Schema(schema),
    Capabilities(capabilities),
    Completions(completions),
    #[command(hide = true)]
    Complete(complete),
    Man(man),
    Demo(demo),
    Version(version),
}
