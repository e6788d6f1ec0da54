//! The public pages: each is there, shows what was sent, and lets nothing that others wrote do anything.

use serde_json::json;

use edge_e2e::{Agent, Answer, Client, flat, unproven_agent};

/// What every page carries.
#[track_caller]
fn is_page(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("default-src 'none'")
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert!(
        answer.text.starts_with("<!doctype html>") || answer.text.starts_with("<!DOCTYPE html>")
    );
    assert!(!answer.text.contains("<script>"), "no inline code");
}

async fn page(client: &Client, path: &str) -> String {
    let answer = client.get(path).await.expect(200);
    is_page(&answer);
    answer.text
}

#[tokio::test]
async fn every_page_shows_what_was_sent() {
    let client = Client::new();
    let mut agent = Agent::new();
    let reason = edge_e2e::word("reason");
    let mut items = agent.links(3);
    let refusal = agent.refusal("fs.delete.root", &reason, &["harm_prevention"]);
    items.push(agent.link(refusal));
    client.put_card(&agent).await.expect(200);
    client.submit(agent.sign(&items)).await.all_stored(4);

    assert!(
        page(&client, "/").await.contains(&agent.id.to_string()),
        "the newest agent"
    );
    let text = page(&client, &format!("/agent/{}", agent.id)).await;
    assert!(text.contains(&reason) && text.contains(&agent.session));
    let text = page(
        &client,
        &format!("/agent/{}/session/{}", agent.id, agent.session),
    )
    .await;
    assert!(text.contains(&reason));
    let trace = items[3].header.trace_id;
    let text = page(&client, &format!("/trace/{trace}")).await;
    assert!(
        text.contains(&reason)
            && text.contains("fs.delete.root")
            && text.contains("harm_prevention")
    );
    let text = page(&client, &format!("/refusals?agent={}", agent.id)).await;
    assert!(text.contains(&reason));
    let text = page(&client, &format!("/refusals?q={reason}")).await;
    assert!(text.contains(&trace.to_string()));
    page(&client, "/refusals").await;
    page(
        &client,
        &format!("/agent/{}?verdict=deny&period=7d", agent.id),
    )
    .await;
    let found = client.get(&format!("/search?q={}", agent.id)).await;
    assert!(
        found.text.contains(&agent.id.to_string()),
        "{}",
        found.status
    );
}

#[tokio::test]
async fn a_badge_tells_an_agents_record() {
    let client = Client::new();
    let mut agent = Agent::new();
    client.submit(agent.batch(3)).await.all_stored(3);
    let badge = client
        .get(&format!("/badge/{}.svg", agent.id))
        .await
        .expect(200);
    assert_eq!(badge.media_type(), "image/svg+xml");
    assert!(
        badge.text.contains("3 calls") && badge.text.contains("signed"),
        "{}",
        badge.text
    );
    assert!(badge.header("cache-control").contains("max-age=300"));
    client
        .get(&format!("/badge/{}.svg", unproven_agent()))
        .await
        .expect(404);
    client
        .get(&format!("/badge/{}.png", agent.id))
        .await
        .expect(400);
}

#[tokio::test]
async fn assets_are_named_by_their_content() {
    let client = Client::new();
    let home = page(&client, "/").await;
    let mut seen = 0;
    for piece in home
        .split('"')
        .filter(|piece| piece.starts_with("/assets/"))
    {
        let asset = client.get(piece).await.expect(200);
        assert!(
            asset.header("cache-control").contains("immutable"),
            "{piece}"
        );
        assert!(!asset.text.is_empty());
        seen += 1;
    }
    assert!(seen >= 3, "style, script and mark: {seen}");
    client
        .get("/assets/dashboard.000000000000.css")
        .await
        .expect(404);
    client.get("/assets/../Cargo.toml").await.expect(404);
    client.get("/assets/..%2fCargo.toml").await.expect(404);
}

#[tokio::test]
async fn what_is_not_there_is_a_page_that_says_so() {
    let client = Client::new();
    let (agent, trace) = (unproven_agent(), flat());
    let trace = trace["id"].as_str().unwrap();
    for path in [
        "/nothing",
        "/agent",
        "/agent/",
        "/trace/",
        "/a/b/c/d",
        "/index.html",
        "/robots.html",
        &format!("/agent/{agent}"),
        &format!("/trace/{trace}"),
        &format!("/agent/{agent}/session/x"),
    ] {
        let answer = client.get(path).await.expect(404);
        is_page(&answer);
    }
    for path in [
        "/agent/me",
        "/trace/1",
        "/refusals?agent=me",
        "/refusals?period=ever",
        "/refusals?older=x",
        "/refusals?q=a&q=b",
    ] {
        let answer = client.get(path).await.expect(400);
        is_page(&answer);
    }
}

#[tokio::test]
async fn what_others_wrote_does_nothing_on_a_page() {
    let client = Client::new();
    let mut trace = flat();
    let evil = "\"><script>alert(1)</script><img src=x onerror=alert(1)>";
    trace["tool_name"] = json!(evil);
    trace["params"] = json!({ evil: evil });
    trace["result"] = json!(evil);
    trace["action_type"] = json!("deny");
    trace["metadata"] = json!({
        "session_id": evil, "rule_id": evil, "conscience_reason": evil, "values_violated": [evil], "runtime": evil,
    });
    client.submit(trace.to_string()).await.all_stored(1);
    let (agent, id) = (
        trace["agent_id"].as_str().unwrap(),
        trace["id"].as_str().unwrap(),
    );
    for path in [
        "/".to_owned(),
        format!("/agent/{agent}"),
        format!("/trace/{id}"),
        format!("/refusals?agent={agent}"),
        format!("/badge/{agent}.svg"),
    ] {
        let answer = client.get(&path).await.expect(200);
        assert!(
            !answer.text.contains("<script>alert") && !answer.text.contains("<img src=x"),
            "{path}"
        );
    }
}
