//! `[[routes]]`: which agents take which tasks, with the routes by type that always follow.

use std::collections::BTreeMap;

use crate::config::agents::{check_role, complexities};
use crate::config::reader::{Section, nearest};
use crate::domain::policy::{AgentSpec, Route};

/// The role of each type of task; every agent may take it, those of that role first.
const BY_TYPE: &[(&str, &str)] = &[
    ("architecture", "architect"),
    ("implementation", "writer"),
    ("bug", "writer"),
    ("review", "reviewer"),
    ("testing", "tester"),
    ("documentation", "documenter"),
    ("planning", "planner"),
];

pub(super) fn read(
    top: &Section<'_, '_>,
    agents: &BTreeMap<String, AgentSpec>,
    roles: &BTreeMap<String, String>,
) -> Vec<Route> {
    let sections = top.each("routes", "routes[]");
    let mut routes: Vec<Route> = Vec::new();
    for (at, section) in sections.iter().enumerate() {
        let route = route(at + 1, section, top, agents, roles);
        if routes.iter().any(|other| other.name == route.name) {
            section.bad("name", &format!("another route is called `{}`", route.name));
        }
        routes.push(route);
    }
    routes.extend(BY_TYPE.iter().map(|(kind, role)| Route {
        name: format!("type {kind}"),
        types: vec![(*kind).to_owned()],
        role: Some((*role).to_owned()),
        ..Route::default()
    }));
    // What has any other type is work to be written.
    routes.push(Route {
        name: "any type".to_owned(),
        role: Some("writer".to_owned()),
        ..Route::default()
    });
    routes
}

fn route(
    at: usize,
    section: &Section<'_, '_>,
    top: &Section<'_, '_>,
    agents: &BTreeMap<String, AgentSpec>,
    roles: &BTreeMap<String, String>,
) -> Route {
    let role = section.text("role");
    if let Some(role) = &role {
        check_role(section, role, roles);
    }
    // Agents that are written down but wrong are reported there, not here again.
    let written: Vec<String> = top
        .get("agents")
        .and_then(|value| value.get_ref().as_table())
        .into_iter()
        .flat_map(|table| table.keys().map(|key| key.get_ref().to_string()))
        .collect();
    let named = section.spanned_texts("agents").unwrap_or_default();
    for (name, span) in &named {
        if agents.contains_key(name) || written.contains(name) {
            continue;
        }
        let hint = match nearest(name, written.iter().map(String::as_str)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!(
                "add [agents.{name}], or name one of: {}",
                written.join(", ")
            ),
        };
        let what = format!("there is no agent `{name}`; {hint}");
        section.document.problem(span.clone(), what);
    }
    Route {
        name: section
            .text("name")
            .unwrap_or_else(|| format!("route {at}")),
        types: section.texts("types").unwrap_or_default(),
        labels: section.texts("labels").unwrap_or_default(),
        complexity: complexities(section, "complexity"),
        paths: section.globs("paths").unwrap_or_default(),
        from_attempt: section.number("from_attempt", 1..101).unwrap_or(1),
        agents: named.into_iter().map(|(name, _)| name).collect(),
        role,
        model: section.text("model"),
    }
}
