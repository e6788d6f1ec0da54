//! Named points at which tests make this program fail.
//!
//! Without the feature `faults` every function here is empty, and no program that is shipped has that feature: a test of
//! `delivery-oracle` looks for the variable's name in the binary. With it, `SMOLTBOT_FAULT` says what happens where, as a list
//! of `NAME=WHAT` between commas:
//!
//! - `kill` ends the process as `kill -9` does when it comes to that point; `kill@3` at the third time.
//! - `panic` makes a point that has a text in hand panic as a program does that cuts it at a wrong place, which quotes it.
//! - `eio` and `enospc` make a write into the spool fail there as the disk would, from the first time on; `eio@3` only at the
//!   third.
//! - `on` makes the program wrong at that point on purpose, for the oracle to show that it notices.

/// What a disk may say at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// An input/output error.
    Io,
    /// No space left.
    Full,
}

#[cfg(not(feature = "faults"))]
mod chosen {
    /// Nothing happens here.
    #[inline]
    pub fn point(_name: &str) {}

    /// Nothing happens here.
    #[inline]
    pub fn point_at(_name: &str, _text: &str) {}

    /// The disk is well.
    #[inline]
    pub fn disk(_name: &str) -> Option<super::Broken> {
        None
    }

    /// The program is right.
    #[inline]
    pub fn is_wrong(_name: &str) -> bool {
        false
    }
}

#[cfg(feature = "faults")]
mod chosen {
    use std::collections::BTreeMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::Broken;

    /// What happens at one point.
    struct Plan {
        what: String,
        /// At which time, counted from one; none is every time.
        at: Option<u64>,
        seen: u64,
    }

    static PLANS: LazyLock<Mutex<BTreeMap<String, Plan>>> =
        LazyLock::new(|| Mutex::new(plans(&std::env::var("SMOLTBOT_FAULT").unwrap_or_default())));

    /// Reads the list; what is no fault ends the program, for a test that breaks nothing would pass.
    ///
    /// # Panics
    /// When the list cannot be read.
    fn plans(list: &str) -> BTreeMap<String, Plan> {
        let entries = list.split(',').filter(|entry| !entry.is_empty());
        let plans = entries.map(|entry| {
            let (name, what) = entry.split_once('=').expect("SMOLTBOT_FAULT has NAME=WHAT");
            let (what, at) = match what.split_once('@') {
                Some((what, at)) => (what, Some(at.parse().expect("a number after @"))),
                None => (what, None),
            };
            let known = ["kill", "panic", "eio", "enospc", "on"];
            assert!(known.contains(&what), "SMOLTBOT_FAULT: what is `{what}`?");
            let what = what.to_owned();
            (name.to_owned(), Plan { what, at, seen: 0 })
        });
        plans.collect()
    }

    /// What happens at `name` this time.
    fn due(name: &str) -> Option<String> {
        let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = plans.get_mut(name)?;
        plan.seen += 1;
        plan.at
            .is_none_or(|at| at == plan.seen)
            .then(|| plan.what.clone())
    }

    /// Ends the process here if that is planned.
    pub fn point(name: &str) {
        point_at(name, "");
    }

    /// The same, at a point that has `text` in hand.
    ///
    /// # Panics
    /// If that is planned; the message then quotes the text, as the standard library's does.
    pub fn point_at(name: &str, text: &str) {
        match due(name).as_deref() {
            Some("kill") => {
                // It has no way to fail for the process itself, and nothing after it is reached.
                let _ = kill(Pid::this(), Signal::SIGKILL);
            }
            Some("panic") => panic!("the text is cut at a wrong place: `{text}`"),
            _ => {}
        }
    }

    /// What the disk says here; ends the process if that is planned.
    pub fn disk(name: &str) -> Option<Broken> {
        match due(name)?.as_str() {
            "eio" => Some(Broken::Io),
            "enospc" => Some(Broken::Full),
            "kill" => {
                let _ = kill(Pid::this(), Signal::SIGKILL);
                None
            }
            _ => None,
        }
    }

    /// Whether the program is to be wrong here.
    pub fn is_wrong(name: &str) -> bool {
        due(name).as_deref() == Some("on")
    }
}

pub use chosen::{disk, is_wrong, point, point_at};

impl Broken {
    /// As SQLite would tell it.
    pub fn as_sqlite(self) -> rusqlite::Error {
        let code = match self {
            Self::Io => rusqlite::ffi::SQLITE_IOERR,
            Self::Full => rusqlite::ffi::SQLITE_FULL,
        };
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }
}
