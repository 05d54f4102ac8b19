//! Reading: checkpoint + tail → state.

use crate::domain::ids::{TaskNumber, TaskSelector};
use crate::domain::state::State;
use crate::ports::state_repo::{Cache, StateTree, StateView};
use crate::store::checkpoint::{
    ArchiveIndex, FileRef, HEADER_PATH, Header, Luggage, Wanted, all_refs, apply_kept, find_key,
    install, read_refs, refs_of, uncovered,
};
use crate::store::error::StoreError;
use crate::store::layout::Format;
use crate::store::loaded::{Loaded, Scope};
use crate::store::log::{Tail, differing, read_all};
use crate::store::memo::{Memo, RowsOf};
use crate::store::problem::{Problem, ProblemKind};
use crate::store::reach::needs_archive;
use crate::store::snapshot::{self, Bodies, Making};

/// The table of edges; it is the longest after that of tasks.
const EDGES: &str = "deps";

/// Reads a view: the published tree and, if there are any, unpublished local records.
///
/// # Errors
/// The storage cannot be read, or the format is too new to read. Damage is no error: it is in
/// [`Loaded::problems`], and the rest is read. A damaged checkpoint is not used at all: the log is
/// folded instead, which answers with [`Scope::All`].
pub fn load(view: &StateView, scope: Scope) -> Result<Loaded, StoreError> {
    read(view, scope, None, None)
}

/// As [`load`], with what earlier readings of this process have parsed.
///
/// # Errors
/// As [`load`].
pub fn load_again(view: &StateView, scope: Scope, memo: &Memo) -> Result<Loaded, StoreError> {
    read(view, scope, None, Some(memo))
}

/// As [`load`], for readings that decide nothing: live rows may come from a snapshot of exactly
/// this checkpoint, and one is left in `cache` for the next time. Never for a write. Bodies that
/// may be missing are empty then.
///
/// # Errors
/// As [`load`].
pub fn load_cached(
    view: &StateView,
    scope: Scope,
    cache: Option<&dyn Cache>,
    bodies: Bodies,
) -> Result<Loaded, StoreError> {
    read(view, scope, cache.map(|cache| (cache, bodies)), None)
}

fn read(
    view: &StateView,
    scope: Scope,
    cache: Option<(&dyn Cache, Bodies)>,
    memo: Option<&Memo>,
) -> Result<Loaded, StoreError> {
    let format = Format::read(&*view.tree)?;
    let header = match Header::read(&*view.tree, memo)? {
        None => return refold(view, None, memo),
        Some(Err(cause)) => return refold(view, Some((HEADER_PATH, &cause)), memo),
        Some(Ok(header)) => header,
    };
    let tail = read_tail(view, &header, memo)?;
    let reading = Reading {
        tree: &*view.tree,
        header: &header,
        tail: &tail,
        memo,
        cache: match cache {
            Some((cache, bodies)) => Some((cache, snapshot::Key::of(&*view.tree)?, bodies)),
            None => None,
        },
    };
    let (state, luggage, scope) = match reading.state(scope)? {
        Ok(read) => read,
        Err(cause) => return refold(view, Some((HEADER_PATH, &cause)), memo),
    };
    let mut problems = tail.problems.clone();
    problems.extend(luggage.problems.iter().cloned());
    problems.sort();
    problems.dedup();
    Ok(Loaded {
        state,
        problems,
        scope,
        bodies: cache.map_or(Bodies::Read, |(_, bodies)| bodies),
        format,
        newer_checkpoint: header.is_newer(),
        header: Some(header),
        luggage,
        tail,
    })
}

/// More of the state that `loaded` is a part of: what was parsed besides rows is not read again.
///
/// # Errors
/// As [`load`].
pub fn load_more(view: &StateView, loaded: &Loaded, scope: Scope) -> Result<State, StoreError> {
    if let Some(header) = &loaded.header {
        let reading = Reading {
            tree: &*view.tree,
            header,
            tail: &loaded.tail,
            memo: None,
            cache: None,
        };
        if let Ok((state, ..)) = reading.state(scope.clone())? {
            return Ok(state);
        }
    }
    load(view, scope).map(|loaded| loaded.state)
}

/// Reads a view from its log alone, as if there were no checkpoint. A forced checkpoint on this
/// reading repairs whatever was wrong with the old one.
///
/// # Errors
/// As [`load`].
pub fn load_log(view: &StateView) -> Result<Loaded, StoreError> {
    refold(view, None, None)
}

