//! `GET /agent/{id}`: who an agent is, what it promises, does and refuses, and whether its record is whole.

use aap::trace::GAP_TOOL;
use aap::{ActionType, AgentId, AlignmentCard};
use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::future::{try_join, try_join4};
use trace_store::{
    AgentRow, CardRow, CardVersion, Equivocation, Filter, Page, PageRequest, SessionRow, Stats,
    StreamRow, TraceDetail, TraceReader,
};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::Call;
use crate::chart::{Chart, activity};
use crate::identicon::identicon;
use crate::origin::Origin;
use crate::pages::groups::Group;
use crate::pages::promise::{VERSIONS, how_many, version_link};
use crate::pages::share::unknown;
use crate::paging::{PAGE_ROWS, Pager, Placed, request, turn};
use crate::query::{PERIODS, Params, Period, agent_id, field};
use crate::text::{Shown, is_honest, line, plain, short};
use crate::words::{counted, number, percent, time};

pub(super) mod card;
mod claimed;
pub(super) mod losses;
mod parts;
mod score;

use card::Card;
use claimed::Said;
use losses::Losses;
use parts::{Chain, Session, Tool};
use score::{Drift, LOOKED_AT, Score, Values};

/// Sessions listed.
const SESSIONS: u32 = 8;
/// Tools listed.
const TOOLS: usize = 12;
/// Rules listed.
const RULES: usize = 6;

#[derive(Template)]
#[template(path = "agent.html")]
struct AgentPage {
    id: AgentId,
    short: String,
    said: Said,
    title: String,
    icon: Shown,
    since: Shown,
    seen: Shown,
    runtime: Shown,
    sentence: Shown,
    total: String,
    denied: String,
    errors: String,
    signed: String,
    denied_share: String,
    errors_share: String,
    is_signed: bool,
    all_signed: bool,
    chart: Chart,
    period: &'static str,
    periods: Vec<(String, &'static str, bool)>,
    refused: Vec<Group>,
    values: Vec<Group>,
    tools: Vec<Tool>,
    card: Option<Card>,
    /// The page of its version in force, and how many there are.
    versions: Option<(String, String)>,
    score: Score,
    kept: Values,
    drift: Drift,
    chain: Chain,
    losses: Losses,
    sessions: Vec<Session>,
    calls: Vec<Call>,
    pager: Pager,
    verdict: &'static str,
    tool: String,
    tool_names: Vec<String>,
    filtering: bool,
    live: Option<String>,
    path: String,
    origin: String,
}

/// Answers `GET /agent/{id}`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    origin: Origin,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Path(text) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let id = agent_id(&text)?;
    let mut params = Params::of(query)?;
    params.agent = None;
    let now = app.now();
    let period = params.period("7d")?;
    let asked = request(&params, PAGE_ROWS)?;
    let own = Filter {
        agent_id: Some(id),
        ..Filter::default()
    };
    let listed = Filter {
        agent_id: Some(id),
        ..params.filter()?
    };
    let recent = Filter {
        since: Some(period.since(now)),
        ..own.clone()
    };
    let reader = app.reader.as_ref();
    let (known, stats) = try_join(Known::read(reader, id, &own), async {
        Ok(reader.stats(&recent, period.bucket_ms, now).await?)
    })
    .await?;
    let (agent, evidence) = (&known.agent, known.evidence.as_slice());
    let follows = !params.is_filtering() && !params.is_paging();
    let documents = if follows {
        first_page(evidence, PAGE_ROWS as usize)
    } else {
        reader.documents(&listed, asked).await?
    };

    let refusals = Params {
        agent: Some(id.to_string()),
        period: Some(period.name.to_owned()),
        ..Params::default()
    };
    let here = aap::paths::agent_page(id);
    let path = params.link(&here);
    let (rows, pager) = turn(documents, asked, &path, "calls");
    let runtime = evidence.iter().find_map(|row| row.row.runtime.as_deref());
    let said = Said::of(app.proofs.of(known.card.as_ref(), id), now);
    let promised = known.promised.as_ref();
    page(&AgentPage {
        id,
        short: short(&id),
        title: said.name.clone().unwrap_or_else(|| short(&id)),
        said,
        icon: identicon(id),
        since: time(agent.first_seen, now),
        seen: time(agent.last_seen, now),
        runtime: runtime.map(|name| line(name, 40)).unwrap_or_default(),
        sentence: sentence(agent, &stats, period),
        total: number(agent.traces),
        denied: number(agent.denied),
        errors: number(agent.errors),
        signed: percent(agent.signed, agent.traces),
        denied_share: percent(agent.denied, agent.traces),
        errors_share: percent(agent.errors, agent.traces),
        is_signed: agent.signed > 0,
        all_signed: agent.signed == agent.traces,
        chart: activity(&stats, period, now),
        period: period.words,
        periods: periods(&params, &here, period),
        refused: Group::by_rule(&stats, &refusals, now, RULES),
        values: Group::by_value(&stats, &refusals, RULES),
        tools: stats
            .tools
            .iter()
            // Losses are told above; nobody called that tool.
            .filter(|row| row.tool != GAP_TOOL)
            .take(TOOLS)
            .map(|row| Tool::of(row, &stats, &here))
            .collect(),
        card: known.card.as_ref().map(|row| Card::of(row, promised)),
        versions: known.versions(),
        score: Score::of(promised, evidence, id),
        kept: Values::of(evidence),
        drift: Drift::of(promised, evidence, now),
        chain: Chain::of(agent, &known.streams, &known.equivocations, now),
        losses: Losses::of(&known.losses, id),
        sessions: known
            .sessions
            .iter()
            .map(|row| Session::of(row, id, now))
            .collect(),
        calls: rows.iter().map(|row| Call::of(row, now)).collect(),
        pager,
        verdict: params.verdict()?.map_or("", ActionType::as_str),
        tool: field(params.tool.as_ref()),
        tool_names: names(&stats),
        filtering: params.is_filtering(),
        live: follows.then(|| format!("{}?agent_id={id}", aap::paths::LIVE)),
        path: here,
        origin: origin.at(""),
    })
}

