//! What other processes do in the home: a hook that records by itself, a card that is edited, by whatever
//! editor, a token that is changed.
//!
//! The system tells, so that nobody has to look while nothing happens. Where it does not tell, the files are looked at every
//! few seconds, and that is said.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use smoltbot_config::Home;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use trace_plugin::Recorder;

/// What happens within this time is one change: our own commits are told as well.
const TOGETHER: Duration = Duration::from_millis(100);
/// How often files are looked at where the system does not tell of changes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many files are watched.
const FILES: usize = 3;

/// Tells `recorder`, `card` and `token` of changes, until `stop`.
pub(super) async fn watch(
    home: Home,
    recorder: Arc<Recorder>,
    card: Arc<Notify>,
    token: Arc<Notify>,
    stop: CancellationToken,
) {
    let files = [
        home.spool_file().with_extension("db-wal"),
        home.card_file(),
        home.token_file(),
    ];
    let mut changes = match Changes::of(&home, &files) {
        Ok(changes) => changes,
        Err(error) => {
            tracing::warn!(%error, "the system does not tell of changes in {}: looking every {LOOK_EVERY:?}", home.path().display());
            Changes::Looked(files.clone(), look(&files))
        }
    };
    // What happened before is not told.
    recorder.look();
    card.notify_one();
    token.notify_one();
    loop {
        let [spool, another_card, another_token] = tokio::select! {
            () = stop.cancelled() => return,
            changed = changes.next(&files) => changed,
        };
        if spool {
            recorder.look();
        }
        if another_card {
            card.notify_one();
        }
        if another_token {
            token.notify_one();
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TOGETHER) => {}
        }
    }
}

/// What tells one state of a file from another.
type Seen = Option<(u64, u64, i64, i64)>;

fn look(files: &[PathBuf; FILES]) -> [Seen; FILES] {
    files.each_ref().map(|file| {
        let found = std::fs::metadata(file).ok()?;
        Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    })
}

/// How changes are noticed.
enum Changes {
    #[cfg(target_os = "linux")]
    Told(tokio::io::unix::AsyncFd<linux::Told>),
    Looked([PathBuf; FILES], [Seen; FILES]),
}

impl Changes {
    #[cfg(target_os = "linux")]
    fn of(home: &Home, _files: &[PathBuf; FILES]) -> std::io::Result<Self> {
        Ok(Self::Told(linux::Told::of(home.path())?))
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it may fail")]
    fn of(_home: &Home, files: &[PathBuf; 2]) -> std::io::Result<Self> {
        Ok(Self::Looked(files.clone(), look(files)))
    }

    /// Waits for a change, and tells which of the files may have changed.
    async fn next(&mut self, names: &[PathBuf; FILES]) -> [bool; FILES] {
        match self {
            #[cfg(target_os = "linux")]
            Self::Told(told) => linux::next(told, names.each_ref().map(PathBuf::as_path)).await,
            Self::Looked(files, seen) => loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let now = look(files);
                let changed = std::array::from_fn(|which| now[which] != seen[which]);
                *seen = now;
                if changed.contains(&true) {
                    return changed;
                }
            },
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::{AsFd as _, AsRawFd, RawFd};

    use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
    use tokio::io::unix::AsyncFd;

    use super::{FILES, Path};

    /// The system's notices of one directory.
    pub(super) struct Told(Inotify);

    impl AsRawFd for Told {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl Told {
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that do not own what they name; this one does"
        )]
        pub(super) fn of(directory: &Path) -> io::Result<AsyncFd<Self>> {
            let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
            let what = AddWatchFlags::IN_MODIFY
                | AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_DELETE;
            inotify.add_watch(directory, what)?;
            AsyncFd::new(Self(inotify))
        }
    }

    /// Waits for a notice, and tells which of `files` are named by all that are there.
    pub(super) async fn next(told: &AsyncFd<Told>, files: [&Path; FILES]) -> [bool; FILES] {
        loop {
            let Ok(mut ready) = told.readable().await else {
                // The runtime ends.
                return std::future::pending().await;
            };
            let mut changed = [false; FILES];
            while let Ok(events) = told.get_ref().0.read_events() {
                for event in events {
                    // Without a name: more happened than could be told.
                    let is = |file: &Path| {
                        event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW)
                            || event.name.as_deref() == file.file_name()
                    };
                    changed = std::array::from_fn(|which| changed[which] || is(files[which]));
                }
            }
            ready.clear_ready();
            if changed.contains(&true) {
                return changed;
            }
        }
    }
}
