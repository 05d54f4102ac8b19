use super::world::{World, agent};
use crate::domain::policy::{AgentKind, ApiBounds, Route};
use crate::domain::record::{AgentPaused, Op, TaskAdded, TaskFields};
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::task::Complexity;
use crate::domain::time::DurationMs;
use crate::engine::ready::Board;
use crate::engine::routing::{Load, Routed, Router};
use crate::engine::why::Why;

fn route(w: &World, task: crate::domain::ids::TaskUid, attempt: u32) -> Result<Routed, Vec<Why>> {
    let index = w.index();
    let board = Board::new(&w.state, &index, &w.policy, w.now);
    let load = Load::of(&board, &w.facts);
    Router::new(&board, &board.ready()).route(task, attempt, &load)
}

fn world() -> World {
    let mut w = World::default();
    for name in ["bob", "eve"] {
        w.policy.agents.insert(name.into(), agent(name));
    }
    w
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&s| s.to_owned()).collect()
}

#[test]
fn routes_match_by_type_labels_complexity_paths_and_attempt() {
    let mut w = world();
    w.policy.routes = vec![
        Route {
            types: names(&["review"]),
            agents: names(&["bob"]),
            role: Some("reviewer".into()),
            ..Route::default()
        },
        Route {
            labels: names(&["hot", "ui"]),
            agents: names(&["eve"]),
            model: Some("big".into()),
            ..Route::default()
        },
        Route {
            complexity: vec![Complexity::High],
            agents: names(&["eve"]),
            ..Route::default()
        },
        Route {
            paths: names(&["docs/**"]),
            agents: names(&["bob"]),
            ..Route::default()
        },
        Route {
            from_attempt: 3,
            agents: names(&["eve"]),
            ..Route::default()
        },
        Route {
            agents: names(&["ann"]),
            ..Route::default()
        },
    ];
    let task = |w: &mut World, kind: &str, labels: &[&str], complexity, paths: &[&str]| {
        w.add(TaskAdded {
            set: TaskFields {
                kind: Some(kind.into()),
                complexity: Some(complexity),
                ..TaskFields::default()
            },
            labels: names(labels),
            paths: names(paths),
            ..TaskAdded::default()
        })
    };
    let medium = Complexity::Medium;
    for (kind, labels, complexity, paths, attempt, wanted) in [
        (
            "review",
            &[][..],
            medium,
            &[][..],
            1,
            ("bob", "bob-model", "reviewer"),
        ),
        ("", &["hot", "ui"], medium, &[], 1, ("eve", "big", "writer")),
        ("", &["hot"], medium, &[], 1, ("ann", "ann-model", "writer")),
        (
            "",
            &[],
            Complexity::High,
            &[],
            1,
            ("eve", "eve-model", "writer"),
        ),
        (
            "",
            &[],
            medium,
            &["docs/a.md"],
            1,
            ("bob", "bob-model", "writer"),
        ),
        (
            "",
            &[],
            medium,
            &["src/a.rs"],
            2,
            ("ann", "ann-model", "writer"),
        ),
        (
            "review",
            &[],
            medium,
            &[],
            3,
            ("eve", "eve-model", "writer"),
        ),
    ] {
        let t = task(&mut w, kind, labels, complexity, paths);
        let routed = route(&w, t, attempt).unwrap();
        let got = (
            routed.agent.as_str(),
            routed.model.as_deref().unwrap(),
            routed.role.as_str(),
        );
        assert_eq!(
            got, wanted,
            "{kind} {labels:?} {complexity:?} {paths:?} {attempt}"
        );
    }
}

#[test]
fn a_task_that_names_its_agent_gets_that_one_or_none() {
    let mut w = world();
    let set = TaskFields {
        agent: Some(Some("eve".into())),
        ..TaskFields::default()
    };
    let t = w.add(TaskAdded {
        set,
        ..TaskAdded::default()
    });
    assert_eq!(route(&w, t, 1).unwrap().agent, "eve");
    w.set(
        t,
        TaskFields {
            agent: Some(Some("zed".into())),
            ..TaskFields::default()
        },
    );
    assert_eq!(
        route(&w, t, 1),
        Err(vec![Why::UnknownAgent {
            agent: "zed".into()
        }])
    );
}

#[test]
fn agents_that_cannot_work_are_skipped_and_named() {
    let mut w = world();
    let t = w.task(&[]);
    w.facts
        .agents
        .insert("ann".into(), Err("program ann is not on PATH".into()));
    w.write(Op::AgentPaused(AgentPaused {
        agent: "bob".into(),
        until: w.now.plus(DurationMs::mins(5)),
        reason: "its provider limits it".into(),
        provider: None,
    }));
    let routed = route(&w, t, 1).unwrap();
    assert_eq!(routed.agent, "eve");
    let skipped: Vec<_> = routed.skipped.iter().map(|s| s.why.to_string()).collect();
    assert_eq!(
        skipped[0],
        "agent ann cannot start here: program ann is not on PATH"
    );
    assert!(skipped[1].starts_with("agent bob pauses until 2026-11-21T08:05:00.000Z"));
    w.policy.agents.remove("eve");
    assert_eq!(route(&w, t, 1).unwrap_err().len(), 2);
    w.pass(6);
    assert_eq!(route(&w, t, 1).unwrap().agent, "bob");
}

