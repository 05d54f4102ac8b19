//! Models as words.

use crate::app::catalog::{ModelCheckReport, ModelRow, ModelsReport, ProviderRow, TroubleRow};
use crate::cli::render::page::{Cell, Page, Tone, cell};

/// Answer of `models`.
pub fn models(report: &ModelsReport, page: &mut Page) {
    for provider in &report.providers {
        page.gap();
        page.heading(&format!("{}  {}", provider.name, provider.base_url));
        if let Some(trouble) = &provider.trouble {
            say(trouble, page);
        } else if provider.models.is_empty() {
            page.line("  it lists no models");
        }
        page.table(2, &provider.models.iter().map(columns).collect::<Vec<_>>());
        keys(provider, page);
    }
}

fn columns(model: &ModelRow) -> Vec<Cell> {
    let window = model
        .context_window
        .map(|tokens| format!("{tokens} tokens"))
        .unwrap_or_default();
    let price = match (model.input_price, model.output_price) {
        (Some(input), Some(output)) => format!("{input} in, {output} out per million"),
        _ => String::new(),
    };
    vec![
        cell(&model.id, Tone::Id),
        cell(model.name.as_deref().unwrap_or_default(), Tone::Plain),
        cell(window, Tone::Dim),
        cell(price, Tone::Dim),
    ]
}

fn keys(provider: &ProviderRow, page: &mut Page) {
    if provider.trouble.is_some() && !provider.key_env.is_empty() {
        page.line(format!("  key: {}", provider.key_env.join(", ")));
    }
}

fn say(trouble: &TroubleRow, page: &mut Page) {
    page.line(format!("  {}: {}", trouble.class, trouble.message));
    if let Some(at) = trouble.retry_at {
        page.line(format!("  come back at {at}"));
    }
    if !trouble.hint.is_empty() {
        page.line(format!("  {}", trouble.hint));
    }
}

/// Answer of `models --check`.
pub fn model_check(report: &ModelCheckReport, page: &mut Page) {
    let (word, tone) = if report.working {
        ("answers", Tone::Good)
    } else {
        ("does not answer", Tone::Bad)
    };
    let name = format!("{} {}", report.provider, report.model);
    page.table(0, &[vec![cell(name, Tone::Id), cell(word, tone)]]);
    let usage = &report.usage;
    page.pairs(&[
        (
            "took",
            report
                .latency_ms
                .map(|ms| format!("{ms} ms"))
                .unwrap_or_default(),
        ),
        (
            "tokens",
            format!("{} in, {} out", usage.input, usage.output),
        ),
        (
            "cost",
            report.cost.map(|c| c.to_string()).unwrap_or_default(),
        ),
    ]);
    if let Some(trouble) = &report.trouble {
        say(trouble, page);
    }
}
