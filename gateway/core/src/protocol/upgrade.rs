//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).
//!
//! axum's own way fixes how large a frame may be before anybody is asked who they are; here that changes once they have said it.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::measured::{Limit, Measured};
use crate::limits::MAX_FRAME_BYTES;

/// A WebSocket that has been opened.
pub(super) type Socket = WebSocketStream<Measured<TokioIo<Upgraded>>>;

/// Bytes that tungstenite reads at once, and holds for each connection as long as it is there.
const READ_BUFFER_BYTES: usize = 8 * 1024;

/// Why a request does not open one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoWebSocket {
    #[error("the method must be GET")]
    Method,
    #[error("`Connection` must have `upgrade` in it")]
    Connection,
    #[error("`Upgrade` must be `websocket`")]
    Upgrade,
    #[error("`Sec-WebSocket-Version` must be 13")]
    Version,
    #[error("`Sec-WebSocket-Key` is missing")]
    Key,
    #[error("this connection cannot become another one; HTTP/1.1 can")]
    NotUpgradable,
}

impl NoWebSocket {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotUpgradable => StatusCode::UPGRADE_REQUIRED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// A request that opens a WebSocket.
pub(super) struct Upgrading {
    key: HeaderValue,
    connection: OnUpgrade,
}

impl Upgrading {
    /// Reads what `request` says of it, and takes its connection.
    pub(super) fn of(request: &mut Request) -> Result<Self, NoWebSocket> {
        if request.method() != Method::GET {
            return Err(NoWebSocket::Method);
        }
        let headers = request.headers();
        if !has(headers, &CONNECTION, "upgrade") {
            return Err(NoWebSocket::Connection);
        }
        if !has(headers, &UPGRADE, "websocket") {
            return Err(NoWebSocket::Upgrade);
        }
        if !has(headers, &SEC_WEBSOCKET_VERSION, "13") {
            return Err(NoWebSocket::Version);
        }
        let key = headers.get(SEC_WEBSOCKET_KEY).cloned();
        let key = key.ok_or(NoWebSocket::Key)?;
        let connection = request.extensions_mut().remove::<OnUpgrade>();
        let connection = connection.ok_or(NoWebSocket::NotUpgradable)?;
        Ok(Self { key, connection })
    }

    /// Agrees, and has `attend` go on with the WebSocket, whose limit is a stranger's.
    pub(super) fn agree<A, F>(self, attend: A) -> Response
    where
        A: FnOnce(Socket, Limit) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let connection = self.connection;
        tokio::spawn(async move {
            let upgraded = match connection.await {
                Ok(upgraded) => upgraded,
                Err(error) => {
                    tracing::debug!(%error, "gateway: a WebSocket was gone before it was one");
                    return;
                }
            };
            let measured = Measured::new(TokioIo::new(upgraded));
            let limit = measured.limit().clone();
            let config = WebSocketConfig::default()
                .read_buffer_size(READ_BUFFER_BYTES)
                .max_message_size(Some(MAX_FRAME_BYTES))
                .max_frame_size(Some(MAX_FRAME_BYTES));
            let socket =
                WebSocketStream::from_raw_socket(measured, Role::Server, Some(config)).await;
            attend(socket, limit).await;
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        // Base64 is always a header's text.
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(self.key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        response
    }
}

/// Whether `word` is among what a header lists.
fn has(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|one| one.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        request
    }

    #[test]
    fn what_is_missing_is_named() {
        let whole = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let of = |headers: &[_]| Upgrading::of(&mut request(headers)).err();
        assert_eq!(of(&whole), Some(NoWebSocket::NotUpgradable));
        for (at, missing) in [
            NoWebSocket::Connection,
            NoWebSocket::Upgrade,
            NoWebSocket::Version,
            NoWebSocket::Key,
        ]
        .into_iter()
        .enumerate()
        {
            let mut less = whole.to_vec();
            less.remove(at);
            assert_eq!(of(&less), Some(missing));
        }
        let mut posted = request(&whole);
        *posted.method_mut() = Method::POST;
        assert_eq!(Upgrading::of(&mut posted).err(), Some(NoWebSocket::Method));
    }
}
