//! Rate limits at their boundaries, by a clock that the test turns.

mod common;

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use common::{Answer, InProcess, OFF, calls, in_process};
use edge_core::ClientNet;
use edge_server::Limits;
use trace_store::conformance::{Agent, flat};

async fn from(edge: &InProcess, ip: &str, method: &str, path: &str, body: String) -> Answer {
    let ip: IpAddr = ip.parse().expect("an address");
    let request = Request::builder()
        .method(method)
        .uri(path)
        .extension(ClientNet(ip));
    edge.send(request.body(Body::from(body)).expect("a request"))
        .await
}

/// `"name";r=…;t=…` of the first item, and its numbers.
fn first_item(header: &str) -> (String, u64, u64) {
    let item = header.split(", ").next().expect("an item");
    let mut parts = item.split(';');
    let name = parts.next().expect("a name").trim_matches('"').to_owned();
    let mut number = || {
        let (key, value) = parts
            .next()
            .expect("a parameter")
            .split_once('=')
            .expect("key=value");
        assert_eq!(key.len(), 1);
        value.parse().expect("a whole number")
    };
    (name, number(), number())
}

#[tokio::test]
async fn request_100_of_an_agent_passes_and_101_waits() {
    let edge = in_process(Limits {
        per_minute: 100,
        ..OFF
    });
    for left in (0..100).rev() {
        let answer = edge.submit(flat(1, left, 0, "ok").to_string()).await;
        assert_eq!(answer.status, 201);
        let (name, remaining, _) = first_item(answer.header("ratelimit"));
        assert_eq!((name.as_str(), remaining), ("agent", u64::from(left)));
        assert_eq!(
            first_item(answer.header("ratelimit-policy")),
            ("agent".to_owned(), 100, 60)
        );
    }
    let refused = edge.submit(flat(1, 200, 0, "ok").to_string()).await;
    assert!(
        refused
            .problem(429)
            .contains("`agent` of 100 in 60 seconds")
    );
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert_eq!(wait, 1, "one request comes back every 0.6 s");
    assert_eq!(
        first_item(refused.header("ratelimit")),
        ("agent".to_owned(), 0, wait)
    );
    assert_eq!(refused.body["retry_after"], wait);

    let other = edge.submit(flat(2, 1, 0, "ok").to_string()).await;
    assert_eq!(other.status, 201, "another agent has its own limit");
    edge.clock.advance(Duration::from_secs(wait));
    let after = edge.submit(flat(1, 200, 0, "ok").to_string()).await;
    assert_eq!(after.status, 201);
    assert_eq!(
        after.statuses(),
        ["stored"],
        "the refused request left nothing behind"
    );
}

#[tokio::test]
async fn nobody_uses_up_an_agents_limit_without_its_key() {
    let edge = in_process(Limits {
        per_minute: 1,
        ..OFF
    });
    let mut agent = Agent::new(1);
    let good = calls(&mut agent, 2);
    let broken = String::from_utf8(good.clone())
        .unwrap()
        .replace("ls -la", "ls -lb");
    for _ in 0..5 {
        assert_eq!(edge.submit(broken.clone()).await.status, 422);
    }
    assert_eq!(edge.submit(good.clone()).await.status, 201);
    assert_eq!(edge.submit(good).await.status, 429);
}

#[tokio::test]
async fn a_network_is_an_address_or_a_64() {
    let edge = in_process(Limits {
        ip_per_minute: 2,
        ..OFF
    });
    let get = |ip: &'static str| from(&edge, ip, "GET", "/v1/traces", String::new());
    assert_eq!(get("2001:db8::1").await.status, 200);
    let second = get("2001:db8::2").await;
    assert_eq!(
        first_item(second.header("ratelimit")),
        ("ip".to_owned(), 0, 30)
    );
    let refused = get("2001:db8::3").await;
    assert!(refused.problem(429).contains("`ip` of 2"));
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(get("2001:db8:0:1::1").await.status, 200);
    assert_eq!(get("192.0.2.1").await.status, 200);
}

#[tokio::test]
async fn operators_routes_and_pages_have_the_limits_they_should() {
    let edge = in_process(Limits {
        ip_per_minute: 1,
        ..OFF
    });
    let get = |path: &'static str| from(&edge, "192.0.2.1", "GET", path, String::new());
    assert_eq!(get("/").await.status, 200, "the one request");
    for path in ["/health", "/ready", "/metrics"] {
        for _ in 0..3 {
            let answer = get(path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.headers.get("ratelimit").is_none());
        }
    }
    for path in [
        "/",
        "/refusals",
        "/v1/stats",
        "/v1/live",
        "/openapi.json",
        "/v1/nothing",
    ] {
        assert_eq!(get(path).await.status, 429, "{path}");
    }
}

