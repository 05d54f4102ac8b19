//! Ctrl-C and polite termination: the first asks running work to stop, the second insists.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use crate::ports::runner::Cancel;

/// Listens while it lives.
#[derive(Debug)]
pub struct Listening {
    handle: Handle,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// Turns SIGINT, SIGTERM and SIGHUP into requests to stop.
///
/// # Errors
/// The system refuses the handlers.
pub fn listen(cancel: Cancel) -> std::io::Result<Listening> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let handle = signals.handle();
    let thread = std::thread::spawn(move || {
        for _ in signals.forever() {
            cancel.ask();
        }
    });
    Ok(Listening {
        handle,
        thread: Some(thread),
    })
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            // It only ever waits for signals, and the handle was closed.
            let _ = thread.join();
        }
    }
}
