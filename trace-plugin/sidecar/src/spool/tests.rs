//! The chain, the acknowledgements, and what can happen to a file.

use std::time::Duration;

use aap::batch::{Batch, Item};
use aap::card::AlignmentCard;
use aap::trace::{Made, make};
use aap::wire::StreamHead;
use aap::{ActionType, Verdict};
use redact::{Level, Redactor};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::opening::{MIGRATIONS, SCHEMA_VERSION};
use super::*;
use crate::event::CallKey;
use crate::identity::Identity;

mod damage;
mod looking;
mod processes;
mod room;
mod versions;

fn one_call() -> Lost {
    Lost::now(Why::Busy, Loss::calls(1))
}

struct Bench {
    dir: TempDir,
    identity: Identity,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
        Self { dir, identity }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("spool.db")
    }

    fn open(&self) -> Spool {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Spool, SpoolError> {
        Spool::open(
            &self.path(),
            self.identity.agent_id(),
            Duration::from_millis(200),
            Use::Resident,
        )
    }

    fn card(&self) -> AlignmentCard {
        let agent_id = self.identity.agent_id();
        AlignmentCard::default_for(agent_id, clock::now(), "http://localhost/v1/traces")
    }

    fn prepared(&self, n: u64) -> Prepared {
        self.made(json!({ "n": n }), ActionType::Allow)
    }

    fn made(&self, params: Value, action_type: ActionType) -> Prepared {
        let (agent_id, card) = (self.identity.agent_id(), self.card());
        let at = clock::now();
        let made = Made {
            trace_id: clock::trace_id(at),
            agent_id,
            timestamp: at,
            tool: "exec".to_owned(),
            params: Some(params),
            verdict: Verdict::allow("nothing objected"),
            action_type,
            outcome: "completed",
            result: Value::Null,
            error: None,
            exit_code: None,
            duration_ms: Some(1),
            runtime: "test".to_owned(),
            session_id: None,
            run_id: None,
            call_id: None,
            params_rewritten: false,
            succeeds: None,
            extra: Map::new(),
        };
        Prepared::new(Redactor::new(Level::Full).seal(make(made, &card)).unwrap()).unwrap()
    }

    fn append(&self, spool: &mut Spool, count: u64) {
        let traces = (0..count).map(|n| self.prepared(n)).collect();
        spool.transact(false, |tx| tx.append(traces)).unwrap();
    }

    fn tell(&self, spool: &mut Spool) -> usize {
        let (card, redactor) = (self.card(), Redactor::new(Level::Full));
        let told = spool.transact(true, |tx| tx.tell_losses(&card, &redactor));
        told.unwrap().len()
    }

    /// The gaps that are told in what waits.
    fn gaps(spool: &Spool) -> Vec<Value> {
        let items = Self::all(spool);
        let told = items.iter().filter_map(|item| item.document.as_ref());
        told.map(|document| serde_json::from_str::<Value>(document.get()).unwrap())
            .map(|trace| trace["context"]["metadata"]["gap"].clone())
            .filter(|gap| !gap.is_null())
            .collect()
    }

    /// Everything that waits, by acknowledging a copy: runs are bounded.
    fn all(spool: &Spool) -> Vec<Item> {
        let rows: Vec<(String, Option<String>)> = spool
            .read(|conn| {
                conn.prepare("SELECT header, document FROM links ORDER BY stream, seq")?
                    .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .unwrap();
        let item = |(header, document): (String, Option<String>)| Item {
            header: serde_json::from_str(&header).unwrap(),
            document: document.map(|text| RawValue::from_string(text).unwrap()),
        };
        rows.into_iter().map(item).collect()
    }

    /// What waits, checked by the rules of the edge.
    fn proven(&self, spool: &Spool) -> Vec<u64> {
        let items: Vec<_> = spool
            .next_run(500)
            .unwrap()
            .into_iter()
            .map(|link| link.item)
            .collect();
        let seqs = items.iter().map(|item| item.header.seq).collect();
        let body = Batch::new(items)
            .unwrap()
            .sign(self.identity.key())
            .into_body();
        let validated = aap::Submission::read(&body, &|_| None)
            .unwrap()
            .validate(None);
        let rejected: Vec<_> = validated.answers.iter().flatten().collect();
        assert!(rejected.is_empty(), "{rejected:?}");
        seqs
    }
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of a type with a lifetime is not general enough"
)]
fn move_on(spool: &mut Spool) {
    spool.transact(true, |tx| tx.open_new_stream()).unwrap();
}

#[test]
fn what_is_spooled_is_a_chain_that_an_edge_believes() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 3);
    bench.append(&mut bench.open(), 2);
    assert_eq!(
        bench.proven(&spool),
        [1, 2, 3, 4, 5],
        "two processes make one chain"
    );
}

