//! A command that can be shown, run, and typed again.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tree;

/// A command line in the making.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(&'static str, OsString)>,
    dir: PathBuf,
}

impl Line {
    /// Runs `program` in the repository's root.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            envs: Vec::new(),
            dir: tree::root().to_owned(),
        }
    }

    /// Runs cargo.
    pub(crate) fn cargo() -> Self {
        Self::new("cargo")
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        self.args.extend(args);
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name, value.as_ref().to_owned()));
        self
    }

    pub(crate) fn dir(mut self, dir: &Path) -> Self {
        dir.clone_into(&mut self.dir);
        self
    }

    /// The command, without standard input: nothing here asks questions.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .envs(self.envs.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.dir)
            .stdin(Stdio::null());
        command
    }

    /// Whether it starts and succeeds; says nothing.
    pub(crate) fn succeeds(&self) -> bool {
        let mut command = self.command();
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// Shows and runs it, all on standard error: standard output is for answers.
    ///
    /// # Errors
    /// When it does not start or does not succeed, with the line to type again.
    pub(crate) fn run(&self) -> Result<()> {
        eprintln!("   $ {self}");
        let status = self.command().stdout(std::io::stderr()).status();
        let status = status.with_context(|| format!("could not start `{self}`"))?;
        if !status.success() {
            bail!("`{self}` ended with {status}");
        }
        Ok(())
    }
}

/// As a shell takes it, from the repository's root.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.dir != tree::root() {
            let dir = self.dir.strip_prefix(tree::root()).unwrap_or(&self.dir);
            write!(f, "cd {} && ", quoted(dir.as_os_str()))?;
        }
        for (name, value) in &self.envs {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.program))?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_as_a_shell_takes_it() {
        let line = Line::new("node")
            .arg("it's")
            .arg("")
            .arg("a.mjs")
            .env("A", "b c")
            .dir(&tree::root().join("e2e"));
        assert_eq!(
            line.to_string(),
            r"cd e2e && A='b c' node 'it'\''s' '' a.mjs"
        );
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = Line::new("sh").args(["-c", "exit 3"]).run().unwrap_err();
        assert!(error.to_string().contains("sh -c 'exit 3'"), "{error}");
        let error = Line::new("no-such-program").run().unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
