//! Stands between a sidecar and where it sends: passes on what goes by and keeps what goes out.

use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use flate2::read::GzDecoder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What one connection has carried outwards.
type Carried = Arc<Mutex<Vec<u8>>>;

/// A forwarder that keeps what goes through it, or, without anybody behind it, a receiver that takes everything.
pub(crate) struct Tap {
    pub(crate) port: u16,
    connections: Arc<Mutex<Vec<Carried>>>,
    task: JoinHandle<()>,
}

/// One request, as it went over the wire and as its body reads.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) unpacked: Vec<u8>,
    pub(crate) is_packed: bool,
}

impl Tap {
    pub(crate) async fn before(behind: Option<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let carried = Carried::default();
                kept.lock().unwrap().push(Arc::clone(&carried));
                match behind {
                    Some(behind) => drop(tokio::spawn(pass_on(client, behind, carried))),
                    None => drop(tokio::spawn(take(client, carried))),
                }
            }
        });
        Self {
            port,
            connections,
            task,
        }
    }

    /// Everything that went out, connection by connection, byte for byte.
    pub(crate) fn raw(&self) -> Vec<Vec<u8>> {
        let connections = self.connections.lock().unwrap();
        connections
            .iter()
            .map(|carried| carried.lock().unwrap().clone())
            .collect()
    }

    /// The same, request by request. One that is not there to its end yet is left out.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.raw()
            .iter()
            .flat_map(|bytes| requests(bytes))
            .collect()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(client: TcpStream, behind: SocketAddr, carried: Carried) {
    let Ok(server) = TcpStream::connect(behind).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let outwards = copy(from_client, to_server, Some(carried));
    let back = copy(from_server, to_client, None);
    tokio::join!(outwards, back);
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, kept: Option<Carried>) {
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if let Some(kept) = &kept {
            kept.lock().unwrap().extend_from_slice(&chunk[..read]);
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

/// Answers every request as a receiver does that took it.
async fn take(mut client: TcpStream, carried: Carried) {
    let mut answered = 0;
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = client.read(&mut chunk).await {
        let come = {
            let mut carried = carried.lock().unwrap();
            carried.extend_from_slice(&chunk[..read]);
            requests(&carried).len()
        };
        for _ in answered..come {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
            if client.write_all(answer).await.is_err() {
                return;
            }
        }
        answered = come;
    }
}

/// The whole requests that `bytes` begin with.
fn requests(mut bytes: &[u8]) -> Vec<Request> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8(bytes[..end].to_vec()).expect("headers are text");
        let value = |name: &str| {
            head.lines().skip(1).find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        assert_eq!(value("transfer-encoding"), None, "bodies tell their length");
        let length = value("content-length").map_or(0, |length| length.parse().unwrap());
        let Some(body) = bytes.get(end + 4..end + 4 + length) else {
            break;
        };
        let encoding = value("content-encoding");
        let unpacked = match encoding.as_deref() {
            None => body.to_vec(),
            Some("gzip") => {
                let mut unpacked = Vec::new();
                GzDecoder::new(body).read_to_end(&mut unpacked).unwrap();
                unpacked
            }
            Some(other) => panic!("this test cannot unpack {other}, and so sees nothing in it"),
        };
        found.push(Request {
            is_packed: encoding.is_some(),
            head,
            unpacked,
        });
        bytes = &bytes[end + 4 + length..];
    }
    found
}
