//! The words of a reply: short, honest, and with foreign text neutralised and bounded (R7).

use std::fmt::Write as _;

use crate::app::tick::review_text::{foreign, verification};
use crate::domain::command::Verb;
use crate::domain::escalation::Escalation;
use crate::domain::ids::{RecordId, SessionUid, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::policy::Policy;
use crate::domain::record::SessionFinished;
use crate::domain::review::ReviewCommanded;
use crate::domain::session::{Outcome, Session};
use crate::domain::state::{Index, State};
use crate::domain::time::Timestamp;
use crate::engine::commands;
use crate::engine::history::is_split;
use crate::engine::ready::Board;
use crate::engine::replies::{Reply, ReplyTo};
use crate::engine::text;

/// Most bytes of a reply.
const REPLY_BYTES: usize = 20_000;
/// Most bytes of an agent's words in it.
const WORDS_BYTES: usize = 3_000;
/// Most reasons and proposed tasks that are listed.
const LISTED: usize = 20;

/// The text of a reply.
pub(super) fn of(
    state: &State,
    index: &Index,
    policy: &Policy,
    now: Timestamp,
    reply: &Reply,
) -> String {
    let mut out = String::new();
    match reply.to {
        ReplyTo::Attempt(uid) => attempt(&mut out, state, index, (reply.task, uid)),
        ReplyTo::Command(id) => {
            let review = state.reviews.get(&reply.review);
            if let Some((command, _)) = review.and_then(|r| r.commands.get(&id)) {
                let board = Board::new(state, index, policy, now);
                answer(&mut out, &board, reply.task, (command, id));
            }
        }
    }
    if reply.last {
        let _ = writeln!(
            out,
            "\nThis is fleet's last comment on this task (`review.max_comments` = {}). Work goes on; \
             `fleet show {}` tells of it.",
            policy.review.max_comments,
            state.name_of(reply.task)
        );
    }
    text::truncated(&out, REPLY_BYTES).into_owned()
}

/// The reply to a command that starts no attempt.
fn answer(
    out: &mut String,
    board: &Board<'_>,
    task: TaskUid,
    (command, _): (&ReviewCommanded, RecordId),
) {
    let name = board.state.name_of(task);
    match &command.what.command {
        Verb::Status => status(out, board, task),
        Verb::Help => {
            let _ = writeln!(out, "What can be said here:\n\n{}", commands::help());
        }
        Verb::Stop => {
            let _ = writeln!(
                out,
                "Nothing more is started on {name}. What runs is ended at its next heartbeat; a run \
                 on another machine ends by itself, and what it hands over is still shown here. \
                 `/fleet retry` goes on."
            );
        }
        Verb::Budget => budget(out, board, task),
        Verb::Answer => {
            let _ = writeln!(
                out,
                "Recorded as the answer. {}",
                sentence(&waits(board, task))
            );
        }
        Verb::Retry | Verb::Split | Verb::Admit => {}
        Verb::Wrong => {
            let _ = writeln!(out, "Nothing was done: {}.", foreign(&command.what.text));
        }
        Verb::Unknown(verb) => {
            let _ = writeln!(
                out,
                "Nothing was done: `{}` is a word of a newer fleet.",
                text::one_line(verb).replace('`', "'")
            );
        }
    }
}

fn waits(board: &Board<'_>, task: TaskUid) -> String {
    let whys = board.whys(task);
    if whys.is_empty() {
        return "The next attempt starts with the next tick that has room".to_owned();
    }
    let whys: Vec<String> = whys.iter().take(LISTED).map(ToString::to_string).collect();
    format!("It waits: {}", whys.join("; "))
}

fn sentence(words: &str) -> String {
    format!("{}.", foreign(words).trim_end_matches('.'))
}

fn status(out: &mut String, board: &Board<'_>, task: TaskUid) {
    let (phase, _) = board.phase(task);
    let state = board.state;
    let _ = writeln!(
        out,
        "{} is {}. {}",
        state.name_of(task),
        phase.name().replace('_', " "),
        sentence(&waits(board, task))
    );
    let sessions: Vec<&Session> = sessions(state, board.index, task).collect();
    if !sessions.is_empty() {
        let _ = writeln!(
            out,
            "\n| attempt | agent | ended | cost |\n|---|---|---|---|"
        );
    }
    for session in sessions.iter().rev().take(LISTED).rev() {
        let agent = session.claim.as_ref().map_or("", |(c, _)| c.agent.as_str());
        let cell = |text: &str| text::display_safe(text).replace(['|', '`', '\n'], " ");
        let cost = session.known_cost();
        let cost = cost.map_or_else(|| "not known".to_owned(), |c| c.to_string());
        let _ = writeln!(
            out,
            "| {} | {} | {} | {cost} |",
            session.attempt(),
            cell(agent),
            end(session)
        );
    }
    let _ = writeln!(out, "\nCost so far: {}.", spent(state, board.index, task));
    questions(out, state, board.index, task);
}

fn end(session: &Session) -> String {
    match &session.finished {
        Some((finished, _)) => match finished.outcome {
            Outcome::Succeeded => "done".to_owned(),
            Outcome::Escalated => "asked a human".to_owned(),
            Outcome::Failed { class } => format!("failed: {class}"),
        },
        None if session.released.is_some() => "given back".to_owned(),
        None => "works".to_owned(),
    }
}

fn questions(out: &mut String, state: &State, index: &Index, task: TaskUid) {
    let open = index.escalations_of(task).iter();
    let open = open.filter_map(|uid| state.escalations.get(uid));
    for question in open.filter(|e| e.is_open()) {
        ask(out, question);
    }
}

fn ask(out: &mut String, question: &Escalation) {
    let Some((opened, _)) = &question.opened else {
        return;
    };
    let _ = writeln!(out, "\nA human is asked:\n");
    quoted(out, &opened.context);
    for (at, option) in opened.options.iter().take(LISTED).enumerate() {
        let option = foreign(option).replace('\n', " ");
        let _ = writeln!(out, "{}. {option}", at + 1);
    }
    let _ = writeln!(
        out,
        "\n`/fleet answer TEXT` answers, and `/fleet answer 1` chooses an option."
    );
}

fn budget(out: &mut String, board: &Board<'_>, task: TaskUid) {
    let own = board
        .state
        .tasks
        .get(&task)
        .and_then(|t| t.details.budget.value);
    let limit = own.or(board.policy.budget.per_task);
    let spent = spent(board.state, board.index, task);
    let name = board.state.name_of(task);
    let _ = match limit {
        Some(limit) => writeln!(
            out,
            "All attempts at {name} together may cost {limit}; so far: {spent}. The other budgets of \
             the configuration hold besides."
        ),
        None => writeln!(
            out,
            "{name} has no limit of its own; so far: {spent}. The budgets of the configuration hold."
        ),
    };
}

fn sessions<'a>(
    state: &'a State,
    index: &'a Index,
    task: TaskUid,
) -> impl Iterator<Item = &'a Session> {
    let all = index.sessions_of(task).iter();
    let all = all.filter_map(|uid| state.sessions.get(uid));
    all.filter(|session| !session.is_unstarted())
}

