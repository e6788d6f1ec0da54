//! A file in JSON as its members, and where in it each key stands.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::ConfigError;
use crate::places::Places;

/// Reads the text of a file as a JSON object without doubles.
pub(crate) fn parse(file: &Path, text: &str) -> Result<(Map<String, Value>, Places), ConfigError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or(&problem);
        wrong_at(
            file,
            (error.line(), error.column().max(1)),
            "",
            format!("is not JSON: {problem}"),
        )
    })?;
    let places = Places::of(text);
    if let Some((key, line, column)) = &places.double {
        return Err(wrong_at(
            file,
            (*line, *column),
            key,
            "is there twice: take one out".to_owned(),
        ));
    }
    match value {
        Value::Object(members) => Ok((members, places)),
        _ => Err(wrong_at(
            file,
            (1, 1),
            "",
            "is no JSON object: begin it with { and end it with }".to_owned(),
        )),
    }
}

fn wrong_at(
    file: &Path,
    (line, column): (usize, usize),
    key: &str,
    problem: String,
) -> ConfigError {
    ConfigError::File {
        path: file.to_owned(),
        line,
        column,
        key: key.to_owned(),
        problem,
    }
}
