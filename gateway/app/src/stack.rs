//! The roles that run side by side, how they are started, and how they stop: what produces first, what keeps last.

mod exporting;
mod resting;
mod token;
mod watch;

pub(crate) use exporting::Receiver;
pub(crate) use resting::{Doze, Listeners};

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aap::Gate;
use anyhow::{Context as _, bail};
use edge_server::{Dns, Limits, Live};
use smoltbot_config::Home;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch as told};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use trace_plugin::{Recorder, ShipOptions, Shipper, TracePlugin, intake};
use trace_store::{TraceReader, TraceWriter};
use trace_store_sqlite::SqliteStore;

use crate::agent::{self, Agent};
use crate::chat::Chat;
use crate::cli::Behind;
use crate::database::Database;
use crate::policies::Policies;
use crate::{cards, output, postgres};
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

    /// Serves the chat. The agent's workspace is there.
    pub(crate) fn start_gateway(
        &mut self,
        agent: &Agent,
        recorder: &Arc<Recorder>,
        chat: Chat,
        listener: TcpListener,
        dashboard: &str,
        behind: &Behind,
    ) -> anyhow::Result<()> {
        let tokens = self.tokens(agent)?;
        let token = tokens.borrow().clone();
        let workspace = agent::workspace(&agent.config);
        let budget = Duration::from_millis(agent.config.conscience.budget_ms);
        let gate = Gate::new(Arc::new(TracePlugin::new(Arc::clone(recorder), budget)));
        let address = listener.local_addr()?;
        output::line(&format!("model      {}", chat.models.told()))?;
        if !chat.tools.mcp_servers.is_empty() {
            let servers = chat.tools.mcp_servers.iter();
            let names = servers.map(gateway::tools::McpServer::name);
            let names: Vec<&str> = names.collect();
            self.say(&format!("mcp        {}", names.join(", ")))?;
        }
        let options = gateway::Options {
            tokens: Some(tokens),
            extra_hosts: agent.config.gateway.extra_hosts.clone(),
            model: chat.router,
            thinking: chat.thinking,
            webhooks: chat.webhooks,
            tools: chat.tools,
            database: Some(agent::conversations(&agent.config)),
            context_tokens: agent.config.agent.context_tokens,
            ..gateway::Options::new(&token, workspace, dashboard)
        };
        let stop = CancellationToken::new();
        let serving = gateway::serve(listener, gate, options, stop.clone());
        // First in the list: whoever asks for calls stops before whoever records them.
        let task = tokio::spawn(async move { Ok(serving.await?) });
        self.roles.insert(
            0,
            Role {
                name: "gateway",
                stop,
                task,
            },
        );
        if behind.background.is_some() {
            // A log is no place for what opens it.
            return output::line(&format!(
                "gateway    http://{address} (`smoltbot status` shows the way in)"
            ));
        }
        output::line(&format!(
            "gateway    {}",
            gateway::page_url(address, &token)
        ))
    }

    /// Ships what the recorder spools, and sends it to `receiver` as well if there is one.
    pub(crate) fn start_shipper(
        &mut self,
        agent: &Agent,
        recorder: &Arc<Recorder>,
        api_url: &str,
        receiver: Option<Receiver>,
    ) -> anyhow::Result<()> {
        let options = ShipOptions {
            api_url: api_url.to_owned(),
            batch_size: agent.config.batch_size,
            timeout: agent.config.timeout,
            spool: agent.config.home.spool_file(),
        };
        let card = agent.card.clone().sign(agent.identity.key());
        let (told, cards) = told::channel(card.clone());
        let shipper = Shipper::new(&options, agent.identity.clone(), card)?
            .bounded(agent.config.spool.max_bytes)
            .following(cards);
        let stop = CancellationToken::new();
        let (owner, judging) = (agent.clone(), Arc::clone(recorder));
        let changed = Arc::new(Notify::new());
        let looking = Arc::clone(&changed);
        let following = cards::follow(owner, roots(agent), judging, told, looking, stop.clone());
        self.add(
            "card",
            async move {
                following.await;
                Ok(())
            },
            stop,
        );
        let stop = CancellationToken::new();
        let home = agent.config.home.clone();
        let (judging, token) = (Arc::clone(recorder), Arc::clone(&self.token_changed));
        let watching = watch::watch(home, judging, changed, token, stop.clone());
        self.add(
            "watch",
            async move {
                watching.await;
                Ok(())
            },
            stop,
        );
        let stop = CancellationToken::new();
        let recorded = recorder.recorded();
        let stopped = stop.clone();
        self.add(
            "shipper",
            async move {
                shipper.run(recorded, stopped).await;
                Ok(())
            },
            stop,
        );
        self.start_exporter(agent, recorder, receiver)
    }

    /// Serves the edge and its dashboard from a database.
    pub(crate) async fn start_edge(
        &mut self,
        config: &smoltbot_config::Config,
        database: Database,
        listener: TcpListener,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        let edge = &config.edge;
        let limits = Limits {
            per_minute: edge.limit_per_minute,
            ip_per_minute: edge.limit_ip_per_minute,
            new_agents_per_hour: edge.limit_new_agents_per_hour,
            global_per_minute: edge.limit_global_per_minute,
        };
        let dns = match edge.dns {
            smoltbot_config::Dns::Off => Dns::Off,
            smoltbot_config::Dns::System => Dns::System,
            smoltbot_config::Dns::Server(address) => Dns::Server(address),
        };
        match database {
            Database::Sqlite(path) => {
                let store = Arc::new(SqliteStore::open(&path)?);
                self.serve_edge(listener, store, limits, Arc::default(), dns);
            }
            Database::Postgres(url) => {
                let (store, upkeep) = postgres::open(&url).await?;
                let live = Arc::new(Live::new());
                let Some(upkeep) = upkeep else {
                    self.serve_edge(listener, Arc::new(store), limits, live, dns);
                    return output::line(&format!("edge       http://{address}"));
                };
                let woken = Arc::clone(&live);
                // Other processes store in the same database.
                let heard = store.connections().listen(move || woken.wake());
                self.serve_edge(listener, Arc::new(store), limits, live, dns);
                let stop = CancellationToken::new();
                let stopped = stop.clone();
                let work = async move {
                    upkeep.run(stopped).await;
                    drop(heard);
                    Ok(())
                };
                self.add("upkeep", work, stop);
            }
        }
        output::line(&format!("edge       http://{address}"))
    }

    fn serve_edge<S: TraceReader + TraceWriter>(
        &mut self,
        listener: TcpListener,
        store: Arc<S>,
        limits: Limits,
        live: Arc<Live>,
        dns: Dns,
    ) {
        let stop = CancellationToken::new();
        let serving = edge_server::serve_with(listener, store, limits, live, dns, stop.clone());
        self.add("edge", async move { Ok(serving.await?) }, stop);
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
