//! The agent's page: who it claims to be, how far it keeps to its card, and how much a browser has to fetch for it.

use crate::support::{Site, assert_clean};
use axum::http::StatusCode;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use trace_store::TraceWriter as _;
use trace_store::conformance::{Agent, flat, flat_batch, held_back, now, send};

/// Bytes that a browser fetches for an agent's page, compressed, without the charts' script.
const MAX_AGENT_PAGE: usize = 60 * 1024;

/// An agent that claims a name and a link, with its card put.
async fn named(site: &Site, number: u8, name: &str, url: &str) -> Agent {
    let mut agent = Agent::new(number);
    let own = json!({"name": name, "url": url});
    agent.card.extensions.insert("smoltbot".to_owned(), own);
    agent.card.card_id = agent.card.derived_id();
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(-90_000)).await.unwrap();
    agent
}

async fn act(site: &Site, agent: &mut Agent, calls: u32) {
    let calls = agent.calls(calls, -80_000);
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claimed_name_stands_beside_the_id_and_is_called_claimed() {
    let site = Site::open();
    let mut agent = named(&site, 1, "Billing helper", "https://agents.example.com/b").await;
    act(&site, &mut agent, 3).await;
    let page = site.page(&format!("/agent/{}", agent.id)).await;
    for said in [
        "<bdi>Billing helper</bdi>",
        "The link is claimed, not checked",
        "This server does not ask the DNS",
        "<code>agents.example.com/b</code>",
        "dig +short TXT _smoltbot.agents.example.com",
        &format!("smoltbot-agent={}", agent.id),
        "<title>Agent Billing helper",
    ] {
        assert!(page.contains(said), "lacks {said}");
    }
    assert!(
        !page.contains("href=\"https://agents.example.com"),
        "nobody is sent there"
    );
    for asked in ["billing", "BILLING+h", &agent.id.to_string()[..8]] {
        let found = site.get(&format!("/search?q={asked}")).await;
        assert_eq!(found.status, StatusCode::SEE_OTHER, "{asked}");
        assert_eq!(found.header("location"), format!("/agent/{}", agent.id));
    }
    let mut other = named(&site, 2, "Billing helper", "").await;
    act(&site, &mut other, 1).await;
    let both = site.page("/search?q=billing").await;
    for id in [agent.id, other.id] {
        assert!(
            both.contains(&format!("<code>{id}</code>")),
            "both, told apart by their ids"
        );
    }
    assert!(site.page("/").await.contains("Billing helper"));
    let none = site.get("/search?q=nobody").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(none.body.contains("None of the 2 agents"), "{}", none.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_is_text_and_a_hostile_link_is_none() {
    let site = Site::open();
    for (number, (name, url)) in (1..).zip([
        ("<script>alert(1)</script>", "javascript:alert(1)"),
        ("a\u{202e}b\u{200b}", "https://user@example.com/"),
        (
            "\"><img src=x onerror=alert(1)>",
            "https://example.com/\"><script>",
        ),
        (&*"x".repeat(5_000), "https://ex\u{430}mple.com"),
    ]) {
        let mut agent = named(&site, number, name, url).await;
        act(&site, &mut agent, 1).await;
        let page = site.page(&format!("/agent/{}", agent.id)).await;
        assert!(page.contains("The name is claimed, not proven"), "{name}");
        assert!(!page.contains("dig +short"), "{url}");
        for path in [
            format!("/embed/{}", agent.id),
            "/".to_owned(),
            "/search?q=a".to_owned(),
        ] {
            let answer = site.get(&path).await;
            assert_clean(&answer.body, &path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_score_says_how_it_is_computed_and_what_it_covers() {
    let site = Site::open();
    let mut agent = named(&site, 1, "Scored", "").await;
    let kept = agent.calls(6, -80_000);
    let mut forbidden = agent.calls(2, -60_000);
    for made in &mut forbidden {
        made.tool = "send_payment".to_owned();
    }
    let batch = agent.batch_of(kept);
    send(&site.store, batch, now(0)).await;
    // Judged under the same card, which comes to forbid what they did.
    agent.card.issued_at = now(1);
    agent.card.autonomy.forbidden_actions = vec!["send_payment".to_owned()];
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(-50_000)).await.unwrap();
    let items: Vec<_> = forbidden.into_iter().map(|made| agent.link(made)).collect();
    send(&site.store, agent.batch(items), now(0)).await;
    let hidden = agent.call(-1_000);
    let hidden = agent.link(hidden);
    send(&site.store, agent.batch(vec![held_back(&hidden)]), now(0)).await;

    let page = site.page(&format!("/agent/{}", agent.id)).await;
    let stored = site.get(&format!("/agent/{}", agent.id)).await.body;
    for said in [
        "Covers 8 of the 9 newest calls.",
        "75% of its calls keep to its card",
        "<b>forbidden action</b> <span class=\"times\">2×</span>",
        "6 without a violation ÷ 8 that could be held against the card in force.",
        "1 of the 9 newest calls could not",
    ] {
        assert!(page.contains(said), "lacks {said}: {stored}");
    }

    send(&site.store, flat_batch(&[flat(9, 1, -1_000, "ok")]), now(0)).await;
    let mut unsigned = [9; 16];
    unsigned[6] = 0x40;
    let page = site
        .page(&format!("/agent/{}", aap::AgentId::from_bytes(unsigned)))
        .await;
    assert!(page.contains("No integrity score"));
    assert!(page.contains("There is no alignment card to hold its calls against"));
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_told_with_the_calls_that_show_it() {
    let site = Site::open();
    let mut agent = named(&site, 1, "Drifting", "").await;
    let calm = agent.calls(12, -80_000);
    let odd: Vec<_> = (0..3)
        .map(|index| {
            let mut made = agent.refusal(
                -40_000 + index * 1_000,
                "net.post",
                "Posts data",
                &["privacy"],
            );
            made.tool = "web_post".to_owned();
            made
        })
        .collect();
    let ids: Vec<String> = odd.iter().map(|made| made.trace_id.to_string()).collect();
    let batch = agent.batch_of(calm.into_iter().chain(odd).collect());
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/agent/{}", agent.id)).await;
    assert!(page.contains("1 drift alert"), "{page}");
    let told = page.split("1 drift alert").nth(1).unwrap();
    let told = told.split("</ul>").next().unwrap();
    for id in ids {
        assert!(told.contains(&format!("/trace/{id}")), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_is_readable_by_people() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let card = &mut agent.card;
    card.values.declared = vec!["honesty".to_owned(), "thrift".to_owned()];
    card.values
        .definitions
        .insert("thrift".to_owned(), json!({"description": "Spends little"}));
    card.values.conflicts_with = vec!["deception".to_owned()];
    card.autonomy.max_autonomous_value = Some(json!({"amount": 50, "currency": "EUR"}));
    card.autonomy.forbidden_actions = vec!["send_payment".to_owned()];
    card.principal.kind = "human".to_owned();
    card.principal.identifier = Some("Ada".to_owned());
    card.principal.escalation_contact = Some("ops@example.com".to_owned());
    card.autonomy.escalation_triggers = vec![aap::card::EscalationTrigger {
        condition: "amount > 50".to_owned(),
        action: "escalate".to_owned(),
        reason: "Money leaves".to_owned(),
    }];
    card.card_id = card.derived_id();
    let signed = agent.card.clone().sign(agent.key());
    site.store.put_card(signed, now(-90_000)).await.unwrap();
    act(&site, &mut agent, 1).await;
    let page = site.page(&format!("/agent/{}", agent.id)).await;
    for said in [
        "Holds dear",
        "title=\"Spends little\">thrift",
        "Will not work for",
        "<li>deception</li>",
        "up to 50 EUR",
        "<code><bdi>amount &gt; 50</bdi></code>",
        "Money leaves",
        "Must not use",
        "send_payment",
        "On behalf of <bdi>Ada, delegated authority</bdi>",
        "Asks <bdi>ops@example.com</bdi>",
    ] {
        assert!(page.contains(said), "lacks {said}");
    }
}

/// What `bytes` are when they are sent compressed.
fn sent(bytes: &[u8]) -> usize {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap().len()
}

/// Everything that a browser fetches for a page before the charts' script, as (address, bytes as sent).
async fn fetched(site: &Site, path: &str) -> Vec<(String, usize)> {
    let page = site.page(path).await;
    let mut all = vec![(path.to_owned(), sent(page.as_bytes()))];
    let addresses = page
        .split("href=\"/assets/")
        .chain(page.split("src=\"/assets/"))
        .filter_map(|rest| rest.split('"').next());
    for name in addresses {
        let style_or_script = name.rsplit_once('.').is_some_and(|(_, end)| end != "html");
        let charts = name.starts_with("uplot") || name.starts_with("chart") && name.contains(".js");
        let address = format!("/assets/{name}");
        if style_or_script && !charts && !all.iter().any(|(known, _)| *known == address) {
            let asset = site.get(&address).await;
            if asset.status == StatusCode::OK {
                all.push((address, sent(asset.body.as_bytes())));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_light_and_paints_without_a_script() {
    let site = Site::open();
    let mut agent = named(&site, 1, &"界".repeat(48), "https://example.com").await;
    // As much as a page can be made to hold: every field long, no two alike.
    let calls: Vec<_> = (0..120_u32)
        .map(|index| {
            let noise = |seed: u32| -> String {
                let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(index);
                let letter = |_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    char::from(b'!' + u8::try_from(state >> 25).unwrap() % 90)
                };
                (0..250).map(letter).collect()
            };
            let mut made = agent.refusal(
                -80_000 + i64::from(index),
                &noise(1),
                &noise(2),
                &["privacy"],
            );
            made.tool = noise(3);
            made.params = Some(json!({"command": noise(4)}));
            made.session_id = Some(noise(5));
            made.result = Value::Null;
            made
        })
        .collect();
    let batch = agent.batch_of(calls);
    send(&site.store, batch, now(0)).await;
    let path = format!("/agent/{}", agent.id);
    let fetched = fetched(&site, &path).await;
    let total: usize = fetched.iter().map(|(_, bytes)| bytes).sum();
    assert!(fetched.len() >= 4, "page, styles, script: {fetched:?}");
    assert!(total <= MAX_AGENT_PAGE, "{total} bytes: {fetched:?}");
    let page = site.page(&path).await;
    for script in page.split("<script").skip(1) {
        assert!(
            script.starts_with(" defer "),
            "a script that holds up the first paint"
        );
    }
    assert!(
        page.contains("<svg class=bars"),
        "the chart is there without a script"
    );
}
