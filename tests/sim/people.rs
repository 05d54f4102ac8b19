//! What people do: tasks, answers, reviews, branches.

use std::convert::Infallible;
use std::sync::atomic::Ordering;

use fleet::app::context::Context;
use fleet::app::publish::{Decision, How, Terms, change};
use fleet::domain::dep::DepKind;
use fleet::domain::ids::{Oid, RecordId, TaskUid};
use fleet::domain::record::{
    CloseOutcome, DepEdge, EscalationAnswered, Op, TaskAdded, TaskAdmitted, TaskClosed, TaskFields,
    TaskUpdated,
};
use fleet::domain::review::FeedbackKind;
use fleet::domain::state::State;
use fleet::domain::task::Deliverable;
use fleet::domain::time::{DurationMs, Moment, Timestamp};
use fleet::engine::admission::{admission_hash, is_admitted};
use fleet::ports::clock::{Clock, Ids};
use fleet::ports::forge::{ForgeFeedback, ForgeState};
use fleet::ports::memory::Fault;
use fleet::ports::state_repo::{
    Freshness, Proposal, PublishOutcome, Reach, RefChange, StateRepo, StateRepoError, StateView,
};
use fleet::store::{Checkpoint, Scope};

use crate::sim::world::{LIMIT, Sim};

impl Sim {
    /// Publishes what a person decides on the newest state; true if it was acknowledged.
    fn write(&self, subject: &str, decide: impl Fn(&State) -> Vec<Op>) -> Option<Vec<RecordId>> {
        let people = People(self);
        let context = Context {
            repo: &people,
            clock: &people,
            ids: &people,
            actor: "human:mia",
            run: "mia",
            memo: &self.memo,
        };
        let terms = Terms {
            scope: Scope::All,
            freshness: Freshness::Fetch(LIMIT),
            how: How::Prefer(LIMIT),
            // What is written down is read faster, and is compared with the log at the end.
            checkpoint: match !self.has_faults() || self.fault(100, "checkpoints") {
                true => Checkpoint::Force,
                false => Checkpoint::IfGrown,
            },
        };
        let changed = change(context, &terms, |loaded, minter| {
            let ids: Vec<_> = decide(&loaded.state)
                .into_iter()
                .map(|op| minter.add(op))
                .collect();
            Ok::<_, Infallible>(if ids.is_empty() {
                Decision::Nothing(ids)
            } else {
                Decision::write(ids, subject)
            })
        });
        match changed {
            Ok(changed) => {
                let kept = changed.kept_locally.is_some();
                self.tell(|| format!("mia: {subject}{}", if kept { ", kept here" } else { "" }));
                if kept {
                    self.count("writes kept locally");
                }
                let mut acknowledged = self.acknowledged.lock().unwrap();
                let mut kept = self.kept.lock().unwrap();
                for (task, number) in &changed.granted {
                    acknowledged.insert(*task, Some(number.to_string()));
                }
                if changed.published.is_some_and(|published| published.settled) {
                    for task in std::mem::take(&mut *kept) {
                        acknowledged.entry(task).or_insert(None);
                    }
                }
                Some(changed.value)
            }
            Err(error) => {
                self.breaks(format!("a person cannot {subject}: {error}"));
                None
            }
        }
    }

    pub(crate) fn add(&self) {
        let globs = [vec![], vec!["src/a"], vec!["src/b"], vec!["src/**"]];
        let paths = &globs[self.below(4)];
        let after = self.below(3) == 0;
        let (pick, way) = (self.below(50), self.below(6));
        let deliverable = [Some(Deliverable::Plan), Some(Deliverable::Report)];
        let deliverable = deliverable.get(self.below(12)).copied().flatten();
        let title = format!("Do it, {}", self.adds.fetch_add(1, Ordering::SeqCst));
        let added = self.write("add a task", |_| {
            vec![Op::TaskAdded(TaskAdded {
                set: TaskFields {
                    title: Some(title.clone()),
                    deliverable,
                    ..TaskFields::default()
                },
                paths: paths.iter().map(|p| (*p).to_owned()).collect(),
                admitted: true,
                ..TaskAdded::default()
            })]
        });
        let Some(id) = added.and_then(|ids| ids.first().copied()) else {
            return;
        };
        let task = TaskUid::created_by(id);
        // What is not published yet will be with the next write that reaches the remote.
        if !self.acknowledged.lock().unwrap().contains_key(&task) {
            self.kept.lock().unwrap().push(task);
        }
        if after {
            let kind = if way == 0 {
                DepKind::WaitsFor
            } else {
                DepKind::Blocks
            };
            self.write("add an edge", |state| {
                let older: Vec<_> = state.tasks.keys().filter(|uid| **uid < task).collect();
                let to = (!older.is_empty()).then(|| *older[pick % older.len()]);
                to.map(|to| {
                    Op::DepAdded(DepEdge {
                        from: task,
                        to,
                        kind,
                    })
                })
                .into_iter()
                .collect()
            });
        }
    }