/// `$0.30 in 2 attempts`.
fn spent(state: &State, index: &Index, task: TaskUid) -> String {
    let (mut count, mut cost, mut unknown) = (0u32, MicroUsd(0), 0u32);
    for session in sessions(state, index, task) {
        count += 1;
        match session.known_cost() {
            Some(known) => cost = cost.plus(known),
            None => unknown += 1,
        }
    }
    let attempts = if count == 1 { "attempt" } else { "attempts" };
    let more = match unknown {
        0 => String::new(),
        n => format!(", {n} of unknown cost"),
    };
    format!("{cost} in {count} {attempts}{more}")
}

/// The end of an attempt.
fn attempt(out: &mut String, state: &State, index: &Index, (task, uid): (TaskUid, SessionUid)) {
    let Some(session) = state.sessions.get(&uid) else {
        return;
    };
    let (Some((claim, _)), Some((finished, _))) = (&session.claim, &session.finished) else {
        return;
    };
    let who = text::display_safe(&claim.agent).replace('`', "'");
    let who = format!("Attempt {} by `{who}`", claim.attempt);
    match finished.outcome {
        Outcome::Succeeded if is_split(state, claim) => parts(out, state, index, (task, &who)),
        Outcome::Succeeded => {
            let head = finished.head.as_ref();
            let head =
                head.map_or_else(String::new, |h| format!(": the branch is at {}", h.short()));
            let _ = writeln!(
                out,
                "{who} is done{head}. In its own words, which nobody has checked:\n"
            );
            words(out, finished);
            verification(out, finished);
        }
        Outcome::Escalated => {
            let _ = writeln!(
                out,
                "{who} asks before it goes on; the branch is as it was."
            );
            let asked = index.escalations_of(task).iter();
            let asked = asked.filter_map(|e| state.escalations.get(e));
            for question in asked.filter(|e| {
                let opened = e.opened.as_ref();
                e.is_open() && opened.is_some_and(|(o, _)| o.session == Some(uid))
            }) {
                ask(out, question);
            }
        }
        Outcome::Failed { class } => {
            let kept = if finished.head.is_some() {
                "what it had done is kept on the branch"
            } else {
                "the branch is as it was"
            };
            let _ = writeln!(out, "{who} failed ({class}); {kept}.\n");
            words(out, finished);
        }
    }
    let cost = finished.cost;
    let cost = cost.map_or_else(|| "not reported".to_owned(), |c| c.to_string());
    let _ = writeln!(
        out,
        "\nCost: {cost}; the task so far: {}.",
        spent(state, index, task)
    );
}

/// What a splitting attempt proposed.
fn parts(out: &mut String, state: &State, index: &Index, (task, who): (TaskUid, &str)) {
    let parts: Vec<TaskUid> = index
        .deps_to(task)
        .filter(|key| key.kind == crate::domain::dep::DepKind::ParentChild)
        .map(|key| key.from)
        .collect();
    if parts.is_empty() {
        let _ = writeln!(out, "{who} proposes no smaller tasks.");
        return;
    }
    let _ = writeln!(out, "{who} proposes these smaller tasks:\n");
    for uid in parts.iter().take(LISTED) {
        let Some(part) = state.tasks.get(uid) else {
            continue;
        };
        let admitted = if part.admitted.value {
            ""
        } else {
            " (waits to be admitted)"
        };
        let title = foreign(&part.title.value).replace('\n', " ");
        let _ = writeln!(out, "- {}: {title}{admitted}", state.name_of(*uid));
    }
    let _ = writeln!(
        out,
        "\nThey are parts of this task, which waits for them. A text that waits is admitted with \
         `fleet admit`. Merge what is here, or close this review, as you see fit."
    );
}

fn words(out: &mut String, finished: &SessionFinished) {
    let said = finished.summary.trim();
    quoted(out, if said.is_empty() { "(nothing)" } else { said });
}

fn quoted(out: &mut String, words: &str) {
    let safe = foreign(words);
    for line in text::truncated(&safe, WORDS_BYTES).lines() {
        let _ = writeln!(out, "> {line}");
    }
    out.push('\n');
}
