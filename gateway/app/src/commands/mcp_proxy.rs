//! `smoltbot mcp-proxy`: judges and records what a client calls of an MCP server that knows nothing of it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use mcp_proxy::{Ask, Client, Ended, Listen, Options, Server};
use tokio::signal::unix::{SignalKind, signal};
use trace_plugin::clock;
use trace_plugin::dialect::Dialect;

use super::hook;
use crate::background;
use crate::cli::McpProxy;
use crate::output;

/// What shells add to a signal's number where a program has ended by it.
const BY_SIGNAL: i32 = 128;

/// Runs until the client or the server has gone; ends as the server did.
pub(crate) fn run(asked: &McpProxy) -> anyhow::Result<ExitCode> {
    let headers = asked
        .headers
        .iter()
        .map(|header| read(header))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    if let Some(address) = asked.listen {
        let token = asked
            .token
            .as_deref()
            .map(|token| expanded("--token", token));
        let listen = Listen {
            address,
            token: token.transpose()?,
        };
        runtime.block_on(serve(listen, asked, headers))?;
        runtime.shutdown_background();
        return Ok(ExitCode::SUCCESS);
    }
    let client = Client::standard()?;
    let options = options(asked.name.clone());
    let ended = runtime.block_on(async {
        match &asked.url {
            Some(url) => mcp_proxy::run_url(url, &headers, client, ask(), &options).await,
            None => mcp_proxy::run_command(&asked.command, client, ask(), &options).await,
        }
    });
    // A read of standard input may still wait, and would hold the runtime's end up.
    runtime.shutdown_background();
    Ok(match ended? {
        Ended::Client => ExitCode::SUCCESS,
        Ended::Server(status) => {
            let signal = status.signal().map(|signal| BY_SIGNAL + signal);
            let code = status.code().or(signal).unwrap_or(1);
            u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    })
}

/// Names a conversation.
fn options(name: Option<String>) -> Options {
    Options {
        name,
        session_id: clock::trace_id(clock::now()).to_string(),
    }
}

/// Serves clients over HTTP until it is told to end.
async fn serve(
    listen: Listen,
    asked: &McpProxy,
    headers: Vec<(String, String)>,
) -> anyhow::Result<()> {
    let mut signals = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .into_iter()
    .map(signal)
    .collect::<std::io::Result<Vec<_>>>()?;
    let listener = mcp_proxy::bind(&listen).await?;
    output::line(&format!("http://{}/mcp", listener.local_addr()?))?;
    let server = match &asked.url {
        Some(url) => Server::Url {
            url: url.clone(),
            headers,
        },
        None => Server::Command(asked.command.clone()),
    };
    let name = asked.name.clone();
    let until = async {
        futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv())))
            .await;
    };
    let options = move || options(name.clone());
    mcp_proxy::serve(listener, listen.token, server, ask(), options, until).await?;
    Ok(())
}

/// Each event goes the way of a hook: to the sidecar, or judged and recorded here.
fn ask() -> Ask {
    Arc::new(|event| {
        let (reply, alone) = hook::answer(Dialect::Mcp, event.as_bytes());
        for line in reply.stderr.lines() {
            tracing::warn!("{line}");
        }
        if let Some(config) = alone {
            std::thread::spawn(move || background::on_demand(&config));
        }
        reply.stdout
    })
}

/// `NAME: VALUE`, with `$VARIABLE` for what must not stand on a command line.
fn read(header: &str) -> anyhow::Result<(String, String)> {
    let Some((name, value)) = header.split_once(':') else {
        bail!("`--header` wants `NAME: VALUE`");
    };
    let name = name.trim();
    let value = expanded(&format!("--header {name}"), value.trim())?;
    Ok((name.to_owned(), value))
}

/// `text` with its `$VARIABLE`s read from the environment; `what` wants them.
fn expanded(what: &str, text: &str) -> anyhow::Result<String> {
    let mut read = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        read.push_str(&rest[..at]);
        let variable = &rest[at + 1..];
        let end = variable
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(variable.len());
        let (variable, after) = variable.split_at(end);
        read.push_str(
            &std::env::var(variable)
                .with_context(|| format!("`{what}`: ${variable} is not set"))?,
        );
        rest = after;
    }
    read.push_str(rest);
    Ok(read)
}
