//! Who the agent is: files in its workspace, read anew when they change.
//!
//! `SOUL.md`, `IDENTITY.md`, `AGENTS.md`, `USER.md`, `TOOLS.md` and `MEMORY.md`, names that OpenClaw uses. Beside them, a
//! user, a channel or a context may have their own: `souls/users/ID/SOUL.md`, `souls/channels/NAME/SOUL.md`,
//! `souls/contexts/NAME/SOUL.md`. Of one file the most particular is taken: the user's, else the context's, else the
//! channel's, else the workspace's. What the workspace's tell of the owner is not for guests.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::limits::{MAX_SOUL_BYTES, MAX_SOUL_FILE_BYTES};

/// Files that say who the agent is, for everybody.
const OF_THE_AGENT: [&str; 4] = ["SOUL.md", "IDENTITY.md", "AGENTS.md", "TOOLS.md"];
/// Files that say what it knows of whom it acts for.
const OF_THE_USER: [&str; 2] = ["USER.md", "MEMORY.md"];
/// Files that are remembered; more than any workspace has.
const MAX_REMEMBERED: usize = 1024;

/// For whom a soul is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct For<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) channel: Option<&'a str>,
    pub(super) context: Option<&'a str>,
    /// Whether it is somebody whose words the owner does not answer for, such as a webhook's sender.
    pub(super) is_guest: bool,
}

/// The files of a workspace.
#[derive(Debug)]
pub(super) struct Soul {
    workspace: PathBuf,
    remembered: Mutex<HashMap<PathBuf, Remembered>>,
}

/// A file as it was when it was last read.
#[derive(Debug, Clone)]
struct Remembered {
    modified: Option<SystemTime>,
    length: u64,
    text: String,
}

/// What the files say, ready for the prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Said {
    /// The same for everybody.
    pub(super) agent: String,
    /// Of this user.
    pub(super) user: String,
}

impl Soul {
    pub(super) fn new(workspace: PathBuf) -> Self {
        Self {
            workspace,
            remembered: Mutex::default(),
        }
    }

    /// What the files say now. Reads files: not for the event loop.
    pub(super) fn read(&self, whom: For<'_>) -> Said {
        let mut left = MAX_SOUL_BYTES;
        Said {
            agent: self.sections(&OF_THE_AGENT, whom, true, &mut left),
            user: self.sections(&OF_THE_USER, whom, !whom.is_guest, &mut left),
        }
    }

    /// What the files of these names say; with `shared`, also those that are not for one user, context or channel.
    fn sections(&self, names: &[&str], whom: For<'_>, shared: bool, left: &mut usize) -> String {
        let mut said = String::new();
        for name in names {
            let Some(text) = self
                .directories(whom)
                .chain(shared.then(|| self.workspace.clone()))
                .find_map(|dir| self.file(&dir.join(name)))
            else {
                continue;
            };
            let shown = &text[..text.floor_char_boundary(text.len().min(*left))];
            *left -= shown.len();
            // Writing to a String does not fail.
            let _ = write!(said, "\n\n## {name}\n\n{}", shown.trim_end());
            if shown.len() < text.len() {
                let _ = write!(
                    said,
                    "\n[{name} is cut here: all files together may have {MAX_SOUL_BYTES} bytes]"
                );
            }
        }
        said
    }

    /// Where a file of their own may be, the most particular place first.
    fn directories(&self, whom: For<'_>) -> impl Iterator<Item = PathBuf> {
        let own = [
            ("users", whom.user),
            ("contexts", whom.context),
            ("channels", whom.channel),
        ];
        own.into_iter()
            .filter_map(|(kind, name)| Some((kind, name.filter(|name| is_plain(name))?)))
            .map(|(kind, name)| self.workspace.join("souls").join(kind).join(name))
    }

    /// The text of a file, from memory while it has not changed.
    fn file(&self, path: &Path) -> Option<String> {
        let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(path)
            && known.modified == meta.modified().ok()
            && known.length == meta.len()
        {
            return Some(known.text.clone());
        }
        let text = read_capped(path, meta.len())?;
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(
            path.to_owned(),
            Remembered {
                modified: meta.modified().ok(),
                length: meta.len(),
                text: text.clone(),
            },
        );
        Some(text)
    }
}

/// One name that stays in its directory: what users and channels are called comes from outside.
fn is_plain(name: &str) -> bool {
    let mut components = Path::new(name).components();
    matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    ) && !name.contains('/')
}