#[test]
fn only_what_is_named_is_let_go() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 5);
    let run = spool.next_run(500).unwrap();
    let named = [&run[0].item.header, &run[3].item.header];
    spool
        .transact(true, |tx| tx.acknowledge(&named, clock::now()))
        .unwrap();
    assert_eq!(bench.proven(&spool), [2, 3], "a run ends at a gap");
    assert_eq!(spool.waiting(100).unwrap().count, 3);
    assert!(spool.depth().unwrap().last_ack_at.is_some());
    bench.append(&mut spool, 1);
    assert_eq!(
        spool.head().unwrap().unwrap().seq,
        6,
        "seqs are never given twice"
    );
}

#[test]
fn what_is_set_aside_leaves_its_header_in_the_chain() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 3);
    let bad = spool.next_run(500).unwrap()[1].item.clone();
    spool
        .transact(true, |tx| {
            tx.quarantine(&bad, "it holds a secret", clock::now())
        })
        .unwrap();
    assert_eq!(bench.proven(&spool), [1, 2, 3]);
    let held = spool.next_run(500).unwrap()[1].item.clone();
    assert!(held.document.is_none());
    assert_eq!(spool.depth().unwrap().quarantined, 1);

    spool
        .transact(true, |tx| {
            tx.quarantine(&held, "not even that", clock::now())
        })
        .unwrap();
    assert_eq!(bench.proven(&spool), [1], "the gap shows");
    let kept: (String, Option<String>) = spool
        .read(|conn| {
            conn.query_row("SELECT reason, document FROM quarantine", (), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
        })
        .unwrap();
    assert_eq!(kept.0, "not even that");
    assert!(
        kept.1.is_some(),
        "its content is still there for people to look at"
    );
}

#[test]
fn a_restored_spool_notices_and_goes_on_elsewhere() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 2);
    let head = spool.head().unwrap().unwrap();
    let known = |seq, digest| {
        [StreamHead {
            stream: head.stream,
            seq,
            digest,
        }]
    };
    assert!(!spool.is_behind(&[]).unwrap());
    assert!(
        !spool.is_behind(&known(head.seq, head.digest)).unwrap(),
        "an acknowledgement that was lost"
    );
    let other = aap::chain::Digest::of(b"another story");
    assert!(spool.is_behind(&known(head.seq, other)).unwrap());
    assert!(spool.is_behind(&known(head.seq + 7, other)).unwrap());

    let before: Vec<_> = spool
        .next_run(500)
        .unwrap()
        .iter()
        .map(|link| link.item.header.trace_id)
        .collect();
    move_on(&mut spool);
    assert_eq!(
        bench.proven(&spool),
        [1, 2],
        "what waited is linked anew, and proven"
    );
    let after = spool.next_run(500).unwrap();
    assert_eq!(
        after
            .iter()
            .map(|link| link.item.header.trace_id)
            .collect::<Vec<_>>(),
        before
    );
    let first: Value =
        serde_json::from_str(after[0].item.document.as_ref().unwrap().get()).unwrap();
    assert_eq!(first["context"]["metadata"]["succeeds"], json!(head.stream));
}

