//! The server: made, started, stopped, killed.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use crate::databases::Databases;
use crate::disk;
use crate::error::{ClusterError, io};
use crate::options::Options;
use crate::programs::Programs;
use crate::watchdog::Watchdog;

/// How long the server may take to answer, and to stop: a slow machine under a whole test run.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often is looked whether it does.
const LOOK: Duration = Duration::from_millis(5);

/// A running Postgres. Dropping it stops it and removes everything.
#[derive(Debug)]
pub struct Cluster {
    pub(crate) programs: Programs,
    pub(crate) dir: PathBuf,
    pub(crate) account: Option<(u32, u32)>,
    pub(crate) databases: Mutex<Databases>,
    options: Options,
    port: u16,
    server: Mutex<Server>,
}

#[derive(Debug)]
struct Server {
    process: Option<Child>,
    watchdog: Watchdog,
}

impl Cluster {
    /// The cluster that all tests of this process share. It goes when the process goes.
    ///
    /// # Panics
    /// When there is none to be had; the message says what to install.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match Self::start_new(&Options::default()) {
            Ok(cluster) => cluster,
            Err(error) => panic!("{error}"),
        })
    }

    /// Makes a cluster, starts it, and waits until it answers.
    ///
    /// # Errors
    /// When Postgres is missing or does not start; the message holds the end of its log.
    pub fn start_new(options: &Options) -> Result<Self, ClusterError> {
        let cluster = Self::prepare(options)?;
        cluster.init()?;
        cluster.start()?;
        Ok(cluster)
    }

    /// Starts a read replica of this cluster: a copy that follows it by streaming replication, on a port of its own.
    ///
    /// # Errors
    /// When it cannot be copied or does not start.
    pub fn replica(&self) -> Result<Self, ClusterError> {
        let replica = Self::prepare(&Options {
            port: None,
            disk_mb: None,
            ..self.options.clone()
        })?;
        let mut command = replica.as_account("pg_basebackup");
        command
            .arg("--pgdata")
            .arg(replica.data())
            .args(["--write-recovery-conf", "--checkpoint", "fast", "--no-sync"])
            .args(["--username", "postgres", "--host"])
            .arg(&self.dir)
            .args(["--port", &self.port.to_string()]);
        run(&mut command, "pg_basebackup")?;
        replica.configure()?;
        replica.start()?;
        Ok(replica)
    }

    /// A directory with a watchdog, and nothing in it yet.
    fn prepare(options: &Options) -> Result<Self, ClusterError> {
        let programs = Programs::find()?;
        let account = account()?;
        let dir = tempfile::Builder::new()
            .prefix("test-cluster-")
            .tempdir()
            .map_err(io("a temporary directory"))?
            .keep();
        let watchdog = Watchdog::over(&dir)?;
        let cluster = Self {
            programs,
            port: options.port.map_or_else(free_port, Ok)?,
            dir,
            account,
            databases: Mutex::default(),
            options: options.clone(),
            server: Mutex::new(Server {
                process: None,
                watchdog,
            }),
        };
        cluster.own(&cluster.dir)?;
        Ok(cluster)
    }

    /// Where TCP listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The directory of the Unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.dir
    }

    /// The superuser's URL of a database, with the password where there is one.
    pub fn url(&self, database: &str) -> String {
        match &self.options.password {
            Some(password) => self.url_as(&format!("postgres:{password}"), database),
            None => self.url_as("postgres", database),
        }
    }

    /// A URL for another role: `user` is a name, or `name:password`.
    pub fn url_as(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@{}/{database}", self.address())
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Starts a stopped or killed server again, with the same data on the same port, and waits until it answers. Does
    /// nothing while it runs.
    ///
    /// # Errors
    /// When it ends instead or is late.
    pub fn start(&self) -> Result<(), ClusterError> {
        let mut server = self.server();
        if server.process.is_some() {
            return Ok(());
        }
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.dir.join("log"))
            .map_err(io("the server's log"))?;
        let errors = log.try_clone().map_err(io("the server's log"))?;
        let mut command = self.as_account("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // Ctrl-C would be a shutdown in the middle of a test that wants to tell why it fails.
            .process_group(0);
        let process = command.spawn().map_err(io("postgres cannot start"))?;
        server.watchdog.watch(Some(process.id()))?;
        let process = server.process.insert(process);
        let began = Instant::now();
        let why = loop {
            if let Some(status) = process.try_wait().map_err(io("postgres"))? {
                break format!("it ended with {status}");
            }
            if self.is_ready(process.id()) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                break format!("no answer within {PATIENCE:?}");
            }
            std::thread::sleep(LOOK);
        };
        drop(server);
        self.kill();
        let log = self.log();
        let from = log.lines().count().saturating_sub(15);
        Err(ClusterError::Start {
            why,
            log: log.lines().skip(from).collect::<Vec<_>>().join("\n"),
        })
    }

    /// Stops the server as an administrator would in a hurry ("fast"): sessions are cut off, what was committed is written.
    ///
    /// # Errors
    /// When it does not stop in time.
    pub fn stop(&self) -> Result<(), ClusterError> {
        self.end(Signal::SIGINT)
    }

    /// Kills every process of the server (SIGKILL). The next start recovers from the log of writes.
    pub fn kill(&self) {
        let mut server = self.server();
        let Some(mut process) = server.process.take() else {
            return;
        };
        let pid = pid(&process);
        // Held still, so that nothing is born between the look and the blow.
        let _ = kill(pid, Signal::SIGSTOP);
        let children = children(pid);
        let _ = process.kill();
        for child in &children {
            let _ = kill(*child, Signal::SIGKILL);
        }
        let _ = process.wait();
        // They hold the shared memory that the next start needs for itself.
        let began = Instant::now();
        while children.iter().any(|child| is_alive(*child)) && began.elapsed() < PATIENCE {
            std::thread::sleep(LOOK);
        }
        let _ = server.watchdog.watch(None);
    }

    fn end(&self, signal: Signal) -> Result<(), ClusterError> {
        let mut server = self.server();
        let Some(process) = server.process.as_mut() else {
            return Ok(());
        };
        kill(pid(process), signal).map_err(|error| io("stopping postgres")(error.into()))?;
        let began = Instant::now();
        while process.try_wait().map_err(io("postgres"))?.is_none() {
            if began.elapsed() > PATIENCE {
                return Err(ClusterError::Program {
                    what: "stopping postgres".into(),
                    output: format!("it still runs after {PATIENCE:?}"),
                });
            }
            std::thread::sleep(LOOK);
        }
        server.process = None;
        server.watchdog.watch(None)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        // A test that failed while it held this has not broken the server.
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `path` belong to whom the server runs as.
    pub(crate) fn own(&self, path: &Path) -> Result<(), ClusterError> {
        let Some((user, group)) = self.account else {
            return Ok(());
        };
        std::os::unix::fs::chown(path, Some(user), Some(group))
            .map_err(io(format!("giving {} to the server", path.display())))
    }

    /// One of Postgres' programs, as the user that the server runs as, in a directory that this user may enter.
    pub(crate) fn as_account(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.path(program));
        command.current_dir(&self.dir);
        // What the tester has set for his own servers is not for this one.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG")) {
                command.env_remove(name);
            }
        }
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    fn init(&self) -> Result<(), ClusterError> {
        let data = self.data();
        if let Some(mb) = self.options.disk_mb {
            disk::mount(&data, mb)?;
            self.own(&data)?;
        }
        let mut command = self.as_account("initdb");
        command
            .arg("--pgdata")
            .arg(&data)
            .args([
                "--username",
                "postgres",
                "--encoding",
                "UTF8",
                "--locale",
                "C",
            ])
            .args(["--no-sync", "--no-instructions", "--auth-local", "trust"]);
        if self.options.disk_mb.is_some() {
            // Sixteen megabytes a segment are half of a small disk.
            command.args(["--wal-segsize", "1"]);
        }
        if let Some(password) = &self.options.password {
            let file = self.private_file("password", password)?;
            command
                .args(["--auth-host", "scram-sha-256", "--pwfile"])
                .arg(file);
        } else {
            command.args(["--auth-host", "trust"]);
        }
        run(&mut command, "initdb")?;
        if let Some(tls) = &self.options.tls {
            self.private_file("data/server.crt", &tls.certificate)?;
            self.private_file("data/server.key", &tls.key)?;
        }
        self.configure()
    }

    /// Appends this server's settings; the last line of a name counts.
    fn configure(&self) -> Result<(), ClusterError> {
        let path = self.data().join("postgresql.conf");
        let mut settings = std::fs::read_to_string(&path).map_err(io("postgresql.conf"))?;
        settings.push_str(
            &self
                .options
                .lines(self.port, &self.dir.display().to_string()),
        );
        std::fs::write(&path, settings).map_err(io("postgresql.conf"))
    }

    fn private_file(&self, name: &str, text: &str) -> Result<PathBuf, ClusterError> {
        let path = self.dir.join(name);
        std::fs::write(&path, text).map_err(io(name))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(io(name))?;
        self.own(&path)?;
        Ok(path)
    }

    /// The eighth line of `postmaster.pid` says so; `pg_ctl` looks there, too. The first tells whose it is: one that was
    /// killed leaves its own behind.
    fn is_ready(&self, pid: u32) -> bool {
        let mut text = String::new();
        let read = std::fs::File::open(self.data().join("postmaster.pid"))
            .and_then(|mut file| file.read_to_string(&mut text));
        let line = |number: usize| text.lines().nth(number).map(str::trim);
        read.is_ok() && line(0) == Some(&pid.to_string()) && line(7) == Some("ready")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Not worth a clean end: the files go, too.
        let _ = self.end(Signal::SIGQUIT);
        self.kill();
        self.server().watchdog.finish();
    }
}

/// Runs a program to its end; what it said becomes the error.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<String, ClusterError> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(io(format!("{what} cannot start")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ClusterError::Program {
        what: what.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

/// Whom the server runs as when the tests run as root.
fn account() -> Result<Option<(u32, u32)>, ClusterError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    match User::from_name("postgres") {
        Ok(Some(user)) => Ok(Some((user.uid.as_raw(), user.gid.as_raw()))),
        _ => Err(ClusterError::NoUser),
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16, ClusterError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(io("a free port"))
}

fn pid(process: &Child) -> Pid {
    Pid::from_raw(i32::try_from(process.id()).unwrap_or(0))
}

/// The processes that it started; none where there is no such file (then they end by themselves once it is gone).
fn children(of: Pid) -> Vec<Pid> {
    let listed = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
    listed
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok().map(Pid::from_raw))
        .collect()
}

/// Still there, and not as a zombie that nobody has asked for.
fn is_alive(pid: Pid) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
        Err(_) => false,
    }
}