#[test]
fn the_fit_and_the_free_agent_wins_and_the_explanation_adds_up() {
    let mut w = world();
    w.policy.agents.get_mut("ann").unwrap().fits = vec![Complexity::Low];
    w.policy.agents.get_mut("bob").unwrap().fits = vec![Complexity::High];
    w.policy.agents.get_mut("eve").unwrap().fits = vec![Complexity::Medium];
    let t = w.task(&["src/a.rs"]);
    let routed = route(&w, t, 1).unwrap();
    assert_eq!(routed.agent, "eve");
    assert_eq!(
        routed.explained.iter().map(|f| f.points).sum::<u32>(),
        routed.score
    );
    let shown: Vec<_> = routed
        .explained
        .iter()
        .map(|f| format!("{} {}×{}: {}", f.name, f.weight, f.value, f.note))
        .collect();
    assert_eq!(
        shown,
        [
            "complexity_fit 30×100: eve is fit for medium tasks",
            "file_overlap 30×100: no other ready task names its folders",
            "dependencies 20×0: 0 open tasks wait for it",
            "priority 20×50: priority 2",
            "agent_load 10×100: eve runs 0 of 8",
        ]
    );
    w.policy.agents.remove("eve");
    assert_eq!(
        route(&w, t, 1).unwrap().agent,
        "bob",
        "rather one for harder tasks"
    );
}

#[test]
fn without_agents_or_routes_it_says_what_to_add() {
    let mut w = world();
    let t = w.task(&[]);
    w.policy.routes.clear();
    assert!(
        route(&w, t, 1).unwrap_err()[0]
            .to_string()
            .contains("[[routes]]")
    );
    w.policy.agents.clear();
    assert_eq!(route(&w, t, 1), Err(vec![Why::NoAgents]));
}

#[test]
fn ties_go_to_the_lower_number_and_what_unblocks_others_goes_first() {
    let mut w = world();
    let (a, b, c) = (w.task(&[]), w.task(&[]), w.task(&[]));
    w.dep(c, crate::domain::dep::DepKind::Blocks, b);
    let index = w.index();
    let board = Board::new(&w.state, &index, &w.policy, w.now);
    let ready = board.ready();
    assert_eq!(Router::new(&board, &ready).order(&ready), [b, a]);
}

fn on_acme(w: &mut World, names: &[&str]) {
    for name in names {
        w.policy.agents.get_mut(*name).unwrap().kind = AgentKind::Api {
            provider: "acme".into(),
            bounds: ApiBounds::default(),
        };
    }
}

#[test]
fn a_provider_that_pauses_rests_all_its_agents_and_lets_the_others_go_on() {
    let mut w = world();
    on_acme(&mut w, &["ann", "bob"]);
    let t = w.task(&[]);
    w.fail(t, FailureClass::RateLimited);
    // The run that met it was ann's, and it died before it could say so.
    assert_eq!(w.settled(), ["agent.paused"]);
    let routed = route(&w, t, 2).unwrap();
    assert_eq!(routed.agent, "eve");
    let skipped: Vec<_> = routed.skipped.iter().map(|s| s.why.to_string()).collect();
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    for (line, agent) in skipped.iter().zip(["ann", "bob"]) {
        let start = format!("agent {agent} pauses with its provider acme until ");
        assert!(line.starts_with(&start), "{line}");
        assert!(line.ends_with(": its provider limits it"), "{line}");
    }
    assert_eq!(w.settled(), [""; 0], "a pause is written once");
    w.pass(16);
    assert_eq!(route(&w, t, 2).unwrap().agent, "ann");
}

#[test]
fn agents_of_one_provider_that_met_its_limit_both_make_one_pause() {
    let mut w = world();
    on_acme(&mut w, &["ann", "bob"]);
    let (one, two) = (w.task(&[]), w.task(&[]));
    let bob = TaskFields {
        agent: Some(Some("bob".into())),
        ..TaskFields::default()
    };
    w.set(two, bob);
    let class = FailureClass::RateLimited;
    for session in [w.start(one), w.start(two)] {
        w.finish(session, Outcome::Failed { class }, None, &[]);
    }
    assert_eq!(w.settled(), ["agent.paused"]);
}

#[test]
fn a_pause_follows_the_model_that_a_route_asks_for_and_an_account_of_ones_own_is_left_out() {
    let mut w = world();
    w.write(Op::AgentPaused(AgentPaused {
        agent: "ann".into(),
        until: w.now.plus(DurationMs::mins(5)),
        reason: "too many requests".into(),
        provider: Some("acme".into()),
    }));
    w.policy.routes[0].model = Some("acme/one".into());
    let t = w.task(&[]);
    let whys: Vec<_> = route(&w, t, 1).unwrap_err();
    assert_eq!(whys.len(), 3, "{whys:?}");
    w.policy.agents.get_mut("bob").unwrap().shares = Some("acme-team".into());
    let routed = route(&w, t, 1).unwrap();
    assert_eq!(routed.agent, "bob");
    assert_eq!(routed.provider.as_deref(), Some("acme-team"));
    w.policy.routes[0].model = Some("other/one".into());
    assert_eq!(route(&w, t, 1).unwrap().agent, "ann");
}
