//! A panic in the Worker's module.
//!
//! The module panics at a clock that shows no time: a module around the Worker's, which stands in front of it for this test
//! only, stops JavaScript's clock and lets it go again. What panics is the bundle that is deployed.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use test_cluster::Cluster;

use crate::aftermath::{fresh_event, settle};
use crate::database::Database;
use crate::host::{Host, worker_config};
use crate::traffic::{Outcome, judge};
use crate::wait::until;
use edge_e2e::{Agent, Client, Oracle};

const AROUND: &str = "
    import edge, { AgentLimiter, LiveHub, Reader, Writer } from './index.js';
    export { AgentLimiter, LiveHub, Reader, Writer };
    const now = Date.now;
    const clock = { '/clock/stop': () => Infinity, '/clock/go': now };
    export default {
      ...edge,
      async fetch(request, env, context) {
        const set = clock[new URL(request.url).pathname];
        if (set === undefined) return edge.fetch(request, env, context);
        Date.now = set;
        return new Response('{}', { headers: { 'content-type': 'application/json' } });
      },
    };";

/// The files of a Worker whose clock can be stopped.
fn with_a_clock() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let build = dir.path().join("build");
    fs::create_dir(&build).expect("a directory");
    fs::write(build.join("around.js"), AROUND).expect("a file");
    let config = worker_config().replace(
        "\"main\": \"build/index.js\"",
        "\"main\": \"build/around.js\", \"rules\": [{ \"type\": \"ESModule\", \"globs\": [\"**/index.js\"] }]",
    );
    write_config(dir.path(), &config);
    dir
}

/// Puts a configuration where the Worker's is.
pub(crate) fn write_config(dir: &Path, config: &str) {
    assert_ne!(config, worker_config(), "nothing was replaced");
    fs::write(dir.join("wrangler.jsonc"), config).expect("a file");
}

async fn clock(client: &Client, what: &str) {
    let request = client.request("GET", &format!("/clock/{what}"));
    let set = request.send().await.expect("an answer");
    assert!(set.status().is_success(), "{set:?}");
}

/// Sends a request to which only a panic answers: the description has no such answer.
async fn failed(request: reqwest::RequestBuilder) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 500);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let text = answer.text().await.expect("text");
    let told: Value = serde_json::from_str(&text).expect("JSON");
    let detail = told["detail"].as_str().expect("words");
    assert!(detail.contains("send it again"), "{told}");
}

/// Fails a request in the Worker itself and one in a Durable Object; each is told, and the next ones are served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_answers_a_panic_and_serves_the_next_request() {
    let database = Database::migrated(Cluster::shared());
    let over = with_a_clock();
    let edge = Host::worker_over(&database.url, over.path());
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(3)).await.all_stored(3);
    for path in ["/health", "/v1/traces", "/"] {
        clock(&client, "stop").await;
        failed(client.request("GET", path)).await;
        clock(&client, "go").await;
        client.get(path).await.expect(200);
    }
    // What was answered was a trap, and no error that was handled.
    until("the trap is told", async || {
        edge.log().contains("unreachable").then_some(())
    })
    .await;
    oracle.submit(&client, agent.batch(3)).await.all_stored(3);
    fresh_event(&edge.address()).await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

/// Whoever waits for an instance that another request breaks hears so at once, and can send again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_tells_those_who_waited_for_the_instance_that_panicked() {
    let database = Database::migrated(Cluster::shared());
    let over = with_a_clock();
    let edge = Host::worker_over(&database.url, over.path());
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(3)).await.all_stored(3);

    let lock = database.session().await;
    let row = "BEGIN; SELECT FROM agents WHERE agent_id = '";
    lock.run(&format!("{row}{}' FOR UPDATE", agent.id)).await;
    let body = agent.batch(4);
    oracle.sending(&body);
    let request = client.request("POST", "/v1/traces");
    let request = request.header("content-type", "application/json");
    let waiting = tokio::spawn(failed(request.body(body.clone())));
    until("the batch waits for the row", async || {
        (database.waiting("Lock") > 0).then_some(())
    })
    .await;
    clock(&client, "stop").await;
    failed(client.request("GET", "/health")).await;
    waiting.await.expect("it is told");
    clock(&client, "go").await;
    lock.run("ROLLBACK").await;
    let answer = oracle.submit(&client, body).await;
    assert_eq!(judge(&answer), Outcome::Stored, "{}", answer.text);
    settle(&edge.address(), &database, &[&oracle]).await;
}
