//! The gateway from outside: real sockets, a real `Gate`, and a hook that writes down what it is told.

#![allow(
    clippy::unwrap_used,
    reason = "in a test a failed unwrap is the message, in its helpers too"
)]

mod access;
mod approvals;
mod chat;
mod choosing;
mod commands;
mod fetching;
mod files;
mod house;
mod long;
mod mcp;
mod mcp_faults;
mod mcp_web;
mod metrics;
mod openai;
mod openai_failures;
mod openai_parameters;
mod pictures;
mod prompts;
mod shells;
mod stopping;
mod talk;
mod talking;
mod unclear;
mod webhooks;
mod writing;
mod ws;
