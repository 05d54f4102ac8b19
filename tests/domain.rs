//! The words: ids, times, money, and what single records do to the state.

#[path = "support/judge.rs"]
mod judge;
#[path = "store/records.rs"]
mod records;

use fleet::domain::dep::DepKind;
use fleet::domain::ids::SessionUid;
use fleet::domain::ids::{Oid, RecordId, TaskNumber, TaskSelector, TaskUid};
use fleet::domain::money::{MicroUsd, Usage};
use fleet::domain::record::{
    AgentPaused, DepEdge, LockAcquired, LockReleased, Op, SessionClaimed, SessionFinished,
    SessionRenewed,
};
use fleet::domain::session::Outcome;
use fleet::domain::state::{DepKey, Index, State};
use fleet::domain::task::Status;
use fleet::domain::time::{DurationMs, Hlc, Timestamp};
use proptest::prelude::*;
use records::{NOON, added, closed, id, record, task};

#[test]
fn task_ids_are_exact() {
    for good in ["T-1", "T-7", "T-10", "T-999999999"] {
        let n: TaskNumber = good.parse().unwrap();
        assert_eq!(n.name(), good);
        assert_eq!(n.to_string(), good);
        assert_eq!(good.parse(), Ok(TaskSelector::Number(n)));
    }
    for bad in [
        "",
        "T-",
        "T-0",
        "T-01",
        "T-1000000000",
        "T-4294967296",
        "t-1",
        "T-1 ",
        " T-1",
        "T--1",
        "T-+1",
        "T-1.0",
        "T-١",
        "1",
        "T-1\n",
        "T-~",
        "T-~abcd",
        "T-~abcdefghijklm",
        "T-~abcdu",
        "T-~ab/cd",
        "T-~abcd\0",
    ] {
        assert!(bad.parse::<TaskSelector>().is_err(), "{bad:?}");
        assert!(bad.parse::<TaskNumber>().is_err(), "{bad:?}");
    }
}

#[test]
fn a_number_on_the_wire_obeys_the_limit_too() {
    assert!(serde_json::from_str::<TaskNumber>("999999999").is_ok());
    for bad in [
        "0",
        "1000000000",
        "4294967295",
        "-1",
        "1.0",
        "\"1\"",
        "null",
    ] {
        assert!(serde_json::from_str::<TaskNumber>(bad).is_err(), "{bad}");
    }
}

#[test]
fn object_ids_are_lower_hex_of_either_length() {
    for good in ["a".repeat(40), "0".repeat(64)] {
        assert!(good.parse::<Oid>().is_ok());
    }
    for bad in [
        "a".repeat(39),
        "A".repeat(40),
        "g".repeat(40),
        "é".repeat(20),
        String::new(),
    ] {
        assert!(bad.parse::<Oid>().is_err(), "{bad}");
    }
}

