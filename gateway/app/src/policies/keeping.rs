//! What policy files last said when nothing was wrong with them: it stays in force while something is.
//!
//! The operator's are kept on disk, for most judging is done by processes that live for milliseconds. A workspace's are kept
//! in memory only.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use conscience::{Conscience, PolicyError, PolicyFile};

use super::POLICIES;
use super::reading::{self, Bounds, Listing, OPERATOR};
use crate::agent::write_private;

/// Good texts by the names of their files.
#[derive(Debug)]
pub(super) enum Keep {
    /// In a directory; whether it may be written.
    Directory(PathBuf, bool),
    /// In memory.
    Memory(BTreeMap<String, String>),
}

impl Default for Keep {
    fn default() -> Self {
        Self::Memory(BTreeMap::new())
    }
}

impl Keep {
    pub(super) fn in_directory(dir: PathBuf, writes: bool) -> Self {
        Self::Directory(dir, writes)
    }

    /// Reads what `listing` found in `dir` and has it built. Whatever is wrong is told, with what is in force instead.
    pub(super) fn load(
        &mut self,
        dir: &Path,
        listing: &Listing,
        bounds: Bounds,
        complaints: &mut Vec<String>,
        build: impl Fn(Vec<PolicyFile>) -> (Conscience, Vec<PolicyError>),
    ) -> Conscience {
        let texts = reading::read(listing, bounds);
        let (conscience, errors) = build(texts.files.clone());
        if errors.is_empty() && texts.unread.is_empty() && listing.refused().is_none() {
            self.put(dir, &texts.files, &BTreeSet::new());
            return conscience;
        }
        let known = self.get(dir);
        let mut wrong: BTreeSet<String> = errors.iter().map(|error| error.file.clone()).collect();
        wrong.extend(texts.unread.iter().map(|(name, _)| name.clone()));
        let mut files: Vec<PolicyFile> = texts
            .files
            .into_iter()
            .filter(|file| !wrong.contains(&file.name))
            .collect();
        let whole: Vec<PolicyFile> = files.clone();
        let replaced = |name: &str| listing.refused().is_some() || wrong.contains(name);
        let before: Vec<(String, String)> = known
            .into_iter()
            .filter(|(name, _)| replaced(name))
            .collect();
        // Where nothing takes their places, what was built is right already: it has no part of files that are wrong.
        let is_built = before.is_empty();
        files.extend(
            before
                .into_iter()
                .map(|(name, text)| PolicyFile { name, text }),
        );
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let names: BTreeSet<String> = files.iter().map(|file| file.name.clone()).collect();
        let (conscience, more) = if is_built {
            (conscience, Vec::new())
        } else {
            build(files)
        };
        let fate = |name: &str| {
            let is_in = names.contains(name) && !more.iter().any(|error| error.file == name);
            if is_in {
                "what it said before stays in force"
            } else {
                "no rule of it is in force, all others are"
            }
        };
        if let Some(what) = listing.refused() {
            let fate = if names.is_empty() {
                "no file of it is in force, the built-in rules are"
            } else {
                "what its files said before stays in force"
            };
            complaints.push(format!("{}: {what}; {fate}", dir.display()));
        }
        for (name, what) in &texts.unread {
            complaints.push(format!("{name}: {what}; {}", fate(name)));
        }
        for error in &errors {
            complaints.push(format!("{error}; {}", fate(&error.file)));
        }
        if listing.refused().is_none() {
            self.put(dir, &whole, &wrong);
        }
        conscience
    }

    /// What is kept, by the names that files of `dir` have.
    fn get(&self, dir: &Path) -> BTreeMap<String, String> {
        match self {
            Self::Memory(texts) => texts.clone(),
            Self::Directory(kept, _) => {
                let texts = reading::read(&reading::list(kept, POLICIES), OPERATOR);
                let named = texts.files.into_iter().filter_map(|file| {
                    let name = Path::new(&file.name).file_name()?.to_str()?;
                    Some((dir.join(plain(name)).display().to_string(), file.text))
                });
                named.collect()
            }
        }
    }

    /// Keeps these, and of what was kept those that are wrong now; nothing else.
    fn put(&mut self, dir: &Path, files: &[PolicyFile], wrong: &BTreeSet<String>) {
        match self {
            Self::Memory(texts) => {
                texts.retain(|name, _| wrong.contains(name));
                let new = files
                    .iter()
                    .map(|file| (file.name.clone(), file.text.clone()));
                texts.extend(new);
            }
            Self::Directory(_, false) => {}
            Self::Directory(kept, true) => {
                if let Err(error) = write(kept, dir, files, wrong) {
                    tracing::warn!(
                        "{}: {error:#}; policies are in force, but a later mistake in them would leave none",
                        kept.display()
                    );
                }
            }
        }
    }
}

fn write(
    kept: &Path,
    dir: &Path,
    files: &[PolicyFile],
    wrong: &BTreeSet<String>,
) -> anyhow::Result<()> {
    if files.is_empty() && !kept.exists() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(kept)?;
    let copy = |name: &str| {
        let below = Path::new(name).strip_prefix(dir).ok()?.to_str()?;
        Some(kept.join(flat(below)))
    };
    let mut current: BTreeSet<PathBuf> = wrong.iter().filter_map(|name| copy(name)).collect();
    for file in files {
        let Some(path) = copy(&file.name) else {
            continue;
        };
        // Read rather than asked for its time: that costs the same, and is sure.
        if fs::read(&path).is_ok_and(|text| text == file.text.as_bytes()) {
            current.insert(path);
            continue;
        }
        write_private(&path, &file.text)?;
        current.insert(path);
    }
    for entry in fs::read_dir(kept)? {
        let path = entry?.path();
        if !current.contains(&path) && path.extension().is_some_and(|end| end == "cedar") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A path below a directory as the name of one file.
fn flat(path: &str) -> String {
    path.replace('%', "%25").replace('/', "%2F")
}

/// The path that [`flat`] made a name of.
fn plain(name: &str) -> String {
    name.replace("%2F", "/").replace("%25", "%")
}
