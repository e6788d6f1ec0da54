//! Counts: over time, by tool, by value, by rule; sessions; integrity and drift of an agent.

use aap::Timestamp;
use serde_json::{Value, json};

use edge_e2e::{Agent, Client, flat_of, now, unproven_agent};

#[tokio::test]
async fn everything_is_counted_once_whatever_is_sent_again() {
    let (client, agent) = (Client::new(), unproven_agent());
    let base = now().millis() - 30_000;
    let traces: Vec<_> = (0..100_i64)
        .map(|number| {
            let mut trace = flat_of(agent);
            trace["timestamp"] = json!(Timestamp::from_millis(base + number));
            trace["action_type"] = json!(if number < 60 {
                "allow"
            } else if number < 90 {
                "deny"
            } else {
                "error"
            });
            trace["tool_name"] = json!(if number % 2 == 0 { "exec" } else { "read" });
            trace["duration_ms"] = json!(number);
            if (60..90).contains(&number) {
                trace["metadata"]["rule_id"] = json!(if number < 80 { "rule.a" } else { "rule.b" });
                trace["metadata"]["conscience_reason"] = json!("because");
                trace["metadata"]["values_violated"] = json!(if number < 70 {
                    vec!["care", "honesty"]
                } else {
                    vec!["care"]
                });
            }
            trace
        })
        .collect();
    client.submit_all(&traces).await.all_stored(100);
    let again = client.submit_all(&traces).await;
    assert_eq!(again.statuses(), ["duplicate"; 100]);

    let stats = client.json(&format!("/v1/stats?agent_id={agent}")).await;
    for (key, count) in [
        ("total", 100),
        ("allow", 60),
        ("deny", 30),
        ("error", 10),
        ("agents", 1),
    ] {
        assert_eq!(stats[key], count, "{key}");
    }
    let sum = |kind: &str| -> i64 {
        let buckets = stats["over_time"].as_array().expect("buckets").iter();
        buckets
            .map(|bucket| bucket[kind].as_i64().expect("a count"))
            .sum()
    };
    assert_eq!((sum("allow"), sum("deny"), sum("error")), (60, 30, 10));
    let named = |list: &str, key: &str, name: &str| -> Value {
        let rows = stats[list].as_array().expect("rows").iter();
        let row = rows.clone().find(|row| row[key] == name);
        row.unwrap_or_else(|| panic!("no {name} in {list}")).clone()
    };
    assert_eq!(named("tools", "tool", "exec")["count"], 50);
    assert_eq!(named("tools", "tool", "read")["count"], 50);
    assert_eq!(named("values", "name", "care")["count"], 30);
    assert_eq!(named("values", "name", "honesty")["count"], 10);
    assert_eq!(named("rules", "rule_id", "rule.a")["count"], 20);
    assert_eq!(named("rules", "rule_id", "rule.b")["reason"], "because");
    // Of the 35 that ran: what was refused took no time.
    let exec = named("tools", "tool", "exec");
    for (key, exact) in [("p50_ms", 34.0), ("p95_ms", 96.0), ("p99_ms", 98.0)] {
        let told = exec[key].as_f64().expect("a percentile");
        assert!(
            (told - exact).abs() <= exact * 0.02,
            "{key}: {told} for {exact}"
        );
    }

    let known = client.json(&format!("/v1/agents/{agent}")).await;
    assert_eq!(
        (&known["traces"], &known["denied"]),
        (&json!(100), &json!(30))
    );
    assert_eq!(
        (&known["errors"], &known["signed"]),
        (&json!(10), &json!(0))
    );
}

