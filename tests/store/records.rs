//! Random but dense records for property tests: few things, many records about each, so that
//! registers collide, records come late, and creations come last.

use fleet::domain::command::{Command, Verb};
use fleet::domain::dep::DepKind;
use fleet::domain::escalation::Trigger;
use fleet::domain::ids::{EscalationUid, RecordId, ReviewUid, SessionUid, TaskNumber, TaskUid};
use fleet::domain::money::{MicroUsd, Spent, Usage};
use fleet::domain::record::*;
use fleet::domain::remote::{
    RemotePhase, RemoteWord, SessionRemoteBound, SessionRemoteIntended, SessionRemoteSeen,
    SessionRemoteTold,
};
use fleet::domain::review::{
    FeedbackKind, ForgeSaid, ReviewApproved, ReviewCommanded, ReviewState,
};
use fleet::domain::session::{FailureClass, Outcome, RunnerIdentity, VerifyResult};
use fleet::domain::task::{Acceptance, Complexity, Deliverable};
use fleet::domain::time::{Hlc, Timestamp};
use fleet::domain::tracking::{
    CommentEdited, GateAdded, GateKind, GateSet, GateState, MilestoneSet, QuerySaved, TaskDecayed,
};
use proptest::prelude::*;
use uuid::Uuid;

/// 2026-11-21T08:00:00Z.
pub(crate) const NOON: u64 = 1_795_248_000_000;
const HOUR: u64 = 3_600_000;

/// Record id number `n`, of kind `kind` (1 task, 2 session, 3 review, 4 escalation, 5 other).
pub(crate) fn id(kind: u8, n: u16) -> RecordId {
    // Version 7, variant 1; the low bits make distinct handles.
    let low = u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) & 0x3fff_ffff_ffff_ffff;
    let bits = (u128::from(kind) << 112) | (7 << 76) | (u128::from(n) << 64) | (2 << 62) | low;
    RecordId(Uuid::from_u128(bits))
}

pub(crate) fn task(n: u16) -> TaskUid {
    TaskUid::created_by(id(1, n))
}

pub(crate) fn record(id: RecordId, at: u64, op: Op) -> Record {
    Record {
        v: RECORD_VERSION,
        id,
        ts: Hlc(at * 1_000_000),
        by: "human:ada".to_owned(),
        run: "r1".to_owned(),
        op,
    }
}

/// A task as `add` makes it.
pub(crate) fn added(n: u16, at: u64, number: Option<u32>, title: &str) -> Record {
    let op = Op::TaskAdded(TaskAdded {
        n: number.and_then(TaskNumber::new),
        set: TaskFields {
            title: Some(title.to_owned()),
            ..TaskFields::default()
        },
        admitted: true,
        ..TaskAdded::default()
    });
    record(id(1, n), at, op)
}

pub(crate) fn closed(rec: u16, n: u16, at: u64) -> Record {
    let op = Op::TaskClosed(TaskClosed {
        task: task(n),
        outcome: CloseOutcome::Done,
        reason: "merged".to_owned(),
    });
    record(id(5, rec), at, op)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-c]{1,3}",
        Just("line\nbreak \u{2028} \" \\ \u{7f} ä 😀 \u{feff}".to_owned()),
    ]
}

fn maybe<T: Clone + std::fmt::Debug>(
    s: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(s)
}

fn when() -> impl Strategy<Value = Timestamp> {
    (0..4u64).prop_map(|h| Timestamp(NOON + h * HOUR))
}

fn a_task() -> impl Strategy<Value = TaskUid> {
    (0..4u16).prop_map(task)
}

fn a_session() -> impl Strategy<Value = SessionUid> {
    (0..3u16).prop_map(|n| SessionUid::created_by(id(2, n)))
}

fn a_review() -> impl Strategy<Value = ReviewUid> {
    (0..2u16).prop_map(|n| ReviewUid::created_by(id(3, n)))
}

fn an_escalation() -> impl Strategy<Value = EscalationUid> {
    (0..2u16).prop_map(|n| EscalationUid::created_by(id(4, n)))
}

fn an_other() -> impl Strategy<Value = RecordId> {
    (0..30u16).prop_map(|n| id(5, n))
}

fn number() -> impl Strategy<Value = TaskNumber> {
    (1..4u32).prop_map(|n| TaskNumber::new(n).unwrap())
}

fn oid() -> impl Strategy<Value = fleet::domain::ids::Oid> {
    "[0-9a-f]{40}".prop_map(|hex| hex.parse().unwrap())
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[a-c]", 0..3)
}

