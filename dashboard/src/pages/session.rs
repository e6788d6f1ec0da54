//! `GET /agent/{id}/session/{sid}`: one conversation from its first call to its last, as a waterfall and as a list.

use aap::ActionType;
use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use futures_util::future::try_join;
use trace_store::{Direction, Filter, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::{Call, session_link};
use crate::identicon::identicon;
use crate::paging::{Pager, Placed};
use crate::query::{Params, agent_id};
use crate::text::{Shown, line, plain, short};
use crate::words::{duration, moment, number, time};

mod waterfall;

use waterfall::{Bar, waterfall};

/// Calls on a page of a session: as many as listings read with their documents.
const SESSION_ROWS: u32 = 50;
/// Sessions among which this one's totals are looked for.
const SESSIONS: u32 = 200;

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
    total: String,
    denied: String,
    errors: String,
    took: String,
    partial: bool,
    bars: Vec<Bar>,
    busy: String,
    calls: Vec<Call>,
    pager: Pager,
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
    let reader = &app.reader;
    let (found, sessions) = try_join(
        reader.documents(&filter, asked),
        reader.sessions(agent, SESSIONS),
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
    // A session older than the newest ones has no totals row; then only what this page holds is told.
    let totals = sessions.into_iter().find(|row| row.session_id == session);
    let count = |kind| {
        rows.iter()
            .filter(|row| row.row.action_type == kind)
            .count() as u64
    };
    let (from, to, total, denied, errors) = match &totals {
        Some(row) => (row.first, row.last, row.traces, row.denied, row.errors),
        None => (
            first.row.at,
            last.row.at,
            rows.len() as u64,
            count(ActionType::Deny),
            count(ActionType::Error),
        ),
    };
    #[expect(clippy::cast_precision_loss, reason = "shown in whole units")]
    let took = (to.millis() - from.millis()).max(0) as f64;
    let runtime = rows.iter().find_map(|row| row.row.runtime.as_deref());
    let (bars, busy) = waterfall(&rows);
    page(&SessionPage {
        agent_link: aap::paths::agent_page(agent),
        agent_short: short(&agent),
        icon: identicon(agent),
        name: line(&session, 120),
        title: plain(&session, 80),
        runtime: runtime.map(|name| line(name, 40)).unwrap_or_default(),
        from: time(from, now),
        began: moment(from),
        total: number(total),
        denied: number(denied),
        errors: number(errors),
        took: duration(took),
        partial: totals.is_none() && (goes_on || asked.after.is_some()),
        bars,
        busy,
        calls: rows.iter().map(|row| Call::of(row, now)).collect(),
        pager,
    })
}
