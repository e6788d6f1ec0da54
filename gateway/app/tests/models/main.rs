//! A chat with a model, by the program that people run: configured by file or environment, a provider that speaks each real wire
//! format, tools that are judged and traced, and a key that nobody sees.

#![allow(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

mod mcp;
mod misconfigured;
mod settings;
mod turn;
