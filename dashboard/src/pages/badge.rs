//! `GET /badge/{agent}.svg`: an agent's record in one line, to put into a README.

use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use trace_store::TraceReader;

use crate::App;
use crate::answer::PageError;
use crate::query::agent_id;
use crate::words::counted;

/// How long others may show a badge without asking again.
const FRESH: Duration = Duration::from_mins(5);

/// Answers `GET /badge/{agent}.svg`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let Path(file) = path.map_err(|error| PageError::Bad(error.body_text()))?;
    let id = agent_id(file.strip_suffix(".svg").ok_or_else(|| {
        PageError::Bad("a badge's address is /badge/ and an agent's id and .svg".to_owned())
    })?)?;
    let Some(agent) = app.reader.agent(id).await? else {
        return Err(PageError::Missing(format!(
            "Nothing has been heard of agent {id} here."
        )));
    };
    let message = format!(
        "{} · {} · {}",
        counted(agent.traces, "call", "calls"),
        if agent.denied == 0 {
            "none refused".to_owned()
        } else {
            format!("{} refused", crate::words::number(agent.denied))
        },
        if agent.signed == 0 {
            "unsigned"
        } else if agent.signed == agent.traces {
            "signed"
        } else {
            "partly signed"
        }
    );
    let colour = if agent.signed == 0 {
        "#5d6470"
    } else {
        "#3d4be0"
    };
    Ok((
        [
            (header::CONTENT_TYPE, "image/svg+xml".to_owned()),
            (
                header::CACHE_CONTROL,
                format!(
                    "public, max-age={0}, stale-while-revalidate={0}",
                    FRESH.as_secs()
                ),
            ),
            // A badge is there to be shown by other sites.
            (
                header::HeaderName::from_static("cross-origin-resource-policy"),
                "cross-origin".to_owned(),
            ),
        ],
        draw("smoltbot", &message, colour),
    )
        .into_response())
}

/// Two boxes with text of known width; only digits and our own words go in.
fn draw(label: &str, message: &str, colour: &str) -> String {
    let (left, right) = (width(label), width(message));
    let all = left + right;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" aria-label=\"{label}: {message}\">\
         <title>{label}: {message}</title>\
         <clipPath id=\"r\"><rect width=\"{all}\" height=\"20\" rx=\"4\"/></clipPath>\
         <g clip-path=\"url(#r)\"><rect width=\"{left}\" height=\"20\" fill=\"#24272e\"/><rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{colour}\"/></g>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\">\
         <text x=\"7\" y=\"14\" textLength=\"{}\">{label}</text><text x=\"{}\" y=\"14\" textLength=\"{}\">{message}</text></g></svg>",
        left - 14,
        left + 7,
        right - 14
    )
}

/// Pixels of `text` at 11 px, about, with seven on each side; `textLength` makes it exact.
fn width(text: &str) -> usize {
    let tenths: usize = text
        .chars()
        .map(|c| match c {
            'i' | 'l' => 30,
            ' ' | 'f' | ',' | 't' => 41,
            '·' | 'r' | 's' => 52,
            'm' => 107,
            'w' => 90,
            '0'..='9' => 70,
            _ => 66,
        })
        .sum();
    tenths / 10 + 14
}
