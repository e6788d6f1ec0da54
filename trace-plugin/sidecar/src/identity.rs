//! Who this agent is: an Ed25519 key that never leaves the machine, and the id derived from it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aap::AgentId;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::SigningKey;

use crate::clock;

/// An agent's key and the id it proves.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    agent_id: AgentId,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity")
            .field("agent_id", &self.agent_id)
            .finish_non_exhaustive()
    }
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is none yet.
    #[error("{0} does not exist: run `smoltbot init` first")]
    Missing(PathBuf),
    /// The file is not a key.
    #[error(
        "{0} does not hold an Ed25519 key (32 bytes in base64). Restore it from a backup, or run `smoltbot reset` for a new identity"
    )]
    NotAKey(PathBuf),
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Only the owner may read or write the key.
const KEY_MODE: u32 = 0o600;

impl Identity {
    /// Takes this key.
    pub fn from_key(key: SigningKey) -> Self {
        let agent_id = AgentId::of_key(&key.verifying_key());
        Self { key, agent_id }
    }

    /// A new key that is kept nowhere: for judging where nothing can be recorded.
    pub fn nobody() -> Self {
        Self::from_key(SigningKey::from_bytes(&clock::random()))
    }

    /// Reads the key at `path`, and closes the file to others if it was open to them.
    ///
    /// # Errors
    /// [`IdentityError`] names the file and what to do.
    pub fn load(path: &Path) -> Result<Self, IdentityError> {
        let io = |source| IdentityError::Io {
            path: path.to_owned(),
            source,
        };
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(IdentityError::Missing(path.to_owned()));
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(IdentityError::NotAKey(path.to_owned()));
            }
            Err(error) => return Err(io(error)),
        };
        let mode = fs::metadata(path).map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "the key was readable by others; closing it");
            fs::set_permissions(path, fs::Permissions::from_mode(KEY_MODE)).map_err(io)?;
        }
        let seed: [u8; 32] = BASE64_STANDARD
            .decode(text.trim())
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| IdentityError::NotAKey(path.to_owned()))?;
        Ok(Self::from_key(SigningKey::from_bytes(&seed)))
    }

    /// Makes a new key at `path`, which must not exist yet.
    ///
    /// # Errors
    /// [`IdentityError::Io`], also when the file exists.
    pub fn create(path: &Path) -> Result<Self, IdentityError> {
        let io = |source| IdentityError::Io {
            path: path.to_owned(),
            source,
        };
        let identity = Self::nobody();
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(KEY_MODE)
            .open(path)
            .map_err(io)?;
        writeln!(file, "{}", BASE64_STANDARD.encode(identity.key.to_bytes())).map_err(io)?;
        file.sync_all().map_err(io)?;
        Ok(identity)
    }

    /// The id that the key proves.
    pub fn agent_id(&self) -> AgentId {
        self.agent_id
    }

    /// The key, for signing.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.key");
        assert!(matches!(
            Identity::load(&path),
            Err(IdentityError::Missing(_))
        ));
        let made = Identity::create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(Identity::load(&path).unwrap().agent_id(), made.agent_id());
        assert!(
            Identity::create(&path).is_err(),
            "a key is never overwritten"
        );

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        Identity::load(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn what_is_no_key_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("identity.key");
        for content in [&b"hello"[..], b"", b"\xff\xfe", b"AAAA"] {
            fs::write(&path, content).unwrap();
            let error = Identity::load(&path).unwrap_err().to_string();
            assert!(
                error.contains("identity.key") && error.contains("reset"),
                "{error}"
            );
        }
    }
}
