//! What an idle sidecar does: it leaves, or it dozes. Who dozes keeps its listeners and takes them over when it wakes up.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, io, net};

use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::Signal;
use trace_plugin::spool::Spool;
use trace_plugin::{Recorder, intake};

use super::{Stack, bind, tell_socket};
use crate::agent::Agent;

/// How soon an idle sidecar that waits for something looks again whether it may rest.
const LOOK_AGAIN: Duration = Duration::from_mins(1);
/// How long a signal may take from the system to whoever waits for it here.
const SIGNALLED_WITHIN: Duration = Duration::from_millis(5);

/// What is listened on.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    pub(crate) socket: Option<(PathBuf, std::os::unix::net::UnixListener)>,
    /// `sidecar.listen`.
    pub(crate) tcp: Option<net::TcpListener>,
}

/// What a sidecar that is to doze has kept.
#[derive(Debug)]
pub(crate) struct Doze {
    pub(crate) listeners: Listeners,
    /// Of what others do, since before it was seen that nothing waits.
    pub(crate) notices: OwnedFd,
    /// When to leave if nothing happens.
    pub(crate) leave_after: Option<Duration>,
}

/// When a sidecar rests that nobody asks.
#[derive(Default)]
pub(super) struct Rests {
    /// When it ends.
    leaves: Option<Duration>,
    /// When it lets go of what it holds, until it is asked again, and whose sidecar it is.
    dozes: Option<(Duration, Agent)>,
    /// From before it dozed.
    taken_over: Listeners,
    /// For when it dozes.
    kept: Listeners,
    /// Set once it is to doze: its socket stays.
    stays: Arc<AtomicBool>,
}

/// What it has come to.
#[derive(Debug)]
pub(super) enum Rest {
    Leave,
    Doze(OwnedFd, Option<Duration>),
}

impl Stack {
    /// Ends by itself when nothing has been asked for so long and nothing waits.
    pub(crate) fn exit_when_idle(&mut self, after: Duration) {
        self.rests.leaves = Some(after);
    }

    /// Dozes when nothing has been asked for so long and nothing waits.
    #[cfg(target_os = "linux")]
    pub(crate) fn doze_when_idle(&mut self, after: Duration, agent: &Agent) {
        self.rests.dozes = Some((after, agent.clone()));
    }

    /// Goes on after a doze: listens on these instead of making its own, where they are what is configured.
    #[cfg(target_os = "linux")]
    pub(crate) fn go_on_with(&mut self, listeners: Listeners) {
        self.rests.taken_over = listeners;
        self.goes_on = true;
    }

    /// The socket for agents on this machine.
    pub(super) fn listen_for_agents(
        &mut self,
        agent: &Agent,
        path: &Path,
    ) -> anyhow::Result<UnixListener> {
        let rests = &mut self.rests;
        let listener = match rests.taken_over.socket.take() {
            Some((at, listener)) if at == path => UnixListener::from_std(listener)?,
            before => {
                // Another one is configured by now.
                if let Some((at, _)) = before {
                    let _ = fs::remove_file(at);
                }
                let listener = intake::bind(path)?;
                tell_socket(&agent.config.home, path)?;
                listener
            }
        };
        if rests.dozes.is_some() {
            let kept = listener.as_fd().try_clone_to_owned()?;
            rests.kept.socket = Some((path.to_owned(), kept.into()));
        }
        Ok(listener)
    }

    /// HTTP for agents on this machine.
    pub(super) async fn listen_for_http(
        &mut self,
        at: net::SocketAddr,
    ) -> anyhow::Result<TcpListener> {
        let is_it = |taken: &net::TcpListener| {
            let found = taken.local_addr();
            found.is_ok_and(|found| found == at || (at.port() == 0 && found.ip() == at.ip()))
        };
        let listener = match self.rests.taken_over.tcp.take().filter(is_it) {
            Some(listener) => TcpListener::from_std(listener)?,
            None => bind(at, "sidecar.listen").await?,
        };
        if self.rests.dozes.is_some() {
            self.rests.kept.tcp = Some(listener.as_fd().try_clone_to_owned()?.into());
        }
        Ok(listener)
    }

