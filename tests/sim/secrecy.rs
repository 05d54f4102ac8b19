//! I10 and I11 as far as the ports show them: which process may do what, where fleet writes, and that
//! no known secret gets out, whatever agents do with it.

use std::path::Path;
use std::sync::LazyLock;

use fleet::app::tick::Phase;
use fleet::engine::secrets::Scanner;
use fleet::ports::lease::Lease;
use fleet::ports::runner::RunRequest;

use crate::sim::process::Process;
use crate::sim::world::Sim;

/// A secret that fleet knows and that agents get hold of.
pub(crate) const SECRET: &str = "canary-7Yq2Lm9RvXw4";
/// The same in base64.
pub(crate) const DISGUISED: &str = "Y2FuYXJ5LTdZcTJMbTlSdlh3NA==";

/// What knows it. The same for all, and dear to build.
pub(crate) static SECRETS: LazyLock<Scanner> =
    LazyLock::new(|| Scanner::new(&[("THE_TOKEN".to_owned(), SECRET.to_owned())]));

/// Whether a text gives it away.
pub(crate) fn tells(text: &str) -> bool {
    text.contains(SECRET) || text.contains(&DISGUISED[..DISGUISED.len() - 3])
}

impl Sim {
    /// A text leaves the machine.
    pub(crate) fn goes_out(&self, place: &str, text: &str) {
        if tells(text) {
            self.breaks(format!("i11: a known secret stands in {place}: {text}"));
        }
    }

    /// A ref moved by fleet: none but the branches that it makes.
    pub(crate) fn may_move(&self, name: &str) {
        if !name.starts_with("refs/heads/agent/") {
            self.breaks(format!("i10: fleet moved {name}, which is not its own"));
        }
    }
}

impl Process<'_> {
    /// Something that needs a token. The phase that runs agents has none.
    pub(crate) fn uses_a_right(&self, what: &str) {
        if self.phase == Phase::Run {
            self.sim
                .breaks(format!("i10: the phase that runs agents does this: {what}"));
        }
    }

    /// An agent or a check runs, in the workspace of its own session.
    pub(crate) fn runs_foreign_code(&self, lease: &Lease, request: &RunRequest) {
        let session = lease.session();
        if matches!(self.phase, Phase::Claim | Phase::Publish) {
            self.sim.breaks(format!(
                "i10: session {session} runs in phase {:?}, which holds the token",
                self.phase
            ));
        }
        let own = Path::new("/sim").join(session.to_string());
        let places = [
            &request.workdir,
            &request.home,
            &request.tmp,
            &request.outbox,
        ];
        if !places.iter().all(|place| place.starts_with(&own)) {
            self.sim
                .breaks(format!("i10: session {session} is led out of {own:?}"));
        }
        let all = self.machine.workspaces.lock().unwrap();
        if all.get(&session).is_none_or(|(.., pid)| *pid != self.pid) {
            self.sim.breaks(format!(
                "i10: session {session} runs in no workspace of its own"
            ));
        }
    }

    /// A name in fleet's own folder leads nowhere else.
    pub(crate) fn stays_inside(&self, name: &str) {
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if name.split('/').any(odd) {
            self.sim
                .breaks(format!("i10: {name} is no name in the hand-over folder"));
        }
    }
}
