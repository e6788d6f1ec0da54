//! The one directory that file tools see.
//!
//! A path is resolved by the kernel below the root (`openat2` with `RESOLVE_BENEATH`), so `..`, absolute paths and
//! symlinks cannot lead out, not even when they change between looking and opening. Where the kernel has no `openat2`, or
//! a sandbox forbids it, the path is made canonical, compared with the root, and walked from there component by component
//! without following any symlink: one that appears meanwhile is an error.
//!
//! Writing goes by [`Place`]: an open directory below the root and a name in it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::Failure;
use super::place::Place;

/// The root of all file access, and where commands start.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
    text: String,
    /// Our own writers take turns: one that changes a part must not undo what another just wrote.
    writing: Arc<Mutex<()>>,
}

impl Workspace {
    /// The existing directory `root`.
    ///
    /// # Errors
    /// When it cannot be resolved, is not a directory, or has a name that is not UTF-8 (a trace could not tell it).
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        if !root.is_dir() {
            return Err(io::Error::from(io::ErrorKind::NotADirectory));
        }
        let text = root
            .to_str()
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8"))?
            .to_owned();
        Ok(Self {
            root,
            text,
            writing: Arc::default(),
        })
    }

    /// The canonical path of the root.
    pub fn root(&self) -> &str {
        &self.text
    }

    /// The turn of one writer. Held from reading what is there until the new file is in its place; never while waiting.
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        // It guards no data that a panic could have left half done.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A regular file below the root, for reading.
    pub(super) fn file(&self, path: &str) -> Result<File, Failure> {
        // Without NONBLOCK the opening of a pipe waits for its other end.
        let opened = self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| explain(path, errno))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(File::from(opened)),
            FileType::Directory => Err(Failure::new(format!(
                "`{path}` is a directory; list_files shows what is in it"
            ))),
            _ => Err(Failure::new(format!("`{path}` is not a regular file"))),
        }
    }

    /// Where a file is or would be. With `make`, directories that are missing on the way are made.
    pub(super) fn place(&self, path: &str, make: bool) -> Result<Place, Failure> {
        let relative = self.relative(path);
        let Some(name) = relative.file_name().filter(|_| !path.ends_with('/')) else {
            return Err(Failure::new(format!("`{path}` names no file")));
        };
        let above = match relative.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
        let directory = if make {
            self.made(above)
        } else {
            self.opened(above, DIRECTORY)
        };
        Ok(Place::new(
            directory.map_err(|errno| explain(path, errno))?,
            name.to_owned(),
            path,
        ))
    }

    /// A regular file or a directory below the root.
    pub(super) fn is_directory(&self, path: &str) -> Result<bool, Failure> {
        // Without NONBLOCK the opening of a pipe waits for its other end.
        let opened = self.resolve(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let stat = rustix::fs::fstat(&opened).map_err(|errno| explain(path, errno))?;
        Ok(FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// A directory below the root and its real path.
    pub(super) fn directory(&self, path: &str) -> Result<(OwnedFd, String), Failure> {
        let opened = self.resolve(path, DIRECTORY)?;
        let real = real_path(&opened, &self.root.join(self.relative(path)))
            .map_err(|errno| explain(path, errno))?;
        match real.to_str() {
            Some(text) if real.starts_with(&self.root) => Ok((opened, text.to_owned())),
            Some(_) => Err(explain(path, Errno::XDEV)),
            None => Err(Failure::new(format!(
                "`{path}` leads to a name that is not UTF-8"
            ))),
        }
    }

    /// `path` as seen from the root; absolute paths below the root are taken as such.
    fn relative<'a>(&self, path: &'a str) -> &'a Path {
        let path = match path {
            "" => Path::new("."),
            path => Path::new(path),
        };
        match path.strip_prefix(&self.root) {
            Ok(rest) if rest.as_os_str().is_empty() => Path::new("."),
            Ok(rest) => rest,
            Err(_) => path,
        }
    }

    fn resolve(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Failure> {
        self.opened(self.relative(path), flags)
            .map_err(|errno| explain(path, errno))
    }

    /// Opens what `relative` leads to, if that is below the root.
    fn opened(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        match beneath(&self.open_root()?, relative, flags) {
            // Sandboxes that do not know the call answer PERM; opening for reading has no other reason to.
            Err(Errno::NOSYS | Errno::PERM) => self.checked(relative, flags),
            opened => opened,
        }
    }

    fn open_root(&self) -> Result<OwnedFd, Errno> {
        rustix::fs::open(&self.root, DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// The directory `relative`, made as far as it is missing.
    fn made(&self, relative: &Path) -> Result<OwnedFd, Errno> {
        match self.opened(relative, DIRECTORY) {
            Err(Errno::NOENT) => {}
            other => return other,
        }
        let name = relative.file_name().ok_or(Errno::NOENT)?;
        let above = match relative.parent() {
            Some(above) if !above.as_os_str().is_empty() => self.made(above)?,
            _ => self.open_root()?,
        };
        match rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        let flags = DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(&above, name, flags, Mode::empty())
    }

    /// The way without `openat2`.
    fn checked(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let real = self
            .root
            .join(relative)
            .canonicalize()
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        let inside = real.strip_prefix(&self.root).map_err(|_| Errno::XDEV)?;
        self.walked(inside, flags)
    }

    /// Opens a path without symlinks, component by component.
    fn walked(&self, inside: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut at = self.open_root()?;
        let mut names = inside.components().peekable();
        if names.peek().is_none() {
            return rustix::fs::openat(&at, ".", flags | OFlags::NOFOLLOW, Mode::empty());
        }
        while let Some(component) = names.next() {
            let Component::Normal(name) = component else {
                return Err(Errno::XDEV);
            };
            let how = match names.peek() {
                Some(_) => DIRECTORY | OFlags::CLOEXEC,
                None => flags,
            };
            at = rustix::fs::openat(&at, name, how | OFlags::NOFOLLOW, Mode::empty())?;
        }
        Ok(at)
    }
}

/// How a directory is opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

#[cfg(target_os = "linux")]
fn beneath(root: &OwnedFd, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    // The kernel answers EAGAIN when a rename elsewhere raced with a `..`; openat2(2) says to ask again.
    const ASK_AGAIN: usize = 64;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ASK_AGAIN {
        match openat2(root, relative, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            opened => return opened,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(not(target_os = "linux"))]
fn beneath(_root: &OwnedFd, _relative: &Path, _flags: OFlags) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Where an open directory really is.
#[cfg(target_os = "linux")]
fn real_path(opened: &OwnedFd, _joined: &Path) -> Result<PathBuf, Errno> {
    std::fs::read_link(super::descriptor_path(opened))
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

#[cfg(not(target_os = "linux"))]
fn real_path(_opened: &OwnedFd, joined: &Path) -> Result<PathBuf, Errno> {
    joined
        .canonicalize()
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

pub(super) fn explain(path: &str, errno: Errno) -> Failure {
    Failure::new(match errno {
        Errno::XDEV => {
            format!("`{path}` leads out of the workspace; only what is in it can be reached")
        }
        Errno::NOENT => format!("`{path}` does not exist in the workspace"),
        Errno::NOTDIR => format!("`{path}` is not a directory"),
        Errno::LOOP => format!("`{path}` goes through a symlink that cannot be followed"),
        Errno::INVAL => format!("`{path}` is not a path"),
        other => format!("`{path}`: {}", io::Error::from(other)),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn without_openat2_the_way_out_is_closed_too() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "SECRET").unwrap();
        let inside = tempfile::tempdir().unwrap();
        std::fs::write(inside.path().join("a"), "A").unwrap();
        symlink(outside.path(), inside.path().join("link")).unwrap();
        let workspace = Workspace::open(inside.path()).unwrap();
        let open = |path: &str| workspace.checked(Path::new(path), OFlags::RDONLY);
        assert!(open("a").is_ok() && open("./x/../a").is_err() && open("link/../a").is_err());
        let absolute = outside.path().join("secret");
        for path in ["link/secret", "link", "..", absolute.to_str().unwrap()] {
            assert_eq!(open(path).unwrap_err(), Errno::XDEV, "{path}");
        }
        assert_eq!(open("missing").unwrap_err(), Errno::NOENT);
    }

    #[test]
    fn without_openat2_a_symlink_that_appears_is_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir(outside.path().join("b")).unwrap();
        std::fs::write(outside.path().join("b/c"), "SECRET").unwrap();
        let inside = tempfile::tempdir().unwrap();
        symlink(outside.path(), inside.path().join("a")).unwrap();
        symlink(outside.path().join("b/c"), inside.path().join("d")).unwrap();
        let workspace = Workspace::open(inside.path()).unwrap();
        // As if they had been directories and a file when the path was made canonical.
        for path in ["a/b/c", "a/b", "a", "d"] {
            let errno = workspace
                .walked(Path::new(path), OFlags::RDONLY)
                .unwrap_err();
            assert!(
                matches!(errno, Errno::LOOP | Errno::NOTDIR),
                "{path} {errno}"
            );
        }
    }

    #[test]
    fn a_workspace_is_a_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Workspace::open(file.path()).is_err());
        assert!(Workspace::open(Path::new("/does/not/exist")).is_err());
    }
}
