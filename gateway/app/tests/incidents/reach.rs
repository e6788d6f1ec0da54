//! Where the gateway's own requests go, and what they carry.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use model_upstream::Answer;
use serde_json::json;

use crate::chats::Chat;
use crate::support::{Home, claude};

/// A server that writes down whatever comes and answers with `answer`.
struct Capture {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Capture {
    fn start(answer: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let writing = Arc::clone(&seen);
        // It ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (answer, writing) = (answer.clone(), Arc::clone(&writing));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let at = {
                        let mut seen = writing.lock().unwrap();
                        seen.push(Vec::new());
                        seen.len() - 1
                    };
                    let mut buffer = [0; 4096];
                    let mut is_answered = false;
                    stream
                        .set_read_timeout(Some(Duration::from_secs(5)))
                        .unwrap();
                    while let Ok(count @ 1..) = stream.read(&mut buffer) {
                        let mut seen = writing.lock().unwrap();
                        seen[at].extend_from_slice(&buffer[..count]);
                        let whole = seen[at].windows(4).any(|end| end == b"\r\n\r\n");
                        drop(seen);
                        if whole && !is_answered {
                            is_answered = true;
                            let _ = stream.write_all(answer.as_bytes());
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(status: &str, header: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\nconnection: close\r\n\r\n")
}

/// Incident 8, CVE-2026-26322: a URL that a model or a page gives leads neither to this machine nor to its network nor to a cloud's
/// metadata, in any spelling and by no redirect, unless the operator has allowed that very place.
#[tokio::test]
async fn no_tool_reaches_inside() {
    let inside = Capture::start(answer("200 OK", ""));
    let port = inside.address.port();
    let header = format!("location: http://127.0.0.1:{port}/secret\r\n");
    let outside = Capture::start(answer("302 Found", &header));
    let toml = format!("[http_fetch]\nallow = [\"{}\"]\n", outside.address);
    let chat = Chat::with(&toml, |_| Answer::text("…")).await;
    let names = [
        "127.0.0.1",
        "127.9.9.9",
        "127.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "a@127.0.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "100.64.0.1",
        "[fe80::1]",
        "[fc00::1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "224.0.0.1",
        "255.255.255.255",
    ];
    for name in names {
        let url = format!("http://{name}:{port}/latest/meta-data/");
        let told = chat.run("http_fetch", &json!({ "url": url })).await;
        let refused = told["kind"] == "refusal";
        let error = told["error"].as_str().unwrap_or_default();
        let unreachable =
            error.contains("not a place of the public internet") || error.contains("URL");
        assert!(refused || unreachable, "{url}: {told}");
    }
    for url in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "data:text/plain,x",
        "//127.0.0.1/",
    ] {
        let told = chat.run("http_fetch", &json!({ "url": url })).await;
        assert_ne!(told["kind"], "result", "{url}: {told}");
    }
    // The place that the operator allows is reached; where it leads to is not.
    let url = format!("http://{}/", outside.address);
    let told = chat.run("http_fetch", &json!({ "url": url })).await;
    assert_eq!(outside.seen().len(), 1, "{told}");
    assert_ne!(told["kind"], "result", "{told}");
    assert_eq!(inside.seen(), Vec::<Vec<u8>>::new());
}

/// Incident 10, CVE-2026-22174: commands that look who answers on this machine's ports tell whoever it is neither the token nor the key.
#[test]
fn what_looks_who_is_there_carries_no_secret() {
    let home = Home::new();
    assert!(home.run(&["init", "--json"]).status.success());
    home.run(&["down"]);
    let read = |name: &str| fs::read_to_string(home.path().join(name)).unwrap();
    let secrets = [read("gateway.token"), read("identity.key")];
    let ports = [(); 3].map(|()| Capture::start(answer("404 Not Found", "")));
    let url = format!("http://{}", ports[1].address);
    for arguments in [
        &["status"][..],
        &["status", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["logs"],
        &["card", "history"],
        &["init", "--dry-run"],
        &["token", "rotate"],
        &["hook", "claude-code"],
        &["up"],
    ] {
        let mut command = home.smoltbot(arguments);
        command
            .env("SMOLTBOT_GATEWAY__LISTEN", ports[0].address.to_string())
            .env("SMOLTBOT_EDGE__LISTEN", ports[1].address.to_string())
            .env("SMOLTBOT_SIDECAR__LISTEN", ports[2].address.to_string())
            .env("SMOLTBOT_SIDECAR__ON_DEMAND", "false")
            .env("SMOLTBOT_API_URL", &url);
        // `up` ends by itself: its ports are taken.
        crate::support::feed(command, &claude("PreToolUse", "t", "ls"));
    }
    let seen: Vec<_> = ports.iter().flat_map(Capture::seen).collect();
    assert!(
        seen.iter().any(|seen| !seen.is_empty()),
        "somebody has asked"
    );
    let mut secrets: Vec<String> = secrets.into_iter().collect();
    secrets.push(read("gateway.token"));
    for secret in secrets.iter().map(|secret| secret.trim()) {
        for seen in &seen {
            let text = String::from_utf8_lossy(seen);
            assert!(!text.contains(secret), "{text}");
        }
    }
    for seen in seen {
        let text = String::from_utf8_lossy(&seen).to_ascii_lowercase();
        assert!(
            !text.contains("authorization:") && !text.contains("cookie:"),
            "{text}"
        );
    }
}
