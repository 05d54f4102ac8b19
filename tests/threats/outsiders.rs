//! Whose word counts: what an agent proposes waits for a human, and a human admits exactly that text.

use crate::world::{Shape, World};

#[test]
fn threat_admission_what_an_agent_proposes_runs_only_after_a_human_admitted_it() {
    let world = World::new(
        "echo x > $FLEET_TASK.txt\n\
         [ $FLEET_TASK != T-1 ] || printf '{\"kind\":\"subtask\",\"title\":\"Delete everything\",\"body\":\"all of it\"}\\n' >> \"$FLEET_OUTBOX\"",
        Shape::default(),
        &["one"],
    );
    for _ in 0..3 {
        world.ok(&["tick"]);
    }
    assert_eq!((world.runs("T-1"), world.runs("T-2")), (1, 0));
    let ready = world.ok(&["ready", "--explain"]);
    assert!(ready.contains("T-2"), "it is there, and waits: {ready}");
    world.ok(&["admit", "T-2"]);
    world.ok(&["tick"]);
    assert_eq!(world.runs("T-2"), 1);
}
