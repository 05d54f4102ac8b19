//! One run of the program, as commands see it: the open repository, and the way to answer.

use std::cell::RefCell;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;

use serde::Serialize;

use crate::app::catalog::HasModels;
use crate::app::stream::{StreamReport, StreamRequest};
use crate::app::tracker::desk::{Opened, Place};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::hooks::Hooks;
use crate::app::tracker::import::Files;
use crate::app::tracker::logs::{self, LogsItem, LogsReport, LogsRequest, RunningSession};
use crate::app::tracker::report::Delivery;
use crate::app::tracker::request::Mode;
use crate::app::tracker::secret::HasVault;
use crate::cli::args::Global;
use crate::cli::error::CliError;
use crate::cli::host::{Between, Demo, Edited, Host, TickAround, Windows, Works};
use crate::cli::render::json;
use crate::cli::render::page::Page;
use crate::cli::render::sink::Sink;
use crate::domain::ids::TaskSelector;
use crate::domain::policy::Policy;

/// Largest text that is read from a file or stdin.
const MAX_INPUT_BYTES: u64 = 16 << 20;

/// What `--dry-run` means.
#[must_use]
pub const fn mode(dry_run: bool) -> Mode {
    if dry_run { Mode::DryRun } else { Mode::Do }
}

/// One run.
pub struct Session<'a> {
    host: &'a dyn Host,
    global: Global,
    sink: Sink,
    opened: RefCell<Option<Rc<dyn Opened>>>,
}

impl<'a> Session<'a> {
    /// A run with these options.
    #[must_use]
    pub const fn new(host: &'a dyn Host, global: Global, sink: Sink) -> Self {
        Self {
            host,
            global,
            sink,
            opened: RefCell::new(None),
        }
    }

    /// Whether the answer is JSON.
    #[must_use]
    pub const fn json(&self) -> bool {
        self.global.json
    }

    /// Opens the repository.
    ///
    /// # Errors
    /// As [`Host::open`].
    pub fn open(&self) -> Result<Rc<dyn Opened>, TrackerError> {
        let opened: Rc<dyn Opened> = self.host.open(self.global.directory.as_deref())?.into();
        self.opened.replace(Some(Rc::clone(&opened)));
        Ok(opened)
    }

    /// Tells what is left to be told, once a command ended.
    pub fn close(&self) {
        if let Some(opened) = self.opened.take() {
            opened.remarks().iter().for_each(|remark| self.note(remark));
        }
    }

    /// Lets the user edit a text.
    ///
    /// # Errors
    /// As [`Host::edit`].
    pub fn edit(&self, name: &str, text: &str) -> Result<Edited, String> {
        let dir = self.global.directory.as_deref();
        self.host.edit(dir, name, text)
    }

    /// What an edited text was when it was opened.
    #[must_use]
    pub fn opened(&self, file: &str) -> Option<String> {
        self.host.opened(file)
    }

    /// Deletes the file of an edited text.
    pub fn forget(&self, edited: &str) {
        self.host.forget(edited);
    }

    /// The tick around this process, if there is one.
    #[must_use]
    pub fn tick_around(&self) -> Option<TickAround> {
        self.host.tick_around()
    }

    /// The two streams.
    #[must_use]
    pub const fn sink(&self) -> Sink {
        self.sink
    }

    /// The same run in another directory.
    #[must_use]
    pub fn at(&self, dir: &Path) -> Self {
        let global = Global {
            directory: Some(dir.to_owned()),
            ..self.global.clone()
        };
        Self::new(self.host, global, self.sink)
    }

    /// Opens the repository for a tick.
    ///
    /// # Errors
    /// As [`Host::works`].
    pub fn works(&self, between: Between<'_>) -> Result<Box<dyn Works>, TrackerError> {
        self.host.works(self.global.directory.as_deref(), between)
    }

    /// Opens the secrets.
    ///
    /// # Errors
    /// As [`Host::vault`].
    pub fn vault(&self) -> Result<Box<dyn HasVault>, TrackerError> {
        self.host.vault(self.global.directory.as_deref())
    }

    /// The files that arguments name.
    #[must_use]
    pub fn files(&self) -> Box<dyn Files> {
        self.host.files()
    }

    /// Filters a stream.
    ///
    /// # Errors
    /// As [`Host::stream`].
    pub fn stream(&self, request: &StreamRequest) -> Result<StreamReport, String> {
        self.host.stream(request)
    }

    /// Shows a journal.
    ///
    /// # Errors
    /// As [`Host::logs`].
    pub fn logs(
        &self,
        request: &LogsRequest,
        show: &mut dyn FnMut(LogsItem) -> bool,
    ) -> Result<LogsReport, TrackerError> {
        self.host
            .logs(self.global.directory.as_deref(), request, show)
    }

    /// Sessions that run now.
    ///
    /// # Errors
    /// As [`Session::open`], and as `app::tracker::logs::running`.
    pub fn running(
        &self,
        task: Option<&TaskSelector>,
    ) -> Result<Vec<RunningSession>, TrackerError> {
        let opened = self.open()?;
        logs::running(opened.desk(), task)
    }

