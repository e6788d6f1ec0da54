//! `connect`: the token is shown, and its shape fixes the dialect.
//!
//! What a client says of itself decides nothing: its role must be one that is served, and the scopes are the gateway's to
//! give. Whoever shows the gateway's token is its owner.

mod openclaw;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Visitor;
use super::fault::{Code, Dialect, Fault};
use super::presence::{Here, Who};
use crate::http::Room;
use crate::limits::MAX_SIMPLE_FRAME_BYTES;
use openclaw::openclaw;

/// The version that the simple dialect calls itself.
const SIMPLE_PROTOCOL: u32 = 3;
/// What the owner may do.
const SCOPES: [&str; 2] = ["operator.read", "operator.write"];
/// Codes that a WebSocket is closed with (RFC 6455).
pub(super) const POLICY: u16 = 1008;

/// Who came in.
pub(super) struct Accepted {
    pub(super) dialect: Dialect,
    /// The client wants to hear of tools.
    pub(super) tool_events: bool,
    /// What it is answered.
    pub(super) payload: Value,
    /// Its place among those who are there.
    pub(super) here: Here,
    /// The version of presence that the answer tells.
    pub(super) presence: u64,
    /// The version of health that the answer tells.
    pub(super) health: u64,
}

/// Who did not, and how the connection is closed.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) dialect: Dialect,
    pub(super) fault: Fault,
    pub(super) close: u16,
}

/// `auth` of the simple dialect.
#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
enum Mode {
    Token {
        token: String,
    },
    Password {
        password: String,
    },
    #[serde(other)]
    Other,
}

/// Reads `params` without a gateway.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn probe(params: Value) {
    if let Some(auth) = params.get("auth") {
        let _ = serde_json::from_value::<Mode>(auth.clone());
    }
    openclaw::probe(params);
}

/// `client_info` of the simple dialect, in which nothing has to be.
fn who(visitor: Visitor, told: Option<Value>) -> Who {
    let told = told.unwrap_or_default();
    let text = |name: &str| told[name].as_str().map(str::to_owned);
    Who {
        host: text("name").unwrap_or_else(|| "client".to_owned()),
        version: text("version"),
        platform: text("platform"),
        mode: "simple".to_owned(),
        ip: visitor.ip,
        ..Who::default()
    }
}

/// Answers `connect`.
pub(super) fn connect(
    room: &Room,
    visitor: Visitor,
    nonce: &str,
    params: Map<String, Value>,
) -> Result<Accepted, Refused> {
    let theirs = ["minProtocol", "maxProtocol", "client"];
    if theirs.iter().any(|name| params.contains_key(*name)) {
        openclaw(room, visitor, nonce, Value::Object(params))
    } else {
        simple(room, visitor, params).map_err(|fault| Refused {
            dialect: Dialect::Simple,
            fault,
            close: POLICY,
        })
    }
}

fn simple(
    room: &Room,
    visitor: Visitor,
    mut params: Map<String, Value>,
) -> Result<Accepted, Fault> {
    let wrong = || Fault::new(Code::Auth, "this is not the gateway's token");
    match params.remove("auth") {
        None if visitor.shown => {}
        None => {
            return Err(Fault::new(
                Code::Protocol,
                r#"`connect` needs {"auth":{"mode":"token","token":"…"}}"#,
            ));
        }
        Some(auth) => match serde_json::from_value(auth) {
            Ok(Mode::Token { token: secret } | Mode::Password { password: secret }) => {
                if !room.door.opens(&secret) {
                    return Err(wrong());
                }
            }
            Ok(Mode::Other) => {
                return Err(Fault::new(
                    Code::Auth,
                    r#"this gateway takes {"mode":"token","token":"…"} alone"#,
                ));
            }
            Err(error) => {
                return Err(Fault::new(
                    Code::Protocol,
                    format!(
                        r#"`auth` cannot be read: {error}; send {{"mode":"token","token":"…"}}"#
                    ),
                ));
            }
        },
    }
    let payload = json!({
        "protocol": SIMPLE_PROTOCOL,
        "server": {"name": "smoltbot", "version": env!("CARGO_PKG_VERSION"), "node_id": "primary"},
        "features": {"streaming": true, "abort": true, "thinking": true, "questions": true, "memory": false,
            "scheduler": false, "terminal": false},
        "snapshot": {},
        "policy": {"max_message_size": MAX_SIMPLE_FRAME_BYTES, "rate_limit": null},
    });
    let here = Here::new(&room.sockets, who(visitor, params.remove("client_info")));
    Ok(Accepted {
        dialect: Dialect::Simple,
        tool_events: true,
        payload,
        here,
        presence: 0,
        health: 0,
    })
}
