//! Parameters of the query and the path: every wrong value is named, with the form that is accepted.

use std::collections::BTreeMap;
use std::str::FromStr;

use aap::limits::{DEFAULT_PAGE, MAX_ID_CHARS, MAX_PAGE};
use aap::{ActionType, AgentId, Timestamp, TraceId};
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use trace_store::{Cursor, Direction, Filter, PageRequest};

use crate::Problem;

/// Characters of a search text.
pub(crate) const MAX_SEARCH_CHARS: usize = 256;

pub(crate) const UUID_FORM: &str = "a UUID such as 0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a";
/// Of listings; `GET /v1/traces` has `longest`, too.
const ORDER_FORM: &str = "newest or oldest (GET /v1/traces takes longest, too)";
const TIME_FORM: &str = "an RFC 3339 time such as 2026-11-21T02:10:00Z (a + in it is written %2B)";

/// The parameters of a query that are not read yet. Each is taken once; what is left at the end is refused.
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Splits the query. Only names in `known` may occur, each once.
    pub(crate) fn of(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|error| bad("query", error.to_string()))?;
        let mut params = BTreeMap::new();
        for (name, value) in pairs.0 {
            if !known.contains(&name.as_str()) {
                let name: String = name.chars().take(MAX_ID_CHARS).collect();
                let problem = format!("no such parameter here; there are {}", known.join(", "));
                return Err(bad(&name, problem));
            }
            if params.contains_key(&name) {
                return Err(bad(&name, "it is given twice; give it once".to_owned()));
            }
            params.insert(name, value);
        }
        Ok(Self(params))
    }

    /// Takes a parameter that `read` understands; `form` says what it accepts.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        form: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.0.remove(name) else {
            return Ok(None);
        };
        let shown: String = text.chars().take(64).collect();
        read(&text)
            .map(Some)
            .ok_or_else(|| bad(name, format!("`{}` is not {form}", shown.escape_debug())))
    }

    /// Whether a parameter that was not taken yet has this value.
    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|given| given == value)
    }

    /// Whether a parameter was given and not taken yet.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn text(&mut self, name: &str, most: usize) -> Result<Option<String>, Problem> {
        let form = format!("a text of 1 to {most} characters without NUL");
        self.take(name, &form, |text| {
            let fits = !text.is_empty() && text.chars().count() <= most && !text.contains('\0');
            fits.then(|| text.to_owned())
        })
    }

    fn time(&mut self, name: &str) -> Result<Option<Timestamp>, Problem> {
        self.take(name, TIME_FORM, |text| Timestamp::parse(text).ok())
    }

    /// The filter's parameters, see [`FILTER`].
    pub(crate) fn filter(&mut self) -> Result<Filter, Problem> {
        let filter = Filter {
            agent_id: self.take("agent_id", UUID_FORM, parsed)?,
            action_type: self.take("action_type", "allow, deny or error", ActionType::parse)?,
            tool: self.text("tool", MAX_ID_CHARS)?,
            session_id: self.text("session_id", MAX_ID_CHARS)?,
            value: self.text("value", MAX_ID_CHARS)?,
            rule_id: self.text("rule_id", MAX_ID_CHARS)?,
            runtime: self.text("runtime", MAX_ID_CHARS)?,
            since: self.time("since")?,
            until: self.time("until")?,
            q: self.text("q", MAX_SEARCH_CHARS)?,
        };
        match (filter.since, filter.until) {
            (Some(since), Some(until)) if since >= until => Err(bad(
                "until",
                "it is not after since; since is inclusive, until exclusive".to_owned(),
            )),
            _ => Ok(filter),
        }
    }

    /// `limit`, from 1 to `most`.
    pub(crate) fn limit(&mut self, default: u32, most: u32) -> Result<u32, Problem> {
        let form = format!("a whole number from 1 to {most}");
        let limit = self.take("limit", &form, |text| {
            parsed(text).filter(|limit| (1..=most).contains(limit))
        })?;
        Ok(limit.unwrap_or(default))
    }

    /// `cursor` and `limit`.
    pub(crate) fn page(&mut self) -> Result<PageRequest, Problem> {
        Ok(PageRequest {
            limit: self.limit(DEFAULT_PAGE, MAX_PAGE)?,
            after: self.take("cursor", "a next_cursor of this listing", parsed::<Cursor>)?,
            direction: self.direction()?,
        })
    }

    /// `order`: newest first unless oldest is asked for.
    pub(crate) fn direction(&mut self) -> Result<Direction, Problem> {
        let direction = self.take("order", ORDER_FORM, |word| match word {
            "newest" => Some(Direction::Older),
            "oldest" => Some(Direction::Newer),
            _ => None,
        })?;
        Ok(direction.unwrap_or_default())
    }
}

/// Parameters that [`Params::filter`] reads.
pub(crate) const FILTER: [&str; 10] = [
    "agent_id",
    "action_type",
    "tool",
    "session_id",
    "value",
    "rule_id",
    "runtime",
    "since",
    "until",
    "q",
];

pub(crate) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

pub(crate) fn bad(name: &str, problem: String) -> Problem {
    Problem::BadParameter {
        name: name.to_owned(),
        problem,
    }
}

/// The id in the path as it was written; its problem, where it is no text, is one like all others.
pub(crate) struct PathId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(text)) => Ok(Self(text)),
            Err(error) => Err(bad("id", error.body_text())),
        }
    }
}

/// An agent's id in the path.
pub(crate) fn agent_id(text: &str) -> Result<AgentId, Problem> {
    parsed(text).ok_or_else(|| bad("id", format!("an agent's id is {UUID_FORM}")))
}

/// A trace's id in the path.
pub(crate) fn trace_id(text: &str) -> Result<TraceId, Problem> {
    parsed(text).ok_or_else(|| bad("id", format!("a trace's id is {UUID_FORM}")))
}

/// Whether the client asks for this media type by name.
pub(crate) fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| range.trim().eq_ignore_ascii_case(media_type))
}
