//! HTTP/1.1 by hand, so that a test decides about every byte: where a write ends, and where a connection does.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, PoisonError};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::{Answer, Hold};
use crate::wire::Step;
use crate::{Asked, Shared};

/// Bytes of the longest body that is read: a conversation of 64 MiB.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    let mut made = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An accept that fails is a client that went away again, or no file descriptors: the next may work.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, made, Arc::clone(&shared)));
                    made += 1;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Requests of one connection, one after the other. Whatever breaks ends it: the client sees that, which is all that a test asks.
async fn serve(stream: TcpStream, connection: usize, shared: Arc<Shared>) {
    // Each piece is to arrive when it is sent.
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Ok(Some(mut asked)) = read(&mut stream).await {
        {
            let mut requests = shared
                .requests
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            asked.number = requests.len();
            asked.connection = connection;
            requests.push(asked.clone());
        }
        let answer = if asked.path == shared.wire.path() {
            (shared.respond)(&asked)
        } else {
            Answer::status(404, "404 page not found").header("content-type", "text/plain")
        };
        let whole = send(stream.get_mut(), &shared, &asked, &answer).await;
        if !whole.unwrap_or(false) {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Asked>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    let mut length = 0;
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().map_err(io::Error::other)?;
        }
        headers.push((name, value));
    }
    if length > MAX_BODY_BYTES {
        return Err(io::Error::other("a body beyond the limit"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Asked {
        number: 0,
        connection: 0,
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
    }))
}

async fn hold(hold: &Hold) {
    match hold {
        Hold::Until(gate) => gate.pass().await,
        Hold::For(pause) => tokio::time::sleep(*pause).await,
        Hold::Forever => std::future::pending().await,
    }
}

/// Ends when the client closes, or sends what it has no business to send yet.
async fn gone(stream: &TcpStream) {
    let _ = stream.peek(&mut [0]).await;
}

/// Whether the connection can be used again.
async fn send(
    stream: &mut TcpStream,
    shared: &Shared,
    asked: &Asked,
    answer: &Answer,
) -> io::Result<bool> {
    if let Some(before) = &answer.before {
        // A client that goes away meanwhile ends it.
        tokio::select! {
            () = hold(before) => {}
            () = gone(stream) => return Ok(false),
        }
    }
    let mut head = format!("HTTP/1.1 {} -\r\n", answer.status);
    let typed = answer.headers.iter();
    if !typed.clone().any(|(name, _)| name == "content-type") {
        let kind = match answer.body {
            Some(_) => "application/json",
            None => shared.wire.content_type(),
        };
        let _ = write!(head, "content-type: {kind}\r\n");
    }
    for (name, value) in typed {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(body) = &answer.body {
        let _ = write!(head, "content-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await?;
        return Ok(true);
    }
    head.push_str("transfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    for step in shared.wire.steps(asked, answer) {
        match step {
            Step::Send(bytes) => {
                for piece in bytes.chunks(answer.write.unwrap_or(bytes.len()).max(1)) {
                    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
                    chunk.extend_from_slice(piece);
                    chunk.extend_from_slice(b"\r\n");
                    stream.write_all(&chunk).await?;
                }
            }
            Step::Hold(at) => tokio::select! {
                () = hold(&at) => {}
                () = gone(stream) => return Ok(false),
            },
            Step::Cut => return Ok(false),
        }
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(true)
}
