//! The rules of this machine's conscience: the packs that the configuration names, the alignment card, the operator's own
//! files, and those of the workspace that a call runs in.
//!
//! What files may say is crate `conscience`'s business; here they are found, read within bounds ([`reading`]), and read again
//! when they change. Whatever is wrong with a file is told; what it said when nothing was wrong stays in force ([`keeping`]),
//! and the built-in rules are in force all the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aap::ToolCall;
use aap::card::AlignmentCard;
use conscience::{Conscience, Packs};
use smoltbot_config::Config;

use keeping::Keep;
use reading::{Listing, OPERATOR, PROJECT};

mod keeping;
pub(crate) mod reading;

/// How the names of policy files end.
pub(crate) const POLICIES: &str = ".cedar";
/// Where a workspace keeps its policies.
pub(crate) const PROJECT_DIR: &str = ".smoltbot/policies";
/// How long after a look at the files the next call looks again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many workspaces are remembered; when there are more, all are forgotten and read anew.
const MAX_WORKSPACES: usize = 64;

/// The rules in force, as they were made of files.
#[derive(Clone)]
struct Made {
    conscience: Arc<Conscience>,
    complaints: Vec<String>,
}

/// The operator's rules.
struct Operator {
    looked: Instant,
    listing: Listing,
    made: Made,
}

/// The rules of calls in one working directory.
struct Place {
    looked: Instant,
    /// None where no workspace with policies is found.
    workspace: Option<Workspace>,
}

/// A workspace's rules on top of one state of the operator's.
struct Workspace {
    dir: PathBuf,
    listing: Listing,
    operator: Arc<Conscience>,
    made: Made,
    /// What its files last said when nothing was wrong with them.
    keep: Keep,
}

#[derive(Default)]
struct State {
    operator: Option<Operator>,
    /// By the working directory of calls.
    places: HashMap<String, Place>,
}

/// The rules of this machine, in force until their files change.
pub(crate) struct Policies {
    packs: Packs,
    complaints: Vec<String>,
    card: Option<conscience::card::CardRules>,
    dir: PathBuf,
    user_home: Option<PathBuf>,
    /// Whether calls are judged by them: then what is good is kept, and what is wrong goes to the log.
    judges: bool,
    keep: Mutex<Keep>,
    state: Mutex<State>,
}

/// What `status` tells of the rules.
#[derive(Debug)]
pub(crate) struct Report {
    /// The packs that are on.
    pub(crate) packs: Vec<&'static str>,
    /// How many rules of files are in force.
    pub(crate) rules: usize,
    /// How many exceptions are.
    pub(crate) exceptions: usize,
    /// How many exceptions have expired.
    pub(crate) expired: usize,
    /// What is wrong, and what is in force instead.
    pub(crate) complaints: Vec<String>,
}

impl Policies {
    /// The rules of this home under `card`, to judge by. What was good of the operator's files is kept.
    pub(crate) fn new(config: &Config, card: Option<&AlignmentCard>) -> Self {
        Self::with(config, card, true)
    }

    /// The same, to look at: nothing is written.
    pub(crate) fn looked_at(config: &Config, card: Option<&AlignmentCard>) -> Self {
        Self::with(config, card, false)
    }

    fn with(config: &Config, card: Option<&AlignmentCard>, judges: bool) -> Self {
        let (packs, mut complaints) = packs(config);
        let card = card.and_then(|card| match conscience::card::policies(card) {
            Ok(rules) => Some(rules),
            Err(error) => {
                complaints.push(format!(
                    "{}: {error}; no rule of the card is in force, the others are",
                    config.home.card_file().display()
                ));
                None
            }
        });
        Self {
            packs,
            complaints,
            card,
            dir: config.home.conscience_dir(),
            user_home: std::env::var_os("HOME").map(PathBuf::from),
            judges,
            keep: Mutex::new(Keep::in_directory(
                config.home.good_policies_dir(),
                judges && config.home.path().is_dir(),
            )),
            state: Mutex::default(),
        }
    }

    /// The rules that judge a call in `cwd` now.
    pub(crate) fn at(&self, cwd: Option<&str>, now: Instant) -> Arc<Conscience> {
        let (operator, workspace) = self.made(cwd, now);
        workspace.unwrap_or(operator).conscience
    }

    /// The same, and what is wrong with the files.
    pub(crate) fn told(&self, cwd: Option<&str>) -> (Arc<Conscience>, Vec<String>) {
        let (operator, workspace) = self.made(cwd, Instant::now());
        let mut complaints = operator.complaints;
        match workspace {
            None => (operator.conscience, complaints),
            Some(workspace) => {
                complaints.extend(workspace.complaints);
                (workspace.conscience, complaints)
            }
        }
    }

    /// What is in force without regard to a workspace.
    pub(crate) fn report(&self) -> Report {
        let (conscience, complaints) = self.told(None);
        let at = Some(trace_plugin::clock::now());
        let exceptions = conscience.exceptions();
        let expired = exceptions.iter().filter(|one| one.is_expired(at)).count();
        let of_files =
            |rule: &&conscience::RuleInfo| matches!(rule.source, conscience::Source::Operator(..));
        Report {
            packs: self.packs.iter().map(conscience::Pack::as_str).collect(),
            rules: conscience.rules().iter().filter(of_files).count(),
            exceptions: exceptions.len() - expired,
            expired,
            complaints,
        }
    }

