//! `smoltbot token rotate`: what was shown until now opens nothing any more.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use reqwest::StatusCode;
use serde_json::json;

use crate::agent::{self, Agent};
use crate::cli::TokenTask;
use crate::{listening, lock, output};

/// How long a running gateway has to refuse the old token. It is told by the system, within milliseconds unless the machine is busy.
const FOLLOWS_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked whether it does.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long one such question may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Does what is asked for.
pub(crate) fn run(task: TokenTask) -> anyhow::Result<ExitCode> {
    match task {
        TokenTask::Rotate { json } => rotate(json),
    }
}

fn rotate(as_json: bool) -> anyhow::Result<ExitCode> {
    let agent = Agent::load(agent::config()?)?;
    let config = &agent.config;
    if config.gateway.token.is_some() {
        bail!(
            "the token is set as gateway.token in {} or SMOLTBOT_GATEWAY__TOKEN; change it there and start the gateway again, or \
             take it out there, and this command makes one",
            config.home.operator_file().display()
        );
    }
    // One that cannot be read is replaced, too.
    let old = agent::token_in(&config.home).ok();
    let new = agent::new_token(&config.home)?;
    let gateway = listening::gateway(config).filter(|_| lock::is_taken(&config.home.lock_file()));
    let followed = match (gateway, &old) {
        (Some(address), Some(old)) => refuses(address, old)?,
        _ => false,
    };
    let page = gateway.map(|address| gateway::page_url(address, &new));
    if as_json {
        let answer = json!({"rotated": true, "running": followed, "url": page});
        output::line(&answer.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(if followed {
        "token      changed; the old one is refused, and what it had opened is closed"
    } else {
        "token      changed; no gateway runs, the next one takes it"
    })?;
    if let Some(page) = page {
        output::line(&format!("gateway    {page}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until the gateway at `address` refuses `old`; false where none answers. The old token is in no file any more: whoever else
/// listened there would learn nothing that is worth anything.
fn refuses(address: SocketAddr, old: &str) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(ANSWERS_WITHIN)
        .build()?;
    let url = format!("{}/v1/models", agent::own_edge(address));
    let began = Instant::now();
    runtime.block_on(async {
        loop {
            match client.get(&url).bearer_auth(old).send().await {
                Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => return Ok(true),
                // Something else listens there.
                Ok(answer) if !answer.status().is_success() => return Ok(false),
                Err(error) if error.is_connect() => return Ok(false),
                _ if began.elapsed() > FOLLOWS_WITHIN => bail!(
                    "the new token is in its file, but the gateway at {address} still takes the old one; restart it with \
                     `smoltbot down` and `smoltbot up`"
                ),
                _ => tokio::time::sleep(ASK_EVERY).await,
            }
        }
    })
}
