//! Shapes with smooth edges on a picture of few colours: each ink is a ramp of shades from what is below to the colour.

use super::font;

/// Shades of one ink, from nothing to the full colour.
const SHADES: u8 = 16;

/// A colour: red, green, blue.
pub(crate) type Rgb = [u8; 3];

/// One ink, by its place in the palette.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink(u8);

/// What is drawn on.
pub(crate) struct Canvas {
    pub(crate) pixels: Vec<u8>,
    pub(crate) palette: Vec<Rgb>,
    width: usize,
    height: usize,
}

impl Canvas {
    /// An empty one, all of `ground`.
    pub(crate) fn new(width: usize, height: usize, ground: Rgb) -> Self {
        Self {
            pixels: vec![0; width * height],
            palette: vec![ground; usize::from(SHADES)],
            width,
            height,
        }
    }

    /// An ink of `colour` for use on `below`. At most 15 fit into a palette beside the ground; more use the last.
    pub(crate) fn ink(&mut self, colour: Rgb, below: Rgb) -> Ink {
        let first = self.palette.len().min(256 - usize::from(SHADES));
        self.palette.truncate(first);
        for shade in 0..u16::from(SHADES) {
            let part = |axis: usize| {
                let most = u16::from(SHADES) - 1;
                let mixed =
                    u16::from(below[axis]) * (most - shade) + u16::from(colour[axis]) * shade;
                u8::try_from(mixed / most).unwrap_or(u8::MAX)
            };
            self.palette.push([part(0), part(1), part(2)]);
        }
        Ink(u8::try_from(first).unwrap_or(0))
    }

    /// Puts `ink` on a pixel as much as `cover` of it is covered; what is there of the same ink only grows.
    fn dab(&mut self, x: usize, y: usize, ink: Ink, cover: f32) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 15"
        )]
        let shade = (cover.clamp(0.0, 1.0) * f32::from(SHADES - 1)).round() as u8;
        if shade == 0 {
            return;
        }
        if let Some(pixel) = self.pixels.get_mut(y * self.width + x) {
            let before = if *pixel & !(SHADES - 1) == ink.0 {
                *pixel
            } else {
                0
            };
            *pixel = before.max(ink.0 + shade);
        }
    }

    /// Covers all pixels between two corners as `cover` tells from a pixel's middle.
    fn fill(&mut self, from: [f32; 2], to: [f32; 2], ink: Ink, cover: impl Fn(f32, f32) -> f32) {
        let columns = span(from[0], to[0], self.width);
        for y in span(from[1], to[1], self.height) {
            for x in columns.clone() {
                self.dab(x, y, ink, cover(middle(x), middle(y)));
            }
        }
    }

    /// A rectangle with round corners.
    pub(crate) fn rect(&mut self, [x, y, w, h]: [f32; 4], round: f32, ink: Ink) {
        // Half a pixel at least, or a sharp corner would leave its whole inside half covered.
        let round = round.max(0.5);
        let (half_w, half_h) = (w / 2.0, h / 2.0);
        let (cx, cy) = (x + half_w, y + half_h);
        self.fill([x, y], [x + w, y + h], ink, |px, py| {
            let dx = ((px - cx).abs() - half_w + round).max(0.0);
            let dy = ((py - cy).abs() - half_h + round).max(0.0);
            round - dx.hypot(dy) + 0.5
        });
    }

    /// A line with round ends.
    pub(crate) fn line(&mut self, a: [f32; 2], b: [f32; 2], thick: f32, ink: Ink) {
        let radius = thick / 2.0;
        let low = [a[0].min(b[0]) - radius, a[1].min(b[1]) - radius];
        let high = [a[0].max(b[0]) + radius, a[1].max(b[1]) + radius];
        let along = [b[0] - a[0], b[1] - a[1]];
        let length = (along[0] * along[0] + along[1] * along[1]).max(f32::EPSILON);
        self.fill(low, high, ink, |px, py| {
            let t = ((px - a[0]) * along[0] + (py - a[1]) * along[1]) / length;
            let t = t.clamp(0.0, 1.0);
            radius - (px - a[0] - along[0] * t).hypot(py - a[1] - along[1] * t) + 0.5
        });
    }

    /// Text with capitals `size` high, its foot at `at`. Returns where it ends.
    pub(crate) fn text(
        &mut self,
        text: &str,
        at: [f32; 2],
        size: f32,
        thick: f32,
        ink: Ink,
    ) -> f32 {
        font::trace(text, (at[0], at[1]), size, &mut |a, b| {
            self.line(a, b, thick, ink);
        });
        at[0] + font::width(text, size)
    }
}

/// The pixels that a stretch touches.
fn span(from: f32, to: f32, most: usize) -> std::ops::Range<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates, and is brought into the picture"
    )]
    let (from, to) = ((from - 1.0).max(0.0) as usize, (to + 2.0).max(0.0) as usize);
    from.min(most)..to.min(most)
}

#[expect(clippy::cast_precision_loss, reason = "a pixel's number")]
fn middle(pixel: usize) -> f32 {
    pixel as f32 + 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_picture_is_cut() {
        let mut canvas = Canvas::new(10, 10, [0; 3]);
        let ink = canvas.ink([255; 3], [0; 3]);
        canvas.line([-50.0, 5.0], [50.0, 5.0], 2.0, ink);
        canvas.rect([8.0, 8.0, 90.0, 90.0], 1.0, ink);
        canvas.text("W", [-5.0, 3.0], 20.0, 2.0, ink);
        assert_eq!(canvas.pixels.len(), 100);
        assert_eq!(canvas.palette[usize::from(canvas.pixels[50])], [255; 3]);
    }

    #[test]
    fn a_palette_never_overflows() {
        let mut canvas = Canvas::new(1, 1, [0; 3]);
        for _ in 0..40 {
            canvas.ink([9; 3], [0; 3]);
        }
        assert_eq!(canvas.palette.len(), 256);
    }
}
