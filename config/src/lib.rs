//! Strict loading of `config.json` and the `SMOLTBOT_` variables.
//!
//! **In scope.** Where things live ([`Home`]), what can be configured ([`Config`]), errors that name file, line and key or
//! the variable, secrets that never print ([`Secret`]), and writing the identity's keys without touching the rest.
//!
//! **Out of scope.** Keys and tokens themselves are made by `trace-plugin` and the app, listening is the app's, what a
//! publish level means is `redact`'s. Nothing is guessed: what is unknown or wrong stops the start.

mod env;
mod error;
mod home;
mod identity;
mod load;
mod places;
mod secret;
mod sections;
mod settings;

pub use env::{Env, Process};
pub use error::ConfigError;
pub use home::{Home, MAX_SOCKET_PATH_BYTES};
pub use identity::IdentityKeys;
pub use load::Config;
pub use secret::Secret;
pub use sections::{
    Conscience, Dns, Edge, Gateway, MAX_BUDGET_MS, PACKS, Publish, PublishLevel, Sidecar,
    UnknownLevel,
};
pub use settings::{DEFAULT_BATCH_SIZE, DEFAULT_TIMEOUT_MS, MAX_BATCH_SIZE, MAX_TIMEOUT_MS};