    /// Whether the socket is to stay where it is when nobody serves it any more.
    pub(super) fn socket_stays(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.rests.stays)
    }
}

impl Rests {
    /// After how long it first looks whether it may.
    fn first(&self) -> Option<Duration> {
        let dozes = self.dozes.as_ref().map(|(after, _)| *after);
        [self.leaves, dozes].into_iter().flatten().min()
    }

    /// Everything is about to stop. What is not needed any more is closed first: whoever comes from now on is not kept waiting.
    pub(super) fn prepare(&mut self, rest: Option<&Rest>) {
        match rest {
            Some(Rest::Doze(..)) => {
                #[cfg(target_os = "linux")]
                crate::doze::hold_signals_back();
                self.stays.store(true, Ordering::Relaxed);
            }
            Some(Rest::Leave) | None => self.kept = Listeners::default(),
        }
    }

    /// Everything has stopped. None when it is not to doze, or was told to stop meanwhile.
    pub(super) async fn doze(self, rest: Rest, signals: [&mut Signal; 2]) -> Option<Doze> {
        let Rest::Doze(notices, leave_after) = rest else {
            return None;
        };
        let [interrupt, terminate] = signals;
        let told_to_stop = tokio::select! {
            biased;
            _ = interrupt.recv() => true,
            _ = terminate.recv() => true,
            () = tokio::time::sleep(SIGNALLED_WITHIN) => false,
        };
        if !told_to_stop {
            return Some(Doze {
                listeners: self.kept,
                notices,
                leave_after,
            });
        }
        if let Some((path, _)) = &self.kept.socket {
            let _ = fs::remove_file(path);
        }
        None
    }

    /// Whether it may rest now.
    async fn now(&self, recorder: &Recorder) -> Option<Rest> {
        let quiet = recorder.quiet_for();
        if self.leaves.is_some_and(|after| quiet >= after) {
            return recorder.is_idle().await.then_some(Rest::Leave);
        }
        let (_, agent) = self.dozes.as_ref()?;
        // What is recorded from here on is told; what was before is seen.
        let notices = match notices(agent) {
            Ok(notices) => notices,
            Err(error) => {
                tracing::debug!(%error, "the system does not tell of changes: this sidecar stays awake");
                return None;
            }
        };
        let idle = recorder.is_idle().await && !exports_wait(agent);
        let left = self.leaves.map(|after| after.saturating_sub(quiet));
        idle.then_some(Rest::Doze(notices, left))
    }
}

#[cfg(target_os = "linux")]
fn notices(agent: &Agent) -> io::Result<OwnedFd> {
    crate::doze::notices(&agent.config.home)
}

#[cfg(not(target_os = "linux"))]
fn notices(_: &Agent) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether something waits for a receiver of OpenTelemetry. What cannot be told waits.
fn exports_wait(agent: &Agent) -> bool {
    if agent.config.otlp.endpoint.is_none() {
        return false;
    }
    let path = agent.config.home.spool_file();
    let queue = Spool::open_to_look(&path, agent.identity.agent_id(), Duration::ZERO)
        .and_then(|(spool, _)| spool.span_queue());
    queue.map_or(true, |queue| queue.is_some_and(|queue| queue.waiting > 0))
}

/// Waits until nothing has been asked of the recorder for so long, and nothing waits. A call that comes while everything
/// stops to leave finds the socket closed and is recorded by its own process; one that comes while it stops to doze waits in
/// the socket's queue.
pub(super) async fn idle(recorder: Option<Arc<Recorder>>, rests: &Rests) -> Rest {
    let (Some(recorder), Some(after)) = (recorder, rests.first()) else {
        return std::future::pending().await;
    };
    let mut pause = after;
    loop {
        tokio::time::sleep(pause).await;
        let left = after.saturating_sub(recorder.quiet_for());
        if left.is_zero()
            && let Some(rest) = rests.now(&recorder).await
        {
            return rest;
        }
        // What waits has its own clocks; this one only looks whether they are done.
        pause = if left.is_zero() {
            after.min(LOOK_AGAIN)
        } else {
            left
        };
    }
}
