//! What agents and checks do: they work, late or at once; they fail, ask, lie and leave a mess.

use fleet::domain::ids::SessionUid;
use fleet::domain::money::{MicroUsd, Usage};
use fleet::domain::policy::{AgentSpec, SandboxMode, VerifyCommand};
use fleet::domain::session::{FailureClass, VerifyResult};
use fleet::domain::time::DurationMs;
use fleet::ports::lease::Lease;
use fleet::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest, Runner};
use fleet::ports::sandbox::SandboxError;

use crate::sim::code::{Files, HUGE, LEAK, MARKS};
use crate::sim::policies::SLICE_COST;
use crate::sim::process::Process;
use crate::sim::rng::keyed;
use crate::sim::secrecy::{DISGUISED, SECRET};

/// How the title of a part begins that an agent proposes.
pub(crate) const PART: &str = "Part ";

/// How long an agent works between two of its words.
const SLICE: DurationMs = DurationMs::mins(7);

/// What an agent leaves behind; it depends on the seed and the session alone.
pub(crate) struct Work {
    pub(crate) end: RunEnd,
    pub(crate) outbox: Vec<u8>,
    /// Its last message.
    pub(crate) words: String,
    path: Option<String>,
    content: u64,
}

impl Work {
    /// What it would change, as [`Self::from_patch`] reads it.
    pub(crate) fn as_patch(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        Some(format!("{path} {}", self.content))
    }

    pub(crate) fn from_patch(text: &str) -> Option<Self> {
        let (path, content) = text.split_once(' ')?;
        Some(Self {
            end: RunEnd::Completed,
            outbox: Vec::new(),
            words: String::new(),
            path: Some(path.to_owned()),
            content: content.parse().ok()?,
        })
    }

    /// Puts it among the files that the agent found.
    pub(crate) fn put(&self, files: &mut Files) {
        let Some(path) = &self.path else { return };
        let own = if self.content == HUGE {
            1
        } else {
            self.content
        };
        for marked in files.values_mut().filter(|content| **content == MARKS) {
            *marked = own;
        }
        files.insert(path.clone(), self.content);
    }
}

impl Runner for Process<'_> {
    fn run(
        &self,
        lease: &Lease,
        request: &RunRequest,
        events: &mut dyn FnMut(AgentEvent),
        cancel: &Cancel,
    ) -> RunOutcome {
        self.enter();
        self.runs_foreign_code(lease, request);
        self.sim.run_begins(self, lease);
        let out = self.around("agent", || self.act(lease, request, events, cancel));
        self.sim.run_ends(lease);
        out
    }

    fn verify(
        &self,
        lease: &Lease,
        request: &RunRequest,
        command: &VerifyCommand,
        _: &Cancel,
    ) -> VerifyResult {
        self.runs_foreign_code(lease, request);
        self.around("verify", || {
            let bad =
                self.sim.has_faults() && self.sim.keyed_by(lease.session(), 2).is_multiple_of(8);
            if bad {
                self.sim.count("failed checks");
            }
            VerifyResult {
                command: command.argv.join(" "),
                exit: Some(i32::from(bad)),
                duration_ms: 1,
                tail: if bad {
                    SECRET.to_owned()
                } else {
                    String::new()
                },
            }
        })
    }

    fn end_leftovers(&self, _: SessionUid) -> usize {
        0
    }

    fn admits(&self, _: SandboxMode) -> Result<(), SandboxError> {
        Ok(())
    }

    fn available(&self, _: &AgentSpec) -> Result<(), String> {
        self.enter();
        Ok(())
    }
}

