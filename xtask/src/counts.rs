//! How many tests passed, read from what the runners print.

use std::ops::{AddAssign, Sub};

/// Tests of one or more runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Sub for Counts {
    type Output = Self;

    /// What came after `before`.
    fn sub(self, before: Self) -> Self {
        Self {
            passed: self.passed - before.passed,
            failed: self.failed - before.failed,
            skipped: self.skipped - before.skipped,
        }
    }
}

impl Counts {
    /// The counts in one line of output, if it is a summary of nextest, cargo's own runner or node's.
    pub(crate) fn of_line(line: &str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            // test result: ok. 21 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
            return Some(words(rest.split_once(". ")?.1, "; "));
        }
        if line.starts_with("Summary [") {
            // Summary [   0.9s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out, 0 skipped
            return Some(words(line.split_once(" run: ")?.1, ", "));
        }
        // ℹ pass 5, or # pass 5 in TAP
        let (word, count) = ["ℹ ", "# "]
            .iter()
            .find_map(|mark| line.strip_prefix(mark))?
            .split_once(' ')?;
        let count = count.parse().ok()?;
        let mut counts = Self::default();
        match word {
            "pass" => counts.passed = count,
            "fail" | "cancelled" => counts.failed = count,
            "skipped" | "todo" => counts.skipped = count,
            _ => return None,
        }
        Some(counts)
    }
}

fn words(text: &str, separator: &str) -> Counts {
    let mut counts = Counts::default();
    for part in text.split(separator) {
        let Some((number, word)) = part.split_once(' ') else {
            continue;
        };
        let number = number.parse().unwrap_or(0);
        match word.split('(').next().unwrap_or(word).trim() {
            "passed" => counts.passed += number,
            "failed" | "exec failed" | "timed out" => counts.failed += number,
            "ignored" | "skipped" => counts.skipped += number,
            _ => {}
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64) -> Counts {
        Counts {
            passed,
            failed,
            skipped,
        }
    }

    #[test]
    fn summaries_of_each_runner_are_read() {
        let table = [
            (
                "test result: FAILED. 4 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.87s",
                Some(counts(4, 1, 2)),
            ),
            (
                "     Summary [   0.871s] 5 tests run: 5 passed, 0 skipped",
                Some(counts(5, 0, 0)),
            ),
            (
                "Summary [ 12.0s] 1 test run: 1 passed (1 slow), 3 failed, 1 timed out, 1 exec failed, 9 skipped",
                Some(counts(1, 5, 9)),
            ),
            ("ℹ pass 12", Some(counts(12, 0, 0))),
            ("# fail 2", Some(counts(0, 2, 0))),
            ("ℹ tests 14", None),
            ("running 5 tests", None),
            ("test a ... ok", None),
        ];
        for (line, expected) in table {
            assert_eq!(Counts::of_line(line), expected, "{line}");
        }
    }
}
