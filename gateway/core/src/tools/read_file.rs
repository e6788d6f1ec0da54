//! `read_file`: lines of a text file of the workspace.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};

use aap::{Admitted, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

use super::capped::Capped;
use super::{Failure, Running, Tool, Workspace, arguments, blocking};
use crate::limits::{DEFAULT_FILE_LINES, MAX_FILE_BYTES, MAX_FILE_SCAN_BYTES};

/// Reads lines of a text file.
#[derive(Debug, Clone, Copy)]
pub struct ReadFile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    offset: Option<u64>,
    limit: Option<u64>,
}

impl Tool for ReadFile {
    fn name(&self) -> &'static str {
        "read_file"
    }

    fn description(&self) -> &'static str {
        "Reads a text file of the workspace, whole or from line `offset` on."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "path below the workspace"},
                "offset": {"type": "integer", "minimum": 1, "description": "first line, counted from 1"},
                "limit": {"type": "integer", "minimum": 1, "description": "number of lines", "default": DEFAULT_FILE_LINES},
            },
            "required": ["path"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"path": "README.md"}"#
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let asked: Arguments = arguments(self, admitted.call())?;
            if asked.offset == Some(0) || asked.limit == Some(0) {
                return Err(Failure::new("`offset` and `limit` count from 1"));
            }
            let workspace = workspace.clone();
            blocking(move || read(&workspace.file(&asked.path)?, &asked)).await
        })
    }
}

fn read(file: &File, asked: &Arguments) -> Result<Value, Failure> {
    let trouble = |error| Failure::new(format!("`{}`: {error}", asked.path));
    let first = asked.offset.unwrap_or(1);
    let after = first.saturating_add(asked.limit.unwrap_or(DEFAULT_FILE_LINES));
    let mut reader = BufReader::new(file.take(MAX_FILE_SCAN_BYTES));
    let mut kept = Capped::new(MAX_FILE_BYTES);
    let mut line = 1;
    let (mut ended, mut lines) = (false, 0);
    while line < after {
        let buffer = reader.fill_buf().map_err(trouble)?;
        if buffer.is_empty() {
            ended = true;
            break;
        }
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let piece = &buffer[..newline.map_or(buffer.len(), |at| at + 1)];
        if piece.contains(&0) {
            return Err(Failure::new(format!(
                "`{}` is not text: line {line} holds a NUL byte",
                asked.path
            )));
        }
        if line >= first {
            kept.push(piece);
            lines = line - first + 1;
        }
        let taken = piece.len();
        line += u64::from(newline.is_some());
        reader.consume(taken);
    }
    if ended && reader.get_ref().limit() == 0 {
        return Err(Failure::new(format!(
            "`{}` is too large: lines are looked for in its first {MAX_FILE_SCAN_BYTES} bytes; ask for fewer with `limit`",
            asked.path
        )));
    }
    let more = !ended && !reader.fill_buf().map_err(trouble)?.is_empty();
    let (content, cut) = kept.finish();
    let mut answer = json!({"path": asked.path, "content": content, "lines": lines});
    if more {
        answer["next_offset"] = json!(after);
    }
    if cut > 0 {
        answer["bytes_cut"] = json!(cut);
    }
    Ok(answer)
}
