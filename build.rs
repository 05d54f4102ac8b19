//! What the linker of a release is asked for, so that the program is small.
//!
//! Each wish is tried on an empty program first: a linker or a C library that does not know it links as
//! ever. `FLEET_LINK=plain` asks for nothing, for a program that is to run on older systems than this one.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};

/// Adds to the linker's own script. A panic ends the process in a release (`panic = "abort"`), so nothing
/// ever unwinds, and a backtrace without symbols would say nothing.
const NO_UNWIND_TABLES: &str = "SECTIONS
{
  /DISCARD/ : { *(.eh_frame) *(.eh_frame.*) *(.gcc_except_table) *(.gcc_except_table.*) }
}
INSERT AFTER .comment;
";

/// Stands for the system's library of this name, of which the standard library asks the unwinder.
const UNWINDER_INSIDE: &str = "GROUP ( libgcc_eh.a libgcc.a )\n";

/// Names of functions in the order of their first call; `benches/order.py` makes it.
const HOT: &str = "benches/hot-functions.txt";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=FLEET_LINK");
    let var = |name| env::var(name).unwrap_or_default();
    // Set for every profile that inherits from it, too.
    let release = var("PROFILE") == "release";
    if release && env::var_os("CARGO_FEATURE_PLANTED").is_some() {
        println!(
            "cargo::error=the feature `planted` puts defects in: it is for tests, never for a release"
        );
    }
    let release = release && var("CARGO_CFG_TARGET_OS") == "linux";
    if !release || var("FLEET_LINK") == "plain" {
        return;
    }
    let out = var("OUT_DIR");
    let out = Path::new(&out);
    let script = out.join("no-unwind-tables.ld");
    let written = fs::write(&script, NO_UNWIND_TABLES);
    written.expect("cargo's folder for a build script can be written");
    let script = format!("-Wl,-T,{}", script.display());
    let unwinder = out.join("unwinder");
    let written = fs::create_dir_all(&unwinder)
        .and_then(|()| fs::write(unwinder.join("libgcc_s.so"), UNWINDER_INSIDE));
    written.expect("cargo's folder for a build script can be written");
    let unwinder = format!("-L{}", unwinder.display());
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let hot = Path::new(&root).join(HOT);
    println!("cargo:rerun-if-changed={}", hot.display());
    let hot = format!("-Wl,--symbol-ordering-file={}", hot.display());
    let wishes: [&[&str]; 5] = [
        &[&script, "-Wl,--no-eh-frame-hdr"],
        // Equal functions stand once.
        &["-Wl,--icf=all"],
        // A byte where a relocation of a pointer takes 24 (glibc 2.36).
        &["-Wl,-z,pack-relative-relocs"],
        // A library less to load.
        &[&unwinder],
        // What everyday commands call lies side by side: fewer pages are touched. Only lld can.
        &[&hot, "-Wl,--no-warn-symbol-ordering"],
    ];
    for wish in wishes.into_iter().filter(|wish| works(out, wish)) {
        for arg in wish {
            println!("cargo:rustc-link-arg-bins={arg}");
        }
    }
}

/// Whether an empty program that is linked so, by what will link fleet, can be made and run. What is
/// made for another system cannot be tried and is linked as ever.
fn works(out: &Path, wish: &[&str]) -> bool {
    let var = |name| env::var_os(name).unwrap_or_default();
    if var("HOST") != var("TARGET") {
        return false;
    }
    let (source, program) = (out.join("empty.rs"), out.join("empty"));
    let written = fs::write(&source, "fn main() {}\n");
    written.expect("cargo's folder for a build script can be written");
    let mut command = Command::new(var("RUSTC"));
    command.args(["-C", "panic=abort", "--target"]);
    command.arg(var("TARGET"));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut arg = OsString::from("linker=");
        arg.push(linker);
        command.arg("-C").arg(arg);
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    command.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    for arg in wish {
        command.arg("-C").arg(format!("link-arg={arg}"));
    }
    command.arg("-o").arg(&program).arg(source);
    succeeds(&mut command) && succeeds(&mut Command::new(program))
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null());
    let done = quiet.stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}
