//! A run of steps: each is announced, watched and counted, and what failed is named at the end.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::thread;

use crate::command::Line;
use crate::counts::Counts;

/// What has happened so far.
#[derive(Debug, Default)]
pub(crate) struct Run {
    counts: Counts,
    failures: Vec<(String, String)>,
}

impl Run {
    /// Announces a step.
    pub(crate) fn announce(name: &str, what: &str) {
        println!("\n== {name}: {what}");
    }

    /// Runs `line` as the step `name`, counting the tests in its output; true when it succeeds.
    pub(crate) fn step(&mut self, name: &str, what: &str, line: &Line) -> bool {
        self.step_again(name, what, line, &line.to_string())
    }

    /// The same, for a step that is run again by typing `again`.
    pub(crate) fn step_again(&mut self, name: &str, what: &str, line: &Line, again: &str) -> bool {
        Self::announce(name, what);
        println!("   $ {line}");
        let (counts, ended) = watch(line);
        self.counts += counts;
        let failure = match ended {
            Ok(true) => return true,
            Ok(false) => again.to_owned(),
            Err(error) => format!("{again} (could not start: {error})"),
        };
        if counts.failed == 0 {
            // It failed outside of any test.
            self.counts.failed += 1;
        }
        self.failures.push((name.to_owned(), failure));
        false
    }

    /// Runs `line` as the step `name` that is one test, whatever it prints.
    pub(crate) fn single(&mut self, name: &str, what: &str, line: &Line, again: &str) -> bool {
        let ok = self.step_again(name, what, line, again);
        self.counts.passed += u64::from(ok);
        ok
    }

    /// Records a step that failed without a command of its own.
    pub(crate) fn fail(&mut self, name: &str, error: &anyhow::Error, rerun: &str) {
        println!("   {name} failed: {error:#}");
        self.counts.failed += 1;
        self.failures.push((name.to_owned(), rerun.to_owned()));
    }

    /// Tests counted so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Names the failed steps; true when there are none.
    pub(crate) fn conclude(&self) -> bool {
        println!();
        for (name, rerun) in &self.failures {
            println!("FAILED {name}; run it again with:\n   {rerun}");
        }
        self.failures.is_empty()
    }
}

/// Runs `line`, passing its output on as it comes.
fn watch(line: &Line) -> (Counts, std::io::Result<bool>) {
    let mut command = line.command();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return (Counts::default(), Err(error)),
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let counts = thread::scope(|scope| {
        let err = scope.spawn(|| {
            err.map_or_else(Counts::default, |err| {
                pass_on(err, |line| eprint!("{line}"))
            })
        });
        let mut counts =
            out.map_or_else(Counts::default, |out| pass_on(out, |line| print!("{line}")));
        counts += err.join().unwrap_or_default();
        counts
    });
    (counts, child.wait().map(|status| status.success()))
}

/// Shows every line of `from` and counts the tests they tell of.
fn pass_on(from: impl Read, show: fn(&str)) -> Counts {
    let mut counts = Counts::default();
    let mut bytes = Vec::new();
    let mut from = BufReader::new(from);
    while from
        .read_until(b'\n', &mut bytes)
        .is_ok_and(|read| read > 0)
    {
        let line = String::from_utf8_lossy(&bytes);
        show(&line);
        counts += Counts::of_line(&line).unwrap_or_default();
        bytes.clear();
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Line {
        Line::new("sh").args(["-c", script])
    }

    #[test]
    fn counts_come_from_both_outputs() {
        let mut run = Run::default();
        let script = "echo 'ℹ pass 2'; echo 'test result: ok. 3 passed; 0 failed; 1 ignored' >&2";
        assert!(run.step("both", "a test", &sh(script)));
        let expected = Counts {
            passed: 5,
            failed: 0,
            skipped: 1,
        };
        assert_eq!(run.counts(), expected);
        assert!(run.conclude());
    }

    #[test]
    fn a_failure_without_a_failed_test_still_counts() {
        let mut run = Run::default();
        assert!(!run.step("breaks", "a test", &sh("echo 'ℹ pass 1'; exit 1")));
        assert!(!run.step("absent", "a test", &Line::new("no-such-program")));
        assert!(!run.step("fails", "a test", &sh("echo 'ℹ fail 4'; exit 1")));
        assert_eq!((run.counts().passed, run.counts().failed), (1, 6));
        assert!(!run.conclude());
    }
}
