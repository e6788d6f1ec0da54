//! Dead letters: batches that the queue cannot deliver, in wrangler's imitation of queues.

use aap::AgentId;
use serde_json::json;
use test_cluster::{Cluster, Options};

use crate::aftermath::settle;
use crate::database::{Database, cluster};
use crate::host::{Host, worker_config};
use crate::panics::write_config;
use crate::poison::TRIGGER;
use crate::traffic::{Outcome, judge};
use crate::wait::{block, until};
use edge_e2e::{Oracle, flat_of, unproven_agent};

/// A batch that fails as often as `wrangler.jsonc` says becomes a dead letter, which is told with its reason, and stored once
/// the reason is mended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_tells_of_a_dead_letter_and_stores_it_once_it_can() {
    let server: Cluster = cluster(&Options::default());
    let database = Database::migrated(&server);
    database.sql(TRIGGER);
    // Once more in place of a day's worth.
    let over = tempfile::tempdir().expect("a directory");
    let config = worker_config().replace(
        "\"max_retries\": 100, \"retry_delay\": 1,",
        "\"max_retries\": 1,",
    );
    write_config(over.path(), &config);
    let edge = Host::worker_over(&database.url, over.path());
    let (client, mut oracle) = (edge.client(), Oracle::default());
    let agent: AgentId = unproven_agent();
    let known = oracle.submit(&client, flat_of(agent).to_string()).await;
    known.expect(201);

    block(|| server.stop()).expect("it stops");
    let mut trace = flat_of(agent);
    trace["params"] = json!({"dose": "arsenic"});
    let answer = oracle.submit(&client, trace.to_string()).await;
    assert_eq!(judge(&answer), Outcome::Queued, "{}", answer.text);
    block(|| server.start()).expect("it starts");
    until("the dead letter is told", async || {
        let log = edge.log();
        let told = |line: &str| line.contains("a dead letter") && line.contains("that is poison");
        log.lines().any(told).then_some(())
    })
    .await;
    assert!(
        edge.log().contains("a message comes again"),
        "{}",
        edge.log()
    );

    database.sql("DROP TRIGGER no_poison ON public.traces");
    until("the dead letter is stored", async || {
        edge.log()
            .contains("a dead letter was stored after all")
            .then_some(())
    })
    .await;
    settle(&edge.address(), &database, &[&oracle]).await;
}
