//! `search_files`: lines of the workspace's text files that match a regular expression.
//!
//! Expressions are `regex`'s, which take time in proportion to the line, whatever they are; a line is looked at once.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aap::{Admitted, ToolCall};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use regex::bytes::{Regex, RegexBuilder};
use rustix::fs::{Mode, OFlags, openat};
use serde::Deserialize;
use serde_json::{Value, json};

use super::walk::{Rules, Stop, Until, Walk};
use super::{Failure, Running, Tool, Workspace, arguments, blocking};
use crate::limits::{
    MAX_MATCH_BYTES, MAX_MATCHES, MAX_PATTERN_SIZE, MAX_SEARCH_FILE_BYTES, SEARCH_TIME,
};

/// Searches in files.
#[derive(Debug, Clone, Copy)]
pub struct SearchFiles;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    #[serde(default)]
    path: String,
    file_pattern: Option<String>,
}

impl Tool for SearchFiles {
    fn name(&self) -> &'static str {
        "search_files"
    }

    fn description(&self) -> &'static str {
        "Finds lines that match a regular expression in the text files below a directory of the workspace; what .gitignore \
         names is left out."
    }

    fn schema(&self) -> Value {
        json!({
            "type": "object",
            "properties": {
                "pattern": {"type": "string", "description": "regular expression for a line, such as `fn \\w+\\(`; begin it with (?i) to ignore case"},
                "path": {"type": "string", "description": "directory or file below the workspace", "default": "."},
                "file_pattern": {"type": "string", "description": "glob of files to look into, such as `*.rs` or `src/**/*.ts`"},
            },
            "required": ["pattern"],
            "additionalProperties": false,
        })
    }

    fn example(&self) -> &'static str {
        r#"{"pattern": "TODO", "file_pattern": "*.rs"}"#
    }

    fn run<'a>(
        &'a self,
        admitted: &'a Admitted<ToolCall>,
        workspace: &'a Workspace,
    ) -> Running<'a> {
        Box::pin(async move {
            let asked: Arguments = arguments(self, admitted.call())?;
            let workspace = workspace.clone();
            let waits = Waits(Arc::default());
            let until = Until {
                cancelled: Arc::clone(&waits.0),
                deadline: Instant::now() + SEARCH_TIME,
            };
            blocking(move || search(&workspace, &asked, &until)).await
        })
    }
}

/// Somebody waits, until this goes.
struct Waits(Arc<AtomicBool>);

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was found so far, and what was left out.
#[derive(Default)]
struct Found {
    matches: Vec<Value>,
    searched: u64,
    binary: u64,
    too_large: u64,
    unreadable: u64,
}

fn search(workspace: &Workspace, asked: &Arguments, until: &Until) -> Result<Value, Failure> {
    let pattern = pattern(&asked.pattern)?;
    let wanted = asked.file_pattern.as_deref().map(glob).transpose()?;
    let mut found = Found::default();
    let stopped = if workspace.is_directory(&asked.path)? {
        below(
            workspace,
            &asked.path,
            &pattern,
            wanted.as_ref(),
            until,
            &mut found,
        )?
    } else {
        let file = workspace.file(&asked.path)?;
        found.file(file, &asked.path, &pattern, until).err()
    };
    let mut answer = json!({"matches": found.matches, "files_searched": found.searched});
    for (name, count) in [
        ("binary_files_left_out", found.binary),
        ("large_files_left_out", found.too_large),
        ("unreadable_left_out", found.unreadable),
    ] {
        if count > 0 {
            answer[name] = json!(count);
        }
    }
    match stopped {
        Some(Stop::Enough) => {
            answer["truncated"] = json!(format!(
                "the first {MAX_MATCHES} lines; ask for less with `path`, `file_pattern` or a narrower `pattern`"
            ));
        }
        Some(Stop::Late | Stop::Cancelled) => {
            answer["truncated"] = json!(format!(
                "what was found in {} s; ask for less with `path` or `file_pattern`",
                SEARCH_TIME.as_secs()
            ));
        }
        None => {}
    }
    Ok(answer)
}

fn below(
    workspace: &Workspace,
    path: &str,
    pattern: &Regex,
    wanted: Option<&Gitignore>,
    until: &Until,
    found: &mut Found,
) -> Result<Option<Stop>, Failure> {
    let (opened, real) = workspace.directory(path)?;
    let start = Path::new(&real)
        .strip_prefix(workspace.root())
        .unwrap_or(Path::new(""));
    // Rules of the directories above count, too.
    let mut rules: Option<Rc<Rules>> = None;
    let mut ways: Vec<&Path> = start.ancestors().skip(1).collect();
    ways.reverse();
    for way in ways {
        let (above, _) = workspace.directory(&way.to_string_lossy())?;
        rules = Some(Rules::of(&above, way, rules));
    }
    let rules = Rules::of(&opened, start, rules);
    let mut walk = Walk {
        until,
        unread: 0,
        visit: |directory: &_, name: &std::ffi::CStr, path: &Path| {
            let from_start = path.strip_prefix(start).unwrap_or(path);
            let is_wanted =
                wanted.is_none_or(|wanted| wanted.matched(from_start, false).is_ignore());
            if !is_wanted {
                return Ok(());
            }
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let Ok(file) = openat(directory, name, flags, Mode::empty()) else {
                found.unreadable += 1;
                return Ok(());
            };
            found.file(File::from(file), &path.to_string_lossy(), pattern, until)
        },
    };
    let stopped = walk.directory(&opened, start, &rules, 0).err();
    let unread = walk.unread;
    found.unreadable += unread;
    Ok(stopped)
}

