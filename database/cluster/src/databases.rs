//! Databases that tests may spoil, and SQL by `psql`.

use std::collections::HashSet;
use std::sync::PoisonError;

use crate::cluster::{Cluster, run};
use crate::error::ClusterError;

/// What was made so far.
#[derive(Debug, Default)]
pub(crate) struct Databases {
    made: u32,
    templates: HashSet<String>,
}

impl Databases {
    pub(crate) fn next(&mut self) -> u32 {
        self.made += 1;
        self.made
    }
}

impl Cluster {
    /// The URL of a new, empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn fresh_database(&self) -> String {
        self.create("")
    }

    /// The URL of a new database that is a copy of the template `name`. The first call makes the template: an empty
    /// database whose URL is given to `make`, for instance to migrate it. Copying costs a small part of that.
    ///
    /// # Panics
    /// When the template or the copy cannot be made. A template whose `make` panicked is made anew by the next call.
    pub fn copy_of(&self, name: &str, make: impl FnOnce(&str)) -> String {
        let template = format!("template_{name}");
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !databases.templates.contains(name) {
            self.must(
                "postgres",
                &format!("DROP DATABASE IF EXISTS \"{template}\" WITH (FORCE)"),
            );
            self.must("postgres", &format!("CREATE DATABASE \"{template}\""));
            make(&self.url(&template));
            // A connection that `make` let go of may not have been noticed yet, and nobody may come in later: a template
            // is copied only while nobody uses it.
            self.must(
                "postgres",
                &format!(
                    "ALTER DATABASE \"{template}\" ALLOW_CONNECTIONS false;
                     SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{template}'"
                ),
            );
            databases.templates.insert(name.to_owned());
        }
        drop(databases);
        self.create(&format!("TEMPLATE \"{template}\""))
    }

    /// Runs SQL as the superuser and answers with its rows, columns parted by `|`.
    ///
    /// # Errors
    /// What the server said.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, ClusterError> {
        let mut command = self.as_account("psql");
        command
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set", "ON_ERROR_STOP=1", "--username", "postgres"])
            .args(["--dbname", database, "--port"])
            .arg(self.address().port().to_string())
            .arg("--host")
            .arg(self.socket_dir())
            .args(["--command", sql]);
        run(&mut command, "psql").map(|rows| rows.trim_end().to_owned())
    }

    pub(crate) fn must(&self, database: &str, sql: &str) -> String {
        match self.psql(database, sql) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}\n{sql}"),
        }
    }

    pub(crate) fn create(&self, how: &str) -> String {
        let number = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next();
        let name = format!("test_{number}");
        self.must("postgres", &format!("CREATE DATABASE {name} {how}"));
        self.url(&name)
    }
}
