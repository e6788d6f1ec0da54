//! Clocks that are wrong: a trace keeps the time it tells, and is listed where people find it.

use aap::Timestamp;
use serde_json::{Value, json};

use edge_e2e::{Agent, Client, Oracle, flat, now};

const DAY: i64 = 24 * 60 * 60 * 1000;

async fn whole(client: &Client, trace: &Value) -> Value {
    client
        .json(&format!(
            "/v1/traces/{}",
            trace["id"].as_str().expect("an id")
        ))
        .await
}

#[tokio::test]
async fn a_clock_a_day_off_is_marked_only_where_it_runs_ahead() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    for (off, odd) in [
        (-DAY, false),
        (-400 * DAY - DAY, true),
        (DAY, true),
        (60_000, false),
    ] {
        let mut trace = flat();
        let told = Timestamp::from_millis(now().millis() + off);
        trace["timestamp"] = json!(told);
        oracle
            .submit(&client, trace.to_string())
            .await
            .all_stored(1);
        let whole = whole(&client, &trace).await;
        assert_eq!(
            (&whole["timestamp"], &whole["odd_time"]),
            (&json!(told), &json!(odd)),
            "{off}"
        );
        let listed_under = if odd {
            &whole["received_at"]
        } else {
            &whole["timestamp"]
        };
        assert_eq!(&whole["at"], listed_under, "{off}");
    }
    oracle.settle().await;
}

#[tokio::test]
async fn the_oddest_times_have_a_home() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    for told in [
        "1970-01-01T00:00:00.000Z",
        "0000-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "2100-02-28T12:00:00.000Z",
        "1999-12-31T23:59:59.999Z",
    ] {
        let mut trace = flat();
        trace["timestamp"] = json!(told);
        oracle
            .submit(&client, trace.to_string())
            .await
            .all_stored(1);
        let whole = whole(&client, &trace).await;
        assert_eq!(
            (&whole["timestamp"], &whole["odd_time"]),
            (&json!(told), &json!(true))
        );
        // Sent again it is known, although its own time leads nowhere.
        let again = oracle.submit(&client, trace.to_string()).await;
        assert_eq!(again.statuses(), ["duplicate"], "{told}");
    }
    oracle.settle().await;
}

#[tokio::test]
async fn other_spellings_of_a_time_are_the_same_time() {
    let client = Client::new();
    let at = Timestamp::from_millis(now().millis() / 1000 * 1000);
    let text = at.to_string();
    let second = text.strip_suffix(".000Z").expect("a whole second");
    for (told, expected) in [
        (json!(at.millis()), text.clone()),
        (json!(format!("{second}Z")), text.clone()),
        (json!(format!("{second}+00:00")), text.clone()),
        (
            json!(format!("{second}.123456789Z")),
            format!("{second}.123Z"),
        ),
    ] {
        let mut trace = flat();
        trace["timestamp"] = told;
        client.submit(trace.to_string()).await.all_stored(1);
        assert_eq!(whole(&client, &trace).await["timestamp"], expected);
        let again = client.submit(trace.to_string()).await;
        assert_eq!(again.statuses(), ["duplicate"]);
    }
}

#[tokio::test]
async fn a_chain_outlives_a_clock_that_jumps() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let items: Vec<_> = [0, DAY, -DAY, 500 * DAY, -500 * DAY, 0]
        .into_iter()
        .map(|off| {
            let at = Timestamp::from_millis(now().millis() + off);
            let made = agent.call_at(at);
            agent.link(made)
        })
        .collect();
    oracle
        .submit(&client, agent.sign(&items))
        .await
        .all_stored(6);
    let again = oracle.submit(&client, agent.sign(&items)).await;
    assert_eq!(again.statuses(), ["duplicate"; 6]);
    let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(
        (&known["missing_links"], &known["streams"][0]["links"]),
        (&json!(0), &json!(6))
    );
    oracle.settle().await;
}

#[tokio::test]
async fn an_id_that_carries_another_time_than_its_trace_is_known_again() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let mut made = agent.call_at(Timestamp::from_millis(now().millis() - 100 * DAY));
    made.timestamp = now();
    let items = [agent.link(made)];
    oracle
        .submit(&client, agent.sign(&items))
        .await
        .all_stored(1);
    let again = oracle.submit(&client, agent.sign(&items)).await;
    assert_eq!(again.statuses(), ["duplicate"]);
    oracle.settle().await;
}
