//! `list_files`: what is in a directory of the workspace.

use std::ffi::{CStr, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;

use aap::{Admitted, ToolCall};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use serde::Deserialize;
use serde_json::{Value, json};

use super::walk::Rules;
use super::{Failure, Running, Tool, Workspace, arguments, blocking};
use crate::limits::{MAX_LIST_DEPTH, MAX_LIST_ENTRIES, MAX_LIST_SCAN};

/// Lists a directory.
#[derive(Debug, Clone, Copy)]
pub struct ListFiles;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(default)]
    path: String,
    depth: Option<u64>,
}

impl Tool for ListFiles {
    fn name(&self) -> &'static str {
        "list_files"
    }

    fn description(&self) -> &'static str {
        "Lists a directory of the workspace, by name; with `depth`, what is below it as well, except in .git and in directories \
         that .gitignore names."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "path": {"type": "string", "description": "directory below the workspace", "default": "."},
                "depth": {"type": "integer", "minimum": 1, "maximum": MAX_LIST_DEPTH, "description": "levels to go down", "default": 1},
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
            let depth = asked.depth.unwrap_or(1);
            if !(1..=MAX_LIST_DEPTH).contains(&depth) {
                return Err(Failure::new(format!(
                    "`depth` is {depth}; it goes from 1 to {MAX_LIST_DEPTH}"
                )));
            }
            let workspace = workspace.clone();
            blocking(move || list(&workspace, &asked.path, depth)).await
        })
    }
}

fn list(workspace: &Workspace, path: &str, depth: u64) -> Result<Value, Failure> {
    let trouble = |errno| Failure::new(format!("`{path}`: {}", std::io::Error::from(errno)));
    let (opened, real) = workspace.directory(path)?;
    let mut listing = Listing::default();
    let rules = Rules::of(&opened, Path::new(""), None);
    listing
        .directory(&opened, Path::new(""), &rules, depth)
        .map_err(trouble)?;
    let mut answer = json!({"path": real, "entries": listing.entries});
    if listing.seen > MAX_LIST_ENTRIES || listing.stopped {
        answer["truncated"] = json!(if listing.stopped {
            format!("{MAX_LIST_ENTRIES} of more than {MAX_LIST_SCAN} entries")
        } else {
            format!("the first {MAX_LIST_ENTRIES} of {} entries", listing.seen)
        });
    }
    Ok(answer)
}

/// What was found so far.
#[derive(Default)]
struct Listing {
    entries: Vec<Value>,
    /// Entries that were read, shown or not.
    seen: usize,
    /// There are more than are read.
    stopped: bool,
}

impl Listing {
    /// Adds what is in `directory`, whose path from the listed one is `at`, and `depth - 1` levels of what is below it.
    fn directory(
        &mut self,
        directory: &OwnedFd,
        at: &Path,
        rules: &Rc<Rules>,
        depth: u64,
    ) -> Result<(), Errno> {
        let mut names = Vec::new();
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.seen == MAX_LIST_SCAN {
                self.stopped = true;
                break;
            }
            self.seen += 1;
            names.push(name.to_owned());
        }
        names.sort_unstable();
        for name in names {
            let path = at.join(OsStr::from_bytes(name.to_bytes()));
            let kind = self.entry(directory, &name, &path);
            let goes_down = depth > 1 && kind == Some(FileType::Directory) && !self.stopped;
            if !goes_down || name.to_bytes() == b".git" || rules.ignores(&path, true) {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            // One that is gone by now, or closed to us, has nothing to show; its name was there.
            if let Ok(below) = openat(directory, &*name, flags, Mode::empty()) {
                let rules = Rules::of(&below, &path, Some(Rc::clone(rules)));
                let _ = self.directory(&below, &path, &rules, depth - 1);
            }
        }
        Ok(())
    }

    /// Shows one entry while there is room, and tells what it is.
    fn entry(&mut self, directory: &OwnedFd, name: &CStr, path: &Path) -> Option<FileType> {
        // An entry may be gone by now; its name was there.
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).ok();
        let kind = stat.map(|stat| FileType::from_raw_mode(stat.st_mode));
        if self.entries.len() < MAX_LIST_ENTRIES {
            let text = path.to_string_lossy();
            self.entries.push(match (kind, stat) {
                (Some(FileType::RegularFile), Some(stat)) => {
                    json!({"name": text, "type": "file", "bytes": stat.st_size})
                }
                (Some(FileType::Directory), _) => json!({"name": text, "type": "directory"}),
                (Some(FileType::Symlink), _) => json!({"name": text, "type": "symlink"}),
                _ => json!({"name": text, "type": "other"}),
            });
        }
        kind
    }
}