fn fields() -> BoxedStrategy<TaskFields> {
    let plain = (
        maybe(text()),
        maybe(text()),
        maybe(text()),
        maybe(0..5u8),
        maybe(prop_oneof![Just(Complexity::Low), Just(Complexity::High)]),
        maybe(prop_oneof![Just(Deliverable::Pr), Just(Deliverable::Plan)]),
        maybe(proptest::collection::vec((text(), any::<bool>()), 0..3)),
    );
    let clearable = (
        maybe(maybe(text())),
        maybe(maybe(when())),
        maybe(maybe(when())),
        maybe(maybe(text())),
        maybe(maybe(text())),
    );
    let values = prop_oneof![
        Just(serde_json::json!(null)),
        Just(serde_json::json!({"deep": [1, "x", 0.1]})),
        Just(serde_json::json!(18_446_744_073_709_551_615u64)),
    ];
    let extra = proptest::collection::btree_map("(x|y)", values, 0..2);
    (plain, clearable, extra)
        .prop_map(|(p, c, extra)| TaskFields {
            title: p.0,
            body: p.1,
            kind: p.2,
            priority: p.3,
            complexity: p.4,
            deliverable: p.5,
            acceptance: p.6.map(|points| {
                let point = |(text, done)| Acceptance { text, done };
                points.into_iter().map(point).collect()
            }),
            assignee: c.0,
            due: c.1,
            defer_until: c.2,
            external_ref: c.3.clone(),
            held_by: c.4.clone(),
            budget: c.1.map(|at| at.map(|at| MicroUsd(at.0))),
            milestone: c.3,
            estimate_minutes: c.2.map(|at| at.map(|at| at.0)),
            agent: c.4,
            extra,
        })
        .boxed()
}

fn task_op() -> BoxedStrategy<Op> {
    let outcome = prop_oneof![Just(CloseOutcome::Done), Just(CloseOutcome::Failed)];
    let edge = || {
        let kind = prop_oneof![Just(DepKind::Blocks), Just(DepKind::OnFailure)];
        (a_task(), a_task(), kind).prop_map(|(from, to, kind)| DepEdge { from, to, kind })
    };
    let points = || proptest::collection::vec(text(), 0..2);
    let updated = (
        (a_task(), fields()),
        (words(), words(), words(), words()),
        (points(), points()),
    );
    prop_oneof![
        updated.prop_map(|((task, set), lists, (check, uncheck))| {
            let (add_labels, rm_labels, add_paths, rm_paths) = lists;
            Op::TaskUpdated(TaskUpdated {
                task,
                set,
                add_labels,
                rm_labels,
                add_paths,
                rm_paths,
                check,
                uncheck,
            })
        }),
        (a_task(), number()).prop_map(|(task, n)| Op::TaskNumbered(TaskNumbered { task, n })),
        (a_task(), outcome, text()).prop_map(|(task, outcome, reason)| {
            Op::TaskClosed(TaskClosed {
                task,
                outcome,
                reason,
            })
        }),
        (a_task(), text())
            .prop_map(|(task, reason)| Op::TaskReopened(TaskReopened { task, reason })),
        (a_task(), text())
            .prop_map(|(task, sha256)| Op::TaskAdmitted(TaskAdmitted { task, sha256 })),
        edge().prop_map(Op::DepAdded),
        edge().prop_map(Op::DepRemoved),
        (a_task(), text()).prop_map(|(task, text)| Op::CommentAdded(CommentAdded { task, text })),
        (a_task(), a_session(), text()).prop_map(|(task, session, text)| {
            Op::FindingAdded(FindingAdded {
                task,
                session,
                text,
            })
        }),
    ]
    .boxed()
}

fn tracking_op() -> BoxedStrategy<Op> {
    let kind = prop_oneof![Just(GateKind::Timer), Just(GateKind::Pr)];
    let state = prop_oneof![Just(GateState::Passed), Just(GateState::Waiting)];
    prop_oneof![
        (a_task(), an_other(), text()).prop_map(|(task, comment, text)| {
            Op::CommentEdited(CommentEdited {
                task,
                comment,
                text,
            })
        }),
        (a_task(), kind, maybe(when()), maybe(text()), text()).prop_map(
            |(task, kind, until, subject, note)| {
                Op::GateAdded(GateAdded {
                    task,
                    kind,
                    until,
                    subject,
                    note,
                })
            }
        ),
        (a_task(), an_other(), state, text()).prop_map(|(task, gate, state, note)| {
            Op::GateSet(GateSet {
                task,
                gate,
                state,
                note,
            })
        }),
        (a_task(), text())
            .prop_map(|(task, summary)| Op::TaskDecayed(TaskDecayed { task, summary })),
        ("[ab]", maybe(text()))
            .prop_map(|(name, query)| Op::QuerySaved(QuerySaved { name, query })),
        (
            "[ab]",
            maybe(maybe(when())),
            maybe(any::<bool>()),
            maybe(text())
        )
            .prop_map(|(name, due, closed, note)| {
                Op::MilestoneSet(MilestoneSet {
                    name,
                    due,
                    closed,
                    note,
                })
            }),
    ]
    .boxed()
}

