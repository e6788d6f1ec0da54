//! Carrying a plan out, and undoing it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{self, digest};
use crate::plan::{Change, Plan, Takeout};
use crate::record::{Installed, InstalledFile, Record, RecordError};
use crate::{block, json, mcp};

/// What `undo` did with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The file.
    pub path: PathBuf,
    /// What was done.
    pub how: How,
}

/// How a file was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It is as it was before, byte for byte.
    Restored,
    /// It was made by us, and is gone.
    Removed,
    /// Others have changed it since: ours was taken out, theirs stayed.
    Edited,
    /// Somebody has taken it away before us.
    Gone,
    /// It was made by us and changed by others: it is kept under this name, where its agent does not look.
    SetAside(PathBuf),
}

/// Carries `plan` out, and remembers it in `record`, which is saved before each file is changed: whatever breaks off here can be
/// undone. `now` in RFC 3339.
///
/// # Errors
/// In words. What was changed until then is in the record.
pub fn install(
    agent: &str,
    plan: &Plan,
    record: &mut Record,
    home: &Path,
    now: &str,
) -> Result<(), String> {
    let save = |record: &Record| record.save(home).map_err(|error| error.to_string());
    let new = || Installed {
        installed_at: now.to_owned(),
        command: plan.command.clone(),
        program: plan.program.clone(),
        files: Vec::new(),
        proven_at: None,
        unproven: None,
        servers: Vec::new(),
    };
    let installed = record.agents.entry(agent.to_owned()).or_insert_with(new);
    installed.command.clone_from(&plan.command);
    installed.program.clone_from(&plan.program);
    save(record)?;
    for change in &plan.changes {
        if crate::plan::settings(&change.path)? != change.before {
            return Err(format!(
                "{} was changed by another program just now; run this again",
                change.path.display()
            ));
        }
        let directories = files::make_parents(&change.path)?;
        let installed = record.agents.entry(agent.to_owned()).or_insert_with(new);
        let known = installed
            .files
            .iter()
            .position(|file| file.path == change.path);
        let earlier = known.map(|at| installed.files.remove(at));
        let file = remember(agent, change, earlier, directories, home)?;
        installed.files.push(file);
        save(record)?;
        files::write(&change.path, change.after.as_bytes(), false)?;
    }
    Ok(())
}

/// What to remember of `change`: what the file held without us is written away first.
fn remember(
    agent: &str,
    change: &Change,
    earlier: Option<InstalledFile>,
    mut directories: Vec<PathBuf>,
    home: &Path,
) -> Result<InstalledFile, String> {
    let mut takeout = change.takeout.clone();
    let mut existed = change.before.is_some();
    let mut without_us = change.before.clone();
    let mut backup = None;
    if let Some(earlier) = earlier {
        let before = change.before.as_deref().unwrap_or_default();
        directories.splice(0..0, earlier.directories);
        takeout = merged(earlier.takeout, takeout);
        existed = earlier.existed && existed;
        backup = earlier.backup;
        if digest(before.as_bytes()) == earlier.sha256_after {
            // As we left it: what it held before us is known already.
            without_us = None;
        } else {
            without_us =
                Some(taken_out(before, &takeout).map_err(|error| {
                    format!("{} cannot be read: {error}", change.path.display())
                })?);
        }
    }
    if let Some(text) = without_us.filter(|_| existed) {
        let path = backup.unwrap_or_else(|| backup_path(agent, &change.path, home));
        files::make_parents(&path)?;
        files::write(&path, text.as_bytes(), true)?;
        backup = Some(path);
    }
    Ok(InstalledFile {
        path: change.path.clone(),
        existed,
        backup: backup.filter(|_| existed),
        sha256_after: digest(change.after.as_bytes()),
        directories,
        takeout,
    })
}

fn merged(earlier: Takeout, now: Takeout) -> Takeout {
    match (earlier, now) {
        (Takeout::Json(mut earlier), Takeout::Json(now)) => {
            earlier.merge(now);
            Takeout::Json(earlier)
        }
        (
            Takeout::Mcp { mut bare, .. },
            Takeout::Mcp {
                program,
                bare: more,
            },
        ) => {
            bare.extend(more);
            Takeout::Mcp { program, bare }
        }
        (_, now) => now,
    }
}

/// Where what `path` held before us is kept. Two files of one name have two places.
fn backup_path(agent: &str, path: &Path, home: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let place = &digest(path.as_os_str().as_encoded_bytes())[..8];
    home.join("backups/agents")
        .join(format!("{agent}-{place}-{name}"))
}

