//! Puts smoltbot's hooks into the settings of other people's agents, and takes them out again without a trace.
//!
//! **In scope.** Where each agent keeps its settings, what is merged in there and what a person must still do ([`Agent`],
//! one file each); edits that leave every other byte alone ([`json`]); carrying a [`Plan`] out and undoing it ([`install()`],
//! [`undo`]), remembered in a [`Record`] in smoltbot's home.
//!
//! **Out of scope.** What the hooks say and how they are answered is `trace-plugin`'s; proving that they work, and talking to
//! people, is the app's. No process is started here and nothing is asked of a clock.

mod agents;
mod block;
mod command;
mod diff;
mod files;
mod install;
pub mod json;
mod machine;
mod mcp;
mod plan;
mod plugins;
mod record;
mod wrapped;

pub use agents::{Agent, Asked};
pub use command::{Smoltbot, is_hook};
pub use diff::unified;
pub use install::{How, Left, Undone, install, left, undo};
pub use machine::{Machine, Version};
pub use plan::{Change, Plan, Takeout};
pub use record::{AskedServer, FILE_NAME, Installed, InstalledFile, Record, RecordError, Unproven};
pub use wrapped::{Wrapped, wrapped};
