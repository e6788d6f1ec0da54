//! What an edge does when things break: Postgres, its disk, its connections, the edge's own process, clocks, the DNS, and clients.
//!
//! **In scope.** Each fault of the outside world that an edge must stand, made to happen to real processes: Postgres in a
//! cluster of the test's own, the native edge (`smoltbot edge`) and the Worker in workerd (`cargo xtask worker dev`). The oracle
//! of the HTTP suite says whether promises were kept: what was acknowledged is there once with the content that was sent,
//! nothing else is there, and a fresh event works after each fault.
//! **Out of scope.** What a healthy edge answers (`tests/e2e`), faults of SQLite (`trace-store-sqlite`), the sidecar's end of
//! the promise (`trace-plugin`).
//!
//! `SMOLTBOT_BIN` names the binary and `SMOLTBOT_XTASK` the program behind `cargo xtask`, which starts the last bundle of the
//! Worker; `cargo xtask test` builds both and runs this. A test is named after its host: `native`, `worker`, or neither where
//! several share one database. What is random follows from a seed, which each test prints; `FAULTS_SEED` sets another.

mod aftermath;
mod database;
mod host;
mod random;
mod traffic;
mod wait;

mod disk;
mod kills;
mod letters;
mod locks;
mod newcomers;
mod outages;
mod panics;
mod poison;
mod pool;
mod postgrest;
mod proofs;
mod schemas;
mod stops;
mod ticks;
mod times;
mod together;

/// A test body for each host that it is meant for.
macro_rules! on_each_host {
    ($($body:ident),+ $(,)?) => {
        mod native {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $body() {
                super::$body(crate::host::Kind::Native).await;
            })+
        }
        mod worker {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $body() {
                super::$body(crate::host::Kind::Worker).await;
            })+
        }
    };
}
use on_each_host;
