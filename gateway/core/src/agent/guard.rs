//! A model that makes one and the same call over and over is stopped.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::limits::{MAX_HELD_BACK, MAX_SAME_CALLS};

type Key = [u8; 32];

/// The calls of one run.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// How often a call brought the same result in a row, and a digest of that.
    seen: HashMap<Key, (usize, Key)>,
    held_back: usize,
}

impl Guard {
    /// Whether a call has brought the same too often to be made again.
    pub(super) fn holds_back(&mut self, tool: &str, params: &Value) -> bool {
        let often = self.seen.get(&key(tool, params));
        let holds = often.is_some_and(|(count, _)| *count >= MAX_SAME_CALLS);
        self.held_back += usize::from(holds);
        holds
    }

    /// Takes note of what a call brought.
    pub(super) fn brought(&mut self, tool: &str, params: &Value, told: &str) {
        let told: Key = Sha256::digest(told).into();
        let (count, last) = self.seen.entry(key(tool, params)).or_insert((0, told));
        *count = if *last == told { *count + 1 } else { 1 };
        *last = told;
    }

    /// Why the model had to end, for the person who waits.
    pub(super) fn ended(&self, rounds: usize) -> String {
        if self.is_out_of_patience() {
            return "[stopped here: the model went on making one and the same call, which brought the same result each time]"
                .to_owned();
        }
        format!(
            "[stopped here after {rounds} rounds of tools; answer \"go on\" to have it continue]"
        )
    }

    /// Whether so much was held back that the model has to answer now.
    pub(super) fn is_out_of_patience(&self) -> bool {
        self.held_back >= MAX_HELD_BACK
    }
}

/// What the model is told instead.
pub(super) fn told(tool: &str) -> String {
    format!(
        "{tool} was not run: this very call brought the same result {MAX_SAME_CALLS} times. Do something else, or tell the user \
         what you found and what is missing."
    )
}

fn key(tool: &str, params: &Value) -> Key {
    let mut digest = Sha256::new();
    digest.update(tool);
    digest.update([0]);
    digest.update(params.to_string());
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_same_call_with_the_same_result_is_held_back() {
        let mut guard = Guard::default();
        let params = json!({"path": "."});
        for round in 0..MAX_SAME_CALLS {
            assert!(!guard.holds_back("list_files", &params), "{round}");
            guard.brought("list_files", &params, "a\nb");
        }
        assert!(!guard.holds_back("list_files", &json!({"path": "x"})));
        assert!(!guard.is_out_of_patience());
        for _ in 0..MAX_HELD_BACK {
            assert!(guard.holds_back("list_files", &params));
        }
        assert!(guard.is_out_of_patience());
    }

    #[test]
    fn a_call_that_brings_something_new_may_go_on() {
        let mut guard = Guard::default();
        let params = json!({"command": "date"});
        for round in 0..10 {
            assert!(!guard.holds_back("execute_command", &params));
            guard.brought("execute_command", &params, &format!("{round}"));
        }
    }
}
