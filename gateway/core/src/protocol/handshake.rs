//! `connect`: the token is shown, and its shape fixes the dialect.
//!
//! What a client says of itself decides nothing: its role must be one that is served, and the scopes are the gateway's to
//! give. Whoever shows the gateway's token is its owner.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::device::{Claims, Device};
use super::fault::{Code, Dialect, Fault};
use super::{Visitor, openclaw};
use crate::clock::{now_ms, unique};
use crate::http::Room;
use crate::limits::{MAX_FRAME_BYTES, MAX_SIMPLE_FRAME_BYTES, TICK_EVERY};

/// The version that the simple dialect calls itself.
const SIMPLE_PROTOCOL: u32 = 3;
/// Versions of OpenClaw's protocol that are spoken.
const OLDEST: u64 = 3;
const NEWEST: u64 = 4;
/// What the owner may do.
const SCOPES: [&str; 2] = ["operator.read", "operator.write"];
/// Codes that a WebSocket is closed with (RFC 6455).
pub(super) const POLICY: u16 = 1008;
const PROTOCOL: u16 = 1002;

/// Who came in.
pub(super) struct Accepted {
    pub(super) dialect: Dialect,
    /// The client wants to hear of tools.
    pub(super) tool_events: bool,
    /// What it is answered.
    pub(super) payload: Value,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Hello {
    min_protocol: u64,
    max_protocol: u64,
    client: Client,
    role: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    caps: Vec<String>,
    auth: Option<Auth>,
    device: Option<Device>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Client {
    id: String,
    #[allow(
        dead_code,
        reason = "the schema requires it, so a client without one is told"
    )]
    version: String,
    platform: String,
    mode: String,
    #[serde(default)]
    device_family: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Auth {
    token: Option<String>,
    password: Option<String>,
    device_token: Option<String>,
}

/// Reads `params` without a gateway.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn probe(params: Value) {
    if let Some(auth) = params.get("auth") {
        let _ = serde_json::from_value::<Mode>(auth.clone());
    }
    if let Ok(hello) = serde_json::from_value::<Hello>(params) {
        let visitor = Visitor {
            local: false,
            shown: true,
        };
        assert!(device(visitor, "nonce", "operator", &hello).is_err());
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
    Ok(Accepted {
        dialect: Dialect::Simple,
        tool_events: true,
        payload,
    })
}

fn openclaw(
    room: &Room,
    visitor: Visitor,
    nonce: &str,
    params: Value,
) -> Result<Accepted, Refused> {
    let refuse = |close, fault| Refused {
        dialect: Dialect::OpenClaw,
        fault,
        close,
    };
    let hello: Hello = serde_json::from_value(params).map_err(|error| {
        let what = format!("`connect` cannot be read: {error}");
        refuse(POLICY, Fault::new(Code::Protocol, what))
    })?;
    let protocol = NEWEST.min(hello.max_protocol);
    if protocol < OLDEST.max(hello.min_protocol) {
        let what = format!(
            "protocol mismatch: this gateway speaks versions {OLDEST} and {NEWEST}, the client {} to {}",
            hello.min_protocol, hello.max_protocol
        );
        let details = json!({"code": "PROTOCOL_MISMATCH", "clientMinProtocol": hello.min_protocol,
            "clientMaxProtocol": hello.max_protocol, "expectedProtocol": NEWEST, "minimumProtocol": OLDEST});
        return Err(refuse(
            PROTOCOL,
            Fault::new(Code::Protocol, what).with(details),
        ));
    }
    let role = hello.role.as_deref().unwrap_or("operator");
    if role != "operator" {
        let what = format!("the role `{role}` is not served in this version; `operator` is");
        return Err(refuse(POLICY, Fault::new(Code::Protocol, what)));
    }
    let method = shown(room, visitor, &hello).map_err(|fault| refuse(POLICY, fault))?;
    device(visitor, nonce, role, &hello).map_err(|fault| refuse(POLICY, fault))?;
    let payload = json!({
        "type": "hello-ok",
        "protocol": protocol,
        "server": {"version": env!("CARGO_PKG_VERSION"), "connId": unique().to_string()},
        "features": {"methods": openclaw::METHODS, "events": openclaw::EVENTS},
        "snapshot": {
            "presence": [],
            "health": openclaw::health(),
            "stateVersion": {"presence": 0, "health": 0},
            "uptimeMs": room.sockets.uptime_ms(),
            "sessionDefaults": {"defaultAgentId": openclaw::AGENT, "mainKey": "main",
                "mainSessionKey": openclaw::MAIN, "scope": "per-sender"},
            "authMode": "token",
        },
        "auth": {"method": method, "role": role, "scopes": SCOPES},
        "policy": {"maxPayload": MAX_FRAME_BYTES, "maxBufferedBytes": 2 * MAX_FRAME_BYTES,
            "tickIntervalMs": u64::try_from(TICK_EVERY.as_millis()).unwrap_or(u64::MAX)},
    });
    Ok(Accepted {
        dialect: Dialect::OpenClaw,
        tool_events: hello.caps.iter().any(|cap| cap == "tool-events"),
        payload,
    })
}

/// Whether the secret is shown, and how. Each one that is there must be right.
fn shown(room: &Room, visitor: Visitor, hello: &Hello) -> Result<&'static str, Fault> {
    let none = Auth::default();
    let auth = hello.auth.as_ref().unwrap_or(&none);
    if auth.device_token.is_some() {
        let what = "unauthorized: this gateway gives no device tokens in this version; send the gateway's token";
        return Err(
            Fault::new(Code::Auth, what).with(json!({"code": "AUTH_DEVICE_TOKEN_MISMATCH"}))
        );
    }
    let secrets = [
        ("token", &auth.token, "AUTH_TOKEN_MISMATCH"),
        ("password", &auth.password, "AUTH_PASSWORD_MISMATCH"),
    ];
    let mut method = visitor.shown.then_some("token");
    for (name, secret, code) in secrets {
        if let Some(secret) = secret {
            if !room.door.opens(secret) {
                let what = format!("unauthorized: this {name} is not the gateway's");
                return Err(Fault::new(Code::Auth, what).with(json!({"code": code})));
            }
            method.get_or_insert(name);
        }
    }
    method.ok_or_else(|| {
        Fault::new(
            Code::Auth,
            "unauthorized: gateway token missing; send it as `auth.token`",
        )
        .with(json!({"code": "AUTH_TOKEN_MISSING"}))
    })
}

