//! `smoltbot export --otlp ENDPOINT`: what the edge has, to a receiver of OpenTelemetry.
//!
//! First all of it is fetched into a file without a name: an edge does not wait for a receiver that is slow or asks to wait, and so
//! it is known how much there is. Whatever ends this halfway, the same again sends the same spans with the same ids.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Seek as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use aap::archive::Selection;
use aap::paths;
use anyhow::{Context as _, bail};
use otlp::{Call, Request};
use reqwest::Client;
use trace_plugin::clock;
use trace_plugin::otlp::{Endpoint, Failure, MAX_SPANS, Sender, Taken, parse_headers};

use crate::progress::Progress;
use crate::{http, output};

/// Bytes of one request's spans.
const MAX_BYTES: usize = 1024 * 1024;
/// How often the same spans are sent before this gives up: with the waits below about two minutes.
const TRIES: u32 = 8;
/// The first wait between two tries; each is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest that a receiver may ask us to wait.
const MAX_ASKED: Duration = Duration::from_mins(5);
/// Where headers stand, the more special first, unless they are given.
const HEADERS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
    "OTEL_EXPORTER_OTLP_HEADERS",
];

/// What came of it.
#[derive(Debug, Default)]
struct Sent {
    spans: u64,
    rejected: u64,
    /// What the receiver said last.
    said: String,
}

/// The receiver, with its headers.
pub(super) fn sender(
    endpoint: &str,
    headers: &[String],
    timeout: Duration,
) -> anyhow::Result<Sender> {
    let told = if headers.is_empty() {
        let from_env = HEADERS.iter().find_map(|name| std::env::var(name).ok());
        parse_headers(&from_env.unwrap_or_default()).context(HEADERS[1])?
    } else {
        let mut told = Vec::new();
        for header in headers {
            // A value may hold a comma here, and what looks escaped is meant as it stands.
            let split = header.split_once('=');
            let (name, value) = split.context("--header: write NAME=VALUE")?;
            told.push((name.trim().to_owned(), value.to_owned()));
        }
        told
    };
    Ok(Sender::new(Endpoint::new(endpoint, &told)?, timeout)?)
}

/// Sends all that is selected, and says how much that was.
pub(super) async fn send(
    client: &Client,
    base: &str,
    selection: &Selection,
    sender: &Sender,
) -> anyhow::Result<ExitCode> {
    let mut progress = Progress::new();
    let (file, traces) = fetched(client, base, selection, &mut progress).await?;
    let mut sent = Sent::default();
    let done = send_all(sender, file, traces, &mut sent, &mut progress).await;
    progress.clear();
    let url = sender.endpoint().url();
    if let Err(error) = done {
        return Err(error.context(format!(
            "{url} has taken {} of {traces} spans; the same again sends all of them, with the same ids",
            sent.spans - sent.rejected
        )));
    }
    let spans = |count| output::count(count, "span", "spans");
    let taken = spans(sent.spans - sent.rejected);
    output::line(&format!("{taken} sent to {url}"))?;
    if !sent.said.is_empty() {
        output::line(&format!("the receiver says: {}", sent.said))?;
    }
    if sent.rejected > 0 {
        output::line(&format!("{} not taken", spans(sent.rejected)))?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// What is selected, a trace a line, and how many there are.
async fn fetched(
    client: &Client,
    base: &str,
    selection: &Selection,
    progress: &mut Progress,
) -> anyhow::Result<(File, u64)> {
    let query = super::query(selection, "ndjson");
    let mut answer = http::get_patiently(client, base, paths::EXPORT, &query).await?;
    let what = "no room for what is to be sent";
    let mut file = BufWriter::new(tempfile::tempfile().context(what)?);
    let mut traces = 0;
    while let Some(piece) = super::piece(&mut answer, base).await? {
        file.write_all(&piece).context(what)?;
        traces += piece.split(|byte| *byte == b'\n').count() as u64 - 1;
        progress.show(|| {
            format!(
                "reading {base}: {}",
                output::count(traces, "trace", "traces")
            )
        });
    }
    let mut file = file
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .context(what)?;
    file.rewind().context(what)?;
    Ok((file, traces))
}

async fn send_all(
    sender: &Sender,
    file: File,
    traces: u64,
    sent: &mut Sent,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let new = || Request::new("smoltbot", env!("CARGO_PKG_VERSION"));
    let mut request = new();
    for line in BufReader::new(file).lines() {
        let call: Call = serde_json::from_str(&line?).context("what answered is no edge")?;
        request.push(&call.span());
        if request.len() == MAX_SPANS || request.bytes() > MAX_BYTES {
            send_one(sender, &request, sent, progress).await?;
            request = new();
            let spans = sent.spans;
            progress.show(|| format!("sending: {spans} of {traces} spans"));
        }
    }
    if !request.is_empty() {
        send_one(sender, &request, sent, progress).await?;
    }
    Ok(())
}

async fn send_one(
    sender: &Sender,
    request: &Request,
    sent: &mut Sent,
    progress: &mut Progress,
) -> anyhow::Result<()> {
    let mut wait = FIRST_WAIT;
    for last in (0..TRIES).rev() {
        match sender.send(request).await {
            Ok(Taken { rejected, message }) => {
                sent.spans += request.len() as u64;
                sent.rejected += rejected.min(request.len() as u64);
                if !message.is_empty() {
                    sent.said = message;
                }
                return Ok(());
            }
            Err(Failure::Later { after, what }) if last > 0 => {
                let jitter = 0.5 + f64::from(clock::random::<1>()[0]) / 510.0;
                let pause = after.map_or(wait.mul_f64(jitter), |after| after.min(MAX_ASKED));
                progress.show(|| format!("waiting {pause:.0?}: {what}"));
                tokio::time::sleep(pause).await;
                wait *= 2;
            }
            Err(failure) => bail!("{failure}"),
        }
    }
    Ok(())
}
