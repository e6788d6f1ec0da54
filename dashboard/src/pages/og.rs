//! `GET /og/{agent}.png`: the picture that stands beside a shared link to an agent, 1200 by 630.
//!
//! Drawn here, pixel by pixel, so that it is made wherever pages are made; see [`canvas`], [`font`] and [`png`].

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use trace_store::TraceReader;

use crate::App;
use crate::answer::PageError;
use crate::identicon;
use crate::pages::share::{Told, named_after, seal, shown_elsewhere};
use crate::text::short;
use crate::words::{number, percent};

mod canvas;
mod font;
mod png;

use canvas::{Canvas, Ink, Rgb};

/// What those who show previews ask for.
const WIDTH: u16 = 1200;
const HEIGHT: u16 = 630;
/// Room at the sides.
const EDGE: f32 = 76.0;
/// Where text beside the picture of the id begins.
const TEXT_AT: f32 = 300.0;

const GROUND: Rgb = [0x0e, 0x0f, 0x13];
const PANEL: Rgb = [0x1c, 0x1e, 0x25];
const WHITE: Rgb = [0xf2, 0xf4, 0xf8];
const MUTE: Rgb = [0x94, 0x9a, 0xa8];
const BAR: Rgb = [0x4c, 0x52, 0x60];
const DENY: Rgb = [0xff, 0x8b, 0x9c];
const ERROR: Rgb = [0xf2, 0xb1, 0x55];
const ALLOW: Rgb = [0x5f, 0xd1, 0x97];
const BRAND: Rgb = [0x3d, 0x4b, 0xe0];

