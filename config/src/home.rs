//! The directory that keeps everything, and the files in it.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::env::Env;
use crate::error::ConfigError;
use crate::sections::Sidecar;

/// Bytes of a socket's path that every system takes; Linux stops at 107, macOS at 103.
pub const MAX_SOCKET_PATH_BYTES: usize = 100;

/// `SMOLTBOT_HOME`, or `.smoltbot` below `HOME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home(PathBuf);

impl Home {
    /// The home at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The home that the environment names.
    ///
    /// # Errors
    /// [`ConfigError::NoHome`] when it names none.
    pub fn from_env(env: &dyn Env) -> Result<Self, ConfigError> {
        let path = match env.var("SMOLTBOT_HOME") {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env.var("HOME").ok_or(ConfigError::NoHome)?).join(".smoltbot"),
        };
        let absolute = std::path::absolute(&path);
        absolute.map(Self).map_err(|source| ConfigError::Io {
            path,
            what: "find",
            source,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the directory, for its owner only. One that exists stays as it is.
    ///
    /// # Errors
    /// [`ConfigError::Io`] when it cannot be made.
    pub fn create(&self) -> Result<(), ConfigError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(|source| ConfigError::Io {
                path: self.0.clone(),
                what: "make",
                source,
            })
    }

    /// `config.json`.
    pub fn config_file(&self) -> PathBuf {
        self.0.join("config.json")
    }

    /// `smoltbot.toml`, the operator's own, which is never written here.
    pub fn operator_file(&self) -> PathBuf {
        self.0.join("smoltbot.toml")
    }

    /// The agent's Ed25519 key.
    pub fn key_file(&self) -> PathBuf {
        self.0.join("identity.key")
    }

    /// The agent's alignment card.
    pub fn card_file(&self) -> PathBuf {
        self.0.join("card.json")
    }

    /// What clients of the gateway must show.
    pub fn token_file(&self) -> PathBuf {
        self.0.join("gateway.token")
    }

    /// The sidecar's spool.
    pub fn spool_file(&self) -> PathBuf {
        self.0.join("spool.db")
    }

    /// The edge's database, unless configured.
    pub fn edge_db(&self) -> PathBuf {
        self.0.join("edge.db")
    }

    /// What was said to the agent and what it answered, unless configured.
    pub fn gateway_db(&self) -> PathBuf {
        self.0.join("gateway.db")
    }

    /// The operator's own policies.
    pub fn conscience_dir(&self) -> PathBuf {
        self.0.join("conscience")
    }

    /// What the operator's policies last said when nothing was wrong with them.
    pub fn good_policies_dir(&self) -> PathBuf {
        self.0.join("conscience.good")
    }

    /// The gateway's workspace, which its file tools see.
    pub fn workspace_dir(&self) -> PathBuf {
        self.0.join("workspace")
    }

    /// What `init` replaced in other programs' files.
    pub fn backups_dir(&self) -> PathBuf {
        self.0.join("backups")
    }

    /// Where the sidecar says it listens, a line of text, for agents' plugins: the socket need not be in the home.
    pub fn socket_told_file(&self) -> PathBuf {
        self.0.join("sidecar.path")
    }

    /// Where the gateway or the edge (`role`) says at which address it listens, when it was told to take any port.
    pub fn address_file(&self, role: &str) -> PathBuf {
        self.0.join(format!("{role}.address"))
    }

    /// Held by the one process that owns the home.
    pub fn lock_file(&self) -> PathBuf {
        self.0.join("smoltbot.lock")
    }

    /// Held by whoever starts a process in the background, until that process is ready or has failed.
    pub fn start_lock_file(&self) -> PathBuf {
        self.0.join("start.lock")
    }

    /// Where processes that run in the background log to.
    pub fn log_dir(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Which agents' hooks `init` has installed, and what it changed for them.
    pub fn installed_file(&self) -> PathBuf {
        self.0.join("installed.json")
    }

    /// The sidecar's socket: the configured one, else `sidecar.sock` here. A path that is too long for a socket becomes a
    /// short one, the same for the same home, in a directory of the user's own that is made if need be.
    ///
    /// # Errors
    /// [`ConfigError`] when the short path's directory cannot be made or belongs to someone else.
    pub fn socket(&self, sidecar: &Sidecar) -> Result<PathBuf, ConfigError> {
        let path = sidecar
            .socket
            .clone()
            .unwrap_or_else(|| self.0.join("sidecar.sock"));
        if path.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
            return Ok(path);
        }
        let user = nix::unistd::geteuid().as_raw();
        // Not $TMPDIR, which may be long itself and differs between sessions of one user.
        let directory = PathBuf::from(format!("/tmp/smoltbot-{user}"));
        private_directory(&directory, user)?;
        Ok(directory.join(format!("{:016x}.sock", fnv1a(path.as_os_str()))))
    }
}

/// Makes a directory that only `user` can enter, and trusts no other.
fn private_directory(path: &Path, user: u32) -> Result<(), ConfigError> {
    let io = |what| {
        move |source| ConfigError::Io {
            path: path.to_owned(),
            what,
            source,
        }
    };
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(io("make")(error));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(path).map_err(io("read"))?;
    let problem = if !found.is_dir() {
        "is no directory"
    } else if found.uid() != user {
        "belongs to another user"
    } else if found.mode() & 0o077 != 0 {
        "is open to other users"
    } else {
        return Ok(());
    };
    Err(ConfigError::SocketDirectory {
        path: path.to_owned(),
        problem,
    })
}

/// FNV-1a, 64 bits: the same in every build, unlike the standard library's hasher.
fn fnv1a(text: &OsStr) -> u64 {
    text.as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        })
}