#[tokio::test]
async fn the_spans_of_time_are_those_asked_for() {
    let (client, agent) = (Client::new(), unproven_agent());
    let hour = now().millis() / 3_600_000 * 3_600_000 - 3_600_000;
    let at = |minutes: i64| json!(Timestamp::from_millis(hour + minutes * 60_000));
    let traces: Vec<_> = [1, 1, 31, 59]
        .map(|minutes| {
            let mut trace = flat_of(agent);
            trace["timestamp"] = at(minutes);
            trace
        })
        .to_vec();
    client.submit_all(&traces).await.all_stored(4);
    let span = format!(
        "since={}&until={}",
        at(0).as_str().unwrap(),
        at(60).as_str().unwrap()
    );
    let stats = client
        .json(&format!(
            "/v1/stats?agent_id={agent}&{span}&bucket_ms=1800000"
        ))
        .await;
    assert_eq!(
        (&stats["total"], &stats["bucket_ms"]),
        (&json!(4), &json!(1_800_000))
    );
    let buckets: Vec<_> = stats["over_time"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bucket| (bucket["start"].clone(), bucket["allow"].as_i64().unwrap()))
        .collect();
    assert_eq!(buckets, [(at(0), 2), (at(30), 2)]);
    for (query, said) in [
        ("bucket_ms=999", "1000 or more"),
        ("bucket_ms=0", "1000 or more"),
        ("bucket_ms=x", "1000 or more"),
        ("bucket_ms=1000", "more than 1440 spans"),
        ("q=x", "no such parameter"),
        ("limit=1", "no such parameter"),
    ] {
        let answer = client.get(&format!("/v1/stats?{query}")).await;
        assert!(
            answer.problem(400).contains(said),
            "{query}: {}",
            answer.text
        );
    }
    let everything = "since=0001-01-01T00:00:00Z&until=9999-12-31T00:00:00Z";
    let stats = client
        .json(&format!("/v1/stats?agent_id={agent}&{everything}"))
        .await;
    assert_eq!(stats["total"], 4);
}

#[tokio::test]
async fn sessions_are_listed_newest_first() {
    let client = Client::new();
    let mut agent = Agent::new();
    let mut sessions = Vec::new();
    for number in 0..4_usize {
        agent.session = edge_e2e::word("session");
        sessions.insert(0, agent.session.clone());
        let refusal = agent.refusal("r", "because", &[]);
        let mut items = agent.links(number);
        items.push(agent.link(refusal));
        client
            .submit(agent.sign(&items))
            .await
            .all_stored(number + 1);
    }
    let path = format!("/v1/agents/{}/sessions", agent.id);
    let listed = client.json(&path).await;
    let rows = listed["sessions"].as_array().unwrap();
    let names: Vec<_> = rows
        .iter()
        .map(|row| row["session_id"].as_str().unwrap())
        .collect();
    assert_eq!(names, sessions);
    for (row, calls) in rows.iter().zip([4, 3, 2, 1]) {
        assert_eq!((&row["traces"], &row["denied"]), (&json!(calls), &json!(1)));
        assert!(row["first"].as_str() <= row["last"].as_str());
    }
    let two = client.json(&format!("{path}?limit=2")).await;
    assert_eq!(two["sessions"].as_array().map(Vec::len), Some(2));
    client.get(&format!("{path}?limit=0")).await.problem(400);
    client.get(&format!("{path}?cursor=x")).await.problem(400);
}

#[tokio::test]
async fn integrity_and_drift_say_what_they_were_told_by() {
    let client = Client::new();
    let mut agent = Agent::new();
    let items = agent.links(8);
    client.submit(agent.sign(&items)).await.all_stored(8);
    let integrity = format!("/v1/agents/{}/integrity", agent.id);
    let drift = format!("/v1/agents/{}/drift", agent.id);
    let told = client.json(&integrity).await;
    assert_eq!(
        (&told["covered"], &told["not_covered"]),
        (&json!(0), &json!(8))
    );
    assert_eq!(
        (&told["share"], &told["card_id"]),
        (&Value::Null, &Value::Null)
    );
    let told = client.json(&drift).await;
    assert_eq!(told["reason"], "the agent has no alignment card here");

    client.put_card(&agent).await.expect(200);
    let told = client.json(&integrity).await;
    assert_eq!(
        (&told["covered"], &told["verified"], &told["share"]),
        (&json!(8), &json!(8), &json!(1.0))
    );
    assert_eq!(
        (&told["card_id"], &told["violations"]),
        (&json!(agent.card.card_id), &json!({}))
    );
    let told = client.json(&drift).await;
    assert_eq!(
        (&told["analyzed"], &told["reason"], &told["alerts"]),
        (&json!(8), &Value::Null, &json!([]))
    );

    // A tool that the card forbids is a violation.
    let mut strict = Agent::new();
    strict
        .card
        .autonomy
        .forbidden_actions
        .push("exec".to_owned());
    strict
        .card
        .autonomy
        .bounded_actions
        .retain(|tool| tool != "exec");
    strict.card.card_id = strict.card.derived_id();
    client.put_card(&strict).await.expect(200);
    client.submit(strict.batch(2)).await.all_stored(2);
    let told = client
        .json(&format!("/v1/agents/{}/integrity", strict.id))
        .await;
    assert_eq!(
        (&told["covered"], &told["verified"], &told["share"]),
        (&json!(2), &json!(0), &json!(0.0))
    );
    assert!(
        !told["violations"].as_object().unwrap().is_empty(),
        "{told}"
    );
}
