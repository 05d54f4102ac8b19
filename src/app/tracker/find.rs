//! Finding tasks: the query language, saved queries, and full text.

use std::collections::BTreeMap;

use crate::app::publish::Decision;
use crate::app::tracker::desk::{Desk, Reading};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::list::most_urgent_first;
use crate::app::tracker::report::{Hit, SavedChange, SavedList, SavedRow, SearchReport, TaskList};
use crate::app::tracker::request::{Mode, QueryRequest, SearchRequest};
use crate::app::tracker::values;
use crate::domain::ids::TaskUid;
use crate::domain::record::Op;
use crate::domain::state::State;
use crate::domain::task::{Comment, Task};
use crate::domain::tracking::QuerySaved;
use crate::engine::admission::is_taken_over;
use crate::engine::query::{self, Asked, Query, QueryError};
use crate::engine::ready::Board;
use crate::engine::similar::words;
use crate::store::{Bodies, Scope};

/// Queries that are saved, by name.
pub(in crate::app::tracker) fn saved_in(state: &State) -> BTreeMap<String, String> {
    let live = state.queries.iter();
    live.filter_map(|(name, reg)| Some((name.clone(), reg.value.clone()?)))
        .collect()
}

fn refused(error: QueryError) -> TrackerError {
    TrackerError::Invalid {
        what: format!(
            "failed to read the query, column {}: {}",
            error.column, error.what
        ),
        hint: error.hint,
    }
}

/// Reads a query with the queries that the state has saved.
pub(in crate::app::tracker) fn parse(state: &State, text: &str) -> Result<Query, TrackerError> {
    query::read(text, &saved_in(state)).map_err(refused)
}

/// Reads as much of the state as a query is about. A query that names no saved one is refused
/// before anything is read.
pub(in crate::app::tracker) fn read_for(
    desk: Desk<'_>,
    text: &str,
    all: bool,
) -> Result<(Reading, Query), TrackerError> {
    if !text.contains('@') {
        let query = query::read(text, &BTreeMap::new()).map_err(refused)?;
        let scope = scope_of(&query, all);
        return Ok((desk.read(scope)?, query));
    }
    let reading = desk.read(Scope::Live)?;
    let query = parse(&reading.loaded.state, text)?;
    if scope_of(&query, all) == Scope::Live {
        return Ok((reading, query));
    }
    Ok((desk.read(Scope::All)?, query))
}

/// Closed work is read only for queries that are about it.
pub(in crate::app::tracker) fn scope_of(query: &Query, all: bool) -> Scope {
    if all || query.names_closed() {
        Scope::All
    } else {
        Scope::Live
    }
}

/// Tasks that a query means, in its order; without one, most urgent first.
pub(in crate::app::tracker) fn select<'a>(
    desk: Desk<'_>,
    board: &Board<'a>,
    query: &Query,
    all: bool,
) -> Vec<(TaskUid, &'a Task)> {
    let clock = desk.context.clock;
    let offset = |at| clock.offset_secs(at);
    let asked = Asked {
        board,
        offset: &offset,
    };
    let closed = all || query.names_closed();
    let found: Vec<_> = board
        .state
        .tasks
        .iter()
        .filter(|(_, task)| task.added.is_some() && (closed || task.is_open()))
        .filter(|(uid, task)| query::matches(&asked, **uid, task, &query.wanted))
        .map(|(uid, task)| (*uid, task))
        .collect();
    let mut found = most_urgent_first(&found, |(_, task)| task);
    if !query.sort.is_empty() {
        found.sort_by(|a, b| query::compare(&asked, &query.sort, *a, *b));
    }
    found
}

/// Tasks that a query means.
///
/// # Errors
/// A query that cannot be read, or unreadable state.
pub fn query(desk: Desk<'_>, request: &QueryRequest) -> Result<TaskList, TrackerError> {
    let (reading, query) = read_for(desk, &request.text, request.all)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let found = select(desk, &board, &query, request.all);
    let total = found.len();
    let tasks: Vec<_> = found
        .into_iter()
        .take(request.limit.unwrap_or(usize::MAX))
        .map(|(uid, task)| desk.row(state, uid, task, board.phase(uid).0, request.full))
        .collect();
    Ok(TaskList {
        has_more: tasks.len() < total,
        tasks,
        total,
    })
}

/// Saves a query under a name for everybody; without a text, takes the name away.
///
/// # Errors
/// A name that is none, a query that cannot be read, or a failed publish.
pub fn save(
    desk: Desk<'_>,
    name: &str,
    text: Option<&str>,
    mode: Mode,
) -> Result<SavedChange, TrackerError> {
    let name = name.trim_start_matches('@').to_lowercase();
    let plain = (1..=40).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    if !plain {
        return Err(TrackerError::Invalid {
            what: format!("`{}` is no name for a query", name.escape_debug()),
            hint: "names are 1 to 40 letters, digits, - and _".to_owned(),
        });
    }
    let text = text.map(|text| values::said("query", text)).transpose()?;
    let done = desk.change("save the query", Scope::Live, mode, |loaded, minter| {
        let saved = saved_in(&loaded.state);
        if let Some(text) = &text {
            let mut others = saved.clone();
            // What names itself could never be asked.
            others.remove(&name);
            query::read(text, &others).map_err(refused)?;
        } else if !saved.contains_key(&name) {
            return Err(TrackerError::NotThere {
                what: format!("no query is saved as `{name}`"),
                hint: "`fleet query --list` shows them".to_owned(),
            });
        }
        if saved.get(&name) == text.as_ref() {
            return Ok(Decision::Nothing(false));
        }
        minter.add(Op::QuerySaved(QuerySaved {
            name: name.clone(),
            query: text.clone(),
        }));
        Ok(Decision::write(true, format!("query @{name}")))
    })?;
    Ok(SavedChange {
        name,
        query: text,
        changed: done.value,
        delivery: done.delivery,
    })
}

