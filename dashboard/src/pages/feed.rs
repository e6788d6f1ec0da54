//! `GET /feed/refusals.{atom,json}` and `/feed/agent/{id}.{atom,json}`: the newest calls for feed readers.
//!
//! Atom is RFC 4287, JSON is JSON Feed 1.1. A feed takes the filters of listings, such as `?verdict=deny`; entries are named by the
//! trace's id, so that a reader never shows one twice.

use std::time::Duration;

use aap::{ActionType, Timestamp};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use trace_store::{Filter, PageRequest, TraceDetail, TraceReader};

use crate::App;
use crate::answer::PageError;
use crate::calls::TELLING;
use crate::claim::Claim;
use crate::origin::Origin;
use crate::pages::share::unknown;
use crate::query::{Params, agent_id};
use crate::text::{plain, short, xml};
use crate::words;

/// Entries of a feed.
const ENTRIES: u32 = 50;
/// How long a feed may be kept.
const FRESH: Duration = Duration::from_mins(1);
/// Characters of an entry's title, and of its text.
const TITLE_CHARS: usize = 160;
const TEXT_CHARS: usize = 1_000;

/// The two forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Atom,
    Json,
}

/// A feed before it is written.
struct Feed {
    form: Form,
    /// Its own address and that of the page it stands for.
    own: String,
    page: String,
    title: String,
    entries: Vec<Entry>,
    updated: Timestamp,
}

struct Entry {
    id: String,
    link: String,
    author: String,
    at: Timestamp,
    title: String,
    text: String,
}

/// Answers `GET /feed/{file}`: refusals of all agents.
pub(crate) async fn refusals<R: TraceReader>(
    State(app): State<App<R>>,
    origin: Origin,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let (stem, form) = split(path)?;
    if stem != "refusals" {
        return Err(PageError::Missing(
            "The feeds are /feed/refusals.atom, /feed/refusals.json, and those of agents."
                .to_owned(),
        ));
    }
    let params = Params::of(query)?;
    let filter = Filter {
        action_type: Some(ActionType::Deny),
        ..params.filter_at(app.now())?
    };
    let title = "What agents refused, and why".to_owned();
    let own = params.link(&format!("/feed/{stem}{}", form.ending()));
    answer(
        &app,
        &origin,
        filter,
        form,
        own,
        "/refusals".to_owned(),
        title,
    )
    .await
}

/// Answers `GET /feed/agent/{file}`: what one agent did.
pub(crate) async fn agent<R: TraceReader>(
    State(app): State<App<R>>,
    origin: Origin,
    path: Result<Path<String>, PathRejection>,
    query: Result<Query<Params>, QueryRejection>,
) -> Result<Response, PageError> {
    let (stem, form) = split(path)?;
    let id = agent_id(&stem)?;
    let mut params = Params::of(query)?;
    params.agent = None;
    if app.reader.agent(id).await?.is_none() {
        return Err(unknown(id));
    }
    let name = Claim::of(app.reader.card(id).await?.as_ref()).name;
    let filter = Filter {
        agent_id: Some(id),
        ..params.filter_at(app.now())?
    };
    let who = name.map_or_else(|| short(&id), |name| format!("{name} ({})", short(&id)));
    let own = params.link(&format!("/feed/agent/{id}{}", form.ending()));
    let page = aap::paths::agent_page(id);
    answer(
        &app,
        &origin,
        filter,
        form,
        own,
        page,
        format!("Agent {who}"),
    )
    .await
}

impl Form {
    fn ending(self) -> &'static str {
        match self {
            Self::Atom => ".atom",
            Self::Json => ".json",
        }
    }
}

fn split(path: Result<Path<String>, PathRejection>) -> Result<(String, Form), PageError> {
    let Path(file) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    [Form::Atom, Form::Json]
        .into_iter()
        .find_map(|form| Some((file.strip_suffix(form.ending())?.to_owned(), form)))
        .ok_or_else(|| PageError::Bad("a feed's address ends in .atom or .json".to_owned()))
}

