//! The published records as they grow: folded once, line by line, and never allowed to change.

use std::sync::Arc;

use fleet::domain::ids::Oid;
use fleet::domain::state::State;
use fleet::ports::memory::MemoryRemote;
use fleet::ports::memory_tree::MemoryTree;
use fleet::store;

use crate::sim::secrecy::tells;

/// Where all files of the state are.
const HOME: &str = ".orchestra/";
const LOG: &str = ".orchestra/log/";

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tip: Option<Oid>,
    tree: MemoryTree,
    state: Arc<State>,
    pub(crate) records: u64,
}

impl Ledger {
    /// Takes in what was published since; says what is wrong with it.
    pub(crate) fn catch_up(&mut self, remote: &MemoryRemote) -> (Arc<State>, Vec<String>) {
        let mut wrong = Vec::new();
        let tip = remote.tip();
        if tip != self.tip {
            let tree = remote.tree();
            for (path, _) in self.tree.files().filter(|(path, _)| path.starts_with(LOG)) {
                if tree.get(path).is_none() {
                    wrong.push(format!("i1: {path} is gone"));
                }
            }
            for (path, _) in tree.files().filter(|(path, _)| !path.starts_with(HOME)) {
                wrong.push(format!(
                    "i10: {path} was written, which is no file of the state"
                ));
            }
            for (path, bytes) in tree.files().filter(|(path, _)| path.starts_with(LOG)) {
                let old = self.tree.get(path).unwrap_or_default();
                match bytes.strip_prefix(old) {
                    Some(new) => wrong.extend(self.take(path, new)),
                    None => wrong.push(format!("i12: published lines of {path} changed")),
                }
            }
            self.tree = tree;
            self.tip = tip;
        }
        (Arc::clone(&self.state), wrong)
    }

    fn take(&mut self, path: &str, new: &[u8]) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut state = std::mem::take(&mut self.state);
        let folded = Arc::make_mut(&mut state);
        for line in new.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").map(std::str::from_utf8);
            match text {
                Some(Ok("")) => {}
                Some(Ok(text)) if tells(text) => {
                    wrong.push(format!("i11: a known secret stands in a record: {text}"));
                }
                Some(Ok(text)) => match store::decode_line(text) {
                    Ok(record) => {
                        folded.apply(&record);
                        self.records += 1;
                    }
                    Err(error) => {
                        wrong.push(format!("i6: damaged line in {path}: {}", error.cause))
                    }
                },
                _ => wrong.push(format!("i6: torn line in {path}")),
            }
        }
        self.state = state;
        wrong
    }
}
