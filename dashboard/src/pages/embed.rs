//! `GET /embed/{agent}`: an agent's card as a page of its own, which other sites may put into a frame.

use aap::AgentId;
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::try_join;
use trace_store::{Filter, PageRequest, TraceReader};

use crate::App;
use crate::answer::{PageError, embeddable, page};
use crate::calls::Call;
use crate::identicon::identicon;
use crate::pages::share::{Told, seal};
use crate::query::agent_id;
use crate::text::{Shown, short};
use crate::words::{number, time};

/// Calls that are listed: a frame is small.
const ROWS: u32 = 5;

#[derive(Template)]
#[template(path = "embed.html")]
struct Embed {
    id: AgentId,
    name: String,
    short: String,
    icon: Shown,
    seal: &'static str,
    /// The host of its link, once that is proven.
    host: String,
    signed: bool,
    total: String,
    denied: String,
    errors: String,
    seen: Shown,
    calls: Vec<Call>,
}

/// Answers `GET /embed/{agent}`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let Path(text) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let id = agent_id(&text)?;
    let now = app.now();
    let filter = Filter {
        agent_id: Some(id),
        ..Filter::default()
    };
    let request = PageRequest {
        limit: ROWS,
        ..PageRequest::default()
    };
    let (told, rows) = try_join(Told::read(&app, id), async {
        Ok(app.reader.documents(&filter, request).await?)
    })
    .await?;
    let agent = &told.agent;
    let shown = page(&Embed {
        id,
        name: told.name(),
        short: short(&id),
        icon: identicon(id),
        seal: seal(agent),
        host: told.proven().unwrap_or_default().to_owned(),
        signed: agent.signed > 0,
        total: number(agent.traces),
        denied: number(agent.denied),
        errors: number(agent.errors),
        seen: time(agent.last_seen, now),
        calls: rows.rows.iter().map(|row| Call::of(row, now)).collect(),
    })?;
    let cached = [(header::CACHE_CONTROL, "public, max-age=60")];
    Ok(embeddable((cached, shown).into_response()))
}
