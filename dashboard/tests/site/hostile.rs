//! Text that others wrote, through every field and every page: it is shown, and does nothing.

use crate::support::{Site, assert_clean};
use std::collections::BTreeMap;
use std::fmt::Write as _;

use aap::ActionType;
use aap::trace::Made;
use axum::http::StatusCode;
use serde_json::{Value, json};
use trace_store::TraceWriter as _;
use trace_store::conformance::{Agent, flat, flat_batch, now, send};

/// The corpus, which the browser's tests read, too.
const CORPUS: &str = include_str!("hostile.json");

/// A text of the corpus: itself, or one that is repeated.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Text {
    Plain(String),
    Long { repeat: String, times: usize },
}

#[derive(serde::Deserialize)]
struct Corpus {
    texts: BTreeMap<String, Text>,
    filters: Vec<String>,
    ids: Vec<String>,
}

fn corpus() -> Corpus {
    serde_json::from_str(CORPUS).unwrap()
}

/// The texts. What has no place in a name on the wire is left to `a_page_stays_small_whatever_is_in_it`.
fn texts() -> Vec<String> {
    let all = corpus().texts.into_values().map(|text| match text {
        Text::Plain(text) => text,
        Text::Long { repeat, times } => repeat.repeat(times),
    });
    all.filter(|text| text.chars().count() <= aap::limits::MAX_TOOL_NAME_CHARS)
        .collect()
}

fn hostile(agent: &mut Agent, text: &str, kind: ActionType, at: i64) -> Made {
    let mut made = agent.refusal(at, text, text, &[text, "harm_prevention"]);
    text.clone_into(&mut made.tool);
    made.params = Some(json!({"command": text, text: {text: [text]}}));
    made.result = json!({text: text});
    made.error = Some(text.to_owned());
    text.clone_into(&mut made.runtime);
    made.session_id = Some(text.to_owned());
    made.run_id = Some(text.to_owned());
    made.verdict.advice = Some(text.to_owned());
    made.verdict.effects = vec![text.to_owned()];
    made.extra.insert("note".to_owned(), json!(text));
    made.action_type = kind;
    made
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    })
}

