//! As much of HTTP/1.1 as a sidecar and an edge speak, over raw sockets: what a client library would mend is to be seen.

use std::io::{self, Read as _};

use flate2::read::GzDecoder;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The most bytes of a head.
const MAX_HEAD: usize = 64 * 1024;

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The first line and the headers, each without its line break.
    pub head: Vec<String>,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The same message with other ways of telling where it ends: its length, and what becomes of the connection.
    pub fn bytes(&self, connection: &str) -> Vec<u8> {
        let ours = ["connection", "content-length", "transfer-encoding"];
        let kept = self.head.iter().filter(|line| {
            let name = line.split(':').next().unwrap_or_default();
            !ours.iter().any(|our| name.eq_ignore_ascii_case(our))
        });
        let mut bytes = Vec::new();
        for line in kept {
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        let end = format!(
            "content-length: {}\r\nconnection: {connection}\r\n\r\n",
            self.body.len()
        );
        bytes.extend_from_slice(end.as_bytes());
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// An answer of our own.
    pub fn answer(status: u16, headers: &[&str], body: &str) -> Self {
        let mut head = vec![format!("HTTP/1.1 {status} Trouble")];
        head.extend(headers.iter().map(|&header| header.to_owned()));
        Self {
            head,
            body: body.as_bytes().to_vec(),
        }
    }

    /// Method and path of a request.
    pub fn line(&self) -> (&str, &str) {
        let mut words = self.head.first().map_or("", String::as_str).split(' ');
        (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        )
    }

    /// The body as JSON, unpacked; null when it is none.
    pub fn json(&self) -> Value {
        let unpacked = if self.header("content-encoding") == Some("gzip") {
            let mut text = Vec::new();
            match GzDecoder::new(&self.body[..]).read_to_end(&mut text) {
                Ok(_) => text,
                Err(_) => return Value::Null,
            }
        } else {
            self.body.clone()
        };
        serde_json::from_slice(&unpacked).unwrap_or(Value::Null)
    }
}

/// Reads one request; none when the other side has hung up.
///
/// # Errors
/// When it is cut off, or tells its length in a way that nobody here does.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
    let Some((head, mut body)) = read_head(from).await? else {
        return Ok(None);
    };
    let mut message = Message {
        head,
        body: Vec::new(),
    };
    if message.header("transfer-encoding").is_some() {
        return Err(io::Error::other("a chunked message"));
    }
    let length = message.header("content-length").unwrap_or("0");
    let length: usize = length.parse().map_err(io::Error::other)?;
    let begun = body.len();
    body.resize(length.max(begun), 0);
    from.read_exact(&mut body[begun..]).await?;
    message.body = body;
    Ok(Some(message))
}

type Head = (Vec<String>, Vec<u8>);

async fn read_head(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Head>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > MAX_HEAD {
            return Err(io::Error::other("a head without an end"));
        }
        let mut chunk = [0; 4 * 1024];
        match from.read(&mut chunk).await? {
            0 if bytes.is_empty() => return Ok(None),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&chunk[..read]),
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let head = head.split("\r\n").map(str::to_owned).collect();
    Ok(Some((head, bytes.split_off(end + 4))))
}

/// The ids of the traces that a submission brings, headers without content among them.
pub fn ids(submission: &Value) -> Vec<String> {
    let batch = submission["batch"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let id = |item: &Value| {
        let of = item.get("held_back").unwrap_or(item);
        Some(of["trace_id"].as_str()?.to_owned())
    };
    batch.iter().filter_map(id).collect()
}
