//! Databases of a test's own, and looks into them past every edge.

use std::process::Command;

use test_cluster::{Cluster, Options};
use tokio_postgres::NoTls;

use crate::host::binary;
use crate::wait::block;

/// A migrated database.
pub(crate) struct Database<'a> {
    pub(crate) cluster: &'a Cluster,
    pub(crate) url: String,
}

/// A server that the test may stop.
pub(crate) fn cluster(options: &Options) -> Cluster {
    match block(|| Cluster::start_new(options)) {
        Ok(cluster) => cluster,
        Err(error) => panic!("{error}"),
    }
}

/// Brings the database at `url` to the schema that the edge knows.
pub(crate) fn migrate(url: &str) {
    let home = tempfile::tempdir().expect("a directory");
    let output = Command::new(binary())
        .args(["db", "migrate", "--database-url", url])
        .env("SMOLTBOT_HOME", home.path())
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

impl<'a> Database<'a> {
    /// A new one of this cluster.
    pub(crate) fn migrated(cluster: &'a Cluster) -> Self {
        let url = block(|| cluster.copy_of("migrated", migrate));
        Self::named(cluster, &url)
    }

    /// The one at `url`, under a login that Hyperdrive takes, too: it wants a password, and this server asks for none.
    pub(crate) fn named(cluster: &'a Cluster, url: &str) -> Self {
        let name = url.rsplit('/').next().expect("a name");
        Self {
            cluster,
            url: cluster.url_as("postgres:none", name),
        }
    }

    fn name(&self) -> &str {
        self.url.rsplit('/').next().expect("a name")
    }

    /// Runs SQL as the superuser; rows are lines, columns parted by `|`.
    pub(crate) fn sql(&self, sql: &str) -> String {
        block(|| self.cluster.psql(self.name(), sql)).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Backends that wait for an event of this name or kind, as `pg_stat_activity` tells it.
    pub(crate) fn waiting(&self, event: &str) -> usize {
        let count = self.sql(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE '{event}' IN (wait_event, wait_event_type) \
             AND datname = current_database() AND state = 'active'"
        ));
        count.parse().expect("a number")
    }

    /// A session that can hold locks.
    pub(crate) async fn session(&self) -> Session {
        Session::open(&self.url).await.expect("a connection")
    }
}

/// A connection of the test's own; what it holds is let go of when it is dropped.
pub(crate) struct Session {
    client: tokio_postgres::Client,
}

impl Session {
    pub(crate) async fn open(url: &str) -> Result<Self, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        Ok(Self { client })
    }

    pub(crate) async fn run(&self, sql: &str) {
        let done = self.client.batch_execute(sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}
