//! `smoltbot logs`: this agent's newest traces, as the edge has them.

use std::process::ExitCode;

use aap::paths;
use serde::Deserialize;
use serde_json::Value;

use crate::agent::{self, Agent};
use crate::cli::Logs;
use crate::{http, output};

#[derive(Deserialize)]
struct Listing {
    traces: Vec<Value>,
}

pub(crate) fn run(logs: &Logs) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let base = agent::api_url(&agent.config);
    let id = agent.identity.agent_id().to_string();
    http::block_on(async {
        let client = http::client(agent.config.timeout)?;
        let count = logs.count.to_string();
        let mut query = vec![("agent_id", id.as_str()), ("limit", count.as_str())];
        if logs.denied {
            query.push(("action_type", "deny"));
        }
        let listing: Listing = http::json(&client, &base, paths::TRACES, &query).await?;
        if listing.traces.is_empty() && !logs.json && !logs.follow {
            output::line("no traces yet")?;
        }
        // The listing is newest first; a log is read downwards.
        for trace in listing.traces.iter().rev() {
            show(trace, logs.json)?;
        }
        if logs.follow {
            query.retain(|(key, _)| *key != "limit");
            follow(&client, &base, &query, logs.json).await?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Follows the live events until the reader or the edge goes away.
async fn follow(
    client: &reqwest::Client,
    base: &str,
    query: &[(&str, &str)],
    json: bool,
) -> anyhow::Result<()> {
    let mut events = http::get(client, base, paths::LIVE, query).await?;
    let mut rest = Vec::new();
    while let Some(chunk) = events.chunk().await? {
        rest.extend_from_slice(&chunk);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if let Some(data) = line.strip_prefix(b"data:")
                && let Ok(trace) = serde_json::from_slice::<Value>(data)
                && trace.get("id").is_some()
            {
                show(&trace, json)?;
            }
        }
    }
    anyhow::bail!("the edge at {base} has ended the live stream")
}

/// Characters of a parameter that a line shows.
const MAX_SUMMARY_CHARS: usize = 100;

fn show(trace: &Value, json: bool) -> anyhow::Result<()> {
    if json {
        return output::line(&trace.to_string());
    }
    let text = |key: &str| trace.get(key).and_then(Value::as_str).unwrap_or_default();
    let metadata = |key: &str| {
        trace
            .pointer(&format!("/metadata/{key}"))
            .and_then(Value::as_str)
    };
    let verdict = text("action_type");
    let summary = match verdict {
        "deny" => metadata("conscience_reason").unwrap_or_default().to_owned(),
        "error" => metadata("error").unwrap_or_default().to_owned(),
        _ => trace.get("params").map(parameter).unwrap_or_default(),
    };
    // Traces are written by agents: nothing of them may steer the terminal.
    let clean = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(MAX_SUMMARY_CHARS)
            .collect()
    };
    output::line(&format!(
        "{}  {verdict:<5}  {:<16}  {}",
        text("timestamp"),
        clean(text("tool_name")),
        clean(&summary)
    ))
}

/// The one parameter that tells most.
fn parameter(params: &Value) -> String {
    let telling = ["command", "path", "file_path", "url", "query", "input"];
    telling
        .iter()
        .find_map(|key| params.get(key)?.as_str().map(str::to_owned))
        .unwrap_or_else(|| params.to_string())
}
