//! The dashboard from outside: a router over a real store, asked as a browser asks.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod agent;
mod around;
mod audit;
mod elsewhere;
mod explore;
mod hostile;
mod leave;
mod left_out;
mod pages;
mod promise;
mod proof;
mod support;
