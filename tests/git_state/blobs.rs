//! Files of a state are read whole from wherever git keeps them, and damage is named.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use fleet::ports::state_repo::{Freshness, StateRepo as _};

use crate::sandbox::{REMOTE, Sandbox, proposal, won, write};

/// Files of many lengths: around what the header of an object in a pack writes in another number of
/// bytes, and around what is taken in at once from a loose one; alike, so that git makes deltas; one that
/// gets no smaller.
fn files() -> Vec<(String, String)> {
    let lengths = [
        0, 1, 15, 16, 2_047, 2_048, 65_521, 65_522, 65_523, 65_536, 300_000,
    ];
    let noise = |from: u32, count: u32| -> String {
        (from..from + count)
            .map(|n| format!("{:08x}", n.wrapping_mul(2_654_435_761)))
            .collect()
    };
    let mut texts: Vec<String> = lengths.map(|length| "x".repeat(length)).to_vec();
    texts.push(noise(1, 12_000));
    texts.extend((0..30).map(|n| format!("{}\nchanged {n}\n{}", noise(7, 900), noise(99, 300))));
    let path = |n: usize| format!(".orchestra/tasks/{:02}/{n}.jsonl", n % 3);
    (0..).map(path).zip(texts).collect()
}

/// A repository whose state branch holds these files.
fn with_files(sandbox: &Sandbox) -> (PathBuf, Vec<(String, String)>) {
    let dir = sandbox.init("r");
    let files = files();
    let changes: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
    let repo = sandbox.open(&dir);
    let view = repo.view(Freshness::Local).unwrap();
    won(repo.publish(&proposal(&view, &changes, REMOTE)).unwrap());
    (dir, files)
}

/// Makes every object of its packs a loose one.
fn unpack(sandbox: &Sandbox, dir: &Path) {
    let packs = dir.join(".git/objects/pack");
    fs::rename(&packs, dir.join("packs")).unwrap();
    for entry in fs::read_dir(dir.join("packs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "pack") {
            let unpacked = std::process::Command::new("git")
                .args(["unpack-objects", "-q"])
                .env_clear()
                .envs(sandbox.git_env())
                .current_dir(dir)
                .stdin(fs::File::open(path).unwrap())
                .output()
                .unwrap();
            assert!(unpacked.status.success(), "{unpacked:?}");
        }
    }
}

fn expect_files(sandbox: &Sandbox, dir: &Path, files: &[(String, String)], kept: &str) {
    let view = sandbox.open(dir).view(Freshness::Local).unwrap();
    let paths: Vec<String> = files.iter().map(|(path, _)| path.clone()).collect();
    // All at once, as a state is read, and one by one.
    let found = Mutex::new(vec![None; files.len()]);
    let visit = |at: usize, bytes: &[u8]| found.lock().unwrap()[at] = Some(bytes.to_vec());
    view.tree.read_many(&paths, &visit).unwrap();
    for ((path, text), found) in files.iter().zip(found.into_inner().unwrap()) {
        let alone = view.tree.read(path).unwrap();
        for bytes in [found, alone] {
            let same = bytes.is_some_and(|bytes| bytes == text.as_bytes());
            assert!(same, "{kept}: {path} of {} bytes", text.len());
        }
    }
}

#[test]
fn files_are_read_whole_from_wherever_git_keeps_them() {
    let sandbox = Sandbox::new();
    let (dir, files) = with_files(&sandbox);
    expect_files(&sandbox, &dir, &files, "as fleet writes them");
    unpack(&sandbox, &dir);
    expect_files(&sandbox, &dir, &files, "loose");

    let repacked = |config: &str, args: &[&str]| {
        let args = [
            &["-c", config, "repack", "-q", "-a", "-d", "-f", "-F"],
            args,
        ]
        .concat();
        sandbox.run(&dir, &args);
        sandbox.run(&dir, &["prune-packed", "-q"]);
    };
    repacked("core.compression=9", &["--window=0"]);
    expect_files(&sandbox, &dir, &files, "one pack");
    // As they are: the stream is longer than the text.
    repacked("core.compression=0", &["--window=0"]);
    expect_files(&sandbox, &dir, &files, "not compressed");
    repacked("core.compression=9", &["--window=50", "--depth=50"]);
    let packs = sandbox.run(&dir, &["count-objects", "-v"]);
    assert!(
        packs.contains("\ncount: 0\n") || packs.starts_with("count: 0\n"),
        "{packs}"
    );
    expect_files(&sandbox, &dir, &files, "deltas");

    sandbox.run(
        &sandbox.path(""),
        &["clone", "-q", "--shared", "--no-checkout", "r", "lent"],
    );
    sandbox.run(
        &sandbox.path("lent"),
        &["update-ref", "refs/heads/fleet/state", "origin/fleet/state"],
    );
    expect_files(
        &sandbox,
        &sandbox.path("lent"),
        &files,
        "lent by another store",
    );

    // More packs than are looked through, and one index over all of them.
    for n in 0..36 {
        let path = dir.join(".git/more");
        write(&path, &format!("{n}"));
        let id = sandbox.run(&dir, &["hash-object", "-w", "--", path.to_str().unwrap()]);
        write(&dir.join("ids"), &format!("{id}\n"));
        let script = "git pack-objects -q .git/objects/pack/pack <ids";
        let packed = std::process::Command::new("sh")
            .args(["-c", script])
            .env_clear()
            .envs(sandbox.git_env())
            .current_dir(&dir)
            .output()
            .unwrap();
        assert!(packed.status.success(), "{packed:?}");
    }
    expect_files(&sandbox, &dir, &files, "many packs");
    sandbox.run(&dir, &["multi-pack-index", "write"]);
    expect_files(&sandbox, &dir, &files, "an index over many packs");
}

