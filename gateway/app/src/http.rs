//! Asking the edge, for commands that show what it has.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode};
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
    let answer = asked(client, base, path, query).await?;
    well(base, answer).await
}

/// Puts `body` as JSON, and reads the answer.
pub(crate) async fn put<T: DeserializeOwned>(
    client: &Client,
    base: &str,
    path: &str,
    body: &impl serde::Serialize,
) -> anyhow::Result<T> {
    let answer = client
        .put(format!("{base}{path}"))
        .header(CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(body)?)
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| away(base))?;
    let text = well(base, answer).await?.text().await?;
    serde_json::from_str(&text).with_context(|| format!("what answers at {base} is not an edge"))
}

fn away(base: &str) -> String {
    format!(
        "the edge at {base} does not answer; is `smoltbot up` running? SMOLTBOT_API_URL names another"
    )
}

async fn asked(
    client: &Client,
    base: &str,
    path: &str,
    query: &[(&str, &str)],
) -> anyhow::Result<Response> {
    client
        .get(format!("{base}{path}"))
        .query(query)
        .send()
        .await
        .map_err(reqwest::Error::without_url)
        .with_context(|| away(base))
}

/// The answer if it is one, else what is wrong.
async fn well(base: &str, answer: Response) -> anyhow::Result<Response> {
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

/// The same for who asks much: waits where the edge says that it was too much, or that its store is away.
pub(crate) async fn get_patiently(
    client: &Client,
    base: &str,
    path: &str,
    query: &[(&str, &str)],
) -> anyhow::Result<Response> {
    for _ in 0..PATIENT_TRIES {
        let answer = asked(client, base, path, query).await?;
        let busy = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        let wait = answer.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        match wait {
            Some(seconds) if busy.contains(&answer.status()) && seconds <= PATIENT_SECONDS => {
                tokio::time::sleep(Duration::from_secs(seconds)).await;
            }
            _ => return well(base, answer).await,
        }
    }
    get(client, base, path, query).await
}

/// How often [`get_patiently`] asks again.
const PATIENT_TRIES: u32 = 10;
/// The longest that it waits before it asks again; it gives up where the edge wants more.
const PATIENT_SECONDS: u64 = 60;

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
