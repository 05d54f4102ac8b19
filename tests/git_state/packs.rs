//! What many files of one publish become on disk: one pack, as git itself would write it.

use std::fs;

use fleet::ports::state_repo::{Freshness, StateRepo as _};

use crate::sandbox::{REMOTE, Sandbox, proposal, read, won};

#[test]
fn many_files_of_one_publish_are_one_pack_that_git_finds_whole() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    // Of every length that the header of an object writes in another number of bytes, two of them
    // with one content, and one that does not get smaller.
    let lengths = [0, 15, 16, 2_047, 2_048, 300_000];
    let text = |n: usize| match n {
        0..6 => "x".repeat(lengths[n]),
        6 => (0..9_000_u32)
            .map(|n| n.wrapping_mul(2_654_435_761).to_string())
            .collect(),
        _ => format!("file {}\n", n / 2),
    };
    let files: Vec<(String, String)> = (0..120)
        .map(|n| (format!(".orchestra/tasks/{:02}/{n}.jsonl", n % 7), text(n)))
        .collect();
    let changes: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
    let view = repo.view(Freshness::Local).unwrap();
    won(repo.publish(&proposal(&view, &changes, REMOTE)).unwrap());

    let objects = dir.join(".git/objects");
    let packs: Vec<String> = fs::read_dir(objects.join("pack"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(packs.len(), 2, "{packs:?}");
    let index = packs.iter().find(|name| name.ends_with(".idx")).unwrap();
    sandbox.run(
        &dir,
        &["verify-pack", &format!(".git/objects/pack/{index}")],
    );
    let (ok, said) = sandbox.try_run(&dir, &["fsck", "--strict", "--full", "--no-dangling"]);
    assert!(ok, "{said}");
    let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
    for (path, text) in &files {
        assert_eq!(read(&view, path).as_deref(), Some(&**text), "{path}");
    }

    // The same once more, as after a kill behind the pack and before the ref: nothing is in the way.
    sandbox.run(&dir, &["update-ref", "-d", "refs/heads/fleet/state"]);
    let again = sandbox.open(&dir);
    let view = again.view(Freshness::Local).unwrap();
    won(again.publish(&proposal(&view, &changes, REMOTE)).unwrap());
    let (ok, said) = sandbox.try_run(&dir, &["fsck", "--strict", "--full", "--no-dangling"]);
    assert!(ok, "{said}");
}