    /// The operator's rules, and those with the workspace's on top where `cwd` is in one.
    fn made(&self, cwd: Option<&str>, now: Instant) -> (Made, Option<Made>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let operator = self.operator(&mut state, now);
        let cwd = cwd.filter(|cwd| Path::new(cwd).is_absolute());
        let workspace = cwd.and_then(|cwd| self.workspace(&mut state, cwd, &operator, now));
        (operator, workspace)
    }

    fn operator(&self, state: &mut State, now: Instant) -> Made {
        if let Some(seen) = &state.operator
            && now.saturating_duration_since(seen.looked) < LOOK_EVERY
        {
            return seen.made.clone();
        }
        let listing = reading::list(&self.dir, POLICIES);
        if let Some(seen) = &mut state.operator
            && seen.listing == listing
        {
            seen.looked = now;
            return seen.made.clone();
        }
        let mut complaints = self.complaints.clone();
        let mut keep = self.keep.lock().unwrap_or_else(PoisonError::into_inner);
        let conscience = keep.load(&self.dir, &listing, OPERATOR, &mut complaints, |files| {
            let builder = Conscience::builder().packs(self.packs).user(files);
            match &self.card {
                None => builder.build(),
                Some(card) => builder.card(card.clone()).build(),
            }
        });
        let made = self.complain(conscience, complaints);
        state.operator = Some(Operator {
            looked: now,
            listing,
            made: made.clone(),
        });
        made
    }

    fn workspace(
        &self,
        state: &mut State,
        cwd: &str,
        operator: &Made,
        now: Instant,
    ) -> Option<Made> {
        let known = state.places.get(cwd).filter(|place| {
            now.saturating_duration_since(place.looked) < LOOK_EVERY
                && place
                    .workspace
                    .as_ref()
                    .is_none_or(|one| Arc::ptr_eq(&one.operator, &operator.conscience))
        });
        if let Some(place) = known {
            return place.workspace.as_ref().map(|one| one.made.clone());
        }
        let old = state.places.remove(cwd).and_then(|place| place.workspace);
        let workspace = self.look(cwd, old, operator);
        let made = workspace.as_ref().map(|one| one.made.clone());
        if state.places.len() >= MAX_WORKSPACES {
            state.places.clear();
        }
        let place = Place {
            looked: now,
            workspace,
        };
        state.places.insert(cwd.to_owned(), place);
        made
    }

    /// The workspace that `cwd` is in, read again where anything has changed since `old`.
    fn look(&self, cwd: &str, old: Option<Workspace>, operator: &Made) -> Option<Workspace> {
        let dir = project_dir(Path::new(cwd), self.user_home.as_deref())?;
        let listing = reading::list(&dir, POLICIES);
        let old = old.filter(|old| old.dir == dir);
        let mut keep = match old {
            Some(old)
                if old.listing == listing && Arc::ptr_eq(&old.operator, &operator.conscience) =>
            {
                return Some(old);
            }
            Some(old) => old.keep,
            None => Keep::default(),
        };
        let mut complaints = Vec::new();
        let conscience = keep.load(&dir, &listing, PROJECT, &mut complaints, |files| {
            operator.conscience.for_project(&files)
        });
        Some(Workspace {
            dir,
            listing,
            operator: Arc::clone(&operator.conscience),
            made: self.complain(conscience, complaints),
            keep,
        })
    }

    fn complain(&self, conscience: Conscience, complaints: Vec<String>) -> Made {
        if self.judges {
            for complaint in &complaints {
                tracing::warn!("{complaint}");
            }
        }
        Made {
            conscience: Arc::new(conscience),
            complaints,
        }
    }
}

impl trace_plugin::Policies for Policies {
    fn current(&self, call: &ToolCall) -> Arc<Conscience> {
        self.at(call.cwd.as_deref(), Instant::now())
    }
}

/// The policies of the workspace that `cwd` is in: the nearest directory that has some, below the user's home if it is there.
/// The home itself is no workspace, nor is `/`.
pub(crate) fn project_dir(cwd: &Path, user_home: Option<&Path>) -> Option<PathBuf> {
    cwd.ancestors()
        .take_while(|dir| Some(*dir) != user_home && dir.parent().is_some())
        .map(|dir| dir.join(PROJECT_DIR))
        .find(|dir| dir.symlink_metadata().is_ok())
}

/// The packs that are on.
pub(crate) fn packs(config: &Config) -> (Packs, Vec<String>) {
    match config.conscience.packs.as_ref().map(Packs::parse) {
        None => (Packs::default(), Vec::new()),
        Some(Ok(packs)) => (packs, Vec::new()),
        Some(Err(error)) => {
            let what = format!("conscience.packs: {error}; the packs that are on by default are");
            (Packs::default(), vec![what])
        }
    }
}

#[cfg(test)]
mod tests;
