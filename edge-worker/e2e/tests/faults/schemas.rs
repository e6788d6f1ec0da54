//! A database without the schema, or with another one than the edge knows.

use test_cluster::Cluster;

use crate::aftermath::settle;
use crate::database::Database;
use crate::host::{Host, Kind, NO_LIMITS, refusal};
use crate::traffic::{Outcome, judge};
use crate::wait::{block, until};
use edge_e2e::{Agent, Oracle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn native_refuses_to_start_on_another_schema_and_says_what_to_do() {
    let cluster = Cluster::shared();
    let database = Database::migrated(cluster);
    let newest: i32 = database
        .sql("SELECT max(version) FROM private.migrations")
        .parse()
        .expect("a number");

    // Newer than the program.
    database.sql(
        "INSERT INTO private.migrations (version, name, sha256) VALUES (9999, '9999_later', '')",
    );
    let said = block(|| refusal(&database.url));
    assert!(
        said.contains("9999") && said.contains("newer smoltbot"),
        "{said}"
    );
    database.sql("DELETE FROM private.migrations WHERE version = 9999");
    // Older.
    database.sql(&format!(
        "DELETE FROM private.migrations WHERE version = {newest}"
    ));
    let said = block(|| refusal(&database.url));
    assert!(said.contains("smoltbot db migrate"), "{said}");

    // None, under a login that cannot make it.
    let empty = Database::named(cluster, &block(|| cluster.fresh_database()));
    empty.sql("DROP ROLE IF EXISTS nobody_in_particular; CREATE ROLE nobody_in_particular LOGIN");
    let name = empty.url.rsplit('/').next().expect("a name");
    let said = block(|| refusal(&cluster.url_as("nobody_in_particular:none", name)));
    assert!(
        said.contains("never migrated") && said.contains("cannot do it"),
        "{said}"
    );
    // No database at all.
    let said = block(|| refusal(&cluster.url_as("postgres:none", "nowhere")));
    assert!(
        said.contains("nowhere") && said.contains("createdb"),
        "{said}"
    );
    assert!(!said.contains("none@"), "no login in it: {said}");
}

/// The schema goes away under an edge that runs, as when somebody restores an old dump.
async fn a_schema_that_goes_away_is_told_and_loses_nothing(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut agent, mut oracle) = (edge.client(), Agent::new(), Oracle::default());
    oracle.submit(&client, agent.batch(2)).await.all_stored(2);
    database.sql("ALTER TABLE public.streams RENAME TO rivers");
    let body = agent.batch(3);
    let answer = oracle.submit(&client, body.clone()).await;
    assert_ne!(judge(&answer), Outcome::Stored, "{}", answer.text);
    if kind == Kind::Native {
        let log = edge.log();
        assert!(log.contains("run `smoltbot db migrate`"), "{log}");
    }
    database.sql("ALTER TABLE public.rivers RENAME TO streams");
    until("the batch is stored", async || {
        let answer = oracle.submit(&client, body.clone()).await;
        (judge(&answer) == Outcome::Stored).then_some(())
    })
    .await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(a_schema_that_goes_away_is_told_and_loses_nothing);