    pub(crate) fn close(&self) {
        let pick = self.below(50);
        self.write("close a task", |state| {
            let open: Vec<_> = state.tasks.iter().filter(|(_, t)| t.is_open()).collect();
            if open.is_empty() {
                return Vec::new();
            }
            vec![Op::TaskClosed(TaskClosed {
                task: *open[pick % open.len()].0,
                outcome: CloseOutcome::Wontdo,
                reason: String::new(),
            })]
        });
    }

    pub(crate) fn answer(&self, all: bool) {
        let pick = self.below(50);
        self.write("answer", |state| {
            let open: Vec<_> = state
                .escalations
                .iter()
                .filter(|(_, e)| e.is_open())
                .collect();
            let few: Vec<_> = if all || open.is_empty() {
                open
            } else {
                vec![open[pick % open.len()]]
            };
            few.into_iter()
                .map(|(uid, e)| {
                    let options = &e.opened.as_ref().expect("it is open").0.options;
                    let answer = options.first().cloned();
                    Op::EscalationAnswered(EscalationAnswered {
                        escalation: *uid,
                        answer: answer.unwrap_or_else(|| "go on".to_owned()),
                    })
                })
                .collect()
        });
    }

    pub(crate) fn admit(&self) {
        self.write("admit all", |state| {
            let waits = state
                .tasks
                .iter()
                .filter(|(_, t)| t.is_open() && !is_admitted(t));
            waits
                .map(|(uid, task)| {
                    self.admitted.lock().unwrap().insert(*uid);
                    Op::TaskAdmitted(TaskAdmitted {
                        task: *uid,
                        sha256: admission_hash(task),
                    })
                })
                .collect()
        });
    }

    /// Takes back what somebody said with `/fleet stop`.
    pub(crate) fn lift_holds(&self) {
        self.write("lift holds", |state| {
            let held = state
                .tasks
                .iter()
                .filter(|(_, task)| task.is_open() && task.details.held_by.value.is_some());
            held.map(|(uid, _)| {
                Op::TaskUpdated(TaskUpdated::of(
                    *uid,
                    TaskFields {
                        held_by: Some(None),
                        ..TaskFields::default()
                    },
                ))
            })
            .collect()
        });
    }

    /// Deletes an agent's branch, which closes its review.
    pub(crate) fn delete_branch(&self) {
        let branches: Vec<_> = self.agent_branches().into_keys().collect();
        let Some(name) = branches.get(self.below(branches.len())) else {
            return;
        };
        self.count("branches deleted");
        self.tell(|| format!("mia deletes {name}"));
        self.remote.delete_ref(&format!("refs/heads/{name}"));
        self.pulls.lock().unwrap().close_of(name);
    }

    pub(crate) fn open_pulls(&self) -> Vec<(u64, String, Oid)> {
        let pulls = self.pulls.lock().unwrap();
        let open = pulls.open();
        open.map(|pull| (pull.number, pull.branch.clone(), pull.head.clone()))
            .collect()
    }

    pub(crate) fn merge(&self) {
        let open = self.open_pulls();
        if !open.is_empty() {
            let (number, _, head) = open[self.below(open.len())].clone();
            self.merge_one(number, &head);
        }
    }

