//! What a doctor compares: the state as it is read, and the fold of the whole log.

use fleet::domain::state::State;
use fleet::store::{
    Checkpoint, HistoryOf, ProblemKind, Scope, encode_record, history, load, load_log, verify,
};

use crate::records::{NOON, added, closed};
use crate::support::Log;

const PATH: &str = ".orchestra/log/2026-11/wz-0000.jsonl";

#[test]
fn i14_verify_tells_of_two_records_with_one_id_on_both_sides_of_a_checkpoint() {
    let lines = ["a first title", "b another title"].map(|title| {
        let record = added(5, NOON, None, title);
        encode_record(&record).unwrap() + "\n"
    });
    for (covered, late) in [(0, 1), (1, 0)] {
        let mut store = Log::new("wa");
        store
            .tree
            .set(PATH, Some(lines[covered].clone().into_bytes()));
        store.write(&[added(900, NOON, None, "mine")], Checkpoint::Force);
        assert_eq!(verify(&store.view()).unwrap(), [], "sound until then");
        // The other one comes by another way, after the checkpoint.
        let other = PATH.replace("wz-", "wy-");
        let bytes = lines[late].clone().into_bytes();
        store.tree.set(&other, Some(bytes.clone()));
        let problems = verify(&store.view()).unwrap();
        assert!(
            problems.iter().any(|p| p.what == ProblemKind::DuplicateId),
            "{problems:?}"
        );
        // One of the two wins in a fold of the log, whichever way they came.
        let folded = load_log(&store.view()).unwrap().state;
        let records = history(&store.view(), HistoryOf::All).unwrap();
        assert_eq!(State::fold(&records), folded);
        let title = &folded.tasks[&crate::records::task(5)].title.value;
        assert_eq!(title, "a first title");
        let differs = load(&store.view(), Scope::All).unwrap().state != folded;
        let told = problems
            .iter()
            .any(|p| p.what == ProblemKind::CheckpointDiffers);
        assert_eq!(told, differs, "{problems:?}");
        // Another checkpoint keeps both lines as they are.
        store.write(&[closed(7, 5, NOON)], Checkpoint::Force);
        assert_eq!(store.tree.get(&other).unwrap(), bytes);
        assert_eq!(store.tree.get(PATH).unwrap(), lines[covered].as_bytes());
        let again = verify(&store.view()).unwrap();
        assert!(
            again.iter().any(|p| p.what == ProblemKind::DuplicateId),
            "it stays told: {again:?}"
        );
    }
}
