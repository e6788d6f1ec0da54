//! What leaves the machine, byte for byte: from a sidecar to its edge and to a receiver of spans. And with it every agent's
//! way into the spool and into the database.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::dialects::{AGENTS, events};
use crate::support::{Home, PATIENCE, Up, ndjson};
use crate::surfaces::redactions;
use crate::tap::Tap;
use crate::{Search, canaries, outside};

/// Ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn no_canary_of_any_agent_is_spooled_sent_or_stored() {
    let mut search = Search::new();
    let here = Home::new();
    let full = |arguments: &[&str]| {
        let mut command = here.smoltbot(arguments);
        command
            .env("SMOLTBOT_PUBLISH__LEVEL", "full")
            .env("RUST_LOG", "trace");
        command
    };
    // Nobody ships yet: what is recorded stays in the spool.
    for agent in AGENTS {
        let output = crate::support::feed(full(&["hook", agent]), &ndjson(&events(agent, "a")));
        assert!(output.status.success());
        search.nothing_in("a hook's answer", &output.stdout);
        search.nothing_in("a hook's standard error", &output.stderr);
    }
    search.nothing_below(&outside(&here));

    // As on another machine: what leaves is packed, and its edge is not in this home.
    let there = Home::new();
    let mut command = there.smoltbot(&["edge"]);
    command
        .env("RUST_LOG", "trace")
        .env("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0")
        .env("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0")
        .stderr(File::create(outside(&there).join("edge.log")).unwrap());
    let edge = Up::start(command);
    let address = edge.edge.strip_prefix("http://").unwrap().parse().unwrap();
    let (wire, spans) = (Tap::before(Some(address)).await, Tap::before(None).await);
    let mut command = full(&["sidecar"]);
    command
        // This machine by an address that is not loopback's.
        .env("SMOLTBOT_API_URL", format!("http://0.0.0.0:{}", wire.port))
        .env(
            "SMOLTBOT_OTLP__ENDPOINT",
            format!("http://127.0.0.1:{}", spans.port),
        )
        .env("SMOLTBOT_BATCH_SIZE", "100")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(outside(&here).join("sidecar.log")).unwrap());
    let sidecar = Running(command.spawn().unwrap());

    let told = told_once(&here, &edge).await;
    for agent in AGENTS {
        let (calls, rules) = &told[agent];
        assert_eq!(*calls, canaries().len(), "{agent}");
        let missing: Vec<_> = canaries()
            .iter()
            .map(|canary| canary.rule)
            .filter(|rule| !rules.contains(*rule))
            .collect();
        // Its pattern is that of the rule before it.
        assert_eq!(missing, ["bittrex-secret-key"], "{agent}");
    }
    // Spans are queued by who records while the exporter is on: one more call of each agent.
    for agent in AGENTS {
        let more = &events(agent, "b")[..20];
        crate::support::feed(full(&["hook", agent]), &ndjson(more));
    }
    let began = Instant::now();
    while spans.requests().is_empty() {
        assert!(began.elapsed() < PATIENCE, "no span was sent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    for (tap, what) in [
        (&wire, "the wire to the edge"),
        (&spans, "the wire to a receiver"),
    ] {
        for bytes in tap.raw() {
            search.nothing_in(what, &bytes);
        }
        for request in tap.requests() {
            search.nothing_in(what, request.head.as_bytes());
            search.nothing_in(what, &request.unpacked);
        }
    }
    // Otherwise nothing would have been looked for.
    let sent = wire.requests();
    assert!(sent.iter().any(|sent| sent.is_packed), "nothing was packed");
    let batches = sent.iter().filter_map(|sent| {
        let body: Value = serde_json::from_slice(&sent.unpacked).ok()?;
        Some(body["batch"].as_array()?.len())
    });
    assert!(batches.sum::<usize>() >= AGENTS.len() * canaries().len());
    search.nothing_below(&outside(&here));
    search.nothing_below(&outside(&there));
    drop(sidecar);
}

/// For each agent its traces and the rules that they tell, once nothing waits any more.
async fn told_once(here: &Home, edge: &Up) -> BTreeMap<String, (usize, BTreeSet<String>)> {
    let began = Instant::now();
    loop {
        let status = here.run(&["status", "--json"]);
        let status: Value = serde_json::from_slice(&status.stdout).unwrap();
        if status["spool"]["waiting"] == 0 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "not all was sent: {status}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut told = BTreeMap::<_, (usize, BTreeSet<String>)>::new();
    for trace in every_trace(edge).await {
        let runtime = trace["metadata"]["runtime"].as_str().unwrap().to_owned();
        let of_agent = told.entry(runtime).or_default();
        of_agent.0 += 1;
        redactions(&trace, &mut of_agent.1);
    }
    told
}

async fn every_trace(edge: &Up) -> Vec<Value> {
    let mut traces = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = edge.json(&format!("/v1/traces?limit=500{cursor}")).await;
        traces.extend(page["traces"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else {
            return traces;
        };
        cursor = format!("&cursor={next}");
    }
}