fn read_capped(path: &Path, length: u64) -> Option<String> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| {
        file.take(MAX_SOUL_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        tracing::warn!(path = %path.display(), %error, "the agent goes without this file");
        return None;
    }
    let cut = bytes.len() > MAX_SOUL_FILE_BYTES;
    bytes.truncate(MAX_SOUL_FILE_BYTES);
    // What a cut leaves of a character is no mistake of the file.
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if cut {
        while text.ends_with('\u{fffd}') {
            text.pop();
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        tracing::warn!(path = %path.display(), length, max = MAX_SOUL_FILE_BYTES, "the agent reads only the beginning of this file");
        let _ = write!(
            text,
            "\n[{name} is cut here: it has {length} bytes, {MAX_SOUL_FILE_BYTES} are read]"
        );
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn files_are_read_anew_when_they_change_and_may_be_missing() {
        let root = tempfile::tempdir().unwrap();
        let soul = Soul::new(root.path().to_owned());
        assert_eq!(soul.read(For::default()), Said::default());
        write(root.path(), "SOUL.md", "You are calm.");
        write(root.path(), "USER.md", "Ann likes tea.");
        let said = soul.read(For::default());
        assert!(said.agent.contains("## SOUL.md\n\nYou are calm."));
        assert!(said.user.contains("Ann likes tea."));
        write(root.path(), "SOUL.md", "You are lively today.");
        assert!(soul.read(For::default()).agent.contains("lively"));
        fs::remove_file(root.path().join("SOUL.md")).unwrap();
        assert_eq!(soul.read(For::default()).agent, "");
    }

    #[test]
    fn the_most_particular_file_is_taken() {
        let root = tempfile::tempdir().unwrap();
        let soul = Soul::new(root.path().to_owned());
        write(root.path(), "SOUL.md", "everybody's");
        write(root.path(), "souls/channels/discord/SOUL.md", "discord's");
        write(root.path(), "souls/contexts/work/SOUL.md", "work's");
        write(root.path(), "souls/users/ann/SOUL.md", "ann's");
        let of = |user, context, channel| {
            soul.read(For {
                user,
                channel,
                context,
                is_guest: false,
            })
            .agent
        };
        assert!(of(None, None, Some("web")).contains("everybody's"));
        assert!(of(None, None, Some("discord")).contains("discord's"));
        assert!(of(None, Some("work"), Some("discord")).contains("work's"));
        assert!(of(Some("ann"), Some("work"), Some("discord")).contains("ann's"));
    }

    #[test]
    fn a_name_from_outside_stays_in_its_directory() {
        let root = tempfile::tempdir().unwrap();
        let soul = Soul::new(root.path().to_owned());
        write(root.path(), "SOUL.md", "everybody's");
        write(root.path(), "MEMORY.md", "the owner's");
        write(root.path(), "souls/users/ci/USER.md", "ci's");
        let guest = For {
            user: Some("ci"),
            is_guest: true,
            ..For::default()
        };
        let said = soul.read(guest);
        assert!(said.agent.contains("everybody's"), "{said:?}");
        assert!(
            said.user.contains("ci's") && !said.user.contains("the owner's"),
            "{said:?}"
        );
        assert!(soul.read(For::default()).user.contains("the owner's"));
        write(root.path(), "private/SOUL.md", "private");
        for user in ["../../private", "..", ".", "/", "", "a/b", "a/"] {
            let said = soul.read(For {
                user: Some(user),
                ..For::default()
            });
            assert!(said.agent.contains("everybody's"), "{user}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let root = tempfile::tempdir().unwrap();
        let soul = Soul::new(root.path().to_owned());
        write(root.path(), "SOUL.md", &"ä".repeat(MAX_SOUL_FILE_BYTES));
        let said = soul.read(For::default());
        assert!(
            said.agent
                .contains("[SOUL.md is cut here: it has 40960 bytes, 20480 are read]")
        );
        assert!(!said.agent.contains('\u{fffd}'));
        for name in OF_THE_AGENT.iter().chain(&OF_THE_USER) {
            write(root.path(), name, &"x".repeat(MAX_SOUL_FILE_BYTES));
        }
        let said = soul.read(For::default());
        assert!(said.agent.len() + said.user.len() < MAX_SOUL_BYTES + 1024);
        assert!(
            said.user
                .contains("[MEMORY.md is cut here: all files together")
        );
    }
}
