//! Secrets as words: names, times and who can open them; never a value.

use crate::app::tracker::secret::{
    SecretInitReport, SecretListReport, SecretRemovedReport, SecretSetReport, SecretShareReport,
    ValueRow,
};
use crate::cli::render::page::{Page, Tone, cell};

/// Answer of `secret init`.
pub fn secret_init(report: &SecretInitReport, page: &mut Page) {
    match &report.identity_made {
        Some(file) => page.line(format!("made the identity of this machine: {file}")),
        None => page.line("this machine has an identity already"),
    }
    page.line(format!("public key: {}", report.recipient));
    if report.admitted {
        page.line("it can open the secrets of this repository; keep a copy of it in a safe place");
        page.line("next: `fleet secret set <NAME>`, then commit .orchestra/secrets");
    } else {
        page.line("it cannot open the secrets of this repository yet");
        page.line(format!(
            "next: somebody who can runs `fleet secret share {}` and commits .orchestra/secrets",
            report.recipient
        ));
    }
}

/// Answer of `secret set`.
pub fn secret_set(report: &SecretSetReport, page: &mut Page) {
    page.line(format!("stored {}: {}", report.name, report.file));
    if let Some(previous) = &report.previous {
        page.line(format!(
            "the value before stays valid ({previous}) until `fleet secret retire {}`",
            report.name
        ));
    }
    for file in &report.removed {
        page.line(format!("removed {file}"));
    }
    page.line("next: commit .orchestra/secrets");
}

/// Answer of `secret list`.
pub fn secrets(report: &SecretListReport, page: &mut Page) {
    if report.secrets.is_empty() {
        page.line("no secrets are stored; `fleet secret set <NAME>` stores one");
    }
    let rows: Vec<_> = report
        .secrets
        .iter()
        .flat_map(|secret| {
            secret.values.iter().enumerate().map(|(at, value)| {
                let name = if at == 0 { secret.name.as_str() } else { "" };
                let rank = if at == 0 {
                    "tried first"
                } else {
                    "still valid"
                };
                vec![
                    cell(name, Tone::Id),
                    cell(rank, Tone::Plain),
                    cell(format!("added {}", value.added), Tone::Dim),
                    opens(value),
                ]
            })
        })
        .collect();
    page.table(0, &rows);
    if !report.recipients.is_empty() {
        page.gap();
        page.heading("can be opened by");
        let rows: Vec<_> = report
            .recipients
            .iter()
            .map(|party| {
                let here = if party.here { "this machine" } else { "" };
                vec![
                    cell(&party.recipient, Tone::Plain),
                    cell(&party.label, Tone::Plain),
                    cell(here, Tone::Dim),
                ]
            })
            .collect();
        page.table(2, &rows);
    }
}

fn opens(value: &ValueRow) -> crate::cli::render::page::Cell {
    match value.opens {
        Some(true) => cell("opens here", Tone::Good),
        Some(false) => cell("does not open here", Tone::Warn),
        None => cell("no identity here", Tone::Warn),
    }
}

/// Answer of `secret retire` and `secret rm`.
pub fn secret_removed(report: &SecretRemovedReport, page: &mut Page) {
    if report.removed.is_empty() {
        page.line(format!(
            "{} has one value only; nothing to retire",
            report.name
        ));
        return;
    }
    for file in &report.removed {
        page.line(format!("removed {file}"));
    }
    page.line("next: commit .orchestra/secrets, and revoke the old key where it was issued");
}

/// Answer of `secret share` and `secret unshare`.
pub fn secret_shared(report: &SecretShareReport, page: &mut Page) {
    let what = if report.admitted {
        "can open the secrets from now on"
    } else {
        "cannot open what is encrypted from now on; change the values that it could read"
    };
    page.line(format!("{} {what}", report.recipient));
    page.line(format!("{} values encrypted anew", report.encrypted));
    page.line("next: commit .orchestra/secrets");
}