/// Saved queries.
///
/// # Errors
/// Unreadable state.
pub fn saved(desk: Desk<'_>) -> Result<SavedList, TrackerError> {
    let reading = desk.skim(Scope::Live)?;
    let queries: Vec<_> = saved_in(&reading.loaded.state)
        .into_iter()
        .map(|(name, query)| SavedRow { name, query })
        .collect();
    Ok(SavedList {
        total: queries.len(),
        queries,
        has_more: false,
    })
}

/// Tasks that have all the words in title, labels, body or comments, best first: a word counts the
/// more the fewer tasks have it, and most in the title. The last word may be a beginning.
///
/// # Errors
/// No words, or unreadable state.
pub fn search(desk: Desk<'_>, request: &SearchRequest) -> Result<SearchReport, TrackerError> {
    let wanted = words(&request.words);
    if wanted.is_empty() {
        return Err(TrackerError::Invalid {
            what: "there is no word to search for".to_owned(),
            hint: "`fleet search parse dates`".to_owned(),
        });
    }
    let scope = if request.all { Scope::All } else { Scope::Live };
    let reading = desk.look(scope, Bodies::Read)?;
    let state = &reading.loaded.state;
    let tasks: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.added.is_some() && (request.all || task.is_open()))
        .collect();
    let counts: Vec<[usize; 4]> = tasks
        .iter()
        .flat_map(|(_, task)| weigh(task, &wanted))
        .collect();
    let per_task = wanted.len();
    let weights: Vec<usize> = (0..per_task)
        .map(|word| {
            let having = counts
                .iter()
                .skip(word)
                .step_by(per_task)
                .filter(|count| count.iter().sum::<usize>() > 0);
            rarity(having.count(), tasks.len())
        })
        .collect();
    let hits: Vec<(usize, TaskUid, &Task)> = tasks
        .iter()
        .enumerate()
        .filter_map(|(at, (uid, task))| {
            let own = &counts[at * per_task..(at + 1) * per_task];
            score(own, &weights).map(|score| (score, **uid, *task))
        })
        .collect();
    let mut hits = most_urgent_first(&hits, |(_, _, task)| task);
    hits.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
    let total = hits.len();
    let index = state.index();
    let board = Board::new(state, &index, desk.policy, desk.now());
    let hits: Vec<_> = hits
        .into_iter()
        .take(request.limit)
        .map(|(score, uid, task)| Hit {
            task: desk.row(state, uid, task, board.phase(uid).0, false),
            score,
            excerpt: excerpt(&told(desk, &board, uid, task), &wanted),
        })
        .collect();
    Ok(SearchReport {
        has_more: hits.len() < total,
        hits,
        total,
    })
}

/// How often each word is in title, labels, body and comments.
fn weigh(task: &Task, wanted: &[String]) -> Vec<[usize; 4]> {
    let labels: Vec<&str> = task.labels.iter().collect();
    let comments = task.details.comments.values();
    let comments: Vec<&str> = comments.map(|c| c.text.as_str()).collect();
    let places = [
        words(&task.title.value),
        words(&labels.join(" ")),
        words(&task.body.value),
        words(&comments.join("\n")),
    ];
    let last = wanted.len() - 1;
    wanted
        .iter()
        .enumerate()
        .map(|(at, word)| {
            places.each_ref().map(|place| {
                let fits = |there: &&String| {
                    *there == word || (at == last && there.starts_with(word.as_str()))
                };
                place.iter().filter(fits).count()
            })
        })
        .collect()
}

/// In hundredths; a word that every task has still counts a little.
fn rarity(having: usize, all: usize) -> usize {
    let ratio = (all + 1) / having.max(1);
    100 + 100 * usize::try_from(ratio.max(1).ilog2()).unwrap_or(0)
}

fn score(counts: &[[usize; 4]], weights: &[usize]) -> Option<usize> {
    const PLACES: [usize; 4] = [8, 5, 2, 1];
    let mut sum = 0;
    for (count, weight) in counts.iter().zip(weights) {
        // The tenth time says little that the third did not.
        let in_place = |(count, place): (&usize, usize)| (*count).min(3) * place;
        let value: usize = count.iter().zip(PLACES).map(in_place).sum();
        if value == 0 {
            return None;
        }
        sum += value * weight;
    }
    Some(sum)
}

/// Body and comments, but for what is kept from an agent that asks.
fn told<'a>(desk: Desk<'_>, board: &Board<'_>, uid: TaskUid, task: &'a Task) -> Vec<&'a str> {
    let body = (!desk.withholds(task)).then_some(task.body.value.as_str());
    let comments = task.details.comments.values();
    let told =
        |remark: &&Comment| !desk.to_agent || is_taken_over(board.state, board.index, uid, remark);
    let comments = comments.filter(told).map(|remark| remark.text.as_str());
    body.into_iter().chain(comments).collect()
}

/// The first line of the body or a comment that has one of the words.
fn excerpt(texts: &[&str], wanted: &[String]) -> Option<String> {
    texts
        .iter()
        .flat_map(|text| text.lines())
        .find(|line| {
            let there = words(line);
            wanted
                .iter()
                .any(|word| there.iter().any(|t| t.starts_with(word.as_str())))
        })
        .map(|line| crate::engine::text::truncated(line.trim(), 160).into_owned())
}
