//! The newest 50 traces of an agent that has very many, asked for at the HTTP port.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use test_cluster::Cluster;

use super::hosts::{Host as _, Native};
use crate::bench::http::Client;
use crate::bench::{Bench, Metric, example};

/// Traces of the agent. `$SMOLTBOT_BENCH_ROWS` says another number.
const ROWS: u64 = 1_000_000;
/// Traces that are sent, then copied.
const SENT: u64 = 100;
/// Times that the page is asked for, the first ones to warm up.
const ASKED: usize = 1_100;
const WARM_UP: usize = 100;

/// The page's latency.
pub(super) fn measure(bench: &Bench, cluster: &Cluster, url: &str) -> Result<Metric> {
    let rows = match std::env::var("SMOLTBOT_BENCH_ROWS") {
        Ok(text) => text
            .parse()
            .context("SMOLTBOT_BENCH_ROWS is not a number")?,
        Err(_) => ROWS,
    };
    let native = Native::start(bench, url)?;
    let address = native.address();
    let arguments = [
        address.to_string(),
        "1".to_owned(),
        "1".to_owned(),
        SENT.to_string(),
    ];
    example::run("edge-server", "ingest_load", &arguments)?;
    let database = url.rsplit('/').next().context("a URL without a database")?;
    let agent = cluster.psql(database, "SELECT DISTINCT agent_id FROM public.traces")?;
    fill(cluster, database, rows)?;
    let mut client = Client::connect(address)?;
    let path = format!("/v1/traces?agent_id={agent}&limit=50");
    let mut times = Vec::new();
    for _ in 0..ASKED {
        let began = Instant::now();
        let page = client.get(&path)?;
        times.push(began.elapsed());
        let page: serde_json::Value = serde_json::from_str(&page)?;
        let found = page["traces"].as_array().map_or(0, Vec::len);
        ensure!(found == 50, "the page has {found} traces");
    }
    Metric::of_times(
        &format!("newest 50 of an agent with {rows} traces"),
        &times[WARM_UP..],
    )
}

/// Makes the agent's traces up to `rows`, with what was sent as their content, evenly over this month so far.
fn fill(cluster: &Cluster, database: &str, rows: u64) -> Result<()> {
    let copies = (rows / SENT).saturating_sub(1);
    cluster.psql(
        database,
        &format!(
            "CREATE TEMPORARY TABLE sent AS SELECT * FROM public.traces; \
             INSERT INTO public.traces (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name, \
                 session_id, rule_id, reason, values_violated, duration_ms, runtime, outcome, fingerprint, held_back, document) \
             SELECT position - 512 * copy, gen_random_uuid(), agent_id, time, time, time, action_type, tool_name, \
                 session_id, rule_id, reason, values_violated, duration_ms, runtime, outcome, fingerprint, held_back, document \
             FROM sent, generate_series(1, {copies}) AS copy, \
                 LATERAL (SELECT at - (at - date_trunc('month', at, 'UTC')) * copy / {copies} AS time) AS made; \
             UPDATE public.agents SET traces = {rows}; \
             ANALYZE public.traces; CHECKPOINT"
        ),
    )?;
    let there: u64 = cluster
        .psql(database, "SELECT count(*) FROM public.traces")?
        .parse()?;
    ensure!(
        there >= rows / SENT * SENT,
        "only {there} of {rows} traces were made"
    );
    Ok(())
}
