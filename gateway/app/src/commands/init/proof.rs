//! Proves that a hook works: a harmless call is told to it the way its agent would, and is looked for at the edge.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use agent_hooks::{Agent, Plan};
use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout_at};
use trace_plugin::clock;
use trace_plugin::dialect::{Dialect, PROOF_PREFIX};

use super::site::Site;
use crate::http;

/// How long a hook may take to answer. It takes milliseconds; the machine may be busy.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
/// How long a trace may take to the edge.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
/// How often the edge is asked.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// Drives `OpenClaw`'s plugin as its gateway does.
const OPENCLAW_DRIVER: &str = include_str!("drive_openclaw.mjs");
/// Drives `OpenCode`'s plugin as `OpenCode` does.
const OPENCODE_DRIVER: &str = include_str!("drive_opencode.mjs");

/// How the harmless call was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The command, through a shell, as the agent runs it.
    Command,
    /// The plugin, loaded by Node.
    Plugin,
    /// `smoltbot hook`, for want of Node: the plugin itself was not run.
    HookOnly,
}

impl By {
    /// In an answer.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Plugin => "plugin",
            Self::HookOnly => "hook-only",
        }
    }
}

/// A call that was told to a hook.
pub(crate) struct Told {
    /// Its session's id.
    pub(crate) id: String,
    pub(crate) by: By,
}

/// Tells the hook of `agent` of a harmless call.
pub(crate) async fn tell(agent: Agent, plan: &Plan, site: &Site) -> anyhow::Result<Told> {
    let dialect = Dialect::parse(agent.name())
        .ok_or_else(|| anyhow!("this smoltbot does not understand {}", agent.name()))?;
    let id = format!("{PROOF_PREFIX}{}", clock::salt());
    let events = dialect.proof(&id);
    let node = site.machine.program("node");
    let by = match (&plan.plugin, node) {
        (Some(plugin), Some(node)) => {
            drive(agent, &node, plugin, &events, site).await?;
            By::Plugin
        }
        (plugin, _) => {
            for event in &events {
                answered(Command::new("sh").arg("-c").arg(&plan.command), event)
                    .await
                    .with_context(|| format!("its hook `{}` does not work", plan.command))?;
            }
            if plugin.is_some() {
                By::HookOnly
            } else {
                By::Command
            }
        }
    };
    Ok(Told { id, by })
}

async fn drive(
    agent: Agent,
    node: &Path,
    plugin: &Path,
    events: &[String],
    site: &Site,
) -> anyhow::Result<()> {
    let driver = match agent {
        Agent::OpenCode => OPENCODE_DRIVER,
        _ => OPENCLAW_DRIVER,
    };
    let config = serde_json::json!({
        "home": site.smoltbot.home.to_string_lossy(),
        "command": site.smoltbot.program.to_string_lossy(),
    });
    let mut command = Command::new(node);
    command
        .args(["--input-type=module", "--eval", driver])
        .arg(plugin)
        .arg(config.to_string())
        .args(events);
    run(&mut command, "")
        .await
        .with_context(|| format!("its plugin {} does not work", plugin.display()))?;
    Ok(())
}

/// Runs a hook with `event` on its standard input; it must answer with a JSON object, and allow.
async fn answered(command: &mut Command, event: &str) -> anyhow::Result<()> {
    let out = run(command, event).await?;
    let answer: Value = serde_json::from_str(out.trim())
        .with_context(|| format!("it answered {:?}, which is not JSON", out.trim()))?;
    if !answer.is_object() {
        bail!("it answered {answer}, which is no object");
    }
    Ok(())
}

/// Runs `command` to its end, which must be a good one; what it printed.
async fn run(command: &mut Command, input: &str) -> anyhow::Result<String> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("it cannot be started")?;
    if let Some(mut stdin) = child.stdin.take() {
        // Who answers without reading has answered; the answer is what counts.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let Ok(output) = timeout_at(deadline, child.wait_with_output()).await else {
        bail!("it did not answer within {ANSWERS_WITHIN:?}");
    };
    let output = output?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // Node says what is wrong in the midst of a stack, others say it last.
        let mut lines = said.lines().filter(|line| !line.trim().is_empty());
        let error = lines.clone().find(|line| line.contains("Error: "));
        let said = error.or_else(|| lines.next_back()).unwrap_or("nothing");
        bail!("it ended with {}, and said: {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Waits until the edge at `base` has the trace of the call, and gives its page.
pub(crate) async fn arrives(base: &str, agent_id: &str, told: &Told) -> anyhow::Result<String> {
    let client = http::client(Duration::from_secs(5))?;
    let deadline = Instant::now() + ARRIVES_WITHIN;
    let query = [
        ("agent_id", agent_id),
        ("session_id", &told.id),
        ("limit", "1"),
    ];
    loop {
        let asked = http::json::<Value>(&client, base, aap::paths::TRACES, &query);
        let answer = timeout_at(deadline, asked).await;
        let found = match answer {
            Ok(Ok(found)) => found,
            Ok(Err(error)) if Instant::now() >= deadline => return Err(error),
            // It may still be starting.
            Ok(Err(_)) => Value::Null,
            Err(_) => bail!("the edge at {base} did not answer within {ARRIVES_WITHIN:?}"),
        };
        if let Some(id) = found["traces"][0]["id"].as_str() {
            let id: aap::TraceId = id.parse().context("the edge named no trace's id")?;
            return Ok(format!("{base}{}", aap::paths::trace_page(id)));
        }
        if Instant::now() >= deadline {
            bail!(
                "the hook answered, but its trace was not at {base} after {ARRIVES_WITHIN:?}; `smoltbot status` says what waits"
            );
        }
        sleep(ASK_EVERY).await;
    }
}
