//! Puts a [`Conscience`] together out of what others have read. Reads nothing itself.

use crate::Conscience;
use crate::policy::{self, Packs, PolicyError, PolicyFile};

/// A conscience in the making.
#[derive(Debug, Default)]
pub struct Builder {
    packs: Packs,
    user: Vec<PolicyFile>,
    project: Vec<PolicyFile>,
}

impl Builder {
    /// The built-in packs that are on; all but `paranoid` unless said.
    #[must_use]
    pub fn packs(mut self, packs: Packs) -> Self {
        self.packs = packs;
        self
    }

    /// The operator's own files, in the order in which they count.
    #[must_use]
    pub fn user(mut self, files: Vec<PolicyFile>) -> Self {
        self.user = files;
        self
    }

    /// Files of the workspace that the agent works in. It is not the operator's, so they may only forbid and ask.
    #[must_use]
    pub fn project(mut self, files: Vec<PolicyFile>) -> Self {
        self.project = files;
        self
    }

    /// The conscience, and what is wrong with the files. A file that is wrong is left out as a whole; the built-in rules and
    /// the other files are in force.
    pub fn build(mut self) -> (Conscience, Vec<PolicyError>) {
        self.user.append(&mut self.project);
        let (user, errors) = policy::load(&self.user);
        let packs = self.packs;
        (Conscience { packs, user }, errors)
    }
}
