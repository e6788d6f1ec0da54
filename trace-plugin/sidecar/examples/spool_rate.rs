//! What the spool accepts a second: many calls of one commit and one at a time, beside bare inserts of the same bytes into SQLite with
//! the same settings in the same run. Prints one JSON object a figure, for `cargo xtask bench spool`.
//!
//! "From the call" is everything from a finished call to its commit: the trace is made, masked, digested, linked and written. "Spooled"
//! begins with the trace masked and digested.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aap::card::{AlignmentCard, Mode};
use aap::trace::{ActionType, Made, make};
use aap::{Judged, Outcome, ToolCall, Verdict};
use conscience::Conscience;
use redact::{Level, Redactor};
use rusqlite::Connection;
use serde_json::{Map, Value, json};
use trace_plugin::desk::{Desk, Finished};
use trace_plugin::spool::{Prepared, Spool, Use};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, clock};

/// Rounds, each with every figure once: what the machine does meanwhile hits all of them.
const ROUNDS: usize = 5;
/// Calls of one commit, as the recorder takes them.
const GROUP: usize = 256;
/// Calls of one measurement in groups.
const BATCHED: usize = GROUP * 40;
/// Calls of one measurement one at a time.
const SINGLE: usize = 2000;
/// Refusals of one measurement: each waits for the disk.
const REFUSALS: usize = 60;

type Row = (String, i64, i64, String, Option<String>, Option<Vec<u8>>);

struct Bench {
    dir: tempfile::TempDir,
    identity: Identity,
    judge: Arc<Judge>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let identity = Identity::create(&dir.path().join("identity.key")).expect("an identity");
        let mut card = AlignmentCard::default_for(
            identity.agent_id(),
            clock::now(),
            "http://localhost/v1/traces",
        );
        card.autonomy_mode = Mode::Enforce;
        let judge = Arc::new(Judge::new(
            Arc::new(Conscience::builtin()),
            Machine::new(Vec::new()),
            Redactor::new(Level::Preview),
            card,
        ));
        Self {
            dir,
            identity,
            judge,
        }
    }

    fn spool(&self, name: &str) -> Spool {
        Spool::open(
            &self.dir.path().join(name),
            self.identity.agent_id(),
            Duration::from_secs(5),
            Use::Resident,
        )
        .expect("a spool")
    }

    fn prepared(&self, count: usize) -> Vec<Prepared> {
        let redactor = Redactor::new(Level::Preview);
        let one = |n: usize| {
            let now = clock::now();
            let made = Made {
                trace_id: clock::trace_id(now),
                agent_id: self.identity.agent_id(),
                timestamp: now,
                tool: "execute_command".to_owned(),
                params: Some(json!({"command": "cargo build --release 2>&1 | tail -n 40"})),
                verdict: verdict(false),
                action_type: ActionType::Allow,
                outcome: "completed",
                result: json!({"stdout": "x".repeat(300), "exit_code": 0}),
                error: None,
                exit_code: None,
                duration_ms: Some(12),
                runtime: "smoltbot".to_owned(),
                session_id: Some("bench".to_owned()),
                run_id: None,
                call_id: Some(format!("call-{n}")),
                params_rewritten: false,
                succeeds: None,
                extra: Map::new(),
            };
            let trace = redactor
                .seal(make(made, self.judge.card()))
                .expect("masked");
            Prepared::new(trace).expect("digested")
        };
        (0..count).map(one).collect()
    }
}

/// Calls of our own process that have ended, or were refused.
fn finished(count: usize, refused: bool) -> Vec<Finished> {
    let one = |n: usize| {
        let now = clock::now();
        let call = ToolCall {
            cwd: Some("/home/agent/work".to_owned()),
            session_id: Some("bench".to_owned()),
            call_id: Some(format!("call-{n}")),
            ..ToolCall::new(
                "smoltbot",
                "execute_command",
                json!({"command": "cargo build --release 2>&1 | tail -n 40"}),
            )
        };
        let outcome = json!({"stdout": "x".repeat(300), "exit_code": 0});
        Finished {
            call,
            judged: Judged {
                trace_id: clock::trace_id(now),
                verdict: verdict(refused),
                approval: None,
            },
            at: now,
            outcome: (!refused).then(|| Outcome::completed(outcome, 12)),
        }
    };
    (0..count).map(one).collect()
}

fn verdict(refused: bool) -> Verdict {
    if refused {
        Verdict {
            decision: aap::Decision::Deny,
            reason: "Recursive delete of the root directory".to_owned(),
            values_violated: vec!["harm_prevention".to_owned()],
            rule_id: Some("fs.delete.root".to_owned()),
            advice: None,
            effects: vec!["delete:/".to_owned()],
            exception: None,
        }
    } else {
        Verdict::allow("Nothing objected")
    }
}

fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    f64::from(u32::try_from(count).expect("a small number")) / began.elapsed().as_secs_f64()
}

/// SQLite alone, with the spool's settings: one table, the same rows.
fn bare(path: &Path, rows: &[Row], group: usize, synchronous: &str) -> f64 {
    let conn = Connection::open(path).expect("a file");
    let set = |name, value: &dyn rusqlite::ToSql| {
        conn.pragma_update_and_check(None, name, value, |_| Ok(()))
            .or_else(|_| conn.pragma_update(None, name, value))
            .expect("a setting");
    };
    set("journal_mode", &"WAL");
    set("cache_size", &-512);
    set("synchronous", &synchronous);
    conn.execute_batch(
        "CREATE TABLE links (stream TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, header TEXT NOT NULL,
             document TEXT, digests BLOB, PRIMARY KEY (stream, seq)) STRICT",
    )
    .expect("a table");
    let rate = rate(rows.len(), || {
        for group in rows.chunks(group) {
            conn.execute_batch("BEGIN IMMEDIATE")
                .expect("a transaction");
            let mut insert = conn
                .prepare_cached("INSERT INTO links VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
                .expect("a statement");
            for row in group {
                insert
                    .execute((&row.0, row.1, row.2, &row.3, &row.4, &row.5))
                    .expect("an insert");
            }
            conn.execute_batch("COMMIT").expect("a commit");
        }
    });
    drop(conn);
    std::fs::remove_file(path).expect("the file");
    rate
}

/// What the spool wrote, to be written once more by SQLite alone.
fn rows_of(spool: &Spool, count: usize) -> Vec<Row> {
    spool
        .read(|conn| {
            conn.prepare(
                "SELECT stream, seq, at, header, document, digests FROM links ORDER BY seq LIMIT ?1",
            )?
            .query_map([count], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                    row.get(5)?,
                ))
            })?
            .collect()
        })
        .expect("rows")
}

fn main() {
    let mut figures: Vec<(&str, Vec<f64>)> = Vec::new();
    let mut note = |name: &'static str, rate: f64| match figures
        .iter_mut()
        .find(|(known, _)| *known == name)
    {
        Some((_, rates)) => rates.push(rate),
        None => figures.push((name, vec![rate])),
    };
    for _ in 0..ROUNDS {
        let bench = Bench::new();
        let mut desk = Desk::new(Arc::clone(&bench.judge), bench.spool("desk.db"));
        let calls = finished(BATCHED, false);
        let took = rate(BATCHED, || {
            for group in calls.chunks(GROUP) {
                desk.finished(group).expect("recorded");
            }
        });
        note("accepted from the call, 256 a commit", took);

        let calls = finished(SINGLE, false);
        let took = rate(SINGLE, || {
            for call in calls.chunks(1) {
                desk.finished(call).expect("recorded");
            }
        });
        note("accepted from the call, one a commit", took);

        let calls = finished(REFUSALS, true);
        let took = rate(REFUSALS, || {
            for call in calls.chunks(1) {
                desk.finished(call).expect("recorded");
            }
        });
        note(
            "refusals from the call, on the disk before the answer",
            took,
        );

        let mut spool = bench.spool("spool.db");
        let mut groups: Vec<Vec<Prepared>> = Vec::new();
        let mut all = bench.prepared(BATCHED).into_iter();
        while groups.len() * GROUP < BATCHED {
            groups.push(all.by_ref().take(GROUP).collect());
        }
        let took = rate(BATCHED, || {
            for group in groups {
                spool
                    .transact(false, |tx| tx.append(group))
                    .expect("spooled");
            }
        });
        note("spooled, 256 a commit", took);

        let rows = rows_of(&spool, BATCHED);
        let floor = bench.dir.path().join("floor.db");
        note(
            "SQLite alone, 256 a commit",
            bare(&floor, &rows, GROUP, "NORMAL"),
        );
        note(
            "SQLite alone, one a commit",
            bare(&floor, &rows[..SINGLE], 1, "NORMAL"),
        );
        note(
            "SQLite alone, one a commit, on the disk",
            bare(&floor, &rows[..REFUSALS], 1, "FULL"),
        );
    }
    for (name, rates) in &mut figures {
        rates.sort_unstable_by(f64::total_cmp);
        let at = |percent: usize| rates[(rates.len() * percent / 100).min(rates.len() - 1)];
        // The slow end is what p99 says of a rate.
        let figure: Value = json!({"metric": name, "unit": "traces/s", "p50": at(50), "p99": at(0), "n": rates.len()});
        println!("{figure}");
    }
}
