//! A connection whose frames are measured before they are read: what is larger than it may be at the moment never gets to
//! tungstenite, which would make room for it first.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use super::sieve::Sieve;
use crate::limits::MAX_GREETING_BYTES;

/// Bytes that are read at once.
const READ_BYTES: usize = 8 * 1024;

/// How large a message of a connection may be. Clones are the same limit.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    bytes: Arc<AtomicUsize>,
    over: CancellationToken,
}

impl Default for Limit {
    /// What a stranger has.
    fn default() -> Self {
        Self {
            bytes: Arc::new(AtomicUsize::new(MAX_GREETING_BYTES)),
            over: CancellationToken::new(),
        }
    }
}

impl Limit {
    /// Bytes of the largest message.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Changes it for messages whose first bytes are still to come.
    pub(super) fn set(&self, bytes: usize) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Waits until a message begins that is larger.
    pub(super) fn exceeded(&self) -> WaitForCancellationFuture<'_> {
        self.over.cancelled()
    }
}

/// The connection. What is written goes out as it is.
#[derive(Debug)]
pub(super) struct Measured<S> {
    stream: S,
    sieve: Sieve,
    limit: Limit,
    /// What has passed and is not read yet, from `read` on.
    passed: Vec<u8>,
    read: usize,
}

impl<S> Measured<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            sieve: Sieve::default(),
            limit: Limit::default(),
            passed: Vec::new(),
            read: 0,
        }
    }

    pub(super) fn limit(&self) -> &Limit {
        &self.limit
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Measured<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let waiting = &this.passed[this.read..];
            if !waiting.is_empty() {
                let now = waiting.len().min(buffer.remaining());
                buffer.put_slice(&waiting[..now]);
                this.read += now;
                return Poll::Ready(Ok(()));
            }
            this.passed.clear();
            this.read = 0;
            let mut came = [0; READ_BYTES];
            let mut came = ReadBuf::new(&mut came);
            ready!(Pin::new(&mut this.stream).poll_read(cx, &mut came))?;
            if came.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let limit = this.limit.bytes();
            this.sieve.sift(came.filled(), limit, &mut this.passed);
            if this.sieve.is_over() {
                this.limit.over.cancel();
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Measured<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
