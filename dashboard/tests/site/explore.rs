//! The explorer: facets, text, time, order and pages, each as an address.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::json;
use trace_store::conformance::{Agent, now, send};

use crate::support::{Site, assert_clean, link, traces};

/// Two tools, a refusal and a failure among plain calls, an hour apart.
async fn busy(site: &Site) -> Agent {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(3, -50 * 3_600_000);
    let mut read = agent.call(-3 * 3_600_000);
    "read_file".clone_into(&mut read.tool);
    read.params = Some(json!({"path": "notes/harbour.md"}));
    read.duration_ms = Some(90_000);
    read.session_id = Some("second & last".to_owned());
    calls.push(read);
    calls.push(agent.refusal(-60_000, "fs.delete", "Deletes a root", &["privacy"]));
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    agent
}

#[tokio::test(flavor = "multi_thread")]
async fn each_filter_is_an_address_with_a_way_out() {
    let site = Site::open();
    let agent = busy(&site).await;
    assert_eq!(traces(&site.page("/traces").await).len(), 5);
    for (query, expected) in [
        ("tool=read_file", 1),
        ("verdict=deny", 1),
        ("rule=fs.delete", 1),
        ("value=privacy", 1),
        ("session=second%20%26%20last", 1),
        ("runtime=openclaw", 5),
        ("runtime=other", 0),
        ("q=harbour", 1),
        ("q=nowhere", 0),
        ("since=-2h", 1),
        ("since=-4h&until=-2h", 1),
        ("until=-1d", 3),
        ("since=2026-11-20", 2),
        ("tool=read_file&verdict=deny", 0),
    ] {
        let page = site.page(&format!("/traces?{query}")).await;
        assert_eq!(traces(&page).len(), expected, "{query}");
        assert!(page.contains("Remove this filter"), "{query}");
        assert_eq!(page.contains("No call matches"), expected == 0, "{query}");
    }
    let page = site.page(&format!("/traces?agent={}", agent.id)).await;
    assert_eq!(traces(&page).len(), 5);
    let redirect = site
        .get(&format!("/agent/{}/traces?verdict=deny", agent.id))
        .await;
    assert_eq!(redirect.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(
        redirect.header("location"),
        format!("/traces?agent={}&verdict=deny", agent.id)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn facets_are_links_with_counts() {
    let site = Site::open();
    busy(&site).await;
    let page = site.page("/traces?since=-7d").await;
    assert!(page.contains("5 calls match."), "{page}");
    let facet = |to: &str, name: &str, count: u64| {
        format!("<a href=\"{to}\"><bdi>{name}</bdi><b>{count}</b></a>")
    };
    for (to, name, count) in [
        ("/traces?since=-7d&#38;tool=read_file", "read_file", 1),
        ("/traces?since=-7d&#38;verdict=deny", "refused", 1),
        ("/traces?since=-7d&#38;rule=fs.delete", "fs.delete", 1),
        ("/traces?since=-7d&#38;value=privacy", "privacy", 1),
        ("/traces?since=-7d&#38;runtime=openclaw", "openclaw", 5),
        (
            "/traces?since=-7d&#38;session=second%20%26%20last",
            "second &amp; last",
            1,
        ),
    ] {
        assert!(page.contains(&facet(to, name, count)), "{name} in {page}");
    }
    // What is chosen leads out again.
    let chosen = site.page("/traces?tool=read_file").await;
    assert!(
        chosen.contains("<a href=\"/traces\" aria-current=\"true\"><bdi>read_file</bdi>"),
        "{chosen}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_and_the_fixed_view_are_of_exactly_this_filter() {
    let site = Site::open();
    let agent = busy(&site).await;
    let page = site
        .page(&format!("/traces?agent={}&tool=exec&rule=fs.delete&session=s%26&value=privacy&runtime=r&verdict=deny&since=-1h&q=a%20b", agent.id))
        .await;
    let filter = format!(
        "&#38;agent_id={}&#38;action_type=deny&#38;tool=exec&#38;session_id=s%26&#38;value=privacy&#38;rule_id=fs.delete\
         &#38;runtime=r&#38;since=2026-11-21T01%3A10%3A00.000Z&#38;q=a%20b\" download>",
        agent.id
    );
    for format in ["ndjson", "csv", "otlp"] {
        assert!(
            page.contains(&format!("/v1/export?format={format}{filter}")),
            "{format}: {page}"
        );
    }
    assert!(
        page.contains(
            "since=2026-11-21T01%3A10%3A00.000Z&#38;until=2026-11-21T02%3A10%3A00.000Z\">This view"
        ),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_in_either_order_without_gap_or_double() {
    let site = Site::open();
    let mut agent = Agent::new(3);
    let calls = agent.calls(120, -130_000);
    let ids: Vec<String> = calls.iter().map(|made| made.trace_id.to_string()).collect();
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    let newest: Vec<String> = ids.iter().rev().cloned().collect();
    for (order, on, expected) in [("newest", "next", newest), ("oldest", "next", ids)] {
        let mut page = site.page(&format!("/traces?order={order}&tool=exec")).await;
        let top = traces(&page);
        assert!(link(&page, "prev").is_none());
        let mut seen = top.clone();
        while let Some(to) = link(&page, on) {
            assert!(
                to.contains(&format!("order={order}")) && to.contains("tool=exec"),
                "{to}"
            );
            page = site.page(&to).await;
            seen.extend(traces(&page));
            assert!(seen.len() <= expected.len(), "going in circles");
        }
        assert_eq!(seen, expected, "{order}");
        while let Some(to) = link(&page, "prev") {
            page = site.page(&to).await;
        }
        assert_eq!(traces(&page), top, "back at the start of {order}");
    }
    let longest = site.page("/traces?order=longest").await;
    assert_eq!(traces(&longest).len(), 50);
    assert_eq!(
        traces(&longest).into_iter().collect::<BTreeSet<_>>().len(),
        50
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_come_first_when_asked_for() {
    let site = Site::open();
    busy(&site).await;
    let page = site.page("/traces?order=longest").await;
    let first = page.find("class=\"tool\"").unwrap();
    assert!(page[first..first + 300].contains("read_file"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bars_lead_to_their_span_and_the_script_is_told_where_to() {
    let site = Site::open();
    busy(&site).await;
    let page = site.page("/traces?since=-24h&tool=read_file").await;
    assert!(
        page.contains("data-brush=\"/traces?tool=read_file\""),
        "{page}"
    );
    let row = page.split("<tr data-at=\"").nth(1).unwrap();
    let to = row
        .split("href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let narrowed = site.page(&to.replace("&#38;", "&")).await;
    assert_eq!(traces(&narrowed).len(), 1);
    assert!(narrowed.contains("Wider") && narrowed.contains("Later →"));
    let svg = page.matches("<svg class=bars").count();
    assert_eq!(svg, 1, "drawn without a script too");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_newest_page_of_an_open_span_is_followed_and_from_where_it_was_read() {
    let site = Site::open();
    let agent = busy(&site).await;
    let page = site
        .page(&format!(
            "/traces?agent={}&verdict=deny&tool=exec",
            agent.id
        ))
        .await;
    let live = format!(
        "data-live=\"/v1/live?last_event_id=5&#38;agent_id={}&#38;action_type=deny\" data-narrow",
        agent.id
    );
    assert!(page.contains(&live), "{page}");
    for query in [
        "order=oldest",
        "order=longest",
        "until=-1h",
        "q=x",
        "older=1000.0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a",
    ] {
        let page = site.page(&format!("/traces?{query}")).await;
        assert!(!page.contains("data-live="), "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_shown_as_they_are_when_asked_for() {
    let site = Site::open();
    busy(&site).await;
    let page = site.page("/traces?times=utc").await;
    assert!(
        page.contains("data-fixed>2026-11-21 02:09:00</time>"),
        "{page}"
    );
    assert!(page.contains("href=\"/traces\">Ago"), "and back");
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_told_what_is_wrong() {
    let site = Site::open();
    busy(&site).await;
    for (query, said) in [
        ("since=yesterday", "since is a time such as"),
        ("until=-0x", "until is a time such as"),
        ("since=-1h&until=-2h", "until must be after since"),
        ("order=sideways", "order is newest, oldest or longest"),
        ("times=local", "times is utc or left out"),
        ("tool=a&tool=b", "`tool` is given twice"),
        ("q=%00", "q is a text of 1 to 256 characters"),
        ("older=1&newer=2", "older or newer, not both"),
        ("older=elsewhere", "not a cursor of this listing"),
        ("agent=x", "not an agent"),
    ] {
        let answer = site.get(&format!("/traces?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.body.contains(said), "{query}: {}", answer.body);
        assert_clean(&answer.body, query);
    }
}
