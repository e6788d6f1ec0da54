//! One HTTP suite for every host of the edge.
//!
//! **In scope.** What anyone can see of an edge over HTTP: every route of its description, what is taken and what is not,
//! limits, chains and their proofs, listings, live events, pages. The suite knows the base URL in `BASE_URL` and a few facts
//! of how the host was started (`edge_e2e::facts`); nothing here knows which host or which store answers.
//! **Out of scope.** Starting hosts (`cargo xtask test` starts each and runs this against it), rules that need a clock which
//! can be turned or a store that can be broken (`edge-server`'s and the stores' own tests), pages in a browser (`e2e/browser`).
//!
//! Agents, ids, sessions and networks are new in every run and of one test only, so tests stand alone and can run again
//! on the same database. Every answer to a described route is compared with the description, whatever else a test asks.

mod bad_input;
mod batches;
mod cards;
mod chains;
mod described;
mod encodings;
mod exports;
mod facets;
mod filters;
mod forks;
mod forms;
mod handshake;
mod limits;
mod links;
mod live;
mod nul;
mod oracle;
mod pages;
mod paging;
mod routes;
mod spans;
mod statistics;
mod times;
