//! A model that makes one and the same call over and over is stopped.

use std::collections::HashMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::limits::{MAX_CALLS_OF_AN_ANSWER, MAX_HELD_BACK, MAX_SAME_CALLS};

type Key = [u8; 32];

/// The calls of one run.
#[derive(Debug, Default)]
pub(super) struct Guard {
    /// How often a call brought the same result in a row, and a digest of that.
    seen: HashMap<Key, (usize, Key)>,
    /// Answers of which a repeated call was held back.
    held_back: usize,
    /// How often the answer that is dealt with makes a call, of those that are made.
    under_way: HashMap<Key, usize>,
    made: usize,
    held_one: bool,
}

impl Guard {
    /// The model's next answer: its calls are made side by side, so that none knows of the others' results.
    pub(super) fn next(&mut self) {
        self.under_way.clear();
        self.made = 0;
        self.held_one = false;
    }

    /// What the model is told in place of a call that has brought the same too often to be made again, or that is one of too many.
    pub(super) fn holds_back(&mut self, tool: &str, params: &Value) -> Option<String> {
        if self.made >= MAX_CALLS_OF_AN_ANSWER {
            return Some(format!(
                "{tool} was not run: at most {MAX_CALLS_OF_AN_ANSWER} calls of one answer are made. Make it again if it is still needed."
            ));
        }
        let key = key(tool, params);
        let before = self.seen.get(&key).map_or(0, |(count, _)| *count);
        let now = self.under_way.entry(key).or_default();
        if before + *now >= MAX_SAME_CALLS {
            self.held_back += usize::from(!self.held_one);
            self.held_one = true;
            return Some(told(tool));
        }
        *now += 1;
        self.made += 1;
        None
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

fn told(tool: &str) -> String {
    format!(
        "{tool} was not run: this very call was made {MAX_SAME_CALLS} times already, to the same end. Do something else, or tell the user \
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

    /// Whether a call is held back that is an answer by itself.
    fn alone(guard: &mut Guard, tool: &str, params: &Value) -> bool {
        guard.next();
        guard.holds_back(tool, params).is_some()
    }

    #[test]
    fn only_the_same_call_with_the_same_result_is_held_back() {
        let mut guard = Guard::default();
        let params = json!({"path": "."});
        for round in 0..MAX_SAME_CALLS {
            assert!(!alone(&mut guard, "list_files", &params), "{round}");
            guard.brought("list_files", &params, "a\nb");
        }
        assert!(!alone(&mut guard, "list_files", &json!({"path": "x"})));
        assert!(!guard.is_out_of_patience());
        for _ in 0..MAX_HELD_BACK {
            assert!(alone(&mut guard, "list_files", &params));
        }
        assert!(guard.is_out_of_patience());
    }

    #[test]
    fn a_call_that_brings_something_new_may_go_on() {
        let mut guard = Guard::default();
        let params = json!({"command": "date"});
        for round in 0..10 {
            assert!(!alone(&mut guard, "execute_command", &params));
            guard.brought("execute_command", &params, &format!("{round}"));
        }
    }

    #[test]
    fn one_answer_makes_neither_one_call_nor_calls_at_all_without_end() {
        let mut guard = Guard::default();
        guard.next();
        let params = json!({"command": "date"});
        for at in 0..2 * MAX_SAME_CALLS {
            let held = guard.holds_back("execute_command", &params).is_some();
            assert_eq!(held, at >= MAX_SAME_CALLS, "{at}");
        }
        assert!(!guard.is_out_of_patience(), "it was one answer");
        guard.next();
        for at in 0..2 * MAX_CALLS_OF_AN_ANSWER {
            let held = guard.holds_back("read_file", &json!({"path": at.to_string()}));
            assert_eq!(held.is_some(), at >= MAX_CALLS_OF_AN_ANSWER, "{at}");
        }
    }
}