    /// Serves an agent program.
    ///
    /// # Errors
    /// As [`Host::mcp`].
    pub fn mcp(&self) -> Result<(), String> {
        self.host.mcp(self.global.directory.as_deref())
    }

    /// The hooks here.
    ///
    /// # Errors
    /// As [`Host::hooks`].
    pub fn hooks(&self) -> Result<(Box<dyn Hooks>, Policy), TrackerError> {
        self.host.hooks(self.global.directory.as_deref())
    }

    /// Terminal windows.
    ///
    /// # Errors
    /// As [`Host::windows`].
    pub fn windows(&self) -> Result<Box<dyn Windows>, String> {
        self.host.windows(self.global.directory.as_deref())
    }

    /// Opens the providers of models.
    ///
    /// # Errors
    /// As [`Host::models`].
    pub fn models(&self) -> Result<Box<dyn HasModels>, TrackerError> {
        self.host.models(self.global.directory.as_deref())
    }

    /// Makes the demonstration.
    ///
    /// # Errors
    /// As [`Host::demo`].
    pub fn demo(&self, dir: Option<&Path>) -> Result<Box<dyn Demo>, String> {
        self.host.demo(dir)
    }

    /// Tells a person something as part of the answer; programs get their JSON at the end.
    ///
    /// # Errors
    /// Stdout refuses; a closed one does not count.
    pub fn say(&self, text: &str) -> Result<(), CliError> {
        if self.global.json {
            return Ok(());
        }
        self.text(&format!("{text}\n"))
    }

    /// Tells a person a page.
    ///
    /// # Errors
    /// As [`Session::say`].
    pub fn page(&self, write: impl FnOnce(&mut Page)) -> Result<(), CliError> {
        if self.global.json {
            return Ok(());
        }
        let mut page = Page::new(self.sink.width());
        write(&mut page);
        self.text(&page.into_text())
    }

    /// Opens the place for set-up and diagnosis.
    ///
    /// # Errors
    /// As [`Host::site`].
    pub fn site(&self) -> Result<Box<dyn Place>, TrackerError> {
        self.host.site(self.global.directory.as_deref())
    }

    /// Answers with `report`: as JSON, or as the page that `human` writes.
    ///
    /// # Errors
    /// Stdout refuses; a closed one does not count.
    pub fn answer<T: Serialize>(
        &self,
        report: &T,
        human: impl FnOnce(&T, &mut Page),
    ) -> Result<(), CliError> {
        let text = if self.global.json {
            json::answer(report)?
        } else {
            let mut page = Page::new(self.sink.width());
            human(report, &mut page);
            page.into_text()
        };
        self.text(&text)
    }

    /// True if programs read the answers.
    pub const fn is_json(&self) -> bool {
        self.global.json
    }

    /// Answers with text as it is.
    ///
    /// # Errors
    /// Stdout refuses; a closed one does not count.
    pub fn text(&self, text: &str) -> Result<(), CliError> {
        self.sink.data(text).map_err(|e| CliError::output(&e))
    }

    /// The same in pieces that follow each other.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn pieces(&self, pieces: &[String]) -> Result<(), CliError> {
        self.sink.pieces(pieces).map_err(|e| CliError::output(&e))
    }

    /// Says something beside the answer.
    pub fn note(&self, text: &str) {
        let text = crate::app::tracker::text::display_safe(text);
        self.sink.words(&format!("note: {text}\n"));
    }

    /// Says if a change is kept locally only.
    pub fn note_delivery(&self, delivery: &Delivery) {
        if let Some(why) = &delivery.unpublished_because {
            self.note(&format!(
                "kept locally, not published yet: {why}; `fleet sync` publishes it"
            ));
        }
    }

    /// Reads the file `name`, or stdin if it is `-`.
    ///
    /// # Errors
    /// It cannot be read, is larger than 16 MiB, or is not UTF-8.
    #[expect(
        clippy::disallowed_methods,
        reason = "reads the file that an argument names"
    )]
    pub fn read_input(&self, name: &str) -> Result<String, CliError> {
        let mut bytes = Vec::new();
        let read = if name == "-" {
            std::io::stdin()
                .lock()
                .take(MAX_INPUT_BYTES + 1)
                .read_to_end(&mut bytes)
        } else {
            std::fs::File::open(name)
                .and_then(|file| file.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes))
        };
        let shown = if name == "-" { "stdin" } else { name };
        read.map_err(|e| CliError::input(shown, &e))?;
        if bytes.len() as u64 > MAX_INPUT_BYTES {
            let error = std::io::Error::other("larger than 16 MiB");
            return Err(CliError::input(shown, &error));
        }
        String::from_utf8(bytes)
            .map_err(|e| CliError::input(shown, &std::io::Error::other(format!("not UTF-8: {e}"))))
    }
}
