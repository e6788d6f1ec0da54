//! Roles in the background: started once, however many ask at the same time, and stopped.
//!
//! Who starts holds `start.lock` and hands it to the process that it starts, as its standard input. That process lets go of
//! it when its roles run, or when it dies: so one wait tells either, and whoever asks meanwhile waits for the same.
//! What runs is told by the home's lock; that it runs well, by the sidecar's socket.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use smoltbot_config::{Config, Home};
use trace_plugin::client;

use crate::agent;
use crate::lock::{self, Holder};

mod log;
mod started;
mod stopping;

pub(crate) use log::start as start_log;
pub(crate) use started::{leave_session, ready, take_home};
pub(crate) use stopping::stop;

/// How long a start may take, on a machine that has other things to do.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long a sidecar that runs may take to say so.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// A hook starts what has just failed to start no more often than this.
const START_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// What of a hook's environment a process that outlives it is given: an agent's other secrets are none of its business.
const KEPT: [&str; 18] = [
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "RUST_LOG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// Whether it ran before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Started,
}

/// What runs in the background, or in somebody's terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Background {
    pub(crate) state: State,
    pub(crate) pid: u32,
    /// Where it logs to, if it was started in the background.
    pub(crate) log: PathBuf,
    /// `up`, `gateway` or `sidecar`.
    pub(crate) roles: String,
    /// What it said when it started, a line each; empty when it ran already.
    pub(crate) said: Vec<String>,
}

/// What is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    /// Everything, with these arguments.
    Up(Vec<OsString>),
    /// What takes in and ships, for as long as there is something to do.
    Sidecar,
}

impl Wanted {
    /// Somebody must show the traces, unless they go to an edge elsewhere.
    fn of(config: &Config) -> Self {
        if agent::ships_elsewhere(config) {
            Self::Sidecar
        } else {
            Self::Up(Vec::new())
        }
    }

    fn is_met_by(&self, holder: &Holder) -> bool {
        match self {
            // A sidecar that a hook started makes room for it.
            Self::Up(_) => holder.roles == "up" || !holder.on_demand,
            Self::Sidecar => true,
        }
    }

    fn log_file(&self, home: &Home) -> PathBuf {
        home.log_dir().join(match self {
            Self::Up(_) => "up.log",
            Self::Sidecar => "sidecar.log",
        })
    }
}

/// Sees to it that this home's roles run: `up` where nobody else shows the traces, else a sidecar that goes when it is idle.
///
/// # Errors
/// What keeps them from running, with the last line of their log.
pub(crate) fn ensure(config: &Config) -> anyhow::Result<Background> {
    ensure_that(config, &Wanted::of(config))
}

/// Sees to it that `smoltbot up` runs, with `arguments` if it has to be started.
///
/// # Errors
/// As [`ensure`].
pub(crate) fn ensure_up(config: &Config, arguments: Vec<OsString>) -> anyhow::Result<Background> {
    ensure_that(config, &Wanted::Up(arguments))
}

fn ensure_that(config: &Config, wanted: &Wanted) -> anyhow::Result<Background> {
    if let Some(found) = running(config, wanted)? {
        return Ok(found);
    }
    let home = &config.home;
    home.create()
        .with_context(|| format!("{} cannot be made", home.path().display()))?;
    let Some(start) = lock::wait_for(&home.start_lock_file(), READY_WITHIN)? else {
        bail!(
            "another process has been starting smoltbot for {READY_WITHIN:?}; its log is in {}",
            home.log_dir().display()
        );
    };
    // Whoever had the lock has started what is wanted, or failed to.
    if let Some(found) = running(config, wanted)? {
        return Ok(found);
    }
    if let Some(holder) = lock::holder(&home.lock_file())
        && wanted.is_met_by(&holder)
    {
        bail!(
            "smoltbot {}{} runs for {}, and does not answer on {}: see what it is at, or stop it with `smoltbot down`",
            holder.roles,
            holder
                .pid
                .map_or(String::new(), |pid| format!(" (pid {pid})")),
            home.path().display(),
            home.socket(&config.sidecar)?.display()
        );
    }
    let log = wanted.log_file(home);
    let (mut child, from) = spawn(home, wanted, &log, start, false)?;
    let ready = lock::wait_for(&home.start_lock_file(), READY_WITHIN)?;
    let said = lines(&log, from);
    let found = if ready.is_some() {
        running(config, wanted)?
    } else {
        None
    };
    if let Some(found) = found {
        let state = if found.pid == child.id() {
            State::Started
        } else {
            State::Running
        };
        return Ok(Background {
            state,
            said,
            ..found
        });
    }
    let last = said.last().map_or("nothing", String::as_str);
    let log = log.display();
    if ready.is_none() {
        bail!(
            "smoltbot was started (pid {}) and is not ready after {READY_WITHIN:?}; it last said: {last}\n  its log is {log}",
            child.id()
        );
    }
    let status = child.wait()?;
    bail!("smoltbot was started and ended with {status}; it said: {last}\n  its log is {log}")
}

