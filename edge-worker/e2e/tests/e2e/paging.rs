//! Listings page by page: no gap and no double, also while others write; cursors and limits that are wrong.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use edge_e2e::{Agent, Client, Oracle, flat_of, unproven_agent};

fn ids(page: &Value) -> Vec<String> {
    let rows = page["traces"].as_array().or(page["refusals"].as_array());
    let rows = rows.expect("rows").iter();
    rows.map(|row| row["id"].as_str().expect("an id").to_owned())
        .collect()
}

fn sent_ids(body: &[u8]) -> Vec<String> {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let items = body["batch"].as_array().expect("a batch").iter();
    items
        .map(|item| item["trace_id"].as_str().expect("an id").to_owned())
        .collect()
}

#[tokio::test]
async fn pages_have_no_gap_and_no_double_while_others_write() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let body = agent.batch(57);
    let mut before: Vec<_> = sent_ids(&body);
    oracle.submit(&client, body).await.all_stored(57);
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let path = format!("/v1/traces?agent_id={}&limit=10{cursor}", agent.id);
        let page = client.json(&path).await;
        seen.extend(ids(&page));
        pages += 1;
        // Newer traces come in while the listing is read; an older one, too, behind the cursor's place or before it.
        if pages <= 3 {
            oracle.submit(&client, agent.batch(3)).await.all_stored(3);
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(pages, 6, "57 by tens");
    before.reverse();
    let times: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(times.len(), seen.len(), "no double");
    assert!(before.iter().all(|id| times.contains(id)), "no gap");
    oracle.settle().await;
}

#[tokio::test]
async fn traces_of_one_millisecond_are_paged_through_whole() {
    let client = Client::new();
    let agent = unproven_agent();
    let at = json!(edge_e2e::now());
    let traces: Vec<_> = (0..25)
        .map(|_| {
            let mut trace = flat_of(agent);
            trace["timestamp"] = at.clone();
            trace
        })
        .collect();
    client.submit_all(&traces).await.all_stored(25);
    let (mut seen, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = client
            .json(&format!("/v1/traces?agent_id={agent}&limit=4{cursor}"))
            .await;
        for id in ids(&page) {
            assert!(seen.insert(id), "a double");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
}

#[tokio::test]
async fn the_newest_come_first_and_the_last_page_has_no_cursor() {
    let client = Client::new();
    let mut agent = Agent::new();
    let body = agent.batch(12);
    client.submit(body.clone()).await.all_stored(12);
    let path = format!("/v1/traces?agent_id={}", agent.id);
    let all = client.json(&path).await;
    let times: Vec<_> = all["traces"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["timestamp"].clone())
        .collect();
    assert!(
        times
            .windows(2)
            .all(|pair| pair[0].as_str() >= pair[1].as_str()),
        "{times:?}"
    );
    assert_eq!(all["next_cursor"], Value::Null);
    for (limit, expected, more) in [
        (1, 1, true),
        (11, 11, true),
        (12, 12, false),
        (500, 12, false),
    ] {
        let page = client.json(&format!("{path}&limit={limit}")).await;
        assert_eq!(ids(&page), ids(&all)[..expected], "limit {limit}");
        // Exactly full: a cursor may lead to an empty page, but never to another row.
        if let Some(next) = page["next_cursor"].as_str() {
            let rest = client
                .json(&format!("{path}&limit=500&cursor={next}"))
                .await;
            assert_eq!(ids(&rest), ids(&all)[expected..]);
        } else {
            assert!(!more);
        }
    }
}

#[tokio::test]
async fn refusals_are_paged_with_reasons() {
    let client = Client::new();
    let mut agent = Agent::new();
    let items: Vec<_> = (0..9)
        .flat_map(|number| {
            let refusal = agent.refusal(
                "fs.delete.root",
                &format!("reason {number}"),
                &["harm_prevention", "care"],
            );
            [agent.link(refusal), agent.links(1).remove(0)]
        })
        .collect();
    client.submit(agent.sign(&items)).await.all_stored(18);
    let (mut reasons, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client
            .json(&format!(
                "/v1/refusals?agent_id={}&limit=4{cursor}",
                agent.id
            ))
            .await;
        for refusal in page["refusals"].as_array().unwrap() {
            assert_eq!(
                (&refusal["action_type"], &refusal["rule_id"]),
                (&json!("deny"), &json!("fs.delete.root"))
            );
            assert_eq!(
                refusal["values_violated"],
                json!(["harm_prevention", "care"])
            );
            reasons.push(refusal["reason"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    reasons.sort();
    assert_eq!(
        reasons,
        (0..9)
            .map(|number| format!("reason {number}"))
            .collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn wrong_limits_and_cursors_are_named() {
    let client = Client::new();
    for listing in ["/v1/traces", "/v1/refusals"] {
        for (query, parameter) in [
            ("limit=0", "limit"),
            ("limit=501", "limit"),
            ("limit=-1", "limit"),
            ("limit=ten", "limit"),
            ("limit=", "limit"),
            ("limit=1.0", "limit"),
            ("limit=99999999999999999999", "limit"),
            ("cursor=", "cursor"),
            ("cursor=x", "cursor"),
            ("cursor=%00", "cursor"),
            ("limit=1&limit=2", "limit"),
            ("page=2", "page"),
            ("%F0%28", "query"),
        ] {
            let answer = client.get(&format!("{listing}?{query}")).await;
            let detail = answer.problem(400);
            assert!(!detail.is_empty());
            if parameter != "query" {
                assert_eq!(answer.body["parameter"], parameter, "{query}: {detail}");
            }
        }
    }
    // A cursor of one listing is one of the other: both are places in time.
    let mut agent = Agent::new();
    let items = agent.links(3);
    client.submit(agent.sign(&items)).await.all_stored(3);
    let page = client
        .json(&format!("/v1/traces?agent_id={}&limit=1", agent.id))
        .await;
    let cursor = page["next_cursor"].as_str().expect("there is more");
    client
        .get(&format!(
            "/v1/refusals?agent_id={}&cursor={cursor}",
            agent.id
        ))
        .await
        .expect(200);
}
