//! What is wrong with a configuration, gathered while it is read, and where each of it was said: in a file, or by a variable.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use crate::error::ConfigError;
use crate::sources::Sources;

/// Who has said what.
pub(crate) struct Origins {
    /// The file that lacks what no file says.
    pub(crate) file: PathBuf,
    pub(crate) sources: Sources,
    /// The variable by the path of the key that it has set.
    pub(crate) set_by: HashMap<String, String>,
}

impl Origins {
    /// A fault of the key at `path`.
    fn at(&self, path: &str, problem: String) -> ConfigError {
        let Some((key, name)) = self.variable(path) else {
            return self.sources.wrong(&self.file, path, problem);
        };
        ConfigError::Variable {
            name: name.to_owned(),
            // Its name tells the key.
            problem: if key == path {
                problem
            } else {
                format!("{path}: {problem}")
            },
        }
    }

    /// The same once everything is read: what is wrong may be that nobody says anything.
    pub(crate) fn later(&self, path: &str, problem: String) -> ConfigError {
        if self.variable(path).is_some() || self.sources.depth(path) > 0 {
            return self.at(path, problem);
        }
        ConfigError::Key {
            key: path.to_owned(),
            problem,
        }
    }

    /// The variable that has set what stands at `path`, and the key that it has set.
    fn variable(&self, path: &str) -> Option<(&str, &str)> {
        // What is wrong may stand within that key.
        let within = |key: &str| {
            path.strip_prefix(key)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        // Or it is a section that only variables make.
        let is_made = self.sources.depth(path) < path.len();
        let makes = |key: &str| {
            let rest = key.strip_prefix(path);
            is_made && rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let pairs = self
            .set_by
            .iter()
            .map(|(key, name)| (key.as_str(), name.as_str()));
        let all = pairs.filter(|(key, _)| within(key) || makes(key));
        all.min()
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Where something stands is no part of what is configured.
        f.write_str("…")
    }
}

/// All that was found.
pub(crate) struct Faults {
    pub(crate) origins: Origins,
    all: Vec<ConfigError>,
    /// The sections that could not be read as they are written.
    broken: Vec<String>,
}

impl Faults {
    pub(crate) fn new(origins: Origins, found: Vec<ConfigError>) -> Self {
        Self {
            origins,
            all: found,
            broken: Vec::new(),
        }
    }

    /// A fault that is not added to the others.
    pub(crate) fn at(&self, path: &str, problem: String) -> ConfigError {
        self.origins.at(path, problem)
    }

    /// Adds what cannot be read. Nothing else is said of its section then: it may be wrong only because of that.
    pub(crate) fn unreadable(&mut self, path: &str, problem: String) {
        let fault = self.at(path, problem);
        self.all.push(fault);
        self.broken.push(section(path).to_owned());
    }

    /// Adds what is wrong although it can be read.
    pub(crate) fn add(&mut self, path: &str, problem: String) {
        if !self.is_broken(path) {
            let fault = self.at(path, problem);
            self.all.push(fault);
        }
    }

    pub(crate) fn is_broken(&self, path: &str) -> bool {
        self.broken.iter().any(|broken| broken == section(path))
    }

    pub(crate) fn all(&mut self) -> &mut Vec<ConfigError> {
        &mut self.all
    }

    /// Who said what, if nothing was wrong with it.
    pub(crate) fn unless_any(self) -> Result<Origins, ConfigError> {
        ConfigError::unless_none(self.all)?;
        Ok(self.origins)
    }
}

/// The section of the key at `path`, with its name where sections have names.
fn section(path: &str) -> &str {
    let mut dots = path.match_indices('.').map(|(at, _)| at);
    let first = dots.next();
    let end = match first {
        Some(at) if ["providers", "webhooks", "mcp"].contains(&&path[..at]) => dots.next(),
        first => first,
    };
    &path[..end.unwrap_or(path.len())]
}
