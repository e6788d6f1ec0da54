//! What a message asks for: a command such as `/help` or `/run TOOL JSON`, or something to talk about.

use aap::limits::MAX_TOOL_NAME_CHARS;
use serde_json::{Map, Value};

/// Characters of a line that are shown around an error.
const SHOWN_AROUND: usize = 40;

/// A message, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Command {
    /// `/help`.
    Help,
    /// `/tools`.
    Tools,
    /// `/run TOOL JSON`.
    Run {
        /// The tool's name.
        tool: String,
        /// Its arguments, an object.
        params: Value,
    },
    /// How the agent answers.
    Set(Setting),
    /// Not a command.
    Talk,
}

/// What shows or sets how the agent answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Setting {
    /// `/model [NAME]`.
    Model(Option<String>),
    /// `/think [LEVEL]`.
    Think(Option<String>),
    /// `/new`.
    New,
    /// `/status`.
    Status,
}

/// Why a command cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    /// `/run` alone.
    #[error("`/run` needs the name of a tool")]
    NoTool,
    /// Nobody has such a tool.
    #[error("a tool's name has at most {MAX_TOOL_NAME_CHARS} characters")]
    LongName,
    /// Not JSON.
    #[error("the arguments are not JSON: {problem} at line {line}, column {column}\n\n{excerpt}")]
    NotJson {
        /// Whose arguments.
        tool: String,
        /// What is wrong.
        problem: String,
        /// Line of the message, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
        /// The line, with a mark below the place.
        excerpt: String,
    },
    /// JSON, but not an object.
    #[error("the arguments must be a JSON object, with names and values in braces")]
    NotObject {
        /// Whose arguments.
        tool: String,
    },
    /// Another slash.
    #[error("there is no command `{0}`")]
    Unknown(String),
}

/// Reads a message.
pub(crate) fn read(message: &str) -> Result<Command, Unreadable> {
    let trimmed = message.trim_start();
    let Some(rest) = trimmed.strip_prefix('/') else {
        return Ok(Command::Talk);
    };
    let (word, rest) = split_word(rest);
    match word {
        "help" | "" => Ok(Command::Help),
        "tools" => Ok(Command::Tools),
        "run" => run(message, rest),
        "model" => Ok(Command::Set(Setting::Model(first(rest)))),
        "think" => Ok(Command::Set(Setting::Think(first(rest)))),
        "new" => Ok(Command::Set(Setting::New)),
        "status" => Ok(Command::Set(Setting::Status)),
        other => Err(Unreadable::Unknown(format!(
            "/{}",
            other.chars().take(SHOWN_AROUND).collect::<String>()
        ))),
    }
}

/// The first word and what follows it.
fn split_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// The argument, if there is one.
fn first(rest: &str) -> Option<String> {
    rest.split_whitespace().next().map(str::to_owned)
}

fn run(message: &str, rest: &str) -> Result<Command, Unreadable> {
    // `/run list_files{"path":"."}` is clear enough.
    let rest = rest.trim_start();
    let end = rest
        .find(|c: char| c.is_whitespace() || c == '{')
        .unwrap_or(rest.len());
    let (tool, json) = rest.split_at(end);
    if tool.is_empty() {
        return Err(Unreadable::NoTool);
    }
    if tool.chars().count() > MAX_TOOL_NAME_CHARS {
        return Err(Unreadable::LongName);
    }
    let tool = tool.to_owned();
    if json.trim().is_empty() {
        return Ok(Command::Run {
            tool,
            params: Value::Object(Map::new()),
        });
    }
    match serde_json::from_str(json) {
        Ok(params @ Value::Object(_)) => Ok(Command::Run { tool, params }),
        Ok(_) => Err(Unreadable::NotObject { tool }),
        Err(error) => Err(not_json(message, json, tool, &error)),
    }
}

