//! A real edge, `smoltbot edge`, and what it answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::process::Process;

/// Limits that would be in the way.
const NO_LIMITS: [(&str, &str); 4] = [
    ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "0"),
    ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0"),
    ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", "0"),
    ("SMOLTBOT_EDGE__DNS", "off"),
];
/// How long it may take to answer a question.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// An edge; it may be killed and started again over the same database.
#[derive(Debug)]
pub struct Edge {
    program: PathBuf,
    dir: TempDir,
    database: Option<String>,
    process: Option<Process>,
    address: SocketAddr,
}

impl Edge {
    /// Starts one over a database of its own: the one at `database`, else a file.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(program: PathBuf, database: Option<String>) -> Result<Self> {
        let mut edge = Self {
            program,
            dir: tempfile::tempdir()?,
            database,
            process: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        edge.restart()?;
        Ok(edge)
    }

    /// Kills it, if it runs, and starts it anew, perhaps at another address.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> Result<SocketAddr> {
        self.kill();
        let mut command = Command::new(&self.program);
        command
            .arg("edge")
            .env_clear()
            .env("HOME", self.dir.path())
            .env("SMOLTBOT_HOME", self.dir.path().join("state"))
            .env("SMOLTBOT_EDGE__LISTEN", "127.0.0.1:0")
            .envs(NO_LIMITS);
        if let Some(url) = &self.database {
            command.env("SMOLTBOT_EDGE__DATABASE_URL", url);
        }
        let log = self.dir.path().join("edge.log");
        let process = Process::start(&mut command, &log)?;
        let Some(url) = process.line("edge ")? else {
            anyhow::bail!("the edge ended: {}", std::fs::read_to_string(log)?);
        };
        let address = url.strip_prefix("http://").context("the edge's address")?;
        self.address = address.parse()?;
        self.process = Some(process);
        Ok(self.address)
    }

    /// As a crash would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, past the proxy.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it answers to `path`; none when it is not found.
    ///
    /// # Errors
    /// When it does not answer, or something else.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(ANSWERS_WITHIN))?;
        // Version 1.0: the answer comes in one piece and ends with the connection.
        write!(stream, "GET {path} HTTP/1.0\r\nhost: edge\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.context("the edge's answer has no head")?;
        let status = String::from_utf8_lossy(&answer[..end.min(12)]).into_owned();
        if status.ends_with(" 404") {
            return Ok(None);
        }
        ensure!(status.ends_with(" 200"), "GET {path}: {status}");
        Ok(Some(serde_json::from_slice(&answer[end + 4..])?))
    }

    /// Every row of an agent's listing.
    ///
    /// # Errors
    /// When the edge does not answer.
    pub fn traces(&self, agent: &str) -> Result<Vec<Value>> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/traces?limit=500&agent_id={agent}{cursor}");
            let mut page = self.get(&path)?.context("no listing")?;
            if let Some(traces) = page["traces"].as_array_mut() {
                rows.append(traces);
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(rows),
            }
        }
    }
}
