//! The pages, a module each: read what the address asks for, ask the store, hand the answer to a template.

pub(crate) mod about;
pub(crate) mod agent;
pub(crate) mod badge;
pub(crate) mod embed;
pub(crate) mod explore;
mod facets;
pub(crate) mod feed;
mod groups;
pub(crate) mod home;
mod narrowed;
pub(crate) mod og;
pub(crate) mod promise;
pub(crate) mod refusals;
pub(crate) mod search;
pub(crate) mod session;
mod share;
pub(crate) mod sitemap;
pub(crate) mod trace;
