//! `GET /agent/{id}/card/{card_id}`: one version of what an agent promises, when it was in force, and what it changed.

use aap::{AgentId, AlignmentCard, Timestamp};
use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::future::try_join3;
use trace_store::{CardRow, CardVersion, TraceReader};

use crate::App;
use crate::answer::{PageError, page};
use crate::identicon::identicon;
use crate::pages::agent::card::Card;
use crate::pages::share::unknown;
use crate::query::agent_id;
use crate::text::{Shown, encode, line, plain, short};
use crate::words::{counted, moment, time};

mod changes;

use changes::{Change, changes};

/// Versions that are listed; an agent that has more is told to.
pub(crate) const VERSIONS: u32 = 50;

#[derive(Template)]
#[template(path = "promise.html")]
struct Promise {
    agent_link: String,
    agent_short: String,
    icon: Shown,
    title: String,
    c: Card,
    state: Force,
    from: String,
    before: Option<Version>,
    changes: Vec<Change>,
    versions: Vec<Version>,
    all: bool,
}

/// Whether the agent is held to it.
enum Force {
    In,
    /// It was, until then.
    Until(String),
    /// It came after one that was issued later.
    Never,
    /// It is not among the versions that were read.
    Earlier,
}

impl Force {
    /// Of the version at `at` among these, of which those before it were issued later.
    fn of(versions: &[CardVersion], at: usize) -> Self {
        let own = &versions[at];
        let overtaken = |later: &CardVersion| later.received_at < own.received_at;
        match own.superseded_at {
            None => Self::In,
            Some(_) if versions[..at].iter().any(overtaken) => Self::Never,
            Some(at) => Self::Until(moment(at)),
        }
    }
}

/// A version in the list.
struct Version {
    name: Shown,
    to: Option<String>,
    issued: String,
    here: bool,
    in_force: bool,
    when: Shown,
}

impl Version {
    fn of(agent: AgentId, row: &CardVersion, here: &str, now: Timestamp) -> Self {
        Self {
            name: line(&row.card_id, 64),
            to: version_link(agent, &row.card_id),
            issued: moment(row.issued_at),
            here: row.card_id == here,
            in_force: row.superseded_at.is_none(),
            when: time(row.received_at, now),
        }
    }
}

/// The page of a version; none where its id cannot stand in a path (`.` and `..` are steps there).
pub(crate) fn version_link(agent: AgentId, card_id: &str) -> Option<String> {
    let page = aap::paths::agent_page(agent);
    (!matches!(card_id, "" | "." | "..")).then(|| format!("{page}/card/{}", encode(card_id)))
}

/// `3 versions`, as far as they were read.
pub(crate) fn how_many(versions: &[CardVersion]) -> String {
    let count = versions.len() as u64;
    if count == u64::from(VERSIONS) {
        format!("{VERSIONS} versions or more")
    } else {
        counted(count, "version", "versions")
    }
}

/// Answers `GET /agent/{id}/card/{card_id}`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, PageError> {
    let Path((id, card_id)) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let id = agent_id(&id)?;
    let reader = app.reader.as_ref();
    let (agent, found, versions) = try_join3(
        reader.agent(id),
        reader.card_version(id, &card_id),
        reader.card_versions(id, VERSIONS),
    )
    .await?;
    agent.ok_or_else(|| unknown(id))?;
    let row = found.ok_or_else(|| {
        let named = plain(&card_id, 64);
        PageError::Missing(format!(
            "Agent {id} has published no alignment card with the id {named}."
        ))
    })?;
    let at = versions.iter().position(|one| one.card_id == row.card_id);
    let before = at.and_then(|at| versions.get(at + 1));
    let earlier = match before {
        Some(before) => reader.card_version(id, &before.card_id).await?,
        None => None,
    };
    let now = app.now();
    let read = understood(&row);
    let list = |one| Version::of(id, one, &row.card_id, now);
    page(&Promise {
        agent_link: aap::paths::agent_page(id),
        agent_short: short(&id),
        icon: identicon(id),
        title: plain(&row.card_id, 40),
        state: at.map_or(Force::Earlier, |at| Force::of(&versions, at)),
        from: moment(row.received_at),
        changes: earlier
            .as_ref()
            .and_then(|earlier| Some(changes(&understood(earlier)?, read.as_ref()?)))
            .unwrap_or_default(),
        before: before.map(list),
        all: versions.len() < VERSIONS as usize,
        versions: versions.iter().map(list).collect(),
        c: Card {
            link: json(id, &row.card_id),
            ..Card::of(&row, read.as_ref())
        },
    })
}

fn understood(row: &CardRow) -> Option<AlignmentCard> {
    serde_json::from_value(row.card.clone()).ok()
}

/// Where the API has this version.
fn json(agent: AgentId, card_id: &str) -> String {
    format!("{}/{}", aap::paths::cards(agent), encode(card_id))
}
