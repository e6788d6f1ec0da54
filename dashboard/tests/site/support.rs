//! A store with calls in it, and a browser without eyes.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use dashboard::proof::Proofs;
use http_body_util::BodyExt as _;
use tempfile::TempDir;
use tower::ServiceExt as _;
use trace_store::conformance::now;
use trace_store_sqlite::SqliteStore;

/// A store in a directory of its own, and the pages over it.
pub(crate) struct Site {
    pub(crate) store: SqliteStore,
    pub(crate) pages: Router,
    _directory: TempDir,
}

/// What a page answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Site {
    /// An empty one, at `now(0)`.
    pub(crate) fn open() -> Self {
        Self::proving(Proofs::off())
    }

    /// One that asks for proofs of links.
    pub(crate) fn proving(proofs: Proofs) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&directory.path().join("traces.db")).unwrap();
        let pages = dashboard::router(Arc::new(store.clone()), Arc::new(|| now(0)), proofs)
            .fallback(dashboard::not_found);
        Self {
            store,
            pages,
            _directory: directory,
        }
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = self.pages.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// `GET path`, which must be a page and must be clean.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert_clean(&answer.body, path);
        answer.body
    }
}

impl Answer {
    /// A header's text, empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

const TAGS: &str = "a abbr article aside b bdi blockquote body br button caption code datalist dd details div dl dt em fieldset figcaption \
    figure footer form h1 h2 h3 head header html i img input label li link main mark meta nav ol option p path pre q \
    script section select small span summary svg symbol table tbody td template th thead time title tr ul use";
const ATTRIBUTES: &str = "action alt aria-current aria-hidden aria-label aria-labelledby aria-pressed as autocomplete charset crossorigin \
    checked class content d data-at data-bars data-brush data-chart data-copy data-copy-of data-first data-fresh data-live data-live-bar data-narrow data-fixed data-none data-one data-pause data-rows data-say data-session data-note data-whole \
    data-state data-step datetime defer download fill for form height hidden href id lang list maxlength method name placeholder \
    preserveaspectratio property rel role scope selected spellcheck src tabindex target title type value viewbox width";

/// Reads `html` as a browser does and fails on any element, attribute or address that is not ours, and on any character
/// that hides or reorders text.
pub(crate) fn assert_clean(html: &str, place: &str) {
    let tags: BTreeSet<&str> = TAGS.split_whitespace().collect();
    let attributes: BTreeSet<&str> = ATTRIBUTES.split_whitespace().collect();
    for hidden in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{7}'] {
        assert!(!html.contains(hidden), "{place}: {hidden:?} is in the page");
    }
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        if rest.starts_with("!doctype") {
            continue;
        }
        let name: String = rest
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        assert!(
            tags.contains(name.as_str()),
            "{place}: element <{name} at {rest:.60}"
        );
        let (inside, after) = tag(rest);
        for (key, value) in inside {
            assert!(
                attributes.contains(key.as_str()),
                "{place}: attribute {key} of {name}"
            );
            if ["href", "src", "action"].contains(&key.as_str()) {
                assert!(
                    value.is_empty() || value.starts_with(['/', '#']) && !value.starts_with("//"),
                    "{place}: {key}={value}"
                );
            }
        }
        rest = after;
        if name == "script" {
            assert!(
                rest.starts_with("</script>") || rest.starts_with('\n'),
                "{place}: inline script"
            );
        }
    }
}

/// Attributes of the tag that `text` begins with, and what comes after it.
fn tag(text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let name = text.find([' ', '\n', '>']).unwrap();
    let mut rest = &text[name..];
    loop {
        rest = rest.trim_start_matches([' ', '\n', '/']);
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest.find(['=', ' ', '>', '\n']).unwrap();
        let key = rest[..end].to_ascii_lowercase();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(after) = rest.strip_prefix('=') {
            let (stop, skip) = match after.chars().next() {
                Some(quote @ ('"' | '\'')) => (after[1..].find(quote).unwrap() + 1, 1),
                _ => (after.find([' ', '>']).unwrap(), 0),
            };
            after[skip..stop].clone_into(&mut value);
            rest = &after[stop + skip..];
        }
        found.push((key, value));
    }
}

/// The address of the link with this `rel`, as a browser reads it.
pub(crate) fn link(page: &str, rel: &str) -> Option<String> {
    let end = page.find(&format!("\" rel=\"{rel}\">"))?;
    let start = page[..end].rfind("href=\"")? + 6;
    let address = page[start..end].replace("&#38;", "&");
    address.split('#').next().map(str::to_owned)
}

/// Ids of the calls that a page lists, in its order.
pub(crate) fn traces(page: &str) -> Vec<String> {
    page.split("class=\"tool\" href=\"/trace/")
        .skip(1)
        .map(|rest| rest[..36].to_owned())
        .collect()
}