#[tokio::test]
async fn new_agents_are_budgeted_by_network_and_known_ones_are_not() {
    let edge = in_process(Limits {
        new_agents_per_hour: 2,
        ..OFF
    });
    let post = |ip: &'static str, agent: u8, id: u16| {
        from(
            &edge,
            ip,
            "POST",
            "/v1/traces",
            flat(agent, id, 0, "ok").to_string(),
        )
    };
    assert_eq!(post("192.0.2.1", 1, 1).await.status, 201);
    assert_eq!(
        edge.put_card(&Agent::new(9)).await.status,
        200,
        "from another network"
    );
    assert_eq!(post("192.0.2.1", 2, 1).await.status, 201);
    let third = post("192.0.2.1", 3, 1).await;
    assert!(
        third
            .problem(429)
            .contains("`new_agents` of 2 in 3600 seconds")
    );
    assert_eq!(third.header("retry-after"), "1800");
    assert_eq!(post("192.0.2.1", 1, 2).await.status, 201, "known");
    assert_eq!(
        post("192.0.2.2", 3, 1).await.status,
        201,
        "another network brings it"
    );
    assert_eq!(post("192.0.2.1", 3, 2).await.status, 201, "now it is known");
    edge.clock.advance(Duration::from_mins(30));
    assert_eq!(post("192.0.2.1", 4, 1).await.status, 201);
}

#[tokio::test]
async fn a_batch_with_more_new_agents_than_an_hour_has_is_told_to_be_split() {
    let edge = in_process(Limits {
        new_agents_per_hour: 3,
        ..OFF
    });
    let of = |agents: std::ops::Range<u8>| {
        let traces = agents.map(|agent| flat(agent, u16::from(agent), 0, "ok"));
        serde_json::json!({ "batch": traces.collect::<Vec<_>>() }).to_string()
    };
    let send = |body: String| from(&edge, "192.0.2.1", "POST", "/v1/traces", body);
    for _ in 0..5 {
        let answer = send(of(1..5)).await;
        let told = answer.problem(422).to_owned();
        assert!(
            told.contains("4 agents") && told.contains("at most 3"),
            "{told}"
        );
        assert_eq!(answer.body["new_agents"], 4);
        assert_eq!(
            (&answer.body["policy"], &answer.body["limit"]),
            (&"new_agents".into(), &3.into())
        );
    }
    assert_eq!(
        send(of(1..3)).await.status,
        201,
        "asking for too much has cost nothing"
    );
    assert_eq!(
        send(of(1..6)).await.status,
        429,
        "known ones do not count, and there is one left"
    );
    // What was paid for stays paid for: with each agent that the hour gives back one more gets in.
    edge.clock.advance(Duration::from_mins(20));
    assert_eq!(send(of(1..6)).await.status, 429);
    edge.clock.advance(Duration::from_mins(20));
    assert_eq!(send(of(1..6)).await.status, 201);
}

#[tokio::test]
async fn a_card_counts_as_its_agents_request_and_as_new() {
    let edge = in_process(Limits {
        per_minute: 1,
        new_agents_per_hour: 1,
        ..OFF
    });
    let (one, two) = (Agent::new(1), Agent::new(2));
    assert_eq!(edge.put_card(&one).await.status, 200);
    assert!(edge.put_card(&one).await.problem(429).contains("`agent`"));
    assert!(
        edge.put_card(&two)
            .await
            .problem(429)
            .contains("`new_agents`")
    );
}

#[tokio::test]
async fn the_global_limit_is_for_all_who_write() {
    let edge = in_process(Limits {
        global_per_minute: 2,
        ..OFF
    });
    assert_eq!(
        edge.submit(flat(1, 1, 0, "ok").to_string()).await.status,
        201
    );
    assert_eq!(
        edge.submit(flat(2, 1, 0, "ok").to_string()).await.status,
        201
    );
    assert!(
        edge.submit(flat(3, 1, 0, "ok").to_string())
            .await
            .problem(429)
            .contains("`global`")
    );
    assert_eq!(edge.get("/v1/traces").await.status, 200, "reading goes on");
}

#[tokio::test]
async fn keys_are_forgotten_once_they_have_their_limit_again() {
    let edge = in_process(Limits {
        ip_per_minute: 60,
        ..OFF
    });
    for third in 0..20 {
        for fourth in 0..250 {
            let request =
                Request::get("/v1/nothing").extension(ClientNet([10, 0, third, fourth].into()));
            edge.send(request.body(Body::empty()).unwrap()).await;
        }
    }
    assert_eq!(edge.counts.keys(), 5000);
    edge.counts.sweep();
    assert_eq!(edge.counts.keys(), 5000, "they still count");
    edge.clock.advance(Duration::from_mins(2));
    edge.counts.sweep();
    assert_eq!(edge.counts.keys(), 0);
}

#[tokio::test]
async fn limits_that_are_off_say_nothing() {
    let edge = in_process(OFF);
    let answer = edge.submit(flat(1, 1, 0, "ok").to_string()).await;
    assert!(
        answer.headers.get("ratelimit").is_none()
            && answer.headers.get("ratelimit-policy").is_none()
    );
}

#[tokio::test]
async fn a_batch_for_many_agents_counts_for_each_and_says_who_is_nearest() {
    let edge = in_process(Limits {
        per_minute: 2,
        new_agents_per_hour: 60,
        ..OFF
    });
    edge.submit(flat(2, 1, 0, "ok").to_string()).await;
    let all: Vec<_> = (1..=3).map(|agent| flat(agent, 9, 0, "ok")).collect();
    let batch = serde_json::json!({"batch": all}).to_string();
    let answer = edge.submit(batch.clone()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(
        answer.header("ratelimit"),
        "\"agent\";r=0;t=30, \"new_agents\";r=57;t=60"
    );
    let refused = edge.submit(batch).await;
    assert_eq!(refused.header("ratelimit"), "\"agent\";r=0;t=30");
    refused.problem(429);
}
