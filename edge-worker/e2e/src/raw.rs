//! Requests that no well-behaved client sends, written by hand.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::{Answer, Client};

/// Longer than any host takes to answer, or to give up on the body.
const PATIENCE: Duration = Duration::from_secs(45);

/// Sends the head of a request that says its body is `length` bytes, and as much of the body as there is in `begun`; with
/// `ends`, nothing more can follow. Answers none when the connection ended without an answer.
pub(crate) async fn send(
    client: &Client,
    method: &str,
    path: &str,
    length: usize,
    begun: &[u8],
    ends: bool,
) -> Option<Answer> {
    let mut connection = connect(client).await;
    let told = client
        .address_header()
        .map(|(name, value)| format!("{name}: {value}\r\n"));
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n{}content-length: {length}\r\n\r\n",
        client.authority(),
        told.unwrap_or_default(),
    );
    let sent = [head.as_bytes(), begun].concat();
    connection.write_all(&sent).await.expect("sent");
    if ends {
        connection.shutdown().await.expect("no more");
    }
    timeout(PATIENCE, answer(&mut connection))
        .await
        .expect("an answer or an end")
}

async fn connect(client: &Client) -> TcpStream {
    let mut addresses = lookup_host(client.authority()).await.expect("an address");
    let address: SocketAddr = addresses.next().expect("an address");
    let socket = match address.ip() {
        IpAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
        IpAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
    };
    let socket = socket.expect("a socket");
    if let Some(own) = client.own_address() {
        socket.bind((own, 0).into()).expect("an address of our own");
    }
    socket.connect(address).await.expect("a connection")
}

/// Reads one answer with a `Content-Length`; none when the connection ends before it is whole.
async fn answer(connection: &mut TcpStream) -> Option<Answer> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.lines();
    let status: StatusCode = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::try_from(value).expect("a value"))
        })
        .collect();
    let length: usize = headers.get("content-length")?.to_str().ok()?.parse().ok()?;
    let body = head + 4;
    while bytes.len() < body + length {
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(Answer::new(status, headers, &bytes[body..body + length]))
}
