//! Rate limits at their boundaries: who is limited by what, what a refusal says, and that it leaves nothing behind.

use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, Oracle, facts, flat, flat_of, unproven_agent};

/// The item of a `RateLimit` header for one policy: requests left, seconds until more.
fn standing(answer: &Answer, policy: &str) -> Option<(u32, u64)> {
    let header = answer.header("ratelimit").to_owned();
    let item = header
        .split(", ")
        .find(|item| item.starts_with(&format!("\"{policy}\";")))?;
    let number = |key: &str| {
        let part = item.split(';').find_map(|part| part.strip_prefix(key));
        part.unwrap_or_else(|| panic!("no {key} in {item}"))
    };
    let left = number("r=").parse().expect("requests");
    Some((left, number("t=").parse().expect("seconds")))
}

/// What must stand in a refusal by `policy`.
#[track_caller]
fn refused_by(answer: &Answer, policy: &str, limit: u32, window: u64) -> u64 {
    let detail = answer.problem(429).to_owned();
    assert!(
        detail.contains(&format!("`{policy}` of {limit}")),
        "{detail}"
    );
    assert_eq!(answer.body["policy"], policy);
    assert_eq!(answer.body["limit"], limit);
    assert_eq!(answer.body["window"], window);
    let wait: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!(wait >= 1 && wait <= window, "{wait}");
    assert_eq!(answer.body["retry_after"], wait);
    assert_eq!(standing(answer, policy), Some((0, wait)));
    let first = format!("\"{policy}\";q={limit};w={window}");
    assert!(answer.header("ratelimit-policy").starts_with(&first));
    wait
}

/// How many requests a limit may have given back since `begun`.
fn regained(begun: Instant, limit: u32, window: u64) -> u32 {
    let share = begun.elapsed().as_secs_f64() / Duration::from_secs(window).as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let regained = (share * f64::from(limit)) as u32;
    regained
}

#[tokio::test]
async fn an_agent_gets_its_limit_and_nothing_is_stored_beyond_it() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let (agent, limit) = (unproven_agent(), facts::per_minute());
    let begun = Instant::now();
    let (mut passed, mut left) = (0, limit);
    let (refused, trace) = loop {
        let trace = flat_of(agent);
        let answer = oracle.submit(&client, trace.to_string()).await;
        if answer.status == 429 {
            break (answer, trace);
        }
        answer.all_stored(1);
        passed += 1;
        assert!(
            passed <= limit + regained(begun, limit, 60),
            "{passed} passed"
        );
        let answer = client.get("/v1/stats").await;
        assert!(
            standing(&answer, "agent").is_none(),
            "reading counts against no agent"
        );
        left = left.min(limit - passed.min(limit));
    };
    assert!(passed >= limit, "only {passed} of {limit} passed");
    assert_eq!(left, 0);
    let wait = refused_by(&refused, "agent", limit, 60);
    let path = format!("/v1/traces/{}", trace["id"].as_str().expect("an id"));
    client.get(&path).await.problem(404);
    let listed = client
        .json(&format!("/v1/traces?limit=500&agent_id={agent}"))
        .await;
    assert_eq!(
        listed["traces"].as_array().map(Vec::len),
        Some(passed as usize)
    );
    let other = client.submit(flat().to_string()).await;
    other.all_stored(1);
    // What the answer says to wait is enough.
    tokio::time::sleep(Duration::from_secs(wait)).await;
    oracle
        .submit(&client, trace.to_string())
        .await
        .all_stored(1);
    oracle.settle().await;
}

#[tokio::test]
async fn what_is_left_goes_down_by_one_a_request() {
    let client = Client::new();
    let (agent, limit) = (unproven_agent(), facts::per_minute());
    for sent in 1..=3.min(limit) {
        let answer = client
            .submit(flat_of(agent).to_string())
            .await
            .all_stored(1);
        let (left, _) = standing(&answer, "agent").expect("it counts");
        // It may have come back in the meantime, but never more than there was.
        assert!(left >= limit - sent && left < limit, "{left} after {sent}");
        let (of_network, _) = standing(&answer, "ip").expect("it counts");
        assert!(of_network < facts::network_per_minute());
        let policy = answer.header("ratelimit-policy");
        assert!(
            policy.contains(&format!("\"agent\";q={limit};w=60")),
            "{policy}"
        );
    }
}

#[tokio::test]
async fn a_batch_counts_as_one_request() {
    let client = Client::new();
    let mut agent = Agent::new();
    let answer = client.submit(agent.batch(100)).await.all_stored(100);
    let (left, _) = standing(&answer, "agent").expect("it counts");
    assert_eq!(left, facts::per_minute() - 1);
}

