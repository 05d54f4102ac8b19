//! Graphs of tasks: as a tree of text, as DOT, as Mermaid.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::tracker::report::{EdgeRow, NetworkReport, NodeRow};
use crate::cli::render::human::tracking::effort;
use crate::cli::render::page::{Page, Tone, cell};

fn waits(edge: &EdgeRow) -> bool {
    matches!(
        edge.kind,
        "blocks" | "waits-for" | "on-failure" | "on-close" | "parent-child"
    )
}

/// Which of the two is done first.
fn order(edge: &EdgeRow) -> (&str, &str) {
    if edge.kind == "parent-child" {
        (&edge.from, &edge.to)
    } else {
        (&edge.to, &edge.from)
    }
}

/// A tree: below each task what waits for it. A task that has been shown is named again, without
/// what is below it.
pub fn graph(report: &NetworkReport, page: &mut Page) {
    let nodes: BTreeMap<&str, &NodeRow> = report.nodes.iter().map(|n| (n.id.as_str(), n)).collect();
    let mut below: BTreeMap<&str, Vec<&EdgeRow>> = BTreeMap::new();
    let mut waiting = BTreeSet::new();
    for edge in report.edges.iter().filter(|edge| waits(edge)) {
        let (first, then) = order(edge);
        below.entry(first).or_default().push(edge);
        waiting.insert(then);
    }
    let roots = report
        .nodes
        .iter()
        .filter(|node| !waiting.contains(node.id.as_str()));
    let mut shown = BTreeSet::new();
    for root in roots.clone() {
        tree(&root.id, &nodes, &below, &mut shown, page);
    }
    // Those in a circle have nobody before them.
    for node in &report.nodes {
        if !shown.contains(node.id.as_str()) {
            tree(&node.id, &nodes, &below, &mut shown, page);
        }
    }
    if report.critical_path.len() > 1 {
        page.gap();
        page.line(format!(
            "critical path ({}): {}",
            effort(report.critical_minutes),
            report.critical_path.join(" -> ")
        ));
    }
    if !report.unblocks_most.is_empty() {
        page.gap();
        page.heading("Unblocks most");
        let rows: Vec<_> = report
            .unblocks_most
            .iter()
            .map(|lever| {
                vec![
                    cell(&lever.id, Tone::Id),
                    cell(
                        format!("{} ({} directly)", lever.all, lever.direct),
                        Tone::Plain,
                    ),
                    cell(&lever.title, Tone::Plain),
                ]
            })
            .collect();
        page.table(2, &rows);
    }
}

fn tree<'a>(
    root: &'a str,
    nodes: &BTreeMap<&'a str, &'a NodeRow>,
    below: &BTreeMap<&'a str, Vec<&'a EdgeRow>>,
    shown: &mut BTreeSet<&'a str>,
    page: &mut Page,
) {
    let mut todo: Vec<(usize, &str, &str)> = vec![(0, root, "")];
    while let Some((depth, id, kind)) = todo.pop() {
        let Some(node) = nodes.get(id) else { continue };
        let again = !shown.insert(id);
        let mark = if node.critical { "*" } else { "" };
        let mut cells = vec![cell(format!("{id}{mark}"), Tone::Id)];
        if !kind.is_empty() && kind != "blocks" {
            cells.push(cell(format!("({kind})"), Tone::Dim));
        }
        cells.push(cell(node.phase.replace('_', " "), Tone::Plain));
        let above = if again { " (shown above)" } else { "" };
        cells.push(cell(format!("{}{above}", node.title), Tone::Plain));
        // Far to the right nothing can be read: the depth is told, not drawn, from there on.
        page.table(depth.min(30) * 2, &[cells]);
        if again {
            continue;
        }
        let next = below.get(id).into_iter().flatten().rev();
        todo.extend(next.map(|edge| (depth + 1, order(edge).1, edge.kind)));
    }
}

fn quoted(text: &str) -> String {
    let safe = crate::app::tracker::text::display_safe(text);
    safe.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', " ")
}

/// For Graphviz: an arrow goes from what is done first to what waits for it.
#[must_use]
pub fn dot(report: &NetworkReport) -> String {
    let mut text = String::from("digraph tasks {\n  rankdir=LR;\n  node [shape=box];\n");
    for node in &report.nodes {
        let style = match (node.critical, node.status) {
            (true, _) => ", penwidth=2, color=red",
            (_, "closed") => ", style=dashed",
            _ => "",
        };
        text.push_str(&format!(
            "  \"{}\" [label=\"{}\\n{}\"{style}];\n",
            node.id,
            node.id,
            quoted(&node.title)
        ));
    }
    for edge in &report.edges {
        let (first, then) = order(edge);
        let style = match (edge.critical, waits(edge)) {
            (true, _) => ", color=red",
            (_, false) => ", style=dotted, arrowhead=none",
            _ => "",
        };
        let label = if edge.kind == "blocks" { "" } else { edge.kind };
        text.push_str(&format!(
            "  \"{first}\" -> \"{then}\" [label=\"{label}\"{style}];\n"
        ));
    }
    text.push_str("}\n");
    text
}

/// For Mermaid, which GitHub draws in Markdown.
#[must_use]
pub fn mermaid(report: &NetworkReport) -> String {
    // Ids of tasks have letters that Mermaid reads as operators.
    let key = |id: &str| id.replace('-', "").replace('~', "p");
    let mut text = String::from("graph LR\n");
    for node in &report.nodes {
        let title = crate::app::tracker::text::display_safe(&node.title);
        let title: String = title
            .chars()
            .map(|c| match c {
                '"' | '`' => '\'',
                '\n' => ' ',
                c => c,
            })
            .collect();
        let title = title
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        text.push_str(&format!("  {}[\"{} {title}\"]\n", key(&node.id), node.id));
    }
    for edge in &report.edges {
        let (first, then) = order(edge);
        let arrow = if waits(edge) { "-->" } else { "-.-" };
        let label = if edge.kind == "blocks" {
            String::new()
        } else {
            format!("|{}|", edge.kind)
        };
        text.push_str(&format!("  {} {arrow}{label} {}\n", key(first), key(then)));
    }
    let critical: Vec<_> = report
        .nodes
        .iter()
        .filter(|node| node.critical)
        .map(|node| key(&node.id))
        .collect();
    if !critical.is_empty() {
        text.push_str(&format!(
            "  classDef critical stroke:#c00,stroke-width:2px\n  class {} critical\n",
            critical.join(",")
        ));
    }
    text
}
