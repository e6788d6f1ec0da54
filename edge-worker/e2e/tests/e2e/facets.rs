//! What a filter could be narrowed down by, and the listing of what took longest.

use serde_json::{Value, json};

use edge_e2e::{Client, flat_of, unproven_agent, word};

fn counts(of: &Value) -> Vec<(String, u64)> {
    let count = |row: &Value| {
        let name = row["name"].as_str().expect("a name").to_owned();
        (name, row["count"].as_u64().expect("a count"))
    };
    let mut counts: Vec<_> = of.as_array().expect("a list").iter().map(count).collect();
    assert!(
        counts.is_sorted_by(|one, other| one.1 >= other.1),
        "most frequent first"
    );
    counts.sort();
    counts
}

fn told(pairs: &[(&str, u64)]) -> Vec<(String, u64)> {
    let mut told: Vec<_> = pairs
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    told.sort();
    told
}

#[tokio::test]
async fn facets_count_under_the_whole_filter() {
    let (client, agent) = (Client::new(), unproven_agent());
    let (one, two, rule) = (word("session"), word("session"), word("rule"));
    let traces: Vec<_> = (0..6_u32)
        .map(|number| {
            let mut trace = flat_of(agent);
            trace["action_type"] = json!(["allow", "deny", "error"][number as usize % 3]);
            trace["tool_name"] = json!(if number < 4 { "exec" } else { "web_fetch" });
            trace["metadata"] = json!({
                "session_id": if number == 0 { &one } else { &two },
                "runtime": if number < 2 { "openclaw" } else { "codex" },
            });
            if number % 3 == 1 {
                trace["metadata"]["rule_id"] = json!(rule);
                trace["metadata"]["values_violated"] = json!(["care", "privacy"]);
            }
            trace
        })
        .collect();
    client.submit_all(&traces).await.all_stored(6);
    let facets = client.json(&format!("/v1/facets?agent_id={agent}")).await;
    assert_eq!(
        (&facets["looked_at"], &facets["complete"]),
        (&json!(6), &json!(true))
    );
    assert_eq!(
        counts(&facets["verdicts"]),
        told(&[("allow", 2), ("deny", 2), ("error", 2)])
    );
    assert_eq!(
        counts(&facets["tools"]),
        told(&[("exec", 4), ("web_fetch", 2)])
    );
    assert_eq!(
        counts(&facets["runtimes"]),
        told(&[("openclaw", 2), ("codex", 4)])
    );
    assert_eq!(counts(&facets["sessions"]), told(&[(&one, 1), (&two, 5)]));
    assert_eq!(
        counts(&facets["values"]),
        told(&[("care", 2), ("privacy", 2)])
    );
    assert_eq!(counts(&facets["rules"]), told(&[(&rule, 2)]));
    let narrowed = client
        .json(&format!(
            "/v1/facets?agent_id={agent}&action_type=deny&tool=exec"
        ))
        .await;
    assert_eq!(counts(&narrowed["tools"]), told(&[("exec", 1)]));
    assert_eq!(counts(&narrowed["runtimes"]), told(&[("openclaw", 1)]));
    let path = format!("/v1/facets?agent_id={agent}&runtime=nobody");
    let nothing = client.json(&path).await;
    for list in [
        "verdicts", "tools", "runtimes", "sessions", "values", "rules",
    ] {
        assert_eq!(nothing[list], json!([]), "{list}");
    }
}

#[tokio::test]
async fn the_longest_come_first_on_one_page() {
    let (client, agent) = (Client::new(), unproven_agent());
    let durations = [5.0, 900.5, 0.0, 70.0];
    let traces: Vec<_> = durations
        .iter()
        .map(|duration| {
            let mut trace = flat_of(agent);
            trace["duration_ms"] = json!(duration);
            trace
        })
        .collect();
    client.submit_all(&traces).await.all_stored(4);
    let path = format!("/v1/traces?agent_id={agent}&order=longest");
    let page = client.json(&path).await;
    let shown: Vec<_> = page["traces"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["duration_ms"].as_f64().expect("a number"))
        .collect();
    assert_eq!(shown, [900.5, 70.0, 5.0, 0.0]);
    assert_eq!(
        (&page["looked_at"], &page["complete"], &page["next_cursor"]),
        (&json!(4), &json!(true), &Value::Null)
    );
    let two = client.json(&format!("{path}&limit=2")).await;
    assert_eq!(two["traces"].as_array().map(Vec::len), Some(2));
    let cursor = client
        .json(&format!("/v1/traces?agent_id={agent}&limit=1"))
        .await["next_cursor"]
        .clone();
    let cursor = cursor.as_str().expect("there is more");
    let answer = client.get(&format!("{path}&cursor={cursor}")).await;
    assert!(answer.problem(400).contains("one page"), "{}", answer.text);
    assert_eq!(answer.body["parameter"], "cursor");
    for (query, said) in [
        ("order=fastest", "newest or oldest"),
        ("order=", "newest or oldest"),
    ] {
        let answer = client.get(&format!("/v1/traces?{query}")).await;
        assert!(answer.problem(400).contains(said), "{}", answer.text);
        assert_eq!(answer.body["parameter"], "order");
    }
    let oldest = client
        .json(&format!("/v1/traces?agent_id={agent}&order=oldest&limit=3"))
        .await;
    let newest = client.json(&format!("/v1/traces?agent_id={agent}")).await;
    let ids = |page: &Value| {
        page["traces"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    let mut reversed = ids(&newest);
    reversed.reverse();
    assert_eq!(ids(&oldest), reversed[..3]);
}
