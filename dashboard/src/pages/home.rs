//! `GET /`: what agents do right now, and what they refused lately.

use aap::{ActionType, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use futures_util::future::try_join4;
use trace_store::{AgentRow, Filter, PageRequest, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{Call, Who};
use crate::chart::{Chart, activity};
use crate::query::Params;
use crate::text::Shown;
use crate::words::{counted, number, time};

/// Calls in the feed.
const FEED_ROWS: u32 = 16;
/// Refusals beside it.
const REFUSAL_ROWS: u32 = 5;
/// Agents beside it.
const AGENTS: u32 = 6;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    calls: Vec<Call>,
    refusals: Vec<Call>,
    agents: Vec<Agent>,
    total: String,
    denied: String,
    errors: String,
    acting: String,
    chart: Chart,
    live: String,
}

struct Agent {
    who: Who,
    seen: Shown,
    calls: String,
    denied: u64,
    signed: bool,
}

impl Agent {
    fn of(row: &AgentRow, now: Timestamp) -> Self {
        Self {
            who: Who::of(row.agent_id),
            seen: time(row.last_seen, now),
            calls: counted(row.traces, "call", "calls"),
            denied: row.denied,
            signed: row.signed > 0,
        }
    }
}

/// Answers `GET /`.
pub(crate) async fn show<R: TraceReader>(State(app): State<App<R>>) -> Result<Response, PageError> {
    let now = app.now();
    let period = Params::default().period("24h")?;
    let all = Filter::default();
    let recent = Filter {
        since: Some(period.since(now)),
        ..Filter::default()
    };
    let refused = Filter {
        action_type: Some(ActionType::Deny),
        ..Filter::default()
    };
    let rows = |limit| PageRequest {
        limit,
        ..PageRequest::default()
    };
    let reader = &app.reader;
    let (feed, stats, agents, refusals) = try_join4(
        reader.documents(&all, rows(FEED_ROWS)),
        reader.stats(&recent, period.bucket_ms, now),
        reader.agents(AGENTS),
        reader.documents(&refused, rows(REFUSAL_ROWS)),
    )
    .await?;
    page(&Home {
        calls: feed
            .rows
            .iter()
            .map(|row| Call::with_agent(row, now))
            .collect(),
        refusals: refusals
            .rows
            .iter()
            .map(|row| Call::with_agent(row, now))
            .collect(),
        agents: agents.iter().map(|row| Agent::of(row, now)).collect(),
        total: number(stats.total),
        denied: number(stats.deny),
        errors: number(stats.error),
        acting: number(stats.agents),
        chart: activity(&stats, period, now),
        live: aap::paths::LIVE.to_owned(),
    })
}
