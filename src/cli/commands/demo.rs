//! `fleet demo`

use std::path::PathBuf;

use crate::app::tick::TickOptions;
use crate::app::tracker::request::{InitRequest, Mode};
use crate::app::tracker::{graph, inbox, init};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::host::{Between, Demo};
use crate::cli::render::progress::Progress;
use crate::cli::render::{human, tick};
use crate::cli::session::Session;

/// Show the whole main job on a small real repository
///
/// Makes a repository with a bare remote and a backlog of six tasks in a temporary directory, and
/// ticks until everything is in review. Git, branches, checks and records are real; only the agent
/// is scripted. No key, no network, no GitHub.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet demo
  fleet demo --dir /tmp/look-around")]
pub struct Args {
    /// Make it in this directory, which must be empty or not exist
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The backlog: dependencies, two routes, an overlapping lock, a check that fails once, a question.
const BACKLOG: &str = r#"{ "tasks": [
  { "id": "german", "title": "Greet in German", "type": "implementation", "priority": 1,
    "complexity": "low", "paths": ["src/**", "tests/cases/de.txt"],
    "acceptance": ["`greet de Ada` prints `Hallo, Ada!`"] },
  { "id": "french", "title": "Greet in French", "type": "implementation", "priority": 2,
    "complexity": "low", "paths": ["src/**", "tests/cases/fr.txt"],
    "acceptance": ["`greet fr Ada` prints `Bonjour, Ada !`"] },
  { "id": "spaces", "title": "Test names with spaces", "type": "testing", "priority": 2,
    "complexity": "low", "paths": ["tests/cases/spaces.txt"] },
  { "id": "languages", "title": "Describe the languages", "type": "documentation", "priority": 3,
    "complexity": "low", "paths": ["README.md"], "deps": ["german"] },
  { "id": "default", "title": "Choose the default language", "type": "implementation", "priority": 3,
    "body": "Without a language there must be a sensible default.", "deps": ["related:german"] },
  { "id": "codes", "title": "Explain the exit codes", "type": "documentation", "priority": 4,
    "complexity": "low", "paths": ["docs/**"] }
] }"#;

/// Most ticks; the story needs three.
const MAX_TICKS: u32 = 6;

/// Runs it.
///
/// # Errors
/// The repository cannot be made, or a use-case refuses.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let failed = |message: String| {
        CliError::new(
            Exit::Internal,
            "demo",
            message,
            "name an empty directory with --dir",
        )
    };
    let demo = session.demo(args.dir.as_deref()).map_err(failed)?;
    let stage = session.at(demo.clone_dir());
    let mut merged = false;
    let place = demo.clone_dir().display().to_string();
    session.say(&format!(
        "A small project with a bare remote is in {place}\nIts backlog of six tasks goes in as one publish:"
    ))?;
    let as_usual = InitRequest {
        in_tree: false,
        roles: false,
        jobs: None,
    };
    init::init(stage.site()?.as_ref(), &as_usual, Mode::Do)?;
    {
        let opened = stage.open()?;
        let added = graph::add(opened.desk(), &graph::parse(BACKLOG)?.entries(), Mode::Do)?;
        session.page(|page| human::graph(&added, page))?;
    }
    let mut all = Vec::new();
    for n in 1..=MAX_TICKS {
        session.say(&format!("\n$ fleet tick        # number {n}"))?;
        let works = stage.works(Between::default())?;
        let mut progress = Progress::new(session.sink());
        let done = works.tick(&TickOptions::default(), &mut |event| progress.take(&event));
        progress.clear();
        let report = done?;
        session.page(|page| tick::report(&report, page))?;
        let quiet = report.sessions.is_empty() && report.open_questions == 0;
        all.push(report);
        if quiet && merged {
            break;
        }
        play_the_human(session, &stage, demo.as_ref(), &mut merged)?;
    }
    if session.json() {
        session.answer(&all, |_, _| {})?;
    }
    session.say(&format!("\n{}", LOOK.replace("{place}", &place)))?;
    Ok(Exit::Ok)
}

/// What a human does between ticks: answers questions, and merges the first branch once.
fn play_the_human(
    session: &Session<'_>,
    stage: &Session<'_>,
    demo: &dyn Demo,
    merged: &mut bool,
) -> Result<(), CliError> {
    let open = inbox::inbox(stage.open()?.desk())?;
    for question in &open.escalations {
        session.say(&format!(
            "\n{} asks: {}\n$ fleet answer {} English",
            question.task, question.context, question.id
        ))?;
        inbox::answer(stage.open()?.desk(), &question.id, "English", Mode::Do)?;
    }
    if *merged {
        return Ok(());
    }
    *merged = true;
    session.say("\nA human likes T-1 and merges it:\n$ git merge origin/agent/T-1 && git push")?;
    let bug =
        |message: String| CliError::new(Exit::Internal, "demo", message, "this is a bug in fleet");
    session.say(&demo.summary("agent/T-1").map_err(bug)?)?;
    demo.merge("agent/T-1").map_err(bug)
}

const LOOK: &str = "Look around:
  cd {place}
  fleet list --all                   every task, and the phase it is in
  fleet show T-3                     one task: sessions, checks, review
  fleet log T-5                      its history, a question and an answer included
  git log --oneline --graph --all    branches agent/T-n, and the state branch
  git show origin/agent/T-2          what an agent handed in, with its trailers
  git ls-tree -r --name-only fleet/state   the records";
