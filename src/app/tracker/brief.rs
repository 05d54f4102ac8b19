//! A task as text for an agent: what it must know of it, cut to a number of tokens.
//!
//! What others wrote stands behind `> `, or on one line behind our own words, with everything
//! escaped that hides or moves (R7): no text can pose as a heading or a rule. What is cut is said.

use crate::app::tracker::report::{DepRow, SessionRow, TaskDetail};
use crate::engine::measure::tokens_at_most;
use crate::engine::text::{display_safe, one_line, truncated};

/// Most bytes of a title or name in a line of ours.
const TITLE_BYTES: usize = 160;
/// Most things of one sort that are told, the latest ones.
const LATEST: usize = 3;
/// Tokens kept free for saying what was cut.
const NOTICE: usize = 34;

/// A task as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Lines.
    pub text: String,
    /// True if something did not fit.
    pub cut: bool,
}

/// The task in at most `tokens`.
#[must_use]
pub fn brief(task: &TaskDetail, tokens: usize) -> Brief {
    let more = format!("`fleet show {}` has all", task.task.id);
    let mut head = Draft::new(tokens, &more);
    self::head(&mut head, task);
    let body = task.task.full.as_ref().map_or("", |full| full.body.trim());
    // The body gives way to the rest down to a third, and takes what the rest leaves.
    let wish = (tokens_at_most(&display_safe(body)) + 3 * body.lines().count()).min(head.left / 3);
    let mut rest = Draft::new(head.left - wish, &more);
    self::rest(&mut rest, task);
    let used = head.left - wish - rest.left;
    head.left -= used;
    let most = head.left;
    head.quote(body, most);
    Brief {
        cut: head.cut || rest.cut,
        text: head.text + &rest.text,
    }
}

fn head(draft: &mut Draft, task: &TaskDetail) {
    let row = &task.task;
    draft.line(&format!("## {} {}", row.id, title(&row.title)));
    let mut facts = vec![
        one_line(&row.kind),
        format!("P{}", row.priority),
        format!("complexity {}", row.complexity),
        row.phase.to_owned(),
    ];
    if let Some(full) = &row.full {
        facts.push(format!("hands over: {}", full.deliverable));
        facts.extend(full.outcome.map(|outcome| format!("closed as {outcome}")));
    }
    if let Some(who) = &row.assignee {
        facts.push(format!("held by {}", title(who)));
    }
    if !row.labels.is_empty() {
        facts.push(format!("labels {}", title(&row.labels.join(", "))));
    }
    draft.line(&facts.join("; "));
    for withheld in &task.withheld {
        draft.line(&format!("Withheld: {withheld}."));
    }
    for reason in row.reasons.iter().take(LATEST) {
        draft.line(&format!("Not ready: {}", title(&reason.text)));
    }
}

fn rest(draft: &mut Draft, task: &TaskDetail) {
    let share = draft.left / 4;
    if let Some(full) = &task.task.full {
        if !full.acceptance.is_empty() {
            draft.line("Done when:");
        }
        let points = full.acceptance.iter().enumerate().map(|(at, point)| {
            let mark = if point.done { 'x' } else { ' ' };
            format!("- [{mark}] {}. {}", at + 1, one_line(&point.text))
        });
        draft.lines("points", points.collect(), share);
        let paths: Vec<_> = full.paths.iter().map(|path| one_line(path)).collect();
        if !paths.is_empty() {
            draft.lines(
                "paths",
                vec![format!("Touches: {}", paths.join(", "))],
                share,
            );
        }
    }
    draft.lines("edges", task.deps.iter().map(edge).collect(), share);
    let answered = task.escalations.iter().filter(|one| one.answer.is_some());
    for one in last(answered.collect()) {
        draft.line(&format!("A human was asked ({}):", one.trigger));
        draft.quote(&one.context, share / 2);
        let who = one.answered_by.as_deref().unwrap_or("a human");
        draft.line(&format!("{} answered:", title(who)));
        draft.quote(one.answer.as_deref().unwrap_or(""), share);
    }
    let failed = |session: &&SessionRow| matches!(session.state, "failed" | "escalated");
    for session in last(task.sessions.iter().filter(failed).collect()) {
        let why = session.why.as_deref().unwrap_or("asked a human");
        let (attempt, agent) = (session.attempt, one_line(&session.agent));
        draft.line(&format!(
            "Attempt {attempt} by {agent} {}: {}",
            session.state,
            title(why)
        ));
        draft.quote(&session.summary, share);
    }
    for finding in last(task.findings.iter().collect()) {
        draft.line("An agent found:");
        draft.quote(&finding.text, share / 2);
    }
    let told = task.comments.iter().filter(|comment| !comment.withheld);
    for comment in last(told.collect()) {
        draft.line(&format!("{} wrote:", title(&comment.by)));
        draft.quote(&comment.text, share);
    }
}

