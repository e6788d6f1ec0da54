//! Who shows no token, or one that is not the gateway's.

use reqwest::Method;
use serde_json::{Value, json};

use crate::chats::client;
use crate::socket::{Client, hello, refused, token};
use crate::support::{Home, Up};

/// The gateway's routes as they are written: a new one is in this test without anybody thinking of it.
const ROUTES: &str = include_str!("../../../core/src/http/mod.rs");
/// Routes that answer strangers, and change nothing: the page for who is locked out, its files, whether the gateway is alive, and the
/// WebSocket, which asks by itself. Webhooks have proofs of their own.
const OPEN: [&str; 5] = [
    "/",
    "/assets/{name}",
    "/health",
    "/ws",
    "/webhooks/{source}",
];

fn routes() -> Vec<&'static str> {
    let parts = ROUTES.split(".route(").skip(1);
    let routes: Vec<_> = parts.map(|part| part.split('"').nth(1).unwrap()).collect();
    assert!(
        routes.contains(&"/api/chat") && routes.len() > 9,
        "{routes:?}"
    );
    routes
}

/// Methods of the simple dialect; those of the other one are asked for.
const SIMPLE: [&str; 10] = [
    "ping",
    "chat.send",
    "chat.abort",
    "agent.status",
    "agent.model",
    "sessions.list",
    "sessions.get",
    "sessions.history",
    "sessions.reset",
    "sessions.delete",
];

/// Incident 3, CVE-2026-25593: every route and every method of both dialects asks for the token; without it nothing is read or changed.
#[tokio::test]
async fn nothing_is_changed_without_the_token() {
    let home = Home::new();
    let up = home.up();
    let methods = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    for route in routes() {
        let path = route.replace(['{', '}', '*'], "x");
        for method in &methods {
            if OPEN.contains(&route) && *method == Method::GET {
                continue;
            }
            let request = client().request(method.clone(), format!("{}{path}", up.gateway));
            let request = request.header("content-type", "application/json");
            let answer = request.body(r#"{"message":"/help"}"#).send().await.unwrap();
            let status = answer.status().as_u16();
            // 404: there is no such source of webhooks. 405: nobody is answered here.
            assert!(
                [401, 404, 405].contains(&status),
                "{method} {path}: {status}"
            );
            assert!(
                status != 404 || route.starts_with("/webhooks/"),
                "{method} {path}"
            );
        }
    }
    let mut backend = Client::stranger(&up).await;
    let answer = backend.ask("connect", hello(&up.token)).await;
    let listed = answer["payload"]["features"]["methods"].as_array().unwrap();
    let listed = listed.iter().map(|name| name.as_str().unwrap().to_owned());
    let more = [
        "config.apply",
        "config.set",
        "config.patch",
        "exec.approval.resolve",
        "update.run",
    ];
    let named = SIMPLE.into_iter().chain(more).map(str::to_owned);
    let mut stranger = Client::stranger(&up).await;
    let params = json!({"message": "/run execute_command {\"command\":\"touch ran\"}", "set": "m", "key": "main",
        "session_key": "web:default", "sessionKey": "main", "idempotencyKey": "k", "config": {"gateway": {"token": "x"}}});
    for method in listed.chain(named) {
        let answer = stranger.ask(&method, params.clone()).await;
        assert_eq!(
            answer["error"]["code"], "PROTOCOL_ERROR",
            "{method}: {answer}"
        );
    }
    assert!(!home.path().join("workspace/ran").exists());
    assert_eq!(backend.ask("health", json!({})).await["ok"], true);
    let sessions = backend.ask("sessions.list", json!({})).await;
    assert_eq!(sessions["payload"]["sessions"], json!([]), "{sessions}");
}

/// Incident 4, CVE-2026-28472: a token that is merely there is none, on every way in.
#[tokio::test]
async fn a_token_that_is_not_the_token_opens_nothing() {
    let home = Home::new();
    let up = home.up();
    let right = &up.token;
    let wrong = [
        String::new(),
        " ".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        "change-me".to_owned(),
        right[1..].to_owned(),
        right[..right.len() - 1].to_owned(),
        format!("{right}x"),
        right.to_uppercase(),
    ];
    for token in wrong.iter().filter(|token| *token != right) {
        over_http(&up, token).await;
        over_sockets(&up, token).await;
    }
    assert_eq!(
        Client::simple(&up).await.ask("ping", json!({})).await["ok"],
        true
    );
}

async fn over_http(up: &Up, token: &str) {
    let get = |path: &str| client().get(format!("{}{path}", up.gateway));
    for path in ["/api/sessions", "/api/approvals", "/v1/models"] {
        for scheme in ["Bearer", "bearer", "Basic", "Token"] {
            let request = get(path).header("authorization", format!("{scheme} {token}"));
            assert_eq!(
                request.send().await.unwrap().status(),
                401,
                "{path} {scheme} {token}"
            );
        }
        // Nor by any other place that a token might be put in.
        let request = get(&format!("{path}?token={}", up.token));
        let request = request.header("x-api-key", &up.token);
        assert_eq!(request.send().await.unwrap().status(), 401, "{path}");
    }
    let port = up.gateway.rsplit(':').next().unwrap();
    let cookie = format!("smoltbot_gateway_{port}={token}");
    for request in [
        get(&format!("/?token={token}")),
        get("/").header("cookie", cookie),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{token}");
        assert!(answer.headers().get("set-cookie").is_none());
    }
}

async fn over_sockets(up: &Up, wrong: &str) {
    let bearer = format!("Bearer {wrong}");
    assert_eq!(
        refused(up, &[("authorization", &bearer)]).await,
        401,
        "{wrong}"
    );
    let openclaw = |auth: Value| {
        let mut params = hello(wrong);
        params["auth"] = auth;
        params
    };
    for params in [
        token(wrong),
        json!({"auth": {"mode": "password", "password": wrong}}),
        openclaw(json!({"token": wrong})),
        openclaw(json!({"password": wrong})),
        openclaw(json!({"deviceToken": wrong})),
        openclaw(json!({"token": up.token, "deviceToken": wrong})),
        openclaw(json!({"token": up.token, "password": wrong})),
        openclaw(json!({})),
        openclaw(Value::Null),
    ] {
        let mut client = Client::stranger(up).await;
        let answer = client.ask("connect", params.clone()).await;
        assert_eq!(answer["ok"], false, "{params}");
        assert_eq!(client.closed().await, 1008, "{params}");
    }
}
