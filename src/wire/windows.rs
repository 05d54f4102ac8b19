//! Journals for whoever looks on, and a terminal window for each running session.

use std::cell::RefCell;
use std::ffi::OsString;

use crate::app::tracker::desk::Opened as _;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::init::first_trouble;
use crate::app::tracker::logs::{LogsItem, LogsReport, LogsRequest, Shelf, logs as show_logs};
use crate::cli::host::Windows;
use crate::machine::host::LocalHost;
use crate::machine::journals::JournalDir;
use crate::machine::tmux::Tmux;
use crate::ports::site::Site as _;
use crate::wire::works::{ci_run, place_digest};
use crate::wire::{ProjectPlace, own_program};

/// Shows the journal of a session.
pub(super) fn logs(
    place: &ProjectPlace,
    request: &LogsRequest,
    show: &mut dyn FnMut(LogsItem) -> bool,
) -> Result<LogsReport, TrackerError> {
    let configured = place.site.configured();
    let policy = configured
        .map_err(|troubles| first_trouble(&troubles))?
        .policy;
    let office = place.office(policy)?;
    let journals = JournalDir::new(place.site.place().owned_dir().join("journals"));
    let shelf = Shelf {
        journals: &journals,
        host: &LocalHost::new(ci_run(&place.env)),
    };
    show_logs(office.desk(), shelf, request, show)
}

/// Windows of a tmux server that this repository has for itself.
pub(super) struct TmuxWindows {
    tmux: Tmux,
    /// `fleet -C <repository>`.
    program: [OsString; 3],
    opened: RefCell<Vec<String>>,
}

impl TmuxWindows {
    /// The server of this repository.
    ///
    /// # Errors
    /// tmux is not installed; a sentence.
    pub(super) fn new(place: &ProjectPlace) -> Result<Self, String> {
        let top = place.site.place().top();
        let socket = format!("fleet-{}", place_digest(place.site.place()));
        let env = place.env.iter();
        let env = env.map(|(name, value)| (name.into(), value.into()));
        Ok(Self {
            tmux: Tmux::find(socket, top.to_path_buf(), env)?,
            program: [
                own_program().into(),
                "-C".into(),
                top.as_os_str().to_owned(),
            ],
            opened: RefCell::default(),
        })
    }
}

impl Windows for TmuxWindows {
    fn open(&self, task: &str, session: &str) -> Result<(), String> {
        let words = ["attach", task, "--session", session];
        let mut program = self.program.to_vec();
        program.extend(words.map(OsString::from));
        let opened = self.tmux.open(task, &program)?;
        self.opened.borrow_mut().extend(opened);
        Ok(())
    }

    fn invitation(&self) -> String {
        self.tmux.invitation()
    }

    fn enter(&self) -> Result<(), String> {
        self.tmux.enter()
    }

    fn close(&self) {
        for id in self.opened.take() {
            self.tmux.close(&id);
        }
    }
}
