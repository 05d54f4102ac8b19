//! What the tracker's use-cases work with, and the one way in which they read and change state.

mod reading;

pub(in crate::app::tracker) use reading::Reading;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;

use crate::app::context::{Context, Minter};
use crate::app::publish::{self, ChangeError, Changed, Decision, How, Terms};
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names;
use crate::app::tracker::report::Delivery;
use crate::app::tracker::request::Mode;
use crate::domain::policy::{Policy, PushMode};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::engine::admission::is_program;
use crate::ports::code_repo::CodeRepo;
use crate::ports::forge_setup::ForgeSetup;
use crate::ports::site::Site;
use crate::ports::state_repo::{Freshness, RemoteState, StateView};
use crate::store::{
    Checkpoint, Loaded, Scope, StoreError, checkpoint_is_due, checkpoint_is_overdue,
};

/// An open repository with its policy.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    /// Ports and identity.
    pub context: Context<'a>,
    /// What the owner decided.
    pub policy: &'a Policy,
    /// What a person should be told beside the answer.
    pub remarks: &'a Remarks,
    /// The process ends with this command: large values are left to the kernel, as giving back the
    /// memory of a large state piece by piece takes as long as answering from it.
    pub one_shot: bool,
    /// Whoever has the actor's name is this one actor: it was given for this purpose, or made up by
    /// this process. The name that git signs with is shared by all programs of a user.
    pub own_name: bool,
    /// The answer goes into the context of an agent: what no human admitted is withheld (R4).
    pub to_agent: bool,
}

/// Sentences for a person that are no part of an answer, each told once.
#[derive(Debug, Default)]
pub struct Remarks(RefCell<BTreeSet<String>>);

impl Remarks {
    /// Adds one.
    pub fn add(&self, text: impl Into<String>) {
        self.0.borrow_mut().insert(text.into());
    }

    /// Takes all.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        self.0.take().into_iter().collect()
    }

    /// Says how much of the state is damaged: nothing is passed over in silence (I6).
    fn damage(&self, loaded: &Loaded) {
        let count = loaded.problems.len();
        if count > 0 {
            let things = if count == 1 { "problem" } else { "problems" };
            let first = &loaded.problems[0];
            self.add(format!(
                "{count} {things} in the state, first {first}; `fleet doctor` shows everything"
            ));
        }
    }
}

/// Something that has a desk.
pub trait Opened {
    /// The desk.
    fn desk(&self) -> Desk<'_>;

    /// The code side, for commands that show what branches change.
    ///
    /// # Errors
    /// The repository cannot be used.
    fn code(&self) -> Result<Box<dyn CodeRepo + '_>, TrackerError>;

    /// What a person should be told, once the work is done.
    fn remarks(&self) -> Vec<String>;
}

/// A repository that may not be set up yet, or not well: for `init` and `doctor`.
pub trait Place {
    /// Facts, the configuration, and files that humans review.
    fn site(&self) -> &dyn Site;

    /// Opens the state with this policy.
    ///
    /// # Errors
    /// The repository cannot be used.
    fn open(&self, policy: Policy) -> Result<Box<dyn Opened + '_>, TrackerError>;

    /// What knows the settings of the forge, or none if it has no settings.
    ///
    /// # Errors
    /// It is not known which repository there is meant, or how it is reached; a sentence.
    fn forge_setup(&self, policy: &Policy) -> Result<Option<Box<dyn ForgeSetup>>, String>;
}

/// What a change came to.
pub(in crate::app::tracker) struct Done<T> {
    pub(in crate::app::tracker) value: T,
    pub(in crate::app::tracker) state: State,
    pub(in crate::app::tracker) delivery: Delivery,
}

fn is_empty(view: &StateView) -> bool {
    view.tip.is_none() && view.unpublished.is_none()
}