fn runner() -> impl Strategy<Value = RunnerIdentity> {
    (text(), any::<u32>(), maybe(text())).prop_map(|(boot, pid, ci)| RunnerIdentity {
        host: "host".to_owned(),
        boot,
        pid,
        pid_start: 7,
        ci,
    })
}

fn spent() -> impl Strategy<Value = Spent> {
    (any::<u64>(), any::<u64>()).prop_map(|(input, cost)| Spent {
        usage: Usage {
            input,
            ..Usage::default()
        },
        cost: MicroUsd(cost),
        source: fleet::domain::money::CostSource::Reported,
    })
}

fn finished() -> BoxedStrategy<SessionFinished> {
    let outcome = prop_oneof![
        Just(Outcome::Succeeded),
        Just(Outcome::Escalated),
        Just(Outcome::Failed {
            class: FailureClass::Timeout
        }),
    ];
    let rest = (maybe(text()), maybe(any::<u64>()), words());
    (a_session(), outcome, text(), maybe(oid()), rest)
        .prop_map(|(session, outcome, summary, head, rest)| SessionFinished {
            session,
            outcome,
            summary,
            head,
            paths: rest.2,
            verify: vec![VerifyResult {
                command: "make".to_owned(),
                exit: None,
                duration_ms: 3,
                tail: "x".to_owned(),
            }],
            agent_session: rest.0,
            model: None,
            usage: Usage {
                input: 1,
                reasoning: 2,
                ..Usage::default()
            },
            cost: rest.1.map(MicroUsd),
            cost_source: fleet::domain::money::CostSource::Estimated,
            duration_ms: 5,
            sandbox: "none".to_owned(),
            journal: None,
        })
        .boxed()
}

fn remote_op() -> BoxedStrategy<Op> {
    let word = prop_oneof![Just(RemoteWord::Message), Just(RemoteWord::Asked)];
    prop_oneof![
        (a_session(), text(), maybe(text())).prop_map(|(session, mark, host)| {
            Op::SessionRemoteIntended(SessionRemoteIntended {
                session,
                service: "jules".to_owned(),
                mark,
                host,
            })
        }),
        (a_session(), text(), maybe(text())).prop_map(|(session, id, url)| {
            Op::SessionRemoteBound(SessionRemoteBound { session, id, url })
        }),
        (a_session(), text(), maybe(when()), words()).prop_map(
            |(session, detail, lease_until, heard)| {
                Op::SessionRemoteSeen(SessionRemoteSeen {
                    session,
                    phase: RemotePhase::Working,
                    phase_since: lease_until,
                    detail,
                    spent: lease_until.map(|_| Spent::default()),
                    lease_until,
                    upto: heard.first().cloned(),
                    heard,
                })
            }
        ),
        (a_session(), word, "[ab]").prop_map(|(session, word, about)| {
            Op::SessionRemoteTold(SessionRemoteTold {
                session,
                word,
                about,
            })
        }),
    ]
    .boxed()
}

fn command() -> impl Strategy<Value = Command> {
    let verb = prop_oneof![
        Just(Verb::Retry),
        Just(Verb::Answer),
        Just(Verb::Wrong),
        Just(Verb::Unknown("dance".to_owned()))
    ];
    (verb, maybe("[a-z]{1,3}"), maybe(any::<u64>()), text()).prop_map(
        |(command, agent, amount, text)| Command {
            command,
            agent,
            amount: amount.map(MicroUsd),
            text,
        },
    )
}

fn review_op() -> BoxedStrategy<Op> {
    let kind = Just(FeedbackKind::ChecksFailed);
    prop_oneof![
        (a_review(), maybe(oid()), maybe(oid())).prop_map(|(review, head, commit)| {
            let state = Some(ReviewState::Merged { commit });
            Op::ReviewUpdated(ReviewUpdated {
                review,
                base_branch: head.as_ref().map(|_| "release".to_owned()),
                head,
                state,
            })
        }),
        (a_review(), kind, oid(), text()).prop_map(|(review, kind, head, text)| {
            Op::ReviewFeedback(ReviewFeedback {
                review,
                kind,
                head,
                text,
                key: "k".to_owned(),
            })
        }),
        (a_review(), oid())
            .prop_map(|(review, head)| Op::ReviewApproved(ReviewApproved { review, head })),
        (a_review(), command(), "[ab]").prop_map(|(review, what, key)| {
            let who = "octo".to_owned();
            Op::ReviewCommanded(ReviewCommanded {
                review,
                key,
                who,
                what,
            })
        }),
        (a_task(), "[ab]", maybe(text())).prop_map(|(task, key, url)| Op::ForgeSaid(ForgeSaid {
            task,
            key,
            url
        })),
        (an_escalation(), text()).prop_map(|(escalation, answer)| {
            Op::EscalationAnswered(EscalationAnswered { escalation, answer })
        }),
    ]
    .boxed()
}

