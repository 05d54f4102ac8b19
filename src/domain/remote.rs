//! Sessions at a service that outlive the tick: their records, how they fold, and what was seen.
//!
//! Every effect on a service has a record before it (the intent) and a way to see afterwards whether
//! it came to be: a created session bears a mark in its title, a message bears one in its text.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::domain::ids::SessionUid;
use crate::domain::money::{MicroUsd, Spent, Usage};
use crate::domain::register::Stamp;
use crate::domain::time::Timestamp;

/// Letters of a mark that come from the claim's nonce.
const MARK_NONCE: usize = 12;

/// The text by which a session at a service is known for ours: `fleet:<session uid>:<nonce>`. It is
/// part of the title, and of the prompt where a service may change titles.
#[must_use]
pub fn mark_of(session: SessionUid, nonce: &str) -> String {
    let short: String = nonce.chars().take(MARK_NONCE).collect();
    format!("fleet:{session}:{short}")
}

/// Payload of `session.remote_intended`: the right to create, published before the request. Only the
/// process that published it may send that request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRemoteIntended {
    /// Which session.
    pub session: SessionUid,
    /// `jules` or `opencode`.
    pub service: String,
    /// What the session at the service is marked with.
    pub mark: String,
    /// Host that holds its workspace, where the service works in one of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// Payload of `session.remote_bound`: the service's own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRemoteBound {
    /// Which session.
    pub session: SessionUid,
    /// The id at the service. `id` of a line is the record's own.
    #[serde(rename = "remote_id")]
    pub id: String,
    /// Where a human looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// Payload of `session.remote_seen`: one look at the service. It bounds the rate of looks, and renews
/// the lease if the service answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRemoteSeen {
    /// Which session.
    pub session: SessionUid,
    /// What it does.
    pub phase: RemotePhase,
    /// Since when it does that, as far as was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase_since: Option<Timestamp>,
    /// One bounded line: what the service says, or why it does not answer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// What it has spent so far, if the service tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
    /// New end of the lease; absent if nothing was heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<Timestamp>,
    /// What of the things told has been seen to have arrived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// The last thing at the service that was read for the journal, by its id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upto: Option<String>,
}

/// Payload of `session.remote_told`: the right to say one thing to the service, published before it
/// is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRemoteTold {
    /// Which session.
    pub session: SessionUid,
    /// What kind.
    pub word: RemoteWord,
    /// What it is about: id of the answer or feedback, of the plan, of the question.
    pub about: String,
}

/// What is said to a running session, or taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoteWord {
    /// The prompt, where a session is created without one.
    Begin,
    /// A plan is approved.
    Approve,
    /// An answer or feedback.
    Message,
    /// Its question was passed on to a human.
    Asked,
}

/// What a session at a service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemotePhase {
    /// It exists and has not been told what to do.
    Empty,
    /// It waits for a machine.
    Queued,
    /// It makes a plan.
    Planning,
    /// Its plan waits to be approved.
    AwaitingApproval,
    /// It asks something.
    AwaitingAnswer,
    /// It works.
    Working,
    /// It rests, by a human's will or the service's.
    Paused,
    /// It ended, and says that the work is done.
    Succeeded,
    /// It ended without.
    Failed,
    /// The service does not show it.
    Missing,
    /// The service does not answer.
    Unreachable,
    /// A word of a newer version, or of the service.
    #[serde(other)]
    Unknown,
}

impl RemotePhase {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Queued => "queued",
            Self::Planning => "planning",
            Self::AwaitingApproval => "awaiting_approval",
            Self::AwaitingAnswer => "awaiting_answer",
            Self::Working => "working",
            Self::Paused => "paused",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Missing => "missing",
            Self::Unreachable => "unreachable",
            Self::Unknown => "unknown",
        }
    }

    /// True if nothing more comes by itself.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// The remote half of a session, folded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Remote {
    /// The newest right to create.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<(SessionRemoteIntended, Stamp)>,
    /// When the first one was published: its time counts from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Stamp>,
    /// The id at the service; the first one wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<(SessionRemoteBound, Stamp)>,
    /// The newest look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<(SessionRemoteSeen, Stamp)>,
    /// What was told last about each thing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, (RemoteWord, Stamp)>,
    /// What of it has arrived.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub heard: BTreeSet<String>,
}

impl Remote {
    /// True if nothing is known: the session is not a remote one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True once a session at a service may exist.
    #[must_use]
    pub const fn is_intended(&self) -> bool {
        self.intended.is_some()
    }

