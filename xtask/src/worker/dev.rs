//! `cargo xtask worker dev`: the Worker in workerd on this machine, with Postgres.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{SigSet, Signal};
use tempfile::TempDir;
use test_cluster::{Cluster, Options};

use crate::health::healthy;

use super::processes::Group;
use super::tools::Tools;
use super::{DevArgs, build};
use crate::command::Line;

/// How long it may take until it is healthy: a slow machine that does other things, too.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is asked whether it is, or whether wrangler still runs.
const LOOK: Duration = Duration::from_millis(50);

/// Runs it until a signal comes, or it ends by itself.
pub(crate) fn run(args: &DevArgs) -> Result<()> {
    if !args.no_build {
        eprint!("{}", build::build()?);
    }
    let signals = signals()?;
    let cluster;
    let url = if let Some(url) = &args.database_url {
        url.clone()
    } else {
        cluster = Cluster::start_new(&Options {
            autovacuum: true,
            password: Some("smoltbot".to_owned()),
            ..Options::default()
        })?;
        cluster.url("postgres")
    };
    migrate(&url)?;
    let over = args.over.as_deref();
    let mut worker = Worker::start_unless(Some(&signals), args.port, &url, &args.vars, over)?;
    println!("{}", worker.url());
    std::io::stdout().flush()?;
    loop {
        if let Some(status) = worker.group.ended()? {
            bail!("wrangler ended with {status}");
        }
        match signals.recv_timeout(LOOK) {
            Ok(()) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Brings the database up to date: by the binary `$SMOLTBOT_BIN` where that is set, else by one that is built for it.
fn migrate(database_url: &str) -> Result<()> {
    let binary = std::env::var_os("SMOLTBOT_BIN").filter(|value| !value.is_empty());
    let run = ["run", "--quiet", "--package", "smoltbot", "--"];
    let line = binary.map_or_else(|| Line::cargo().args(run), Line::new);
    migrate_by(line, database_url)
}

/// Brings the database up to date by the command line `smoltbot`.
pub(crate) fn migrate_by(smoltbot: Line, database_url: &str) -> Result<()> {
    let line = smoltbot.args(["db", "migrate"]);
    eprintln!("   $ {line}");
    // Neither the user's configuration nor, with its password, the process list has a part in this.
    let home = tempfile::tempdir()?;
    let mut command = line.command();
    command
        .env("SMOLTBOT_HOME", home.path())
        .env("SMOLTBOT_EDGE__DATABASE_URL", database_url)
        .stdout(std::io::stderr());
    let status = command
        .status()
        .with_context(|| format!("could not start `{line}`"))?;
    ensure!(
        status.success(),
        "the database could not be migrated: `{line}` ended with {status}"
    );
    Ok(())
}

/// A Worker in workerd; stopped when dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    group: Group,
    address: SocketAddr,
    /// Its bundle, and what it keeps besides the database: Durable Objects and the queue.
    _state: TempDir,
}

impl Worker {
    /// Starts the last bundle on `port` (0: any that is free) over the migrated database at `database_url`, with `vars`
    /// (`NAME:VALUE`), and waits until it is healthy.
    ///
    /// # Errors
    /// When it ends or is not healthy in time.
    pub(crate) fn start(port: u16, database_url: &str, vars: &[String]) -> Result<Self> {
        Self::start_unless(None, port, database_url, vars, None)
    }

    fn start_unless(
        signals: Option<&Receiver<()>>,
        port: u16,
        database_url: &str,
        vars: &[String],
        over: Option<&Path>,
    ) -> Result<Self> {
        ensure!(
            build::dir().join("index.js").is_file(),
            "there is no bundle in {}; run `cargo xtask worker build`",
            build::dir().display()
        );
        let address = address(port)?;
        // wrangler starts the Worker again when its files change, in the middle of a request: it gets files of its own.
        let state = tempfile::tempdir()?;
        fs::create_dir(state.path().join("build"))?;
        for name in build::FILES {
            fs::copy(
                build::dir().join(name),
                state.path().join("build").join(name),
            )?;
        }
        build::copy_dir(
            &build::dir().join(build::STATIC),
            &state.path().join("build").join(build::STATIC),
        )?;
        let config = state.path().join("wrangler.jsonc");
        fs::copy(super::home().join("wrangler.jsonc"), &config)?;
        if let Some(over) = over {
            build::copy_dir(over, state.path())?;
        }
        let line = Tools::ensure()?
            .wrangler()
            .args(["dev", "--local", "--config"])
            .arg(config)
            .args(["--ip", "127.0.0.1", "--port"])
            .arg(address.port().to_string())
            .args(["--inspector-port", "0", "--log-level", "warn"])
            .args(["--show-interactive-dev-session=false", "--persist-to"])
            .arg(state.path().join("state"))
            .dir(state.path())
            .args(vars.iter().flat_map(|var| ["--var", var]))
            .env(
                "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB_WRITE",
                database_url,
            )
            .env(
                "CLOUDFLARE_HYPERDRIVE_LOCAL_CONNECTION_STRING_DB_READ",
                database_url,
            );
        let mut worker = Self {
            group: Group::start(&line)?,
            address,
            _state: state,
        };
        let began = Instant::now();
        while !healthy(address) {
            if let Some(status) = worker.group.ended()? {
                bail!("wrangler ended with {status} instead of serving {address}");
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "the Worker is not healthy on {address} after {} seconds",
                PATIENCE.as_secs()
            );
            match signals {
                Some(signals) if signals.recv_timeout(LOOK).is_ok() => {
                    bail!("stopped while starting")
                }
                Some(_) => {}
                None => thread::sleep(LOOK),
            }
        }
        Ok(worker)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers.
    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Hears SIGINT, SIGTERM and SIGHUP from here on, in place of ending by them.
fn signals() -> Result<Receiver<()>> {
    let wanted: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    // No other thread runs yet, and those to come inherit this.
    wanted.thread_block().context("blocking signals")?;
    let (send, receive) = channel();
    thread::spawn(move || while wanted.wait().is_ok() && send.send(()).is_ok() {});
    Ok(receive)
}

/// The address on loopback with `port`, or with any that is free for 0.
pub(super) fn address(port: u16) -> Result<SocketAddr> {
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let taken = || format!("port {port} is taken; choose another, or 0 for any that is free");
    Ok(TcpListener::bind(wanted)
        .with_context(taken)?
        .local_addr()?)
}

/// A URL as `--database-url` takes it.
pub(crate) fn postgres_url(text: &str) -> Result<String> {
    let rest = text
        .strip_prefix("postgres://")
        .or_else(|| text.strip_prefix("postgresql://"));
    let Some(rest) = rest else {
        bail!("write postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    };
    // workerd asks for all of these, and says less about it.
    let (login, place) = rest
        .rsplit_once('@')
        .context("it names no user: write postgres://USER:PASSWORD@…")?;
    ensure!(
        login.contains(':'),
        "it has no password, which Hyperdrive asks for; any will do where Postgres wants none"
    );
    let database = place.split_once('/').map_or("", |(_, rest)| rest);
    ensure!(
        !database.split('?').next().unwrap_or("").is_empty(),
        "it names no database: write …@HOST:PORT/DATABASE"
    );
    Ok(text.to_owned())
}

/// `NAME=VALUE`, as wrangler takes it.
pub(crate) fn variable(text: &str) -> Result<String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(format!("{name}:{value}")),
        _ => bail!("write NAME=VALUE"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_hyperdrive_would_not_take_is_refused_with_what_is_missing() {
        assert!(postgres_url("postgres://u:p@127.0.0.1:5432/db").is_ok());
        assert!(postgres_url("postgresql://u:p@127.0.0.1/db?sslmode=disable").is_ok());
        for (url, says) in [
            ("sqlite:edge.db", "postgres://USER"),
            ("postgres://127.0.0.1/db", "no user"),
            ("postgres://u@127.0.0.1/db", "no password"),
            ("postgres://u:p@127.0.0.1", "no database"),
            ("postgres://u:p@127.0.0.1/?x=y", "no database"),
        ] {
            let error = postgres_url(url).unwrap_err().to_string();
            assert!(error.contains(says), "{url}: {error}");
        }
    }

    #[test]
    fn a_port_that_is_taken_is_named_before_anything_starts() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let error = address(port).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is taken")), "{error}");
        assert_ne!(address(0).unwrap().port(), 0);
    }
}
