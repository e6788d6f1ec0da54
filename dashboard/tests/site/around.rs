//! What a call belongs to and how it came about, and what an agent has lost.

use aap::ActionType;
use aap::trace::{Gap, Made, gap};
use serde_json::{Map, json};
use trace_store::conformance::{Agent, flat_batch, now, send};

use crate::support::Site;

const PARENT: &str = "call_7<b>";
const W3C: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A call with this in its metadata; its id.
async fn told(
    site: &Site,
    agent: &mut Agent,
    at: i64,
    more: &[(&str, serde_json::Value)],
) -> String {
    let extra: Map<_, _> = more
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect();
    let call = Made {
        extra,
        ..agent.call(at)
    };
    let id = call.trace_id;
    let batch = agent.batch_of(vec![call]);
    send(&site.store, batch, now(0)).await;
    id.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_call_belongs_to_is_told_in_words() {
    let (site, mut agent) = (Site::open(), Agent::new(4));
    let parent = Made {
        call_id: Some(PARENT.to_owned()),
        ..agent.call(-9_000)
    };
    let parent_id = parent.trace_id;
    let batch = agent.batch_of(vec![parent]);
    send(&site.store, batch, now(0)).await;
    let child = told(
        &site,
        &mut agent,
        -8_000,
        &[
            ("parent_call_id", json!(PARENT)),
            ("subagent_id", json!("explorer<i>")),
            ("traceparent", json!(W3C)),
            ("proof", json!(true)),
            ("over_budget", json!(true)),
            ("cwd", json!("/srv")),
        ],
    )
    .await;
    let page = site.page(&format!("/trace/{child}")).await;
    for part in [
        &format!(
            "made from within another call, <a href=\"/trace/{parent_id}\"><code><bdi>call_7&lt;b&gt;</bdi></code></a>."
        ),
        "smoltbot made this call itself, to see whether this agent’s hooks are heard.",
        "Its verdict came later than the agent is made to wait; its card lets such calls run.",
        "<dt>Subagent</dt><dd><bdi>explorer&lt;i&gt;</bdi></dd>",
        "<dt>OpenTelemetry trace</dt><dd class=\"id\"><code>4bf92f3577b34da6a3ce929d0e0e4736</code>",
        "below span <code>00f067aa0ba902b7</code>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // What has its own line is not told twice, and the rest stays.
    let more = &page[page.find("h-meta").unwrap()..page.find("Raw AP-Trace").unwrap()];
    assert!(more.contains("cwd") && !more.contains("traceparent") && !more.contains("proof"));

    let other = told(
        &site,
        &mut agent,
        -7_000,
        &[
            ("parent_call_id", json!("call_8")),
            ("traceparent", json!("nonsense")),
        ],
    )
    .await;
    let page = site.page(&format!("/trace/{other}")).await;
    assert!(page.contains(
        "<code><bdi>call_8</bdi></code>, whose trace is not among the calls before it here."
    ));
    assert!(!page.contains("OpenTelemetry trace") && page.contains("nonsense"));
}

#[tokio::test(flavor = "multi_thread")]
async fn losses_are_told_on_the_agents_page_with_their_record() {
    let (site, mut agent) = (Site::open(), Agent::new(5));
    let mut id = [5; 16];
    id[6] = 0x40;
    agent.id = aap::AgentId::from_bytes(id);
    agent.card.agent_id = agent.id;
    let here = format!("/agent/{}", agent.id);
    let failed = Made {
        action_type: ActionType::Error,
        outcome: "failed",
        ..agent.call(-60_000)
    };
    let failed = aap::trace::make(failed, &agent.card);
    let batch = flat_batch(&[serde_json::to_value(failed).unwrap()]);
    send(&site.store, batch, now(0)).await;
    assert!(!site.page(&here).await.contains("h-lost"));
    let lost = Gap {
        calls: 2,
        refusals: 1,
        contents: 0,
        since: now(-50_000),
        until: now(-40_000),
        why: "disk <b>full".to_owned(),
    };
    let place = agent.call(-30_000).trace_id;
    let record = gap(lost, place, now(-30_000), &agent.card);
    let batch = flat_batch(&[serde_json::to_value(record).unwrap()]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&here).await;
    for part in [
        "3 calls were lost before being recorded",
        "2 calls and 1 refusal lost between ",
        "because of this: disk &lt;b&gt;full.",
        &format!("<a href=\"/trace/{place}\">Unsigned record</a>"),
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains("All records of losses"));
    assert!(
        !page.contains("<bdi>smoltbot.gap</bdi></a><"),
        "it is no tool"
    );
    let record = site.page(&format!("/trace/{place}")).await;
    assert!(record.contains("<span>Loss</span>") && record.contains("2 calls and 1 refusal lost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_of_ours_judged_is_not_called_allowed() {
    let (site, mut agent) = (Site::open(), Agent::new(6));
    for (outcome, chip, told) in [
        (
            "imported",
            "Imported",
            "It was imported from what the runtime had written down.",
        ),
        ("reported", "Reported", "It was told by OpenTelemetry"),
    ] {
        let call = Made {
            outcome,
            session_id: Some(outcome.to_owned()),
            duration_ms: None,
            ..agent.call(-5_000)
        };
        let id = call.trace_id;
        let batch = agent.batch_of(vec![call]);
        send(&site.store, batch, now(0)).await;
        let session = format!("/agent/{}/session/{outcome}", agent.id);
        let session = site.page(&session).await;
        assert!(
            session.contains("<span class=\"dur\">–</span>"),
            "{session}"
        );
        let page = site.page(&format!("/trace/{id}")).await;
        assert!(page.contains(&format!("<span>{chip}</span>")), "{page}");
        assert!(page.contains(told) && !page.contains("Allowed"), "{page}");
        assert!(
            !page.contains("#i-allow\"/></svg><span>"),
            "it is not ticked"
        );
        let list = site.page("/traces").await;
        let chip = format!("<span class=\"chip told\"><span class=\"w\">{chip}</span>");
        assert!(list.contains(&chip), "{list}");
    }
}