/// Answers `GET /og/{agent}.png`.
pub(crate) async fn show<R: TraceReader>(
    State(app): State<App<R>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, PageError> {
    let id = named_after(path, "/og/", ".png")?;
    let told = Told::read(&app, id).await?;
    let canvas = draw(&told);
    let bytes = png::encode(&canvas.pixels, u32::from(WIDTH), &canvas.palette);
    Ok(shown_elsewhere("image/png", bytes))
}

fn draw(told: &Told) -> Canvas {
    let agent = &told.agent;
    let mut canvas = Canvas::new(usize::from(WIDTH), usize::from(HEIGHT), GROUND);
    let white = canvas.ink(WHITE, GROUND);
    let mute = canvas.ink(MUTE, GROUND);
    let deny = canvas.ink(DENY, GROUND);
    let error = canvas.ink(ERROR, GROUND);
    let allow = canvas.ink(ALLOW, GROUND);
    let bar = canvas.ink(BAR, GROUND);

    face(&mut canvas, told);
    let name = told.name();
    let name = if font::knows(&name) {
        name
    } else {
        short(&agent.agent_id)
    };
    // As large as fits.
    let room = f32::from(WIDTH) - TEXT_AT - EDGE;
    let size = (room / font::width(&name, 1.0)).clamp(24.0, 62.0);
    canvas.text(
        &cut(&name, size, room),
        [TEXT_AT, 142.0],
        size,
        size * 0.15,
        white,
    );
    canvas.text(
        &agent.agent_id.to_string(),
        [TEXT_AT, 196.0],
        21.0,
        2.6,
        mute,
    );
    let (word, ink) = match seal(agent) {
        "unsigned" => ("Unsigned", mute),
        "signed" => ("Signed by its own key", allow),
        _ => ("Partly signed", allow),
    };
    canvas.text(word, [TEXT_AT, 246.0], 21.0, 3.2, ink);

    let share = percent(agent.denied, agent.traces);
    figure(
        &mut canvas,
        EDGE,
        &number(agent.traces),
        "tool calls",
        white,
        mute,
    );
    figure(
        &mut canvas,
        458.0,
        &number(agent.denied),
        &format!("refused, {share}"),
        deny,
        mute,
    );
    figure(
        &mut canvas,
        840.0,
        &number(agent.errors),
        "failed",
        error,
        mute,
    );
    chart(&mut canvas, told, [bar, deny, error]);
    mark(&mut canvas);
    canvas.text("smoltbot", [EDGE + 56.0, 583.0], 24.0, 3.6, white);
    let motto = "what it did, what it refused, and why";
    let at = f32::from(WIDTH) - EDGE - font::width(motto, 19.0);
    canvas.text(motto, [at, 582.0], 19.0, 2.4, mute);
    canvas
}

/// The picture of the id on its tile.
fn face(canvas: &mut Canvas, told: &Told) {
    const SIDE: f32 = 175.0; // Seven whole steps, so that squares meet on whole pixels.
    let id = told.agent.agent_id;
    let tile = canvas.ink(PANEL, GROUND);
    let cell = canvas.ink(colour(identicon::hue(id)), PANEL);
    canvas.rect([EDGE, 84.0, SIDE, SIDE], 34.0, tile);
    let step = SIDE / 7.0;
    for (column, row) in identicon::squares(id) {
        let place = |at: u8, from: f32| from + (f32::from(at) + 1.0) * step;
        canvas.rect(
            [place(column, EDGE), place(row, 84.0), step, step],
            0.0,
            cell,
        );
    }
}

/// A large number with what it counts.
fn figure(canvas: &mut Canvas, x: f32, value: &str, label: &str, ink: Ink, mute: Ink) {
    let size = (310.0 / font::width(value, 1.0)).clamp(20.0, 58.0);
    canvas.text(value, [x, 378.0], size, size * 0.15, ink);
    canvas.text(label, [x, 422.0], 21.0, 2.8, mute);
}

/// Its last seven days; refusals at the bottom, where people look for them.
fn chart(canvas: &mut Canvas, told: &Told, inks: [Ink; 3]) {
    const BASE: f32 = 530.0;
    const TALL: u64 = 60;
    let count = u16::try_from(told.bars.len().max(1)).unwrap_or(u16::MAX);
    let step = (f32::from(WIDTH) - 2.0 * EDGE) / f32::from(count);
    let most = told.most();
    for (index, &[allow, deny, error]) in (0_u16..).zip(&told.bars) {
        let x = EDGE + f32::from(index) * step + step * 0.12;
        let mut foot = BASE;
        for (count, ink) in [deny, error, allow]
            .into_iter()
            .zip([inks[1], inks[2], inks[0]])
        {
            if count > 0 {
                let tall = u16::try_from((count * TALL / most).max(4)).unwrap_or(4);
                foot -= f32::from(tall);
                canvas.rect([x, foot, step * 0.76, f32::from(tall)], 2.0, ink);
            }
        }
    }
}

/// The mark of this dashboard.
fn mark(canvas: &mut Canvas) {
    let brand = canvas.ink(BRAND, GROUND);
    let eye = canvas.ink([0xff; 3], BRAND);
    let (x, y) = (EDGE, 551.0);
    canvas.rect([x, y, 40.0, 40.0], 10.0, brand);
    for eye_x in [13.75, 26.25] {
        canvas.line([x + eye_x, y + 17.5], [x + eye_x, y + 17.6], 7.5, eye);
    }
    canvas.line([x + 11.25, y + 27.5], [x + 28.75, y + 27.5], 3.25, eye);
}

/// As much of `text` as fits into `room`.
fn cut(text: &str, size: f32, room: f32) -> String {
    if font::width(text, size) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    loop {
        kept.pop();
        let shown: String = kept.iter().collect::<String>() + "…";
        if kept.is_empty() || font::width(&shown, size) <= room {
            return shown;
        }
    }
}

/// What `hsl(hue 52% 56%)` is in red, green and blue.
fn colour(hue: u32) -> Rgb {
    let part = |shift: u32| {
        // CSS Color 4: f(n) = l - a * max(-1, min(k - 3, 9 - k, 1)), with k in twelfths of the circle.
        let degrees = u16::try_from((shift * 30 + hue) % 360).unwrap_or(0);
        let k = f32::from(degrees) / 30.0;
        let value = 0.56 - 0.52 * 0.44 * (k - 3.0).min(9.0 - k).clamp(-1.0, 1.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 255"
        )]
        let part = (value * 255.0).round() as u8;
        part
    };
    [part(0), part(8), part(4)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hue_has_the_colour_that_css_gives_it() {
        // Red is the highest at 0 degrees, green at 120, blue at 240.
        assert_eq!(colour(0), [0xc9, 0x54, 0x54]);
        assert_eq!(colour(120), [0x54, 0xc9, 0x54]);
        assert_eq!(colour(240), [0x54, 0x54, 0xc9]);
    }

    #[test]
    fn long_text_is_cut_to_its_room() {
        let shown = cut(&"W".repeat(48), 30.0, 500.0);
        assert!(shown.ends_with('…') && font::width(&shown, 30.0) <= 500.0);
        assert_eq!(cut("short", 30.0, 500.0), "short");
    }
}
