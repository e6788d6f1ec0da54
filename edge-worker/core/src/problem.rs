//! Every way in which the API says no: RFC 9457 problem details, one enum, one match to a status.

use std::time::Duration;

use aap::card::CardError;
use aap::limits::MAX_BATCH_BYTES;
use aap::submission::SubmissionError;
use aap::wire::SubmitAnswer;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use trace_store::StoreError;

use crate::export::{MAX_EXPORT_TIME, MAX_EXPORTS, MAX_EXPORTS_PER_NETWORK};
use crate::limiter::LimitDecision;
use crate::live::{MAX_LIVE_PER_NETWORK, MAX_LIVE_STREAMS};

/// What a client waits when the store or a live slot is not available.
pub const RETRY_LATER: Duration = Duration::from_secs(2);
/// Media type of RFC 9457.
pub const PROBLEM_MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The body cannot be read.
    #[error("{0}")]
    BadBody(String),
    /// A parameter of the query.
    #[error("{name}: {problem}")]
    BadParameter {
        /// Which.
        name: String,
        /// What is wrong, and which form is accepted.
        problem: String,
    },
    /// No such thing.
    #[error("{0}")]
    NotFound(String),
    /// No such path.
    #[error("there is nothing at this path; /openapi.json lists what there is")]
    NoRoute,
    /// Another method than the path has.
    #[error("this path does not take this method; see the Allow header")]
    WrongMethod,
    /// The body did not arrive.
    #[error("the body did not arrive within {} seconds", .0.as_secs())]
    BodyTimeout(Duration),
    /// The body is over its cap.
    #[error("the body is larger than {0} bytes, decompressed; send less at a time")]
    TooLarge(usize),
    /// Neither JSON nor gzip of it.
    #[error("{0}")]
    WrongType(String),
    /// None of the traces can be stored.
    #[error("none of the traces was taken; results says why for each")]
    Rejected(SubmitAnswer),
    /// More agents that nobody has heard of than a network may bring in an hour.
    #[error(
        "the batch speaks for {new} agents that are not known here; a network may bring {most} in an hour. Split it, at most {most} new agents to a part, and send the rest when the limit `new_agents` lets them pass"
    )]
    TooManyNewAgents {
        /// How many.
        new: usize,
        /// The limit.
        most: u32,
    },
    /// The card is not believed.
    #[error("{0}")]
    BadCard(#[from] CardError),
    /// A message of the handshake that cannot be answered.
    #[error("{0}")]
    BadHandshake(String),
    /// Over a limit.
    #[error("over the limit `{}` of {} in {} seconds", .0.policy, .0.limit, .0.window.as_secs())]
    Limited(LimitDecision),
    /// No live slot.
    #[error(
        "too many live streams are open: {MAX_LIVE_STREAMS} in all, {MAX_LIVE_PER_NETWORK} for one network"
    )]
    TooManyStreams,
    /// No slot for an export.
    #[error(
        "too many exports are on their way: {MAX_EXPORTS} in all, {MAX_EXPORTS_PER_NETWORK} for one network; wait for one to end"
    )]
    TooManyExports,
    /// An export that goes on and on; its answer has begun, so this is only logged.
    #[error("the export took longer than {} seconds", MAX_EXPORT_TIME.as_secs())]
    ExportTooLong,
    /// The store failed; nothing was acknowledged.
    #[error("the store is not available; nothing was acknowledged, send it again")]
    Store(#[from] StoreError),
    /// A defect.
    #[error("the answer could not be written")]
    Unwritable,
}

impl From<SubmissionError> for Problem {
    fn from(error: SubmissionError) -> Self {
        match error {
            SubmissionError::TooLarge(_) => Self::TooLarge(MAX_BATCH_BYTES),
            other => Self::BadBody(other.to_string()),
        }
    }
}

impl Problem {
    /// The status, and the last part of the type's URN.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::BadBody(_) => (StatusCode::BAD_REQUEST, "unreadable-body"),
            Self::BadParameter { .. } => (StatusCode::BAD_REQUEST, "bad-parameter"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no-such-path"),
            Self::WrongMethod => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
            Self::BodyTimeout(_) => (StatusCode::REQUEST_TIMEOUT, "body-timeout"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            Self::WrongType(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-type"),
            Self::Rejected(_) => (StatusCode::UNPROCESSABLE_ENTITY, "all-rejected"),
            Self::TooManyNewAgents { .. } => {
                (StatusCode::UNPROCESSABLE_ENTITY, "too-many-new-agents")
            }
            Self::BadCard(_) => (StatusCode::UNPROCESSABLE_ENTITY, "card-not-believed"),
            Self::BadHandshake(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad-handshake"),
            Self::Limited(_) => (StatusCode::TOO_MANY_REQUESTS, "rate-limited"),
            Self::TooManyStreams => (StatusCode::SERVICE_UNAVAILABLE, "too-many-live-streams"),
            Self::TooManyExports => (StatusCode::SERVICE_UNAVAILABLE, "too-many-exports"),
            Self::ExportTooLong => (StatusCode::SERVICE_UNAVAILABLE, "export-too-long"),
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store-unavailable"),
            Self::Unwritable => (StatusCode::INTERNAL_SERVER_ERROR, "unwritable"),
        }
    }

    /// Members beyond RFC 9457's own.
    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::BadParameter { name, .. } => json!({ "parameter": name }),
            Self::TooLarge(limit) => json!({ "limit": limit }),
            Self::Rejected(answer) => json!(answer),
            Self::TooManyNewAgents { new, most } => json!({
                "policy": "new_agents",
                "limit": most,
                "new_agents": new,
            }),
            Self::Limited(decision) => json!({
                "policy": decision.policy,
                "limit": decision.limit,
                "window": decision.window.as_secs(),
                "retry_after": decision.retry_after_seconds(),
            }),
            Self::TooManyStreams => json!({ "limit": MAX_LIVE_STREAMS }),
            Self::TooManyExports => json!({ "limit": MAX_EXPORTS }),
            _ => Value::Null,
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Limited(decision) => decision.retry_after_seconds(),
            Self::TooManyStreams | Self::TooManyExports | Self::Store(_) => {
                Some(RETRY_LATER.as_secs())
            }
            _ => None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug) = self.kind();
        if let Self::Store(error) = &self {
            // Its own words may tell of paths and schemas: they are the operator's, not the client's.
            tracing::error!(%error, "the store failed");
        }
        let mut body = json!({
            "type": format!("urn:smoltbot:problem:{slug}"),
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.to_string(),
        });
        if let Value::Object(fields) = &mut body {
            fields.extend(self.members());
        }
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_MEDIA_TYPE);
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
