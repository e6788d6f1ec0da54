//! A disk that breaks and a clock that is wrong, for one program: `shim/shim.c`, compiled here and preloaded.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

/// What is broken; the numbers are those of `shim.c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Nothing.
    Well = 0,
    /// Writes fail with EIO.
    WriteError = 1,
    /// Writes fail with ENOSPC.
    Full = 2,
    /// Syncs fail with EIO.
    SyncError = 3,
    /// The directory is read-only.
    ReadOnly = 4,
    /// Half of what is written arrives, then the disk is full.
    ShortWrite = 5,
    /// The process is killed instead of writing.
    Kill = 6,
    /// Truncations fail with EIO.
    TruncateError = 7,
}

/// Of which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Any of the spool's.
    Any = 0,
    /// The database: what is written there is a checkpoint.
    Database = 1,
    /// The log: what is written there is a commit.
    Log = 2,
}

const WORDS: usize = 6;

/// The way to the programs that run with it.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    path: PathBuf,
    control: File,
}

impl Shim {
    /// Compiles the library, once a process, and makes the file at `path` by which it is told.
    ///
    /// # Errors
    /// When there is no C compiler, or it does not take the file.
    pub fn new(path: &Path) -> Result<Self> {
        fs::write(path, [0; WORDS * 8])?;
        Ok(Self {
            library: library()?,
            path: path.to_owned(),
            control: OpenOptions::new().read(true).write(true).open(path)?,
        })
    }

    /// The variables that a program needs to run with it.
    pub fn env(&self) -> [(&'static str, &Path); 2] {
        [("LD_PRELOAD", &self.library), ("ORACLE_SHIM", &self.path)]
    }

    fn put(&self, word: u64, value: i64) -> Result<()> {
        self.control
            .write_all_at(&value.to_ne_bytes(), word * 8)
            .context("the shim cannot be told")
    }

    /// The wall clock is off by so many milliseconds, from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clock(&self, off_by: i64) -> Result<()> {
        self.put(0, off_by)
    }

    /// The disk breaks after `after` more writes; `once`, or from then on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn disk(&self, disk: Disk, part: Part, after: u64, once: bool) -> Result<()> {
        self.put(1, Disk::Well as i64)?;
        self.put(2, i64::try_from(after)?)?;
        self.put(3, part as i64)?;
        self.put(5, i64::from(once))?;
        self.put(1, disk as i64)
    }

    /// How often the disk has broken by now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn struck(&self) -> Result<i64> {
        let mut bytes = [0; 8];
        self.control.read_exact_at(&mut bytes, 4 * 8)?;
        Ok(i64::from_ne_bytes(bytes))
    }
}

fn library() -> Result<PathBuf> {
    static MADE: OnceLock<Result<(tempfile::TempDir, PathBuf), String>> = OnceLock::new();
    let made = MADE.get_or_init(|| compile().map_err(|error| format!("{error:#}")));
    match made {
        Ok((_, library)) => Ok(library.clone()),
        Err(error) => anyhow::bail!("{error}"),
    }
}

fn compile() -> Result<(tempfile::TempDir, PathBuf)> {
    let dir = tempfile::tempdir()?;
    let library = dir.path().join("shim.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/shim/shim.c");
    let output = Command::new("cc")
        .args(["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source)
        .output()
        .context("no C compiler `cc`; the disk cannot be broken without one")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cc does not take {source}: {said}");
    Ok((dir, library))
}
