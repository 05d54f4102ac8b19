//! Agents that mean harm (security.md A11-A15, A24): nothing of theirs runs, and what they plant is
//! refused by rule.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::yard::{Yard, changed, refused, script, write};

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Configuration that runs a program at every turn.
fn trap(git_dir: &Path, program: &Path) {
    let program = program.display();
    let mut config = fs::read_to_string(git_dir.join("config")).unwrap_or_default();
    config.push_str(&format!(
        "[core]\n\tfsmonitor = {program}\n\thooksPath = {0}\n\tpager = {program}\n\tsshCommand = {program}\n\
         [diff]\n\texternal = {program}\n[filter \"evil\"]\n\tclean = {program}\n\tsmudge = {program}\n\tprocess = {program}\n\
         [gpg]\n\tprogram = {program}\n[include]\n\tpath = /nowhere\n",
        git_dir.join("hooks").display()
    ));
    fs::write(git_dir.join("config"), config).unwrap();
    for hook in [
        "pre-commit",
        "post-index-change",
        "post-checkout",
        "reference-transaction",
        "pre-push",
    ] {
        script(
            &git_dir.join("hooks").join(hook),
            &format!("exec {program}"),
        );
    }
}

#[test]
fn i10_no_program_that_an_agent_planted_runs() {
    let yard = Yard::small();
    let (program, ran) = (yard.path("evil.sh"), yard.path("ran"));
    script(&program, &format!("echo $0 $@ >> {}; cat", ran.display()));
    let imported = yard.round(|dir| {
        trap(&dir.join(".git"), &program);
        write(
            dir,
            ".gitattributes",
            "* filter=evil diff=evil merge=evil\n",
        );
        write(dir, "README.md", "edited\n");
    });
    assert_eq!(
        changed(&imported),
        [".gitattributes 0>100644", "README.md 100644>100644"]
    );
    assert_eq!(yard.show(&imported.tree, "README.md"), "edited");
    // The next agent, perhaps in the same directory, does not meet them either.
    let again = yard.round(|dir| {
        let config = fs::read_to_string(dir.join(".git/config")).unwrap();
        assert!(!config.contains("evil"), "{config}");
    });
    assert_eq!(changed(&again), [""; 0]);
    assert!(!ran.exists(), "{}", fs::read_to_string(&ran).unwrap());
}

#[test]
fn i10_fleets_own_git_dir_is_written_anew_before_each_use() {
    let yard = Yard::small();
    let (program, ran) = (yard.path("evil.sh"), yard.path("ran"));
    script(&program, &format!("echo >> {}; cat", ran.display()));
    let imported = yard.round(|dir| {
        // What an agent without a sandbox can reach.
        let side = dir.parent().unwrap().join("side");
        trap(&side, &program);
        fs::create_dir_all(side.join("info")).unwrap();
        fs::write(side.join("info/attributes"), "* filter=evil\n").unwrap();
        fs::write(side.join("info/exclude"), "*\n").unwrap();
        write(dir, "a", "1\n");
    });
    assert_eq!(changed(&imported), ["a 0>100644"]);
    yard.round(|_| {});
    assert!(!ran.exists());
}

#[test]
fn replacing_the_repository_changes_nothing() {
    let yard = Yard::small();
    let elsewhere = yard.path("elsewhere");
    yard.git(&yard.path(""), &["init", "-q", "elsewhere"]);
    for how in 0..3 {
        let imported = yard.round(|dir| {
            fs::remove_dir_all(dir.join(".git")).unwrap();
            match how {
                0 => write(
                    dir,
                    ".git",
                    &format!("gitdir: {}/.git\n", elsewhere.display()),
                ),
                1 => symlink(elsewhere.join(".git"), dir.join(".git")).unwrap(),
                _ => {}
            }
            write(dir, "a", "1\n");
        });
        assert_eq!(changed(&imported), ["a 0>100644"]);
    }
    assert!(elsewhere.join(".git/HEAD").exists(), "nothing was followed");
}

