//! What the conscience may know of this machine.

use std::path::Path;

use conscience::World;

/// The machine that the agent runs on.
#[derive(Debug, Clone, Default)]
pub struct Machine {
    home: Option<String>,
    roots: Vec<String>,
}

impl Machine {
    /// With the user's home from the environment and these workspace roots.
    pub fn new(roots: Vec<String>) -> Self {
        Self {
            home: std::env::var("HOME").ok().filter(|home| !home.is_empty()),
            roots,
        }
    }

    /// The user's home.
    pub fn home_dir(&self) -> Option<&str> {
        self.home.as_deref()
    }
}

impl World for Machine {
    fn home(&self) -> Option<String> {
        self.home.clone()
    }

    fn workspace_roots(&self) -> Vec<String> {
        self.roots.clone()
    }

    fn resolve(&self, path: &str) -> Option<String> {
        Path::new(path)
            .canonicalize()
            .ok()?
            .into_os_string()
            .into_string()
            .ok()
    }
}
