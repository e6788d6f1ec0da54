//! Pictures and texts that come with a message over HTTP: the page's API, and OpenAI's.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use gateway::limits::{MAX_GIVEN_PICTURES, MAX_PICTURE_BYTES};
use model_upstream::{Answer, Wire};
use serde_json::{Value, json};

use crate::house::{House, TOKEN};
use crate::talking::Talking;

/// The head of a picture of 2 × 3 pixels.
const GIF: &[u8] = b"GIF89a\x02\0\x03\0\0\0\0";

async fn post(house: &House, path: &str, body: &Value) -> (u16, Value) {
    let response = house
        .client
        .post(house.url(path))
        .bearer_auth(TOKEN)
        .header("content-type", "application/json")
        .body(body.to_string())
        .send()
        .await
        .unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn the_page_sends_pictures_and_shows_them_again() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("A dot.")]).await;
    let house = &talking.house;
    let content = BASE64_STANDARD.encode(GIF);
    let body = json!({"message": "", "session_id": "web:a", "attachments": [
        {"file_name": "dot.gif", "media_type": "image/gif", "content": format!("data:image/gif;base64,{content}")},
        {"file_name": "a.txt", "content": BASE64_STANDARD.encode("words")},
    ]});
    let (status, answer) = post(house, "/api/chat", &body).await;
    assert_eq!(
        (status, &answer["text"]),
        (200, &json!("A dot.")),
        "{answer}"
    );
    let sent = &talking.upstream.requests()[0].body["messages"][0]["content"];
    assert_eq!(sent[0]["source"]["data"], content);
    assert_eq!(sent[1]["text"], "[Attached file: a.txt]\n```\nwords\n```");

    let get = |path: &str| house.client.get(house.url(path)).bearer_auth(TOKEN).send();
    let said = get("/api/sessions/web:a")
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    let message = &said["messages"][0];
    assert_eq!(
        message["parts"][0],
        json!({"type": "image", "media_type": "image/gif"}),
        "without its bytes: {said}"
    );
    let path = format!("/api/sessions/web:a/pictures/{}", message["id"]);
    let picture = get(&format!("{path}/0")).await.unwrap();
    assert_eq!(picture.status(), 200);
    assert_eq!(picture.headers()["content-type"], "image/gif");
    assert_eq!(picture.headers()["cache-control"], "no-store");
    assert_eq!(picture.bytes().await.unwrap(), GIF);
    for missing in ["/1", "/x"] {
        let none = get(&format!("{path}{missing}")).await.unwrap();
        assert!(none.status().is_client_error(), "{missing}");
    }
    let other = format!("/api/sessions/web:b/pictures/{}/0", message["id"]);
    assert_eq!(get(&other).await.unwrap().status(), 404);
    let stranger = house.client.get(house.url(&format!("{path}/0")));
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn the_page_is_told_what_is_not_taken() {
    let talking = Talking::script(Wire::Anthropic, vec![Answer::text("Yes.")]).await;
    let mut large = GIF.to_vec();
    large.resize(MAX_PICTURE_BYTES, 0);
    let one = |bytes: &[u8]| json!({"file_name": "it", "content": BASE64_STANDARD.encode(bytes)});
    let send = async |attachments: Value| {
        let body = json!({"message": "Look", "attachments": attachments});
        post(&talking.house, "/api/chat", &body).await
    };
    // Three of the largest pictures fit into a message.
    let full = send(json!([one(&large), one(&large), one(&large)])).await;
    assert_eq!(full.0, 200, "{}", full.1);
    large.push(0);
    for (attachments, status, words) in [
        (json!([one(&large)]), 413, "a picture has at most 6291456"),
        (json!([one(b"\0")]), 415, "it is neither a picture"),
        (json!([{"content": "?"}]), 400, "attachment 1 is not base64"),
        (json!([{}]), 400, "content"),
    ] {
        let (got, told) = send(attachments).await;
        assert_eq!(got, status, "{told}");
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
    }
    assert_eq!(talking.upstream.requests().len(), 1, "nothing was begun");
}

#[tokio::test]
async fn openais_clients_show_pictures_as_data_urls() {
    let content = BASE64_STANDARD.encode(GIF);
    for wire in [Wire::Anthropic, Wire::OpenAi, Wire::Ollama] {
        let talking = Talking::script(wire, vec![Answer::text("A dot.")]).await;
        // What is said of it gives way to what it is.
        let picture = json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{content}"), "detail": "low"}});
        let ask = async |content: Value| {
            let body =
                json!({"model": "smoltbot", "messages": [{"role": "user", "content": content}]});
            post(&talking.house, "/v1/chat/completions", &body).await
        };
        let (status, answer) =
            ask(json!([{"type": "text", "text": "What is this?"}, picture])).await;
        assert_eq!(status, 200, "{wire:?}: {answer}");
        let sent = talking.upstream.requests()[0].body["messages"].to_string();
        assert!(sent.contains(&content), "{wire:?}: {sent}");
        assert!(
            wire == Wire::Ollama || sent.contains("image/gif"),
            "{wire:?}: {sent}"
        );

        let (status, told) =
            ask(json!([{"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}}]))
                .await;
        assert_eq!(status, 400);
        assert_eq!(
            told["error"]["param"],
            "messages[0].content[0].image_url.url"
        );
        let many: Vec<_> = (0..=MAX_GIVEN_PICTURES).map(|_| picture.clone()).collect();
        let (status, told) = ask(json!(many)).await;
        assert_eq!(status, 400, "{told}");
        assert!(
            told["error"]["message"]
                .as_str()
                .unwrap()
                .contains("at most 100")
        );
        assert_eq!(talking.upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_model_without_eyes_is_a_request_that_cannot_be_had() {
    let told = r#"{"error":{"message":"image input is not supported - hint: you may need to provide the mmproj"}}"#;
    let talking = Talking::script(Wire::OpenAi, vec![Answer::status(500, told)]).await;
    let url = format!("data:image/gif;base64,{}", BASE64_STANDARD.encode(GIF));
    let content = json!([{"type": "image_url", "image_url": {"url": url}}]);
    let body = json!({"model": "smoltbot", "messages": [{"role": "user", "content": content}]});
    let (status, answer) = post(&talking.house, "/v1/chat/completions", &body).await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("model_refused_picture"))
    );
    let told = answer["error"]["message"].as_str().unwrap();
    assert!(told.contains("takes no pictures"), "{told}");
}
