//! The program that is measured. Where it cannot be, the bench ends with a panic that says what failed: there is nothing to go on with.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Wall time of a process that does nothing, in milliseconds.
pub(crate) fn empty_process() -> f64 {
    let began = Instant::now();
    let ended = Command::new("true").status().expect("true runs");
    assert!(ended.success(), "true ends well");
    began.elapsed().as_secs_f64() * 1e3
}

/// `smoltbot gateway`; killed when dropped.
pub(crate) struct Gateway {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    /// From before the process was started until `/health` was answered, in milliseconds.
    pub(crate) took_ms: f64,
}

impl Gateway {
    /// Starts it in `home`, with a model of `provider` (the base URL of something that speaks as OpenAI does) if there is one.
    pub(crate) fn start(program: &Path, home: &Path, provider: Option<&str>) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = Command::new(program);
        command
            .arg("gateway")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SMOLTBOT_HOME", home)
            .env("SMOLTBOT_GATEWAY__LISTEN", address.to_string())
            // Nobody is there; traces wait.
            .env("SMOLTBOT_API_URL", "http://127.0.0.1:9")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(url) = provider {
            command
                .env("SMOLTBOT_PROVIDERS__OPENAI__API_KEY", "a-key-of-this-bench")
                .env("SMOLTBOT_PROVIDERS__OPENAI__BASE_URL", url)
                .env("SMOLTBOT_PROVIDERS__OPENAI__MODEL", "told-1");
        }
        let began = Instant::now();
        let mut child = command.spawn().expect("smoltbot starts");
        while !healthy(address) {
            assert!(
                began.elapsed() < PATIENCE,
                "`smoltbot gateway` is not healthy"
            );
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("`smoltbot gateway` ended with {status}");
            }
            // Far below what is measured.
            std::thread::sleep(Duration::from_micros(100));
        }
        let took_ms = began.elapsed().as_secs_f64() * 1e3;
        let mut lines = BufReader::new(child.stdout.take().expect("its words")).lines();
        let said = lines.find_map(|line| {
            let (_, token) = line
                .ok()?
                .split_once("?token=")
                .map(|(a, b)| (a.to_owned(), b.to_owned()))?;
            Some(token)
        });
        // It may go on to speak.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            address,
            token: said.expect("the way in").trim().to_owned(),
            took_ms,
        }
    }

    /// A figure of `/proc/PID/status` in megabytes.
    pub(crate) fn memory(&self, name: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        let kib: f64 = kib.expect("a figure").trim().parse().expect("a number");
        kib * 1024.0 / 1e6
    }

    /// CPU time of all its threads that are there, in milliseconds.
    pub(crate) fn cpu_ms(&self) -> f64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let threads = threads.expect("its threads").map(|thread| {
            let path = thread.expect("a thread").path().join("schedstat");
            let stat = std::fs::read_to_string(path).unwrap_or_default();
            let nanoseconds = stat.split_whitespace().next();
            nanoseconds.map_or(0.0, |told| told.parse::<f64>().expect("nanoseconds"))
        });
        threads.sum::<f64>() / 1e6
    }

    /// Stops it as an operator would.
    pub(crate) fn stop(mut self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(told.is_ok_and(|told| told.success()), "kill runs");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "`smoltbot gateway` ended with {status}");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Both fail when it has ended already, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn healthy(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return false;
    };
    let asked = format!("GET /health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let mut answer = String::new();
    stream.write_all(asked.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}
