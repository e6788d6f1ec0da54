//! The migrations, embedded.

use sha2::{Digest as _, Sha256};

/// One file of `database/migrations/traces/postgres`. Released ones never change; `database/migrations/released.txt` lists
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub version: i32,
    /// Its file's name.
    pub name: &'static str,
    /// What it says.
    pub sql: &'static str,
}

impl Migration {
    /// The digest of its text, by which an applied one is known again.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.sql).into()
    }
}

macro_rules! migrations {
    ($($version:literal $name:literal)*) => {
        [$(Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../../migrations/traces/postgres/", $name)),
        }),*]
    };
}

/// All of them, in their order.
pub const MIGRATIONS: [Migration; 9] = migrations! {
    1 "0001_roles.sql"
    2 "0002_tables.sql"
    3 "0003_append.sql"
    4 "0004_rights.sql"
    5 "0005_upkeep.sql"
    6 "0006_links.sql"
    7 "0007_rollups.sql"
    8 "0008_card_ids.sql"
    9 "0009_losses.sql"
};

/// The schema that this program knows: the number of its last migration.
pub const VERSION: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed assertion is the message")]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_embedded_under_its_number() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations/traces/postgres");
        let mut names: Vec<_> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, MIGRATIONS.map(|migration| migration.name));
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version).unwrap(), index + 1);
            let number = format!("{:04}_", migration.version);
            assert!(migration.name.starts_with(&number), "{}", migration.name);
            // The migrations that know of no ledger yet are those before the one that makes it.
            assert_eq!(
                migration.sql.contains("CREATE TABLE private.migrations"),
                migration.version == 2
            );
        }
    }

    #[test]
    fn no_migration_ends_the_transaction_that_it_runs_in() {
        for migration in MIGRATIONS {
            for word in ["COMMIT", "ROLLBACK", "CONCURRENTLY", "VACUUM"] {
                let found = migration
                    .sql
                    .lines()
                    .filter(|line| !line.trim_start().starts_with("--"))
                    .any(|line| line.contains(word));
                assert!(!found, "{} says {word}", migration.name);
            }
        }
    }
}
