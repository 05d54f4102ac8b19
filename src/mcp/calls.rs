//! From a call to a use-case, and from its report to a few lines.

use serde_json::{Map, Value};

use crate::app::tracker::desk::Desk;
use crate::app::tracker::list::PHASES;
use crate::app::tracker::request::{CloseRequest, Edits, Filter, Mode, NewTask, ReadyRequest};
use crate::app::tracker::{add, change, claim, comments, list, ready, show};
use crate::mcp::Backlog;
use crate::mcp::arguments::{Arguments, Refusal};
use crate::mcp::words;

/// Most tasks of an answer, unless more are asked for.
const SHOWN: usize = 20;

/// Does one call. The repository is opened when the arguments are read, and closed with the answer.
pub(super) fn call(
    backlog: &dyn Backlog,
    client: &str,
    tool: &str,
    given: &Map<String, Value>,
) -> Result<String, Refusal> {
    let arguments = Arguments::new(tool, given)?;
    let act = act(tool, &arguments)?;
    let opened = backlog.open(client)?;
    let mut text = act(opened.desk().for_agent())?;
    for remark in opened.remarks() {
        text.push_str(&format!("note: {}\n", words::safe(&remark)));
    }
    Ok(text)
}

type Act = Box<dyn Fn(Desk<'_>) -> Result<String, Refusal>>;

/// What to do, with every argument read: nothing is opened for a call that makes no sense.
fn act(tool: &str, given: &Arguments<'_>) -> Result<Act, Refusal> {
    Ok(match tool {
        "ready" => {
            let request = ReadyRequest {
                limit: Some(given.count("limit")?.unwrap_or(SHOWN)),
                ..ReadyRequest::default()
            };
            Box::new(move |desk| Ok(words::ready(&ready::ready(desk, &request)?.list)))
        }
        "search" => {
            let filter = filter(given)?;
            Box::new(move |desk| Ok(words::list(&list::list(desk, &filter)?)))
        }
        "show" => {
            let task = given.the_task()?;
            Box::new(move |desk| {
                let shown = show::show(desk, std::slice::from_ref(&task))?;
                Ok(shown.tasks.iter().map(words::task).collect())
            })
        }
        "claim" => {
            let task = given.task("id")?;
            Box::new(move |desk| {
                let claimed = claim::claim(desk, task.as_ref(), None, Mode::Do)?;
                Ok(words::claimed(&claimed))
            })
        }
        "add" => {
            let new = new_task(given)?;
            Box::new(move |desk| {
                let waits = desk.by_program();
                Ok(words::added(&add::add(desk, &new, Mode::Do)?, waits))
            })
        }
        "update" => {
            let (task, edits) = (given.the_task()?, edits(given)?);
            Box::new(move |desk| {
                let done = change::update(desk, std::slice::from_ref(&task), &edits, Mode::Do)?;
                Ok(words::changed(&done))
            })
        }
        "comment" => {
            let (task, text) = (given.the_task()?, given.required("text")?);
            Box::new(move |desk| {
                Ok(words::changed(&comments::add(
                    desk,
                    &task,
                    &text,
                    Mode::Do,
                )?))
            })
        }
        _ => {
            let request = CloseRequest {
                tasks: vec![given.the_task()?],
                outcome: given.outcome()?,
                reason: given.required("reason")?,
            };
            Box::new(move |desk| Ok(words::changed(&change::close(desk, &request, Mode::Do)?)))
        }
    })
}

fn filter(given: &Arguments<'_>) -> Result<Filter, Refusal> {
    let words = given.text("text")?.unwrap_or_default();
    let phases: Vec<String> = given.text("phase")?.into_iter().collect();
    if let Some(odd) = phases
        .iter()
        .find(|phase| !PHASES.contains(&phase.as_str()))
    {
        let what = format!("`{}` is not a phase", words::safe(odd));
        return Err(Refusal::arguments(
            what,
            format!("phases are {}", PHASES.join(", ")),
        ));
    }
    Ok(Filter {
        search: words.split_whitespace().map(str::to_owned).collect(),
        phases,
        kinds: given.text("type")?.into_iter().collect(),
        labels: given.text("label")?.into_iter().collect(),
        assignees: given.text("assignee")?.into_iter().collect(),
        all: given.flag("closed")?,
        limit: Some(given.count("limit")?.unwrap_or(SHOWN)),
        ..Filter::default()
    })
}

/// The fields that `add` and `update` have in common.
fn fields(given: &Arguments<'_>) -> Result<Edits, Refusal> {
    let acceptance = given.list("acceptance")?;
    Ok(Edits {
        body: given.text("body")?,
        kind: given.text("type")?,
        priority: given.priority()?,
        acceptance: (!acceptance.is_empty()).then_some(acceptance),
        ..Edits::default()
    })
}

fn new_task(given: &Arguments<'_>) -> Result<NewTask, Refusal> {
    Ok(NewTask {
        edits: Edits {
            title: Some(given.required("title")?),
            add_labels: given.list("labels")?,
            add_paths: given.list("paths")?,
            ..fields(given)?
        },
        deps: given.deps()?,
        parent: given.task("parent")?,
        key: given.text("key")?,
    })
}

fn edits(given: &Arguments<'_>) -> Result<Edits, Refusal> {
    let assignee = given.text("assignee")?;
    Ok(Edits {
        title: given.text("title")?,
        add_labels: given.list("add_labels")?,
        rm_labels: given.list("rm_labels")?,
        add_paths: given.list("add_paths")?,
        meet: given.numbers("met")?,
        assignee: assignee.map(|who| (!who.trim().is_empty()).then_some(who)),
        ..fields(given)?
    })
}
