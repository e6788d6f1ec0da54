//! The schema: which migrations there are, which were applied, and what has to be done from time to time.
//!
//! Everything here takes a client, whoever connected it, and the time, and works in a Worker as well. Rights follow from the
//! role that the client logged in with: whoever migrates is a superuser, or a member of `smoltbot_owner` with `CREATEROLE`;
//! upkeep is allowed to members of `ingest`; `database/README.md` says how to make them.

mod catalog;
mod error;
mod files;
mod migrate;
mod status;
mod upkeep;

pub use catalog::OLDEST_SERVER;
pub use files::{MIGRATIONS, Migration, VERSION};
pub use migrate::{Migrated, check, is_replica, may_migrate, migrate, version};
pub use status::{Owned, Partition, RoleRow, Status, status};
pub use upkeep::{
    Erase, MAX_RETENTION_DAYS, Upkeep, erase, fold, partition, set_retention, upkeep,
};
