//! Reading a directory of policies, within bounds: whatever lies there, it costs little and never waits.
//!
//! A directory is read with what is below it. No link is followed, to a file or to a directory: whoever owns its end would
//! write the rules, and it could lead in a circle or to `/`. What is not read is told by name.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use conscience::PolicyFile;
use nix::fcntl::OFlag;

/// How many entries are looked at; a directory that holds more is not the conscience's.
const MAX_ENTRIES: usize = 1_000;
/// How many files of one sort are read.
const MAX_FILES: usize = 64;
/// How deep directories may lie in one another.
const MAX_DEPTH: usize = 4;
/// How long one file may be, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// How much is read of a directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// All files together, in bytes.
    pub(crate) total_bytes: u64,
}

/// The operator's own directory: some two thousand policies, which take a fifth of a second to read.
pub(crate) const OPERATOR: Bounds = Bounds {
    total_bytes: 512 * 1024,
};
/// A workspace's: an agent may write there, and reading is on the way of its calls.
pub(crate) const PROJECT: Bounds = Bounds {
    total_bytes: 64 * 1024,
};

/// A file as it stood when it was looked at: when one of these changes, it is read again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    path: PathBuf,
    modified: (i64, i64),
    len: u64,
    inode: u64,
    is_file: bool,
}

/// What stands in a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    files: Vec<Mark>,
    /// Why the directory is not read, if so.
    refused: Option<String>,
    /// What of it is not looked at, and why.
    left_out: Vec<(PathBuf, String)>,
}

impl Listing {
    /// The files that it found.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|mark| mark.path.as_path())
    }

    /// Why the directory is not read as a whole, if so.
    pub(crate) fn refused(&self) -> Option<&str> {
        self.refused.as_deref()
    }
}

/// What was read, and what was not.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) files: Vec<PolicyFile>,
    /// Names of files, and what is wrong with them.
    pub(crate) unread: Vec<(String, String)>,
}

/// Looks what stands in `dir`, without reading any file. Nothing, where there is no such directory.
pub(crate) fn list(dir: &Path, ending: &str) -> Listing {
    let mut listing = Listing::default();
    match fs::symlink_metadata(dir) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            // A link could lead anywhere, to `/` for one, and whoever owns its end would write the rules.
            let what = "is no directory of its own: put one there, with the policy files in it";
            listing.refused = Some(what.to_owned());
            return listing;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return listing,
        Err(error) => {
            listing.refused = Some(error.to_string());
            return listing;
        }
    }
    let mut entries = 0;
    if let Err(what) = walk(dir, ending, 0, &mut entries, &mut listing) {
        listing.refused = Some(what);
        listing.files.clear();
        listing.left_out.clear();
        return listing;
    }
    if listing.files.len() > MAX_FILES {
        let what = format!(
            "holds {} files *{ending}, at most {MAX_FILES} are read: put several policies into one file",
            listing.files.len()
        );
        listing.refused = Some(what);
        listing.files.clear();
    }
    listing.files.sort_by(|a, b| a.path.cmp(&b.path));
    listing
}

fn walk(
    dir: &Path,
    ending: &str,
    depth: usize,
    entries: &mut usize,
    listing: &mut Listing,
) -> Result<(), String> {
    let below = |what: io::Error| format!("{}: {what}", dir.display());
    for entry in fs::read_dir(dir).map_err(below)? {
        let entry = entry.map_err(below)?;
        *entries += 1;
        if *entries > MAX_ENTRIES {
            return Err(format!(
                "holds more than {MAX_ENTRIES} entries: keep policies and their tests there, nothing else"
            ));
        }
        let path = entry.path();
        let is_named = entry
            .file_name()
            .as_encoded_bytes()
            .ends_with(ending.as_bytes());
        // Of the entry itself, wherever it leads.
        let Ok(metadata) = entry.metadata() else {
            // Gone between two looks.
            continue;
        };
        if metadata.is_dir() {
            if depth == MAX_DEPTH {
                let what = format!("lies more than {MAX_DEPTH} directories deep and is not read");
                listing.left_out.push((path, what));
            } else {
                walk(&path, ending, depth + 1, entries, listing)?;
            }
        } else if metadata.is_symlink() && (is_named || path.is_dir()) {
            listing.left_out.push((path.clone(), link(&path)));
        } else if is_named {
            listing.files.push(Mark {
                path,
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                len: metadata.len(),
                inode: metadata.ino(),
                is_file: metadata.is_file(),
            });
        }
    }
    Ok(())
}