    /// The id at the service.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.bound.as_ref().map(|(bound, _)| bound.id.as_str())
    }

    /// The last thing that was read there.
    #[must_use]
    pub fn upto(&self) -> Option<&str> {
        self.seen.as_ref()?.0.upto.as_deref()
    }

    /// The mark that its session at the service bears.
    #[must_use]
    pub fn mark(&self) -> &str {
        self.intended
            .as_ref()
            .map_or("", |(intended, _)| intended.mark.as_str())
    }

    /// When a record last spoke of it: looks are counted from there.
    #[must_use]
    pub fn touched(&self) -> Option<Stamp> {
        [
            self.intended.as_ref().map(|(_, at)| *at),
            self.bound.as_ref().map(|(_, at)| *at),
            self.seen.as_ref().map(|(_, at)| *at),
        ]
        .into_iter()
        .flatten()
        .max()
    }

    pub(in crate::domain) fn intend(&mut self, p: &SessionRemoteIntended, at: Stamp) {
        if self.intended.as_ref().is_none_or(|(_, old)| at >= *old) {
            self.intended = Some((p.clone(), at));
        }
        self.since = Some(self.since.map_or(at, |old| old.min(at)));
    }

    pub(in crate::domain) fn bind(&mut self, p: &SessionRemoteBound, at: Stamp) {
        if self.bound.as_ref().is_none_or(|(_, old)| at < *old) {
            self.bound = Some((p.clone(), at));
        }
    }

    pub(in crate::domain) fn see(&mut self, p: &SessionRemoteSeen, at: Stamp) {
        self.heard.extend(p.heard.iter().cloned());
        if self.seen.as_ref().is_none_or(|(_, old)| at >= *old) {
            self.seen = Some((p.clone(), at));
        }
    }

    pub(in crate::domain) fn tell(&mut self, p: &SessionRemoteTold, at: Stamp) {
        let last = self.told.get(&p.about).map(|(_, old)| *old);
        if last.is_none_or(|old| at >= old) {
            self.told.insert(p.about.clone(), (p.word, at));
        }
    }
}

/// A plan that waits to be approved, or a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asking {
    /// Its id at the service, so that it is passed on once.
    pub key: String,
    /// What a human must read, bounded.
    pub text: String,
}

/// A session as the service shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteView {
    /// Its id at the service.
    pub id: String,
    /// Where a human looks.
    pub url: Option<String>,
    /// What it does.
    pub phase: RemotePhase,
    /// One line.
    pub detail: String,
    /// Its plan or its question.
    pub asking: Option<Asking>,
    /// What of the things told has arrived.
    pub heard: Vec<String>,
    /// What was said and done after what was read before.
    pub said: Vec<RemoteSaid>,
    /// The last thing that was read, by its id.
    pub upto: Option<String>,
    /// Model that works, if told.
    pub model: Option<String>,
    /// Tokens so far.
    pub usage: Usage,
    /// Money so far, as the service tells it.
    pub cost: Option<MicroUsd>,
    /// Ids of further sessions with the same mark: they came from a request thought lost.
    pub spare: Vec<String>,
}

/// Something that a session said or did, or that was said to it. Texts are bounded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteSaid {
    /// Text for the reader.
    Message(String),
    /// Reasoning.
    Thinking(String),
    /// How far it is, in a line.
    Progress(String),
    /// What was said to it, in a line.
    Heard(String),
    /// What went wrong, in a line.
    Error(String),
    /// How it stands, in a line.
    Status(String),
    /// What it has spent so far.
    Spent(Spent),
    /// A tool was used.
    Tool {
        /// Which.
        name: String,
        /// What it was asked, in a line.
        asked: String,
        /// Whether it worked.
        ok: bool,
        /// What it answered, in a line.
        answered: String,
    },
}

impl RemoteSaid {
    /// Changes every text of it.
    pub fn each_text(&mut self, change: &mut dyn FnMut(&mut String)) {
        match self {
            Self::Message(text)
            | Self::Thinking(text)
            | Self::Progress(text)
            | Self::Heard(text)
            | Self::Error(text)
            | Self::Status(text) => change(text),
            Self::Spent(_) => {}
            Self::Tool {
                name,
                asked,
                answered,
                ..
            } => [name, asked, answered].into_iter().for_each(change),
        }
    }
}

/// What one look at a service gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteSight {
    /// It is there.
    Seen(Box<RemoteView>),
    /// The service answered, and shows no such session (now).
    Missing,
    /// The service did not answer as it should.
    Trouble {
        /// What happened.
        cause: String,
        /// Until when it asked to be left alone.
        until: Option<Timestamp>,
    },
    /// It cannot be asked from here: no key, another machine's workspace, not configured.
    Blind {
        /// What is missing.
        why: String,
    },
}
