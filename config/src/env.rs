//! The environment as a port, so that tests need not change the process's own.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;

/// Where variables come from.
pub trait Env {
    /// All variables.
    fn vars(&self) -> Vec<(OsString, OsString)>;

    /// One variable; an empty one counts as unset.
    fn var(&self, name: &str) -> Option<OsString> {
        self.vars()
            .into_iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value)
    }
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

impl Env for Process {
    fn vars(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    fn var(&self, name: &str) -> Option<OsString> {
        std::env::var_os(name).filter(|value| !value.is_empty())
    }
}

impl Env for BTreeMap<String, String> {
    fn vars(&self) -> Vec<(OsString, OsString)> {
        self.iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    }
}

impl<S: std::hash::BuildHasher> Env for HashMap<String, String, S> {
    fn vars(&self) -> Vec<(OsString, OsString)> {
        self.iter()
            .map(|(key, value)| (key.into(), value.into()))
            .collect()
    }
}
