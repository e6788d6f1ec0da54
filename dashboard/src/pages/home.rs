//! `GET /`: what agents do right now, what they refused today, and who is most active.

use std::collections::HashMap;

use aap::{ActionType, AgentId, Timestamp};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use futures_util::future::try_join4;
use trace_store::{Filter, PageRequest, TraceReader, TraceRow};

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
const AGENTS: usize = 8;
/// The newest calls that tell who is most active.
const ACTIVE_AMONG: u32 = 500;

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
    among: String,
    since: Option<Shown>,
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
    pulse: Shown,
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
    let (feed, stats, newest, refusals) = try_join4(
        reader.documents(&all, rows(FEED_ROWS)),
        reader.stats(&recent, period.bucket_ms, now),
        reader.traces(&recent, rows(ACTIVE_AMONG)),
        reader.documents(&refused, rows(REFUSAL_ROWS)),
    )
    .await?;
    let active = most_active(&newest.rows);
    let ids: Vec<AgentId> = active.iter().map(|(id, _)| *id).collect();
    let cards = reader.cards(&ids).await?;
    let span = newest.rows.last().map_or(now, |row| row.at);
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
            .map(|(id, calls)| Agent {
                name: Claim::of(cards.iter().find(|card| card.agent_id == *id)).name,
                ..Agent::of(*id, calls, span, now)
            })
            .collect(),
        total: number(stats.total),
        denied: number(stats.deny),
        errors: number(stats.error),
        acting: number(stats.agents),
        refused_today: counted(stats.deny, "refusal", "refusals"),
        among: counted(newest.rows.len() as u64, "newest call", "newest calls"),
        since: newest.rows.last().map(|row| time(row.at, now)),
        chart: activity(&stats, period, now),
        live: aap::paths::LIVE.to_owned(),
        origin: origin.at(""),
    })
}

/// Who made most of these calls, the most active first; among equals who acted last.
fn most_active(rows: &[TraceRow]) -> Vec<(AgentId, Vec<&TraceRow>)> {
    let mut order: Vec<(AgentId, Vec<&TraceRow>)> = Vec::new();
    let mut places: HashMap<AgentId, usize> = HashMap::new();
    for row in rows {
        let place = *places.entry(row.agent_id).or_insert_with(|| {
            order.push((row.agent_id, Vec::new()));
            order.len() - 1
        });
        order[place].1.push(row);
    }
    order.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.len()));
    order.truncate(AGENTS);
    order
}

impl Agent {
    /// Of its calls, newest first and never none, since `span`.
    fn of(id: AgentId, calls: &[&TraceRow], span: Timestamp, now: Timestamp) -> Self {
        let denied = calls
            .iter()
            .filter(|row| row.action_type == ActionType::Deny);
        Self {
            who: Who::of(id),
            name: None,
            seen: calls
                .first()
                .map(|row| time(row.at, now))
                .unwrap_or_default(),
            calls: counted(calls.len() as u64, "call", "calls"),
            denied: denied.count() as u64,
            signed: calls.iter().any(|row| row.signed),
            pulse: pulse(calls, span, now),
        }
    }
}

/// When the calls were made, as thin bars with refusals at their foot.
fn pulse(calls: &[&TraceRow], span: Timestamp, now: Timestamp) -> Shown {
    use std::fmt::Write as _;
    const BARS: u8 = 40;
    const HEIGHT: usize = 20;
    let length = (now.millis() - span.millis()).max(1);
    let mut bars = [[0_usize; 2]; BARS as usize];
    for row in calls {
        let part = (row.at.millis() - span.millis()).clamp(0, length);
        let place = usize::try_from(part * i64::from(BARS - 1) / length).unwrap_or(0);
        bars[place][usize::from(row.action_type == ActionType::Deny)] += 1;
    }
    let most = bars
        .iter()
        .map(|bar| bar[0] + bar[1])
        .max()
        .unwrap_or(1)
        .max(1);
    let mut paths = [String::new(), String::new()];
    for (place, [others, refused]) in bars.into_iter().enumerate() {
        let mut foot = HEIGHT;
        for (path, count) in [(1, refused), (0, others)] {
            if count > 0 {
                let tall = (count * (HEIGHT - 4) / most).max(2);
                foot -= tall;
                // Writing into a string cannot fail.
                let _ = write!(paths[path], "M{} {foot}h2v{tall}h-2z", place * 3);
            }
        }
    }
    let [others, refused] = paths;
    Shown::trusted(format!(
        "<svg class=beat viewBox=\"0 0 119 20\" preserveAspectRatio=none aria-hidden=true>\
         <path class=b-allow d=\"{others}\"/><path class=b-deny d=\"{refused}\"/></svg>"
    ))
}