/// What the page tells of an agent whatever the period and the filter.
struct Known {
    agent: AgentRow,
    card: Option<CardRow>,
    versions: Vec<CardVersion>,
    /// The card as this page understands it.
    promised: Option<AlignmentCard>,
    /// Its newest calls, whole.
    evidence: Vec<TraceDetail>,
    sessions: Vec<SessionRow>,
    streams: Vec<StreamRow>,
    equivocations: Vec<Equivocation>,
    /// Records of what could not be recorded, the newest.
    losses: Page<TraceDetail>,
}

impl Known {
    /// The page of the card in force, and how many versions there are.
    fn versions(&self) -> Option<(String, String)> {
        let row = self.card.as_ref()?;
        let to = version_link(row.agent_id, &row.card_id)?;
        Some((to, how_many(&self.versions)))
    }

    async fn read<R: TraceReader>(
        reader: &R,
        id: AgentId,
        own: &Filter,
    ) -> Result<Self, PageError> {
        let request = PageRequest {
            limit: LOOKED_AT,
            ..PageRequest::default()
        };
        let (agent, card, evidence, sessions) = try_join4(
            reader.agent(id),
            reader.card(id),
            reader.documents(own, request),
            reader.sessions(id, SESSIONS),
        )
        .await?;
        let agent = agent.ok_or_else(|| unknown(id))?;
        let (streams, equivocations, versions, losses) = try_join4(
            reader.streams(id),
            reader.equivocations(id),
            reader.card_versions(id, VERSIONS),
            losses::read(reader, &agent),
        )
        .await?;
        let read = |row: &CardRow| serde_json::from_value(row.card.clone()).ok();
        Ok(Self {
            agent,
            promised: card.as_ref().and_then(read),
            card,
            versions,
            evidence: evidence.rows,
            sessions,
            streams,
            equivocations,
            losses,
        })
    }
}

/// Tools that the form for filters offers.
fn names(stats: &Stats) -> Vec<String> {
    let names = stats.tools.iter().map(|row| row.tool.clone());
    names
        .filter(|tool| tool.len() < 100 && is_honest(tool))
        .collect()
}

/// The first page of a listing, out of more rows that are at hand.
fn first_page(rows: &[TraceDetail], length: usize) -> Page<TraceDetail> {
    let shown = &rows[..rows.len().min(length)];
    let next = shown.last().filter(|_| rows.len() > shown.len());
    Page {
        next: next.map(Placed::cursor),
        rows: shown.to_vec(),
    }
}

/// The spans that people choose from: address, name, whether it is the one shown.
fn periods(params: &Params, here: &str, shown: Period) -> Vec<(String, &'static str, bool)> {
    let choice = |&(name, words, ..): &(&'static str, &'static str, i64, i64)| {
        let to = Params {
            period: Some(name.to_owned()),
            ..params.clone()
        };
        (to.link(here), words, name == shown.name)
    };
    PERIODS.iter().map(choice).collect()
}

/// What this agent is up to, in one or two sentences.
fn sentence(agent: &AgentRow, stats: &Stats, period: Period) -> Shown {
    if stats.total == 0 {
        let text = format!(
            "It has been quiet for the last {}. Before that it made {}.",
            period.words,
            counted(agent.traces, "call", "calls")
        );
        return line(&text, 400);
    }
    let made = counted(stats.total, "tool call", "tool calls");
    let mostly = stats.tools.first().map_or_else(String::new, |most| {
        format!(", mostly {}", plain(&most.tool, 40))
    });
    let ended = match (stats.deny, stats.error) {
        (0, 0) => "None was refused and none failed.".to_owned(),
        (0, failed) => format!("None was refused; {} failed.", number(failed)),
        (refused, 0) => format!("{} refused and none failed.", was(refused)),
        (refused, failed) => format!("{} refused and {} failed.", was(refused), number(failed)),
    };
    let kept = stats.values.first().map_or_else(String::new, |value| {
        let name = plain(&value.name.replace('_', " "), 48);
        format!(" What it refuses most would have violated {name}.")
    });
    let text = format!(
        "In the last {} it made {made}{mostly}. {ended}{kept}",
        period.words
    );
    line(&text, 600)
}

fn was(count: u64) -> String {
    format!(
        "{} {}",
        number(count),
        if count == 1 { "was" } else { "were" }
    )
}