/// Says where in the message, not where in the JSON, as the person sees the message.
fn not_json(message: &str, json: &str, tool: String, error: &serde_json::Error) -> Unreadable {
    // `json` is the end of `message`.
    let start = message.len() - json.len();
    let line_start = match error.line() {
        0 | 1 => 0,
        line => json
            .match_indices('\n')
            .nth(line - 2)
            .map_or(0, |(at, _)| at + 1),
    };
    // serde_json counts columns in bytes.
    let mut at = (start + line_start + error.column().saturating_sub(1)).min(message.len());
    while !message.is_char_boundary(at) {
        at -= 1;
    }
    let line_start = message[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let before = &message[line_start..at];
    let column = before.chars().count() + 1;
    let text = error.to_string();
    let problem = text
        .split_once(" at line ")
        .map_or(text.as_str(), |(problem, _)| problem);
    let shown_before: String = {
        let skip = (column - 1).saturating_sub(SHOWN_AROUND);
        before.chars().skip(skip).collect()
    };
    let shown_after: String = message[at..]
        .chars()
        .take_while(|c| *c != '\n')
        .take(SHOWN_AROUND)
        .collect();
    let mark = " ".repeat(shown_before.chars().count());
    Unreadable::NotJson {
        tool,
        problem: problem.to_owned(),
        line: message[..at].matches('\n').count() + 1,
        column,
        excerpt: format!("{shown_before}{shown_after}\n{mark}^"),
    }
}

impl Unreadable {
    /// The tool that was meant, where one was.
    pub(crate) fn tool(&self) -> Option<&str> {
        match self {
            Self::NotJson { tool, .. } | Self::NotObject { tool } => Some(tool),
            Self::NoTool | Self::LongName | Self::Unknown(_) => None,
        }
    }

    /// Line and column of the message.
    pub(crate) fn place(&self) -> Option<(usize, usize)> {
        match self {
            Self::NotJson { line, column, .. } => Some((*line, *column)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_commands() {
        assert_eq!(read("/help"), Ok(Command::Help));
        assert_eq!(read("  /tools\n"), Ok(Command::Tools));
        assert_eq!(read("hello"), Ok(Command::Talk));
        assert_eq!(read("/help me"), Ok(Command::Help));
        for message in [
            r#"/run read_file {"path":"a"}"#,
            r#"/run  read_file{"path":"a"} "#,
            "/run read_file\n{\"path\":\"a\"}",
        ] {
            assert_eq!(
                read(message),
                Ok(Command::Run {
                    tool: "read_file".to_owned(),
                    params: json!({"path": "a"})
                }),
                "{message}"
            );
        }
        assert_eq!(
            read("/run list_files"),
            Ok(Command::Run {
                tool: "list_files".to_owned(),
                params: json!({})
            })
        );
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(read("/run"), Err(Unreadable::NoTool));
        assert_eq!(
            read("/runs x"),
            Err(Unreadable::Unknown("/runs".to_owned()))
        );
        assert!(matches!(
            read("/run x [1]"),
            Err(Unreadable::NotObject { .. })
        ));
        let longest = "x".repeat(MAX_TOOL_NAME_CHARS);
        assert!(read(&format!("/run {longest}")).is_ok());
        assert_eq!(read(&format!("/run {longest}x")), Err(Unreadable::LongName));
    }

    #[test]
    fn points_at_the_column_of_the_message() {
        let message = r#"/run x {"ä" "b"}"#;
        let error = read(message).unwrap_err();
        assert_eq!(error.place(), Some((1, 13)), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("\n\n/run x {\"ä\" \"b\"}\n            ^"),
            "{error}"
        );
        let error = read("/run x {\n  \"a\": 1,\n  b\n}").unwrap_err();
        assert_eq!(error.place(), Some((3, 3)), "{error}");
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let deep = format!("/run x {}", r#"{"a":"#.repeat(10_000));
        assert!(
            read(&deep)
                .unwrap_err()
                .to_string()
                .contains("recursion limit")
        );
    }

    proptest! {
        #[test]
        fn any_message_can_be_read(message in "(/run x )?[ -~äö€\n\"{}]{0,80}") {
            if let Err(error) = read(&message) && let Some((line, column)) = error.place() {
                let wanted = message.split('\n').nth(line - 1).unwrap();
                prop_assert!(column <= wanted.chars().count() + 1);
            }
        }
    }
}
