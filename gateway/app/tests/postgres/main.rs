//! `smoltbot` on Postgres, by the commands that people type.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod db;
mod elsewhere;
#[path = "../support/mod.rs"]
mod support;
mod whole_way;

use serde_json::Value;
use support::{Home, stderr, stdout};
use test_cluster::Cluster;

pub(crate) fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// A new database that `smoltbot db migrate` has made ready, and a login that may read and write traces in it, and no more.
pub(crate) fn migrated() -> (String, String) {
    let cluster = Cluster::shared();
    let url = cluster.copy_of("migrated", |url| {
        let output = Home::new().run(&["db", "migrate", "--database-url", url]);
        assert!(output.status.success(), "{}", stderr(&output));
    });
    let login = format!("edge_{}", database(&url));
    let sql = format!("CREATE ROLE {login} LOGIN IN ROLE ingest, anon");
    cluster.psql(database(&url), &sql).unwrap();
    let weak = cluster.url_as(&login, database(&url));
    (url, weak)
}

/// What a command said when it failed.
pub(crate) fn failure(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments);
    assert!(!output.status.success(), "{}", stdout(&output));
    assert!(stdout(&output).is_empty(), "{}", stdout(&output));
    stderr(&output)
}

pub(crate) fn answer(home: &Home, arguments: &[&str]) -> Value {
    let output = home.run(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}
