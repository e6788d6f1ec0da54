//! Writing files that others read at the same time: all of a file or nothing of it, through symlinks, with its mode and owner.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The mode of a file that is new; the person's umask may close it further.
const NEW_MODE: u32 = 0o644;

/// A content's SHA-256, in hex.
pub(crate) fn digest(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

/// Writes `content` to `path` in one step, for the owner alone if it is `private` and new.
///
/// # Errors
/// In words, naming the file; then it is as it was.
pub(crate) fn write(path: &Path, content: &[u8], private: bool) -> Result<(), String> {
    let target = target(path)?;
    let existing = fs::metadata(&target).ok();
    let wrong = |error: io::Error| {
        let mut said = format!("{} cannot be written: {error}", path.display());
        if error.kind() == io::ErrorKind::PermissionDenied {
            said += "; is its directory another user's, or read-only?";
        }
        said
    };
    if let Some(existing) = &existing
        && existing.permissions().mode() & 0o222 == 0
    {
        return Err(format!(
            "{} is read-only; make it writable (`chmod u+w`) and run this again",
            path.display()
        ));
    }
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let draft = target.with_file_name(format!(".{name}.smoltbot-{}", std::process::id()));
    let mode = match &existing {
        Some(existing) => existing.permissions().mode(),
        None if private => 0o600,
        None => NEW_MODE,
    };
    let written = (|| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let mut file = options.open(&draft)?;
        if let Some(existing) = &existing {
            // The umask has no say over a file that is there already; nor does who writes it.
            file.set_permissions(existing.permissions())?;
            let made = file.metadata()?;
            if (made.uid(), made.gid()) != (existing.uid(), existing.gid()) {
                chown(&draft, Some(existing.uid()), Some(existing.gid()))?;
            }
        }
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, &target)
    })();
    written.map_err(|error| {
        // Of no use to anyone; that it cannot be removed says no more than the error itself.
        let _ = fs::remove_file(&draft);
        wrong(error)
    })
}

/// The file itself, where `path` is a symlink.
fn target(path: &Path) -> Result<PathBuf, String> {
    if path.is_symlink() {
        return fs::canonicalize(path).map_err(|error| {
            format!(
                "{} is a symlink that leads nowhere: {error}",
                path.display()
            )
        });
    }
    Ok(path.to_owned())
}

/// Makes the directories that lead to `path`; the ones that were missing, outermost first.
pub(crate) fn make_parents(path: &Path) -> Result<Vec<PathBuf>, String> {
    let above = path.ancestors().skip(1);
    let mut missing: Vec<PathBuf> = above
        .take_while(|directory| !directory.exists())
        .map(Path::to_owned)
        .collect();
    missing.reverse();
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)
            .map_err(|error| format!("{} cannot be made: {error}", parent.display()))?;
    }
    Ok(missing)
}

/// Removes the directories that are empty, innermost first.
pub(crate) fn remove_empty(directories: &[PathBuf]) {
    for directory in directories.iter().rev() {
        // One that has something in it is not ours alone any more.
        let _ = fs::remove_dir(directory);
    }
}

/// Removes a file; one that is gone already is gone.
pub(crate) fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(format!("{} cannot be removed: {error}", path.display()))
        }
        _ => Ok(()),
    }
}
