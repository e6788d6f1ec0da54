//! What other sites and programs are given: badge, card, frame, picture, feeds, site map.

use crate::support::{Site, assert_clean};
use aap::ActionType;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use trace_store::TraceWriter as _;
use trace_store::conformance::{Agent, now, send};

const STRANGE: [&str; 5] = [
    "<script>alert(1)</script>",
    "]]><!--\"'&<x/>",
    "a\u{202e}b\u{0007}\u{ffff}",
    "界界界",
    "plain",
];

/// An agent of this name with four calls and one refusal that says it.
async fn lively(site: &Site, number: u8, text: &str) -> Agent {
    let mut agent = Agent::new(number);
    let own = json!({"name": text, "url": "https://example.com"});
    agent.card.extensions.insert("smoltbot".to_owned(), own);
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(-90_000)).await.unwrap();
    let mut calls = agent.calls(4, -80_000);
    let mut refused = agent.refusal(-2_000, text, text, &[text, "privacy"]);
    text.clone_into(&mut refused.tool);
    refused.params = Some(json!({ "command": text }));
    refused.action_type = ActionType::Deny;
    calls.push(refused);
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    agent
}

/// Whether `text` is well-formed: every element is closed in order, every `&` begins an entity, no character is forbidden.
fn assert_well_formed(text: &str, place: &str) {
    let mut open: Vec<String> = Vec::new();
    let mut rest = text;
    assert!(
        text.chars().all(
            |c| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        ),
        "{place}: a character that XML forbids"
    );
    while let Some(start) = rest.find(['<', '&']) {
        if rest[start..].starts_with('&') {
            let end = rest[start..].find(';').unwrap_or(usize::MAX);
            assert!(end < 8, "{place}: a bare & in {}", &rest[start..]);
            rest = &rest[start + end..];
            continue;
        }
        rest = &rest[start + 1..];
        let end = rest.find('>').unwrap();
        let inside = &rest[..end];
        rest = &rest[end + 1..];
        if inside.starts_with('?') || inside.ends_with('/') {
            continue;
        }
        let name = inside.split([' ', '\n']).next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name), "{place}"),
            None => open.push(name.to_owned()),
        }
    }
    assert!(open.is_empty(), "{place}: {open:?} not closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_agents_write_feeds_and_drawings_stay_well_formed() {
    let site = Site::open();
    for (number, text) in (1..).zip(STRANGE) {
        let agent = lively(&site, number, text).await;
        for (path, mime) in [
            (
                format!("/feed/agent/{}.atom", agent.id),
                "application/atom+xml",
            ),
            ("/feed/refusals.atom".to_owned(), "application/atom+xml"),
            ("/sitemap.xml".to_owned(), "application/xml"),
            (format!("/badge/{}.svg", agent.id), "image/svg+xml"),
            (format!("/card/{}.svg", agent.id), "image/svg+xml"),
        ] {
            let answer = site.get(&path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert!(answer.header("content-type").starts_with(mime), "{path}");
            assert!(
                answer.header("cache-control").starts_with("public"),
                "{path}"
            );
            assert_well_formed(&answer.body, &path);
            assert!(!answer.body.contains("<script"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_tell_refusals_once_and_obey_filters() {
    let site = Site::open();
    let agent = lively(&site, 1, "Deletes the root").await;
    lively(&site, 2, "Reads a key").await;
    let refusals = site.get("/feed/refusals.json").await;
    let feed: Value = serde_json::from_str(&refusals.body).unwrap();
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    let items = feed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2, "of both agents, refusals alone");
    assert!(items[0]["id"].as_str().unwrap().starts_with("urn:uuid:"));
    let said = items.iter().map(|item| item["title"].as_str().unwrap());
    assert!(
        said.into_iter()
            .any(|title| title == "Refused Deletes the root: Deletes the root")
    );

    let own = site.get(&format!("/feed/agent/{}.json", agent.id)).await;
    let feed: Value = serde_json::from_str(&own.body).unwrap();
    assert_eq!(feed["items"].as_array().unwrap().len(), 5);
    let narrowed = format!("/feed/agent/{}.json?verdict=deny", agent.id);
    let feed: Value = serde_json::from_str(&site.get(&narrowed).await.body).unwrap();
    assert_eq!(feed["items"].as_array().unwrap().len(), 1);
    assert!(
        feed["feed_url"]
            .as_str()
            .unwrap()
            .ends_with("?verdict=deny")
    );
    let atom = site.get(&narrowed.replace(".json", ".atom")).await.body;
    assert_eq!(atom.matches("<entry>").count(), 1);
    assert!(atom.contains("<updated>2026-11-21T02:09:58.000Z</updated>"));

    for (path, status) in [
        ("/feed/refusals.rss", StatusCode::BAD_REQUEST),
        ("/feed/other.atom", StatusCode::NOT_FOUND),
        ("/feed/agent/nobody.atom", StatusCode::BAD_REQUEST),
        (
            "/feed/agent/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a.json",
            StatusCode::NOT_FOUND,
        ),
        (
            "/feed/refusals.json?verdict=perhaps",
            StatusCode::BAD_REQUEST,
        ),
        (
            "/card/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a.svg",
            StatusCode::NOT_FOUND,
        ),
        (
            "/og/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a.png",
            StatusCode::NOT_FOUND,
        ),
        ("/og/nobody.png", StatusCode::BAD_REQUEST),
        (
            "/embed/0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a",
            StatusCode::NOT_FOUND,
        ),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_clean(&answer.body, path);
        let framed = answer.header("content-security-policy");
        assert!(
            framed.contains("frame-ancestors 'none'"),
            "{path}: a problem is not framed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_frame_may_be_framed_and_it_runs_nothing() {
    let site = Site::open();
    let agent = lively(&site, 1, "Framed").await;
    let frame = site.get(&format!("/embed/{}", agent.id)).await;
    assert_eq!(frame.status, StatusCode::OK);
    assert_clean(&frame.body, "the frame");
    let policy = frame.header("content-security-policy");
    assert!(policy.contains("frame-ancestors *") && policy.contains("default-src 'none'"));
    assert!(!policy.contains("script-src"), "{policy}");
    assert_eq!(frame.header("x-frame-options"), "");
    assert!(!frame.body.contains("<script"));
    for link in frame.body.split("<a ").skip(1) {
        let link = link.split('>').next().unwrap();
        assert!(
            link.contains("target=\"_blank\" rel=\"noopener\""),
            "{link}"
        );
    }
    for path in [
        "/".to_owned(),
        format!("/agent/{}", agent.id),
        "/about".to_owned(),
    ] {
        let page = site.get(&path).await;
        assert_eq!(page.header("x-frame-options"), "DENY", "{path}");
        assert!(
            page.header("content-security-policy")
                .contains("frame-ancestors 'none'")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_a_whole_png_that_inflates_to_its_size() {
    let site = Site::open();
    for (number, name) in (1..).zip(["Billing helper", "界", "i", &"W".repeat(48)]) {
        let agent = lively(&site, number, name).await;
        let request = Request::get(format!("/og/{}.png", agent.id))
            .body(Body::empty())
            .unwrap();
        let answer = site.pages.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "image/png");
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(bytes.len() < 100 * 1024, "{} bytes", bytes.len());
        assert_eq!(&bytes[..8], b"\x89PNG\r\n\x1a\n");
        let mut rest = &bytes[8..];
        let mut kinds = Vec::new();
        while !rest.is_empty() {
            let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
            let (kind, body) = (&rest[4..8], &rest[8..8 + length]);
            let mut sum = flate2::Crc::new();
            sum.update(&rest[4..8 + length]);
            assert_eq!(sum.sum().to_be_bytes(), rest[8 + length..12 + length]);
            if kind == b"IDAT" {
                let mut raw = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(body), &mut raw)
                    .unwrap();
                assert_eq!(
                    raw.len(),
                    630 * 1201,
                    "a filter and 1200 pixels in each row"
                );
            }
            kinds.push(String::from_utf8(kind.to_vec()).unwrap());
            rest = &rest[12 + length..];
        }
        assert_eq!(kinds, ["IHDR", "PLTE", "IDAT", "IEND"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_for_others_are_whole_where_the_host_is_known() {
    let site = Site::open();
    let agent = lively(&site, 1, "Addressed").await;
    let get = async |path: &str, host: &str| {
        let request = Request::get(path)
            .header("host", host)
            .body(Body::empty())
            .unwrap();
        let answer = site.pages.clone().oneshot(request).await.unwrap();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let page = get(&format!("/agent/{}", agent.id), "smolt.example").await;
    assert!(page.contains(&format!(
        "content=\"https://smolt.example/og/{}.png\"",
        agent.id
    )));
    let map = get("/sitemap.xml", "smolt.example").await;
    for path in [
        "/",
        "/refusals",
        "/traces",
        "/about",
        &format!("/agent/{}", agent.id),
    ] {
        assert!(
            map.contains(&format!("<loc>https://smolt.example{path}</loc>")),
            "{path}"
        );
    }
    let robots = get("/robots.txt", "smolt.example").await;
    assert!(robots.contains("Sitemap: https://smolt.example/sitemap.xml"));
    assert!(robots.contains("Disallow: /v1/"));
    let feed = get("/feed/refusals.atom", "a\"><x").await;
    assert!(
        feed.contains("href=\"/feed/refusals.atom\""),
        "a host that is none is not repeated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_shown_is_explained_in_plain_words() {
    let site = Site::open();
    let about = site.page("/about").await;
    for said in [
        "smoltbot verify",
        "aap verify --card",
        "[redacted:github-pat]",
        "The integrity score",
        "not everything that it did",
    ] {
        assert!(about.contains(said), "lacks {said}");
    }
    assert!(site.page("/").await.contains("href=\"/about\""));
}
