//! What all tests use: the facts, a client that compares every answer with the description, agents, the oracle.

mod agent;
mod answer;
mod client;
mod description;
pub(crate) mod facts;
mod fresh;
mod oracle;
mod raw;

pub(crate) use agent::{Agent, content, held_back};
pub(crate) use answer::Answer;
pub(crate) use client::Client;
pub(crate) use description::Description;
pub(crate) use fresh::{flat, flat_of, now, unproven_agent, word};
pub(crate) use oracle::Oracle;
