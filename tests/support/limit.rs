//! Waiting that ends: a program which hangs is a failure of its test, told as one, and killed.

use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long one program may take, on a machine that does much else.
pub(crate) const LIMIT: Duration = Duration::from_secs(180);

/// The end of a program that runs already.
#[track_caller]
pub(crate) fn ended(child: Child) -> Output {
    ended_within(child, LIMIT)
}

/// As [`ended`], with a limit of its own.
#[track_caller]
pub(crate) fn ended_within(child: Child, limit: Duration) -> Output {
    let pid = rustix::process::Pid::from_child(&child);
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody listens any more if it came too late.
        let _ = tell.send(child.wait_with_output());
    });
    match told.recv_timeout(limit) {
        Ok(out) => out.unwrap(),
        Err(_) => {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            panic!("process {pid:?} hangs: it had not ended after {limit:?}");
        }
    }
}

/// [`Command::output`] that ends.
pub(crate) trait Ends {
    /// Runs it to its end; both streams are kept.
    fn ends(&mut self) -> Output;
}

impl Ends for Command {
    #[track_caller]
    fn ends(&mut self) -> Output {
        self.stdout(Stdio::piped()).stderr(Stdio::piped());
        ended(self.spawn().unwrap())
    }
}

#[test]
fn a_program_that_hangs_is_killed_and_told() {
    let mut hangs = Command::new("sleep");
    let child = hangs.arg("1000").spawn().unwrap();
    let id = child.id();
    let limit = Duration::from_millis(50);
    let told = std::panic::catch_unwind(|| ended_within(child, limit));
    let told = told.unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains("hangs"), "{told}");
    // It is a zombie or gone; on a machine that does much else not at once.
    let ends = std::time::Instant::now() + LIMIT;
    let alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    while alive() {
        assert!(std::time::Instant::now() < ends, "{id} is still there");
        std::thread::yield_now();
    }
}