#[test]
fn a_spool_of_the_first_schema_is_taken_over_with_what_is_in_it() {
    let bench = Bench::new();
    let conn = Connection::open(bench.path()).unwrap();
    conn.execute_batch(MIGRATIONS[0]).unwrap();
    conn.execute_batch(
        "INSERT INTO calls (key, state, at, trace_id) VALUES ('k', 1, 5, '019a9f3e-8c1b-7d2e-9f30-415263748596');
         INSERT INTO meta (key, value) VALUES ('dropped', '3');
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(conn);
    let mut spool = bench.open();
    assert_eq!(spool.depth().unwrap().dropped, 3);
    bench.append(&mut spool, 1);
    let (calls, version): (i64, i64) = spool
        .read(|conn| {
            conn.query_row(
                "SELECT (SELECT count(*) FROM calls WHERE key = 'k'), user_version FROM pragma_user_version",
                (),
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
        .unwrap();
    assert_eq!((calls, version), (1, PROGRAMS_SCHEMA));
    let told = spool.read(|conn| meta_number(conn, "schema")).unwrap();
    assert_eq!(told, SCHEMA_VERSION.cast_unsigned());
}

#[test]
fn a_newer_spool_is_left_alone() {
    let bench = Bench::new();
    drop(bench.open());
    let conn = Connection::open(bench.path()).unwrap();
    conn.pragma_update(None, "user_version", PROGRAMS_SCHEMA + 1)
        .unwrap();
    drop(conn);
    let bytes = std::fs::read(bench.path()).unwrap();
    let error = bench.try_open().unwrap_err();
    assert!(matches!(error, SpoolError::Newer { .. }), "{error}");
    assert!(error.to_string().contains("newer smoltbot"));
    assert_eq!(std::fs::read(bench.path()).unwrap(), bytes);
}

#[test]
fn what_is_no_spool_is_named_and_kept() {
    let bench = Bench::new();
    std::fs::write(
        bench.path(),
        "these are notes, and somebody wants them back. ".repeat(100),
    )
    .unwrap();
    let error = bench.try_open().unwrap_err();
    assert!(matches!(error, SpoolError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("spool.db"));
    assert!(
        std::fs::read_to_string(bench.path())
            .unwrap()
            .starts_with("these are notes")
    );
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let bench = Bench::new();
    let path = bench.dir.path().join("absent").join("spool.db");
    let error = Spool::open(
        &path,
        bench.identity.agent_id(),
        Duration::ZERO,
        Use::OneShot,
    )
    .unwrap_err();
    assert!(matches!(error, SpoolError::NotWritable { .. }), "{error:?}");
}

#[test]
fn a_busy_spool_is_waited_for_no_longer_than_told() {
    let bench = Bench::new();
    let mut spool = bench.open();
    let holder = Connection::open(bench.path()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = spool
        .transact(false, |tx| tx.count_lost(&one_call()))
        .unwrap_err();
    assert!(matches!(error, SpoolError::Busy { .. }), "{error:?}");
    holder.execute_batch("ROLLBACK").unwrap();
    spool
        .transact(false, |tx| tx.count_lost(&one_call()))
        .unwrap();
}

#[test]
fn what_was_committed_survives_a_process_that_is_gone() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 4);
    // As after kill -9: the connection is never closed, the WAL never folded in.
    std::mem::forget(spool);
    assert_eq!(bench.proven(&bench.open()), [1, 2, 3, 4]);
}

#[test]
fn a_clock_that_was_set_back_is_followed() {
    let bench = Bench::new();
    let mut spool = bench.open();
    let now = clock::now();
    let tomorrow = Timestamp::from_millis(now.millis() + 86_400_000);
    for at in [tomorrow, now] {
        spool
            .transact(false, |tx| tx.heard("openclaw", at))
            .unwrap();
    }
    assert_eq!(spool.agents().unwrap(), [("openclaw".to_owned(), now)]);

    let (key, id) = open_call(&mut spool, tomorrow);
    let long_ago = Timestamp::from_millis(0);
    let found = spool.transact(false, |tx| tx.waiting_since(long_ago, long_ago, now, 10));
    let found = found.unwrap();
    assert_eq!(found.len(), 1, "it is not waited for until tomorrow");
    assert_eq!(found[0].1.trace_id, id);

    // In another stream it is told under another id: the edge may know the first.
    spool
        .transact(true, |tx| {
            tx.save(&Head::start(
                bench.identity.agent_id(),
                clock::stream_id(),
                None,
            ))?;
            tx.open_new_stream()
        })
        .unwrap();
    let row = spool.transact(false, |tx| tx.call(&key)).unwrap().unwrap();
    assert_ne!(row.trace_id, id);
    assert_eq!(row.at, tomorrow);
}

/// A call that was seen before it ran, at `at`.
fn open_call(spool: &mut Spool, at: Timestamp) -> (CallKey, TraceId) {
    let mut call = aap::ToolCall::new("openclaw", "exec", json!({}));
    call.call_id = Some("c".to_owned());
    let (key, id) = (CallKey::of(&call), clock::trace_id(at));
    spool
        .transact(false, |tx| {
            tx.put_call(&key, CallState::Pending, at, id, None)
        })
        .unwrap();
    (key, id)
}
