//! The agent gateway: a place where a person talks to the agent, and from which every tool call goes through the Gate.
//!
//! **In scope.** The chat page and its API ([`serve()`], [`router`]), who may come in and from where, and the tools with their
//! one executor ([`tools::Toolbox::execute`]), which takes only what an [`aap::Gate`] has admitted.
//!
//! **Out of scope.** Judging is `conscience`'s, recording is `trace-plugin`'s; both are behind the hook port in `aap`, and the
//! app plugs them in. Showing traces is `dashboard`'s; this crate only links there. Loading a config is `smoltbot-config`'s.

pub mod agent;
mod attach;
mod clock;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod http;
pub mod limits;
pub mod metrics;
pub mod model;
mod options;
mod protocol;
mod serve;
pub mod sessions;
pub mod tools;
mod webhook;

pub use clock::Clock;
pub use http::{check_host, router};
pub use metrics::Metrics;
pub use options::Options;
pub use serve::{ServeError, page_url, serve};
pub use webhook::{Webhook, WebhookAuth};
