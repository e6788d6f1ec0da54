//! Reading what came, and no more of it than can be told.
//!
//! A body that is no text, or comes packed although that was not asked for, is not read at all: nothing here unpacks, so nothing can
//! burst. Who has read enough closes the connection. It reads ahead of us by a buffer of hyper's, which grows with a fast server up to some
//! 400 KiB; beyond that, nothing is taken from the network.

use reqwest::header::{self, HeaderName, HeaderValue};
use reqwest::{Method, Response, Url};
use serde_json::{Value, json};

use super::{Asking, Failure, causes, page};
use crate::limits::{MAX_FETCH_BYTES, MAX_FETCHED_HEADER_BYTES, MAX_RESULT_BYTES};
use crate::tools::capped::cut;

/// Headers of an answer that a model may have a use for.
const TOLD: [HeaderName; 6] = [
    header::LOCATION,
    header::RETRY_AFTER,
    header::LAST_MODIFIED,
    header::ETAG,
    header::WWW_AUTHENTICATE,
    header::LINK,
];

/// A header's value as it is told.
pub(super) fn told(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    cut(&text, MAX_FETCHED_HEADER_BYTES).0
}

/// Reads what came: of a page up to `most` bytes, of other texts as many as can be told, of anything else nothing.
pub(super) async fn read(
    asking: &Asking,
    response: Response,
    most: usize,
    redirects: usize,
) -> Result<Value, Failure> {
    let url = asking.url.as_str();
    let headers = response.headers();
    let value = |name: &HeaderName| headers.get(name).map(told);
    let kind = value(&header::CONTENT_TYPE).unwrap_or_default();
    let status = response.status().as_u16();
    let mut answer = json!({"url": url, "status": status, "content_type": kind});
    if redirects > 0 {
        answer["redirects"] = json!(redirects);
    }
    for name in &TOLD {
        if let Some(value) = value(name) {
            answer[name.as_str()] = json!(value);
        }
    }
    let announced = response.content_length();
    if asking.method == Method::HEAD || announced == Some(0) {
        answer["body"] = json!("");
        return Ok(answer);
    }
    let packed =
        value(&header::CONTENT_ENCODING).filter(|how| !how.eq_ignore_ascii_case("identity"));
    let unread = match packed {
        Some(how) => Some(format!("packed ({how}), which was not asked for")),
        None if !page::may_be_text(&kind) => Some("no text".to_owned()),
        None => None,
    };
    if let Some(what) = unread {
        let size = announced.map_or_else(String::new, |bytes| format!("{bytes} bytes, "));
        answer["binary"] = json!(format!("{size}{what}; not read"));
        return Ok(answer);
    }
    let body = take(&asking.url, response, &kind, most, &answer).await?;
    let Some(text) = page::text(&kind, &body.bytes) else {
        answer["binary"] = json!(format!(
            "no text, as its first {} bytes show",
            body.bytes.len()
        ));
        return Ok(answer);
    };
    let (text, missing) = cut(&text, MAX_RESULT_BYTES);
    let mut truncated = Vec::new();
    if body.goes_on {
        let of = announced.map_or("more".to_owned(), |all| format!("{all} bytes"));
        let read = body.bytes.len();
        truncated.push(format!("the first {read} bytes of {of}"));
        truncated.push(if body.is_page {
            format!("`max_bytes` allows up to {MAX_FETCH_BYTES}")
        } else {
            format!("some servers tell the rest when the header Range says bytes={read}-")
        });
    }
    if missing > 0 {
        truncated.push(format!(
            "{missing} bytes of its text were cut out of the middle"
        ));
    }
    if !truncated.is_empty() {
        answer["truncated"] = json!(truncated.join("; "));
    }
    answer["body"] = json!(text);
    Ok(answer)
}

/// A body, or its beginning.
struct Body {
    bytes: Vec<u8>,
    /// Whether it is a page of HTML.
    is_page: bool,
    /// Whether there was more of it.
    goes_on: bool,
}

async fn take(
    url: &Url,
    mut response: Response,
    kind: &str,
    most: usize,
    so_far: &Value,
) -> Result<Body, Failure> {
    let mut body = Body {
        bytes: Vec::new(),
        is_page: false,
        goes_on: false,
    };
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure {
        message: format!(
            "`{url}` broke off after {} bytes: {}",
            body.bytes.len(),
            causes(&error)
        ),
        result: so_far.clone(),
    })? {
        if body.bytes.is_empty() {
            body.is_page = page::is_page(kind, &chunk);
        }
        let limit = if body.is_page {
            most
        } else {
            most.min(MAX_RESULT_BYTES)
        };
        let room = limit - body.bytes.len();
        body.bytes
            .extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            body.goes_on = true;
            break;
        }
    }
    Ok(body)
}
