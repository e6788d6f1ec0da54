//! `write_file`: a whole text file of the workspace, new or in place of an old one.

use aap::{Admitted, ToolCall};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Running, Tool, Workspace, arguments, blocking};

/// Writes a file.
#[derive(Debug, Clone, Copy)]
pub struct WriteFile;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    content: String,
}

impl Tool for WriteFile {
    fn name(&self) -> &'static str {
        "write_file"
    }

    fn description(&self) -> &'static str {
        "Writes a text file of the workspace, whole, and makes the directories on the way to it. patch_file changes a part."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "path below the workspace"},
                "content": {"type": "string", "description": "everything that the file holds afterwards"},
            },
            "required": ["path", "content"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"path": "notes/today.md", "content": "hello\n"}"#
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let asked: Arguments = arguments(self, admitted.call())?;
            let workspace = workspace.clone();
            blocking(move || {
                let place = workspace.place(&asked.path, true)?;
                let _turn = workspace.writing();
                let before = place.stat()?;
                place.put(asked.content.as_bytes(), before.as_ref())?;
                Ok(json!({
                    "path": asked.path,
                    "bytes": asked.content.len(),
                    "created": before.is_none(),
                }))
            })
            .await
        })
    }
}
