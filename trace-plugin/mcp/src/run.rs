//! The proxy at work: a client on standard input and output, a server behind a pipe or an address.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::fs::File;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::frame::{Frame, Frames};
use crate::relay::{Do, Relay, too_long};
use crate::upstream::{Http, Upstream};
use crate::{
    Ask, Client, ENDS_WITHIN, Ended, MAX_FRAME_BYTES, Options, ProxyError, STOPS_WITHIN,
    TELLS_WITHIN,
};

/// Frames of a server that may wait for the client to read.
pub(crate) const QUEUE: usize = 16;

type Out = Arc<Mutex<Box<dyn AsyncWrite + Send + Unpin>>>;
type Conversation = Arc<Mutex<Relay>>;

/// Starts `command` and stands between it and the client on standard input and output, until the one or the other ends.
///
/// # Errors
/// [`ProxyError`] when it cannot begin.
pub async fn run_command(
    command: &[OsString],
    client: Client,
    ask: Ask,
    options: &Options,
) -> Result<Ended, ProxyError> {
    let started = start(command)?;
    let relay = Relay::new(ask.clone(), options, &started.name);
    let (heard, frames) = mpsc::channel(QUEUE);
    tokio::spawn(hear(BufReader::new(started.output), heard));
    let upstream = Upstream::Pipe(Some(started.input));
    let talk = Talk::new(relay, ask, upstream, client.output);
    talk.run(client.input, frames, Some(started.child)).await
}

/// A server that was started.
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) input: ChildStdin,
    pub(crate) output: ChildStdout,
    /// Its program's name.
    pub(crate) name: String,
}

/// Starts a server, as the leader of a group of its own.
pub(crate) fn start(command: &[OsString]) -> Result<Started, ProxyError> {
    let program = command.first().map_or("".as_ref(), OsString::as_os_str);
    let mut child = Command::new(program)
        .args(command.get(1..).unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Servers started through others (`npx`) are reached as one group.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ProxyError::Start {
            program: program.to_string_lossy().into_owned(),
            source,
        })?;
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(std::io::Error::other("the server's streams are not there").into());
    };
    let name = std::path::Path::new(program).file_name().unwrap_or(program);
    Ok(Started {
        child,
        input,
        output,
        name: name.to_string_lossy().into_owned(),
    })
}

/// Stands between the client on standard input and output and the server at `url`.
///
/// # Errors
/// [`ProxyError`] when it cannot begin.
pub async fn run_url(
    url: &str,
    headers: &[(String, String)],
    client: Client,
    ask: Ask,
    options: &Options,
) -> Result<Ended, ProxyError> {
    let (heard, frames) = mpsc::channel(QUEUE);
    let http = Http::new(url, headers, heard)?;
    let relay = Relay::new(ask.clone(), options, http.host());
    let talk = Talk::new(relay, ask, Upstream::Http(http), client.output);
    talk.run(client.input, frames, None).await
}

/// Hands on what the server says.
pub(crate) async fn hear(from: impl AsyncBufRead + Unpin, to: mpsc::Sender<Frame>) {
    let mut frames = Frames::new(from, MAX_FRAME_BYTES);
    while let Ok(Some(frame)) = frames.next().await {
        if to.send(frame).await.is_err() {
            return;
        }
    }
}

/// Tells what has ended, one after another: an end comes after what was said before it.
pub(crate) fn teller(ask: Ask) -> (mpsc::UnboundedSender<String>, JoinHandle<()>) {
    let (tell, mut told) = mpsc::unbounded_channel::<String>();
    let teller = tokio::spawn(async move {
        while let Some(event) = told.recv().await {
            let ask = ask.clone();
            if tokio::task::spawn_blocking(move || ask(&event))
                .await
                .is_err()
            {
                tracing::error!("the end of a call could not be told");
            }
        }
    });
    (tell, teller)
}

/// Everything that one conversation needs.
struct Talk {
    relay: Conversation,
    upstream: Arc<Mutex<Upstream>>,
    out: Out,
    tell: mpsc::UnboundedSender<String>,
    teller: JoinHandle<()>,
}

impl Talk {
    fn new(relay: Relay, ask: Ask, upstream: Upstream, output: OwnedFd) -> Self {
        let (tell, teller) = teller(ask);
        Self {
            relay: Arc::new(Mutex::new(relay)),
            upstream: Arc::new(Mutex::new(upstream)),
            out: Arc::new(Mutex::new(Box::new(File::from_std(output.into())))),
            tell,
            teller,
        }
    }

