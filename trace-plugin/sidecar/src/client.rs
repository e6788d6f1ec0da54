//! The way of a one-shot process to a running sidecar: one HTTP request over its Unix socket.
//!
//! Written by hand and blocking: the process lives for milliseconds, and starting a runtime would cost more than the work.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::clock;
use crate::dialect::{Dialect, Reply};
use crate::intake::{Health, UNTIL};

/// Hands `input` to the sidecar on `socket`; none when there is no sidecar that answers within `budget`.
pub fn ask(socket: &Path, dialect: Dialect, input: &[u8], budget: Duration) -> Option<Reply> {
    let deadline = Instant::now() + budget;
    let budget = i64::try_from(budget.as_millis()).unwrap_or(i64::MAX);
    // A sidecar that comes to it later leaves it alone: by then this process has judged and recorded the call itself.
    let what = format!(
        "POST /v1/hook/{} HTTP/1.1\r\n{UNTIL}: {}",
        dialect.name(),
        clock::now().millis().saturating_add(budget)
    );
    let body = request(socket, &what, input, deadline).ok()?;
    serde_json::from_slice(&body).ok()
}

/// What the sidecar on `socket` says of itself; none when none answers within `budget`.
pub fn health(socket: &Path, budget: Duration) -> Option<Health> {
    let body = request(socket, "GET /health HTTP/1.1", &[], Instant::now() + budget).ok()?;
    serde_json::from_slice(&body).ok()
}

/// One request, `what` being its first line and headers of its own.
fn request(socket: &Path, what: &str, input: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    let left = || {
        deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
            .ok_or(io::ErrorKind::TimedOut)
    };
    stream.set_write_timeout(Some(left()?))?;
    write!(
        stream,
        "{what}\r\nhost: sidecar\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        input.len()
    )?;
    stream.write_all(input)?;
    let mut answer = Vec::with_capacity(1024);
    let mut chunk = [0_u8; 4096];
    loop {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk)? {
            0 => break,
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
    body(&answer)
        .map(<[u8]>::to_vec)
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The body of a 200 answer that was closed at its end; our sidecar writes a content-length and never chunks.
fn body(answer: &[u8]) -> Option<&[u8]> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    answer
        .starts_with(b"HTTP/1.1 200 ")
        .then(|| &answer[split + 4..])
}
