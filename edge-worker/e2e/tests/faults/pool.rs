//! Postgres has no connection left.

use test_cluster::Options;
use tokio_postgres::error::SqlState;

use crate::aftermath::settle;
use crate::database::{Database, Session, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::traffic::{Outcome, judge, unavailable};
use crate::wait::until;
use edge_e2e::{Agent, Oracle};

/// Connections that the server takes; three of them only from superusers.
const MAX_CONNECTIONS: u32 = 20;

async fn a_server_without_connections_is_told_and_comes_back(kind: Kind) {
    let options = Options {
        max_connections: MAX_CONNECTIONS,
        ..Options::default()
    };
    let server = cluster(&options);
    let database = Database::migrated(&server);
    // As database/README.md sets an edge up: a login that may do what the two roles may.
    database.sql("CREATE ROLE edge LOGIN; GRANT ingest, anon TO edge; CREATE ROLE other LOGIN");
    if kind == Kind::Worker {
        // What runs it here migrates before, with the same login.
        database.sql("GRANT smoltbot_owner TO edge");
    }
    let name = database.url.rsplit('/').next().expect("a name");
    let edge = Host::start(kind, &server.url_as("edge:none", name), &NO_LIMITS);

    let mut held = Vec::new();
    let full = loop {
        match Session::open(&server.url_as("other", name)).await {
            Ok(session) => held.push(session),
            Err(error) => break error,
        }
        assert!(held.len() < MAX_CONNECTIONS as usize, "there is no end");
    };
    assert_eq!(full.code(), Some(&SqlState::TOO_MANY_CONNECTIONS));

    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    let body = agent.batch(5);
    let answer = oracle.submit(&client, body.clone()).await;
    assert_ne!(judge(&answer), Outcome::Stored, "{}", answer.text);
    unavailable(&client.get("/v1/traces").await);
    client.get("/health").await.expect(200);
    client.get("/ready").await.problem(503);
    if kind == Kind::Native {
        let log = edge.log();
        assert!(log.contains("SQLSTATE 53300"), "{log}");
        assert!(
            log.contains("make the pools smaller or its max_connections larger"),
            "{log}"
        );
    }

    drop(held);
    until("the batch is stored", async || {
        let answer = oracle.submit(&client, body.clone()).await;
        (judge(&answer) == Outcome::Stored).then_some(())
    })
    .await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(a_server_without_connections_is_told_and_comes_back);