async fn answer<R: TraceReader>(
    app: &App<R>,
    origin: &Origin,
    filter: Filter,
    form: Form,
    own: String,
    page: String,
    title: String,
) -> Result<Response, PageError> {
    let request = PageRequest {
        limit: ENTRIES,
        ..PageRequest::default()
    };
    let rows = app.reader.documents(&filter, request).await?.rows;
    let feed = Feed {
        form,
        own: origin.at(&own),
        page: origin.at(&page),
        title,
        updated: rows.first().map_or_else(|| app.now(), |row| row.row.at),
        entries: rows.iter().map(|row| Entry::of(row, origin)).collect(),
    };
    let (mime, body) = match feed.form {
        Form::Atom => ("application/atom+xml; charset=utf-8", feed.atom()),
        Form::Json => (
            "application/feed+json; charset=utf-8",
            feed.json().to_string(),
        ),
    };
    let cached = format!("public, max-age={}", FRESH.as_secs());
    Ok((
        [
            (header::CONTENT_TYPE, mime.to_owned()),
            (header::CACHE_CONTROL, cached),
        ],
        body,
    )
        .into_response())
}

impl Entry {
    fn of(detail: &TraceDetail, origin: &Origin) -> Self {
        let row = &detail.row;
        let verdict = words::verdict(row.action_type);
        let reason = row.reason.as_deref().filter(|reason| !reason.is_empty());
        let title = match (row.action_type, reason) {
            (ActionType::Allow, _) | (_, None) => format!("{verdict}: {}", row.tool_name),
            (_, Some(reason)) => format!("{verdict} {}: {reason}", row.tool_name),
        };
        let asked = detail.document.as_ref().and_then(|document| {
            let params = document.pointer("/action/parameters")?;
            TELLING.iter().find_map(|key| params.get(key)?.as_str())
        });
        let mut told = vec![match asked {
            Some(asked) => format!("{} {asked}", row.tool_name),
            None => row.tool_name.clone(),
        }];
        told.extend(reason.map(|reason| format!("Because: {reason}.")));
        if !row.values_violated.is_empty() {
            let values = row.values_violated.join(", ").replace('_', " ");
            told.push(format!("Values: {values}."));
        }
        told.extend(row.rule_id.as_ref().map(|rule| format!("Rule: {rule}.")));
        Self {
            id: format!("urn:uuid:{}", row.trace_id),
            link: origin.at(&aap::paths::trace_page(row.trace_id)),
            author: row.agent_id.to_string(),
            at: row.at,
            title: plain(&title, TITLE_CHARS),
            text: plain(&told.join(" – "), TEXT_CHARS),
        }
    }
}

impl Feed {
    fn atom(&self) -> String {
        use std::fmt::Write as _;
        let all = |text: &str| xml(text, usize::MAX);
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<title>{}</title>\n\
             <id>{1}</id>\n<link rel=\"self\" type=\"application/atom+xml\" href=\"{1}\"/>\n<link rel=\"alternate\" type=\"text/html\" href=\"{2}\"/>\n\
             <updated>{3}</updated>\n<generator>smoltbot</generator>\n",
            all(&self.title),
            all(&self.own),
            all(&self.page),
            self.updated
        );
        for entry in &self.entries {
            // Writing into a string cannot fail.
            let _ = write!(
                out,
                "<entry>\n<title>{}</title>\n<id>{}</id>\n<link href=\"{}\"/>\n<updated>{}</updated>\n\
                 <author><name>{}</name></author>\n<summary>{}</summary>\n</entry>\n",
                all(&entry.title),
                entry.id,
                all(&entry.link),
                entry.at,
                entry.author,
                all(&entry.text)
            );
        }
        out.push_str("</feed>\n");
        out
    }

    fn json(&self) -> Value {
        let items: Vec<Value> = self
            .entries
            .iter()
            .map(|entry| {
                json!({"id": entry.id, "url": entry.link, "title": entry.title, "content_text": entry.text,
                    "date_published": entry.at, "authors": [{"name": entry.author}]})
            })
            .collect();
        json!({"version": "https://jsonfeed.org/version/1.1", "title": self.title, "home_page_url": self.page,
            "feed_url": self.own, "items": items})
    }
}