impl Process<'_> {
    fn act(
        &self,
        lease: &Lease,
        request: &RunRequest,
        events: &mut dyn FnMut(AgentEvent),
        cancel: &Cancel,
    ) -> RunOutcome {
        let session = lease.session();
        let (cost, stopped) = self.spend_time(session, events, cancel);
        let mut work = self.work_of(session, &request.task, &request.prompt);
        if stopped {
            work.end = fails(FailureClass::Cancelled);
        } else if work.end == RunEnd::Completed {
            let mut all = self.machine.workspaces.lock().unwrap();
            let (_, files, _) = all.get_mut(&session).expect("it was prepared");
            work.put(files);
        }
        RunOutcome {
            end: work.end,
            agent_session: None,
            model: None,
            usage: Usage::default(),
            cost: Some(cost),
            final_message: work.words,
            duration_ms: 1,
            output_bytes: 5,
            sandbox: "none".to_owned(),
            outbox: work.outbox,
        }
    }

    /// Time passes while it works, and its process does what is due meanwhile. Gives what it cost, and
    /// whether it was stopped.
    fn spend_time(
        &self,
        session: SessionUid,
        events: &mut dyn FnMut(AgentEvent),
        cancel: &Cancel,
    ) -> (MicroUsd, bool) {
        let roll = self.sim.keyed_by(session, 3) % 8;
        let slices = if self.sim.has_faults() {
            [0, 0, 0, 0, 1, 2, 4, 9][roll as usize]
        } else {
            0
        };
        let mut cost = SLICE_COST;
        self.sim.spend(session, SLICE_COST);
        for _ in 0..slices {
            self.around("agent at work", || self.sim.pass(SLICE));
            cost = cost.plus(SLICE_COST);
            self.sim.spend(session, SLICE_COST);
            self.sim.count("turns of waiting ticks");
            events(AgentEvent::Usage {
                usage: Usage::default(),
                cost: Some(cost),
            });
            self.turn.hand_over(events);
            self.enter();
            if cancel.is_asked() {
                self.sim.count("agents stopped");
                return (cost, true);
            }
        }
        (cost, false)
    }

    pub(crate) fn work_of(&self, session: SessionUid, task: &str, prompt: &str) -> Work {
        let roll = self.sim.keyed_by(session, 1);
        let path = match roll / 128 % 4 {
            0 => "src/a".to_owned(),
            1 => "src/b".to_owned(),
            2 => "src/c".to_owned(),
            _ => format!("src/new-{task}"),
        };
        let mut work = Work {
            end: RunEnd::Completed,
            outbox: Vec::new(),
            words: "Done.".to_owned(),
            path: Some(path),
            content: keyed(&[roll, 9]) >> 2,
        };
        hand_over_words(&mut work, prompt, (session, roll));
        let odd = if self.sim.has_faults() { roll % 100 } else { 0 };
        let name = match odd {
            0..50 => return work,
            50..55 => {
                leak(&mut work, roll / 512 % 5);
                "agents that told a secret"
            }
            55..62 => {
                work.path = None;
                work.outbox.clear();
                "agents that did nothing"
            }
            62..70 => {
                work.end = fails(FailureClass::AgentError);
                "agents that failed"
            }
            70..75 => {
                work.end = fails(FailureClass::Timeout);
                "agents that hung"
            }
            75..81 => {
                work.outbox =
                    br#"{"kind":"escalate","context":"Which?","options":["this"]}"#.to_vec();
                "agents that asked"
            }
            81..84 => {
                work.end = RunEnd::Failed {
                    class: FailureClass::RateLimited,
                    reason: "limited".to_owned(),
                    retry_at: Some(self.wall().plus(DurationMs::mins(7))),
                };
                "agents that were limited"
            }
            84..88 => {
                work.path = Some(".orchestra/config.toml".to_owned());
                "agents at protected files"
            }
            88..92 => {
                work.content = HUGE;
                "agents with a huge file"
            }
            92..95 => {
                work.outbox = br#"{"kind":"subtask","title":"And this"}"#.to_vec();
                "agents that proposed"
            }
            _ => {
                work.outbox = b"{\"kind\":\"finding\",\"text\":\"odd\"}\n{\"kind\":\x00".to_vec();
                "agents that talk nonsense"
            }
        };
        self.sim.count(name);
        work
    }
}

fn fails(class: FailureClass) -> RunEnd {
    RunEnd::Failed {
        class,
        reason: "it failed".to_owned(),
        retry_at: None,
    }
}

/// Where words are asked for, they are what it hands over; some change files all the same.
fn hand_over_words(work: &mut Work, prompt: &str, (session, roll): (SessionUid, u64)) {
    let plan = prompt.contains("Hand the plan over as subtasks");
    let words = plan || prompt.contains("is the report that is handed over");
    if words && !(roll / 1024).is_multiple_of(4) {
        work.path = None;
    }
    if plan {
        work.outbox = parts(session, roll / 4096 % 3 + 1);
    }
}

/// A plan: so many parts, each with a title of its own.
fn parts(session: SessionUid, many: u64) -> Vec<u8> {
    let part = |n| format!("{{\"kind\":\"subtask\",\"title\":\"{PART}{n} by {session}\"}}\n");
    (1..=many).map(part).collect::<String>().into_bytes()
}

/// It got hold of a secret, and lets it stand somewhere.
fn leak(work: &mut Work, place: u64) {
    let says = |what: &str| format!("{{{what},\"text\":\"It is {SECRET}.\"}}\n").into_bytes();
    match place {
        0 => work.content = LEAK,
        1 => work.words = format!("I found {DISGUISED} there."),
        2 => work.outbox.extend(says("\"kind\":\"finding\"")),
        3 => work.outbox.extend(says("\"kind\":\"note\"")),
        _ => {
            let asks = format!("{{\"kind\":\"escalate\",\"context\":\"May I use {SECRET}?\"}}\n");
            work.outbox = asks.into_bytes();
        }
    }
}