impl Found {
    fn file(&mut self, file: File, path: &str, pattern: &Regex, until: &Until) -> Result<(), Stop> {
        let mut content = Vec::new();
        let read = file
            .take(MAX_SEARCH_FILE_BYTES + 1)
            .read_to_end(&mut content);
        if read.is_err() {
            self.unreadable += 1;
            return Ok(());
        }
        if content.contains(&0) {
            self.binary += 1;
            return Ok(());
        }
        if content.len() as u64 > MAX_SEARCH_FILE_BYTES {
            self.too_large += 1;
            return Ok(());
        }
        self.searched += 1;
        if content.is_empty() {
            return Ok(());
        }
        // What follows the last line break is no line.
        let lines = content.strip_suffix(b"\n").unwrap_or(&content);
        for (number, line) in lines.split(|byte| *byte == b'\n').enumerate() {
            if number % 4096 == 0 {
                until.check()?;
            }
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(hit) = pattern.find(line) else {
                continue;
            };
            if self.matches.len() == MAX_MATCHES {
                return Err(Stop::Enough);
            }
            self.matches.push(json!({
                "file": path,
                "line": number + 1,
                "text": shown(line, hit.start()),
            }));
        }
        Ok(())
    }
}

/// A line, or as much of it around `at` as is shown.
fn shown(line: &[u8], at: usize) -> String {
    let line = String::from_utf8_lossy(line);
    if line.len() <= MAX_MATCH_BYTES {
        return line.into_owned();
    }
    let start = line.floor_char_boundary(at.saturating_sub(MAX_MATCH_BYTES / 4).min(line.len()));
    let end = line.floor_char_boundary((start + MAX_MATCH_BYTES).min(line.len()));
    let before = if start > 0 { "…" } else { "" };
    let after = if end < line.len() { "…" } else { "" };
    format!("{before}{}{after}", &line[start..end])
}

fn pattern(pattern: &str) -> Result<Regex, Failure> {
    RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_SIZE)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(limit) => Failure::new(format!(
                "`pattern` takes more than {limit} bytes once it is compiled; repeat less in it"
            )),
            other => Failure::new(format!(
                "`pattern` is not a regular expression (a bracket that stands for itself is written `\\(`): {other}"
            )),
        })
}

fn glob(pattern: &str) -> Result<Gitignore, Failure> {
    let bad = |what: String| {
        Failure::new(format!(
            "`file_pattern` is not a glob such as `*.rs`: {what}"
        ))
    };
    let trimmed = pattern.trim();
    if trimmed.is_empty() || trimmed.starts_with(['!', '#']) || trimmed.ends_with('/') {
        return Err(bad(format!("`{pattern}`")));
    }
    let mut builder = GitignoreBuilder::new("");
    builder
        .add_line(None, trimmed)
        .and_then(|builder| builder.build())
        .map_err(|error| bad(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> (tempfile::TempDir, Workspace) {
        let directory = tempfile::tempdir().expect("a directory");
        for name in ["a", "b"] {
            std::fs::write(directory.path().join(name), "hit\n").expect("a file");
        }
        let workspace = Workspace::open(directory.path()).expect("a workspace");
        (directory, workspace)
    }

    fn asked() -> Arguments {
        Arguments {
            pattern: "hit".to_owned(),
            path: String::new(),
            file_pattern: None,
        }
    }

    #[test]
    fn it_ends_when_its_time_is_up_or_nobody_waits() {
        let (_directory, workspace) = workspace();
        let waits = Waits(Arc::default());
        let until = |deadline| Until {
            cancelled: Arc::clone(&waits.0),
            deadline,
        };
        let later = Instant::now() + SEARCH_TIME;
        let answer = search(&workspace, &asked(), &until(later)).unwrap();
        assert_eq!(answer["files_searched"], 2);
        assert_eq!(answer.get("truncated"), None);

        let answer = search(&workspace, &asked(), &until(Instant::now())).unwrap();
        assert_eq!(answer["files_searched"], 0);
        assert!(answer["truncated"].as_str().unwrap().contains("20 s"));

        let until = until(later);
        drop(waits);
        let answer = search(&workspace, &asked(), &until).unwrap();
        assert_eq!(answer["files_searched"], 0);
    }

    #[test]
    fn long_lines_are_shown_around_the_hit() {
        let line = format!("{}hit{}", "ä".repeat(1000), "ö".repeat(1000));
        let shown = shown(line.as_bytes(), 2000);
        assert!(shown.starts_with("…ä") && shown.ends_with("ö…") && shown.contains("hit"));
        assert!(shown.len() <= MAX_MATCH_BYTES + 6);
    }
}
