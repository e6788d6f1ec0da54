//! The sidecar alone: it starts, runs, and dozes when nobody asks.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::agent::{self, Agent};
use crate::background;
use crate::cli::Behind;
#[cfg(target_os = "linux")]
use crate::doze;
use crate::lock::HomeLock;
use crate::settings;
use crate::stack::{Doze, Listeners, Receiver, Stack};

/// A sidecar that holds its home.
struct Sidecar {
    agent: Agent,
    /// Where spans go, until it runs.
    receiver: Option<Receiver>,
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "held"))]
    lock: HomeLock,
    /// What it takes over from before it dozed; none when it starts for the first time.
    before: Option<Listeners>,
}

/// Runs until it is told to stop, or `idle_exit` has come. It dozes meanwhile: `woken` says that this is the same sidecar again.
pub(crate) fn sidecar(idle_exit: bool, behind: &Behind, woken: bool) -> anyhow::Result<ExitCode> {
    let mut sidecar = if woken {
        Sidecar::again()?
    } else {
        Sidecar::first(behind)?
    };
    let after = Duration::from_secs(sidecar.agent.config.sidecar.idle_exit_seconds);
    let idle_exit = (idle_exit && !after.is_zero()).then_some(after);
    // One thread beside the recorder's: it waits for the network, and it is to be small.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    #[cfg(target_os = "linux")]
    {
        // Only this thread takes signals, and holds them back before it dozes: none is lost in between.
        doze::hold_signals_back();
        runtime.on_thread_start(doze::hold_signals_back);
    }
    let runtime = runtime.enable_all().build().context("no runtime")?;
    let kept = runtime.block_on(sidecar.run(idle_exit, behind))?;
    // Its threads are gone before another program takes this one's place.
    drop(runtime);
    match kept {
        #[cfg(target_os = "linux")]
        Some(kept) => Err(sidecar.fall_asleep(kept, idle_exit.is_some(), behind)?),
        _ => Ok(ExitCode::SUCCESS),
    }
}

impl Sidecar {
    fn first(behind: &Behind) -> anyhow::Result<Self> {
        background::leave_session(behind)?;
        let config = agent::config()?;
        let receiver = settings::of_sidecar(&config)?;
        let agent = Agent::load_or_make(config)?;
        let lock = background::take_home(&agent.config.home, "sidecar", behind)?;
        Ok(Self {
            agent,
            receiver,
            lock,
            before: None,
        })
    }

    #[cfg(target_os = "linux")]
    fn again() -> anyhow::Result<Self> {
        let handed = doze::wake_up()?;
        let config = agent::config()?;
        let receiver = settings::of_sidecar(&config)?;
        Ok(Self {
            agent: Agent::load_or_make(config)?,
            receiver,
            lock: HomeLock::handed(handed.lock),
            before: Some(Listeners {
                socket: Some((handed.told.socket, handed.socket)),
                tcp: handed.tcp,
            }),
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn again() -> anyhow::Result<Self> {
        anyhow::bail!("sidecars doze only on Linux")
    }

    async fn run(
        &mut self,
        idle_exit: Option<Duration>,
        behind: &Behind,
    ) -> anyhow::Result<Option<Doze>> {
        let receiver = self.receiver.take();
        let agent = &self.agent;
        let mut stack = Stack::new()?;
        if let Some(after) = idle_exit {
            stack.exit_when_idle(after);
        }
        let first = self.before.is_none();
        #[cfg(target_os = "linux")]
        {
            let after = Duration::from_secs(agent.config.sidecar.doze_seconds);
            if !after.is_zero() {
                stack.doze_when_idle(after, agent);
            }
            if let Some(before) = self.before.take() {
                stack.go_on_with(before);
            }
        }
        let recorder = stack.start_recorder(agent).await?;
        let api_url = agent::api_url(&agent.config);
        stack.start_shipper(agent, &recorder, &api_url, receiver)?;
        stack.say(&format!("shipping   {api_url}"))?;
        if first {
            background::ready(behind)?;
        }
        drop(recorder);
        #[cfg(target_os = "linux")]
        doze::take_signals();
        stack.run_or_doze().await
    }

    /// Returns only when that cannot be.
    #[cfg(target_os = "linux")]
    fn fall_asleep(
        &self,
        kept: Doze,
        idle_exit: bool,
        behind: &Behind,
    ) -> anyhow::Result<anyhow::Error> {
        let home = &self.agent.config.home;
        let name = |path: std::path::PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.unwrap_or_default().into_owned()
        };
        let (path, socket) = kept
            .listeners
            .socket
            .context("a sidecar without a socket cannot doze")?;
        let handed = doze::Handed {
            told: doze::Told {
                socket: path.clone(),
                log: name(home.spool_file().with_extension("db-wal")),
                card: name(home.card_file()),
                leave_after: kept.leave_after,
            },
            lock: self.lock.file()?,
            notices: kept.notices,
            socket,
            tcp: kept.listeners.tcp,
        };
        let arguments = doze::Arguments {
            idle_exit,
            log: behind.background.as_deref(),
            on_demand: behind.on_demand,
        };
        let error = doze::fall_asleep(handed, &arguments);
        // Nobody serves it.
        let _ = std::fs::remove_file(path);
        Ok(error)
    }
}
