//! `GET /traces`: every call of every agent, to look through by facet, text and time; each filter is an address.

use aap::{ActionType, Timestamp};
use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use futures_util::future::try_join;
use trace_store::{Direction, Facets, Filter, TraceDetail, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{Call, Who};
use crate::chart::{Chart, bucket_for, over};
use crate::pages::facets::{Facet, lists};
use crate::pages::narrowed::{Choice, Chosen, chosen, exports, moves, orders, spans, times};
use crate::paging::{Pager, request_in, turn_in};
use crate::query::{MAX_Q_CHARS, Order, Params, Window, agent_id, field, write_link};
use crate::text::{self, Shown};
use crate::words::{DAY, counted, moment, stamp};

/// Where traces are looked through.
pub(crate) const TRACES: &str = "/traces";
/// Calls on a page: as many as listings read with their documents.
const ROWS: u32 = 50;
/// What is drawn over time when the address gives no start: 30 days, in milliseconds.
const DRAWN_MS: i64 = 30 * DAY;

#[derive(Template)]
#[template(path = "explore.html")]
struct Explore {
    matching: String,
    /// How far text, facets or the order looked, where that was not everything.
    bounds: Vec<String>,
    chosen: Vec<Chosen>,
    /// Filters that the form keeps without showing them.
    kept: Vec<(&'static str, Shown)>,
    q: String,
    since: String,
    until: String,
    agent: String,
    max_q: usize,
    facets: Vec<Facet>,
    chart: Chart,
    chart_text: bool,
    spans: Vec<Choice>,
    moves: Vec<Choice>,
    orders: Vec<Choice>,
    times: [Choice; 2],
    exports: Vec<(&'static str, String)>,
    /// This page with its times fixed: what it shows now, also tomorrow.
    fixed: String,
    calls: Vec<Call>,
    absolute: bool,
    live: Option<String>,
    most: u32,
    pager: Pager,
    oldest: bool,
}

/// Answers `GET /agent/{id}/traces`: the same, narrowed to one agent.
pub(crate) async fn of_agent(
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let Path(text) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let agent = agent_id(&text)?;
    let rest = query.map(|query| format!("&{query}")).unwrap_or_default();
    Ok(Redirect::permanent(&format!("{TRACES}?agent={agent}{rest}")).into_response())
}

/// Answers `GET /traces`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let params = Params::of(query)?;
    let now = app.now();
    let filter = params.filter_at(now)?;
    let order = params.order()?;
    let absolute = params.absolute()?;
    let asked = request_in(&params, order, ROWS)?;
    let window = drawn(&filter, now);
    let length_ms = window.until.unwrap_or(now).millis() - window.since.unwrap_or(now).millis();
    let bucket_ms = bucket_for(length_ms);
    let over_time = Filter {
        since: window.since,
        ..filter.clone()
    };
    let reader = &app.reader;
    // Before the rows are read: what comes in meanwhile is told by the live events, and shown once.
    let position = reader.last_position().await?;
    let counts = try_join(
        reader.facets(&filter, now),
        reader.over_time(&over_time, bucket_ms, now),
    );
    let mut bounds = Vec::new();
    let (rows, pager, (facets, stats)) = if order == Order::Longest {
        let (longest, counts) = try_join(reader.longest(&filter, ROWS), counts).await?;
        if !longest.complete {
            bounds.push(format!(
                "These took longest among the newest {}. Narrow the time to look at others.",
                counted(longest.looked_at, "call", "calls")
            ));
        }
        let bare = longest.rows.into_iter().map(bare);
        (bare.collect(), Pager::default(), counts)
    } else {
        let (found, counts) = try_join(reader.documents(&filter, asked), counts).await?;
        if let Some(next) = found.next.filter(|_| found.rows.len() < ROWS as usize) {
            let (how, on) = match asked.direction {
                Direction::Older => ("back to", "Older"),
                Direction::Newer => ("up to", "Newer"),
            };
            bounds.push(format!(
                "Looked through calls {how} {} for this page. “{on}” looks further.",
                moment(next.at)
            ));
        }
        let (rows, pager) = turn_in(found, asked, order, &params.link(TRACES), "list");
        (rows, pager, counts)
    };
    // Counts over time are exact; facets may not be. Text is looked at by facets only.
    let exact = (filter.q.is_none() && filter.since.is_some()).then_some(stats.total);
    let matching = matching(&facets, exact, &mut bounds);
    let named = filter.agent_id.is_none();
    let show = |detail: &TraceDetail| {
        let mut call = Call::of(detail, now);
        call.who = named.then(|| Who::of(detail.row.agent_id));
        if absolute {
            call.when = stamp(detail.row.at);
        }
        call
    };
    let timeless = Params {
        since: None,
        until: None,
        ..params.clone()
    };
    let follows = order == Order::Newest
        && !params.is_paging()
        && filter.until.is_none()
        && filter.q.is_none();
    page(&Explore {
        matching,
        bounds,
        chosen: chosen(&params, TRACES),
        kept: kept(&params),
        q: field(params.q.as_ref()),
        since: field(params.since.as_ref()),
        until: field(params.until.as_ref()),
        agent: field(params.agent.as_ref()),
        max_q: MAX_Q_CHARS,
        facets: lists(&facets, &params, TRACES),
        chart: over(&stats, window, bucket_ms, now, "In this span").brushed(timeless.link(TRACES)),
        chart_text: filter.q.is_some(),
        spans: spans(&params, TRACES),
        moves: moves(&params, TRACES, window, now),
        orders: orders(&params, TRACES, order),
        times: times(&params, TRACES, absolute),
        exports: exports(&filter),
        fixed: fixed(&params, &filter, now),
        calls: rows.iter().map(show).collect(),
        absolute,
        live: follows.then(|| live(&filter, position)),
        most: ROWS,
        pager,
        oldest: order == Order::Oldest,
    })
}

/// A row as if its document were held back: the longest are read without documents.
fn bare(row: trace_store::TraceRow) -> TraceDetail {
    TraceDetail {
        row,
        document: None,
        digest: None,
        note: None,
        previous: None,
        next: None,
    }
}

/// What is drawn over time: the span that is asked for, else the last days of it.
fn drawn(filter: &Filter, now: Timestamp) -> Window {
    let end = filter.until.unwrap_or(now).millis();
    Window {
        since: filter
            .since
            .or_else(|| Some(Timestamp::from_millis(end - DRAWN_MS))),
        until: filter.until,
    }
}

/// How many match, in words, and what the counts leave out. `exact` is their number where it is known otherwise.
fn matching(facets: &Facets, exact: Option<u64>, bounds: &mut Vec<String>) -> String {
    if !facets.complete {
        bounds.push(format!(
            "The counts beside the list are over the newest {} that were looked at; there are more.",
            counted(facets.looked_at, "call", "calls")
        ));
    }
    let found = facets.verdicts.iter().map(|row| row.count).sum();
    let words = counted(exact.unwrap_or(found), "call matches", "calls match");
    if facets.complete || exact.is_some() {
        format!("{words}.")
    } else {
        format!("At least {words}.")
    }
}

/// Filters that the form has no field for.
fn kept(params: &Params) -> Vec<(&'static str, Shown)> {
    params
        .given()
        .filter(|(key, _)| !matches!(*key, "q" | "since" | "until" | "agent"))
        .map(|(key, text)| (key, text::exact(text)))
        .collect()
}

/// The same filter with its times written out, so that it shows the same whenever it is opened.
fn fixed(params: &Params, filter: &Filter, now: Timestamp) -> String {
    Params {
        since: filter.since.map(|at| at.to_string()),
        until: Some(filter.until.unwrap_or(now).to_string()),
        ..params.clone()
    }
    .link(TRACES)
}

/// Where new calls are told from `position` on. The stream filters by agent and verdict, the page's script by the rest.
fn live(filter: &Filter, position: i64) -> String {
    let agent = filter.agent_id.map(|id| id.to_string());
    let position = position.to_string();
    let given = [
        ("last_event_id", Some(position.as_str())),
        ("agent_id", agent.as_deref()),
        ("action_type", filter.action_type.map(ActionType::as_str)),
    ];
    let given = given
        .into_iter()
        .filter_map(|(key, text)| Some((key, text?)));
    write_link(aap::paths::LIVE, given)
}
