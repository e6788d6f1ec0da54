//! Sends signed batches to a running edge and says how many traces a second it acknowledged, for `cargo xtask bench ingest`.
//!
//! ```text
//! ingest_load HOST:PORT CONNECTIONS BATCHES_EACH TRACES_A_BATCH
//! ```
//!
//! Every connection speaks for an agent of its own. All batches are made and signed before the clock starts.

mod batches;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use aap::wire::{Status, SubmitAnswer};
use aap::{StreamId, Timestamp};
use anyhow::{Context, Result, ensure};
use serde_json::json;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, connections, batches, size] = arguments.as_slice() else {
        anyhow::bail!("usage: ingest_load HOST:PORT CONNECTIONS BATCHES_EACH TRACES_A_BATCH");
    };
    let (connections, batches, size): (u8, usize, usize) =
        (connections.parse()?, batches.parse()?, size.parse()?);
    let bodies: Vec<Vec<Vec<u8>>> = (0..connections).map(|n| bodies(n, batches, size)).collect();
    let bytes: usize = bodies.iter().flatten().map(Vec::len).sum();
    let barrier = Barrier::new(usize::from(connections) + 1);
    let (took, mut times) = std::thread::scope(|scope| -> Result<_> {
        let senders: Vec<_> = bodies
            .iter()
            .map(|bodies| scope.spawn(|| send(address, bodies, size, &barrier)))
            .collect();
        barrier.wait();
        let began = Instant::now();
        let mut times = Vec::new();
        for sender in senders {
            times.extend(
                sender
                    .join()
                    .map_err(|_| anyhow::anyhow!("a sender panicked"))??,
            );
        }
        Ok((began.elapsed(), times))
    })?;
    let traces = times.len() * size;
    let rate = f64::from(u32::try_from(traces)?) / took.as_secs_f64();
    let mean = bytes / traces;
    let figure = |metric: String, unit: &str, p50: f64, p99: f64| {
        println!(
            "{}",
            json!({"metric": metric, "unit": unit, "p50": p50, "p99": p99, "n": traces})
        );
    };
    let what = format!("{connections} connections, batch {size}, {mean} B a trace");
    figure(format!("acknowledged, {what}"), "traces/s", rate, rate);
    times.sort_unstable();
    let ms = |percent: usize| {
        times[(times.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e3
    };
    figure(format!("a batch's answer, {what}"), "ms", ms(50), ms(99));
    Ok(())
}

/// Batches of one agent's chain, another agent in each process.
fn bodies(agent: u8, batches: usize, size: usize) -> Vec<Vec<u8>> {
    let mut seed = [agent; 32];
    seed[..4].copy_from_slice(&std::process::id().to_be_bytes());
    let stream = StreamId::from_bytes([agent; 16]);
    batches::bodies(seed, stream, now(), batches, size)
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(0))
}

/// One connection, one request after another; every trace must be acknowledged as stored.
fn send(
    address: &str,
    bodies: &[Vec<u8>],
    size: usize,
    barrier: &Barrier,
) -> Result<Vec<Duration>> {
    let stream = TcpStream::connect(address).with_context(|| format!("no edge at {address}"));
    barrier.wait();
    let mut stream = stream?;
    stream.set_nodelay(true)?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut times = Vec::with_capacity(bodies.len());
    for body in bodies {
        let began = Instant::now();
        write!(
            stream,
            "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )?;
        stream.write_all(body)?;
        let (status, answer) = read(&mut answers)?;
        times.push(began.elapsed());
        let text = String::from_utf8_lossy(&answer);
        ensure!(status == 201, "the edge answers {status}: {text}");
        let answer: SubmitAnswer = serde_json::from_slice(&answer)?;
        let stored = answer
            .results
            .iter()
            .filter(|result| result.status == Status::Stored)
            .count();
        ensure!(
            stored == size,
            "only {stored} of {size} were stored: {text}"
        );
    }
    Ok(times)
}

fn read(answers: &mut BufReader<TcpStream>) -> Result<(u16, Vec<u8>)> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    let status = line.split(' ').nth(1).context("no status")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        answers.read_line(&mut line)?;
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    Ok((status, body))
}
