//! Agents as words.

use crate::app::tracker::agents::{AgentChangedReport, AgentReport, AgentRow, AgentsReport};
use crate::app::trial::TrialReport;
use crate::cli::render::page::{Cell, Page, Tone, cell};
use crate::domain::money::CostSource;

/// Answer of `agents list`.
pub fn agents(report: &AgentsReport, page: &mut Page) {
    if report.agents.is_empty() {
        page.line("no agents are configured; `fleet agents add` adds one");
        return;
    }
    let rows: Vec<_> = report
        .agents
        .iter()
        .map(|agent| {
            vec![
                cell(&agent.name, Tone::Id),
                cell(&agent.how, Tone::Plain),
                cell(agent.model.as_deref().unwrap_or("-"), Tone::Plain),
                cell(fits(agent), Tone::Dim),
                cell(running(agent), Tone::Dim),
                standing_cell(agent),
            ]
        })
        .collect();
    page.table(0, &rows);
}

fn fits(agent: &AgentRow) -> String {
    if agent.fits.is_empty() {
        "any complexity".to_owned()
    } else {
        agent.fits.join(", ")
    }
}

fn running(agent: &AgentRow) -> String {
    format!("runs {} of {}", agent.running, agent.max_parallel)
}

fn standing(agent: &AgentRow) -> (Tone, String) {
    match (&agent.unavailable_because, agent.paused_until) {
        (Some(why), _) => (Tone::Bad, format!("cannot start: {why}")),
        (None, Some(until)) => {
            let why = agent.paused_because.as_deref().unwrap_or_default();
            let with = match &agent.paused_with {
                Some(provider) => format!(" with all agents of {provider}"),
                None => String::new(),
            };
            (Tone::Warn, format!("rests{with} until {until}: {why}"))
        }
        (None, None) => (Tone::Good, "ready".to_owned()),
    }
}

fn standing_cell(agent: &AgentRow) -> Cell {
    let (tone, text) = standing(agent);
    cell(text, tone)
}

/// Answer of `agents show`.
pub fn agent(report: &AgentReport, page: &mut Page) {
    let row = &report.row;
    let routes: Vec<String> = report.routes.iter().map(usize::to_string).collect();
    let routes = if routes.is_empty() {
        "none names it".to_owned()
    } else {
        format!("number {} names it", routes.join(", "))
    };
    let service = report.service.as_ref();
    let key = service.and_then(|service| service.key_env.clone());
    let source = service.and_then(|service| service.source.clone());
    let plans = service.map(|service| match service.asks_about_plans {
        true => "a human approves them",
        false => "nobody is asked",
    });
    let poll = service.map(|service| format!("every {} at most", human_span(service.poll)));
    page.pairs(&[
        ("name", row.name.clone()),
        ("how", row.how.clone()),
        ("key", key.unwrap_or_default()),
        ("repository", source.unwrap_or_default()),
        ("plans", plans.unwrap_or_default().to_owned()),
        ("is looked at", poll.unwrap_or_default()),
        ("model", row.model.clone().unwrap_or_default()),
        (
            "role",
            report.role.clone().unwrap_or_else(|| "by route".to_owned()),
        ),
        ("fits", fits(row)),
        ("sessions", running(row)),
        ("idle timeout", human_span(report.idle_timeout)),
        ("total timeout", human_span(report.total_timeout)),
        ("cost estimate", report.cost_estimate.to_string()),
        ("sees", report.env.join(", ")),
        ("is given", report.set_env.join(", ")),
        ("arguments", report.args.join(" ")),
        ("routes", routes),
        ("now", standing(row).1),
    ]);
}

fn human_span(span: crate::domain::time::DurationMs) -> String {
    humantime::format_duration(span.std()).to_string()
}

/// Answer of `agents add`, `edit` and `rm`.
pub fn agent_changed(report: &AgentChangedReport, page: &mut Page) {
    page.line(format!(
        "{} {} in {}",
        report.done, report.name, report.file
    ));
    if report.done != "removed" {
        page.line(format!(
            "next: `fleet agents test {}`, then commit {}",
            report.name, report.file
        ));
    }
}

/// Answer of `agents test`.
pub fn trial(report: &TrialReport, page: &mut Page) {
    let (word, tone) = if report.working {
        ("works", Tone::Good)
    } else {
        ("does not work", Tone::Bad)
    };
    page.table(0, &[vec![cell(&report.agent, Tone::Id), cell(word, tone)]]);
    let first = report
        .first_event_ms
        .map(|ms| format!(", first sign of life after {ms} ms"))
        .unwrap_or_default();
    let usage = &report.usage;
    let tokens = if usage.total() == 0 {
        "not reported".to_owned()
    } else {
        let cached = usage.cache_read + usage.cache_write;
        format!("{} in, {cached} cached, {} out", usage.input, usage.output)
    };
    page.pairs(&[
        ("how", report.how.clone()),
        ("model", report.model.clone().unwrap_or_default()),
        ("answer", report.answer.clone()),
        ("why not", report.reason.clone().unwrap_or_default()),
        (
            "come back",
            report.retry_at.map(|t| t.to_string()).unwrap_or_default(),
        ),
        ("took", format!("{} ms{first}", report.duration_ms)),
        ("tokens", tokens),
        (
            "cost",
            report.cost.map_or_else(
                || "not known".to_owned(),
                |cost| {
                    let mark = match report.cost_source {
                        CostSource::Estimated => "~",
                        CostSource::Reported | CostSource::Unknown => "",
                    };
                    format!("{mark}{cost}")
                },
            ),
        ),
        ("sandbox", report.sandbox.clone()),
    ]);
}