/// A program on this machine that shows the token needs no device. Who has one must have signed.
fn device(visitor: Visitor, nonce: &str, role: &str, hello: &Hello) -> Result<(), Fault> {
    let Some(device) = &hello.device else {
        let backend = hello.client.id == "gateway-client" && hello.client.mode == "backend";
        if visitor.local && (backend || visitor.shown) {
            return Ok(());
        }
        let what = "device identity required: sign the challenge's nonce with a device key, or connect from this machine as \
            `gateway-client` in mode `backend`";
        return Err(
            Fault::new(Code::NotPaired, what).with(json!({"code": "DEVICE_IDENTITY_REQUIRED"}))
        );
    };
    let auth = hello.auth.as_ref();
    let token = auth.and_then(|auth| auth.token.as_deref());
    let claims = Claims {
        client_id: &hello.client.id,
        mode: &hello.client.mode,
        role,
        scopes: &hello.scopes,
        token: token.unwrap_or_default(),
        platform: &hello.client.platform,
        family: &hello.client.device_family,
    };
    device.check(claims, nonce, now_ms()).map_err(|error| {
        Fault::new(Code::Protocol, error.to_string()).with(json!({"code": error.code()}))
    })?;
    if visitor.local {
        return Ok(());
    }
    // The first 123 bytes are the reason that the connection is closed with.
    let what = "pairing required: this gateway pairs no devices; connect on its own machine, or through `ssh -L PORT:127.0.0.1:PORT \
        HOST` with PORT being the gateway's";
    Err(Fault::new(Code::NotPaired, what).with(
        json!({"code": "PAIRING_REQUIRED", "reason": "not-paired", "recommendedNextStep": "review_auth_configuration"}),
    ))
}
