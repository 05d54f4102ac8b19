//! What a run left, made fit for records: without known secrets, and of bounded size.

use crate::app::tick::documents::ResultDoc;
use crate::engine::secrets::Scanner;
use crate::engine::text;

/// A result without known secrets in whatever becomes a record. The run phase has done so too, but
/// it knows fewer of them, and is not to be trusted (I11).
pub(super) fn scrubbed(secrets: &Scanner, result: &ResultDoc) -> ResultDoc {
    let mut result = result.clone();
    let finished = &mut result.finished;
    let named = [
        &mut finished.model,
        &mut finished.agent_session,
        &mut finished.journal,
    ];
    let texts = [
        &mut finished.summary,
        &mut finished.sandbox,
        &mut result.final_message,
        &mut result.outbox,
    ];
    let held = result.held.iter_mut().flat_map(|held| &mut held.reasons);
    let checks = finished
        .verify
        .iter_mut()
        .flat_map(|check| [&mut check.command, &mut check.tail]);
    for text in named
        .into_iter()
        .flatten()
        .chain(texts)
        .chain(&mut finished.paths)
        .chain(checks)
        .chain(held)
    {
        *text = secrets.redact(text);
    }
    bound(&mut result);
    result
}

/// Most bytes of all paths in a record.
const PATHS_BYTES: usize = 24 << 10;
/// Most bytes of a summary, or of the end of a check's output, in a record.
const TEXT_BYTES: usize = 4 << 10;
/// Most bytes of a report, or of a question about a diff.
pub(super) const REPORT_BYTES: usize = 16 << 10;
/// Most bytes of a name that an agent tells.
const NAME_BYTES: usize = 200;
/// Most checks in a record.
const CHECKS: usize = 50;

/// Keeps every record of a result far below the limit of a line, whatever it holds: a record that
/// cannot be written would stop this tick and, carried on, every later one.
fn bound(result: &mut ResultDoc) {
    let cut = |text: &mut String, max: usize| {
        let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
        text.retain(plain);
        if text.len() > max {
            *text = text::truncated(text, max).into_owned();
        }
    };
    let finished = &mut result.finished;
    cut(&mut finished.summary, TEXT_BYTES);
    cut(&mut finished.sandbox, NAME_BYTES);
    let names = [&mut finished.model, &mut finished.agent_session];
    for name in names.into_iter().flatten() {
        cut(name, NAME_BYTES);
    }
    if let Some(journal) = &mut finished.journal {
        cut(journal, TEXT_BYTES);
    }
    finished.verify.truncate(CHECKS);
    for check in &mut finished.verify {
        cut(&mut check.command, TEXT_BYTES / 4);
        cut(&mut check.tail, TEXT_BYTES);
    }
    cut(&mut result.final_message, REPORT_BYTES);
    if let Some(held) = &mut result.held {
        let mut left = REPORT_BYTES;
        held.reasons.retain(|reason| {
            let fits = reason.len() <= left;
            left = left.saturating_sub(reason.len());
            fits
        });
        if held.reasons.is_empty() {
            held.reasons
                .push("the work broke rules, with names too long to be told here".to_owned());
        }
    }
}

/// As many paths as a record has room for.
pub(super) fn recorded_paths(paths: &[String]) -> Vec<String> {
    let mut left = PATHS_BYTES;
    paths
        .iter()
        .take_while(|path| {
            let fits = path.len() <= left;
            left = left.saturating_sub(path.len());
            fits
        })
        .cloned()
        .collect()
}
