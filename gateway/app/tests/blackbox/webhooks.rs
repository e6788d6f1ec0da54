//! Webhooks over the real binary.

use std::fmt::Write as _;

use model_upstream::{Answer, Gate};
use reqwest::Method;
use ring::hmac;

use crate::chats::{Chat, json_of};

pub(crate) const SECRET: &str = "a-secret-that-is-long-enough";
const SOURCES: &str = "[webhooks.ci]\nauth = \"hmac-sha256\"\nsecret = \"a-secret-that-is-long-enough\"\n\
     [webhooks.home]\nauth = \"bearer\"\nsecret = \"a-secret-that-is-long-enough\"\n";

fn signature(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    let mut text = "sha256=".to_owned();
    for byte in tag.as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// Check 29.
#[tokio::test]
async fn what_is_proven_is_taken_in_at_once_and_nothing_else() {
    // The model answers nothing before the test lets it: who was answered was not kept waiting for it.
    let gate = Gate::new();
    let held = gate.clone();
    let chat = Chat::with(SOURCES, move |_| Answer::text("Seen.").late(&held)).await;
    let body = r#"{"build":"red"}"#;
    let proof = signature(body);
    let bearer = format!("Bearer {SECRET}");
    for (source, header, body, status) in [
        ("ci", ("x-hub-signature-256", proof.as_str()), body, 202),
        ("home", ("authorization", bearer.as_str()), body, 202),
        ("ci", ("x-hub-signature-256", proof.as_str()), "{}", 401),
        ("ci", ("x-other", "1"), body, 401),
        ("home", ("authorization", "Bearer wrong"), body, 401),
        ("nobody", ("x-other", "1"), body, 404),
        ("home", ("authorization", bearer.as_str()), "{", 400),
    ] {
        let path = format!("/webhooks/{source}");
        let request = chat.plain(Method::POST, &path).header(header.0, header.1);
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{source} {header:?}");
        let answer = json_of(answer).await;
        if status == 202 {
            assert_eq!(answer["ok"], true, "{answer}");
            assert!(!answer["receipt_id"].as_str().unwrap().is_empty());
        } else {
            assert!(answer["detail"].is_string(), "{answer}");
        }
    }
    gate.open();
    while chat.upstream.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    let asked = chat.upstream.requests();
    let told = |source: &str| {
        let name = format!("[webhook:{source}]");
        let one = |asked: &&model_upstream::Asked| asked.body.to_string().contains(&name);
        asked.iter().filter(one).count()
    };
    assert_eq!((told("ci"), told("home")), (1, 1), "{asked:?}");
}
