//! `GET /`: what agents do right now, what they refused today, and who is most active.

use aap::{ActionType, AgentId, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use futures_util::future::try_join4;
use trace_store::{ActiveAgent, Filter, PageRequest, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{Call, Who};
use crate::chart::{Chart, activity};
use crate::claim::Claim;
use crate::origin::Origin;
use crate::query::Params;
use crate::text::Shown;
use crate::words::{counted, number, time};

/// Calls in the feed.
const FEED_ROWS: u32 = 16;
/// Refusals beside it.
const REFUSAL_ROWS: u32 = 5;
/// Agents beside it.
const AGENTS: u32 = 8;

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
    refused_today: String,
    chart: Chart,
    live: String,
    origin: String,
}

/// An agent that is active now.
struct Agent {
    who: Who,
    name: Option<String>,
    seen: Shown,
    calls: String,
    denied: u64,
    signed: bool,
    bar: Shown,
}

/// Answers `GET /`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    origin: Origin,
) -> Result<Response, PageError> {
    let now = app.now();
    let period = Params::default().period("24h")?;
    let all = Filter::default();
    let recent = Filter {
        since: Some(period.since(now)),
        ..Filter::default()
    };
    let refused = Filter {
        action_type: Some(ActionType::Deny),
        ..recent.clone()
    };
    let rows = |limit| PageRequest {
        limit,
        ..PageRequest::default()
    };
    let reader = &app.reader;
    let (feed, stats, active, refusals) = try_join4(
        reader.documents(&all, rows(FEED_ROWS)),
        reader.stats(&recent, period.bucket_ms, now),
        reader.most_active(&recent, AGENTS, now),
        reader.documents(&refused, rows(REFUSAL_ROWS)),
    )
    .await?;
    let ids: Vec<AgentId> = active.iter().map(|row| row.agent_id).collect();
    let cards = reader.cards(&ids).await?;
    let most = active.first().map_or(1, |first| first.traces);
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
        agents: active
            .iter()
            .map(|row| Agent {
                name: Claim::of(cards.iter().find(|card| card.agent_id == row.agent_id)).name,
                ..Agent::of(row, most, now)
            })
            .collect(),
        total: number(stats.total),
        denied: number(stats.deny),
        errors: number(stats.error),
        acting: number(stats.agents),
        refused_today: counted(stats.deny, "refusal", "refusals"),
        chart: activity(&stats, period, now),
        live: aap::paths::LIVE.to_owned(),
        origin: origin.at(""),
    })
}

impl Agent {
    /// With a bar beside that of the agent with `most` calls.
    fn of(row: &ActiveAgent, most: u64, now: Timestamp) -> Self {
        Self {
            who: Who::of(row.agent_id),
            name: None,
            seen: time(row.last, now),
            calls: counted(row.traces, "call", "calls"),
            denied: row.denied,
            signed: row.agent_id.is_self_certifying(),
            bar: bar(row, most),
        }
    }
}

/// What an agent did, as a bar of the most active one's length: refused, failed, allowed.
fn bar(row: &ActiveAgent, most: u64) -> Shown {
    const WIDTH: u64 = 96;
    let length = |count: u64| {
        let length = (count * WIDTH).checked_div(most).unwrap_or(0);
        length.max(u64::from(count > 0) * 2).min(WIDTH)
    };
    let allowed = row.traces.saturating_sub(row.denied + row.errors);
    let mut from = 0;
    let mut path = |class, count| {
        // What was added to be seen at all is taken off the last.
        let length = length(count).min(WIDTH - from);
        from += length;
        let start = from - length;
        format!("<path class={class} d=\"M{start} 0h{length}v6h-{length}z\"/>")
    };
    let bars = [
        path("b-deny", row.denied),
        path("b-error", row.errors),
        path("b-allow", allowed),
    ];
    Shown::trusted(format!(
        "<svg class=beat viewBox=\"0 0 {WIDTH} 6\" preserveAspectRatio=none aria-hidden=true>{}</svg>",
        bars.concat()
    ))
}
