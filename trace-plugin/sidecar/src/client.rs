//! The way of a one-shot `hook` process to a running sidecar: one HTTP request over its Unix socket.
//!
//! Written by hand and blocking: the process lives for milliseconds, and starting a runtime would cost more than the work.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::dialect::{Dialect, Reply};

/// Hands `input` to the sidecar on `socket`; none when there is no sidecar that answers within `budget`.
pub fn ask(socket: &Path, dialect: Dialect, input: &[u8], budget: Duration) -> Option<Reply> {
    let body = request(socket, dialect, input, Instant::now() + budget).ok()?;
    serde_json::from_slice(&body).ok()
}

fn request(
    socket: &Path,
    dialect: Dialect,
    input: &[u8],
    deadline: Instant,
) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    let left = || {
        deadline
            .checked_duration_since(Instant::now())
            .ok_or(io::ErrorKind::TimedOut)
    };
    stream.set_write_timeout(Some(left()?))?;
    write!(
        stream,
        "POST /v1/hook/{} HTTP/1.1\r\nhost: sidecar\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        dialect.name(),
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
