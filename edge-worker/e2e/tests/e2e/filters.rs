//! Filters of listings: each alone, together, and wrong ones named.

use serde_json::{Value, json};

use edge_e2e::{Client, flat_of, now, unproven_agent, word};

/// What was stored for one test: words of its own, so that filters see nothing else.
struct Stored {
    client: Client,
    agent: aap::AgentId,
    tool: String,
    value: String,
    rule: String,
    session: String,
    traces: Vec<Value>,
}

async fn stored() -> Stored {
    let (client, agent) = (Client::new(), unproven_agent());
    let (tool, value, rule, session) = (word("tool"), word("value"), word("rule"), word("session"));
    let base = now().millis() - 60_000;
    let traces: Vec<_> = (0..6_u32)
        .map(|number| {
            let mut trace = flat_of(agent);
            trace["timestamp"] =
                json!(aap::Timestamp::from_millis(base + i64::from(number) * 1000));
            trace["action_type"] = json!(["allow", "deny", "error"][number as usize % 3]);
            trace["tool_name"] = json!(if number < 4 {
                tool.as_str()
            } else {
                "web_fetch"
            });
            trace["metadata"] = json!({
                "session_id": session,
                "conscience_reason": format!("{rule} says 100% {number}"),
                "runtime": if number < 2 { "openclaw" } else { "codex" },
            });
            if number % 3 == 1 {
                trace["metadata"]["rule_id"] = json!(rule);
                trace["metadata"]["values_violated"] = json!(["care", value]);
            }
            trace
        })
        .collect();
    client.submit_all(&traces).await.all_stored(6);
    Stored {
        client,
        agent,
        tool,
        value,
        rule,
        session,
        traces,
    }
}

impl Stored {
    /// Which of the traces a query finds, by number; a listing and an export find the same.
    async fn found(&self, query: &str) -> Vec<usize> {
        let exported = self.client.get(&format!("/v1/export?{query}")).await;
        let exported = exported.expect(200);
        let exported = exported.text.lines().map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            row["id"].clone()
        });
        let exported: Vec<_> = exported.collect();
        let page = self
            .client
            .json(&format!("/v1/traces?limit=500&{query}"))
            .await;
        let rows = page["traces"].as_array().expect("rows");
        let ids: Vec<_> = rows.iter().map(|row| row["id"].clone()).collect();
        assert_eq!(ids, exported, "{query}");
        let number = |row: &Value| {
            self.traces
                .iter()
                .position(|trace| trace["id"] == row["id"])
        };
        let mut found: Vec<_> = rows
            .iter()
            .map(|row| number(row).expect("one of ours"))
            .collect();
        found.sort_unstable();
        found
    }
}

#[tokio::test]
async fn each_filter_finds_what_it_says() {
    let stored = stored().await;
    let at = |number: usize| {
        stored.traces[number]["timestamp"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let agent = format!("agent_id={}", stored.agent);
    for (query, expected) in [
        (agent.clone(), vec![0, 1, 2, 3, 4, 5]),
        (format!("tool={}", stored.tool), vec![0, 1, 2, 3]),
        (
            format!("session_id={}", stored.session),
            vec![0, 1, 2, 3, 4, 5],
        ),
        (format!("value={}", stored.value), vec![1, 4]),
        (format!("rule_id={}", stored.rule), vec![1, 4]),
        (format!("{agent}&runtime=openclaw"), vec![0, 1]),
        (format!("{agent}&runtime=codex&action_type=deny"), vec![4]),
        (format!("{agent}&runtime=open"), vec![]),
        (format!("q={}", stored.rule), vec![0, 1, 2, 3, 4, 5]),
        (
            format!("q={}", stored.rule.to_uppercase()),
            vec![0, 1, 2, 3, 4, 5],
        ),
        (format!("{agent}&action_type=allow"), vec![0, 3]),
        (format!("{agent}&action_type=deny"), vec![1, 4]),
        (format!("{agent}&action_type=error"), vec![2, 5]),
        (format!("{agent}&since={}", at(2)), vec![2, 3, 4, 5]),
        (format!("{agent}&until={}", at(2)), vec![0, 1]),
        (
            format!("{agent}&since={}&until={}", at(1), at(3)),
            vec![1, 2],
        ),
        (
            format!("{agent}&tool={}&action_type=deny&value=care", stored.tool),
            vec![1],
        ),
        (format!("{agent}&q=100%25%203"), vec![3]),
        (format!("{agent}&q=100_"), vec![]),
        (format!("{agent}&q=%25"), vec![0, 1, 2, 3, 4, 5]),
        (
            format!("{agent}&tool={}&session_id=other", stored.tool),
            vec![],
        ),
    ] {
        assert_eq!(stored.found(&query).await, expected, "{query}");
    }
    let refusals = stored
        .client
        .json(&format!("/v1/refusals?{agent}&value={}", stored.value))
        .await;
    assert_eq!(refusals["refusals"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn wrong_filters_are_named_with_what_is_accepted() {
    let client = Client::new();
    let long = "x".repeat(257);
    for (query, parameter, said) in [
        ("agent_id=me", "agent_id", "a UUID such as"),
        (
            "agent_id=0193b5b07c4e7a3c9d391f2e3d4c5b6a",
            "agent_id",
            "a UUID such as",
        ),
        ("action_type=maybe", "action_type", "allow, deny or error"),
        ("tool=", "tool", "1 to 256 characters"),
        (&format!("tool={long}"), "tool", "1 to 256 characters"),
        (&format!("q={long}"), "q", "1 to 256 characters"),
        (&format!("runtime={long}"), "runtime", "1 to 256 characters"),
        ("since=yesterday", "since", "RFC 3339"),
        ("since=2026-11-21T02:10:00+01:00", "since", "%2B"),
        ("until=2026-13-01T00:00:00Z", "until", "RFC 3339"),
        (
            "since=2026-11-21T00:00:00Z&until=2026-11-21T00:00:00Z",
            "until",
            "not after since",
        ),
        ("agent=x", "agent", "there are agent_id"),
    ] {
        for listing in [
            "/v1/traces",
            "/v1/refusals",
            "/v1/stats",
            "/v1/facets",
            "/v1/export",
        ] {
            if listing == "/v1/stats" && query.starts_with("q=") {
                continue;
            }
            let answer = client.get(&format!("{listing}?{query}")).await;
            let detail = answer.problem(400);
            assert!(detail.contains(said), "{listing}?{query}: {detail}");
            assert_eq!(answer.body["parameter"], parameter);
        }
    }
    let answer = client.get("/v1/refusals?action_type=allow").await;
    assert!(answer.problem(400).contains("refusals are deny"));
    client
        .get("/v1/refusals?action_type=deny&limit=1")
        .await
        .expect(200);
}
