//! `connect` as OpenClaw's clients send it, and the `hello-ok` that they get.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Accepted, POLICY, Refused, SCOPES};
use crate::clock::{now_ms, unique};
use crate::http::Room;
use crate::limits::{MAX_ATTACHED_BYTES, MAX_FRAME_BYTES, MAX_PICTURE_BYTES, TICK_EVERY};
use crate::protocol::device::{Claims, Device};
use crate::protocol::fault::{Code, Dialect, Fault};
use crate::protocol::presence::{Here, Who};
use crate::protocol::{Visitor, openclaw as methods};

/// Versions of OpenClaw's protocol that are spoken.
const OLDEST: u64 = 3;
const NEWEST: u64 = 4;
/// The code that a WebSocket is closed with which speaks none of them (RFC 6455).
const PROTOCOL: u16 = 1002;

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
    version: String,
    platform: String,
    mode: String,
    #[serde(default)]
    device_family: String,
    display_name: Option<String>,
    model_identifier: Option<String>,
    instance_id: Option<String>,
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
    if let Ok(hello) = serde_json::from_value::<Hello>(params) {
        let visitor = Visitor {
            local: false,
            shown: true,
            ip: None,
        };
        assert!(device(visitor, "nonce", "operator", &hello).is_err());
    }
}

/// Answers `connect` of OpenClaw's dialect.
pub(super) fn openclaw(
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
    let sockets = &room.sockets;
    let here = Here::new(sockets, who(&hello, visitor));
    let (there, presence) = sockets.presence().list();
    let health = methods::health_version(room);
    let payload = json!({
        "type": "hello-ok",
        "protocol": protocol,
        "server": {"version": env!("CARGO_PKG_VERSION"), "connId": unique().to_string()},
        "features": {"methods": methods::METHODS, "events": methods::EVENTS},
        "snapshot": {
            "presence": there,
            "health": methods::health(room),
            "stateVersion": {"presence": presence, "health": health},
            "uptimeMs": sockets.uptime_ms(),
            "sessionDefaults": {"defaultAgentId": methods::AGENT, "mainKey": "main",
                "mainSessionKey": methods::MAIN, "scope": "per-sender"},
            "authMode": "token",
        },
        "auth": {"method": method, "role": role, "scopes": SCOPES},
        "policy": {"maxPayload": MAX_FRAME_BYTES, "maxBufferedBytes": 2 * MAX_FRAME_BYTES,
            "tickIntervalMs": u64::try_from(TICK_EVERY.as_millis()).unwrap_or(u64::MAX),
            "attachments": {"maxBytes": MAX_ATTACHED_BYTES, "maxImageBytes": MAX_PICTURE_BYTES}},
    });
    Ok(Accepted {
        dialect: Dialect::OpenClaw,
        tool_events: hello.caps.iter().any(|cap| cap == "tool-events"),
        payload,
        here,
        presence,
        health,
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

/// What presence tells of a client.
fn who(hello: &Hello, visitor: Visitor) -> Who {
    let client = &hello.client;
    let text = |text: &String| Some(text.clone());
    Who {
        host: client.display_name.as_ref().unwrap_or(&client.id).clone(),
        client_id: text(&client.id),
        version: text(&client.version),
        platform: text(&client.platform),
        family: text(&client.device_family),
        model: client.model_identifier.clone(),
        mode: client.mode.clone(),
        device_id: hello.device.as_ref().map(|device| device.id().to_owned()),
        instance_id: client.instance_id.clone(),
        scopes: SCOPES.to_vec(),
        ip: visitor.ip,
    }
}
