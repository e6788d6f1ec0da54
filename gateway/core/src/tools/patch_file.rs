//! `patch_file`: one text of a file in place of another, where it is clear which.

use std::io::Read as _;

use aap::{Admitted, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Running, Tool, Workspace, arguments, blocking};
use crate::limits::{MAX_PATCH_BYTES, MAX_PLACES};

/// Replaces a text in a file.
#[derive(Debug, Clone, Copy)]
pub struct PatchFile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    old_string: String,
    new_string: String,
    #[serde(default)]
    replace_all: bool,
}

impl Tool for PatchFile {
    fn name(&self) -> &'static str {
        "patch_file"
    }

    fn description(&self) -> &'static str {
        "Replaces a text that occurs exactly once in a file of the workspace, or with `replace_all` wherever it occurs."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "path below the workspace"},
                "old_string": {"type": "string", "minLength": 1, "description": "the text as it stands in the file, with its spaces, and enough of the lines around it to be the only one"},
                "new_string": {"type": "string", "description": "what stands there afterwards"},
                "replace_all": {"type": "boolean", "default": false},
            },
            "required": ["path", "old_string", "new_string"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"path": "README.md", "old_string": "Helo", "new_string": "Hello"}"#
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let asked: Arguments = arguments(self, admitted.call())?;
            let workspace = workspace.clone();
            blocking(move || patch(&workspace, &asked)).await
        })
    }
}

fn patch(workspace: &Workspace, asked: &Arguments) -> Result<Value, Failure> {
    let path = &asked.path;
    if asked.old_string.is_empty() {
        return Err(Failure::new(
            "`old_string` is empty; write_file writes whole files",
        ));
    }
    if asked.old_string == asked.new_string {
        return Err(Failure::new(
            "`old_string` and `new_string` are the same; nothing would change",
        ));
    }
    let place = workspace.place(path, false)?;
    let _turn = workspace.writing();
    let Some(before) = place.stat()? else {
        return Err(Failure::new(format!(
            "`{path}` does not exist in the workspace; write_file makes new files"
        )));
    };
    let mut bytes = Vec::new();
    place
        .open()?
        .take(MAX_PATCH_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("`{path}`: {error}")))?;
    if bytes.len() as u64 > MAX_PATCH_BYTES {
        return Err(Failure::new(format!(
            "`{path}` is too large: files of up to {MAX_PATCH_BYTES} bytes can be patched"
        )));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        Failure::new(format!(
            "`{path}` is not UTF-8 text: byte {} does not belong into one",
            error.utf8_error().valid_up_to()
        ))
    })?;
    let (patched, replaced) = replaced(&text, asked)?;
    place.put(patched.as_bytes(), Some(&before))?;
    Ok(json!({"path": path, "replaced": replaced, "bytes": patched.len()}))
}

/// The new text, and how often something was replaced.
fn replaced(text: &str, asked: &Arguments) -> Result<(String, usize), Failure> {
    // Models write `\n`; where every line of a file ends with CRLF, theirs do too.
    let crlf = text.contains("\r\n") && text.matches('\n').count() == text.matches("\r\n").count();
    let ended = |part: &str| {
        if crlf {
            part.replace("\r\n", "\n").replace('\n', "\r\n")
        } else {
            part.to_owned()
        }
    };
    let (old, new) = (ended(&asked.old_string), ended(&asked.new_string));
    let found = text.matches(old.as_str()).count();
    if found == 0 {
        return Err(missing(text, asked));
    }
    if found > 1 && !asked.replace_all {
        let lines: Vec<String> = text
            .match_indices(old.as_str())
            .take(MAX_PLACES)
            .map(|(at, _)| line_of(text, at).to_string())
            .collect();
        let more = if found > MAX_PLACES { ", …" } else { "" };
        return Err(Failure::new(format!(
            "`old_string` occurs {found} times in `{}`, at lines {}{more}; take more of the lines around the one that is \
             meant, or set `replace_all`. Nothing was written",
            asked.path,
            lines.join(", ")
        )));
    }
    Ok((text.replace(old.as_str(), &new), found))
}

/// Says that there is no such text, and where there is nearly one.
fn missing(text: &str, asked: &Arguments) -> Failure {
    let path = &asked.path;
    let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let wanted = words(&asked.old_string);
    let height = asked.old_string.trim().lines().count().max(1);
    let lines: Vec<&str> = text.lines().collect();
    let near = (!wanted.is_empty())
        .then(|| {
            lines
                .windows(height.min(lines.len().max(1)))
                .position(|window| words(&window.join(" ")).contains(&wanted))
        })
        .flatten();
    Failure::new(match near {
        Some(line) => format!(
            "`old_string` does not occur in `{path}`; with other spaces it does, at line {}: copy it from there as it stands. \
             Nothing was written",
            line + 1
        ),
        None => format!(
            "`old_string` does not occur in `{path}`; read_file shows what is there. Nothing was written"
        ),
    })
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