/// Whether hooks start what is missing: where `init` has installed some, unless a key says no. An identity alone starts nothing.
pub(crate) fn starts_on_demand(config: &Config) -> bool {
    config.sidecar.on_demand
        && agent_hooks::Record::load(config.home.path())
            .is_ok_and(|record| record.is_some_and(|record| !record.agents.is_empty()))
}

/// Starts what is wanted after a hook has found nothing running, if `init` has installed hooks here. Waits for nothing and
/// complains to nobody: the hook has answered, and the next one will try again.
pub(crate) fn on_demand(config: &Config) {
    let home = &config.home;
    if !starts_on_demand(config) {
        return;
    }
    let path = home.start_lock_file();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let Ok(start) = options.open(&path) else {
        return;
    };
    // Else somebody is starting it right now. Whoever holds the home may be on the way out: the one that is started waits a
    // moment for that, and leaves if it is not so.
    if start.try_lock().is_err() {
        return;
    }
    // A clock that was turned back must not keep it from starting.
    let lately = |at: SystemTime| at.elapsed().is_ok_and(|since| since < START_AGAIN_AFTER);
    let tried = start.metadata().is_ok_and(|found| found.len() > 0)
        && start
            .metadata()
            .and_then(|found| found.modified())
            .is_ok_and(lately);
    if tried {
        return;
    }
    // The time of the last try is the file's. A file without a word in it tells of none, or of one that went well.
    if start.set_len(0).is_err() || io::Write::write_all(&mut &start, b"hook\n").is_err() {
        return;
    }
    let wanted = Wanted::of(config);
    let _ = spawn(home, &wanted, &wanted.log_file(home), start, true);
}

/// Starts it in the background. Returns also where in the log its own lines begin.
fn spawn(
    home: &Home,
    wanted: &Wanted,
    log: &Path,
    start: File,
    on_demand: bool,
) -> anyhow::Result<(Child, u64)> {
    let directory = home.log_dir();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    log::rotate_if_long(log);
    let output = log::open(log)?;
    let from = output.metadata().map_or(0, |found| found.len());
    let program = std::env::current_exe().context("this program's own path is not known")?;
    let mut command = Command::new(program);
    match wanted {
        Wanted::Up(arguments) => command.arg("up").args(arguments),
        Wanted::Sidecar => command.args(["sidecar", "--idle-exit"]),
    };
    command.arg("--background").arg(log);
    if on_demand {
        command.arg("--on-demand").env_clear();
        command.envs(std::env::vars_os().filter(|(name, _)| {
            name.to_str()
                .is_some_and(|name| KEPT.contains(&name) || name.starts_with("SMOLTBOT_"))
        }));
    }
    command
        // It keeps nobody's directory from being unmounted.
        .current_dir(home.path())
        .stdin(Stdio::from(start))
        .stdout(Stdio::from(output.try_clone()?))
        .stderr(Stdio::from(output));
    let child = command
        .spawn()
        .context("smoltbot cannot be started in the background")?;
    Ok((child, from))
}

/// What runs and answers, if it is what is wanted.
fn running(config: &Config, wanted: &Wanted) -> anyhow::Result<Option<Background>> {
    let home = &config.home;
    let Some(holder) = lock::holder(&home.lock_file()) else {
        return Ok(None);
    };
    if !wanted.is_met_by(&holder) {
        return Ok(None);
    }
    let socket = home.socket(&config.sidecar)?;
    let Some(health) = client::health(&socket, ANSWERS_WITHIN) else {
        return Ok(None);
    };
    Ok(Some(Background {
        state: State::Running,
        pid: health.pid,
        log: home.log_dir().join(format!("{}.log", holder.roles)),
        roles: holder.roles,
        said: Vec::new(),
    }))
}

/// The lines of a file from `from` on.
fn lines(path: &Path, from: u64) -> Vec<String> {
    let Ok(mut file) = File::open(path) else {
        return Vec::new();
    };
    if file.seek(SeekFrom::Start(from)).is_err() {
        return Vec::new();
    }
    let lines = BufReader::new(file).lines().map_while(Result::ok);
    lines.filter(|line| !line.trim().is_empty()).collect()
}