#[test]
fn a_view_outlives_the_packs_that_it_was_made_from() {
    let sandbox = Sandbox::new();
    let (dir, files) = with_files(&sandbox);
    sandbox.run(&dir, &["repack", "-q", "-a", "-d", "-f", "--window=0"]);
    let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
    let (first, text) = &files[12];
    assert_eq!(view.tree.read(first).unwrap().unwrap(), text.as_bytes());
    // What `git gc` does while a command reads.
    sandbox.run(
        &dir,
        &["repack", "-q", "-a", "-d", "-f", "-F", "--window=50"],
    );
    for (path, text) in &files {
        assert_eq!(view.tree.read(path).unwrap().unwrap(), text.as_bytes());
    }
}

#[test]
fn damage_is_named_with_the_file_and_the_next_step() {
    let sandbox = Sandbox::new();
    let (dir, files) = with_files(&sandbox);
    unpack(&sandbox, &dir);
    let (path, _) = &files[11];
    let id = sandbox.run(&dir, &["rev-parse", &format!("fleet/state:{path}")]);
    let object = dir.join(".git/objects").join(&id[..2]).join(&id[2..]);
    let whole = fs::read(&object).unwrap();
    fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).unwrap();
    let said = |bytes: &[u8]| {
        fs::write(&object, bytes).unwrap();
        let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
        let error = view.tree.read(path).unwrap_err();
        assert!(error.path.contains(&**path), "{error:?}");
        error.cause
    };
    let mut turned = whole.clone();
    turned[whole.len() / 2] ^= 0x40;
    let others = [&whole[..whole.len() / 2], b"", b"no stream", &turned];
    for bytes in others {
        let cause = said(bytes);
        assert!(cause.contains("git fsck"), "{cause}");
    }
    fs::write(&object, &whole).unwrap();
    expect_files(&sandbox, &dir, &files, "mended");

    // The folder that holds it, the root and the commit, each without its end.
    let folder = path.rsplit_once('/').unwrap().0;
    let of_folder = format!("fleet/state:{folder}");
    for name in [&*of_folder, "fleet/state^{tree}", "fleet/state"] {
        let id = sandbox.run(&dir, &["rev-parse", name]);
        let object = dir.join(".git/objects").join(&id[..2]).join(&id[2..]);
        let whole = fs::read(&object).unwrap();
        fs::set_permissions(&object, fs::Permissions::from_mode(0o644)).unwrap();
        fs::write(&object, &whole[..whole.len() - 6]).unwrap();
        let said = match sandbox.open(&dir).view(Freshness::Local) {
            Ok(view) => view.tree.read(path).unwrap_err().cause,
            Err(error) => error.to_string(),
        };
        assert!(
            said.contains(&*id) && said.contains("damaged"),
            "{name}: {said}"
        );
        fs::write(&object, &whole).unwrap();
    }
    expect_files(&sandbox, &dir, &files, "mended");

    // In a pack, and its index without its end.
    sandbox.run(&dir, &["repack", "-q", "-a", "-d", "-f", "--window=0"]);
    let ending = |ending: &str| {
        let packs = fs::read_dir(dir.join(".git/objects/pack")).unwrap();
        let mut paths = packs.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|e| e == ending))
            .unwrap()
    };
    let index = ending("idx");
    let bytes = fs::read(&index).unwrap();
    fs::set_permissions(&index, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&index, &bytes[..bytes.len() - 400]).unwrap();
    let view = sandbox.open(&dir).view(Freshness::Local);
    assert!(view.is_err() || view.is_ok_and(|view| view.tree.read(path).is_err()));
    fs::write(&index, &bytes).unwrap();
    let pack = ending("pack");
    let bytes = fs::read(&pack).unwrap();
    fs::set_permissions(&pack, fs::Permissions::from_mode(0o644)).unwrap();
    let mut zeroed = bytes.clone();
    let (from, to) = (bytes.len() / 3, bytes.len() - 20);
    zeroed[from..to].fill(0);
    fs::write(&pack, &zeroed).unwrap();
    let view = sandbox.open(&dir).view(Freshness::Local);
    let read_all = |path: &String| view.as_ref().is_ok_and(|view| view.tree.read(path).is_ok());
    assert!(!files.iter().all(|(path, _)| read_all(path)));
}

#[test]
fn files_that_shrink_to_about_a_half_are_read_from_a_pack() {
    // As long as what is read at first, or a few bytes longer: the rest is at the end of the stream.
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let text = |n: u32| -> String {
        let noise = (0..500).map(|at| (n * 500 + at).wrapping_mul(2_654_435_761));
        let digits: String = noise.map(|noise| format!("{noise:08x}")).collect();
        let others = (0..n).map(|at| char::from(b'!' + u8::try_from((n + at * 7) % 90).unwrap()));
        digits.chars().chain(others).collect()
    };
    let path = |n: u32| format!(".orchestra/tasks/{n}.jsonl");
    let files: Vec<(String, String)> = (0..400).map(|n| (path(n), text(n))).collect();
    let changes: Vec<(&str, &str)> = files.iter().map(|(p, t)| (&**p, &**t)).collect();
    let repo = sandbox.open(&dir);
    let view = repo.view(Freshness::Local).unwrap();
    won(repo.publish(&proposal(&view, &changes, REMOTE)).unwrap());
    expect_files(&sandbox, &dir, &files, "fleet's pack");
    for level in ["core.compression=1", "core.compression=9"] {
        let repack = [
            "-c",
            level,
            "repack",
            "-q",
            "-a",
            "-d",
            "-f",
            "-F",
            "--window=0",
        ];
        sandbox.run(&dir, &repack);
        expect_files(&sandbox, &dir, &files, level);
    }
}