#[tokio::test]
async fn what_is_not_signed_by_an_agent_does_not_use_up_its_limit() {
    let client = Client::new();
    let mut agent = Agent::new();
    let mut forged: Value = serde_json::from_slice(&agent.clone().batch(1)).unwrap();
    forged["public_key"] = json!(Agent::new().public_key());
    for _ in 0..facts::per_minute().min(50) {
        client.submit(forged.to_string()).await.problem(422);
    }
    let answer = client.submit(agent.batch(1)).await.all_stored(1);
    let (left, _) = standing(&answer, "agent").expect("it counts");
    assert_eq!(left, facts::per_minute() - 1);
}

#[tokio::test]
async fn a_card_counts_against_its_agent() {
    let client = Client::new();
    let (agent, limit) = (Agent::new(), facts::per_minute());
    let begun = Instant::now();
    let mut passed = 0;
    let refused = loop {
        let answer = client.put_card(&agent).await;
        if answer.status == 429 {
            break answer;
        }
        answer.expect(200);
        passed += 1;
        assert!(
            passed <= limit + regained(begun, limit, 60),
            "{passed} passed"
        );
    };
    assert!(passed >= limit, "only {passed} of {limit} passed");
    refused_by(&refused, "agent", limit, 60);
}

#[tokio::test]
async fn new_agents_are_budgeted_by_network_and_known_ones_are_not() {
    const HOUR: u64 = 3600;
    let client = Client::new();
    let limit = facts::new_agents_per_hour();
    let begun = Instant::now();
    let (mut passed, first) = (0, unproven_agent());
    let (refused, trace) = loop {
        let trace = if passed == 0 { flat_of(first) } else { flat() };
        let answer = client.submit(trace.to_string()).await;
        if answer.status == 429 {
            break (answer, trace);
        }
        answer.all_stored(1);
        passed += 1;
        assert!(
            passed <= limit + regained(begun, limit, HOUR),
            "{passed} passed"
        );
    };
    assert!(passed >= limit, "only {passed} of {limit} passed");
    refused_by(&refused, "new_agents", limit, HOUR);
    let path = format!("/v1/agents/{}", trace["agent_id"].as_str().expect("an id"));
    client.get(&path).await.problem(404);
    let known = client.submit(flat_of(first).to_string()).await;
    known.all_stored(1);
    let elsewhere = Client::new().submit(trace.to_string()).await;
    elsewhere.all_stored(1);
    let mut now_known = flat();
    now_known["agent_id"] = trace["agent_id"].clone();
    client.submit(now_known.to_string()).await.all_stored(1);
}

#[tokio::test]
async fn a_batch_with_more_new_agents_than_an_hour_has_is_told_to_be_split() {
    let client = Client::new();
    let limit = facts::new_agents_per_hour();
    let count = limit as usize + 1;
    if count > aap::limits::MAX_BATCH_TRACES {
        // No batch can bring so many to this host.
        return;
    }
    let traces: Vec<_> = (0..count).map(|_| flat()).collect();
    let answer = client.submit_all(&traces).await;
    let told = answer.problem(422);
    assert!(
        told.contains("Split it") && told.contains("`new_agents`"),
        "{told}"
    );
    assert_eq!(
        answer.body["type"],
        "urn:smoltbot:problem:too-many-new-agents"
    );
    assert_eq!(
        (&answer.body["limit"], &answer.body["new_agents"]),
        (&limit.into(), &count.into())
    );
    // Split as it is told to be, one part gets in.
    client.submit_all(&traces[1..]).await.all_stored(count - 1);
}

#[tokio::test]
async fn a_network_gets_its_limit_and_operators_are_never_limited() {
    const WAVE: usize = 64;
    let client = Client::new();
    let limit = facts::network_per_minute();
    let begun = Instant::now();
    let mut passed = 0;
    let refused = loop {
        let asked = (0..WAVE).map(|_| client.get("/v1/nothing"));
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(16).collect().await;
        let (limited, others): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 429);
        for answer in &others {
            answer.problem(404);
        }
        passed += u32::try_from(others.len()).expect("few");
        assert!(
            passed <= limit + regained(begun, limit, 60),
            "{passed} passed"
        );
        if let Some(answer) = limited.into_iter().next() {
            break answer;
        }
    };
    assert!(passed >= limit, "only {passed} of {limit} passed");
    refused_by(&refused, "ip", limit, 60);
    for path in ["/health", "/ready", "/metrics"] {
        let answer = client.get(path).await.expect(200);
        assert_eq!(answer.header("ratelimit"), "", "{path} is never limited");
    }
    Client::new().get("/v1/nothing").await.problem(404);
}
