//! After each fault: whether promises were kept, and whether life goes on.

use std::collections::BTreeSet;

use crate::database::Database;
use crate::host::Address;
use crate::wait::until;
use edge_e2e::{Agent, Oracle};

/// Waits until the edge says that it is ready.
pub(crate) async fn ready(edge: &Address) {
    let client = edge.client();
    until("the edge is ready", async || {
        let answer = client.get("/ready").await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// A fresh event is stored and read, and its agent's chain is whole.
pub(crate) async fn fresh_event(edge: &Address) {
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(2)).await.all_stored(2);
    oracle.settle_at(|| edge.client()).await;
    chain_is_whole(edge, &agent, 2).await;
}

/// Nothing of the agent's one stream is missing, and it told one story.
pub(crate) async fn chain_is_whole(edge: &Address, agent: &Agent, links: usize) {
    let known = edge
        .client()
        .json(&format!("/v1/agents/{}", agent.id))
        .await;
    assert_eq!(known["traces"], links, "{known:#}");
    assert_eq!(known["missing_links"], 0, "{known:#}");
    assert_eq!(known["equivocations"], 0, "{known:#}");
    assert_eq!(known["streams"][0]["links"], links, "{known:#}");
    assert_eq!(known["streams"][0]["last_seq"], links, "{known:#}");
}

/// No id has two rows, whatever edges say of it.
pub(crate) fn nothing_twice(database: &Database<'_>) {
    let twice = database.sql(
        "SELECT trace_id, count(*) FROM traces GROUP BY trace_id HAVING count(*) > 1 \
         UNION ALL \
         SELECT stream, count(*) FROM traces WHERE stream IS NOT NULL GROUP BY stream, seq HAVING count(*) > 1",
    );
    assert_eq!(twice, "");
    // What is counted on the way in agrees with what is there.
    let counted = database.sql(
        "SELECT agent_id, a.traces, (SELECT count(*) FROM traces t WHERE t.agent_id = a.agent_id) FROM agents a \
         WHERE a.traces <> (SELECT count(*) FROM traces t WHERE t.agent_id = a.agent_id)",
    );
    assert_eq!(counted, "", "counters of agents and their rows differ");
}

/// Everything: the oracle's word, nothing twice, a fresh event.
pub(crate) async fn settle(edge: &Address, database: &Database<'_>, oracles: &[&Oracle]) {
    ready(edge).await;
    for oracle in oracles {
        oracle.settle_at(|| edge.client()).await;
    }
    nothing_twice(database);
    fresh_event(edge).await;
}

/// The statuses that results of an answer have, each once.
pub(crate) fn kinds<'a>(statuses: &[&'a str]) -> BTreeSet<&'a str> {
    statuses.iter().copied().collect()
}
