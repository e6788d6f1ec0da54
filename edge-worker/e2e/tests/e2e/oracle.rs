//! Everything at once: many agents send good, bad, repeated and split batches side by side, and the oracle looks for what
//! was acknowledged and lost, stored twice, or never sent.

use aap::batch::Item;
use futures_util::future::join_all;
use serde_json::json;

use edge_e2e::{Agent, Client, Oracle, flat_of, held_back, unproven_agent, word};

/// Agents that send side by side.
const AGENTS: usize = 8;

/// One signing agent: overlapping runs in a mixed order, some held back first, everything twice.
async fn signing() -> Oracle {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    let items = agent.links(60);
    let thin: Vec<Item> = items.iter().map(held_back).collect();
    let bodies = [
        agent.sign(&items[40..60]),
        agent.sign(&thin[0..10]),
        agent.sign(&items[10..45]),
        agent.sign(&items[0..25]),
        agent.sign(&thin[30..60]),
        agent.sign(&items[0..60]),
    ];
    for body in bodies {
        let answer = oracle.submit(&client, body).await.expect(201);
        assert_eq!(answer.body["rejected"], 0, "{}", answer.text);
    }
    let known = client.json(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(
        (&known["traces"], &known["missing_links"]),
        (&json!(60), &json!(0))
    );
    assert_eq!(
        (&known["streams"][0]["links"], &known["equivocations"]),
        (&json!(60), &json!(0))
    );
    oracle
}

/// One agent without a key: the same batch from several connections at once, with poison in it.
async fn repeating() -> Oracle {
    let mut oracle = Oracle::default();
    let agent = unproven_agent();
    let mut traces: Vec<_> = (0..30).map(|_| flat_of(agent)).collect();
    traces[7]["tool_name"] = json!("");
    traces[13]["params"] = json!("a\0b");
    traces[29] = traces[3].clone();
    let body = json!({ "batch": traces }).to_string().into_bytes();
    oracle.sending(&body);
    let answers = join_all((0..4).map(async |_| Client::new().submit(body.clone()).await)).await;
    let mut stored = 0;
    for answer in &answers {
        oracle.answered(&body, answer);
        assert_eq!(answer.status, 201, "{}", answer.text);
        stored += answer
            .statuses()
            .iter()
            .filter(|status| **status == "stored")
            .count();
        assert_eq!(answer.body["rejected"], 2, "{}", answer.text);
    }
    assert_eq!(stored, 27, "each is stored by one of them only");
    oracle
}

/// Two at once claim one id for two contents: one of them is stored, the other is told.
async fn contending() -> Oracle {
    let mut oracle = Oracle::default();
    let (one, mut two) = (flat_of(unproven_agent()), flat_of(unproven_agent()));
    two["id"] = one["id"].clone();
    two["result"] = json!(word("other"));
    let (first, second) = (Client::new(), Client::new());
    let (one, two) = (one.to_string(), two.to_string());
    let (left, right) = tokio::join!(first.submit(one.clone()), second.submit(two.clone()));
    let mut statuses = [left.statuses()[0], right.statuses()[0]];
    // The one that won is what the oracle believes in.
    let winner = if statuses[0] == "stored" {
        (&one, &left)
    } else {
        (&two, &right)
    };
    oracle.sending(winner.0.as_bytes());
    oracle.answered(winner.0.as_bytes(), winner.1);
    statuses.sort_unstable();
    assert_eq!(statuses, ["conflict", "stored"]);
    oracle
}

#[tokio::test]
async fn what_is_acknowledged_is_there_once_and_nothing_else_is() {
    let signing = join_all((0..AGENTS).map(|_| signing()));
    let repeating = join_all((0..AGENTS).map(|_| repeating()));
    let contending = join_all((0..AGENTS).map(|_| contending()));
    let (signing, repeating, contending) = tokio::join!(signing, repeating, contending);
    let mut acknowledged = 0;
    for oracle in signing.iter().chain(&repeating).chain(&contending) {
        acknowledged += oracle.acknowledged();
        oracle.settle().await;
    }
    assert_eq!(acknowledged, AGENTS * (60 + 27 + 1));
}