fn edge(dep: &DepRow) -> String {
    let what = match dep.kind {
        "blocks" => "Waits for",
        "parent-child" => "Part of",
        other => other,
    };
    format!("{what} {} ({}): {}", dep.id, dep.status, title(&dep.title))
}

fn title(text: &str) -> String {
    truncated(&one_line(text), TITLE_BYTES).into_owned()
}

/// The latest of them.
fn last<T>(all: Vec<T>) -> impl Iterator<Item = T> {
    let skip = all.len().saturating_sub(LATEST);
    all.into_iter().skip(skip)
}

/// Text under construction, and how many tokens it may still take.
struct Draft<'a> {
    text: String,
    left: usize,
    cut: bool,
    /// Where all of it can be read.
    more: &'a str,
}

impl<'a> Draft<'a> {
    const fn new(tokens: usize, more: &'a str) -> Self {
        Self {
            text: String::new(),
            left: tokens,
            cut: false,
            more,
        }
    }

    /// A line of ours; left out, and told to be so at the end, if it does not fit.
    fn line(&mut self, line: &str) -> bool {
        let cost = tokens_at_most(line) + 1;
        if cost > self.left {
            self.cut = true;
            return false;
        }
        self.left -= cost;
        self.text.push_str(line);
        self.text.push('\n');
        true
    }

    /// As many lines as fit in `most` tokens, and how many are left out.
    fn lines(&mut self, what: &str, lines: Vec<String>, most: usize) {
        let total = lines.len();
        let floor = self.left.saturating_sub(most);
        for (at, line) in lines.into_iter().enumerate() {
            let cost = tokens_at_most(&line) + 1;
            let reserve = if at + 1 == total { 0 } else { NOTICE };
            if self.left < floor + cost + reserve {
                self.cut = true;
                self.line(&format!(
                    "[cut: {at} of {total} {what} shown; {}]",
                    self.more
                ));
                return;
            }
            self.line(&line);
        }
    }

    /// What others wrote, each line behind `> `, in at most `most` tokens.
    fn quote(&mut self, text: &str, most: usize) {
        let safe = display_safe(text.trim());
        if safe.is_empty() {
            return;
        }
        let most = most.min(self.left);
        // Longer than this it does not fit, and need not be looked at.
        let window = &safe[..safe.floor_char_boundary(most * 24)];
        let quoted = |text: &str| -> String { text.lines().map(|l| format!("> {l}\n")).collect() };
        let cost = |text: &str| tokens_at_most(&quoted(text));
        if window.len() == safe.len() && cost(&safe) <= most {
            self.left -= cost(&safe);
            self.text.push_str(&quoted(&safe));
            return;
        }
        self.cut = true;
        let room = most.saturating_sub(NOTICE);
        let (mut fits, mut over) = (0, window.len() + 1);
        while over - fits > 1 {
            let middle = usize::midpoint(fits, over);
            if cost(&window[..window.floor_char_boundary(middle)]) <= room {
                fits = middle;
            } else {
                over = middle;
            }
        }
        let shown = &window[..window.floor_char_boundary(fits)];
        let (part, all) = (shown.chars().count(), safe.chars().count());
        self.left -= cost(shown);
        self.text.push_str(&quoted(shown));
        self.line(&format!(
            "[cut: {part} of {all} characters shown; {}]",
            self.more
        ));
    }
}

#[cfg(test)]
mod tests;
