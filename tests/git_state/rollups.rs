//! What many small publishes leave on disk: a few packs, from which nothing is lost.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use fleet::ports::state_repo::{Freshness, StateRepo as _};

use crate::sandbox::{FILE, Sandbox, put, read};

/// Names in a folder of the object store that begin and end so.
fn names(dir: &Path, folder: &str, begin: &str, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join(".git/objects").join(folder));
    let paths = entries.into_iter().flatten().map(|e| e.unwrap().path());
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with(begin) && name.ends_with(end)
    };
    let mut found: Vec<PathBuf> = paths.filter(fits).collect();
    found.sort();
    found
}

fn loose(dir: &Path) -> usize {
    let folders = (0..=u8::MAX).map(|first| format!("{first:02x}"));
    folders
        .map(|folder| names(dir, &folder, "", "").len())
        .sum()
}

fn expect_whole(sandbox: &Sandbox, dir: &Path) {
    let (ok, said) = sandbox.try_run(dir, &["fsck", "--strict", "--full", "--no-dangling"]);
    assert!(ok, "{said}");
}

/// Text that gets no smaller.
fn noise(seed: u32, words: u32) -> String {
    (0..words)
        .map(|n| format!("{:08x}", (n + seed * 7_919).wrapping_mul(2_654_435_761)))
        .collect()
}

#[test]
fn many_small_publishes_leave_few_packs_and_every_version_can_be_read() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let before = loose(&dir);
    let repo = sandbox.open(&dir);
    let versions: Vec<(String, String)> = (0..60)
        .map(|n| {
            let text = noise(n, 200 + n * 37 % 2_000);
            (put(&repo, FILE, &text).tip.to_string(), text)
        })
        .collect();
    assert_eq!(loose(&dir), before);
    let packs = names(&dir, "pack", "fleet-", ".pack");
    let sizes: Vec<u64> = packs.iter().map(|p| p.metadata().unwrap().len()).collect();
    assert!((2..=6).contains(&sizes.len()), "{sizes:?}");
    assert_eq!(names(&dir, "pack", "", "").len(), 2 * packs.len());
    expect_whole(&sandbox, &dir);
    for (tip, text) in versions.iter().step_by(7) {
        let found = sandbox.run(&dir, &["show", &format!("{tip}:{FILE}")]);
        assert!(found == *text, "{tip}");
    }
}

#[test]
fn a_view_is_read_on_while_others_roll_up_the_packs_that_it_stands_on() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let (here, there) = (sandbox.open(&dir), sandbox.open(&dir));
    put(&here, FILE, "one\n");
    put(&here, ".orchestra/log/2026-11/bbbb-0000.jsonl", "two\n");
    // Listed by this process, gone with the next publish, and read afterwards.
    let view = here.view(Freshness::Local).unwrap();
    put(&there, FILE, "three\n");
    put(&there, FILE, "four\n");
    assert_eq!(read(&view, FILE).as_deref(), Some("one\n"));
    let newer = here.view(Freshness::Local).unwrap();
    assert_eq!(read(&newer, FILE).as_deref(), Some("four\n"));
    put(&here, FILE, "five\n");
    let newest = there.view(Freshness::Local).unwrap();
    assert_eq!(read(&newest, FILE).as_deref(), Some("five\n"));
    assert_eq!(names(&dir, "pack", "", ".idx").len(), 1);
}

#[test]
fn packs_of_git_are_left_alone_and_beside_one_index_over_all_nothing_is_rolled_up() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    put(&repo, FILE, "one\n");
    sandbox.run(&dir, &["repack", "-q", "-a", "-d"]);
    let of_git = names(&dir, "pack", "pack-", "");
    assert!(!of_git.is_empty());
    assert_eq!(
        names(&dir, "pack", "fleet-", ""),
        [""; 0].map(PathBuf::from)
    );
    put(&repo, FILE, "two\n");
    put(&repo, FILE, "three\n");
    assert_eq!(names(&dir, "pack", "pack-", ""), of_git);
    expect_whole(&sandbox, &dir);

    sandbox.run(&dir, &["multi-pack-index", "write"]);
    let packs = names(&dir, "pack", "", ".pack");
    let before = loose(&dir);
    put(&repo, FILE, "four\n");
    assert_eq!(names(&dir, "pack", "", ".pack"), packs);
    assert!(loose(&dir) > before);
    sandbox.run(&dir, &["multi-pack-index", "verify"]);
    expect_whole(&sandbox, &dir);
}

