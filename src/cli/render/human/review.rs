//! Reviews: the list, one with its patch, and what a person said of it.

use crate::app::tracker::review::{FileRow, ReviewLine, ReviewList, ReviewPage, VerdictReport};
use crate::cli::render::human::dry;
use crate::cli::render::page::{Page, Tone, cell};

/// Open reviews.
pub fn reviews(report: &ReviewList, page: &mut Page) {
    if report.reviews.is_empty() {
        page.line("nothing is in review");
        return;
    }
    let rows: Vec<_> = report
        .reviews
        .iter()
        .map(|line| {
            vec![
                cell(&line.id, Tone::Id),
                cell(line.state, tone_of(line)),
                cell(checks_of(line), Tone::Plain),
                cell(line.cost_usd_micros.to_string(), Tone::Plain),
                cell(place_of(line), Tone::Dim),
                cell(&line.title, Tone::Plain),
            ]
        })
        .collect();
    page.table(0, &rows);
    sentences("Order of merging", &report.advice, page);
}

fn tone_of(line: &ReviewLine) -> Tone {
    match line.state {
        "approved" => Tone::Good,
        "rework" => Tone::Warn,
        _ => Tone::Plain,
    }
}

const fn checks_of(line: &ReviewLine) -> &'static str {
    match line.verified {
        Some(true) => "checks passed",
        Some(false) => "checks FAILED",
        None => "not checked",
    }
}

fn place_of(line: &ReviewLine) -> String {
    match line.number {
        Some(number) => format!("#{number}"),
        None => line.branch.clone(),
    }
}

fn sentences(heading: &str, all: &[String], page: &mut Page) {
    if all.is_empty() {
        return;
    }
    page.gap();
    page.heading(heading);
    for sentence in all {
        page.block(sentence, 2);
    }
}

/// One review with its patch.
pub fn review(report: &ReviewPage, page: &mut Page) {
    let line = &report.line;
    page.table(
        0,
        &[vec![
            cell(&line.id, Tone::Id),
            cell(&line.title, Tone::Strong),
        ]],
    );
    let state = match &line.approved_by {
        Some(by) => format!("{} by {by}", line.state),
        None => line.state.to_owned(),
    };
    let merges = match report.merges {
        Some("conflict") => format!("does not merge with {} by itself", line.base_branch),
        Some("merged") => format!("is in {} already", line.base_branch),
        Some(_) => format!("merges with {}", line.base_branch),
        None => String::new(),
    };
    page.pairs(&[
        ("state", state),
        ("branch", format!("{} -> {}", line.branch, line.base_branch)),
        ("head", line.head.clone()),
        ("merge", merges),
        ("url", line.url.clone().unwrap_or_default()),
        ("attempts", line.attempts.to_string()),
        ("cost", line.cost_usd_micros.to_string()),
    ]);
    if !report.summary.is_empty() {
        page.gap();
        page.heading("In the agent's own words, which nobody has checked");
        page.block(&report.summary, 2);
    }
    verification(report, page);
    sentences("Feedback that waits for an attempt", &report.feedback, page);
    sentences("Order of merging", &report.advice, page);
    page.gap();
    page.heading("Changes");
    files(&report.files, page);
    if let Some(patch) = &report.patch {
        page.gap();
        for text in patch.lines() {
            page.toned(text, tone_of_line(text));
        }
        if report.cut {
            page.line("(the patch is longer; `git diff` shows all of it)");
        }
    }
    sentences("Next", &report.next, page);
}

fn verification(report: &ReviewPage, page: &mut Page) {
    page.gap();
    page.heading("Verification");
    if report.verify.is_empty() {
        page.line("  no `verify` command is configured: nothing was checked");
        return;
    }
    let rows: Vec<_> = report
        .verify
        .iter()
        .map(|check| {
            let (word, tone) = if check.passed {
                ("passed", Tone::Good)
            } else {
                ("FAILED", Tone::Bad)
            };
            vec![
                cell(word, tone),
                cell(
                    format!("{:.1} s", check.duration_ms as f64 / 1000.0),
                    Tone::Dim,
                ),
                cell(&check.command, Tone::Plain),
            ]
        })
        .collect();
    page.table(2, &rows);
}

fn files(files: &[FileRow], page: &mut Page) {
    let rows: Vec<_> = files
        .iter()
        .map(|file| {
            let (added, removed) = if file.binary {
                ("binary".to_owned(), String::new())
            } else {
                (format!("+{}", file.added), format!("-{}", file.removed))
            };
            vec![
                cell(added, Tone::Good),
                cell(removed, Tone::Bad),
                cell(&file.path, Tone::Plain),
            ]
        })
        .collect();
    page.table(2, &rows);
}

fn tone_of_line(line: &str) -> Tone {
    let heads = [
        "diff ",
        "index ",
        "--- ",
        "+++ ",
        "new file ",
        "deleted file ",
    ];
    if heads.iter().any(|head| line.starts_with(head)) {
        Tone::Strong
    } else if line.starts_with("@@") {
        Tone::Id
    } else if line.starts_with('+') {
        Tone::Good
    } else if line.starts_with('-') {
        Tone::Bad
    } else {
        Tone::Plain
    }
}

/// What a person said of a review.
pub fn verdict(report: &VerdictReport, page: &mut Page) {
    page.table(
        0,
        &[vec![
            cell(&report.id, Tone::Id),
            cell(report.verdict.replace('_', " "), Tone::Good),
            cell(report.head.get(..10).unwrap_or(&report.head), Tone::Dim),
            cell(&report.title, Tone::Plain),
        ]],
    );
    for next in &report.next {
        page.line(format!("next: {next}"));
    }
    dry(&report.delivery, page);
}
