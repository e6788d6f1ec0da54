//! How many traces a second are committed, and what listings and counts cost afterwards.
//!
//! `cargo run --release -p trace-store-sqlite --example append_rate_sqlite [TRACES]`: four agents append at once, 100 traces a batch.
//! What is measured is the store alone; validation and signatures are made before the clock starts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use trace_store::conformance::{Agent, now};
use trace_store::{Filter, PageRequest, TraceReader, TraceWriter};
use trace_store_sqlite::SqliteStore;

const AGENTS: u8 = 4;
const BATCH: u32 = 100;
/// Signed batches that are made ahead, so that they fit into memory.
const AHEAD: u32 = 50;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let traces = match std::env::args().nth(1) {
        Some(text) => text.parse().context("the number of traces")?,
        None => 200_000_u32,
    };
    let directory = tempfile::tempdir()?;
    let store = SqliteStore::open(&directory.path().join("traces.db"))?;
    let mut agents: Vec<Agent> = (1..=AGENTS).map(Agent::new).collect();
    let rounds = (traces / BATCH / u32::from(AGENTS) / AHEAD).max(1);
    let (mut spent, mut bytes, mut count) = (Duration::ZERO, 0, 0_u32);
    for round in 0..rounds {
        let ahead: Vec<Vec<_>> = agents
            .iter_mut()
            .map(|agent| {
                (0..AHEAD)
                    .map(|batch| batch_of(agent, round * AHEAD + batch))
                    .collect()
            })
            .collect();
        for trace in ahead.iter().flatten().flat_map(aap::ValidBatch::traces) {
            bytes += trace.document().map_or(0, str::len);
            count += 1;
        }
        let started = Instant::now();
        try_join_all(ahead.into_iter().map(|batches| async {
            for batch in batches {
                store.append(batch, now(0)).await?;
            }
            anyhow::Ok(())
        }))
        .await?;
        spent += started.elapsed();
    }
    let each = spent.as_secs_f64() / f64::from(count);
    println!(
        "{count} traces of {} bytes: {:.0} a second, {:.1} µs each",
        bytes / count as usize,
        1.0 / each,
        each * 1e6
    );
    let file = std::fs::metadata(directory.path().join("traces.db"))?;
    println!("file: {} bytes a trace", file.len() / u64::from(count));
    for agent in [None, Some(agents[0].id)] {
        let filter = Filter {
            agent_id: agent,
            ..Filter::default()
        };
        let started = Instant::now();
        let page = store.traces(&filter, PageRequest::default()).await?;
        println!("page of {}: {:?}", page.rows.len(), started.elapsed());
        let started = Instant::now();
        let stats = store.stats(&filter, 3_600_000, now(0)).await?;
        println!("stats of {} traces: {:?}", stats.total, started.elapsed());
    }
    store.close().await;
    Ok(())
}

/// A batch somewhere in the 24 hours before now, one in eight refused.
fn batch_of(agent: &mut Agent, number: u32) -> aap::ValidBatch {
    let start = -24 * 3_600_000 + i64::from(number) * 70_000 % (23 * 3_600_000);
    let calls = (0..BATCH)
        .map(|index| {
            let at = start + i64::from(index) * 600;
            let mut call = if index % 8 == 0 {
                agent.refusal(at, "fs.delete.root", "would delete /", &["harm_prevention"])
            } else {
                agent.call(at)
            };
            call.duration_ms = Some(u64::from(index * index % 977));
            call.tool = String::from(["exec", "read", "write", "web_fetch"][index as usize % 4]);
            call
        })
        .collect();
    agent.batch_of(calls)
}
