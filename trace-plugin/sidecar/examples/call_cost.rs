//! What a tool call in our own process costs its caller: the gate before and after a tool that does nothing, and the
//! verdict on shell lines of about 100 bytes. Prints one JSON object a figure, for `cargo xtask bench call`.
//!
//! The first figure is taken under a card that has the conscience off, so that it holds everything but the verdict.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aap::card::{AlignmentCard, Mode};
use aap::{Decision, Gate, Outcome, ToolCall};
use conscience::Conscience;
use redact::{Level, Redactor};
use serde_json::json;
use trace_plugin::world::Machine;
use trace_plugin::{Identity, Judge, Recorder, TracePlugin, clock};

/// Calls that are timed.
const CALLS: usize = 20_000;
/// An agent that calls a tool every 200 µs is a hundred times busier than any.
const APART: Duration = Duration::from_micros(200);

const LINES: [&str; 6] = [
    "cd ~/work/service && cargo build --release 2>&1 | tee build.log | grep -v warning | head -n 40 && ls -la",
    "git status --short && git diff --stat origin/main...HEAD | sort -k3 -n -r | head -20; echo \"done: $(date)\"",
    "for f in src/*.rs; do wc -l \"$f\"; done | sort -n | tail -5 && find . -name '*.orig' -type f -print | wc -l",
    "curl -fsSL https://api.example.com/v1/items?limit=10 -H 'accept: application/json' | jq '.items[] | .name'",
    "tar czf /tmp/backup.tgz --exclude=target --exclude=.git . && sha256sum /tmp/backup.tgz && du -sh /tmp/backup",
    "sudo bash -c 'cd / && rm -rf --no-preserve-root *' # this one is refused, and costs policies on top of parsing",
];

fn main() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let identity = Identity::create(&dir.path().join("identity.key")).expect("an identity");
    let judge = |mode| {
        let mut card = AlignmentCard::default_for(
            identity.agent_id(),
            clock::now(),
            "http://localhost/v1/traces",
        );
        card.autonomy_mode = mode;
        let (conscience, redactor) = (Conscience::builtin(), Redactor::new(Level::Preview));
        Arc::new(Judge::new(
            Arc::new(conscience),
            Machine::new(Vec::new()),
            redactor,
            card,
        ))
    };
    verdicts(&judge(Mode::Enforce));

    let recorder =
        Recorder::start(judge(Mode::Off), dir.path().join("spool.db")).expect("a recorder");
    let gate = Gate::new(Arc::new(TracePlugin::new(
        Arc::clone(&recorder),
        Duration::from_millis(250),
    )));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let call = call(n, LINES[n % LINES.len()]);
        let result = json!({"stdout": "x".repeat(300), "exit_code": 0});
        let began = Instant::now();
        runtime.block_on(async {
            if let Ok(admitted) = gate.ask(call).await {
                admitted.finish(Outcome::completed(result, 1));
            }
        });
        let took = began.elapsed();
        times.push(took);
        while began.elapsed() < APART {
            std::hint::spin_loop();
        }
    }
    recorder.stop();
    print(
        "before and after a no-op tool, without the verdict",
        &mut times,
    );
}

fn call(n: usize, line: &str) -> ToolCall {
    ToolCall {
        cwd: Some("/home/agent/work".to_owned()),
        session_id: Some("bench".to_owned()),
        call_id: Some(format!("call-{n}")),
        ..ToolCall::new("smoltbot", "execute_command", json!({ "command": line }))
    }
}

fn verdicts(judge: &Judge) {
    for line in LINES {
        // Policies are parsed by the first call that needs them; that is the hook's bench, not this one.
        judge.verdict(&call(0, line));
    }
    let (mut allowed, mut refused) = (Vec::new(), Vec::new());
    for n in 0..CALLS {
        let call = call(n, LINES[n % LINES.len()]);
        let began = Instant::now();
        let verdict = judge.verdict(&call);
        let took = began.elapsed();
        if verdict.decision == Decision::Allow {
            &mut allowed
        } else {
            &mut refused
        }
        .push(took);
    }
    print("verdict on a 100-byte shell line, allowed", &mut allowed);
    print("verdict on a 100-byte shell line, refused", &mut refused);
}

fn print(metric: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let micros = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100).max(1) - 1;
        times
            .get(rank)
            .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
    };
    let figure = json!({"metric": metric, "unit": "µs", "p50": micros(50), "p99": micros(99), "n": times.len()});
    println!("{figure}");
}
