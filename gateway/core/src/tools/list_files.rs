//! `list_files`: what is in a directory of the workspace.

use aap::{Admitted, ToolCall};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Failure, Running, Tool, Workspace, arguments, blocking};
use crate::limits::{MAX_LIST_ENTRIES, MAX_LIST_SCAN};

/// Lists a directory.
#[derive(Debug, Clone, Copy)]
pub struct ListFiles;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default)]
    path: String,
}

impl Tool for ListFiles {
    fn name(&self) -> &'static str {
        "list_files"
    }

    fn description(&self) -> &'static str {
        "Lists a directory of the workspace, by name."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "directory below the workspace", "default": "."},
            },
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"path": "."}"#
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let asked: Arguments = arguments(self, admitted.call())?;
            let workspace = workspace.clone();
            blocking(move || list(&workspace, &asked.path)).await
        })
    }
}

fn list(workspace: &Workspace, path: &str) -> Result<Value, Failure> {
    let trouble = |errno| Failure::new(format!("`{path}`: {}", std::io::Error::from(errno)));
    let (opened, real) = workspace.directory(path)?;
    let mut names = Vec::new();
    let mut all_read = true;
    for entry in Dir::read_from(&opened).map_err(trouble)? {
        let entry = entry.map_err(trouble)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if names.len() == MAX_LIST_SCAN {
            all_read = false;
            break;
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    let total = names.len();
    names.truncate(MAX_LIST_ENTRIES);
    let entries: Vec<Value> = names
        .iter()
        .map(|name| {
            let text = name.to_string_lossy();
            // An entry may be gone by now; its name was there.
            match statat(&opened, name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
                    FileType::RegularFile => {
                        json!({"name": text, "type": "file", "bytes": stat.st_size})
                    }
                    FileType::Directory => json!({"name": text, "type": "directory"}),
                    FileType::Symlink => json!({"name": text, "type": "symlink"}),
                    _ => json!({"name": text, "type": "other"}),
                },
                Err(_) => json!({"name": text, "type": "other"}),
            }
        })
        .collect();
    let mut answer = json!({"path": real, "entries": entries});
    if total > MAX_LIST_ENTRIES || !all_read {
        answer["truncated"] = json!(if all_read {
            format!("the first {MAX_LIST_ENTRIES} of {total} entries")
        } else {
            format!("{MAX_LIST_ENTRIES} of more than {MAX_LIST_SCAN} entries")
        });
    }
    Ok(answer)
}
