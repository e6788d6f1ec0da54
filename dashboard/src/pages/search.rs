//! `GET /search`: from a pasted id, or an address that holds one, to its page; from a name or a part of an id to the agents that it fits.

use aap::{AgentId, TraceId};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use trace_store::TraceReader;
use uuid::Uuid;

use crate::App;
use crate::answer::{PageError, page};
use crate::calls::Who;
use crate::claim::{Claim, NAME_CHARS};
use crate::query::Params;
use crate::text::{Shown, line};
use crate::words::{counted, number, time};

/// Characters of a search that are looked at; an address with an id is far shorter.
const MAX_SEARCH_BYTES: usize = 2_048;
/// Agents whose names are looked at: those heard of last.
const LOOKED_AT: u32 = 200;
/// Digits of an id that are enough to look for.
const MIN_ID_DIGITS: usize = 4;
/// Agents that are listed.
const LISTED: usize = 50;

#[derive(Template)]
#[template(path = "search.html")]
struct Found {
    asked: Shown,
    agents: Vec<Agent>,
    looked_at: String,
}

/// An agent that fits.
struct Agent {
    who: Who,
    id: AgentId,
    name: Option<String>,
    calls: String,
    denied: u64,
    signed: bool,
    seen: Shown,
}

/// Answers `GET /search?q=`.
pub(crate) async fn find<R: TraceReader>(
    State(app): State<App<R>>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Some(text) = Params::of(query)?.q else {
        return Ok(Redirect::to("/").into_response());
    };
    if let Some(id) = last_uuid(&text) {
        return by_id(&app, id).await;
    }
    by_name(&app, text.trim()).await
}

async fn by_id<R: TraceReader>(app: &App<R>, id: Uuid) -> Result<Response, PageError> {
    if app.reader.trace(TraceId::from(id)).await?.is_some() {
        return Ok(Redirect::to(&aap::paths::trace_page(id.into())).into_response());
    }
    if app.reader.agent(AgentId::from(id)).await?.is_some() {
        return Ok(Redirect::to(&aap::paths::agent_page(id.into())).into_response());
    }
    Err(PageError::Missing(format!(
        "No agent and no trace with the id {id} has been seen here."
    )))
}

/// Agents, among those heard of last, that claim a name with `text` in it or whose id begins with it. One alone is gone to.
async fn by_name<R: TraceReader>(app: &App<R>, text: &str) -> Result<Response, PageError> {
    let now = app.now();
    let wanted = text.to_lowercase();
    let rows = app.reader.agents(LOOKED_AT).await?;
    let with_card = rows.iter().filter(|row| row.card_id.is_some());
    let ids: Vec<AgentId> = with_card.map(|row| row.agent_id).collect();
    let cards = app.reader.cards(&ids).await?;
    let name_of = |id: AgentId| {
        let card = cards.iter().find(|card| card.agent_id == id);
        Claim::of(card).name
    };
    let digits = wanted.len() >= MIN_ID_DIGITS;
    let mut agents = Vec::new();
    for row in &rows {
        let id = row.agent_id;
        let name = name_of(id);
        let named = name.as_deref().is_some_and(|name| {
            wanted.len() <= 4 * NAME_CHARS && name.to_lowercase().contains(&wanted)
        });
        if agents.len() < LISTED && (named || digits && id.to_string().starts_with(&wanted)) {
            agents.push(Agent {
                who: Who::of(id),
                id,
                name,
                calls: counted(row.traces, "call", "calls"),
                denied: row.denied,
                signed: row.signed > 0,
                seen: time(row.last_seen, now),
            });
        }
    }
    if let [only] = agents.as_slice() {
        return Ok(Redirect::to(&only.who.link).into_response());
    }
    let status = if agents.is_empty() {
        StatusCode::NOT_FOUND
    } else {
        StatusCode::OK
    };
    let found = page(&Found {
        asked: line(text, 80),
        agents,
        looked_at: number(rows.len() as u64),
    })?;
    Ok((status, found).into_response())
}

/// The last hyphenated UUID in `text`: of a pasted address that is the trace's, or the agent's.
fn last_uuid(text: &str) -> Option<Uuid> {
    let text = text.trim().as_bytes();
    if text.len() > MAX_SEARCH_BYTES {
        return None;
    }
    text.windows(uuid::fmt::Hyphenated::LENGTH)
        .rev()
        .find_map(|window| Uuid::try_parse_ascii(window).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_what_people_paste() {
        let id = "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a";
        for text in [
            id.to_owned(),
            format!(" {id}\n"),
            format!("https://x/agent/{}?a#b", id.to_uppercase()),
        ] {
            assert_eq!(last_uuid(&text).unwrap().to_string(), id);
        }
        assert!(last_uuid("0193b5b0").is_none());
        assert!(last_uuid(&"x".repeat(5_000)).is_none());
        assert!(last_uuid("ö".repeat(40).as_str()).is_none());
    }
}
