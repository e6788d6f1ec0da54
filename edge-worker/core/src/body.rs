//! Reading a request's body: its type, its encoding, its size, in bounded time.

use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, header};
use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use crate::{Problem, Sleep};

mod unpack;

use unpack::Encoding;

/// How long a body may take to arrive.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The body as JSON text, unpacked, at most `cap` bytes.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: Body,
    cap: usize,
    sleep: &Sleep,
) -> Result<Bytes, Problem> {
    check_type(headers)?;
    read_any(headers, body, cap, sleep).await
}

/// The body, of whatever type it is, unpacked, at most `cap` bytes.
pub(crate) async fn read_any(
    headers: &HeaderMap,
    body: Body,
    cap: usize,
    sleep: &Sleep,
) -> Result<Bytes, Problem> {
    let encoding = Encoding::of(headers)?;
    check_declared_size(headers, cap)?;
    let arriving = pin!(Limited::new(body, cap).collect());
    let bytes = match select(arriving, sleep(BODY_TIMEOUT)).await {
        Either::Left((Ok(collected), _)) => collected.to_bytes(),
        Either::Left((Err(error), _)) if error.is::<LengthLimitError>() => {
            return Err(Problem::TooLarge(cap));
        }
        Either::Left((Err(error), _)) => {
            return Err(Problem::BadBody(format!("the body broke off: {error}")));
        }
        Either::Right(_) => return Err(Problem::BodyTimeout(BODY_TIMEOUT)),
    };
    encoding.unpack(bytes, cap)
}

/// Refuses a body that says itself that it is too large, before anything else is done for it.
pub(crate) fn check_declared_size(headers: &HeaderMap, cap: usize) -> Result<(), Problem> {
    let declared = text(headers, header::CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    match declared {
        Some(bytes) if bytes > cap as u64 => Err(Problem::TooLarge(cap)),
        _ => Ok(()),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// What command-line and scripting clients say of a body when nobody tells them its type. It is judged by what it holds:
/// these bodies are as open to everybody as JSON's are, so the type protects nothing here.
const UNTOLD_TYPES: [&str; 2] = ["application/x-www-form-urlencoded", "text/plain"];

/// The media type that is told, without its parameters and in lower case; none where none is told.
pub(crate) fn essence(headers: &HeaderMap) -> Option<String> {
    let told = headers.get(header::CONTENT_TYPE)?.to_str();
    let essence = told.unwrap_or_default().split(';').next();
    Some(essence.unwrap_or_default().trim().to_ascii_lowercase())
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(essence) = essence(headers) else {
        return Ok(());
    };
    let json = essence == "application/json"
        || essence.starts_with("application/") && essence.ends_with("+json");
    if json || UNTOLD_TYPES.contains(&essence.as_str()) {
        Ok(())
    } else {
        Err(Problem::WrongType(
            "Content-Type: application/json is accepted, or none at all".to_owned(),
        ))
    }
}
