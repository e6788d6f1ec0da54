//! Masks secrets, and decides how much of a call's content is published.
//!
//! **In scope.** [`Redacted`], the only form in which content reaches the spool or leaves the machine; [`Redactor`], the
//! only maker of it; the rules of what a secret looks like; [`find_secret`], the edge's check that a client did the same.
//!
//! **Out of scope.** Whether a call may run is `conscience`'s, keeping and shipping what was masked are `trace-plugin`'s,
//! rejecting a trace with a secret in it is `edge-core`'s. No I/O, clock or randomness: salts are brought along.
//!
//! ```
//! use redact::{Level, Redactor, find_secret};
//! use serde_json::json;
//!
//! let redactor = Redactor::new(Level::Preview);
//! let params = redactor.params("exec", &json!({"command": "curl -H 'Authorization: Bearer abc123def456ghi7' x.org"}));
//! assert_eq!(*params, json!({"command": "curl -H 'Authorization: Bearer [redacted:authorization]' x.org"}));
//! assert_eq!(params.masked()[0].rule, "authorization");
//! assert_eq!(find_secret(&params.to_string()), None);
//! ```

mod argv;
mod assign;
mod encoded;
mod find;
mod gate;
#[cfg_attr(
    target_arch = "wasm32",
    allow(dead_code, reason = "a Worker masks nothing")
)]
mod kubernetes;
mod level;
pub mod limits;
mod mask;
mod names;
#[cfg(any(test, target_arch = "wasm32"))]
mod pattern;
#[cfg_attr(
    target_arch = "wasm32",
    allow(dead_code, reason = "a Worker masks nothing")
)]
mod pii;
mod preview;
mod publishing;
mod random;
mod redacted;
mod redactor;
mod rules;
mod scan;
mod shape;
mod walk;

pub use find::{Finding, find_secret};
pub use level::{Level, UnknownLevel};
pub use redacted::{Masked, Redacted};
pub use redactor::{Redactor, SealError};
pub use rules::{Origin, RuleInfo, rule_names, rules};
pub use scan::holds_secret;
