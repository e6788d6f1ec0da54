//! A Postgres of a test's own: started from nothing in a temporary directory, gone when the test process is gone.
//!
//! **In scope.** Finding Postgres' programs, `initdb`, start and stop, crashes and full disks on purpose, databases that
//! tests may spoil. Everything is done with Postgres' own programs (`initdb`, `postgres`, `psql`); there is no driver here.
//!
//! **Out of scope.** What is inside a database: `trace-store-postgres` migrates it (tests hand that in as a closure, see
//! [`Cluster::copy_of`]). Anything for production.
//!
//! ```no_run
//! let cluster = test_cluster::Cluster::shared();
//! let url = cluster.fresh_database();
//! assert!(url.starts_with("postgres://"));
//! ```
//!
//! As root Postgres runs as the user `postgres`, else as the user who tests. Whatever way the process ends, a panic and
//! `kill -9` included, the server ends with it: see the module `watchdog`.

mod cluster;
mod databases;
mod disk;
mod error;
mod options;
mod programs;
mod watchdog;

pub use cluster::Cluster;
pub use disk::SmallDisk;
pub use error::ClusterError;
pub use options::{Options, Tls};
pub use programs::{OLDEST_MAJOR, Programs};