fn work_op() -> BoxedStrategy<Op> {
    prop_oneof![
        (a_session(), runner(), maybe(text())).prop_map(|(session, runner, agent_session)| {
            Op::SessionStarted(SessionStarted {
                session,
                runner,
                agent_session,
            })
        }),
        (a_session(), when(), maybe(spent())).prop_map(|(session, lease_until, spent)| {
            Op::SessionRenewed(SessionRenewed {
                session,
                lease_until,
                spent,
            })
        }),
        finished().prop_map(Op::SessionFinished),
        (a_session(), text(), maybe(spent())).prop_map(|(session, proof, spent)| {
            let unstarted = proof.len() % 2 == 1;
            Op::SessionReleased(SessionReleased {
                session,
                proof,
                unstarted,
                spent,
            })
        }),
        remote_op(),
        (a_session(), a_task(), words(), when()).prop_map(|(session, task, globs, until)| {
            Op::LockAcquired(LockAcquired {
                session,
                task,
                globs,
                until,
            })
        }),
        a_session().prop_map(|session| Op::LockReleased(LockReleased { session })),
        review_op(),
        ("[ab]", when(), text(), maybe("[pq]")).prop_map(|(agent, until, reason, provider)| {
            Op::AgentPaused(AgentPaused {
                agent,
                until,
                reason,
                provider,
            })
        }),
    ]
    .boxed()
}

fn creations() -> BoxedStrategy<(RecordId, Op)> {
    let added = (
        maybe(number()),
        maybe("[k]{1,2}"),
        fields(),
        words(),
        any::<bool>(),
    );
    let claimed = (a_task(), 1..3u32, runner(), oid(), when());
    prop_oneof![
        (0..4u16, added).prop_map(|(n, (number, key, set, labels, admitted))| {
            let paths = vec!["src/**".to_owned()];
            let op = Op::TaskAdded(TaskAdded {
                n: number,
                key,
                set,
                labels,
                paths,
                admitted,
            });
            (id(1, n), op)
        }),
        (0..3u16, claimed).prop_map(|(n, (task, attempt, runner, base, lease_until))| {
            let op = Op::SessionClaimed(SessionClaimed {
                task,
                attempt,
                nonce: "00".to_owned(),
                agent: "claude".to_owned(),
                model: Some("m".to_owned()),
                role: "writer".to_owned(),
                route: Some("cheap".to_owned()),
                provider: None,
                runner,
                base,
                branch: Some("agent/T-1".to_owned()),
                continues: None,
                lease_until,
                addresses: vec![id(5, 1)],
                onto: Some("agent/T-2".to_owned()),
                merges: None,
            });
            (id(2, n), op)
        }),
        (0..2u16, a_task(), a_session(), oid()).prop_map(|(n, task, session, head)| {
            let op = Op::ReviewOpened(ReviewOpened {
                task,
                session,
                forge: "local".to_owned(),
                number: None,
                url: None,
                branch: "agent/T-1".to_owned(),
                base_branch: "main".to_owned(),
                head,
            });
            (id(3, n), op)
        }),
        (0..2u16, a_task(), maybe(a_session()), text()).prop_map(|(n, task, session, context)| {
            let op = Op::EscalationOpened(EscalationOpened {
                task,
                session,
                agent: None,
                trigger: Trigger::Question,
                context,
                options: vec!["a".to_owned()],
            });
            (id(4, n), op)
        }),
    ]
    .boxed()
}

/// A set of records: every id once, stamps that often tie in time and seldom come in order. Days
/// are spread so that some of it is old enough for the archive.
pub(crate) fn log() -> impl Strategy<Value = Vec<Record>> {
    let stamps = prop_oneof![
        2 => 0..6u64,
        1 => (0..400u64).prop_map(|h| h * 1_000_000 * HOUR / 10),
    ];
    let other = prop_oneof![task_op(), work_op(), tracking_op()];
    let creations = proptest::collection::vec((creations(), stamps.clone()), 0..10);
    let others = proptest::collection::vec((other, stamps), 0..30);
    (creations, others).prop_map(|(creations, others)| {
        let mut all: std::collections::BTreeMap<RecordId, Record> = Default::default();
        let base = (NOON - 40 * 24 * HOUR) * 1_000_000;
        let mut put = |id: RecordId, op: Op, ts: u64| {
            let mut record = record(id, 0, op);
            record.ts = Hlc(base + ts);
            all.insert(id, record);
        };
        for ((id, op), ts) in creations {
            put(id, op, ts);
        }
        for (n, (op, ts)) in others.into_iter().enumerate() {
            put(id(5, n as u16), op, ts);
        }
        all.into_values().collect()
    })
}