fn refold(
    view: &StateView,
    why: Option<(&str, &str)>,
    memo: Option<&Memo>,
) -> Result<Loaded, StoreError> {
    let format = Format::read(&*view.tree)?;
    let tail = read_all(view, memo)?;
    let state = State::fold(tail.records());
    let mut problems = tail.problems.clone();
    if let Some((path, cause)) = why {
        problems.push(Problem::file(path, ProblemKind::BadCheckpoint, cause));
    }
    problems.sort();
    problems.dedup();
    Ok(Loaded {
        state,
        problems,
        scope: Scope::All,
        bodies: Bodies::Read,
        format,
        newer_checkpoint: Header::newer_at(&*view.tree)?,
        header: None,
        luggage: Luggage::default(),
        tail,
    })
}

/// What the header does not cover, and the local segments that the published tree lacks.
fn read_tail(view: &StateView, header: &Header, memo: Option<&Memo>) -> Result<Tail, StoreError> {
    let mut tail = Tail::default();
    let wanted = uncovered(&*view.tree, &header.covers, &mut tail.problems)?;
    tail.read(&*view.tree, &wanted, true, memo)?;
    if let Some(local) = &view.unpublished {
        let wanted = differing(&*view.tree, &**local, &mut tail.problems)?;
        tail.read(&**local, &wanted, false, memo)?;
    }
    Ok(tail)
}

/// State, what comes along, and the scope that was reached.
type Read = (State, Luggage, Scope);

struct Reading<'a> {
    tree: &'a dyn StateTree,
    header: &'a Header,
    tail: &'a Tail,
    /// What earlier readings parsed.
    memo: Option<&'a Memo>,
    /// Where live rows may be, if this reading decides nothing.
    cache: Option<(&'a dyn Cache, snapshot::Key, Bodies)>,
}

