//! The gateway from outside: real sockets, a real `Gate`, and a hook that writes down what it is told.

mod access;
mod chat;
mod commands;
mod files;
mod house;
mod stopping;
