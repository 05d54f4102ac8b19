//! The outbox while it is being written: questions, findings and progress are shown when the agent
//! says them. What they mean is decided elsewhere, from the whole outbox, when the run has ended.

use std::fs::OpenOptions;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::agents::cli::lax::{List, Text};
use crate::ports::runner::AgentEvent;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// Most bytes of one look.
const MAX_LOOK_BYTES: u64 = 64 * 1024;
/// Most sayings that are shown; as many as count at the end.
const MAX_SAYINGS: usize = 200;

/// An outbox that is looked into.
pub(crate) struct Outbox {
    path: PathBuf,
    read: u64,
    shown: usize,
    looked: Option<Instant>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    context: Text<'a>,
    #[serde(borrow)]
    options: List<Text<'a>>,
}

impl Outbox {
    /// An empty one.
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            shown: 0,
            looked: None,
        }
    }

    /// What was said since the last look; nothing if that was just now.
    pub(crate) fn news(&mut self) -> Vec<AgentEvent> {
        if self.looked.is_some_and(|t| t.elapsed() < LOOK) {
            return Vec::new();
        }
        self.looked = Some(Instant::now());
        self.look()
    }

    /// What was said since the last look, now.
    pub(crate) fn look(&mut self) -> Vec<AgentEvent> {
        let bytes = self.bytes().unwrap_or_default();
        // A line that is being written is left for the next look.
        let whole = bytes
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        // One that is longer than a look is passed over.
        let stuck = whole == 0 && bytes.len() as u64 == MAX_LOOK_BYTES;
        let used = if stuck { bytes.len() } else { whole };
        self.read += used as u64;
        let text = String::from_utf8_lossy(&bytes[..whole]);
        let events: Vec<AgentEvent> = text
            .lines()
            .filter_map(|line| event(&serde_json::from_str(line).ok()?))
            .take(MAX_SAYINGS - self.shown)
            .collect();
        self.shown += events.len();
        events
    }

    /// A link, a pipe or a folder in its place is no outbox.
    fn bytes(&self) -> Option<Vec<u8>> {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path)
            .ok()?;
        let meta = file.metadata().ok()?;
        if !meta.is_file() || meta.len() <= self.read {
            return None;
        }
        file.seek(SeekFrom::Start(self.read)).ok()?;
        let mut bytes = Vec::new();
        file.take(MAX_LOOK_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

fn event(line: &Line<'_>) -> Option<AgentEvent> {
    let text = line.text.get().to_owned();
    match line.kind.get() {
        "escalate" => Some(AgentEvent::Escalation {
            context: line.context.get().to_owned(),
            options: line.options.0.iter().map(|o| o.get().to_owned()).collect(),
        }),
        "finding" => Some(AgentEvent::Finding { text }),
        "progress" => Some(AgentEvent::Progress { text }),
        "subtask" => Some(AgentEvent::Status {
            text: format!("proposes a task: {}", line.title.get()),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn sayings_come_out_once_each_when_their_line_is_whole() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("outbox.jsonl");
        let mut outbox = Outbox::new(path.clone());
        assert_eq!(outbox.look(), []);
        let mut file = std::fs::File::create(&path).expect("ours");
        file.write_all(b"{\"kind\":\"progress\",\"text\":\"half\"}\nno JSON\n{\"kind\":\"find")
            .expect("ours");
        let half = AgentEvent::Progress {
            text: "half".to_owned(),
        };
        assert_eq!(outbox.look(), [half]);
        file.write_all(b"ing\",\"text\":\"odd\"}\n{\"kind\":\"escalate\",\"context\":\"which?\",\"options\":[\"a\"]}\n").expect("ours");
        let said = outbox.look();
        assert_eq!(said.len(), 2);
        assert_eq!(
            said[0],
            AgentEvent::Finding {
                text: "odd".to_owned()
            }
        );
        assert_eq!(outbox.look(), []);
        std::fs::remove_file(&path).expect("ours");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a fresh link");
        assert_eq!(outbox.look(), []);
    }
}