#[test]
fn times_are_read_and_written_exactly() {
    let text = "2026-11-21T08:00:00.000Z";
    assert_eq!(Timestamp(NOON).to_string(), text);
    assert_eq!(text.parse(), Ok(Timestamp(NOON)));
    assert_eq!(
        "2024-02-29T23:59:59Z".parse::<Timestamp>().unwrap().day(),
        "2024-02-29"
    );
    for bad in [
        "2023-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00+00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.1234567890Z",
        "1969-12-31T23:59:59Z",
        "é026-01-01T00:00:00Z",
        "",
        "2026-1-01T00:00:00Z",
        "+026-01-01T00:00:00Z",
    ] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
    let ends = Timestamp(u64::MAX).plus(DurationMs(1));
    assert_eq!(ends, Timestamp(u64::MAX));
    assert_eq!(Timestamp(5).minus(DurationMs(9)), Timestamp(0));
    assert_eq!(Timestamp(5).since(Timestamp(9)), DurationMs(0));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_time_agrees_with_the_calendar_library(ms in 0..253_402_300_800_000u64) {
        let time = Timestamp(ms);
        let other = chrono::DateTime::from_timestamp_millis(ms as i64).unwrap();
        let text = other.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        prop_assert_eq!(time.to_string(), &text[..]);
        prop_assert_eq!(text.parse::<Timestamp>().unwrap(), time);
        prop_assert_eq!(time.month(), &text[..7]);
        prop_assert_eq!(time.day(), &text[..10]);
    }

    #[test]
    fn every_day_agrees_with_the_calendar_library(y in 1960..2500i32, m in 0..14u32, d in 0..33u32) {
        let text = format!("{y:04}-{m:02}-{d:02}T00:00:00Z");
        let other = chrono::NaiveDate::from_ymd_opt(y, m, d)
            .and_then(|day| day.and_hms_opt(0, 0, 0))
            .and_then(|noon| u64::try_from(noon.and_utc().timestamp_millis()).ok());
        prop_assert_eq!(text.parse::<Timestamp>().ok().map(|time| time.0), other);
    }

    #[test]
    fn record_ids_agree_with_the_uuid_library(bits: u128, at in 0..36usize, byte in 0..128u8) {
        let id = uuid::Uuid::from_u128(bits);
        for text in [id.hyphenated().to_string(), id.simple().to_string(), id.to_string().to_uppercase()] {
            prop_assert_eq!(text.parse::<RecordId>().unwrap(), RecordId(id));
            prop_assert_eq!(serde_json::from_value::<RecordId>(text.into()).unwrap(), RecordId(id));
        }
        let mut damaged = id.to_string().into_bytes();
        damaged[at] = byte;
        let damaged = String::from_utf8(damaged).unwrap();
        prop_assert_eq!(damaged.parse::<RecordId>().ok(), uuid::Uuid::try_parse(&damaged).ok().map(RecordId));
    }

    #[test]
    fn logical_times_sort_as_text(a in 0..u64::MAX / 2, b in 0..u64::MAX / 2) {
        let (a, b) = (Hlc(a), Hlc(b));
        prop_assert_eq!(a.to_string().parse::<Hlc>().unwrap(), a);
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn the_next_logical_time_is_after_everything_seen(seen in any::<u64>(), now in any::<u64>()) {
        let next = Hlc(seen).next(Timestamp(now));
        prop_assert!(next > Hlc(seen) || seen == u64::MAX);
        prop_assert!(next >= Hlc::at(Timestamp(now)));
    }

    #[test]
    fn a_handle_names_its_task_by_any_prefix_that_is_shown(n in 0..u16::MAX, len in 5..13usize) {
        let uid: TaskUid = task(n);
        let handle = uid.handle();
        prop_assert_eq!(handle.len(), 12);
        let selector: TaskSelector = format!("T-~{}", &handle[..len]).parse().unwrap();
        let state = State::fold(&[added(n, NOON, None, "t")]);
        prop_assert_eq!(state.resolve(&selector), Ok(uid));
    }
}

#[test]
fn money_and_tokens_saturate() {
    let most = Usage {
        input: u64::MAX,
        output: 1,
        cache_read: u64::MAX,
        cache_write: 1,
        reasoning: u64::MAX,
    };
    assert_eq!(most.plus(most).total(), u64::MAX);
    assert_eq!(MicroUsd(u64::MAX).plus(MicroUsd(1)), MicroUsd(u64::MAX));
    for odd in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(MicroUsd::from_usd(odd), MicroUsd(0));
    }
    assert_eq!(MicroUsd::from_usd(1.25).to_string(), "$1.25");
    assert_eq!(MicroUsd(4200).to_string(), "$0.0042");
}

fn session(n: u16) -> SessionUid {
    SessionUid::created_by(id(2, n))
}

fn claim(n: u16, attempt: u32, at: u64) -> fleet::domain::record::Record {
    let op = Op::SessionClaimed(SessionClaimed {
        attempt,
        nonce: "n".to_owned(),
        role: "writer".to_owned(),
        route: Some("cheap".to_owned()),
        ..SessionClaimed::first(
            task(1),
            "claude",
            "a".repeat(40).parse().unwrap(),
            Timestamp(at + 10),
        )
    });
    record(id(2, n), at, op)
}

fn finish(rec: u16, n: u16, at: u64) -> fleet::domain::record::Record {
    let op = Op::SessionFinished(SessionFinished {
        session: session(n),
        outcome: Outcome::Succeeded,
        summary: format!("end {rec}"),
        head: None,
        paths: Vec::new(),
        verify: Vec::new(),
        agent_session: None,
        model: None,
        usage: Usage::default(),
        cost: Some(MicroUsd(5)),
        cost_source: fleet::domain::money::CostSource::Reported,
        duration_ms: 1,
        sandbox: String::new(),
        journal: None,
    });
    record(id(5, rec), at, op)
}

