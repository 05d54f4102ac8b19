//! What confinement adds to the start of a run: `/bin/true`, started as an agent would be, at each level
//! that works here. `cargo bench --bench sandbox`

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fleet::domain::policy::{SandboxMode, SandboxPolicy};
use fleet::ports::sandbox::{Confined, Sandbox as _, SandboxLevel};
use fleet::sandbox::{HostSandbox, SandboxSetup};

/// Timed starts of each level, in rounds, so that what else the machine does hits all alike.
const ROUNDS: usize = 41;

fn main() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let work = dir.path().join("work");
    std::fs::create_dir(&work).expect("a fresh folder");
    let sandboxes = [
        SandboxLevel::None,
        SandboxLevel::Landlock,
        SandboxLevel::Bubblewrap,
    ]
    .map(|ceiling| {
        HostSandbox::new(SandboxSetup {
            exe: env!("CARGO_BIN_EXE_fleet").into(),
            path: std::env::var_os("PATH").unwrap_or_default(),
            home: std::env::var_os("HOME").map(PathBuf::from),
            private: Vec::new(),
            policy: SandboxPolicy::default(),
            ceiling,
        })
    });
    let confined = |mode| Confined {
        mode,
        network: false,
        program: "/bin/true".into(),
        args: Vec::new(),
        env: BTreeMap::new(),
        cwd: work.clone(),
        writable: vec![work.clone()],
        readable: Vec::new(),
        run: "bench".to_owned(),
    };
    let mut rows: Vec<(String, Vec<Duration>, Duration)> = Vec::new();
    for sandbox in &sandboxes {
        let begun = Instant::now();
        let level = sandbox.facts().level;
        rows.push((level.to_string(), Vec::new(), begun.elapsed()));
    }
    rows.push(("off".to_owned(), Vec::new(), Duration::ZERO));
    for _ in 0..ROUNDS {
        for (n, row) in rows.iter_mut().enumerate() {
            let (sandbox, mode) = match sandboxes.get(n) {
                Some(sandbox) => (sandbox, SandboxMode::Auto),
                None => (&sandboxes[0], SandboxMode::Off),
            };
            let begun = Instant::now();
            let launch = sandbox
                .confine(confined(mode))
                .expect("it worked a moment ago");
            let status = Command::new(&launch.program)
                .args(&launch.args)
                .env_clear()
                .current_dir(&launch.cwd)
                .stdin(Stdio::null())
                .status()
                .expect("the program is there");
            drop(launch);
            row.1.push(begun.elapsed());
            assert!(status.success(), "{}: {status}", row.0);
        }
    }
    let mut out = std::io::stdout().lock();
    let mut say = |line: String| writeln!(out, "{line}").expect("standard output is open");
    say("| level | start and end of `/bin/true`, median ms | min | probe, once, ms |".to_owned());
    say("|---|---|---|---|".to_owned());
    let ms = |span: Duration| format!("{:.1}", span.as_secs_f64() * 1000.0);
    for (level, mut times, probe) in rows {
        times.sort();
        let (median, least) = (ms(times[times.len() / 2]), ms(times[0]));
        say(format!("| {level} | {median} | {least} | {} |", ms(probe)));
    }
}
