//! Where Postgres' server programs are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ClusterError;

/// The oldest version that the migrations are written for.
pub const OLDEST_MAJOR: u32 = 15;
/// Where Debian keeps them: a directory a version, none of which is on the PATH.
const DEBIAN: &str = "/usr/lib/postgresql";
/// What a directory must hold.
const NEEDED: [&str; 3] = ["initdb", "postgres", "psql"];

/// A directory with `initdb`, `postgres` and `psql`.
#[derive(Debug, Clone)]
pub struct Programs {
    dir: PathBuf,
    major: u32,
}

impl Programs {
    /// The directory that `SMOLTBOT_POSTGRES` names; else the newest version of what `pg_config` tells, what is on the PATH,
    /// and what Debian's packages install.
    ///
    /// # Errors
    /// When none of them is complete and new enough; the message says what to install.
    pub fn find() -> Result<Self, ClusterError> {
        let named = std::env::var_os("SMOLTBOT_POSTGRES").filter(|value| !value.is_empty());
        let candidates = named.map_or_else(candidates, |dir| vec![PathBuf::from(dir)]);
        newest(&candidates)
    }

    /// One of the programs.
    pub fn path(&self, program: &str) -> PathBuf {
        self.dir.join(program)
    }

    /// The version's first number.
    pub fn major(&self) -> u32 {
        self.major
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut dirs = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        dirs.push(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        ));
    }
    if let Some(path) = std::env::var_os("PATH") {
        dirs.extend(std::env::split_paths(&path));
    }
    if let Ok(versions) = std::fs::read_dir(DEBIAN) {
        dirs.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    dirs
}

fn newest(candidates: &[PathBuf]) -> Result<Programs, ClusterError> {
    let mut looked = Vec::new();
    let mut best: Option<Programs> = None;
    for dir in candidates {
        // Debian's /usr/bin holds a `psql` that forwards to whatever version; only whole directories count.
        if !NEEDED.iter().all(|program| dir.join(program).is_file()) {
            continue;
        }
        let Some(major) = major(&dir.join("postgres")) else {
            looked.push(format!("{} does not tell its version", dir.display()));
            continue;
        };
        looked.push(format!("{} is version {major}", dir.display()));
        if major >= OLDEST_MAJOR && best.as_ref().is_none_or(|best| best.major < major) {
            best = Some(Programs {
                dir: dir.clone(),
                major,
            });
        }
    }
    best.ok_or_else(|| ClusterError::Missing {
        looked: if looked.is_empty() {
            format!("nothing by pg_config, on the PATH, or in {DEBIAN}")
        } else {
            looked.join(", ")
        },
    })
}

fn major(postgres: &Path) -> Option<u32> {
    let output = Command::new(postgres).arg("--version").output().ok()?;
    version(&String::from_utf8_lossy(&output.stdout))
}

/// From `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, or `… 18beta1`, to its first number.
fn version(text: &str) -> Option<u32> {
    let rest = text.split("(PostgreSQL)").nth(1)?.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_postgres_tells_them() {
        for (text, major) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) 9.6.24\n", Some(9)),
            ("psql: no such thing", None),
        ] {
            assert_eq!(version(text), major, "{text}");
        }
    }

    #[test]
    fn what_is_missing_is_told_with_what_to_install() {
        let empty = tempfile::tempdir().unwrap();
        let error = newest(&[empty.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("apt-get install postgresql"), "{error}");
        // A version that is too old is named.
        for program in NEEDED {
            std::fs::write(
                empty.path().join(program),
                "#!/bin/sh\necho 'postgres (PostgreSQL) 13.4'\n",
            )
            .unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            std::fs::set_permissions(empty.path().join(program), mode).unwrap();
        }
        let error = newest(&[empty.path().to_owned()]).unwrap_err().to_string();
        assert!(error.contains("is version 13"), "{error}");
    }

    #[test]
    fn the_newest_is_taken() {
        let dirs: Vec<_> = [15, 17, 16]
            .iter()
            .map(|version| {
                let dir = tempfile::tempdir().unwrap();
                for program in NEEDED {
                    let path = dir.path().join(program);
                    std::fs::write(
                        &path,
                        format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}.1'\n"),
                    )
                    .unwrap();
                    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                    std::fs::set_permissions(path, mode).unwrap();
                }
                dir
            })
            .collect();
        let paths: Vec<_> = dirs.iter().map(|dir| dir.path().to_owned()).collect();
        assert_eq!(newest(&paths).unwrap().major(), 17);
    }
}
