//! Journals as files of one folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::domain::ids::SessionUid;
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::journal::{Chunk, JournalError, Journals};
use crate::ports::runner::{AgentEvent, Told};

/// Most bytes of one chunk; a journal has about a megabyte.
const MAX_CHUNK_BYTES: u64 = 4 << 20;
/// From this size on a journal takes no more of what is said.
const MAX_JOURNAL_BYTES: u64 = 1 << 20;
/// Most files that are kept, the youngest ones.
const MAX_FILES: usize = 1_000;
/// End of a journal in which its last count of tokens is looked for.
const TAIL_BYTES: u64 = 16 << 10;
/// Between two looks at a journal that is followed.
const LOOK: Duration = Duration::from_millis(50);

/// A folder of journals, `<session>.jsonl` each.
#[derive(Debug, Clone)]
pub struct JournalDir {
    root: PathBuf,
    /// Most files in the folder.
    most: usize,
}

impl JournalDir {
    /// The folder `root`; it is made when something is written.
    #[must_use]
    pub const fn new(root: PathBuf) -> Self {
        Self {
            root,
            most: MAX_FILES,
        }
    }

    /// Removes the oldest files above the most that are kept.
    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_file() {
                files.push((meta.modified()?, entry.path()));
            }
        }
        files.sort();
        let over = files.len().saturating_sub(self.most);
        files
            .iter()
            .take(over)
            .try_for_each(|(_, path)| fs::remove_file(path))
    }

    fn write(
        &self,
        session: SessionUid,
        task: &str,
        at: Timestamp,
        event: &AgentEvent,
    ) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.root)?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.path(session))?;
        let size = file.metadata()?.len();
        if size >= MAX_JOURNAL_BYTES && !stays(event) {
            return Ok(());
        }
        if size == 0 {
            // A folder that cannot be tidied is no reason not to write.
            let _ = self.prune();
        }
        let (torn, tokens) = tail(&mut file)?;
        let told = Told {
            at,
            session: session.to_string(),
            task: task.to_owned(),
            tokens,
            estimated: false,
            event: event.clone(),
        };
        let mut line = Vec::new();
        // A line that a crash has torn stays alone.
        if torn {
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, &told)?;
        line.push(b'\n');
        file.write_all(&line)
    }
}

/// What a full journal still takes: how a session ends, and how its work is judged.
const fn stays(event: &AgentEvent) -> bool {
    matches!(
        event,
        AgentEvent::SessionFinished { .. } | AgentEvent::Verify { .. }
    )
}

/// Whether the last line is torn, and the tokens that the last whole one names.
fn tail(file: &mut File) -> io::Result<(bool, u64)> {
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))?;
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let torn = bytes.last().is_some_and(|b| *b != b'\n');
    Ok((torn, Told::last_of(&bytes).map_or(0, |told| told.tokens)))
}

impl Journals for JournalDir {
    fn path(&self, session: SessionUid) -> PathBuf {
        self.root.join(format!("{session}.jsonl"))
    }

    fn append(&self, session: SessionUid, task: &str, at: Timestamp, event: &AgentEvent) {
        // The record of the session is what counts; a journal is for those who look on.
        let _ = self.write(session, task, at, event);
    }

    fn read(&self, session: SessionUid, from: u64) -> Result<Option<Chunk>, JournalError> {
        let path = self.path(session);
        let read = || -> io::Result<Option<Chunk>> {
            let mut file = match File::open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) => return Err(e),
            };
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(MAX_CHUNK_BYTES).read_to_end(&mut bytes)?;
            let whole = bytes
                .iter()
                .rposition(|b| *b == b'\n')
                .map_or(0, |at| at + 1);
            bytes.truncate(whole);
            Ok(Some(Chunk {
                text: String::from_utf8_lossy(&bytes).into_owned(),
                next: from + whole as u64,
            }))
        };
        read().map_err(|e| JournalError {
            on: path.display().to_string(),
            cause: e.to_string(),
        })
    }

    fn wait(&self, session: SessionUid, from: u64, limit: DurationMs) {
        let (path, begun) = (self.path(session), Instant::now());
        let size = || fs::metadata(&path).map_or(0, |m| m.len());
        while size() <= from && begun.elapsed() < limit.std() {
            std::thread::sleep(LOOK.min(limit.std()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_session() -> SessionUid {
        let text = "00000000-0000-7000-8000-000000000001";
        text.parse().expect("a uuid")
    }

    fn said(text: &str) -> AgentEvent {
        AgentEvent::Status {
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_journal_is_read_in_whole_lines_and_a_torn_one_stays_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let journals = JournalDir::new(dir.path().join("journals"));
        let session = some_session();
        assert_eq!(journals.read(session, 0), Ok(None));
        journals.append(session, "T-7", Timestamp(1_000), &said("one"));
        let first = journals.read(session, 0).expect("readable").expect("there");
        assert_eq!(first.text.lines().count(), 1);
        let again = journals.read(session, first.next).expect("readable");
        assert_eq!(again.map(|c| c.text), Some(String::new()));
        let mut file = OpenOptions::new()
            .append(true)
            .open(journals.path(session))
            .expect("ours");
        file.write_all(
            br#"{"at":"2026-11-21T00:00:00.000Z","tokens":5,"event":"thinking","text":"x"}"#,
        )
        .expect("ours");
        file.write_all(b"\n{\"at\":").expect("ours");
        journals.append(session, "T-7", Timestamp(2_000), &said("two"));
        let rest = journals
            .read(session, first.next)
            .expect("readable")
            .expect("there");
        let lines: Vec<&str> = rest.text.lines().collect();
        assert_eq!(lines.len(), 3);
        let last: Told = serde_json::from_str(lines[2]).expect("JSON");
        // What fleet says does not take back what was counted.
        assert_eq!((last.tokens, last.event), (5, said("two")));
    }

    #[test]
    fn the_oldest_journals_make_room_for_new_ones() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut journals = JournalDir::new(dir.path().to_owned());
        journals.most = 2;
        for n in 1..=4_u32 {
            let file = File::create(dir.path().join(format!("{n}.jsonl"))).expect("ours");
            let age = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(u64::from(n));
            file.set_modified(age).expect("ours");
        }
        journals.append(some_session(), "T-7", Timestamp(1), &said("new"));
        let mut left: Vec<_> = fs::read_dir(dir.path())
            .expect("ours")
            .map(|e| e.expect("ours").path())
            .collect();
        left.sort();
        assert_eq!(
            left,
            [journals.path(some_session()), dir.path().join("4.jsonl")]
        );
    }

    #[test]
    fn waiting_ends_when_a_line_comes_and_when_time_is_up() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let journals = JournalDir::new(dir.path().to_owned());
        let session = some_session();
        journals.wait(session, 0, DurationMs(60));
        std::thread::scope(|scope| {
            scope.spawn(|| journals.append(session, "T-7", Timestamp(1), &said("x")));
            journals.wait(session, 0, DurationMs::secs(60));
        });
        let chunk = journals.read(session, 0).expect("readable").expect("there");
        assert!(chunk.text.ends_with('\n'));
    }
}
