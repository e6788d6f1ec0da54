//! The pages as a browser gets them, over a real store.

use std::collections::BTreeSet;

use crate::support::{Site, assert_clean, link, traces};
use axum::http::StatusCode;
use serde_json::json;
use trace_store::TraceWriter as _;
use trace_store::conformance::{Agent, flat, flat_batch, held_back, now, send};

const RULE: &str = "fs.delete.root";
const REASON: &str = "Recursive delete of the root directory";

/// An agent with a card, 30 calls and one refusal with its id.
async fn lively(site: &Site) -> (Agent, String) {
    let mut agent = Agent::new(1);
    site.store
        .put_card(agent.card.clone().sign(agent.key()), now(-90_000))
        .await
        .unwrap();
    let mut calls = agent.calls(30, -80_000);
    let mut refused = agent.refusal(-2_000, RULE, REASON, &["harm_prevention"]);
    refused.params = Some(json!({"command": "rm -rf /", "token": "[redacted:generic-api-key]"}));
    refused.verdict.advice = Some("Delete the one directory".to_owned());
    let id = refused.trace_id.to_string();
    calls.push(refused);
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    (agent, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_security_headers() {
    let site = Site::open();
    let (agent, trace) = lively(&site).await;
    let id = agent.id;
    for (path, status) in [
        ("/".to_owned(), 200),
        ("/refusals".to_owned(), 200),
        (format!("/agent/{id}"), 200),
        (format!("/agent/{id}/session/session-1"), 200),
        (format!("/trace/{trace}"), 200),
        (format!("/badge/{id}.svg"), 200),
        ("/search".to_owned(), 303),
        ("/agent/nobody".to_owned(), 400),
        ("/trace/0193b5b07c4e7a3c9d391f2e3d4c5b6a".to_owned(), 400),
        (
            "/agent/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a".to_owned(),
            404,
        ),
        (
            "/trace/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a".to_owned(),
            404,
        ),
        (format!("/agent/{id}/session/other"), 404),
        ("/refusals?tool=a&tool=b".to_owned(), 400),
        ("/refusals?older=1&newer=2".to_owned(), 400),
        ("/assets/dashboard.css".to_owned(), 404),
        ("/nowhere".to_owned(), 404),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let csp = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "style-src 'self'",
            "script-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(
                csp.split("; ").any(|held| held == part),
                "{path}: {csp} lacks {part}"
            );
        }
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        if answer.header("content-type").starts_with("text/html") {
            assert_clean(&answer.body, &path);
            for needed in [
                "<html lang=\"en\">",
                "class=\"skip\"",
                "<main id=\"main\"",
                "<nav aria-label=\"Main\">",
                "<h1",
            ] {
                assert!(answer.body.contains(needed), "{path} lacks {needed}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_id_is_told_its_form() {
    let site = Site::open();
    let answer = site.get("/agent/42").await;
    assert!(
        answer.body.contains("`42`") && answer.body.contains("8-4-4-4-12"),
        "{}",
        answer.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_store_has_pages() {
    let site = Site::open();
    assert!(
        site.page("/")
            .await
            .contains("No agent has done anything yet")
    );
    assert!(
        site.page("/refusals")
            .await
            .contains("Nothing was refused in this period")
    );
    assert!(
        site.page("/refusals?value=privacy")
            .await
            .contains("Nothing matches")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_is_a_503_that_names_no_driver() {
    let site = Site::open();
    let (agent, trace) = lively(&site).await;
    site.store.close().await;
    for path in [
        "/".to_owned(),
        "/refusals".to_owned(),
        format!("/agent/{}", agent.id),
        format!("/trace/{trace}"),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(
            !answer.body.to_lowercase().contains("sqlite"),
            "{path}: {}",
            answer.body
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_sentences() {
    let site = Site::open();
    let (agent, trace) = lively(&site).await;
    let page = site.page(&format!("/trace/{trace}")).await;
    for said in [
        REASON,
        "would have violated <em>harm prevention</em>",
        "<code>fs.delete.root</code>",
        "<mark>[redacted:generic-api-key]</mark>",
        "Delete the one directory",
        "Covered by the agent’s signed checkpoint up to number 31",
        "Consistent with the agent’s card",
        "Raw AP-Trace",
        "It did not run, so there is none",
    ] {
        assert!(page.contains(said), "lacks {said}");
    }
    let home = site.page("/").await;
    let of_agent = site.page(&format!("/agent/{}", agent.id)).await;
    let refusals = site.page("/refusals").await;
    for page in [&home, &of_agent, &refusals] {
        assert!(
            page.contains(REASON) && page.contains("rm -rf /") && page.contains("harm prevention")
        );
        assert!(
            page.contains("datetime=\"2026-11-21T02:09:58.000Z\"") && page.contains("just now")
        );
    }
    assert!(of_agent.contains(
        "In the last 7 days it made 31 tool calls, mostly exec. 1 was refused and none failed."
    ));
    assert!(
        of_agent.contains("Nothing is missing")
            && of_agent.contains("What its conscience refuses does not run")
    );
    assert!(home.contains("data-live=\"/v1/live\""));
    assert!(of_agent.contains(&format!("data-live=\"/v1/live?agent_id={}\"", agent.id)));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_narrowed_by_each_filter() {
    let site = Site::open();
    let (mut agent, _) = lively(&site).await;
    let other = agent.refusal(-1_000, "secret.read", "Reads a key", &["privacy"]);
    let batch = agent.batch_of(vec![other]);
    send(&site.store, batch, now(0)).await;
    for query in ["value=privacy", "rule=secret.read"] {
        let page = site.page(&format!("/refusals?{query}")).await;
        assert!(
            page.contains("Reads a key") && !page.contains(REASON),
            "{query}"
        );
        assert!(page.contains("Remove this filter"));
    }
    for query in [
        "tool=read_file",
        "agent=0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a",
    ] {
        assert!(
            site.page(&format!("/refusals?{query}"))
                .await
                .contains("Nothing matches"),
            "{query}"
        );
    }
    let page = site
        .page(&format!(
            "/refusals?agent={}&period=24h&tool=&rule=",
            agent.id
        ))
        .await;
    assert!(
        page.contains("2 refusals by 1 agent in the last 24 hours"),
        "empty fields of a form mean any"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_agent_go_back_and_forth_without_gap_or_double() {
    let site = Site::open();
    let mut agent = Agent::new(3);
    let calls = agent.calls(60, -70_000);
    let all: BTreeSet<String> = calls.iter().map(|made| made.trace_id.to_string()).collect();
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    let mut page = site
        .page(&format!("/agent/{}?verdict=allow", agent.id))
        .await;
    let top = traces(&page);
    assert!(
        link(&page, "prev").is_none(),
        "nothing is newer than the newest"
    );
    let mut seen = top.clone();
    while let Some(older) = link(&page, "next") {
        assert!(older.contains("verdict=allow"), "filters stay: {older}");
        page = site.page(&older).await;
        seen.extend(traces(&page));
        assert!(seen.len() <= 60, "going in circles");
    }
    assert_eq!(seen.len(), 60);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
    for _ in 0..3 {
        let Some(newer) = link(&page, "prev") else {
            break;
        };
        page = site.page(&newer).await;
    }
    assert_eq!(traces(&page), top, "back at the top");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_from_its_first_call_on() {
    let site = Site::open();
    let mut agent = Agent::new(3);
    let calls = agent.calls(60, -70_000);
    let order: Vec<String> = calls.iter().map(|made| made.trace_id.to_string()).collect();
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    let first = site
        .page(&format!("/agent/{}/session/session-1", agent.id))
        .await;
    assert_eq!(traces(&first), order[..50]);
    assert_eq!(
        first.matches("preserveAspectRatio=none").count(),
        50,
        "a bar for each call"
    );
    let second = site.page(&link(&first, "next").unwrap()).await;
    assert_eq!(traces(&second), order[50..]);
    let back = site.page(&link(&second, "prev").unwrap()).await;
    assert_eq!(traces(&back), order[..50]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_record_is_said() {
    let site = Site::open();
    let mut agent = Agent::new(5);
    let calls = agent.calls(4, -50_000);
    let items: Vec<_> = calls.into_iter().map(|made| agent.link(made)).collect();
    send(&site.store, agent.batch(items[..1].to_vec()), now(0)).await;
    let last = held_back(&items[3]);
    let held = last.header.trace_id;
    send(&site.store, agent.batch(vec![last]), now(0)).await;
    let path = format!("/agent/{}", agent.id);
    let page = site.page(&path).await;
    assert!(
        page.contains("2 calls are missing") && page.contains("the first at number 2"),
        "{page}"
    );
    assert!(
        site.page(&format!("/trace/{held}"))
            .await
            .contains("Content held back")
    );

    let mut again = agent.restored();
    let calls = again.calls(1, -40_000);
    let batch = again.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    assert!(
        site.page(&path)
            .await
            .contains("This agent has told two stories")
    );

    send(&site.store, flat_batch(&[flat(9, 1, -1_000, "ok")]), now(0)).await;
    let mut unsigned = [9; 16];
    unsigned[6] = 0x40;
    let page = site
        .page(&format!("/agent/{}", aap::AgentId::from_bytes(unsigned)))
        .await;
    assert!(page.contains("This client does not sign") && page.contains("no alignment card"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_says_it_in_one_line() {
    let site = Site::open();
    let (agent, _) = lively(&site).await;
    let badge = site.get(&format!("/badge/{}.svg", agent.id)).await;
    assert_eq!(badge.header("content-type"), "image/svg+xml");
    assert!(badge.header("cache-control").contains("max-age=300"));
    assert!(
        badge.body.contains("31 calls · 1 refused · signed"),
        "{}",
        badge.body
    );
    assert_eq!(
        site.get(&format!("/badge/{}", agent.id)).await.status,
        StatusCode::BAD_REQUEST
    );
    let unknown = site
        .get("/badge/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a.svg")
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_leads_to_the_page() {
    let site = Site::open();
    let (agent, trace) = lively(&site).await;
    for (asked, page) in [
        (agent.id.to_string(), format!("/agent/{}", agent.id)),
        (
            format!("+https%3A%2F%2Fexample.com%2Fagent%2F{}", agent.id),
            format!("/agent/{}", agent.id),
        ),
        (trace.to_uppercase(), format!("/trace/{trace}")),
    ] {
        let answer = site.get(&format!("/search?q={asked}")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.header("location"), page);
    }
    let unknown = site
        .get("/search?q=0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a")
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_named_by_their_content() {
    let site = Site::open();
    let home = site.page("/").await;
    let mut seen = 0;
    for part in home.split("\"/assets/").skip(1) {
        let name = part.split('"').next().unwrap();
        let asset = site.get(&format!("/assets/{name}")).await;
        assert_eq!(asset.status, StatusCode::OK);
        assert_eq!(
            asset.header("cache-control"),
            "public, max-age=31536000, immutable"
        );
        // FNV-1a: another content gets another name, so that browsers may keep this one forever.
        let hash = asset
            .body
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        assert!(name.contains(&format!(".{:012x}.", hash >> 16)), "{name}");
        seen += 1;
    }
    assert!(seen >= 3, "style, script and icon");
}
