//! The dashboard from outside: a router over a real store, asked as a browser asks.

mod hostile;
mod pages;
mod support;
