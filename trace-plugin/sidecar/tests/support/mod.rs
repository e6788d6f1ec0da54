//! An agent with a spool, and what a server needs that its spool is emptied into.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use redact::Level;
use serde_json::json;
use tempfile::TempDir;
use trace_plugin::desk::Desk;
use trace_plugin::dialect::Dialect;
use trace_plugin::spool::{Spool, Use};
use trace_plugin::{Identity, hook};

use crate::judge::judge;

/// An agent whose calls are recorded.
pub(crate) struct Agent {
    dir: TempDir,
    pub(crate) identity: Identity,
    pub(crate) desk: Desk,
}

impl Agent {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
        let desk = Desk::new(judge(&identity, Level::Preview), open(&dir, &identity));
        Self {
            dir,
            identity,
            desk,
        }
    }

    pub(crate) fn spool_file(&self) -> PathBuf {
        self.dir.path().join("spool.db")
    }

    /// Its spool, opened once more.
    pub(crate) fn spool(&self) -> Spool {
        open(&self.dir, &self.identity)
    }

    /// Refusals, each a trace of its own.
    pub(crate) fn record(&mut self, ids: impl IntoIterator<Item = impl AsRef<str>>) {
        for id in ids {
            let id = id.as_ref();
            let event = json!({"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "Bash",
                               "tool_use_id": id, "tool_input": {"command": format!("rm -rf / # {id}")}});
            let event = event.to_string();
            let reply = hook::run(&mut self.desk, Dialect::ClaudeCode, event.as_bytes());
            assert_eq!(reply.stderr, "");
        }
    }
}

fn open(dir: &TempDir, identity: &Identity) -> Spool {
    Spool::open(
        &dir.path().join("spool.db"),
        identity.agent_id(),
        Duration::from_secs(5),
        Use::Resident,
    )
    .unwrap()
}

/// A request's body as it was before it was packed.
pub(crate) fn unpacked(headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) => {
            assert_eq!(encoding, "gzip");
            let mut unpacking = flate2::read::GzDecoder::new(body);
            unpacking.read_to_end(&mut bytes).unwrap();
        }
        None => bytes.extend_from_slice(body),
    }
    bytes
}

/// An answer that takes nothing.
pub(crate) fn refused(status: u16, after: Option<&str>) -> Response {
    let mut answer = (StatusCode::from_u16(status).unwrap(), "no").into_response();
    if let Some(after) = after {
        let after = after.parse().unwrap();
        answer.headers_mut().insert(header::RETRY_AFTER, after);
    }
    answer
}

/// Serves `router`, as long as the test runs; its base URL.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
