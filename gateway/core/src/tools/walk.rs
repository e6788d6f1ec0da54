//! A walk through directories by their open descriptors: no symlink is followed, and what `.gitignore` names is left out.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

use crate::limits::{MAX_IGNORE_BYTES, MAX_SEARCH_DEPTH};

/// Why a walk ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Who visits has enough.
    Enough,
    /// It took too long.
    Late,
    /// Nobody waits for it any more.
    Cancelled,
}

/// When a walk ends.
pub(super) struct Until {
    /// Set when nobody waits any more.
    pub(super) cancelled: std::sync::Arc<AtomicBool>,
    /// When it must answer.
    pub(super) deadline: Instant,
}

impl Until {
    /// Whether to go on.
    pub(super) fn check(&self) -> Result<(), Stop> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(Stop::Late);
        }
        Ok(())
    }
}

/// What a `.gitignore` says, and what those above say where it is silent.
pub(super) struct Rules {
    own: Gitignore,
    above: Option<Rc<Rules>>,
}

impl Rules {
    /// The rules in `directory`, whose path from the root is `at`.
    pub(super) fn of(directory: &OwnedFd, at: &Path, above: Option<Rc<Self>>) -> Rc<Self> {
        Rc::new(Self {
            own: read_rules(directory, at).unwrap_or_else(Gitignore::empty),
            above,
        })
    }

    /// Whether `path`, from the root, is to be left out. The nearest rule decides, as for git.
    pub(super) fn ignores(&self, path: &Path, is_directory: bool) -> bool {
        match self.own.matched(Path::new("/").join(path), is_directory) {
            Match::Ignore(_) => true,
            Match::Whitelist(_) => false,
            Match::None => self
                .above
                .as_ref()
                .is_some_and(|above| above.ignores(path, is_directory)),
        }
    }
}

/// A rule that cannot be read is none, as git has it; so is a file that is not there.
fn read_rules(directory: &OwnedFd, at: &Path) -> Option<Gitignore> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(directory, ".gitignore", flags, Mode::empty()).ok()?;
    let mut bytes = Vec::new();
    File::from(opened)
        .take(MAX_IGNORE_BYTES)
        .read_to_end(&mut bytes)
        .ok()?;
    // Half a pattern may name much more than a whole one.
    if bytes.len() as u64 == MAX_IGNORE_BYTES {
        let last = bytes.iter().rposition(|byte| *byte == b'\n');
        bytes.truncate(last.unwrap_or(0));
    }
    let mut builder = GitignoreBuilder::new(Path::new("/").join(at));
    for line in String::from_utf8_lossy(&bytes).lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build().ok()
}

/// A walk.
pub(super) struct Walk<'a, V> {
    /// When it ends.
    pub(super) until: &'a Until,
    /// Gets each regular file: its directory, its name and its path from the root.
    pub(super) visit: V,
    /// Directories that could not be read, or lie too deep.
    pub(super) unread: u64,
}

impl<V: FnMut(&OwnedFd, &CStr, &Path) -> Result<(), Stop>> Walk<'_, V> {
    /// Visits what is in `directory`, whose path from the root is `at`, in the order of names.
    pub(super) fn directory(
        &mut self,
        directory: &OwnedFd,
        at: &Path,
        rules: &Rc<Rules>,
        depth: usize,
    ) -> Result<(), Stop> {
        let Ok(mut entries) = Dir::read_from(directory) else {
            self.unread += 1;
            return Ok(());
        };
        let mut names = Vec::new();
        while let Some(entry) = entries.read() {
            self.until.check()?;
            let Ok(entry) = entry else {
                self.unread += 1;
                break;
            };
            if !matches!(entry.file_name().to_bytes(), b"." | b".." | b".git") {
                names.push((entry.file_name().to_owned(), entry.file_type()));
            }
        }
        drop(entries);
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        for (name, kind) in names {
            self.until.check()?;
            let kind = match kind {
                FileType::Unknown => statat(directory, &*name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(kind, |stat| FileType::from_raw_mode(stat.st_mode)),
                known => known,
            };
            let path = at.join(OsStr::from_bytes(name.to_bytes()));
            match kind {
                FileType::RegularFile if !rules.ignores(&path, false) => {
                    (self.visit)(directory, &name, &path)?;
                }
                FileType::Directory if !rules.ignores(&path, true) => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
                    let opened = openat(directory, &*name, flags | OFlags::CLOEXEC, Mode::empty());
                    match opened {
                        Ok(below) if depth < MAX_SEARCH_DEPTH => {
                            let rules = Rules::of(&below, &path, Some(Rc::clone(rules)));
                            self.directory(&below, &path, &rules, depth + 1)?;
                        }
                        _ => self.unread += 1,
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
