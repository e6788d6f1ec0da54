//! `GET /agent/{id}/session/{sid}`: one conversation from its first call to its last, as a waterfall and as a list. Its first
//! calls are on the page; a script reads the others from [`calls`].

use aap::{ActionType, AgentId, Timestamp};
use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::future::try_join3;
use trace_store::{Direction, Filter, PageRequest, SessionRow, TraceDetail, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{Call, session_link};
use crate::identicon::identicon;
use crate::pages::explore::TRACES;
use crate::paging::{Pager, Placed};
use crate::query::{Params, agent_id};
use crate::text::{Shown, line, plain, short};
use crate::words::{duration, moment, number, time};

pub(crate) mod calls;
mod waterfall;

use waterfall::{Bar, Waterfall, waterfall};

/// Calls on a page of a session: as many as listings read with their documents.
const SESSION_ROWS: u32 = 50;
/// Sessions among which this one's totals are looked for.
const SESSIONS: u32 = 200;
/// Refusals that are told on top.
const REFUSALS: u32 = 6;

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    agent_link: String,
    agent_short: String,
    icon: Shown,
    name: Shown,
    title: String,
    runtime: Shown,
    from: Shown,
    began: String,
    totals: Totals,
    bars: Vec<Bar>,
    busy: String,
    at_once: usize,
    refusals: Vec<Call>,
    more_refusals: bool,
    explore: String,
    explore_refused: String,
    /// Where the script reads the whole session, when this page does not hold all of it.
    rest: Option<String>,
    calls: Vec<Call>,
    pager: Pager,
}

/// What the whole session comes to, as far as it is known.
struct Totals {
    total: String,
    denied: String,
    errors: String,
    took: String,
    /// Whether these are of this page only.
    partial: bool,
}

/// Answers `GET /agent/{id}/session/{sid}`. Reads from the oldest call on, as a conversation is read.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<(String, String)>, PathRejection>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Path((text, session)) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let agent = agent_id(&text)?;
    let params = Params::of(query)?;
    let now = app.now();
    let mut asked = crate::paging::request(&params, SESSION_ROWS)?;
    if asked.after.is_none() {
        asked.direction = Direction::Newer;
    }
    let filter = Filter {
        agent_id: Some(agent),
        session_id: Some(session.clone()),
        ..Filter::default()
    };
    let refused = Filter {
        action_type: Some(ActionType::Deny),
        ..filter.clone()
    };
    let first_refused = PageRequest {
        limit: REFUSALS,
        after: None,
        direction: Direction::Newer,
    };
    let reader = &app.reader;
    let (found, sessions, refusals) = try_join3(
        reader.documents(&filter, asked),
        reader.sessions(agent, SESSIONS),
        reader.documents(&refused, first_refused),
    )
    .await?;
    let goes_on = found.next.is_some();
    let mut rows = found.rows;
    if asked.direction == Direction::Older {
        rows.reverse();
    }
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return Err(PageError::Missing(format!(
            "Agent {agent} has no session `{}` here.",
            plain(&session, 80)
        )));
    };

    let here = session_link(agent, &session).unwrap_or_else(|| aap::paths::agent_page(agent));
    let forwards = asked.direction == Direction::Newer;
    let link = |word: &str, placed: &dyn Placed| format!("{here}?{word}={}", placed.cursor());
    let pager = Pager {
        newest: asked.after.is_some().then(|| here.clone()),
        older: (if forwards {
            asked.after.is_some()
        } else {
            goes_on
        })
        .then(|| link("older", first)),
        newer: (!forwards || goes_on).then(|| link("newer", last)),
    };
    let is_part = goes_on || asked.after.is_some();
    let known = sessions.into_iter().find(|row| row.session_id == session);
    let began = known.as_ref().map_or(first.row.at, |row| row.first);
    let runtime = rows.iter().find_map(|row| row.row.runtime.as_deref());
    let Waterfall {
        bars,
        busy,
        at_once,
    } = waterfall(rows.iter().map(|detail| &detail.row));
    page(&SessionPage {
        agent_link: aap::paths::agent_page(agent),
        agent_short: short(&agent),
        icon: identicon(agent),
        name: line(&session, 120),
        title: plain(&session, 80),
        runtime: runtime.map(|name| line(name, 40)).unwrap_or_default(),
        from: time(began, now),
        began: moment(began),
        totals: totals(known.as_ref(), &rows, is_part),
        bars,
        busy,
        at_once,
        more_refusals: refusals.next.is_some(),
        refusals: refusals.rows.iter().map(|row| Call::of(row, now)).collect(),
        explore: explore(agent, &session, None),
        explore_refused: explore(agent, &session, Some("deny")),
        rest: is_part.then(|| format!("{here}/calls")),
        calls: rows.iter().map(|row| Call::of(row, now)).collect(),
        pager,
    })
}

/// A session older than the newest ones has no totals row; then only what this page holds is told.
fn totals(known: Option<&SessionRow>, rows: &[TraceDetail], is_part: bool) -> Totals {
    let count = |kind| {
        rows.iter()
            .filter(|row| row.row.action_type == kind)
            .count() as u64
    };
    let at = |row: Option<&TraceDetail>| row.map_or(Timestamp::from_millis(0), |row| row.row.at);
    let (from, to, total, denied, errors) = match known {
        Some(row) => (row.first, row.last, row.traces, row.denied, row.errors),
        None => (
            at(rows.first()),
            at(rows.last()),
            rows.len() as u64,
            count(ActionType::Deny),
            count(ActionType::Error),
        ),
    };
    #[expect(clippy::cast_precision_loss, reason = "shown in whole units")]
    let took = (to.millis() - from.millis()).max(0) as f64;
    Totals {
        total: number(total),
        denied: number(denied),
        errors: number(errors),
        took: duration(took),
        partial: known.is_none() && is_part,
    }
}

/// The session in the explorer.
fn explore(agent: AgentId, session: &str, verdict: Option<&str>) -> String {
    Params {
        agent: Some(agent.to_string()),
        session: Some(session.to_owned()),
        verdict: verdict.map(str::to_owned),
        order: Some("oldest".to_owned()),
        ..Params::default()
    }
    .link(TRACES)
}