/// `text` without what is ours.
fn taken_out(text: &str, takeout: &Takeout) -> Result<String, json::EditError> {
    match takeout {
        Takeout::Json(undo) => json::remove(text, undo),
        Takeout::Block => Ok(block::remove(text)),
        Takeout::Mcp { program, bare } => mcp::unwrap(text, program, bare),
        Takeout::File => Ok(String::new()),
    }
}

/// What undoing a file would leave of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// Nothing: it is gone already.
    Gone,
    /// No file.
    NoFile,
    /// What it held before.
    Before(String),
    /// What others have made of it, without ours.
    Edited(String),
    /// Our own file, changed by others.
    SetAside,
}

/// What undoing `file` would leave.
///
/// # Errors
/// In words: the file or its backup cannot be read.
pub fn left(file: &InstalledFile) -> Result<(Option<String>, Left), String> {
    let Some(now) = crate::plan::settings(&file.path)? else {
        return Ok((None, Left::Gone));
    };
    let as_we_left_it = digest(now.as_bytes()) == file.sha256_after;
    let left = if as_we_left_it && !file.existed {
        Left::NoFile
    } else if as_we_left_it {
        let backup = file.backup.as_deref().unwrap_or(Path::new(""));
        let before = fs::read_to_string(backup).map_err(|error| {
            format!(
                "{}, what {} held before, cannot be read: {error}",
                backup.display(),
                file.path.display()
            )
        });
        match before {
            Ok(before) => Left::Before(before),
            // Without the backup there is still the edit.
            Err(said) => match taken_out(&now, &file.takeout) {
                Ok(edited) if file.takeout != Takeout::File => Left::Edited(edited),
                _ => return Err(said),
            },
        }
    } else if file.takeout == Takeout::File {
        Left::SetAside
    } else {
        let edited = taken_out(&now, &file.takeout)
            .map_err(|error| format!("{} cannot be edited: {error}", file.path.display()))?;
        let nothing = |text: &str| {
            text.trim().is_empty()
                || json::read(text)
                    .is_ok_and(|value| value.is_none_or(|value| value == serde_json::json!({})))
                    && !text.contains("//")
                    && !text.contains("/*")
        };
        if !file.existed && nothing(&edited) {
            Left::NoFile
        } else {
            Left::Edited(edited)
        }
    };
    Ok((Some(now), left))
}

/// Takes what was put into `agent` out again, file by file, and forgets it.
///
/// # Errors
/// The record cannot be written. A file that cannot be undone is told in the answer and stays in the record.
pub fn undo(
    agent: &str,
    record: &mut Record,
    home: &Path,
) -> Result<Vec<Result<Undone, String>>, RecordError> {
    let Some(installed) = record.agents.get_mut(agent) else {
        return Ok(Vec::new());
    };
    let mut told = Vec::new();
    let mut failed = Vec::new();
    let mut backups = Vec::new();
    // The last one first: what was made for it may stand on what was made before.
    for file in std::mem::take(&mut installed.files).into_iter().rev() {
        match undo_file(&file) {
            Ok(how) => {
                files::remove_empty(&file.directories);
                backups.extend(file.backup);
                told.push(Ok(Undone {
                    path: file.path,
                    how,
                }));
            }
            Err(why) => {
                told.push(Err(why));
                failed.insert(0, file);
            }
        }
    }
    installed.files = failed;
    if installed.files.is_empty() {
        record.agents.remove(agent);
    }
    record.save(home)?;
    // Not before the record knows: until then they are all that is known of the files.
    for backup in backups {
        let _ = files::remove(&backup);
    }
    files::remove_empty(&[home.join("backups"), home.join("backups/agents")]);
    Ok(told)
}

fn undo_file(file: &InstalledFile) -> Result<How, String> {
    match left(file)?.1 {
        Left::Gone => Ok(How::Gone),
        Left::NoFile => files::remove(&file.path).map(|()| How::Removed),
        Left::Before(text) => {
            files::write(&file.path, text.as_bytes(), false).map(|()| How::Restored)
        }
        Left::Edited(text) => {
            files::write(&file.path, text.as_bytes(), false).map(|()| How::Edited)
        }
        Left::SetAside => {
            let mut name = file.path.clone().into_os_string();
            name.push(".kept");
            let aside = PathBuf::from(name);
            fs::rename(&file.path, &aside).map_err(|error| {
                format!(
                    "{} cannot be moved to {}: {error}",
                    file.path.display(),
                    aside.display()
                )
            })?;
            Ok(How::SetAside(aside))
        }
    }
}
