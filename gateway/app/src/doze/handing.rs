//! What a sidecar hands over to the process that it becomes: open files, and a few words about them.
//!
//! They go through a socket that is the next one's standard input: so no number of a file has to be agreed upon, and none can be
//! mistaken for another's.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read as _, Write as _, stdin};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// The most that is said of the files; two paths are in it.
const MAX_TOLD_BYTES: usize = 16 * 1024;
/// The lock, the notices, the socket, and the listener for HTTP where there is one.
const MAX_FILES: usize = 4;

/// What is said of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Where the socket is.
    pub(crate) socket: PathBuf,
    /// The name of the spool's log in the home.
    pub(crate) log: String,
    /// The name of the card.
    pub(crate) card: String,
    /// When to leave if nothing happens; never.
    pub(crate) leave_after: Option<Duration>,
}

/// What a sidecar keeps while it dozes.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) told: Told,
    /// Of the home.
    pub(crate) lock: File,
    /// Of what others do in the home.
    pub(crate) notices: OwnedFd,
    pub(crate) socket: UnixListener,
    /// `sidecar.listen`.
    pub(crate) tcp: Option<TcpListener>,
}

impl Handed {
    /// Puts everything into a socket, whose other end is returned.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn hand_over(self) -> anyhow::Result<OwnedFd> {
        let (mut here, there) = UnixStream::pair().context("nothing can be handed over")?;
        let told = serde_json::to_vec(&self.told)?;
        ensure!(
            told.len() <= MAX_TOLD_BYTES,
            "the paths of the home and the socket are too long"
        );
        let mut files = vec![self.lock.as_fd(), self.notices.as_fd(), self.socket.as_fd()];
        files.extend(self.tcp.as_ref().map(|tcp| tcp.as_fd()));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        ensure!(
            control.push(SendAncillaryMessage::ScmRights(&files)),
            "too many files to hand over"
        );
        let first = [IoSlice::new(&told[..1])];
        sendmsg(&here, &first, &mut control, SendFlags::empty())
            .context("the sidecar's files cannot be handed over")?;
        here.write_all(&told[1..])?;
        Ok(there.into())
    }

    /// Takes what stands ready on standard input.
    ///
    /// # Errors
    /// When that is something else.
    pub(super) fn receive() -> anyhow::Result<Self> {
        let stdin = stdin().as_fd().try_clone_to_owned()?;
        let mut first = [0];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FILES))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        recvmsg(
            &stdin,
            &mut [IoSliceMut::new(&mut first)],
            &mut control,
            RecvFlags::CMSG_CLOEXEC,
        )
        .context("`--dozing` and `--woken` are for smoltbot itself: nothing was handed over on standard input")?;
        let mut files = Vec::with_capacity(MAX_FILES);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(handed) = message {
                files.extend(handed);
            }
        }
        let mut told = first.to_vec();
        UnixStream::from(stdin)
            .take(MAX_TOLD_BYTES as u64)
            .read_to_end(&mut told)?;
        let told = serde_json::from_slice(&told)
            .context("what was handed over on standard input is not understood")?;
        let mut files = files.into_iter();
        let (Some(lock), Some(notices), Some(socket)) = (files.next(), files.next(), files.next())
        else {
            bail!("too few files were handed over on standard input");
        };
        Ok(Self {
            told,
            lock: lock.into(),
            notices,
            socket: socket.into(),
            tcp: files.next().map(TcpListener::from),
        })
    }
}
