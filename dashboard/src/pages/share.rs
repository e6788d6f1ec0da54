//! What other sites show of an agent: what these answers have in common.

use std::time::Duration;

use aap::AgentId;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join3;
use trace_store::{AgentRow, Filter, TraceReader};

use crate::App;
use crate::answer::PageError;
use crate::chart::activity;
use crate::proof::{Claimed, Verdict};
use crate::query::{Params, agent_id};
use crate::text::short;

/// How long others may show an answer without asking again.
pub(crate) const FRESH: Duration = Duration::from_mins(5);

/// What a card, a frame or a picture tells of an agent.
pub(crate) struct Told {
    pub(crate) agent: AgentRow,
    pub(crate) claim: Option<Claimed>,
    /// Spans of the last seven days: allowed, refused, failed.
    pub(crate) bars: Vec<[u64; 3]>,
}

impl Told {
    /// Reads it; an unknown agent is a page that says so.
    pub(crate) async fn read<R: TraceReader>(app: &App<R>, id: AgentId) -> Result<Self, PageError> {
        let now = app.now();
        let period = Params::default().period("7d")?;
        let filter = Filter {
            agent_id: Some(id),
            since: Some(period.since(now)),
            ..Filter::default()
        };
        let reader = &app.reader;
        let (agent, card, stats) = try_join3(
            reader.agent(id),
            reader.card(id),
            reader.stats(&filter, period.bucket_ms, now),
        )
        .await?;
        let chart = activity(&stats, period, now);
        let mut bars = vec![[0; 3]; chart.bars];
        for row in &chart.rows {
            let place = usize::try_from((row.at_ms - chart.first_ms) / chart.bucket_ms.max(1));
            if let Some(bar) = place.ok().and_then(|place| bars.get_mut(place)) {
                *bar = [row.allow, row.deny, row.error];
            }
        }
        Ok(Self {
            agent: agent.ok_or_else(|| unknown(id))?,
            claim: app.proofs.of(card.as_ref(), id),
            bars,
        })
    }

    /// The highest bar, at least 1.
    pub(crate) fn most(&self) -> u64 {
        let sums = self.bars.iter().map(|bar| bar.iter().sum());
        sums.max().unwrap_or(0).max(1)
    }

    /// Its name, else its id in short.
    pub(crate) fn name(&self) -> String {
        let short = || short(&self.agent.agent_id);
        let name = self.claim.as_ref().and_then(|claim| claim.name.clone());
        name.unwrap_or_else(short)
    }

    /// The host of its link, once that is proven.
    pub(crate) fn proven(&self) -> Option<&str> {
        let claim = self.claim.as_ref()?;
        let proof = claim.dns.as_ref()?;
        let host = proof.record.as_deref()?.split_once('.')?.1;
        (proof.verdict == Verdict::Proven).then_some(host)
    }
}

/// The answer for an agent that nobody has heard of.
pub(crate) fn unknown(id: AgentId) -> PageError {
    PageError::Missing(format!("Nothing has been heard of agent {id} here."))
}

/// How far an agent's calls are signed, in a word or two.
pub(crate) fn seal(agent: &AgentRow) -> &'static str {
    if agent.signed == 0 {
        "unsigned"
    } else if agent.signed == agent.traces {
        "signed"
    } else {
        "partly signed"
    }
}

/// The agent that a file is named after, `extension` beginning with its dot.
pub(crate) fn named_after(
    path: Result<Path<String>, PathRejection>,
    folder: &str,
    extension: &str,
) -> Result<AgentId, PageError> {
    let Path(file) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let stem = file.strip_suffix(extension).ok_or_else(|| {
        PageError::Bad(format!(
            "an address here is {folder}, an agent's id and {extension}"
        ))
    })?;
    agent_id(stem)
}

/// An answer that other sites may show, for [`FRESH`].
pub(crate) fn shown_elsewhere(mime: &'static str, body: impl IntoResponse) -> Response {
    let seconds = FRESH.as_secs();
    let cached = format!("public, max-age={seconds}, stale-while-revalidate={seconds}");
    (
        [
            (header::CONTENT_TYPE, mime.to_owned()),
            (header::CACHE_CONTROL, cached),
            (
                HeaderName::from_static("cross-origin-resource-policy"),
                "cross-origin".to_owned(),
            ),
        ],
        body,
    )
        .into_response()
}
