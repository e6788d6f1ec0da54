//! `GET /badge/{agent}.svg` and `GET /card/{agent}.svg`: an agent's record in one line or on a small card, for other sites.
//!
//! Colours stand in attributes: these answers carry the same strict policy as all pages, under which a style would do nothing.

use std::fmt::Write as _;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use trace_store::{AgentRow, TraceReader};

use crate::App;
use crate::answer::PageError;
use crate::identicon;
use crate::pages::share::{Told, named_after, seal, shown_elsewhere, unknown};
use crate::text::xml;
use crate::words::{counted, number};

/// Characters of a name that fit on the card.
const CARD_NAME_CHARS: usize = 24;
/// Characters of a proven host that fit on the card.
const CARD_HOST_CHARS: usize = 32;

/// Answers `GET /badge/{agent}.svg`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let id = named_after(path, "/badge/", ".svg")?;
    let agent = app.reader.agent(id).await?.ok_or_else(|| unknown(id))?;
    Ok(shown_elsewhere("image/svg+xml", badge(&agent)))
}

/// Answers `GET /card/{agent}.svg`.
pub(crate) async fn card<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let id = named_after(path, "/card/", ".svg")?;
    let told = Told::read(&app, id).await?;
    Ok(shown_elsewhere("image/svg+xml", draw_card(&told)))
}

fn refused(agent: &AgentRow) -> String {
    if agent.denied == 0 {
        "none refused".to_owned()
    } else {
        format!("{} refused", number(agent.denied))
    }
}

fn badge(agent: &AgentRow) -> String {
    let message = format!(
        "{} · {} · {}",
        counted(agent.traces, "call", "calls"),
        refused(agent),
        seal(agent)
    );
    let colour = if agent.signed == 0 {
        "#5d6470"
    } else {
        "#3d4be0"
    };
    draw("smoltbot", &message, colour)
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

/// Who it is, how much it did and refused, and its last seven days.
fn draw_card(told: &Told) -> String {
    let agent = &told.agent;
    let id = agent.agent_id;
    let name = xml(&told.name(), CARD_NAME_CHARS);
    let (signed, calls, refusals) = (seal(agent), number(agent.traces), number(agent.denied));
    let errors = number(agent.errors);
    let host = told.proven().map(|host| xml(host, CARD_HOST_CHARS));
    let at = host.as_ref().map(|host| format!(", of {host}"));
    let at = at.unwrap_or_default();
    let label = format!(
        "{name}{at}: {}, {refusals} refused, {}, {signed}",
        counted(agent.traces, "call", "calls"),
        counted(agent.errors, "error", "errors")
    );
    let host = host.map_or_else(String::new, |host| {
        format!("<text x=\"18\" y=\"138\" fill=\"#1b7a4a\">{host}, proven</text>")
    });
    let seal_colour = if agent.signed == 0 {
        "#656975"
    } else {
        "#1b7a4a"
    };
    let (columns, [deny, error, allow]) = (told.bars.len() * 10, bars(told));
    let hue = identicon::hue(id);
    let squares = identicon::path(id);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"440\" height=\"150\" viewBox=\"0 0 440 150\" role=\"img\" aria-label=\"{label}\">\
<title>{label}</title>\
<rect x=\".5\" y=\".5\" width=\"439\" height=\"149\" rx=\"14\" fill=\"#fff\" stroke=\"#d3d3db\"/>\
<rect x=\"18\" y=\"18\" width=\"48\" height=\"48\" rx=\"11\" fill=\"#f3f3f5\"/>\
<path transform=\"translate(24.86 24.86) scale(6.857)\" fill=\"hsl({hue},52%,56%)\" d=\"{squares}\"/>\
<g font-family=\"system-ui,Segoe UI,Roboto,Helvetica,Arial,sans-serif\" fill=\"#17181c\">\
<text x=\"80\" y=\"40\" font-size=\"18\" font-weight=\"650\">{name}</text>\
<text x=\"80\" y=\"60\" font-size=\"12\" fill=\"#656975\" font-family=\"ui-monospace,Menlo,Consolas,monospace\">{id}</text>\
<g font-size=\"22\" font-weight=\"640\"><text x=\"18\" y=\"104\">{calls}</text>\
<text x=\"108\" y=\"104\" fill=\"#b3213b\">{refusals}</text><text x=\"186\" y=\"104\" fill=\"#8a5300\">{errors}</text></g>\
<g font-size=\"12\" fill=\"#656975\"><text x=\"18\" y=\"122\">calls</text><text x=\"108\" y=\"122\">refused</text><text x=\"186\" y=\"122\">errors</text>{host}\
<text x=\"422\" y=\"138\" text-anchor=\"end\">smoltbot · last 7 days</text></g>\
<text x=\"422\" y=\"38\" font-size=\"12\" font-weight=\"580\" text-anchor=\"end\" fill=\"{seal_colour}\">{signed}</text></g>\
<svg x=\"254\" y=\"76\" width=\"168\" height=\"44\" viewBox=\"0 0 {columns} 64\" preserveAspectRatio=\"none\">\
<path fill=\"#b9bdc9\" d=\"{allow}\"/><path fill=\"#8a5300\" d=\"{error}\"/><path fill=\"#b3213b\" d=\"{deny}\"/></svg></svg>"
    )
}

/// Refused, failed and allowed as path data, a bar ten units wide and 64 high at most.
fn bars(told: &Told) -> [String; 3] {
    const HEIGHT: u64 = 64;
    const LEAST: u64 = 4;
    let most = told.most();
    let mut paths = [String::new(), String::new(), String::new()];
    for (index, &[allow, deny, error]) in told.bars.iter().enumerate() {
        let mut base = HEIGHT;
        for (path, count) in paths.iter_mut().zip([deny, error, allow]) {
            if count > 0 {
                let height = (count * (HEIGHT - 2 * LEAST) / most).max(LEAST).min(base);
                base -= height;
                let _ = write!(path, "M{} {base}h8v{height}h-8z", index * 10 + 1);
            }
        }
    }
    paths
}
