//! Asking the edge, for commands that show what it has.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Response};
use serde::de::DeserializeOwned;

/// Runs one piece of asynchronous work on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?
        .block_on(work)
}

/// A client that gives up on connecting after `timeout`.
pub(crate) fn client(timeout: Duration) -> anyhow::Result<Client> {
    Ok(Client::builder().connect_timeout(timeout).build()?)
}

/// A request to the edge at `base`; what is wrong is said in words.
pub(crate) async fn get(
    client: &Client,
    base: &str,
    path: &str,
    query: &[(&str, &str)],
) -> anyhow::Result<Response> {
    let answer = client
        .get(format!("{base}{path}"))
        .query(query)
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| format!("the edge at {base} does not answer; is `smoltbot up` running? SMOLTBOT_API_URL names another"))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.text().await.unwrap_or_default();
    let detail = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|problem| problem.get("detail")?.as_str().map(str::to_owned))
        .unwrap_or(text);
    bail!("the edge at {base} answers {status}: {detail}")
}

/// The same, read as JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    client: &Client,
    base: &str,
    path: &str,
    query: &[(&str, &str)],
) -> anyhow::Result<T> {
    let text = get(client, base, path, query).await?.text().await?;
    serde_json::from_str(&text).with_context(|| format!("what answers at {base} is not an edge"))
}
