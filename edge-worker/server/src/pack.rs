//! Packs pages, styles, scripts and JSON for clients that unpack them: a page takes a quarter of its bytes then.
//!
//! Only answers that are whole are packed; live streams and exports go out as they are made. In front of a Worker, Cloudflare
//! does the same. Nothing here is a secret that an attacker could guess by the packed length: what is served is public.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Answers below this many bytes fit into one packet anyway.
const LEAST_BYTES: u64 = 1024;
/// Answers above this many bytes go out unpacked: packing one would hold up its thread for over ten milliseconds.
const MOST_BYTES: u64 = 1024 * 1024;
/// Half of the time of the usual 6, for a tenth more bytes.
const LEVEL: Compression = Compression::new(4);

/// Types that get smaller, by their beginnings.
const TYPES: [&str; 7] = [
    "text/",
    "application/json",
    "application/problem+json",
    "application/feed+json",
    "application/atom+xml",
    "application/xml",
    "image/svg+xml",
];

/// A layer over every route.
pub(crate) async fn answers(request: Request, next: Next) -> Response {
    let wanted = unpacks(request.headers());
    let mut answer = next.run(request).await;
    if !gets_smaller(&answer) {
        return answer;
    }
    let vary = HeaderValue::from_static("accept-encoding");
    answer.headers_mut().append(header::VARY, vary);
    if !wanted {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    // The length is known and allowed; a body that is whole does not fail.
    let plain = to_bytes(body, usize::try_from(MOST_BYTES).unwrap_or(usize::MAX)).await;
    let plain = plain.unwrap_or_default();
    let mut packed = GzEncoder::new(Vec::with_capacity(plain.len() / 3), LEVEL);
    let packed = packed.write_all(&plain).and_then(|()| packed.finish());
    let Ok(packed) = packed else {
        return Response::from_parts(parts, Body::from(plain));
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    let gzip = HeaderValue::from_static("gzip");
    parts.headers.insert(header::CONTENT_ENCODING, gzip);
    Response::from_parts(parts, Body::from(packed))
}

/// Whether the client says that it unpacks gzip (RFC 9110, section 12.5.3); `*` and browsers' lists are understood.
fn unpacks(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).into_iter();
    let mut codings = lists
        .filter_map(|list| list.to_str().ok())
        .flat_map(|list| list.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let refused = weight
            .trim()
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Whether it is whole, neither tiny nor huge, of a type that packs well, and not packed yet.
fn gets_smaller(answer: &Response) -> bool {
    let headers = answer.headers();
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let length = answer.body().size_hint().exact();
    TYPES.iter().any(|known| kind.starts_with(known))
        && length.is_some_and(|length| (LEAST_BYTES..=MOST_BYTES).contains(&length))
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware::from_fn;
    use axum::routing::get;
    use flate2::read::GzDecoder;
    use tower::ServiceExt as _;

    use super::*;

    const PAGE: &str = "text/html; charset=utf-8";

    async fn ask(accept: &str, kind: &'static str, length: usize) -> Response {
        let body = "a page ".repeat(length / 7);
        let route = get(move || async move { ([(header::CONTENT_TYPE, kind)], body) });
        let router = Router::new().route("/", route).layer(from_fn(answers));
        let request = Request::get("/").header(header::ACCEPT_ENCODING, accept);
        let request = request.body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    fn coding(answer: &Response) -> Option<&str> {
        let coding = answer.headers().get(header::CONTENT_ENCODING)?;
        coding.to_str().ok()
    }

    #[tokio::test]
    async fn a_page_is_packed_and_comes_out_as_it_was() {
        let answer = ask("gzip, deflate, br", PAGE, 70_000).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(coding(&answer), Some("gzip"));
        assert_eq!(answer.headers()[header::VARY], "accept-encoding");
        let packed = to_bytes(answer.into_body(), 100_000).await.unwrap();
        assert!(packed.len() < 7_000, "{}", packed.len());
        let mut plain = String::new();
        GzDecoder::new(&packed[..])
            .read_to_string(&mut plain)
            .unwrap();
        assert_eq!(plain, "a page ".repeat(10_000));
    }

    #[tokio::test]
    async fn what_is_not_asked_for_or_does_not_pay_is_left_alone() {
        for (accept, kind, length) in [
            ("", PAGE, 70_000),
            ("br", PAGE, 70_000),
            ("gzip;q=0", PAGE, 70_000),
            ("gzip;q=0.0, br", PAGE, 70_000),
            ("gzip", "image/png", 70_000),
            ("gzip", PAGE, 700),
            ("gzip", PAGE, 2_000_000),
        ] {
            let answer = ask(accept, kind, length).await;
            assert_eq!(coding(&answer), None, "{accept} {kind} {length}");
            let plain = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
            assert_eq!(plain.len(), length / 7 * 7);
        }
        assert_eq!(coding(&ask("gzip;q=0.5", PAGE, 70_000).await), Some("gzip"));
    }
}
