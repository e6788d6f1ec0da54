//! What can be wrong with a configuration, in words that say where and what to do.

use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Neither `SMOLTBOT_HOME` nor `HOME` is set.
    #[error(
        "neither SMOLTBOT_HOME nor HOME is set: set SMOLTBOT_HOME to the directory that keeps smoltbot's state"
    )]
    NoHome,
    /// A file or directory cannot be read or written.
    #[error("{path}: cannot {what}: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, as in "read".
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The file is not JSON, or a key in it is unknown or has a wrong value.
    #[error("{path}:{line}:{column}: {key}{problem}", path = path.display(), key = prefix(key))]
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The key with its section, `gateway.listen` for instance; empty where there is none.
        key: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// A variable has a wrong value, or sets a key that does not exist.
    #[error("environment variable {name}: {problem}")]
    Variable {
        /// The variable.
        name: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// What no file and no variable says, and should have.
    #[error("{key}: {problem}")]
    Key {
        /// The key with its sections, as `providers.openai.api_key_file`.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// Two or more of the others; none of them is of this kind.
    #[error("{}", in_lines(.0))]
    Several(Vec<ConfigError>),
    /// The directory for a socket's short path is not ours alone.
    #[error("{path}: {problem}; remove it, or set sidecar.socket to a path of at most 100 bytes", path = path.display())]
    SocketDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl ConfigError {
    /// All of them as one.
    ///
    /// # Errors
    /// When there are any.
    pub(crate) fn unless_none(faults: Vec<Self>) -> Result<(), Self> {
        let mut faults: Vec<Self> = faults.into_iter().flat_map(Self::each).collect();
        match faults.len() {
            0 => Ok(()),
            1 => Err(faults.remove(0)),
            _ => Err(Self::Several(faults)),
        }
    }

    /// Each by itself, in the order in which they were found.
    pub fn each(self) -> Vec<Self> {
        match self {
            Self::Several(faults) => faults,
            one => vec![one],
        }
    }
}

/// A line for each, below one that says how many there are.
fn in_lines(faults: &[ConfigError]) -> String {
    let lines = faults.iter().map(|fault| format!("\n  {fault}"));
    format!(
        "{} things are wrong with the configuration:{}",
        faults.len(),
        lines.collect::<String>()
    )
}

fn prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

/// Turns serde's words into ours: `unknown key; did you mean "listen"?; known keys are listen, token`.
pub(crate) fn in_plain_words(message: &str) -> String {
    // serde_json adds its own idea of the place; ours is better.
    let message = message.split(" at line ").next().unwrap_or(message);
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return message
            .replace(
                "expected u32",
                "expected a whole number from 0 to 4294967295",
            )
            .replace("expected u64", "expected a whole number")
            .replace("expected a sequence", "expected a list");
    };
    let mut names = rest.split('`').step_by(2);
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = rest.split('`').skip(2).step_by(2).collect();
    let hint = nearest(unknown, &known)
        .map(|name| format!("; did you mean \"{name}\"?"))
        .unwrap_or_default();
    format!("unknown key{hint}; known keys are {}", known.join(", "))
}

/// The one of `known` that `word` may be a misspelling of.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let all = known.iter().map(|name| (distance(word, name), *name));
    let near = all.filter(|(distance, name)| *distance <= 1 + name.len() / 4);
    near.min().map(|(_, name)| name)
}

/// Levenshtein's distance, ignoring case.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
