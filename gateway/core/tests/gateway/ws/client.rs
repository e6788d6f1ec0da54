//! A client that says what it is told to and reads what comes.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::house::{House, TOKEN};

pub(crate) struct Client {
    pub(super) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub(super) challenge: Value,
}

/// Opens `/ws` with these headers.
pub(super) async fn open(
    address: SocketAddr,
    headers: &[(&'static str, &str)],
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

impl Client {
    /// A stranger, who has got the challenge.
    pub(super) async fn stranger(house: &House) -> Self {
        Self::with(house, &[]).await
    }

    pub(super) async fn with(house: &House, headers: &[(&'static str, &str)]) -> Self {
        let socket = open(house.address, headers).await.unwrap();
        let mut client = Self {
            socket,
            challenge: Value::Null,
        };
        let event = client.next().await;
        assert_eq!(event["event"], "connect.challenge", "{event}");
        client.challenge = event["payload"].clone();
        client
    }

    /// A client of the simple dialect.
    pub(crate) async fn simple(house: &House) -> Self {
        let mut client = Self::stranger(house).await;
        let auth = json!({"auth": {"mode": "token", "token": TOKEN}});
        let answer = client.ask("connect", auth).await;
        assert_eq!(answer["ok"], true, "{answer}");
        client
    }

    /// A client of OpenClaw's dialect, as a program on this machine.
    pub(crate) async fn backend(house: &House) -> Self {
        let mut client = Self::stranger(house).await;
        let answer = client.ask("connect", hello()).await;
        assert_eq!(answer["payload"]["type"], "hello-ok", "{answer}");
        client
    }

    pub(super) async fn text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    pub(super) async fn request(&mut self, id: &str, method: &str, params: Value) {
        let frame = json!({"type": "req", "id": id, "method": method, "params": params});
        self.text(frame.to_string()).await;
    }

    /// Asks, and waits for the answer; what comes between is dropped.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.request(method, method, params).await;
        self.answer(method).await.1
    }

    /// The answer to `id`, and the events before it.
    pub(super) async fn answer(&mut self, id: &str) -> (Vec<Value>, Value) {
        let mut events = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "res" && frame["id"] == id {
                return (events, frame);
            }
            events.push(frame);
        }
    }

    pub(super) async fn next(&mut self) -> Value {
        match self.came().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("a frame of text, and not {other:?}"),
        }
    }

    /// The code that the gateway closes with.
    pub(super) async fn closed(&mut self) -> u16 {
        match self.came().await {
            Message::Close(Some(frame)) => frame.code.into(),
            other => panic!("the end, and not {other:?}"),
        }
    }

    async fn came(&mut self) -> Message {
        let came = timeout(Duration::from_secs(100), self.socket.next()).await;
        came.expect("something comes")
            .expect("it is open")
            .expect("it can be read")
    }
}

/// `connect` of a program on this machine.
pub(super) fn hello() -> Value {
    json!({"minProtocol": 4, "maxProtocol": 4, "role": "operator",
        "client": {"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"},
        "scopes": ["operator.admin"], "caps": ["tool-events"], "auth": {"token": TOKEN}})
}
