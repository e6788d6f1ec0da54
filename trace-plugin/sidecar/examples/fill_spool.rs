//! Records calls into the spool of a home, as many as are asked for and with their contents however much room that takes, for
//! `cargo xtask bench drain`.
//!
//! ```text
//! fill_spool HOME CALLS
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aap::card::AlignmentCard;
use aap::{Judged, Outcome, ToolCall, Verdict};
use conscience::Conscience;
use redact::{Level, Redactor};
use serde_json::json;
use trace_plugin::desk::{Desk, Finished};
use trace_plugin::spool::{Spool, Use};
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, clock};

/// Calls of one commit, as the recorder has them.
const GROUP: usize = 256;
/// Room in the spool, for any number of calls that a bench asks for: 1 TiB.
const ROOM: u64 = 1 << 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [home, calls] = arguments.as_slice() else {
        panic!("usage: fill_spool HOME CALLS");
    };
    let calls: usize = calls.parse().expect("a number of calls");
    let home = Path::new(home);
    let identity = Identity::load(&home.join("identity.key")).expect("an identity");
    let card = AlignmentCard::default_for(
        identity.agent_id(),
        clock::now(),
        "http://localhost/v1/traces",
    );
    let judge = Judge::new(
        Arc::new(Conscience::builtin()),
        Machine::new(Vec::new()),
        Redactor::new(Level::Preview),
        card,
    );
    let patience = Duration::from_mins(1);
    let spool = Spool::open(
        &home.join("spool.db"),
        identity.agent_id(),
        patience,
        Use::Resident,
    )
    .expect("a spool")
    .bounded(ROOM);
    let mut desk = Desk::new(Arc::new(judge), spool);
    let began = Instant::now();
    let mut done = 0;
    while done < calls {
        let group: Vec<Finished> = (done..calls.min(done + GROUP)).map(call).collect();
        desk.finished(&group).expect("room in the spool");
        done += group.len();
    }
    let rate = f64::from(u32::try_from(calls).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({"metric": "recorded into the spool", "unit": "traces/s", "p50": rate, "p99": rate, "n": calls})
    );
}

fn call(n: usize) -> Finished {
    let at = clock::now();
    Finished {
        call: ToolCall {
            session_id: Some("bench".to_owned()),
            call_id: Some(format!("call-{n}")),
            ..ToolCall::new(
                "smoltbot",
                "execute_command",
                json!({"command": format!("cargo test -p crate-{n} 2>&1 | tail -40")}),
            )
        },
        judged: Judged {
            trace_id: clock::trace_id(at),
            verdict: Verdict::allow("no rule objects"),
            approval: None,
        },
        at,
        outcome: Some(Outcome::completed(
            json!({"stdout": "test result: ok. 57 passed; 0 failed; 0 ignored", "exit_code": 0}),
            1200,
        )),
    }
}
