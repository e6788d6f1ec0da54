//! The small port onto the machine. The conscience does no I/O: whoever holds it answers these three questions.

/// What must be known of the machine to tell where a path leads.
pub trait World: Send + Sync {
    /// The home directory of the user that the tool runs as, absolute.
    fn home(&self) -> Option<String>;
    /// Directories that the agent was given to work in, absolute.
    fn workspace_roots(&self) -> Vec<String>;
    /// The canonical path of `path` (absolute) through symbolic links, if it exists.
    fn resolve(&self, path: &str) -> Option<String>;
}

/// A world that knows nothing: paths are judged by their text alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoWorld;

impl World for NoWorld {
    fn home(&self) -> Option<String> {
        None
    }

    fn workspace_roots(&self) -> Vec<String> {
        Vec::new()
    }

    fn resolve(&self, _path: &str) -> Option<String> {
        None
    }
}
