//! A client of the gateway's WebSocket, as the real binary serves it: it says what it is told to and reads what comes.
#![allow(dead_code, reason = "each test file uses its part of this")]
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{PATIENCE, Up};

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Host and port of the gateway.
pub(crate) fn address(up: &Up) -> &str {
    up.gateway.strip_prefix("http://").unwrap()
}

/// Opens `/ws` with these headers.
pub(crate) async fn open(up: &Up, headers: &[(&'static str, &str)]) -> Result<Socket, Error> {
    let url = format!("ws://{}/ws", address(up));
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    connect_async(request).await.map(|(socket, _)| socket)
}

/// The status that `/ws` answers in place of a WebSocket.
pub(crate) async fn refused(up: &Up, headers: &[(&'static str, &str)]) -> u16 {
    match open(up, headers).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Ok(_) => 101,
        Err(error) => panic!("an answer, and not {error}"),
    }
}

pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) challenge: Value,
}

impl Client {
    /// A stranger, who has got the challenge.
    pub(crate) async fn stranger(up: &Up) -> Self {
        Self::with(up, &[]).await
    }

    pub(crate) async fn with(up: &Up, headers: &[(&'static str, &str)]) -> Self {
        let socket = open(up, headers).await.unwrap();
        let mut client = Self {
            socket,
            challenge: Value::Null,
        };
        client.challenge = client.next().await;
        client
    }

    /// A client of the simple dialect.
    pub(crate) async fn simple(up: &Up) -> Self {
        let mut client = Self::stranger(up).await;
        let answer = client.ask("connect", token(&up.token)).await;
        assert_eq!(answer["ok"], true, "{answer}");
        client
    }

    /// A client of `OpenClaw`'s dialect, as a program on this machine.
    pub(crate) async fn backend(up: &Up) -> Self {
        let mut client = Self::stranger(up).await;
        let answer = client.ask("connect", hello(&up.token)).await;
        assert_eq!(answer["payload"]["type"], "hello-ok", "{answer}");
        client
    }

    pub(crate) async fn text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).await.unwrap();
    }

    pub(crate) async fn request(&mut self, id: &str, method: &str, params: Value) {
        let frame = json!({"type": "req", "id": id, "method": method, "params": params});
        self.text(frame.to_string()).await;
    }

    /// Asks, and waits for the answer; what comes between is dropped.
    pub(crate) async fn ask(&mut self, method: &str, params: Value) -> Value {
        self.request(method, method, params).await;
        self.answer(method).await.1
    }

    /// The answer to `id`, and the frames before it.
    pub(crate) async fn answer(&mut self, id: &str) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let frame = self.next().await;
            if frame["type"] == "res" && frame["id"] == id {
                return (before, frame);
            }
            before.push(frame);
        }
    }

    pub(crate) async fn next(&mut self) -> Value {
        match self.came().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("a frame of text, and not {other:?}"),
        }
    }

    /// The code that the gateway closes with; frames of text before it are dropped.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            match self.came().await {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Text(_) => {}
                other => panic!("the end, and not {other:?}"),
            }
        }
    }

    async fn came(&mut self) -> Message {
        let came = timeout(PATIENCE, self.socket.next()).await;
        came.expect("something comes")
            .expect("it is open")
            .expect("it can be read")
    }
}

/// `connect` of the simple dialect.
pub(crate) fn token(token: &str) -> Value {
    json!({"auth": {"mode": "token", "token": token}})
}

/// `connect` of a program on this machine in `OpenClaw`'s dialect.
pub(crate) fn hello(token: &str) -> Value {
    json!({"minProtocol": 3, "maxProtocol": 4, "role": "operator", "auth": {"token": token},
        "client": {"id": "gateway-client", "version": "1", "platform": "linux", "mode": "backend"},
        "scopes": ["operator.read", "operator.write"], "caps": ["tool-events"]})
}