#[test]
fn a_damaged_pack_is_neither_rolled_up_nor_removed() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    let noise = noise(3, 1_000);
    put(&repo, FILE, &noise);
    put(&repo, FILE, "two\n");
    let [pack] = &names(&dir, "pack", "fleet-", ".pack")[..] else {
        panic!("one pack is there");
    };
    // In the middle of the old file, which nothing needs now.
    let mut bytes = fs::read(pack).unwrap();
    bytes[2_000] ^= 0x10;
    fs::set_permissions(pack, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(pack, &bytes).unwrap();
    let repo = sandbox.open(&dir);
    put(&repo, FILE, "three\n");
    put(&repo, FILE, "four\n");
    assert_eq!(fs::read(pack).unwrap(), bytes);
    assert_eq!(names(&dir, "pack", "fleet-", ".pack").len(), 2);
    let view = sandbox.open(&dir).view(Freshness::Local).unwrap();
    assert_eq!(read(&view, FILE).as_deref(), Some("four\n"));
    // Who looks at everything still finds it.
    let (ok, said) = sandbox.try_run(&dir, &["fsck", "--full"]);
    assert!(!ok, "{said}");
}

#[test]
fn a_pack_without_an_index_is_swept_once_no_process_can_be_about_to_write_it() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    put(&repo, FILE, "one\n");
    let path = |digit: &str| {
        let name = format!("pack/fleet-{}.pack", digit.repeat(40));
        dir.join(".git/objects").join(name)
    };
    for (digit, age) in [("1", 7_200), ("2", 60)] {
        let file = File::create(path(digit)).unwrap();
        let then = SystemTime::now() - Duration::from_secs(age);
        file.set_modified(then).unwrap();
    }
    put(&repo, FILE, "two\n");
    assert!(!path("1").exists());
    assert!(path("2").exists());
}

#[test]
fn an_old_pack_that_could_not_be_removed_is_taken_over_again() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    put(&repo, FILE, "one\n");
    let kept: Vec<(PathBuf, Vec<u8>)> = names(&dir, "pack", "fleet-", "")
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    put(&repo, FILE, "two\n");
    // As after a kill in front of the removal.
    for (path, bytes) in &kept {
        assert!(!path.exists());
        fs::write(path, bytes).unwrap();
    }
    put(&repo, FILE, "three\n");
    assert_eq!(names(&dir, "pack", "", ".pack").len(), 1);
    expect_whole(&sandbox, &dir);
}

#[test]
fn git_and_libgit2_read_on_too_while_packs_are_rolled_up() {
    let sandbox = Sandbox::new();
    let dir = sandbox.init("r");
    let repo = sandbox.open(&dir);
    let tips: Vec<String> = (0..4)
        .map(|n| put(&repo, FILE, &format!("{n}\n")).tip.to_string())
        .collect();
    let library = git2::Repository::open(&dir).unwrap();
    let commit = |tip: &String| library.find_commit(git2::Oid::from_str(tip).unwrap());
    let mut program = Command::new("git")
        .args(["cat-file", "--batch-check"])
        .env_clear()
        .envs(sandbox.git_env())
        .current_dir(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut asked = program.stdin.take().unwrap();
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    // Each has looked into the pack that the next publish takes away.
    for (n, tip) in tips.iter().enumerate() {
        assert!(commit(tip).is_ok(), "{n}");
        writeln!(asked, "{tip}").unwrap();
        let said = said.next().unwrap().unwrap();
        assert!(said.starts_with(&format!("{tip} commit")), "{said}");
        put(&repo, FILE, &format!("again {n}\n"));
    }
    drop(asked);
    assert!(program.wait().unwrap().success());
    assert_eq!(names(&dir, "pack", "", ".pack").len(), 1);
}