/// What other sites and programs take holds no text of a stranger as markup.
async fn files_are_clean(site: &Site, id: aap::AgentId) {
    for path in [
        format!("/card/{id}.svg"),
        format!("/badge/{id}.svg"),
        format!("/feed/agent/{id}.atom"),
        "/feed/refusals.atom".to_owned(),
        "/sitemap.xml".to_owned(),
    ] {
        let file = site.get(&path).await;
        assert_eq!(file.status, StatusCode::OK, "{path}");
        for raw in [
            "<script",
            "<img",
            "<iframe",
            "<base",
            "onload=alert(1)>",
            "\u{202e}",
        ] {
            assert!(!file.body.contains(raw), "{path} holds {raw}");
        }
    }
    for path in [
        format!("/feed/agent/{id}.json"),
        "/feed/refusals.json".to_owned(),
    ] {
        let feed: Value = serde_json::from_str(&site.get(&path).await.body).unwrap();
        assert!(feed["items"].is_array(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_on_every_page() {
    for (number, text) in (1_u8..).zip(texts()) {
        let text = text.as_str();
        let site = Site::open();
        let mut agent = Agent::new(number);
        agent.card.values.declared.push(text.to_owned());
        agent.card.autonomy.bounded_actions = vec![text.to_owned()];
        agent.card.autonomy.forbidden_actions = vec![text.to_owned()];
        agent.card.autonomy.escalation_triggers = vec![aap::card::EscalationTrigger {
            condition: text.to_owned(),
            action: "deny".to_owned(),
            reason: text.to_owned(),
        }];
        agent.card.principal.kind = text.to_owned();
        agent.card.card_id = text.to_owned();
        site.store
            .put_card(agent.card.clone().sign(agent.key()), now(-9_000))
            .await
            .unwrap();
        let mut ids = Vec::new();
        for (kind, at) in ActionType::ALL.into_iter().zip([-3_000, -2_000, -1_000]) {
            let made = hostile(&mut agent, text, kind, at);
            ids.push(made.trace_id);
            let batch = agent.batch_of(vec![made]);
            send(&site.store, batch, now(0)).await;
        }
        let mut unsigned = flat(number, 1, -500, text);
        unsigned["tool_name"] = json!(text);
        unsigned["params"] = json!(text);
        unsigned["metadata"] =
            json!({"session_id": text, "error_message": text, "rule_id": text, "x": {text: text}});
        send(&site.store, flat_batch(&[unsigned]), now(0)).await;

        let of_agent = format!("/agent/{}", agent.id);
        let query = encoded(text);
        let mut pages = vec![
            "/".to_owned(),
            "/refusals".to_owned(),
            of_agent.clone(),
            format!("{of_agent}?tool={query}"),
            format!("{of_agent}/session/{query}"),
            format!("/refusals?tool={query}&value={query}&rule={query}"),
        ];
        pages.extend([
            "/traces".to_owned(),
            "/traces?verdict=deny&order=oldest".to_owned(),
            format!("/traces?q={query}"),
            format!("/traces?session={query}&runtime={query}&value={query}"),
            format!("/embed/{}", agent.id),
        ]);
        pages.extend(ids.iter().map(|id| format!("/trace/{id}")));
        for path in &pages {
            site.page(path).await;
        }
        files_are_clean(&site, agent.id).await;
        let trace = site.page(pages.last().unwrap()).await;
        assert!(
            trace.contains("alert(1)") || !text.contains("alert(1)"),
            "it is shown: {text}"
        );
        for path in [
            format!("/agent/{query}"),
            format!("/trace/{query}"),
            format!("/refusals?agent={query}"),
            format!("/refusals?period={query}"),
            format!("{of_agent}?verdict={query}"),
            format!("{of_agent}?older={query}"),
            format!("/badge/{query}.svg"),
        ] {
            let answer = site.get(&path).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert_clean(&answer.body, &path);
        }
        let unnamed = site.get(&format!("/search?q={query}")).await;
        assert_eq!(unnamed.status, StatusCode::NOT_FOUND, "{text}");
        assert_clean(&unnamed.body, "a search");
        let missing = site.get(&format!("{of_agent}/session/{query}x")).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_clean(&missing.body, "a missing session");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_in_an_address_is_answered_in_words() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let refused = agent.refusal(-1_000, "r", "why", &["privacy"]);
    let batch = agent.batch_of(vec![refused]);
    send(&site.store, batch, now(0)).await;
    let corpus = corpus();
    let of_agent = format!("/agent/{}", agent.id);
    let lists = ["/", "/traces", "/refusals", &of_agent];
    let filtered = lists.iter().flat_map(|list| {
        corpus
            .filters
            .iter()
            .map(move |filter| format!("{list}?{filter}"))
    });
    for path in filtered {
        let answer = site.get(&path).await;
        let fine = [
            StatusCode::OK,
            StatusCode::BAD_REQUEST,
            StatusCode::NOT_FOUND,
        ];
        assert!(fine.contains(&answer.status), "{path}: {}", answer.status);
        assert_clean(&answer.body, &path);
    }
    for id in &corpus.ids {
        for path in [
            format!("/agent/{id}"),
            format!("/trace/{id}"),
            format!("/embed/{id}"),
            format!("{of_agent}/session/{id}"),
            format!("/agent/{id}/session/{id}"),
        ] {
            let answer = site.get(&path).await;
            let fine = [StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND];
            assert!(fine.contains(&answer.status), "{path}: {}", answer.status);
            assert_clean(&answer.body, &path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_stays_small_whatever_is_in_it() {
    let fill = [
        "x".repeat(250),
        "界".repeat(80),
        "<&\"'>".repeat(50),
        "\u{202e}".repeat(80),
    ];
    for text in fill {
        let site = Site::open();
        let mut agent = Agent::new(1);
        let calls: Vec<Made> = (0..60)
            .map(|index| {
                let mut made =
                    hostile(&mut agent, &text, ActionType::Deny, index * 1_000 - 100_000);
                let long = format!("{index}{}", text.repeat(8));
                made.verdict.reason.clone_from(&long);
                made.params = Some(json!({ "command": long }));
                made.result = Value::Null;
                made
            })
            .collect();
        let batch = agent.batch_of(calls);
        send(&site.store, batch, now(0)).await;
        let page = site.page(&format!("/agent/{}", agent.id)).await;
        assert!(
            page.len() <= 60 * 1024,
            "{} bytes of {:.9}",
            page.len(),
            text
        );
        for path in ["/", "/refusals"] {
            let page = site.page(path).await;
            assert!(
                page.len() <= 64 * 1024,
                "{path}: {} bytes of {:.9}",
                page.len(),
                text
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_as_large_as_they_come_is_shown() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let mut made = agent.call(-1_000);
    made.result = json!("<b>".repeat(18 * 1024));
    let id = made.trace_id;
    let batch = agent.batch_of(vec![made]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/trace/{id}")).await;
    assert!(page.len() < 1024 * 1024, "{} bytes", page.len());
}