/// What is said of a link.
fn link(path: &Path) -> String {
    let leads = match path.canonicalize() {
        Ok(end) if path.starts_with(&end) => {
            format!(" back to {}, in a circle", end.display())
        }
        Ok(end) => format!(" to {}", end.display()),
        Err(error) if error.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            " in a circle".to_owned()
        }
        Err(_) => " nowhere".to_owned(),
    };
    format!("is a symbolic link that leads{leads}: copy what is meant there")
}

/// Reads what `listing` found.
pub(crate) fn read(listing: &Listing, bounds: Bounds) -> Texts {
    let mut texts = Texts::default();
    let mut left = bounds.total_bytes;
    for (path, what) in &listing.left_out {
        texts
            .unread
            .push((path.display().to_string(), what.clone()));
    }
    for mark in &listing.files {
        let name = mark.path.display().to_string();
        let read = if mark.is_file {
            bounded(&mark.path, left, bounds)
        } else {
            Err("is no plain file".to_owned())
        };
        match read {
            Ok(text) => {
                left -= text.len() as u64;
                texts.files.push(PolicyFile { name, text });
            }
            Err(what) => texts.unread.push((name, what)),
        }
    }
    texts
}

/// The text of one plain file.
pub(crate) fn text(path: &Path, bounds: Bounds) -> Result<String, String> {
    bounded(path, bounds.total_bytes, bounds)
}

/// Nothing that waits (a pipe) is opened for long, and no link is followed.
fn bounded(path: &Path, left: u64, bounds: Bounds) -> Result<String, String> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(path)
        .map_err(|error| error.to_string())?;
    if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Err("is no plain file".to_owned());
    }
    let most = MAX_FILE_BYTES.min(left);
    let mut bytes = Vec::new();
    file.take(most + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(if most == MAX_FILE_BYTES {
            format!("is longer than {MAX_FILE_BYTES} bytes: split it into several")
        } else {
            format!(
                "is one too many: all files together may have {} bytes",
                bounds.total_bytes
            )
        });
    }
    utf8(bytes).map_err(|line| format!("line {line} is not UTF-8: save the file as UTF-8"))
}

