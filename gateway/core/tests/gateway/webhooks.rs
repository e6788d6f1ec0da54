//! Webhooks: proven, taken in at once, looked at afterwards.

use std::fmt::Write as _;

use gateway::{Options, Webhook, WebhookAuth};
use model_upstream::{Answer, Gate};
use ring::hmac;
use serde_json::Value;

use crate::talking::Talking;

const SECRET: &str = "a-secret-that-is-long-enough";

fn sources(options: &mut Options) {
    options.webhooks = vec![
        Webhook {
            name: "ci".to_owned(),
            auth: WebhookAuth::HmacSha256(SECRET.to_owned()),
        },
        Webhook {
            name: "home".to_owned(),
            auth: WebhookAuth::Bearer(SECRET.to_owned()),
        },
    ];
}

fn signature(body: &str) -> String {
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()),
        body.as_bytes(),
    );
    let mut text = "sha256=".to_owned();
    for byte in tag.as_ref() {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

async fn send(talking: &Talking, source: &str, header: (&str, &str), body: &str) -> (u16, Value) {
    let response = talking
        .house
        .client
        .post(talking.house.url(&format!("/webhooks/{source}")))
        .header(header.0, header.1)
        .body(body.to_owned())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap(),
    )
}

#[tokio::test]
async fn a_webhook_is_answered_before_the_model_is_and_runs_once() {
    let gate = Gate::new();
    let held = gate.clone();
    let talking = Talking::with(move |_| Answer::text("Seen.").late(&held), sources).await;
    let body = r#"{"build":"red","session_id":"web:a","model":"dear"}"#;
    let proof = signature(body);
    let (status, first) = send(&talking, "ci", ("x-hub-signature-256", &proof), body).await;
    assert_eq!(status, 202, "{first}");
    assert_eq!(first["repeated"], false);
    let (status, again) = send(&talking, "ci", ("x-hub-signature-256", &proof), body).await;
    assert_eq!(
        (status, &again["repeated"], &again["receipt_id"]),
        (202, &true.into(), &first["receipt_id"])
    );
    gate.open();
    // What is said next in its session sees what the webhook told; what it told chose nothing.
    let (_, _) = send(
        &talking,
        "home",
        ("authorization", &format!("Bearer {SECRET}")),
        "[1]",
    )
    .await;
    let url = talking.house.url("/api/sessions/webhook:ci");
    let kept = loop {
        let found = talking
            .house
            .client
            .get(&url)
            .bearer_auth(crate::house::TOKEN)
            .send()
            .await
            .unwrap();
        if found.status() == 200 {
            break found.text().await.unwrap();
        }
        tokio::task::yield_now().await;
    };
    assert!(
        kept.contains("[webhook:ci]") && kept.contains("Seen."),
        "{kept}"
    );
    let asked = talking.upstream.requests();
    assert!(asked.iter().all(|one| one.body["model"] != "dear"));
    assert!(
        asked
            .iter()
            .filter(|one| one.body["messages"].to_string().contains("webhook:ci"))
            .count()
            == 1
    );
}

#[tokio::test]
async fn another_spelling_of_a_signature_is_no_other_delivery() {
    let talking = Talking::with(|_| Answer::text("Seen."), sources).await;
    let body = r#"{"a":1}"#;
    let proof = signature(body);
    let header = "x-hub-signature-256";
    let (status, first) = send(&talking, "ci", (header, &proof), body).await;
    assert_eq!(
        (status, &first["repeated"]),
        (202, &false.into()),
        "{first}"
    );
    let upper = format!("sha256={}", proof["sha256=".len()..].to_ascii_uppercase());
    let (status, again) = send(&talking, "ci", (header, &upper), body).await;
    assert_eq!((status, &again["repeated"]), (202, &true.into()), "{again}");
}

#[tokio::test]
async fn what_is_not_proven_is_refused() {
    let talking = Talking::with(|_| Answer::text("Seen."), sources).await;
    let body = r#"{"a":1}"#;
    let proof = signature(body);
    for (source, header, body, expected) in [
        ("ci", ("x-other", "1"), body, 401),
        (
            "ci",
            ("x-hub-signature-256", proof.as_str()),
            r#"{"a":2}"#,
            401,
        ),
        (
            "ci",
            ("authorization", "Bearer a-secret-that-is-long-enough"),
            body,
            401,
        ),
        (
            "home",
            ("authorization", "Bearer a-secret-that-is-long-enougH"),
            body,
            401,
        ),
        ("home", ("x-other", "1"), body, 401),
        ("nobody", ("x-other", "1"), body, 404),
        (
            "ci",
            ("x-hub-signature-256", &signature("not JSON")),
            "not JSON",
            400,
        ),
    ] {
        let (status, answer) = send(&talking, source, header, body).await;
        assert_eq!(status, expected, "{source} {header:?}: {answer}");
        assert!(answer["detail"].is_string());
    }
    assert!(talking.upstream.requests().is_empty());
}