impl Desk<'_> {
    /// True if a program works here, and no human: what it writes waits for one (R4).
    #[must_use]
    pub fn by_program(self) -> bool {
        is_program(self.context.actor)
    }

    /// Lets go of a large value: by leaving it to the kernel where the process ends anyway.
    pub fn let_go<T>(self, value: T) {
        if self.one_shot {
            std::mem::forget(value);
        }
    }

    /// Now.
    pub(in crate::app::tracker) fn now(self) -> Timestamp {
        self.context.clock.now()
    }

    /// Refuses to work where nothing was set up.
    pub(in crate::app::tracker) fn ensure_initialised(
        self,
        view: &StateView,
    ) -> Result<(), TrackerError> {
        if is_empty(view) {
            return Err(self.not_initialised(None));
        }
        Ok(())
    }

    fn not_initialised(self, unasked: Option<String>) -> TrackerError {
        TrackerError::NotInitialised {
            branch: self.policy.state.branch.clone(),
            unasked,
        }
    }

    /// Asks the remote once for a state of which nothing is known here: a clone of a single branch,
    /// or one made before fleet was set up elsewhere, never fetched it.
    fn seek(self, known: StateView) -> Result<StateView, TrackerError> {
        let state = &self.policy.state;
        if !is_empty(&known) {
            return Ok(known);
        }
        if known.remote == RemoteState::None {
            return Err(self.not_initialised(None));
        }
        if state.push == PushMode::Never {
            let why = "the remote was not asked, because `sync.push` is \"never\"";
            return Err(self.not_initialised(Some(why.to_owned())));
        }
        let fetched = Freshness::Fetch(state.push_timeout);
        let view = self.context.repo.view(fetched)?;
        match &view.remote {
            RemoteState::Unreachable { cause } => {
                let why = format!("the remote does not answer ({cause})");
                Err(self.not_initialised(Some(why)))
            }
            _ => self.ensure_initialised(&view).map(|()| view),
        }
    }

    /// How far a write goes by `sync.push`.
    pub(in crate::app::tracker) const fn usual_reach(self) -> How {
        let limit = self.policy.state.push_timeout;
        match self.policy.state.push {
            PushMode::Auto => How::Prefer(limit),
            PushMode::Always => How::Must(limit),
            PushMode::Never => How::Local,
        }
    }

    /// Makes a change as far as `sync.push` says. `what` fits after "failed to ".
    pub(in crate::app::tracker) fn change<T>(
        self,
        what: &str,
        scope: Scope,
        mode: Mode,
        decide: impl FnMut(&Loaded, &mut Minter<'_>) -> Result<Decision<T>, TrackerError>,
    ) -> Result<Done<T>, TrackerError> {
        self.change_on(what, &self.usual_terms(scope), mode, decide)
    }

    /// Decided on what is known here, and published as far as `sync.push` says.
    pub(in crate::app::tracker) const fn usual_terms(self, scope: Scope) -> Terms {
        Terms {
            scope,
            freshness: Freshness::Local,
            how: self.usual_reach(),
            checkpoint: Checkpoint::Never,
        }
    }

    /// Decided on what the remote says now, if there is one, and reaches it or fails.
    pub(in crate::app::tracker) const fn sure_terms(self, scope: Scope) -> Terms {
        let limit = self.policy.state.push_timeout;
        Terms {
            scope,
            freshness: Freshness::Fetch(limit),
            how: How::Must(limit),
            checkpoint: Checkpoint::Never,
        }
    }

    /// Makes a change on these terms.
    pub(in crate::app::tracker) fn change_on<T>(
        self,
        what: &str,
        terms: &Terms,
        mode: Mode,
        mut decide: impl FnMut(&Loaded, &mut Minter<'_>) -> Result<Decision<T>, TrackerError>,
    ) -> Result<Done<T>, TrackerError> {
        let mut records = Vec::new();
        let mut overdue = false;
        let mut noted = |loaded: &Loaded, minter: &mut Minter<'_>| {
            self.ensure_known(loaded)?;
            overdue = checkpoint_is_overdue(loaded);
            self.remarks.damage(loaded);
            let decision = decide(loaded, minter)?;
            records = minter
                .records()
                .iter()
                .map(|r| r.op.name().to_owned())
                .collect();
            Ok(decision)
        };
        let mut make = || match mode {
            Mode::Do => publish::change(self.context, terms, &mut noted),
            Mode::DryRun => self.pretend(terms, &mut noted),
        };
        let mut done = make();
        if let Err(ChangeError::Refused(TrackerError::NotInitialised { .. })) = done {
            self.seek(self.context.repo.view(Freshness::Local)?)?;
            done = make();
        }
        let done = done.map_err(|error| self.explain(what, error))?;
        records.extend(done.granted.iter().map(|_| "task.numbered".to_owned()));
        let settled = done.published.as_ref().is_some_and(|it| it.settled);
        if overdue && settled && terms.checkpoint == Checkpoint::Never {
            self.checkpoint();
        }
        let kept = match (&done.kept_locally, &done.published) {
            (Some(cause), _) => Some(cause.clone()),
            (None, Some(published)) if !published.settled => {
                Some("`sync.push` is \"never\"".to_owned())
            }
            _ => None,
        };
        let delivery = Delivery {
            published: kept.is_none() && mode == Mode::Do,
            unpublished_because: kept,
            dry_run: mode == Mode::DryRun,
            records,
        };
        Ok(Done {
            value: done.value,
            state: done.state,
            delivery,
        })
    }

    /// Writes the checkpoint where no tick and no `sync` did for long: readings would cost what ever
    /// happened. A commit of its own, so that the change is told as it was made; if it cannot be made
    /// now, a later change tries again.
    fn checkpoint(self) {
        let (How::Prefer(limit) | How::Must(limit)) = self.usual_reach() else {
            return;
        };
        let terms = Terms {
            scope: Scope::Live,
            freshness: Freshness::Local,
            how: How::Must(limit),
            checkpoint: Checkpoint::IfGrown,
        };
        let _ = publish::change(self.context, &terms, |loaded, _| {
            Ok::<_, Infallible>(match checkpoint_is_due(loaded) {
                true => Decision::write((), "checkpoint"),
                false => Decision::Nothing(()),
            })
        });
    }

    /// Decides once, on what is known, and records nothing.
    fn pretend<T>(
        self,
        terms: &Terms,
        decide: &mut impl FnMut(&Loaded, &mut Minter<'_>) -> Result<Decision<T>, TrackerError>,
    ) -> Result<Changed<T>, ChangeError<TrackerError>> {
        let view = self.context.repo.view(Freshness::Local)?;
        let loaded = self.context.load(&view, terms.scope.clone())?;
        let mut minter = Minter::new(self.context);
        minter.restart(loaded.state.clock);
        let value = match decide(&loaded, &mut minter).map_err(ChangeError::Refused)? {
            Decision::Nothing(value) | Decision::Write { value, .. } => value,
        };
        loaded.writable()?;
        let mut state = loaded.state;
        for record in minter.records() {
            state.apply(record);
        }
        Ok(Changed {
            value,
            state,
            published: None,
            granted: std::collections::BTreeMap::new(),
            kept_locally: None,
            tries: 1,
        })
    }

    fn ensure_known(self, loaded: &Loaded) -> Result<(), TrackerError> {
        if loaded.format.is_some() || loaded.tail_records() > 0 {
            return Ok(());
        }
        // A state that was begun while the remote did not answer is there, but not published.
        self.ensure_initialised(&self.context.repo.view(Freshness::Local)?)
    }

    fn explain(self, what: &str, error: ChangeError<TrackerError>) -> TrackerError {
        let what = what.to_owned();
        match error {
            ChangeError::Refused(TrackerError::UnknownTask { selector, near }) => {
                // The decision read only a part; what looks alike is looked for in everything.
                let all = self.read(Scope::All).ok();
                let near = all.map_or(near, |r| names::near(&r.loaded.state, &selector));
                TrackerError::UnknownTask { selector, near }
            }
            ChangeError::Refused(inner) => inner,
            ChangeError::Store(inner) => inner.into(),
            ChangeError::Repo(inner) => inner.into(),
            ChangeError::Lost { tries, .. } => TrackerError::Lost { what, tries },
            ChangeError::Denied { cause, .. } => TrackerError::Denied { what, cause },
            ChangeError::Unreachable { cause } => TrackerError::Unreachable { what, cause },
        }
    }
}

impl From<StoreError> for TrackerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Read(inner) => inner.into(),
            StoreError::TooNew { .. } | StoreError::NewerFormat { .. } => {
                Self::TooNew(error.to_string())
            }
            StoreError::LineTooLong { .. } => Self::Invalid {
                what: format!("failed to {error}"),
                hint: String::new(),
            },
            StoreError::BadFormat { .. }
            | StoreError::Unreadable { .. }
            | StoreError::DamagedArchive { .. }
            | StoreError::BadRecord { .. }
            | StoreError::BadWriter { .. }
            | StoreError::PartialCheckpoint
            | StoreError::UnsettledCheckpoint => Self::State(error.to_string()),
        }
    }
}
