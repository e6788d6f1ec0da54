//! The audit of refusals: two spans compared, a selection shared by its address, and a session as a whole.

use axum::http::StatusCode;
use serde_json::Value;
use trace_store::conformance::{Agent, now, send};

use crate::support::{Site, assert_clean, traces};

const DAY: i64 = 24 * 3_600_000;

/// Two refusals by one rule yesterday and three today, one by another rule today.
async fn refused(site: &Site) -> Vec<String> {
    let mut agent = Agent::new(1);
    let mut ids = Vec::new();
    let mut calls = Vec::new();
    for (at, rule, value) in [
        (-DAY - 3_600_000, "fs.delete", "harm_prevention"),
        (-DAY - 7_200_000, "fs.delete", "harm_prevention"),
        (-3_000, "fs.delete", "harm_prevention"),
        (-2_000, "fs.delete", "harm_prevention"),
        (-1_500, "fs.delete", "harm_prevention"),
        (-1_000, "secret.read", "privacy"),
    ] {
        let made = agent.refusal(at, rule, "Not this", &[value]);
        ids.push(made.trace_id.to_string());
        calls.push(made);
    }
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_is_compared_with_the_one_before() {
    let site = Site::open();
    refused(&site).await;
    let page = site.page("/refusals?period=24h").await;
    assert!(
        page.contains("4 refusals by 1 agent in the last 24 hours, 2 more than in the span before"),
        "{page}"
    );
    for line in [
        "<bdi>fs.delete</bdi></a></th><td>2</td><td>3</td><td class=\"up\">+1</td>",
        "<bdi>secret.read</bdi></a></th><td>0</td><td>1</td><td class=\"up\">+1</td>",
        "<bdi>harm prevention</bdi></a></th><td>2</td><td>3</td><td class=\"up\">+1</td>",
        "<bdi>exec</bdi></a></th><td>2</td><td>4</td><td class=\"up\">+2</td>",
    ] {
        assert!(page.contains(line), "{line} in {page}");
    }
    let before = site.page("/refusals?since=-2d&until=-1d").await;
    assert!(before.contains("2 refusals by 1 agent from 19 Nov 2026, 02:10:00 UTC to 20 Nov 2026, 02:10:00 UTC, 2 more"), "{before}");
    assert_eq!(traces(&before).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selection_is_shared_by_its_address_as_the_sharers_words() {
    let site = Site::open();
    let ids = refused(&site).await;
    let page = site
        .page(&format!(
            "/refusals?period=24h&note=Look+%3Cb%3Ehere&mark={}&mark={}",
            ids[0], ids[2]
        ))
        .await;
    let box_end = page.find("class=\"filter panel\"").unwrap();
    let shared = &page[..box_end];
    assert!(
        shared.contains("<blockquote><bdi>Look &lt;b&gt;here</bdi></blockquote>"),
        "{shared}"
    );
    assert_eq!(
        traces(shared),
        [ids[0].clone(), ids[2].clone()],
        "also one outside of the span"
    );
    assert!(shared.contains("Whoever made the address wrote them"));
    assert!(
        page.contains(&format!("value=\"{}\" form=\"share\" checked", ids[2])),
        "it stays marked"
    );
    assert!(
        page.contains(&format!(
            "type=\"hidden\" name=\"mark\" value=\"{}\"",
            ids[0]
        )),
        "also what is not in the list"
    );
    assert!(
        page.contains("name=\"since\" value=\"2026-11-20T0")
            && page.contains("name=\"until\" value=\"2026-11-21T02:10:00.000Z\"")
    );
    let plain = site.page("/refusals").await;
    assert!(!plain.contains("Somebody shared") && plain.contains("Make the link"));
    assert!(plain.contains("smoltbot export --denied") && plain.contains("smoltbot verify"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_shared_is_told() {
    let site = Site::open();
    let ids = refused(&site).await;
    let gone = site
        .page("/refusals?mark=0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a")
        .await;
    assert!(gone.contains("1 marked id is not here"), "{gone}");
    let twice = site
        .page(&format!("/refusals?mark={0}&mark={0}", ids[0]))
        .await;
    assert!(twice.contains("1 marked</h3>"), "once is enough");
    let many: Vec<String> = (0..21)
        .map(|number| format!("&mark=0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b{number:02x}"))
        .collect();
    let many = many.concat();
    for (query, said) in [
        (
            format!("note={}", "x".repeat(501)),
            "note has at most 500 characters",
        ),
        (many[1..].to_owned(), "marks at most 20 traces, not 21"),
        ("mark=%3Cscript%3E".to_owned(), "mark is a trace"),
        ("note=a&note=b".to_owned(), "`note` is given twice"),
    ] {
        let answer = site.get(&format!("/refusals?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(said), "{}", answer.body);
        assert_clean(&answer.body, &query);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_told_whole_to_its_script() {
    let site = Site::open();
    let mut agent = Agent::new(4);
    let mut calls = agent.calls(80, -90_000);
    calls.push(agent.refusal(-5_000, "fs.delete", "Not this", &["privacy"]));
    for made in &mut calls {
        made.session_id = Some("one/two & three".to_owned());
    }
    calls[0].duration_ms = Some(60_000);
    let ids: Vec<String> = calls.iter().map(|made| made.trace_id.to_string()).collect();
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    let path = format!("/agent/{}/session/one%2Ftwo%20%26%20three", agent.id);
    let page = site.page(&path).await;
    assert!(
        page.contains(&format!("data-session=\"{path}/calls\"")),
        "{page}"
    );
    assert!(
        page.contains("What it refused") && page.contains("class=\"ft l1\""),
        "calls within the first one are set in"
    );
    let answer = site.get(&format!("{path}/calls")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    let told: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(told["steps"].as_array().unwrap().len(), 81);
    assert_eq!(
        told["kinds"].as_str().unwrap(),
        format!("{}d", "a".repeat(80))
    );
    let digits: String = ids.concat().replace('-', "");
    assert_eq!(told["ids"].as_str().unwrap(), digits);
    assert_eq!(told["rules"], serde_json::json!(["fs.delete"]));
    assert!(told["next"].is_null());
    let short = site
        .page(&format!(
            "{path}?newer={}.{}",
            now(-6_000).millis(),
            ids[79]
        ))
        .await;
    assert!(
        short.contains("data-session"),
        "a later page is part of a session, too"
    );
    assert_eq!(
        site.get(&format!("{path}/calls?newer=x")).await.status,
        StatusCode::BAD_REQUEST
    );
}
