//! Proves that wrapped MCP servers work: each is started as its client does, through the proxy, and asked what it can do. No
//! tool is called: what a tool does is its owner's business.

use std::process::Stdio;
use std::time::Duration;

use agent_hooks::Wrapped;
use anyhow::{Context as _, anyhow, bail};
use futures_util::StreamExt as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines, Take,
};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::output;

/// How long a server may take to say what it can do. One that `npx` has to fetch first may take longer; then that is said.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// How long the proxy may take to end with its server: it gives the server seven seconds, and needs some itself.
const ENDS_WITHIN: Duration = Duration::from_secs(12);
/// Servers that are asked at the same time.
const AT_ONCE: usize = 4;
/// What is read of a server's answers, in bytes; one that says more has ended for us.
const MAX_ANSWERS_BYTES: u64 = 32 * 1024 * 1024;
/// What is kept of the end of what a server wrote to standard error, in bytes.
const MAX_SAID_BYTES: usize = 4096;
/// A version of the protocol that every server can answer, be it with another.
const PROTOCOL: &str = "2025-06-18";

/// What came of asking a server.
pub(crate) struct Asked {
    /// What its client calls it, and where that is written.
    pub(crate) server: Wrapped,
    /// How many tools it has; else why that is not known.
    pub(crate) tools: Result<usize, String>,
}

impl Asked {
    /// For people.
    pub(crate) fn reason(&self) -> String {
        let (name, file) = (&self.server.name, self.server.file.display());
        match &self.tools {
            Ok(count) => {
                let tools = output::count(*count, "tool", "tools");
                format!("`{name}` in {file} answers through the proxy: {tools}")
            }
            Err(why) => format!("`{name}` in {file} is wrapped, and not proven: {why}"),
        }
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        json!({
            "name": self.server.name,
            "file": self.server.file,
            "tools": self.tools.as_ref().ok(),
            "reason": self.tools.as_ref().err(),
        })
    }
}

/// Asks each, in their order.
pub(crate) async fn ask_all(servers: Vec<Wrapped>) -> Vec<Asked> {
    let asked = futures_util::stream::iter(servers.into_iter().map(|server| async {
        let tools = ask(&server).await.map_err(|error| format!("{error:#}"));
        Asked { server, tools }
    }));
    asked.buffered(AT_ONCE).collect().await
}

async fn ask(server: &Wrapped) -> anyhow::Result<usize> {
    if let Some(text) = server.unfilled() {
        bail!("only its client can fill in `{text}`");
    }
    let mut command = Command::new(&server.program);
    command
        .args(&server.arguments)
        .envs(server.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(directory) = &server.directory {
        command.current_dir(directory);
    }
    let mut child = command.spawn().context("the proxy cannot be started")?;
    let (Some(input), Some(output), Some(mut errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        bail!("the proxy's streams are not there");
    };
    // Read all along: a server whose complaints nobody reads would wait.
    let complaints = tokio::spawn(async move {
        let (mut said, mut bytes) = (Vec::new(), vec![0; MAX_SAID_BYTES]);
        while let Ok(count @ 1..) = errors.read(&mut bytes).await {
            said.extend_from_slice(&bytes[..count]);
            said.drain(..said.len().saturating_sub(MAX_SAID_BYTES));
        }
        said
    });
    let mut talk = Talk {
        input,
        output: BufReader::new(output.take(MAX_ANSWERS_BYTES)).lines(),
    };
    let answered = timeout(ANSWERS_WITHIN, talk.tools()).await;
    drop(talk);
    let ended = end(&mut child, answered.is_err()).await;
    match answered {
        Err(_) => bail!("it did not answer within {ANSWERS_WITHIN:?}"),
        Ok(Err(Unanswered::Said(why))) => bail!("{why}"),
        Ok(Ok(count)) => Ok(count),
        Ok(Err(Unanswered::Gone)) => {
            // Whoever it has started may hold it open.
            let said = timeout(ENDS_WITHIN, complaints).await;
            let said = said.ok().and_then(Result::ok).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            let last = said.lines().rfind(|line| !line.trim().is_empty());
            let last = last.unwrap_or("nothing").trim().to_owned();
            Err(anyhow!("it ended with {}, and said: {last}", ended?))
        }
    }
}

/// Ends the proxy, and its server with it.
async fn end(child: &mut Child, hangs: bool) -> anyhow::Result<std::process::ExitStatus> {
    if hangs && let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        // It passes that on; it may be gone already.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
    if let Ok(status) = timeout(ENDS_WITHIN, child.wait()).await {
        return Ok(status?);
    }
    child.kill().await?;
    Ok(child.wait().await?)
}

/// Why a server has not said what it can do.
enum Unanswered {
    /// It said something else.
    Said(String),
    /// It has ended.
    Gone,
}

struct Talk {
    input: ChildStdin,
    output: Lines<BufReader<Take<ChildStdout>>>,
}

impl Talk {
    async fn tools(&mut self) -> Result<usize, Unanswered> {
        let hello = json!({
            "protocolVersion": PROTOCOL, "capabilities": {},
            "clientInfo": {"name": "smoltbot init", "version": env!("CARGO_PKG_VERSION")},
        });
        let hello = self.ask(1, "initialize", &hello).await?;
        if hello["capabilities"].get("tools").is_none() {
            return Ok(0);
        }
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))
            .await?;
        let listed = self.ask(2, "tools/list", &json!({})).await?;
        let tools = listed["tools"].as_array().map(Vec::len);
        tools.ok_or_else(|| Unanswered::Said("it answered `tools/list` without `tools`".to_owned()))
    }

    async fn ask(&mut self, id: u32, method: &str, params: &Value) -> Result<Value, Unanswered> {
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))
            .await?;
        loop {
            let line = self.output.next_line().await;
            let Ok(Some(line)) = line else {
                return Err(Unanswered::Gone);
            };
            // What else it says is not asked for.
            let Ok(mut said) = serde_json::from_str::<Value>(&line) else {
                continue;
            };
            if said["id"] != id {
                continue;
            }
            if let Some(error) = said.get("error") {
                let why = error["message"]
                    .as_str()
                    .map_or(error.to_string(), str::to_owned);
                let why = format!("it answered `{method}` with an error: {why}");
                return Err(Unanswered::Said(why));
            }
            return Ok(said["result"].take());
        }
    }

    async fn say(&mut self, message: &Value) -> Result<(), Unanswered> {
        let line = format!("{message}\n");
        let said = self.input.write_all(line.as_bytes()).await;
        said.map_err(|_| Unanswered::Gone)
    }
}
