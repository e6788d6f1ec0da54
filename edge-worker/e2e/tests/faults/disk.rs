//! The disk that Postgres keeps its tables on is full.

use serde_json::json;
use test_cluster::Cluster;

use crate::aftermath::settle;
use crate::database::{Database, migrate};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::traffic::{Outcome, judge};
use crate::wait::{block, until};
use edge_e2e::{Agent, Oracle, flat_of, unproven_agent};

/// The disk: an empty database takes ten, and some batches shall fit.
const DISK_MB: u32 = 32;
/// Batches that fit into the pages which tables already have: far fewer than this.
const BATCHES: usize = 500;

async fn a_full_disk_is_told_and_loses_nothing_that_was_acknowledged(kind: Kind) {
    let server = Cluster::shared();
    let disk = block(|| server.small_disk(DISK_MB, migrate)).expect("a small disk");
    let database = Database::named(server, disk.url());
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(20)).await.all_stored(20);

    block(|| disk.fill()).expect("a full disk");
    let flat = unproven_agent();
    let mut refused = None;
    for _ in 0..BATCHES {
        let traces: Vec<_> = (0..25).map(|_| flat_of(flat)).collect();
        let body = json!({ "batch": traces }).to_string().into_bytes();
        let answer = oracle.submit(&client, body.clone()).await;
        if judge(&answer) != Outcome::Stored {
            refused = Some(body);
            break;
        }
    }
    let refused = refused.expect("a full disk takes no more");
    // Nothing half: none of it can be seen, or all was queued.
    let signed = agent.batch(200);
    let _ = judge(&oracle.submit(&client, signed.clone()).await);
    // Reads go on.
    let listed = client
        .json(&format!("/v1/traces?agent_id={}", agent.id))
        .await;
    assert_eq!(listed["traces"].as_array().map(Vec::len), Some(20));
    client
        .get(&format!("/agent/{}", agent.id))
        .await
        .expect(200);
    client.get("/v1/stats").await.expect(200);
    if kind == Kind::Native {
        // The operator is told more than the client.
        let log = edge.log();
        assert!(
            log.contains("free some space on the database's disk"),
            "{log}"
        );
    }

    block(|| disk.free()).expect("room");
    for body in [refused, signed] {
        until("what was refused is taken", async || {
            let answer = oracle.submit(&client, body.clone()).await;
            (judge(&answer) != Outcome::Later).then_some(())
        })
        .await;
    }
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(a_full_disk_is_told_and_loses_nothing_that_was_acknowledged);
