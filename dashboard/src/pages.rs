//! The pages, a module each: read what the address asks for, ask the store, hand the answer to a template.

pub(crate) mod agent;
pub(crate) mod badge;
mod groups;
pub(crate) mod home;
pub(crate) mod refusals;
pub(crate) mod search;
pub(crate) mod session;
pub(crate) mod trace;
