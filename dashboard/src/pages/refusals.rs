//! `GET /refusals`: what was refused and why, across agents; counts, the span before, the refusals themselves, and how to
//! share or check a selection of them.

use aap::{ActionType, Timestamp, TraceId};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::future::try_join4;
use trace_store::{ActiveAgent, Filter, TraceDetail, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{Call, Who};
use crate::chart::{Chart, bucket_for, over, share};
use crate::pages::groups::{Group, REFUSALS};
use crate::pages::narrowed::{Chosen, chosen, exports};
use crate::paging::{Pager, request, turn};
use crate::query::{PERIODS, Params, Window, field};
use crate::text::{Shown, exact, plain};
use crate::words::{DAY, counted, date, moment, number};

mod compare;
mod shared;

use compare::Table;
use shared::{MAX_NOTE_CHARS, Shared, marks, shared};

/// Refusals on a page: fewer than in other listings, because each can be marked, and counts stand around them.
const ROWS: u32 = 16;
/// Rules and values that are counted on top.
const GROUPS: usize = 8;
/// Agents that are counted.
const AGENTS: u32 = 8;

#[derive(Template)]
#[template(path = "refusals.html")]
struct Refusals {
    total: String,
    agents: String,
    when: String,
    change: String,
    /// The span before, in words.
    before: String,
    chart: Chart,
    rules: Vec<Group>,
    values: Vec<Group>,
    tools: Vec<Group>,
    by_agent: Vec<OfAgent>,
    tables: Vec<Table>,
    shared: Option<Shared>,
    chosen: Vec<Chosen>,
    periods: Vec<(&'static str, &'static str, bool)>,
    f_value: String,
    f_rule: String,
    f_tool: String,
    f_agent: String,
    /// Filters that the form for filters keeps without showing them, and those that the form for sharing keeps.
    kept: Vec<(&'static str, Shown)>,
    fixed: Vec<(&'static str, Shown)>,
    f_note: String,
    max_note: usize,
    /// Marks that are not on this page; the form for sharing keeps them.
    elsewhere: Vec<TraceId>,
    picks: Vec<Pick>,
    pager: Pager,
    exports: Vec<(&'static str, String)>,
    filtering: bool,
}

/// A refusal that can be marked.
struct Pick {
    call: Call,
    id: TraceId,
    name: String,
    marked: bool,
}

/// How much an agent refused.
struct OfAgent {
    who: Who,
    count: String,
    bar: Shown,
    to: String,
}

/// Answers `GET /refusals`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let mut params = Params::of(query)?;
    // Counts know no text, and refusals stand newest first: neither is offered here.
    (params.verdict, params.order, params.q) = (None, None, None);
    let now = app.now();
    let period = params.period("30d")?;
    let asked = request(&params, ROWS)?;
    let marked = marks(&params)?;
    let filter = Filter {
        action_type: Some(ActionType::Deny),
        ..params.filter_at(now)?
    };
    let own_times = filter.since.is_some() || filter.until.is_some();
    let end = filter.until.unwrap_or(now);
    let start = filter.since.unwrap_or_else(|| period.since(end));
    let length_ms = (end.millis() - start.millis()).max(1);
    let bucket_ms = if own_times {
        bucket_for(length_ms)
    } else {
        period.bucket_ms
    };
    let filter = Filter {
        since: Some(start),
        ..filter
    };
    let earlier = Filter {
        since: Some(Timestamp::from_millis(start.millis() - length_ms)),
        until: Some(start),
        ..filter.clone()
    };
    let reader = &app.reader;
    let (found, stats, before, agents) = try_join4(
        reader.documents(&filter, asked),
        reader.stats(&filter, bucket_ms, now),
        reader.stats(&earlier, length_ms, now),
        reader.refusals_by_agent(&filter, AGENTS, now),
    )
    .await?;
    let shared = shared(reader.as_ref(), &params, &marked, now).await?;
    let (rows, pager) = turn(found, asked, &params.link(REFUSALS), "list");
    let window = Window {
        since: filter.since,
        until: filter.until,
    };
    let when = if own_times {
        format!("from {} to {}", moment(start), moment(end))
    } else {
        format!("in the last {}", period.words)
    };
    let timeless = Params {
        since: None,
        until: None,
        period: None,
        ..params.clone()
    };
    let elsewhere = marked
        .iter()
        .filter(|id| !rows.iter().any(|row| row.row.trace_id == **id));
    page(&Refusals {
        total: counted(stats.total, "refusal", "refusals"),
        agents: counted(stats.agents, "agent", "agents"),
        change: compare::total(stats.total, before.total),
        before: before_words(start, length_ms),
        chart: over(&stats, window, bucket_ms, now, &format!("Refusals {when}"))
            .brushed(timeless.link(REFUSALS)),
        when,
        rules: Group::by_rule(&stats, &params, now, GROUPS),
        values: Group::by_value(&stats, &params, GROUPS),
        tools: Group::by_tool(&stats, &params, GROUPS),
        by_agent: by_agent(&agents, &params),
        tables: compare::tables(&stats, &before, &params),
        shared,
        chosen: chosen(&params, REFUSALS),
        periods: PERIODS
            .iter()
            .map(|&(name, words, ..)| (name, words, name == period.name))
            .collect(),
        f_value: field(params.value.as_ref()),
        f_rule: field(params.rule.as_ref()),
        f_tool: field(params.tool.as_ref()),
        f_agent: field(params.agent.as_ref()),
        kept: kept(&params),
        fixed: fixed(&timeless, start, end),
        f_note: field(params.note.as_ref()),
        max_note: MAX_NOTE_CHARS,
        elsewhere: elsewhere.copied().collect(),
        picks: rows.iter().map(|row| pick(row, &marked, now)).collect(),
        pager,
        exports: exports(&filter),
        filtering: params.is_filtering() || own_times,
    })
}

/// The span before, to the day where it is many days long.
fn before_words(start: Timestamp, length_ms: i64) -> String {
    let told = if length_ms > 2 * DAY { date } else { moment };
    let earlier = Timestamp::from_millis(start.millis() - length_ms);
    format!("{} to {}", told(earlier), told(start))
}

fn pick(detail: &TraceDetail, marked: &[TraceId], now: Timestamp) -> Pick {
    let id = detail.row.trace_id;
    Pick {
        call: Call::with_agent(detail, now),
        id,
        name: plain(&detail.row.tool_name, 24),
        marked: marked.contains(&id),
    }
}

/// Those that refused most; none when the page is about one of them.
fn by_agent(agents: &[ActiveAgent], params: &Params) -> Vec<OfAgent> {
    if params.agent.is_some() {
        return Vec::new();
    }
    let most = agents.first().map_or(1, |first| first.denied);
    agents
        .iter()
        .map(|agent| OfAgent {
            who: Who::of(agent.agent_id),
            count: number(agent.denied),
            bar: share(agent.denied, most, "s-deny"),
            to: params.link_but(REFUSALS, "agent", Some(&agent.agent_id.to_string())),
        })
        .collect()
}

/// Filters that the form has no field for.
fn kept(params: &Params) -> Vec<(&'static str, Shown)> {
    params
        .given()
        .filter(|(key, _)| !matches!(*key, "value" | "rule" | "tool" | "agent" | "period"))
        .map(|(key, text)| (key, exact(text)))
        .collect()
}

/// The filter with its times written out: what is shared shows the same tomorrow.
fn fixed(timeless: &Params, start: Timestamp, end: Timestamp) -> Vec<(&'static str, Shown)> {
    let fixed = Params {
        since: Some(start.to_string()),
        until: Some(end.to_string()),
        ..timeless.clone()
    };
    fixed
        .given()
        .map(|(key, text)| (key, exact(text)))
        .collect()
}
