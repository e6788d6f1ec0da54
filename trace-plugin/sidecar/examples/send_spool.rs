//! Sends what waits in the spool of a home to an edge as the sidecar would, batch after batch over one connection, and says how
//! many traces a second the edge took, for `cargo xtask bench drain`. Every batch is made and signed before the clock starts, and
//! nothing is deleted: the sidecar can send the same afterwards, to another edge.
//!
//! ```text
//! send_spool HOME HOST:PORT
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use aap::BatchWriter;
use aap::limits::MAX_BATCH_TRACES;
use aap::wire::{Status, SubmitAnswer};
use serde_json::json;
use trace_plugin::Identity;
use trace_plugin::spool::{Spool, Use};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [home, address] = arguments.as_slice() else {
        panic!("usage: send_spool HOME HOST:PORT");
    };
    let batches = batches(Path::new(home));
    let traces: usize = batches.iter().map(|(links, _)| links).sum();
    let mut stream = TcpStream::connect(address).expect("an edge");
    stream.set_nodelay(true).expect("a socket");
    let mut answers = BufReader::new(stream.try_clone().expect("a socket"));
    let began = Instant::now();
    for (links, body) in &batches {
        send(&mut stream, address, body);
        let (status, answer) = read(&mut answers);
        let text = String::from_utf8_lossy(&answer);
        assert_eq!(status, 201, "{text}");
        let answer: SubmitAnswer = serde_json::from_slice(&answer).expect("an answer");
        let stored = |result: &&aap::wire::ItemResult| result.status == Status::Stored;
        assert_eq!(
            answer.results.iter().filter(stored).count(),
            *links,
            "{text}"
        );
    }
    let rate = f64::from(u32::try_from(traces).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64();
    println!(
        "{}",
        json!({"metric": "taken of ready batches", "unit": "traces/s", "p50": rate, "p99": rate, "n": traces})
    );
}

/// All that waits, as bodies with the numbers of their links.
fn batches(home: &Path) -> Vec<(usize, Vec<u8>)> {
    let identity = Identity::load(&home.join("identity.key")).expect("an identity");
    let spool = Spool::open(
        &home.join("spool.db"),
        identity.agent_id(),
        Duration::from_mins(1),
        Use::Resident,
    )
    .expect("a spool");
    let mut batches = Vec::new();
    let mut after = None;
    loop {
        let run = spool.run_after(after, MAX_BATCH_TRACES).expect("links");
        let mut writer = BatchWriter::default();
        for link in &run {
            let pushed = writer.push(&link.header, link.digest, link.document.as_deref());
            if pushed.is_err() {
                break;
            }
            after = Some((link.header.stream, link.header.seq));
        }
        let links = writer.links();
        let Ok(batch) = writer.sign(identity.key()) else {
            return batches;
        };
        batches.push((links, batch.into_body()));
    }
}

fn send(stream: &mut TcpStream, address: &str, body: &[u8]) {
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("a connection");
    stream.write_all(body).expect("a connection");
}

fn read(answers: &mut BufReader<TcpStream>) -> (u16, Vec<u8>) {
    let mut line = String::new();
    answers.read_line(&mut line).expect("an answer");
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    let mut length = 0;
    loop {
        line.clear();
        answers.read_line(&mut line).expect("a header");
        let header = line.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body).expect("a body");
    (status.expect("a status"), body)
}
