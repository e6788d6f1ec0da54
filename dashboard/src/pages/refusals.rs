//! `GET /refusals`: what was refused and why, across agents; counts on top, the refusals themselves below.

use aap::ActionType;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use futures_util::future::try_join;
use trace_store::{Filter, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::Call;
use crate::chart::{Chart, activity};
use crate::pages::groups::{Group, REFUSALS};
use crate::paging::{PAGE_ROWS, Pager, request, turn};
use crate::query::{PERIODS, Params, field};
use crate::text::{Shown, line, plain, short};
use crate::words::{counted, value};

/// Rules and values that are counted on top.
const GROUPS: usize = 8;
#[derive(Template)]
#[template(path = "refusals.html")]
struct Refusals {
    total: String,
    agents: String,
    period: &'static str,
    chart: Chart,
    rules: Vec<Group>,
    values: Vec<Group>,
    tools: Vec<Group>,
    /// What the list is narrowed to: in words, and the address without it.
    chosen: Vec<(&'static str, Shown, String)>,
    periods: Vec<(&'static str, &'static str, bool)>,
    f_value: String,
    f_rule: String,
    f_tool: String,
    f_agent: String,
    calls: Vec<Call>,
    pager: Pager,
    filtering: bool,
}

/// Answers `GET /refusals`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let mut params = Params::of(query)?;
    params.verdict = None;
    let now = app.now();
    let period = params.period("30d")?;
    let asked = request(&params, PAGE_ROWS)?;
    let filter = Filter {
        action_type: Some(ActionType::Deny),
        since: Some(period.since(now)),
        ..params.filter()?
    };
    let reader = &app.reader;
    let (found, stats) = try_join(
        reader.documents(&filter, asked),
        reader.stats(&filter, period.bucket_ms, now),
    )
    .await?;
    let (rows, pager) = turn(found, asked, &params.link(REFUSALS), "list");
    page(&Refusals {
        total: counted(stats.total, "refusal", "refusals"),
        agents: counted(stats.agents, "agent", "agents"),
        period: period.words,
        chart: activity(&stats, period, now),
        rules: Group::by_rule(&stats, &params, now, GROUPS),
        values: Group::by_value(&stats, &params, GROUPS),
        tools: Group::by_tool(&stats, &params, GROUPS),
        chosen: chosen(&params),
        periods: PERIODS
            .iter()
            .map(|&(name, words, ..)| (name, words, name == period.name))
            .collect(),
        f_value: field(params.value.as_ref()),
        f_rule: field(params.rule.as_ref()),
        f_tool: field(params.tool.as_ref()),
        f_agent: field(params.agent.as_ref()),
        calls: rows.iter().map(|row| Call::with_agent(row, now)).collect(),
        pager,
        filtering: params.is_filtering(),
    })
}

/// The filters in force, each with the way out of it.
fn chosen(params: &Params) -> Vec<(&'static str, Shown, String)> {
    let without = |clear: fn(&mut Params)| {
        let mut less = params.clone();
        clear(&mut less);
        less.link(REFUSALS)
    };
    let mut chosen = Vec::new();
    if let Some(id) = &params.value {
        chosen.push(("Value", value(id), without(|params| params.value = None)));
    }
    if let Some(rule) = &params.rule {
        chosen.push(("Rule", line(rule, 64), without(|params| params.rule = None)));
    }
    if let Some(tool) = &params.tool {
        chosen.push(("Tool", line(tool, 48), without(|params| params.tool = None)));
    }
    if let Some(agent) = &params.agent {
        let name = line(&plain(&short(agent), 40), 40);
        chosen.push(("Agent", name, without(|params| params.agent = None)));
    }
    chosen
}
