//! The roles that run side by side, how they are started, and how they stop: what produces first, what keeps last.

mod chat;
mod edge;
mod exporting;
mod resting;
mod shipping;
mod token;
mod watch;

pub(crate) use exporting::Receiver;
pub(crate) use resting::{Doze, Listeners};

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, bail};
use smoltbot_config::Home;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch as told};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trace_plugin::{Recorder, intake};

use crate::agent::{self, Agent};
use crate::output;
use crate::policies::Policies;
use resting::{Rests, idle};

/// How long everything together may take to stop.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A role that runs until it is told to stop.
struct Role {
    name: &'static str,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Everything that runs, in the order in which it is stopped.
pub(crate) struct Stack {
    /// When it goes by itself, or dozes.
    rests: Rests,
    /// It has run before, and has said what there is to say.
    goes_on: bool,
    roles: Vec<Role>,
    recorder: Option<Arc<Recorder>>,
    /// What clients of the gateway must show, once somebody has asked for it.
    tokens: Option<told::Receiver<String>>,
    token_changed: Arc<Notify>,
    interrupt: Signal,
    terminate: Signal,
}

impl Stack {
    /// Nothing yet. From here on Ctrl-C and SIGTERM wait for [`Self::run`], so that a start is never cut off half-way.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            rests: Rests::default(),
            goes_on: false,
            roles: Vec::new(),
            recorder: None,
            tokens: None,
            token_changed: Arc::default(),
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Says what its roles do and where, unless it only goes on after a doze.
    pub(crate) fn say(&self, line: &str) -> anyhow::Result<()> {
        if self.goes_on {
            return Ok(());
        }
        output::line(line)
    }

    fn add(
        &mut self,
        name: &'static str,
        role: impl Future<Output = anyhow::Result<()>> + Send + 'static,
        stop: CancellationToken,
    ) {
        self.roles.push(Role {
            name,
            stop,
            task: tokio::spawn(role),
        });
    }

    /// Records for this machine's agents: starts the recorder and the intake for foreign agents.
    pub(crate) async fn start_recorder(&mut self, agent: &Agent) -> anyhow::Result<Arc<Recorder>> {
        let home = &agent.config.home;
        // Said at the start, and not only when the first call is judged.
        let rules = Policies::looked_at(&agent.config, Some(&agent.card)).report();
        for complaint in rules.complaints {
            tracing::warn!("{complaint}");
        }
        let recorder = Recorder::start_bounded(
            Arc::new(agent.judge(roots(agent))),
            home.spool_file(),
            agent.config.spool.max_bytes,
        )?;
        let socket = home.socket(&agent.config.sidecar)?;
        let listener = self.listen_for_agents(agent, &socket)?;
        let stop = CancellationToken::new();
        let serving = intake::serve_unix(listener, Arc::clone(&recorder), stop.clone());
        let (path, stays) = (socket.clone(), self.socket_stays());
        self.add(
            "sidecar",
            async move {
                let served = serving.await;
                // The next sidecar would take it over; this is only tidiness.
                if !stays.load(Ordering::Relaxed) {
                    let _ = std::fs::remove_file(path);
                }
                Ok(served?)
            },
            stop,
        );
        let mut line = format!("sidecar    {}", socket.display());
        if let Some(listen) = agent.config.sidecar.listen {
            let listener = self.listen_for_http(listen).await?;
            line = format!("{line}, http://{}", listener.local_addr()?);
            let stop = CancellationToken::new();
            let tokens = self.tokens(agent)?;
            let serving = intake::serve_tcp(listener, Arc::clone(&recorder), tokens, stop.clone());
            self.add("sidecar.listen", async move { Ok(serving.await?) }, stop);
        }
        self.say(&line)?;
        self.recorder = Some(Arc::clone(&recorder));
        Ok(recorder)
    }

    /// Runs until Ctrl-C, SIGTERM, or the end of a role; then stops everything, the recorder before the shipper.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        self.run_or_doze().await.map(drop)
    }

    /// As [`Self::run`]; returns what a sidecar that is to doze has kept.
    pub(crate) async fn run_or_doze(mut self) -> anyhow::Result<Option<Doze>> {
        let (mut rest, mut ended) = (None, None);
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            rests = idle(self.recorder.clone(), &self.rests) => rest = Some(rests),
            first = first_end(&mut self.roles) => ended = Some(first),
        }
        self.rests.prepare(rest.as_ref());
        // A second Ctrl-C does not wait for anything.
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            stopped = self.stop() => stopped?,
            () = tokio::time::sleep(STOP_WITHIN) => bail!("not everything stopped within {STOP_WITHIN:?}; what was accepted is in the spool"),
            _ = interrupt.recv() => bail!("interrupted again while stopping; what was accepted is in the spool"),
        }
        match ended {
            None => Ok(match rest {
                Some(rest) => {
                    let signals = [&mut self.interrupt, &mut self.terminate];
                    self.rests.doze(rest, signals).await
                }
                None => None,
            }),
            Some((name, Ok(()))) => bail!("the {name} ended by itself"),
            Some((name, Err(error))) => Err(error.context(format!("the {name} ended"))),
        }
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        for role in &mut self.roles {
            if role.name == "shipper"
                && let Some(recorder) = self.recorder.take()
            {
                // What producers have handed over is committed before the shipper's last look.
                tokio::task::spawn_blocking(move || recorder.stop()).await?;
            }
            role.stop.cancel();
            if !role.task.is_finished() {
                (&mut role.task)
                    .await?
                    .with_context(|| format!("while stopping the {}", role.name))?;
            }
        }
        Ok(())
    }
}

/// Writes down where the sidecar listens, for agents' plugins, unless that stands there already.
fn tell_socket(home: &Home, socket: &Path) -> anyhow::Result<()> {
    let file = home.socket_told_file();
    let told = socket.display().to_string();
    let known = std::fs::read_to_string(&file).is_ok_and(|known| known.trim_end() == told);
    if known {
        return Ok(());
    }
    agent::write_private(&file, &told)
}

/// Where this agent's own tools work.
fn roots(agent: &Agent) -> Vec<String> {
    vec![agent::workspace(&agent.config).display().to_string()]
}

async fn first_end(roles: &mut [Role]) -> (&'static str, anyhow::Result<()>) {
    let ends = roles.iter_mut().map(|role| {
        let name = role.name;
        let task = &mut role.task;
        Box::pin(async move { (name, task.await.unwrap_or_else(|error| Err(error.into()))) })
    });
    futures_util::future::select_all(ends).await.0
}

/// Binds a listener; an address in use is named with its key.
pub(crate) async fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => bail!(
            "{key}: {address} is in use; is smoltbot already running? Stop what listens there, or set SMOLTBOT_{} to another address",
            key.to_uppercase().replace('.', "__")
        ),
        Err(error) => Err(error).with_context(|| format!("{key}: cannot listen on {address}")),
    }
}
