//! Versions of an alignment card: each has a page, and each trace is held against the one that judged it.

use aap::card::Mode;
use axum::http::StatusCode;
use serde_json::json;
use trace_store::TraceWriter as _;
use trace_store::conformance::{Agent, flat, flat_batch, now, send};

use crate::support::Site;

/// Puts the agent's card as it is now, issued at this moment, under an id of its own.
async fn publish(site: &Site, agent: &mut Agent, at: i64) -> String {
    agent.card.issued_at = now(at);
    agent.card.card_id = agent.card.derived_id();
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(at)).await.unwrap();
    agent.card.card_id.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_has_a_page_that_tells_what_it_changed() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let first = publish(&site, &mut agent, -90_000).await;
    let calls = agent.calls(2, -80_000);
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/agent/{}", agent.id)).await;
    assert!(
        page.contains(&format!("/card/{first}\">1 version of this card</a>")),
        "{page}"
    );

    let autonomy = &mut agent.card.autonomy;
    autonomy.forbidden_actions = vec!["send_<payment>".to_owned()];
    autonomy.bounded_actions.retain(|tool| tool != "exec");
    agent.card.autonomy_mode = Mode::Observe;
    agent.card.audit.retention_days = 7;
    let second = publish(&site, &mut agent, -60_000).await;

    let page = site.page(&format!("/agent/{}", agent.id)).await;
    assert!(
        page.contains(&format!("/card/{second}\">2 versions of this card</a>")),
        "{page}"
    );
    let newest = site
        .page(&format!("/agent/{}/card/{second}", agent.id))
        .await;
    for said in [
        "<b>In force</b> since",
        "<h3>Mode</h3><ul class=\"chips\"><li><bdi>enforce → observe</bdi></li></ul>",
        "<h3>Must not use</h3><ul class=\"chips\"><li><i>+</i> <bdi>send_&lt;payment&gt;</bdi></li></ul>",
        "<h3>May do by itself</h3><ul class=\"chips\"><li><i>−</i> <bdi>exec</bdi></li></ul>",
        "<h3>Says otherwise</h3><ul class=\"chips\"><li><bdi>audit</bdi></li></ul>",
        &format!("href=\"/agent/{}/card/{first}\"", agent.id),
        &format!("href=\"/v1/agents/{}/cards/{second}\"", agent.id),
    ] {
        assert!(newest.contains(said), "lacks {said}: {newest}");
    }
    let oldest = site
        .page(&format!("/agent/{}/card/{first}", agent.id))
        .await;
    for said in ["<b>Superseded</b>: in force from", "It is the first."] {
        assert!(oldest.contains(said), "lacks {said}: {oldest}");
    }

    // One that comes late was never in force.
    agent.card.audit.retention_days = 8;
    agent.card.issued_at = now(-70_000);
    agent.card.card_id = agent.card.derived_id();
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(0)).await.unwrap();
    let late = format!("/agent/{}/card/{}", agent.id, agent.card.card_id);
    assert!(site.page(&late).await.contains("<b>Never in force</b>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_checked_against_the_card_that_judged_it() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let first = publish(&site, &mut agent, -90_000).await;
    let made = agent.call(-80_000);
    let trace = made.trace_id;
    let batch = agent.batch_of(vec![made]);
    send(&site.store, batch, now(0)).await;
    agent.card.autonomy.forbidden_actions = vec!["exec".to_owned()];
    let second = publish(&site, &mut agent, -60_000).await;
    let made = agent.call(-50_000);
    let forbidden = made.trace_id;
    let batch = agent.batch_of(vec![made]);
    send(&site.store, batch, now(0)).await;
    for (trace, card, said) in [
        (trace, &first, "Consistent with the agent’s card"),
        (forbidden, &second, "Against the agent’s card"),
    ] {
        let page = site.page(&format!("/trace/{trace}")).await;
        assert!(page.contains(said), "lacks {said}: {page}");
        let link = format!("<a href=\"/agent/{}/card/{card}\">That card</a>", agent.id);
        assert!(page.contains(&link), "lacks {link}: {page}");
    }
    agent.card.card_id = "ac-never-published".to_owned();
    let made = agent.call(-1_000);
    let trace = made.trace_id;
    let batch = agent.batch_of(vec![made]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/trace/{trace}")).await;
    assert!(
        page.contains(
            "The trace names card ac-never-published, which the agent has not published here."
        ),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_there_is_told() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let id = publish(&site, &mut agent, -90_000).await;
    let calls = agent.calls(1, -1_000);
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    send(&site.store, flat_batch(&[flat(9, 1, -1_000, "ok")]), now(0)).await;
    let (agent, nobody) = (agent.id, "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a");
    for (path, status) in [
        (
            format!("/agent/{agent}/card/ac-other"),
            StatusCode::NOT_FOUND,
        ),
        (
            format!("/agent/{agent}/card/%3Cb%3E%00"),
            StatusCode::NOT_FOUND,
        ),
        (format!("/agent/{nobody}/card/{id}"), StatusCode::NOT_FOUND),
        (format!("/agent/me/card/{id}"), StatusCode::BAD_REQUEST),
        (format!("/agent/{agent}/card/%ff"), StatusCode::BAD_REQUEST),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(!answer.body.contains("<b>\0"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_says_anything_is_shown_as_text() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    for (at, text) in ["<script>", "../..", "\u{202e}x", "a/b?c#d", "."]
        .iter()
        .enumerate()
    {
        agent.card.extensions = serde_json::from_value(json!({"x": {"y": text}})).unwrap();
        agent.card.values.declared = vec![(*text).to_owned()];
        agent.card.issued_at = now(i64::try_from(at).unwrap() - 90_000);
        agent.card.card_id = (*text).to_owned();
        let signed = agent.card.clone().sign(agent.key());
        site.store.put_card(signed, now(0)).await.unwrap();
    }
    let calls = agent.calls(1, -1_000);
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    site.page(&format!("/agent/{}", agent.id)).await;
    for id in ["%3Cscript%3E", "..%2F..", "%E2%80%AEx", "a%2Fb%3Fc%23d"] {
        site.page(&format!("/agent/{}/card/{id}", agent.id)).await;
    }
}
