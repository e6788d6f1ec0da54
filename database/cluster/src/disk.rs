//! Disks that are full: a small file system in memory, and ballast on it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cluster::{Cluster, run};
use crate::error::{ClusterError, io};

/// What the ballast is written in.
const CHUNK: usize = 4096;

/// A database whose tables are on a disk of their own. The log of writes is elsewhere, so that a full disk is an error of
/// statements (SQLSTATE 53100) and not the end of the server.
#[derive(Debug)]
pub struct SmallDisk {
    dir: PathBuf,
    url: String,
}

impl SmallDisk {
    /// The database's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Writes ballast until there is no room at all.
    ///
    /// # Errors
    /// When something else is wrong with the disk.
    pub fn fill(&self) -> Result<(), ClusterError> {
        let mut ballast = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .map_err(io("the ballast"))?;
        loop {
            match ballast.write_all(&[0; CHUNK]) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => return Err(io("the ballast")(error)),
            }
        }
    }

    /// Takes the ballast away.
    ///
    /// # Errors
    /// When there is none.
    pub fn free(&self) -> Result<(), ClusterError> {
        std::fs::remove_file(self.ballast()).map_err(io("the ballast"))
    }

    fn ballast(&self) -> PathBuf {
        self.dir.join("ballast")
    }
}

impl Cluster {
    /// A new database on a disk of `mb` megabytes of its own (an empty one takes 8), filled by `make` as in
    /// [`Self::copy_of`].
    ///
    /// # Errors
    /// When this is not root on Linux: only root may mount.
    pub fn small_disk(&self, mb: u32, make: impl FnOnce(&str)) -> Result<SmallDisk, ClusterError> {
        let number = self
            .databases
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .next();
        let dir = self.dir.join("disks").join(number.to_string());
        mount(&dir, mb)?;
        let tables = dir.join("tables");
        std::fs::create_dir(&tables).map_err(io("the tables' directory"))?;
        self.own(&tables)?;
        let name = format!("disk_{number}");
        self.psql(
            "postgres",
            &format!("CREATE TABLESPACE {name} LOCATION '{}'", tables.display()),
        )?;
        let url = self.create(&format!("TABLESPACE {name}"));
        make(&url);
        Ok(SmallDisk { dir, url })
    }
}

/// Mounts `mb` megabytes of memory; the watchdog takes it away again.
pub(crate) fn mount(dir: &Path, mb: u32) -> Result<(), ClusterError> {
    std::fs::create_dir_all(dir).map_err(io("a directory to mount on"))?;
    let mut command = Command::new("mount");
    command
        .args([
            "-t",
            "tmpfs",
            "-o",
            &format!("size={mb}m,mode=0755"),
            "tmpfs",
        ])
        .arg(dir);
    run(&mut command, "mounting a small disk (which only root may)").map(drop)
}