    pub(crate) fn merge_one(&self, number: u64, head: &Oid) {
        let by_hand = !self.has_faults();
        let merged = self.code.lock().unwrap().squash(head, by_hand);
        let mut pulls = self.pulls.lock().unwrap();
        let Some(pull) = pulls.get(number) else {
            return;
        };
        match merged {
            Some(commit) => {
                self.tell(|| format!("mia merges #{number} ({})", pull.branch));
                pull.state = ForgeState::Merged {
                    commit: Some(commit),
                };
            }
            None => self.tell(|| format!("mia cannot merge #{number}: conflict")),
        }
    }

    pub(crate) fn reject(&self) {
        let open = self.open_pulls();
        if !open.is_empty() {
            let (number, ..) = open[self.below(open.len())];
            self.tell(|| format!("mia closes #{number}"));
            if let Some(pull) = self.pulls.lock().unwrap().get(number) {
                pull.state = ForgeState::Closed;
            }
        }
    }

    pub(crate) fn ask_for_changes(&self) {
        let open = self.open_pulls();
        if open.is_empty() {
            return;
        }
        let (number, _, head) = open[self.below(open.len())].clone();
        let kinds = [FeedbackKind::ChangesRequested, FeedbackKind::ChecksFailed];
        let kind = kinds[self.below(2)];
        self.tell(|| format!("#{number}: {kind:?}"));
        if let Some(pull) = self.pulls.lock().unwrap().get(number) {
            let key = format!("{kind:?}:{}", pull.feedback.len());
            pull.feedback.push(ForgeFeedback {
                kind,
                head,
                text: "Mend it.".to_owned(),
                key,
            });
        }
    }

    /// A person commits to an agent's branch and pushes.
    pub(crate) fn commit_on_branch(&self) {
        let branches: Vec<_> = self.agent_branches().into_iter().collect();
        if branches.is_empty() {
            return;
        }
        let (name, head) = branches[self.below(branches.len())].clone();
        let mut code = self.code.lock().unwrap();
        let mut files = code.files(&head);
        files.insert("src/by-mia".to_owned(), self.now().0);
        let new = code.commit(vec![head.clone()], files, "by hand");
        drop(code);
        let view = self.human.view(Freshness::Fetch(LIMIT)).unwrap();
        let moved = RefChange {
            name: format!("refs/heads/{name}"),
            expected: Some(head),
            new,
        };
        let proposal = Proposal {
            based_on: view.tip,
            unpublished: None,
            files: Vec::new(),
            refs: vec![moved.clone()],
            subject: "by hand".to_owned(),
            nonce: self.uuid(Timestamp(0)).to_string(),
            reach: Reach::Remote(LIMIT),
            settles_unpublished: false,
        };
        self.human.publish(&proposal).unwrap();
        self.tell(|| format!("mia commits to {name}"));
        self.pulls.lock().unwrap().follow(&name, &moved.new);
    }
}

/// The clone, the clock and the ids of people.
struct People<'a>(&'a Sim);

impl Clock for People<'_> {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
    fn moment(&self) -> Moment {
        Moment(self.0.now().0)
    }
    fn pause(&self, span: DurationMs) {
        self.0.pass(span);
    }
}

impl Ids for People<'_> {
    fn record(&self, now: Timestamp) -> RecordId {
        RecordId(self.0.uuid(now))
    }
    fn nonce(&self) -> String {
        self.0.uuid(Timestamp(0)).simple().to_string()
    }
}

impl StateRepo for People<'_> {
    fn view(&self, freshness: Freshness) -> Result<StateView, StateRepoError> {
        if matches!(freshness, Freshness::Fetch(_)) && self.0.fault(40, "fetches without answer") {
            self.0.remote.fail_next(Fault::FetchUnreachable);
        }
        self.0.human.view(freshness)
    }

    fn publish(&self, proposal: &Proposal) -> Result<PublishOutcome, StateRepoError> {
        if matches!(proposal.reach, Reach::Remote(_)) {
            self.0.spoil_push("mia", 80);
        }
        self.0.human.publish(proposal)
    }

    fn writer(&self) -> Result<String, StateRepoError> {
        self.0.human.writer()
    }
}