#[test]
fn lookups_that_keep_up_with_edges_are_those_that_are_built_anew() {
    let mut state = State::default();
    let mut index = state.index();
    let mut count = 0;
    for present in [true, false, true] {
        for n in 1..40 {
            count += 1;
            let edge = DepEdge {
                from: task(n * 7 % 11 + 1),
                to: task(n * 5 % 13 + 20),
                kind: DepKind::Blocks,
            };
            let (from, to, kind) = (edge.from, edge.to, edge.kind);
            let op = if present && n % 3 > 0 {
                Op::DepAdded(edge)
            } else {
                Op::DepRemoved(edge)
            };
            state.apply(&record(id(9, count), NOON + u64::from(count), op));
            index.note_edge(&state, DepKey { from, to, kind });
        }
        let anew = state.index();
        for n in 20..33 {
            let edges = |index: &Index| index.deps_to(task(n)).copied().collect::<Vec<_>>();
            assert_eq!(edges(&index), edges(&anew), "{n}");
        }
    }
}

#[test]
fn i2_one_session_holds_the_lease_even_after_a_merge_of_two_claims() {
    let all = [
        added(1, NOON, Some(1), "t"),
        claim(1, 1, NOON + 2),
        claim(2, 1, NOON + 1),
    ];
    let state = State::fold(&all);
    let index = state.index();
    assert_eq!(
        index.lease_holder(&state, task(1)),
        Some(session(2)),
        "claimed first"
    );
    let state = State::fold(all.iter().chain(&[claim(3, 2, NOON + 9)]));
    let holder = state.index().lease_holder(&state, task(1));
    assert_eq!(holder, Some(session(3)), "the higher attempt");
    let ends = [finish(1, 2, NOON + 5), finish(2, 1, NOON + 5)];
    let state = State::fold(all.iter().chain(&ends));
    assert_eq!(state.index().lease_holder(&state, task(1)), None);
}

#[test]
fn time_alone_ends_no_lease_and_the_first_end_counts() {
    let renewed = Op::SessionRenewed(SessionRenewed {
        session: session(1),
        lease_until: Timestamp(NOON + 99),
        spent: None,
    });
    let all = [
        finish(2, 1, NOON + 8),
        claim(1, 1, NOON),
        record(id(5, 9), NOON + 1, renewed),
        finish(1, 1, NOON + 5),
    ];
    let state = State::fold(&all[1..3]);
    assert!(state.sessions[&session(1)].holds_lease());
    assert_eq!(
        state.sessions[&session(1)].lease_until.value,
        Timestamp(NOON + 99)
    );
    let state = State::fold(&all);
    let (end, _) = state.sessions[&session(1)].finished.clone().unwrap();
    assert_eq!(end.summary, "end 1");
    let spent = |from, to| state.spent_between(Timestamp(from), Timestamp(to));
    assert_eq!(spent(NOON, NOON + 6), MicroUsd(5));
    assert_eq!(spent(NOON + 6, NOON + 9), MicroUsd(0));
}

#[test]
fn a_released_lock_stays_released_whatever_comes_late() {
    let acquired = |rec, at, until| {
        let op = Op::LockAcquired(LockAcquired {
            session: session(1),
            task: task(1),
            globs: vec![format!("src/{rec}/**")],
            until: Timestamp(until),
        });
        record(id(5, rec), at, op)
    };
    let released = Op::LockReleased(LockReleased {
        session: session(1),
    });
    let released = record(id(5, 3), NOON + 5, released);
    let (first, longer) = (
        acquired(1, NOON, NOON + 10),
        acquired(2, NOON + 1, NOON + 20),
    );
    let state = State::fold([&longer, &first]);
    let lock = &state.locks[&session(1)];
    assert_eq!(lock.globs, ["src/2/**"]);
    assert!(lock.is_live(Timestamp(NOON + 19)) && !lock.is_live(Timestamp(NOON + 20)));
    let state = State::fold([&released, &longer, &first]);
    assert!(!state.locks[&session(1)].is_live(Timestamp(NOON + 6)));
}

