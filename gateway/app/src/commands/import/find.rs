//! Where past sessions are.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use trace_plugin::import::Format;

/// How deep directories are looked through: Codex has one for each year, month and day.
const MAX_DEPTH: usize = 8;
/// How files may be named that are looked into where only their directory was named.
const ENDINGS: [&str; 7] = ["jsonl", "ndjson", "json", "otlp", "binpb", "pb", "sqlite"];

/// A file to be imported.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) bytes: u64,
}

/// What the agents keep in their own places, each where its own variable says.
pub(super) fn everywhere() -> anyhow::Result<Vec<Found>> {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = var("HOME").map(PathBuf::from).context("HOME is not set")?;
    let place = |name, fallback| var(name).map_or_else(|| home.join(fallback), PathBuf::from);
    let claude = place("CLAUDE_CONFIG_DIR", ".claude");
    let codex = place("CODEX_HOME", ".codex");
    let openclaw = place("OPENCLAW_STATE_DIR", ".openclaw");
    let mut found = Vec::new();
    for (directory, format) in [
        (claude.join("projects"), Format::ClaudeCode),
        (codex.join("sessions"), Format::Codex),
        (codex.join("archived_sessions"), Format::Codex),
        (openclaw.join("agents"), Format::OpenClaw),
    ] {
        let mut here = Vec::new();
        below(&directory, 0, &mut here)?;
        here.retain(|file| file.format == format);
        found.extend(here);
    }
    Ok(found)
}

/// These files, and what is below these directories.
pub(super) fn named(paths: &[PathBuf]) -> anyhow::Result<Vec<Found>> {
    let mut found = Vec::new();
    for path in paths {
        let told = fs::metadata(path).with_context(|| unreadable(path))?;
        if told.is_dir() {
            let before = found.len();
            below(path, 0, &mut found)?;
            if found.len() == before {
                bail!(
                    "{}: there is no session below it that smoltbot can read",
                    path.display()
                );
            }
        } else if let Some(file) = looked_at(path)? {
            found.push(file);
        } else {
            bail!(
                "{}: this is no transcript of Claude Code, no rollout of Codex, no session of OpenClaw and no file with spans",
                path.display()
            );
        }
    }
    Ok(found)
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read", path.display())
}

fn looked_at(path: &Path) -> anyhow::Result<Option<Found>> {
    let here = || unreadable(path);
    let format = Format::of(path).with_context(here)?;
    let bytes = fs::metadata(path).with_context(here)?.len();
    Ok(format.map(|format| Found {
        path: path.to_owned(),
        format,
        bytes,
    }))
}

/// What is below a directory, in the order of names; nothing where there is none.
fn below(directory: &Path, depth: usize, found: &mut Vec<Found>) -> anyhow::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && depth == 0 => return Ok(()),
        Err(error) => return Err(error).with_context(|| unreadable(directory)),
    };
    let mut entries = entries
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| unreadable(directory))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links lead elsewhere, or around in circles.
        let kind = entry.file_type().with_context(|| unreadable(&path))?;
        let ending = path.extension().and_then(|ending| ending.to_str());
        if kind.is_dir() && depth < MAX_DEPTH {
            below(&path, depth + 1, found)?;
        } else if kind.is_file() && ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
            found.extend(looked_at(&path)?);
        }
    }
    Ok(())
}
