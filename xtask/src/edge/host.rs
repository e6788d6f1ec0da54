//! A host of the edge with a database of its own.

use std::fmt;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use test_cluster::{Cluster, Options};

use crate::worker;

/// Which host, on which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// edge-server on SQLite
    Sqlite,
    /// edge-server on Postgres
    Postgres,
    /// the Worker in workerd, on Postgres
    Workerd,
}

impl Kind {
    /// All of them, the quickest first.
    pub(crate) const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::Workerd];

    /// As it is typed.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Workerd => "workerd",
        }
    }

    /// The header in which it is told a client's address, where it is not the connection's.
    pub(super) fn address_header(self) -> Option<&'static str> {
        (self == Self::Workerd).then_some("CF-Connecting-IP")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "edge-server on SQLite",
            Self::Postgres => "edge-server on Postgres",
            Self::Workerd => "workerd on Postgres",
        })
    }
}

/// Where a host's state lives, for as many starts as are wanted.
pub(crate) struct Place {
    kind: Kind,
    binary: PathBuf,
    home: TempDir,
    cluster: Option<Cluster>,
}

impl Place {
    /// Makes the database.
    ///
    /// # Errors
    /// When Postgres is missing; the message says what to install.
    pub(crate) fn new(kind: Kind, binary: &Path) -> Result<Self> {
        let password = Some("smoltbot".to_owned());
        let options = Options {
            password,
            ..Options::default()
        };
        let place = Self {
            kind,
            binary: binary.to_owned(),
            home: tempfile::tempdir()?,
            cluster: match kind {
                Kind::Sqlite => None,
                Kind::Postgres | Kind::Workerd => Some(Cluster::start_new(&options)?),
            },
        };
        if place.cluster.is_some() {
            let status = place.smoltbot(&["db", "migrate"]).status();
            let status = status.context("could not start smoltbot")?;
            ensure!(status.success(), "smoltbot db migrate ended with {status}");
        }
        Ok(place)
    }

    fn database_url(&self) -> Option<String> {
        let cluster = self.cluster.as_ref()?;
        Some(cluster.url("postgres"))
    }

    fn smoltbot(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env("SMOLTBOT_HOME", self.home.path())
            .env("SMOLTBOT_EDGE__LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null());
        if let Some(url) = self.database_url() {
            command.env("SMOLTBOT_EDGE__DATABASE_URL", url);
        }
        command
    }
}

/// Makes what the host of this kind runs, unless it is made with the tests.
///
/// # Errors
/// When what the Worker needs is missing; the message says what to install.
pub(crate) fn prepare(kind: Kind) -> Result<()> {
    if kind == Kind::Workerd {
        print!("{}", worker::build()?);
    }
    Ok(())
}

/// A host that runs; stopped when dropped.
pub(crate) struct Host {
    url: String,
    running: Running,
}

type Told = Lines<BufReader<ChildStdout>>;

enum Running {
    Edge {
        child: Child,
        /// Held open: the edge ends when it cannot say where it serves.
        _told: Told,
    },
    /// Ends when it is dropped.
    Worker { _worker: worker::Worker },
}

impl Host {
    /// Starts it on a free port with these settings, and waits until it answers.
    pub(crate) fn start(place: &Place, settings: &[(&str, u32)]) -> Result<Self> {
        if place.kind == Kind::Workerd {
            let database = place.database_url().context("the Worker has no database")?;
            let variables: Vec<_> = settings
                .iter()
                .map(|(name, value)| format!("{name}:{value}"))
                .collect();
            let worker = worker::Worker::start(0, &database, &variables)?;
            return Ok(Self {
                url: format!("http://{}", worker.address()),
                running: Running::Worker { _worker: worker },
            });
        }
        let mut command = place.smoltbot(&["edge"]);
        for (name, value) in settings {
            command.env(name, value.to_string());
        }
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", place.binary.display()))?;
        let out = child.stdout.take().context("it has no output")?;
        let mut told = BufReader::new(out).lines();
        // `edge       http://127.0.0.1:40001`
        let url = told.find_map(|line| Some(line.ok()?.strip_prefix("edge ")?.trim().to_owned()));
        let Some(url) = url else {
            let status = child.wait()?;
            bail!(
                "{} ended with {status} before it served; it says why above",
                place.kind
            );
        };
        let running = Running::Edge { child, _told: told };
        Ok(Self { url, running })
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// When it did not end well, or had ended before.
    pub(crate) fn stop(mut self) -> Result<()> {
        let Running::Edge { child, .. } = &mut self.running else {
            return Ok(());
        };
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        kill(pid, Signal::SIGTERM).context("the edge is gone")?;
        let status = child.wait()?;
        ensure!(status.success(), "the edge ended with {status}");
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Running::Edge { child, .. } = &mut self.running {
            // What has ended cannot be ended again.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