impl Reading<'_> {
    /// The inner error says what is wrong with the checkpoint.
    fn state(&self, scope: Scope) -> Result<Result<Read, String>, StoreError> {
        let index = || ArchiveIndex::read(self.tree, self.header.archive.as_ref());
        Ok(match scope {
            Scope::Header => self
                .assemble(&[], Wanted::All)
                .map(|(s, l)| (s, l, Scope::Header)),
            Scope::Live => match self.live() {
                Ok((state, luggage, true)) => Ok((state, luggage, Scope::Live)),
                Ok((_, _, false)) => index()?.and_then(|index| self.all(&index)),
                Err(cause) => Err(cause),
            },
            Scope::All => index()?.and_then(|index| self.all(&index)),
            Scope::Key(key, tasks) => self.keyed(&key, tasks)?,
            Scope::Tasks(ref tasks) | Scope::WithoutEdges(ref tasks) => match self.tasks(&scope) {
                Ok(Found::Complete(read)) => Ok(*read),
                Ok(Found::Elsewhere(numbers)) => {
                    index()?.and_then(|index| self.with_archived(tasks.clone(), &numbers, &index))
                }
                Ok(Found::NeedsMore) => match self.state(Scope::Live)? {
                    // A handle may name archived work.
                    Ok((state, _, Scope::Live))
                        if self.header.archive.is_some()
                            && tasks.iter().any(|t| state.resolve(t).is_err()) =>
                    {
                        index()?.and_then(|index| self.all(&index))
                    }
                    read => read,
                },
                Err(cause) => Err(cause),
            },
        })
    }

    /// Everything live; false if the tail speaks of archived work.
    fn live(&self) -> Result<(State, Luggage, bool), String> {
        let refs = all_refs(&self.header.tables);
        let (mut state, luggage) = self.cached(&refs)?;
        let enough = self.header.archive.is_none()
            || !needs_archive(&state, self.header.max_number, || self.tail.records());
        self.apply_tail(&mut state);
        Ok((state, luggage, enough))
    }

    /// Live rows, from their snapshot if this reading may use one.
    fn cached(&self, refs: &[(&str, &FileRef)]) -> Result<(State, Luggage), String> {
        let rows = |refs: &[(&str, &FileRef)], bodies: Bodies, making: Option<&Making>| {
            self.rows(refs, bodies.into(), making)
        };
        snapshot::rows(self.cache.as_ref(), refs, rows)
    }

    fn all(&self, index: &ArchiveIndex) -> Result<Read, String> {
        let mut refs = all_refs(&self.header.tables);
        let archived = all_refs(&index.tables);
        let (mut state, mut luggage);
        match &self.cache {
            // What a newer version understands better is applied after all rows, not between them.
            Some((_, _, bodies)) if archived.iter().all(|(table, _)| *table != "unknown") => {
                (state, luggage) = self.cached(&refs)?;
                let rows = read_refs(self.tree, &archived, (*bodies).into(), None)?;
                install(rows, &mut state, &mut luggage);
            }
            _ => {
                refs.extend(archived);
                (state, luggage) = self.rows(&refs, Wanted::All, None)?;
            }
        }
        self.apply_tail(&mut state);
        Ok((state, luggage, Scope::All))
    }

    /// Rows of some files, and the tail on top.
    fn assemble(
        &self,
        refs: &[(&str, &FileRef)],
        wanted: Wanted<'_>,
    ) -> Result<(State, Luggage), String> {
        let (mut state, luggage) = self.rows(refs, wanted, None)?;
        self.apply_tail(&mut state);
        Ok((state, luggage))
    }

    fn rows(
        &self,
        refs: &[(&str, &FileRef)],
        wanted: Wanted<'_>,
        making: Option<&Making>,
    ) -> Result<(State, Luggage), String> {
        let Header {
            clock, max_number, ..
        } = *self.header;
        let memo = self.memo.zip(RowsOf::new(refs, wanted, clock, max_number));
        if let Some(known) = memo.as_ref().and_then(|(memo, of)| memo.rows(of)) {
            return Ok(known);
        }
        let mut state = State::default();
        state.clock = self.header.clock;
        state.max_number = self.header.max_number;
        let mut luggage = Luggage::default();
        install(
            read_refs(self.tree, refs, wanted, making)?,
            &mut state,
            &mut luggage,
        );
        apply_kept(&mut state, &luggage);
        if let Some((memo, of)) = memo {
            memo.keep_rows(of, &state, &luggage);
        }
        Ok((state, luggage))
    }

    fn apply_tail(&self, state: &mut State) {
        for record in self.tail.records() {
            state.apply(record);
        }
    }

    /// The files that hold these tasks, if numbers name them.
    fn tasks(&self, scope: &Scope) -> Result<Found, String> {
        let (wanted, edges) = match scope {
            Scope::Tasks(wanted) => (wanted, true),
            Scope::WithoutEdges(wanted) => (wanted, false),
            _ => return Ok(Found::NeedsMore),
        };
        let mut numbers = Vec::new();
        for selector in wanted {
            match selector {
                TaskSelector::Number(n) => numbers.push(*n),
                TaskSelector::Handle(_) => return Ok(Found::NeedsMore),
            }
        }
        let mut refs = refs_of(&self.header.tables, &numbers);
        refs.retain(|(table, _)| edges || *table != EDGES);
        let (state, luggage) = self.assemble(&refs, Wanted::Numbers(&numbers))?;
        let mut missing = false;
        for n in &numbers {
            let claimants = state.claimants(*n);
            missing |= claimants.is_empty();
            // The tail numbered a task whose row is in another file.
            let unknown = |uid| state.tasks.get(uid).is_none_or(|t| t.added.is_none());
            if claimants.iter().any(unknown) {
                return Ok(Found::NeedsMore);
            }
        }
        if missing && self.header.archive.is_some() {
            return Ok(Found::Elsewhere(numbers));
        }
        Ok(Found::Complete(Box::new((state, luggage, scope.clone()))))
    }

    /// The owner of a key, found by the key table, and some tasks.
    fn keyed(
        &self,
        key: &str,
        mut tasks: Vec<TaskSelector>,
    ) -> Result<Result<Read, String>, StoreError> {
        let owner = match find_key(self.tree, &self.header.tables, key)? {
            Ok(owner) => owner,
            Err(cause) => return Ok(Err(cause)),
        };
        let Some(owner) = owner else {
            // If the tail has the key, the tail has the whole task.
            return self.state(match tasks.is_empty() {
                true => Scope::Header,
                false => Scope::Tasks(tasks),
            });
        };
        if let Some(n) = owner.number() {
            tasks.push(TaskSelector::Number(n));
            let read = self.state(Scope::Tasks(tasks))?;
            let known = |state: &State| {
                let task = state.tasks.get(&owner.task);
                task.is_some_and(|t| t.added.is_some())
            };
            // The tail may have given it another number.
            if !matches!(&read, Ok((state, _, _)) if !known(state)) {
                return Ok(read);
            }
        }
        self.state(Scope::All)
    }

    fn with_archived(
        &self,
        wanted: Vec<TaskSelector>,
        numbers: &[TaskNumber],
        index: &ArchiveIndex,
    ) -> Result<Read, String> {
        let mut refs = refs_of(&self.header.tables, numbers);
        refs.extend(refs_of(&index.tables, numbers));
        let (state, luggage) = self.assemble(&refs, Wanted::Numbers(numbers))?;
        Ok((state, luggage, Scope::Tasks(wanted)))
    }
}

/// What a search for tasks gave.
enum Found {
    /// All there.
    Complete(Box<Read>),
    /// Some number has no live task: the archive may have it.
    Elsewhere(Vec<TaskNumber>),
    /// Not decidable from few files.
    NeedsMore,
}