#[test]
fn what_is_no_plain_file_is_refused_by_name() {
    let yard = Yard::small();
    let before = yard.objects();
    let imported = yard.round(|dir| {
        fifo(&dir.join("pipe"));
        symlink("/etc/passwd", dir.join("absolute")).unwrap();
        symlink("../../../outside", dir.join("src/out")).unwrap();
        symlink(".git/config", dir.join("inner")).unwrap();
        symlink("README.md", dir.join("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.join("sock")).unwrap();
        write(
            dir,
            ".gitmodules",
            "[submodule \"x\"]\n\tpath = x\n\turl = /\n",
        );
        write(dir, "fine", "1\n");
    });
    assert_eq!(
        refused(&imported),
        [
            ".gitmodules: gitmodules",
            "absolute: symlink-out",
            "inner: symlink-out",
            "link: symlink",
            "pipe: fifo",
            "sock: socket",
            "src/out: symlink-out",
        ]
    );
    assert_eq!(yard.objects(), before, "a refused import leaves nothing");
}

#[test]
fn a_file_or_folder_swapped_for_a_link_is_refused_and_not_followed() {
    let yard = Yard::small();
    write(&yard.path("outside"), "lib.rs", "secret\n");
    let imported = yard.round(|dir| {
        fs::remove_dir_all(dir.join("src")).unwrap();
        symlink(yard.path("outside"), dir.join("src")).unwrap();
        fs::remove_file(dir.join("README.md")).unwrap();
        symlink("/etc/hostname", dir.join("README.md")).unwrap();
    });
    assert_eq!(
        refused(&imported),
        ["README.md: symlink-out", "src: symlink-out"]
    );
    assert!(yard.path("outside/lib.rs").exists());
}

#[test]
fn nested_repositories_are_refused_unless_the_project_ignores_them() {
    let yard = Yard::small();
    let imported = yard.round(|dir| {
        for path in ["vendor/x", "target/y", "bare"] {
            fs::create_dir_all(dir.join(path)).unwrap();
        }
        yard.git(&dir.join("vendor/x"), &["init", "-q"]);
        yard.git(&dir.join("target/y"), &["init", "-q"]);
        write(dir, "src/.git", "gitdir: /elsewhere\n");
    });
    assert_eq!(
        refused(&imported),
        [
            "src/.git: nested-repository",
            "vendor/x/.git: nested-repository"
        ]
    );
}

#[test]
fn a_bare_repository_inside_the_tree_is_refused() {
    let yard = Yard::small();
    let before = yard.objects();
    let imported = yard.round(|dir| {
        write(dir, "fixture/HEAD", "ref: refs/heads/main\n");
        write(dir, "fixture/config", "[core]\n\tfsmonitor = evil\n");
        write(dir, "fixture/objects/x", "");
        write(dir, "fixture/refs/x", "");
    });
    assert!(
        refused(&imported).contains(&"fixture/HEAD: nested-repository".to_owned()),
        "{imported:?}"
    );
    assert_eq!(yard.objects(), before);
}

#[test]
fn tricks_with_names_are_refused() {
    let yard = Yard::small();
    let imported = yard.round(|dir| {
        write(dir, ".GIT/config", "x");
        write(dir, "git~1/x", "x");
        write(dir, "a/.g\u{200c}it/x", "x");
        write(dir, "line\nbreak", "x");
        write(dir, "rtl\u{202e}gnp.sh", "x");
        fs::write(dir.join(OsStr::from_bytes(b"bad\xff")), "x").unwrap();
    });
    assert_eq!(
        refused(&imported),
        [
            ".GIT: nested-repository",
            "a/.g\u{200c}it: nested-repository",
            "bad\u{fffd}: not-utf8",
            "git~1: nested-repository",
            "line\nbreak: control-character",
            "rtl\u{202e}gnp.sh: invisible-character",
        ]
    );
}

#[test]
fn names_that_differ_only_in_case_are_refused_when_they_are_new() {
    let yard = Yard::new(&[("src/lib.rs", "1"), ("old", "1"), ("OLD", "2")]);
    let imported = yard.round(|dir| {
        write(dir, "Src/lib.rs", "x");
        write(dir, "src/LIB.rs", "x");
        write(dir, "old", "edited");
    });
    assert_eq!(
        refused(&imported),
        [
            "Src/lib.rs: case-clash with src",
            "src/LIB.rs: case-clash with Src"
        ]
    );
    let accents = yard.round(|dir| {
        write(dir, "caf\u{e9}", "x");
        write(dir, "cafe\u{301}", "x");
    });
    assert_eq!(
        refused(&accents).len(),
        2,
        "an accent in one character or in two"
    );
    let deeper = yard.round(|dir| write(dir, "src/LIB.rs", "x"));
    assert_eq!(refused(&deeper), ["src/LIB.rs: case-clash with src/lib.rs"]);
    let fine = yard.round(|dir| write(dir, "old", "edited"));
    assert_eq!(
        refused(&fine),
        [""; 0],
        "what the project has already is its own affair"
    );
}

#[test]
fn rule_files_that_would_block_or_fill_the_memory_are_refused() {
    let yard = Yard::small();
    for name in [".gitignore", ".gitattributes"] {
        let imported = yard.round(|dir| {
            write(dir, "new/a", "1");
            fifo(&dir.join("new").join(name));
        });
        assert_eq!(refused(&imported), [format!("new/{name}: rule-file")]);
        let imported = yard.round(|dir| {
            let file = fs::File::create(dir.join("src").join(name)).unwrap();
            file.set_len(5 << 30).unwrap();
        });
        assert_eq!(refused(&imported), [format!("src/{name}: rule-file")]);
    }
}

#[test]
fn a_submodule_link_cannot_be_turned_into_a_file() {
    let yard = Yard::small();
    let info = format!("160000,{},sub", yard.head());
    yard.git(&yard.repo, &["update-index", "--add", "--cacheinfo", &info]);
    yard.git(&yard.repo, &["commit", "-qm", "with a submodule"]);
    let imported = yard.round(|dir| {
        let _ = fs::remove_dir(dir.join("sub"));
        write(dir, "sub", "x");
    });
    assert_eq!(refused(&imported), ["sub: gitlink"]);
}
