//! `GET /sitemap.xml` and `GET /robots.txt`: what search engines may look at.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use trace_store::TraceReader;

use crate::App;
use crate::answer::PageError;
use crate::origin::Origin;
use crate::text::xml;

/// Agents on the map: those heard of last.
pub(crate) const MAPPED_AGENTS: u32 = 500;

/// Answers `GET /sitemap.xml`.
pub(crate) async fn map<R: TraceReader>(
    State(app): State<App<R>>,
    origin: Origin,
) -> Result<Response, PageError> {
    let agents = app.reader.agents(MAPPED_AGENTS).await?;
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    for page in ["/", "/refusals", "/traces", "/about"] {
        let _ = writeln!(
            out,
            "<url><loc>{}</loc></url>",
            xml(&origin.at(page), 4_096)
        );
    }
    for agent in agents {
        let page = origin.at(&aap::paths::agent_page(agent.agent_id));
        let _ = writeln!(
            out,
            "<url><loc>{}</loc><lastmod>{}</lastmod></url>",
            xml(&page, 4_096),
            agent.last_seen
        );
    }
    out.push_str("</urlset>\n");
    Ok(answer("application/xml; charset=utf-8", out))
}

/// Answers `GET /robots.txt`. Pages of one place in a listing are left out: they are without end, and say nothing of their own.
pub(crate) async fn robots(origin: Origin) -> Response {
    let text = format!(
        "User-agent: *\nDisallow: /v1/\nDisallow: /search\nDisallow: /embed/\nDisallow: /*older=\nDisallow: /*newer=\n\nSitemap: {}\n",
        origin.at("/sitemap.xml")
    );
    answer("text/plain; charset=utf-8", text)
}

fn answer(mime: &'static str, body: String) -> Response {
    (
        [
            (header::CONTENT_TYPE, mime),
            (header::CACHE_CONTROL, "public, max-age=3600"),
        ],
        body,
    )
        .into_response()
}