#[test]
fn records_about_a_task_that_is_not_known_yet_wait_for_it() {
    let state = State::fold(&[closed(1, 1, NOON + 1)]);
    assert_eq!(state.tasks[&task(1)].added, None);
    let state = State::fold(&[closed(1, 1, NOON + 1), added(1, NOON, Some(1), "t")]);
    let task = &state.tasks[&task(1)];
    assert!(matches!(task.status.value, Status::Closed { .. }));
    assert_eq!(task.title.value, "t");
    assert_eq!(state.clock, Hlc((NOON + 1) * 1_000_000));
}

#[test]
fn a_pause_of_a_provider_is_one_for_all_its_agents_and_the_longest_counts() {
    let hour = |n: u64| Timestamp(NOON).plus(DurationMs::mins(60 * n));
    let pause = |agent: &str, provider: Option<&str>, until| {
        Op::AgentPaused(AgentPaused {
            agent: agent.to_owned(),
            until,
            reason: "too many requests".to_owned(),
            provider: provider.map(str::to_owned),
        })
    };
    let mut state = State::default();
    for (n, op) in [
        pause("ann", Some("acme"), hour(2)),
        pause("ben", None, hour(1)),
        pause("ben", Some("acme"), hour(3)),
    ]
    .into_iter()
    .enumerate()
    {
        state.apply(&record(id(9, n as u16), NOON + n as u64, op));
    }
    assert_eq!(state.pauses.len(), 2, "one of ben, one of acme");
    let found = |agent: &str, provider: Option<&'static str>| {
        let found = state.pause_of(agent, provider);
        found.map(|(pause, with)| (pause.until, with.map(str::to_owned)))
    };
    let acme = Some((hour(3), Some("acme".to_owned())));
    assert_eq!(found("ann", Some("acme")), acme);
    assert_eq!(found("ben", Some("acme")), acme);
    assert_eq!(found("new", Some("acme")), acme);
    assert_eq!(found("ann", Some("other")), None);
    assert_eq!(found("ben", None), Some((hour(1), None)));
}

#[test]
fn every_operation_is_what_its_schema_says_and_what_is_broken_is_refused() {
    let schema = fleet::cli::schema::Schemas::read()
        .schema("record")
        .unwrap();
    let wrong = |line: &serde_json::Value| {
        let mut found = Vec::new();
        judge::judge(&schema, &schema, line, "record", &mut found);
        found
    };
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: std::collections::BTreeMap<String, Vec<serde_json::Value>> = Default::default();
    for _ in 0..100 {
        for record in records::log().new_tree(&mut runner).unwrap().current() {
            let line = fleet::store::encode_record(&record).unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(wrong(&line), [""; 0], "{line}");
            let all = seen.entry(record.op.name().to_owned()).or_default();
            if all.len() < 20 {
                all.push(line);
            }
        }
    }
    let missing: Vec<_> = Op::NAMES
        .iter()
        .filter(|op| !seen.contains_key(**op))
        .collect();
    assert!(missing.is_empty(), "no record of {missing:?}");
    for (op, lines) in &seen {
        for line in lines {
            let own = line.as_object().unwrap().keys();
            let own: Vec<_> = own
                .filter(|key| !["v", "id", "ts", "by", "run", "op"].contains(&key.as_str()))
                .collect();
            assert!(!own.is_empty(), "{line}");
            for field in own {
                let mut broken = line.clone();
                broken[field] = serde_json::json!([[1]]);
                assert!(!wrong(&broken).is_empty(), "{op}: {field} may be anything");
            }
        }
        let mut bare = lines[0].clone();
        bare.as_object_mut()
            .unwrap()
            .retain(|key, _| ["v", "id", "ts", "by", "run", "op"].contains(&key.as_str()));
        assert!(!wrong(&bare).is_empty(), "{op} needs no field");
    }
    // An operation of a newer version is kept, so it is no mistake; one without a name is.
    let mut newer = seen["task.closed"][0].clone();
    newer["op"] = serde_json::json!("task.painted");
    assert_eq!(wrong(&newer), [""; 0]);
    newer["op"] = serde_json::json!(7);
    assert!(!wrong(&newer).is_empty());
}
