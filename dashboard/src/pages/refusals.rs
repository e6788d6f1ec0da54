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
use crate::chart::{Chart, activity, share};
use crate::paging::{PAGE_ROWS, Pager, request, turn};
use crate::query::{PERIODS, Params};
use crate::text::{Shown, line, plain, short};
use crate::words::{counted, number, time, value};

/// Rules and values that are counted on top.
const GROUPS: usize = 8;
/// Where this page is.
const HERE: &str = "/refusals";

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

/// Refusals with something in common; the link narrows to them.
struct Group {
    name: Shown,
    reason: Shown,
    count: String,
    bar: Shown,
    link: String,
    when: Shown,
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
    let (rows, pager) = turn(found, asked, &params.link(HERE), "list");
    let most = |count: Option<u64>| count.unwrap_or(1);
    let with = |change: &dyn Fn(&mut Params)| {
        let mut changed = params.clone();
        change(&mut changed);
        changed.link(HERE)
    };
    page(&Refusals {
        total: counted(stats.total, "refusal", "refusals"),
        agents: counted(stats.agents, "agent", "agents"),
        period: period.words,
        chart: activity(&stats, period, now),
        rules: stats
            .rules
            .iter()
            .take(GROUPS)
            .map(|group| Group {
                name: group
                    .rule_id
                    .as_deref()
                    .map(|rule| line(rule, 64))
                    .unwrap_or_default(),
                reason: group
                    .reason
                    .as_deref()
                    .map(|reason| line(reason, 160))
                    .unwrap_or_default(),
                count: number(group.count),
                bar: share(
                    group.count,
                    most(stats.rules.first().map(|first| first.count)),
                    "s-deny",
                ),
                link: with(&|params| params.rule.clone_from(&group.rule_id)),
                when: time(group.last, now),
            })
            .collect(),
        values: stats
            .values
            .iter()
            .take(GROUPS)
            .map(|row| Group {
                name: value(&row.name),
                reason: Shown::default(),
                count: number(row.count),
                bar: share(
                    row.count,
                    most(stats.values.first().map(|first| first.count)),
                    "s-deny",
                ),
                link: with(&|params| params.value = Some(row.name.clone())),
                when: Shown::default(),
            })
            .collect(),
        tools: stats
            .tools
            .iter()
            .take(GROUPS)
            .map(|row| Group {
                name: line(&row.tool, 40),
                reason: Shown::default(),
                count: number(row.denied),
                bar: share(
                    row.denied,
                    most(stats.tools.first().map(|first| first.denied)),
                    "s-deny",
                ),
                link: with(&|params| params.tool = Some(row.tool.clone())),
                when: Shown::default(),
            })
            .collect(),
        chosen: chosen(&params),
        periods: PERIODS
            .iter()
            .map(|&(name, words, ..)| (name, words, name == period.name))
            .collect(),
        f_value: params.value.clone().unwrap_or_default(),
        f_rule: params.rule.clone().unwrap_or_default(),
        f_tool: params.tool.clone().unwrap_or_default(),
        f_agent: params.agent.clone().unwrap_or_default(),
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
        less.link(HERE)
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