    async fn run(
        self,
        input: OwnedFd,
        frames: mpsc::Receiver<Frame>,
        mut child: Option<Child>,
    ) -> Result<Ended, ProxyError> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        let group = child.as_ref().and_then(Child::id);
        let mut down = tokio::spawn(downward(
            self.relay.clone(),
            frames,
            self.out.clone(),
            self.tell.clone(),
        ));
        let mut up = tokio::spawn(upward(
            File::from_std(input.into()),
            self.relay.clone(),
            self.upstream.clone(),
            self.out.clone(),
            self.tell.clone(),
        ));
        let told = tokio::select! {
            // The client has gone.
            _ = &mut up => None,
            // The server says no more.
            _ = &mut down => None,
            _ = terminate.recv() => Some(Signal::SIGTERM),
            _ = interrupt.recv() => Some(Signal::SIGINT),
            _ = hang_up.recv() => Some(Signal::SIGHUP),
        };
        up.abort();
        self.upstream.lock().await.close().await;
        let ended = match child.as_mut() {
            Some(child) => Ended::Server(end(child, group, told).await?),
            None => Ended::Client,
        };
        // What the server said last.
        if !down.is_finished() && timeout(STOPS_WITHIN, &mut down).await.is_err() {
            down.abort();
        }
        let over = self.relay.lock().await.over();
        let _ = self.tell.send(over);
        drop(self.tell);
        if timeout(TELLS_WITHIN, self.teller).await.is_err() {
            tracing::warn!("not everything that ended could be told in time");
        }
        Ok(ended)
    }
}

/// Waits for a server whose input is closed, and makes it end if it does not.
pub(crate) async fn end(
    child: &mut Child,
    group: Option<u32>,
    told: Option<Signal>,
) -> Result<std::process::ExitStatus, ProxyError> {
    let group = group
        .and_then(|id| i32::try_from(id).ok())
        .map(Pid::from_raw);
    let say = |signal| {
        if let Some(group) = group {
            // It may be gone already.
            let _ = killpg(group, signal);
        }
    };
    if let Some(signal) = told {
        say(signal);
    }
    if let Ok(status) = timeout(ENDS_WITHIN, child.wait()).await {
        let status = status?;
        // Whoever it has started goes with it.
        say(Signal::SIGTERM);
        return Ok(status);
    }
    say(Signal::SIGTERM);
    if let Ok(status) = timeout(STOPS_WITHIN, child.wait()).await {
        return Ok(status?);
    }
    say(Signal::SIGKILL);
    Ok(child.wait().await?)
}

async fn put(out: &Out, bytes: &[u8]) -> std::io::Result<()> {
    let mut out = out.lock().await;
    out.write_all(bytes).await?;
    out.flush().await
}

/// From the client to the server.
async fn upward(
    input: File,
    relay: Conversation,
    upstream: Arc<Mutex<Upstream>>,
    out: Out,
    tell: mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut frames = Frames::new(BufReader::new(input), MAX_FRAME_BYTES);
    let mut long = false;
    loop {
        let pause = relay.lock().await.next_timeout();
        let next = frames.next();
        tokio::pin!(next);
        let frame = loop {
            let waited = async {
                match pause {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                frame = &mut next => break frame?,
                () = waited => {
                    let todo = relay.lock().await.time_out();
                    carry_out(todo, &upstream, &out, &tell).await?;
                }
            }
        };
        let todo = match frame {
            None => return Ok(()),
            Some(Frame::Line(line)) => relay.lock().await.client(line).await,
            Some(Frame::Piece(piece)) => {
                let ends = piece.ends_with(b"\n");
                let first = !std::mem::replace(&mut long, !ends);
                if first { vec![too_long()] } else { Vec::new() }
            }
        };
        carry_out(todo, &upstream, &out, &tell).await?;
    }
}

async fn carry_out(
    todo: Vec<Do>,
    upstream: &Mutex<Upstream>,
    out: &Out,
    tell: &mpsc::UnboundedSender<String>,
) -> std::io::Result<()> {
    for one in todo {
        match one {
            Do::Pass(frame) => upstream.lock().await.send(frame).await?,
            Do::Say(frame) => put(out, &frame).await?,
            Do::Tell(event) => {
                let _ = tell.send(event);
            }
        }
    }
    Ok(())
}

/// From the server to the client.
async fn downward(
    relay: Conversation,
    mut frames: mpsc::Receiver<Frame>,
    out: Out,
    tell: mpsc::UnboundedSender<String>,
) {
    while let Some(frame) = frames.recv().await {
        let sent = match frame {
            Frame::Line(line) => {
                let ended = relay.lock().await.server(&line);
                for event in ended {
                    let _ = tell.send(event);
                }
                put(&out, &line).await
            }
            Frame::Piece(piece) => pieces(piece, &mut frames, &out).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A line too long to be read: nothing else is written into it.
async fn pieces(
    first: Vec<u8>,
    frames: &mut mpsc::Receiver<Frame>,
    out: &Out,
) -> std::io::Result<()> {
    let mut out = out.lock().await;
    let mut piece = first;
    loop {
        out.write_all(&piece).await?;
        if piece.ends_with(b"\n") {
            return out.flush().await;
        }
        match frames.recv().await {
            Some(Frame::Piece(next) | Frame::Line(next)) => piece = next,
            None => return out.flush().await,
        }
    }
}
