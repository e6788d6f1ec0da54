//! Incident 7, GHSA-m8wm-r5vq-qjpg: a token that was changed opens nothing from that moment on, and what it had opened is closed.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::Instant;

use model_upstream::{Answer, Gate};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::chats::{Chat, client};
use crate::socket::{self, Client, hello, token};
use crate::support::{Home, PATIENCE, Up, stderr, stdout};

/// The answer of `smoltbot token rotate --json`, and the new token.
fn rotate(home: &Home) -> (Value, String) {
    let output = home.run(&["token", "rotate", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let token = fs::read_to_string(home.path().join("gateway.token")).unwrap();
    (answer, token.trim().to_owned())
}

async fn status(up: &Up, path: &str, header: (&str, &str)) -> StatusCode {
    let request = client().get(format!("{}{path}", up.gateway));
    request
        .header(header.0, header.1)
        .send()
        .await
        .unwrap()
        .status()
}

/// The cookie that a browser gets for `token`.
async fn cookie(up: &Up, token: &str) -> String {
    let answer = client().get(format!("{}/?token={token}", up.gateway));
    let answer = answer.send().await.unwrap();
    let set = answer.headers()["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_that_was_changed_opens_nothing_any_more() {
    let gate = Gate::new();
    let held = gate.clone();
    let chat = Chat::start(move |_| Answer::new().say("Well… ").hold(&held)).await;
    let (up, old) = (&chat.up, chat.up.token.clone());
    let old_cookie = cookie(up, &old).await;
    let own = up.gateway.clone();
    let bearer = format!("Bearer {old}");
    let mut simple = Client::simple(up).await;
    let mut backend = Client::backend(up).await;
    let mut page = Client::with(up, &[("origin", &own), ("cookie", &old_cookie)]).await;
    assert_eq!(page.ask("connect", json!({})).await["ok"], true);
    let mut shown = Client::with(up, &[("authorization", &bearer)]).await;
    // Two answers are under way: one over HTTP, one over a socket.
    simple
        .request("m", "chat.send", json!({"message": "hi"}))
        .await;
    assert_eq!(simple.next().await["event"], "chat.delta");
    let body = json!({"message": "hi", "session_id": "s2"});
    let streaming = chat
        .post("/api/chat", &body)
        .header("accept", "application/x-ndjson");
    let mut streaming = streaming.send().await.unwrap();
    assert!(streaming.chunk().await.unwrap().is_some());

    let (answer, new) = rotate(&chat.home);
    assert_eq!(
        (&answer["rotated"], &answer["running"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(answer["url"], format!("{}/?token={new}", up.gateway));
    assert_ne!(old, new);

    // The old one: refused on every way in, as soon as the command has returned.
    for path in ["/api/sessions", "/v1/models"] {
        assert_eq!(
            status(up, path, ("authorization", &bearer)).await,
            401,
            "{path}"
        );
        assert_eq!(
            status(up, path, ("cookie", &old_cookie)).await,
            401,
            "{path}"
        );
    }
    assert_eq!(status(up, "/", ("cookie", &old_cookie)).await, 401);
    assert_eq!(status(up, &format!("/?token={old}"), ("x", "y")).await, 401);
    assert_eq!(
        socket::refused(up, &[("authorization", &bearer)]).await,
        401
    );
    for params in [token(&old), hello(&old)] {
        let mut late = Client::stranger(up).await;
        assert_eq!(late.ask("connect", params).await["ok"], false);
    }
    let mut late = Client::with(up, &[("origin", &own), ("cookie", &old_cookie)]).await;
    assert_eq!(late.ask("connect", json!({})).await["ok"], false);
    // What it had opened is closed, also where the token was shown and `connect` is still to come.
    for client in [&mut simple, &mut backend, &mut page, &mut shown] {
        assert_eq!(client.closed().await, 1008);
    }
    let broken = loop {
        match streaming.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken, "a part of an answer does not look like the whole");

    // The new one: everywhere.
    let bearer = format!("Bearer {new}");
    assert_eq!(
        status(up, "/v1/models", ("authorization", &bearer)).await,
        200
    );
    let new_cookie = cookie(up, &new).await;
    assert_eq!(status(up, "/", ("cookie", &new_cookie)).await, 200);
    for params in [token(&new), hello(&new)] {
        let mut client = Client::stranger(up).await;
        assert_eq!(client.ask("connect", params).await["ok"], true);
    }
    let told = stdout(&chat.home.run(&["status"]));
    assert!(told.contains(&new) && !told.contains(&old), "{told}");
    let file = chat.home.path().join("gateway.token");
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    for (path, bytes) in chat.home.files() {
        let found = bytes.windows(old.len()).any(|at| at == old.as_bytes());
        assert!(!found, "the old token is still in {}", path.display());
    }
    gate.open();
}

/// Foreign agents show the same token to the sidecar where it listens on TCP.
#[tokio::test]
async fn the_sidecar_follows_as_well() {
    let home = Home::new();
    let up = Up::start({
        let mut command = home.smoltbot(&["up"]);
        command.env("SMOLTBOT_SIDECAR__LISTEN", "127.0.0.1:0");
        command
    });
    let line = up
        .said
        .iter()
        .find(|line| line.starts_with("sidecar "))
        .unwrap();
    let url = line.rsplit(", ").next().unwrap();
    let health = async |token: &str| {
        let request = client().get(format!("{url}/health")).bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(health(&up.token).await, 200);
    let (_, new) = rotate(&home);
    // The command waits for the gateway; the sidecar hears of it in the same moment, in another task.
    let began = Instant::now();
    while health(&up.token).await != 401 {
        assert!(began.elapsed() < PATIENCE, "the old token is still taken");
    }
    assert_eq!(health(&new).await, 200);
}

#[tokio::test]
async fn a_file_without_a_token_changes_nothing() {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    let log = home.path().join("up.log");
    let up = Up::start({
        let mut command = home.smoltbot(&["up"]);
        command.stderr(Stdio::from(File::create(&log).unwrap()));
        command
    });
    let file = home.path().join("gateway.token");
    for bad in ["", "short\n"] {
        let before = fs::read_to_string(&log).unwrap().len();
        fs::write(&file, bad).unwrap();
        let began = Instant::now();
        while !fs::read_to_string(&log).unwrap()[before..].contains("token stays as it was") {
            assert!(began.elapsed() < PATIENCE, "nothing is said of it");
            tokio::task::yield_now().await;
        }
        let bearer = format!("Bearer {}", up.token);
        assert_eq!(
            status(&up, "/v1/models", ("authorization", &bearer)).await,
            200
        );
        assert_eq!(
            status(&up, "/v1/models", ("authorization", "Bearer ")).await,
            401
        );
    }
    // The command puts it right.
    let (answer, new) = rotate(&home);
    assert_eq!(answer["rotated"], true);
    let began = Instant::now();
    let bearer = format!("Bearer {new}");
    while status(&up, "/v1/models", ("authorization", &bearer)).await != 200 {
        assert!(began.elapsed() < PATIENCE, "the new token is not taken");
    }
}

#[test]
fn where_nothing_runs_or_the_token_is_configured_that_is_said() {
    let home = Home::new();
    assert!(home.run(&["init", "--json"]).status.success());
    home.run(&["down"]);
    let before = fs::read_to_string(home.path().join("gateway.token")).unwrap();
    let output = home.run(&["token", "rotate"]);
    assert!(stdout(&output).contains("no gateway runs"), "{output:?}");
    let after = fs::read_to_string(home.path().join("gateway.token")).unwrap();
    assert_ne!(before, after);
    let toml = "[gateway]\ntoken = \"a-token-of-the-operators-own\"\n";
    fs::write(home.path().join("smoltbot.toml"), toml).unwrap();
    let output = home.run(&["token", "rotate"]);
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("gateway.token"),
        "{}",
        stderr(&output)
    );
    let last = fs::read_to_string(home.path().join("gateway.token")).unwrap();
    assert_eq!(after, last);
}
