//! The forge as a process sees it: it answers late, not at all, or loses its answer. And what people
//! say there.

use fleet::ports::forge::{
    Forge, ForgeError, ForgeRemark, ForgeSaying, ReviewDraft, ReviewFacts, ReviewHandle,
    ReviewWatch,
};

use crate::sim::process::Process;
use crate::sim::world::Sim;

impl Sim {
    /// Says something to fleet on a review.
    pub(crate) fn remark(&self) {
        let open = self.open_pulls();
        if open.is_empty() {
            return;
        }
        let (number, ..) = open[self.below(open.len())];
        let words = [
            "/fleet retry",
            "/fleet retry Mind the docs.",
            "/fleet stop",
            "/fleet status",
            "/fleet help",
            "/fleet answer 1",
            "/fleet budget 5",
            "/fleet dance",
            "/fleet split",
            "/fleet split Two will do.",
        ];
        let text = *self.pick(&words);
        self.count("comments");
        self.tell(|| format!("mia on #{number}: {text}"));
        let at = self.now();
        if let Some(pull) = self.pulls.lock().unwrap().get(number) {
            let key = format!("remark:{number}:{}", pull.remarks.len());
            pull.remarks.push(ForgeRemark {
                key,
                by: "mia".to_owned(),
                text: text.to_owned(),
                at,
            });
        }
    }
}

impl Forge for Process<'_> {
    fn kind(&self) -> &'static str {
        "sim"
    }

    fn observe(&self, watch: &[ReviewWatch]) -> Result<Vec<ReviewFacts>, ForgeError> {
        self.uses_a_right("a look at the forge");
        self.around("forge observe", || {
            if self.sim.fault(60, "forge silences") {
                return Err(unreachable_forge());
            }
            let mut pulls = self.sim.pulls.lock().unwrap();
            if !self.sim.fault(300, "stale answers of the forge") {
                pulls.catch_up();
            }
            let mut seen = pulls.observe(watch);
            if self.sim.fault(40, "answers of the forge that come twice") {
                for facts in &mut seen {
                    facts.feedback.extend(facts.feedback.clone());
                    facts.remarks.extend(facts.remarks.clone());
                }
            }
            if self.sim.fault(30, "reviews that the forge does not show")
                && let Some(facts) = seen.first_mut()
            {
                *facts = ReviewFacts::unknown(facts.number, &facts.branch);
            }
            Ok(seen)
        })
    }

    fn open_or_adopt(&self, draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError> {
        self.uses_a_right("a review");
        self.sim.goes_out("a review's title", &draft.title);
        self.sim.goes_out("a review", &draft.body);
        self.around("forge open", || {
            if self.sim.fault(60, "forge silences") {
                return Err(unreachable_forge());
            }
            let branch = self.sim.agent_branches().remove(&draft.branch);
            let handle = self
                .sim
                .pulls
                .lock()
                .unwrap()
                .open_or_adopt(draft, branch.as_ref());
            if self.sim.fault(60, "forge silences") {
                return Err(unreachable_forge());
            }
            handle
        })
    }

    fn say(&self, saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        self.uses_a_right("a comment");
        self.sim.goes_out("a comment", &saying.text);
        self.around("forge say", || {
            if self.sim.fault(60, "forge silences") {
                return Err(unreachable_forge());
            }
            let mut pulls = self.sim.pulls.lock().unwrap();
            let word = (saying.number, saying.key.clone());
            if !pulls.said.contains(&word) {
                pulls.said.push(word);
            }
            drop(pulls);
            if self.sim.fault(60, "forge silences") {
                return Err(unreachable_forge());
            }
            Ok(Some("https://forge.example/said".to_owned()))
        })
    }
}

pub(crate) fn unreachable_forge() -> ForgeError {
    ForgeError::Unreachable {
        what: "cannot ask the forge".to_owned(),
        cause: "no answer".to_owned(),
    }
}
