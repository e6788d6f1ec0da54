//! A name in an open directory: what stands there, and putting a whole new file in its place.
//!
//! Everything goes by the open directory and never follows a symlink, so it stays where the workspace resolved it to.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::Failure;
use super::workspace::explain;

/// Where a file is, or would be.
pub(super) struct Place {
    directory: OwnedFd,
    name: OsString,
    asked: String,
}

impl Place {
    /// `name` in `directory`; people called it `asked`.
    pub(super) fn new(directory: OwnedFd, name: OsString, asked: &str) -> Self {
        Self {
            directory,
            name,
            asked: asked.to_owned(),
        }
    }

    /// The regular file that stands here, or none.
    pub(super) fn stat(&self) -> Result<Option<Stat>, Failure> {
        let asked = &self.asked;
        let stat = match rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)
        {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(explain(asked, errno)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Some(stat)),
            FileType::Directory => Err(Failure::new(format!("`{asked}` is a directory"))),
            FileType::Symlink => Err(Failure::new(format!(
                "`{asked}` is a symlink; write to the file that it leads to, by that file's own path"
            ))),
            _ => Err(Failure::new(format!("`{asked}` is not a regular file"))),
        }
    }

    /// Opens the file that stands here for reading.
    pub(super) fn open(&self) -> Result<File, Failure> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        rustix::fs::openat(
            &self.directory,
            &self.name,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map(File::from)
        .map_err(|errno| explain(&self.asked, errno))
    }

    /// Puts a file with `content` here: whole or not at all. It keeps the mode of `before`, the file that was found here,
    /// and nothing is written if that is not what stands here any more.
    pub(super) fn put(&self, content: &[u8], before: Option<&Stat>) -> Result<(), Failure> {
        let trouble = |error: io::Error| {
            Failure::new(format!("`{}` could not be written: {error}", self.asked))
        };
        let mut number = [0; 8];
        getrandom::fill(&mut number).map_err(|error| trouble(io::Error::other(error)))?;
        let draft = Draft {
            directory: &self.directory,
            name: format!(".smoltbot-{:016x}.tmp", u64::from_ne_bytes(number)).into(),
            in_place: false,
        };
        draft
            .write(content, before)
            .map_err(|errno| trouble(errno.into()))?;
        let now = self.stat()?;
        if now.as_ref().map(identity) != before.map(identity) {
            return Err(Failure::new(format!(
                "`{}` was changed by somebody else meanwhile; nothing was written, read it again",
                self.asked
            )));
        }
        draft
            .put_at(&self.name)
            .map_err(|errno| trouble(errno.into()))
    }
}

/// What makes a file the same and unchanged.
fn identity(stat: &Stat) -> impl PartialEq + use<> {
    let (device, inode) = (stat.st_dev, stat.st_ino);
    (
        device,
        inode,
        stat.st_size,
        stat.st_mtime,
        stat.st_mtime_nsec,
    )
}

/// A file that is not in its place yet; gone if it never gets there.
struct Draft<'a> {
    directory: &'a OwnedFd,
    name: OsString,
    in_place: bool,
}

impl Draft<'_> {
    fn write(&self, content: &[u8], before: Option<&Stat>) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        // What stood here may be for its owner's eyes only: so is the draft, until it has that mode.
        let mode = Mode::from_raw_mode(if before.is_some() { 0o600 } else { 0o666 });
        let opened = rustix::fs::openat(self.directory, &self.name, flags | OFlags::CLOEXEC, mode)?;
        let mut file = File::from(opened);
        let errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        file.write_all(content).map_err(errno)?;
        if let Some(before) = before {
            rustix::fs::fchmod(&file, Mode::from_raw_mode(before.st_mode & 0o7777))?;
        }
        // Else a crash could leave the name with nothing behind it.
        file.sync_data().map_err(errno)
    }

    fn put_at(mut self, name: &OsStr) -> Result<(), Errno> {
        rustix::fs::renameat(self.directory, &self.name, self.directory, name)?;
        self.in_place = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.in_place {
            // It may never have been made.
            let _ = rustix::fs::unlinkat(self.directory, &self.name, AtFlags::empty());
        }
    }
}
