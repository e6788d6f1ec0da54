//! Names as values of a label: no more of them than a limit, whoever makes them up.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use crate::limits::MAX_METRIC_LABEL_BYTES;

/// What stands for every name that has no place of its own.
const OTHER: &str = "other";

/// The names that have been seen and have a place.
pub(super) struct Labels {
    known: Mutex<HashSet<String>>,
    most: usize,
}

impl Labels {
    /// Room for `most` names.
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: Mutex::default(),
            most,
        }
    }

    /// `name` if it has a place, or gets one: it does when it is `real` and there is room; else what stands for the others.
    pub(super) fn of(&self, name: &str, real: bool) -> String {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(name) {
            return name.to_owned();
        }
        if real && known.len() < self.most && name.len() <= MAX_METRIC_LABEL_BYTES {
            known.insert(name.to_owned());
            return name.to_owned();
        }
        OTHER.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_real_names_have_a_place() {
        let labels = Labels::new(2);
        assert_eq!(labels.of("a", false), OTHER);
        assert_eq!(labels.of("a", true), "a");
        assert_eq!(labels.of("a", false), "a", "it is known now");
        assert_eq!(
            labels.of(&"x".repeat(MAX_METRIC_LABEL_BYTES + 1), true),
            OTHER
        );
        let longest = "x".repeat(MAX_METRIC_LABEL_BYTES);
        assert_eq!(labels.of(&longest, true), longest);
        assert_eq!(labels.of("b", true), OTHER, "it is full");
    }
}
