//! `GET /search`: from a pasted id, or an address that holds one, to its page.

use aap::{AgentId, TraceId};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use trace_store::TraceReader;
use uuid::Uuid;

use crate::App;
use crate::answer::PageError;
use crate::query::Params;

/// Characters of a search that are looked at; an address with an id is far shorter.
const MAX_SEARCH_BYTES: usize = 2_048;

/// Answers `GET /search?q=`.
pub(crate) async fn find<R: TraceReader>(
    State(app): State<App<R>>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let Some(text) = Params::of(query)?.q else {
        return Ok(Redirect::to("/").into_response());
    };
    let id = last_uuid(&text).ok_or_else(|| {
        PageError::Bad(format!(
            "`{}` holds no id of an agent or a trace.",
            text.trim()
        ))
    })?;
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
