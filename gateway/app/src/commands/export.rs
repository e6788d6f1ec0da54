//! `smoltbot export`: what the edge has, in a file or at a receiver of OpenTelemetry.

mod archive;
mod chain;
mod otlp;
mod target;

use std::io::Write as _;
use std::process::ExitCode;

use aap::archive::Selection;
use aap::paths;
use anyhow::Context as _;
use reqwest::Client;

use crate::cli::{Export, ExportFormat};
use crate::{agent, http};
use target::Target;

pub(crate) fn run(export: &Export) -> anyhow::Result<ExitCode> {
    let config = agent::config()?;
    let base = agent::api_url(&config);
    let selection = selection(export);
    if let Some(endpoint) = &export.otlp {
        let sender = otlp::sender(endpoint, &export.headers, config.timeout)?;
        return http::block_on(async {
            let client = http::client(config.timeout)?;
            otlp::send(&client, &base, &selection, &sender).await
        });
    }
    http::block_on(async {
        let client = http::client(config.timeout)?;
        let mut target = Target::open(export.output.as_deref())?;
        let format = match export.format {
            ExportFormat::Archive => {
                archive::write(&client, &base, &selection, &mut target).await?;
                return target.keep();
            }
            ExportFormat::Ndjson => "ndjson",
            ExportFormat::Csv => "csv",
            ExportFormat::Otlp => "otlp",
        };
        copy(&client, &base, &selection, format, &mut target).await?;
        target.keep()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What is asked for, in the edge's words.
fn selection(export: &Export) -> Selection {
    let given = [
        ("action_type", export.denied.then(|| "deny".to_owned())),
        ("agent_id", export.agent.map(|agent| agent.to_string())),
        ("tool", export.tool.clone()),
        ("rule_id", export.rule.clone()),
        ("value", export.value.clone()),
        ("session_id", export.session.clone()),
        ("runtime", export.runtime.clone()),
        ("since", export.since.map(|time| time.to_string())),
        ("until", export.until.map(|time| time.to_string())),
    ];
    let given = given.into_iter();
    given
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// The parameters of an export.
fn query<'a>(selection: &'a Selection, format: &'a str) -> Vec<(&'a str, &'a str)> {
    let pairs = selection
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    pairs.chain([("format", format)]).collect()
}

/// Copies the edge's own file.
async fn copy(
    client: &Client,
    base: &str,
    selection: &Selection,
    format: &str,
    target: &mut Target,
) -> anyhow::Result<()> {
    let query = query(selection, format);
    let mut answer = http::get_patiently(client, base, paths::EXPORT, &query).await?;
    while let Some(piece) = piece(&mut answer, base).await? {
        target.write_all(&piece)?;
    }
    Ok(())
}

/// The next piece of an export. One that breaks off is no export.
async fn piece(answer: &mut reqwest::Response, base: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let piece = answer.chunk().await.map_err(reqwest::Error::without_url);
    let piece = piece.with_context(|| {
        format!("the edge at {base} broke the export off; nothing was kept, try again")
    })?;
    Ok(piece.map(Into::into))
}