/// The text; else the line, from 1, where it is not UTF-8.
pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, usize> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        before.split(|byte| *byte == b'\n').count()
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const ENDING: &str = ".cedar";

    fn texts(dir: &Path) -> Texts {
        read(&list(dir, ENDING), OPERATOR)
    }

    #[test]
    fn files_are_read_by_name_within_bounds() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("sub")).expect("made");
        for name in ["b.cedar", "a.cedar", "sub/c.cedar", "a.test.tsv"] {
            fs::write(at(name), name).expect("written");
        }
        fs::write(at("long.cedar"), vec![b' '; 256 * 1024 + 1]).expect("written");
        fs::write(at("odd.cedar"), b"//\n\xff").expect("written");
        fs::write(at("wide.cedar"), b"\xff\xfef\0o\0").expect("written");
        fs::create_dir_all(at("1/2/3/4/5")).expect("made");
        fs::write(at("1/2/3/4/deep.cedar"), "").expect("written");
        fs::write(at("1/2/3/4/5/deeper.cedar"), "").expect("written");
        symlink(at("a.cedar"), at("link.cedar")).expect("linked");
        symlink(at("loop2.cedar"), at("loop1.cedar")).expect("linked");
        symlink(at("loop1.cedar"), at("loop2.cedar")).expect("linked");
        symlink(dir.path(), at("sub/up")).expect("linked");
        symlink("/", at("sub/root")).expect("linked");
        symlink(at("a.test.tsv"), at("link.tsv")).expect("linked");
        nix::unistd::mkfifo(&at("pipe.cedar"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let texts = texts(dir.path());
        let read: Vec<&str> = texts.files.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(read, ["", "a.cedar", "b.cedar", "sub/c.cedar"]);
        let mut unread = texts.unread;
        unread.sort();
        let wrong = [
            ("1/2/3/4/5", "4 directories deep"),
            ("link.cedar", "a.cedar: copy"),
            ("long.cedar", "262144 bytes"),
            ("loop1.cedar", "in a circle"),
            ("loop2.cedar", "in a circle"),
            ("odd.cedar", "line 2 is not UTF-8"),
            ("pipe.cedar", "no plain file"),
            ("sub/root", "in a circle"),
            ("sub/up", "in a circle"),
            ("wide.cedar", "line 1 is not UTF-8"),
        ];
        assert_eq!(unread.len(), wrong.len(), "{unread:?}");
        for ((name, said), (suffix, what)) in unread.iter().zip(wrong) {
            assert!(
                name.ends_with(suffix) && said.contains(what),
                "{name}: {said}"
            );
        }
    }

    #[test]
    fn all_files_together_are_bounded() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["a.cedar", "b.cedar", "c.cedar"] {
            fs::write(dir.path().join(name), vec![b' '; 30 * 1024]).expect("written");
        }
        let texts = read(&list(dir.path(), ENDING), PROJECT);
        assert_eq!(texts.files.len(), 2);
        assert!(
            texts.unread[0].1.contains("65536 bytes"),
            "{:?}",
            texts.unread
        );
    }

    #[test]
    fn a_directory_that_cannot_be_ours_is_refused_as_a_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(list(&dir.path().join("none"), ENDING), Listing::default());
        symlink("/", dir.path().join("root")).expect("linked");
        for entry in 0..=MAX_FILES {
            fs::write(dir.path().join(format!("{entry}.cedar")), "").expect("written");
        }
        for (path, what) in [
            (dir.path().join("root"), "no directory of its own"),
            (dir.path().join("0.cedar"), "no directory of its own"),
            (dir.path().to_owned(), "65 files *.cedar"),
        ] {
            let listing = list(&path, ENDING);
            let refused = listing.refused().expect("a refusal");
            assert!(refused.contains(what), "{refused}");
            assert!(read(&listing, OPERATOR).files.is_empty());
        }
        for entry in 0..=MAX_ENTRIES {
            fs::write(dir.path().join(format!("{entry}.txt")), "").expect("written");
        }
        let listing = list(dir.path(), ENDING);
        let refused = listing.refused().expect("a refusal");
        assert!(refused.contains("1000 entries"), "{refused}");
    }

    #[test]
    fn a_change_is_seen() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.cedar");
        let mut seen = vec![list(dir.path(), ENDING)];
        fs::write(&path, "a").expect("written");
        seen.push(list(dir.path(), ENDING));
        fs::write(&path, "ab").expect("written");
        seen.push(list(dir.path(), ENDING));
        let time = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
        let file = fs::File::options().write(true).open(&path).expect("open");
        file.set_times(time).expect("set");
        seen.push(list(dir.path(), ENDING));
        fs::rename(&path, dir.path().join("b.cedar")).expect("renamed");
        seen.push(list(dir.path(), ENDING));
        for (place, one) in seen.iter().enumerate() {
            assert_eq!(seen.iter().position(|other| other == one), Some(place));
        }
        assert_eq!(list(dir.path(), ENDING), seen[4]);
    }
}
