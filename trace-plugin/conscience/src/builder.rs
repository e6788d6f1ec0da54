//! Puts a [`Conscience`] together out of what others have read. Reads nothing itself.

use std::sync::Arc;

use crate::Conscience;
use crate::card::CardRules;
use crate::policy::{self, Owner, Packs, PolicyError, PolicyFile, Rules};

/// A conscience in the making.
#[derive(Debug, Default)]
pub struct Builder {
    packs: Packs,
    user: Vec<PolicyFile>,
    project: Vec<PolicyFile>,
    card: Option<Arc<CardRules>>,
}

impl Builder {
    /// The built-in packs that are on; all but `paranoid` unless said.
    #[must_use]
    pub fn packs(mut self, packs: Packs) -> Self {
        self.packs = packs;
        self
    }

    /// The operator's own files, in the order in which they count. They may forbid, ask, and lift what other rules say.
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

    /// What the alignment card says. No exception lifts it.
    #[must_use]
    pub fn card(mut self, rules: CardRules) -> Self {
        self.card = Some(Arc::new(rules));
        self
    }

    /// The conscience, and what is wrong with the files. A file that is wrong is left out as a whole; the built-in rules and
    /// the other files are in force.
    pub fn build(self) -> (Conscience, Vec<PolicyError>) {
        let (operator, mut errors) = policy::load(&self.user, Owner::Operator, &[]);
        let conscience = Conscience {
            packs: self.packs,
            operator: Arc::new(operator),
            project: Rules::default(),
            card: self.card,
        };
        let (conscience, more) = conscience.for_project(&self.project);
        errors.extend(more);
        (conscience, errors)
    }
}

impl Conscience {
    /// The same conscience in a workspace with these files, which replace those of any other workspace. The operator's files
    /// are not read again.
    pub fn for_project(&self, files: &[PolicyFile]) -> (Self, Vec<PolicyError>) {
        let (project, errors) = policy::load(files, Owner::Project, &[&self.operator]);
        let conscience = Self {
            packs: self.packs,
            operator: Arc::clone(&self.operator),
            project,
            card: self.card.clone(),
        };
        (conscience, errors)
    }
}
