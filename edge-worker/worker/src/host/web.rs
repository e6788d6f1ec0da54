//! Between Cloudflare's requests and answers and those of the router. Bodies that are short go over in one piece: each
//! piece of a stream costs a turn through JavaScript.

use aap::limits::MAX_BATCH_BYTES;
use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::{self, HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response as HttpResponse};
use edge_core::ClientNet;
use futures_util::{TryStreamExt, stream};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use worker::send::SendFuture;
use worker::{EncodeBody, Env, Headers, Request, Response, ResponseBuilder, Result};

use crate::client;
use crate::settings::bindings;

/// Has `router` answer `request`.
pub(super) async fn answer(router: Router, request: Request) -> Result<Response> {
    let request = into_http(request)?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    from_http(response).await
}

fn into_http(mut request: Request) -> Result<http::Request<Body>> {
    let raw = request.inner();
    let (method, url) = (raw.method(), raw.url());
    // From the path on: the router does not care about the origin.
    let path = url.find("://").and_then(|scheme| {
        let rest = &url[scheme + 3..];
        rest.find('/').map(|path| &rest[path..])
    });
    let uri: Uri = path.unwrap_or("/").parse().map_err(told)?;
    let mut built = http::Request::builder().method(method.as_str()).uri(uri);
    let mut length = None;
    if let Some(headers) = built.headers_mut() {
        read_headers(request.headers(), headers);
        length = headers.get(header::CONTENT_LENGTH).cloned();
    }
    if let Some(ip) = request.headers().get(client::CONNECTING_IP)? {
        if let Some(ip) = client::address(Some(&ip)) {
            built = built.extension(ClientNet(ip));
        }
    }
    let has_body = request.inner().body().is_some();
    let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let body = match length {
        _ if !has_body => Body::empty(),
        // Read when the router asks for it, under its own limits of time.
        Some(length) if length <= MAX_BATCH_BYTES => {
            let whole = SendFuture::new(async move { request.bytes().await.map(Bytes::from) });
            Body::from_stream(stream::once(whole))
        }
        _ => {
            let stream = request.inner().body();
            stream.map_or_else(Body::empty, |stream| Body::new(worker::Body::new(stream)))
        }
    };
    Ok(built.body(body)?)
}

/// What is no header for the router, such as a value that is not ASCII, is left out, as hyper leaves nothing of it.
fn read_headers(from: &Headers, to: &mut HeaderMap) {
    for (name, value) in from.entries() {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            to.append(name, value);
        }
    }
}

async fn from_http(response: HttpResponse) -> Result<Response> {
    let (parts, body) = response.into_parts();
    let headers = Headers::new();
    for (name, value) in &parts.headers {
        if let Ok(value) = value.to_str() {
            headers.append(name.as_str(), value)?;
        }
    }
    let mut built = ResponseBuilder::new()
        .with_status(parts.status.as_u16())
        .with_headers(headers);
    if parts.headers.contains_key(header::CONTENT_ENCODING) {
        built = built.with_encode_body(EncodeBody::Manual);
    }
    if body.size_hint().exact() == Some(0) {
        return Ok(built.empty());
    }
    if body.size_hint().exact().is_some() {
        let bytes = body.collect().await.map_err(told)?;
        return Ok(built.fixed(bytes.to_bytes().to_vec()));
    }
    built.from_stream(TryStreamExt::map_err(body.into_data_stream(), told))
}

#[allow(clippy::needless_pass_by_value)] // For map_err.
fn told(error: impl ToString) -> worker::Error {
    error.to_string().into()
}

/// The answer with the file at `url` as its body, which is no part of this module.
pub(super) async fn with_file(answer: Response, env: &Env, url: &str) -> Result<Response> {
    let file = env.assets(bindings::FILES)?.fetch(url, None).await?;
    if file.status() != StatusCode::OK {
        let status = file.status().as_u16();
        return Err(format!("the file of {url} is answered with {status}").into());
    }
    let body = file.into_body().collect().await.map_err(told)?;
    let (head, _) = answer.into_parts();
    Ok(head.fixed(body.to_bytes().to_vec()))
}

/// A problem as the whole answer.
pub(super) async fn problem(problem: edge_core::Problem) -> Result<Response> {
    from_http(problem.into_response()).await
}
