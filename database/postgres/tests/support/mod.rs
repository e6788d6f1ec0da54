//! Databases for the tests of this crate.

// A failed assertion is the message; each test binary uses its part.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::sync::Arc;

use test_cluster::Cluster;
use tokio::sync::{Mutex, OwnedMutexGuard};
use trace_store_postgres::{Options, Pool, PostgresStore, Server, schema};

/// The store that native processes have.
pub type Store = PostgresStore<Pool>;

/// Lives as long as a store that nobody else of this process may disturb. What is settled is the whole cluster's business: a
/// transaction of another test, in another database, keeps positions out of sight.
pub struct Alone {
    _lock: OwnedMutexGuard<()>,
    /// The database.
    pub url: String,
}

static ONE_AT_A_TIME: std::sync::LazyLock<Arc<Mutex<()>>> = std::sync::LazyLock::new(Arc::default);

/// Brings the schema into the database, in a runtime of its own: `make` of `Cluster::copy_of` is not async.
pub fn migrate(url: &str) {
    let url = url.to_owned();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut client = Server::parse(&url).unwrap().connect().await.unwrap();
            schema::migrate(&mut client).await.unwrap();
        });
    })
    .join()
    .unwrap();
}

/// A migrated, empty database of this cluster.
pub fn database(cluster: &Cluster) -> String {
    cluster.copy_of("migrated", migrate)
}

/// A store over it.
pub fn store(url: &str) -> Store {
    PostgresStore::new(Pool::connect(url, Options::default()).unwrap())
}

/// An empty store, with nothing else going on in the cluster.
pub async fn alone() -> (Store, Alone) {
    let lock = Arc::clone(&ONE_AT_A_TIME).lock_owned().await;
    let url = database(Cluster::shared());
    (store(&url), Alone { _lock: lock, url })
}

/// A connection with all rights, for what an administrator or an accident does.
pub async fn admin(url: &str) -> tokio_postgres::Client {
    Server::parse(url).unwrap().connect().await.unwrap()
}

/// One number.
pub async fn number(client: &tokio_postgres::Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Waits until a session of this database waits for a lock; its process.
pub async fn waiting(client: &tokio_postgres::Client) -> i32 {
    let sql = "SELECT a.pid FROM pg_stat_activity a WHERE a.datname = current_database() AND a.wait_event_type = 'Lock'";
    loop {
        if let Some(row) = client.query_opt(sql, &[]).await.unwrap() {
            return row.get(0);
        }
        tokio::task::yield_now().await;
    }
}
