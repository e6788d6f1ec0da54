//! A typeface of strokes with round ends, drawn at any size: what a picture's text is written with.
//!
//! Letters stand on a line at 0; capitals are 20 high, small letters 14, descenders reach -6. A glyph is its width and its
//! strokes: `m` lifts the pen, `l` draws a line, `h` and `v` a quarter of an ellipse that sets out along that axis, `q` a
//! quadratic curve. Printable ASCII and a few marks are there; [`knows`] says whether a text can be written.

/// Height of a capital.
pub(crate) const CAP: f32 = 20.0;
/// Room between two letters.
const GAP: f32 = 5.5;
/// Lines that a curve is drawn with.
const STEPS: u8 = 12;
/// Sine and cosine of one step of a quarter of a circle. Asking for them would bring their tables into a Worker.
const STEP: (f32, f32) = (0.130_526_19, 0.991_444_9);

/// Width and strokes of a character.
#[rustfmt::skip]
fn glyph(c: char) -> Option<(f32, &'static str)> {
    Some(match c {
        ' ' => (4.0, ""),
        'a' => (12.0, "m12,7 v6,14 h0,7 v6,0 h12,7 m12,14 l12,0"),
        'b' => (12.0, "m0,20 l0,0 m0,7 v6,14 h12,7 v6,0 h0,7"),
        'c' => (11.0, "m11,11 v6,14 h0,7 v6,0 h11,3"),
        'd' => (12.0, "m12,20 l12,0 m12,7 v6,14 h0,7 v6,0 h12,7"),
        'e' => (12.0, "m0,7 l12,7 v6,14 h0,7 v6,0 h11.2,3"),
        'f' => (8.0, "m8.5,20 h3.5,15.5 l3.5,0 m0,13.5 l8,13.5"),
        'g' => (12.0, "m12,7 v6,14 h0,7 v6,0 h12,7 m12,14 l12,-1 v6,-6 h0.8,-3.5"),
        'h' => (11.0, "m0,20 l0,0 m0,8.5 v5.5,14 h11,8.5 l11,0"),
        'i' => (0.0, "m0,14 l0,0 m0,19.5 l0,19.6"),
        'j' => (3.0, "m3,14 l3,-2 v0,-6 m3,19.5 l3,19.6"),
        'k' => (10.0, "m0,20 l0,0 m10,14 l0,5 m3.8,8.4 l10.5,0"),
        'l' => (0.0, "m0,20 l0,0"),
        'm' => (18.0, "m0,14 l0,0 m0,9 v4.5,14 h9,9 l9,0 m9,9 v13.5,14 h18,9 l18,0"),
        'n' => (11.0, "m0,14 l0,0 m0,8.5 v5.5,14 h11,8.5 l11,0"),
        'o' => (12.0, "m0,7 v6,14 h12,7 v6,0 h0,7"),
        'p' => (12.0, "m0,14 l0,-6 m0,7 v6,14 h12,7 v6,0 h0,7"),
        'q' => (12.0, "m12,14 l12,-6 m12,7 v6,14 h0,7 v6,0 h12,7"),
        'r' => (6.5, "m0,14 l0,0 m0,8.5 v5.5,14 l6.8,14"),
        's' => (9.6, "m9.2,11.4 v4.8,14 h0.4,10.6 v4.8,7.2 h9.6,3.6 v4.8,0 h0,2.6"),
        't' => (8.0, "m3.5,19 l3.5,4 v7.5,0 l8,0 m0,14 l8,14"),
        'u' => (11.0, "m0,14 l0,5.5 v5.5,0 h11,5.5 m11,14 l11,0"),
        'v' => (11.0, "m0,14 l5.5,0 l11,14"),
        'w' => (17.0, "m0,14 l4.3,0 l8.5,13 l12.7,0 l17,14"),
        'x' => (10.0, "m0,14 l10,0 m10,14 l0,0"),
        'y' => (11.0, "m0,14 l5.6,0 m11,14 l4.6,-2.6 q3.2,-6 0.2,-6"),
        'z' => (10.0, "m0,14 l10,14 l0,0 l10,0"),
        'A' => (16.0, "m0,0 l8,20 l16,0 m2.8,7 l13.2,7"),
        'B' => (13.0, "m0,0 l0,20 l7,20 h12.2,15.3 v7,10.6 l0,10.6 m7,10.6 h13,5.3 v7,0 l0,0"),
        'C' => (15.0, "m15,14.5 v9,20 h0,10 v9,0 h15,5.5"),
        'D' => (15.0, "m0,0 l0,20 l6,20 h15,10 v6,0 l0,0"),
        'E' => (11.0, "m11,20 l0,20 l0,0 l11,0 m0,10.4 l10,10.4"),
        'F' => (11.0, "m11,20 l0,20 l0,0 m0,10.4 l9.5,10.4"),
        'G' => (16.0, "m15,15 v9,20 h0,10 v9,0 h16,6 l16,9.5 l9.5,9.5"),
        'H' => (14.0, "m0,0 l0,20 m14,20 l14,0 m0,10.4 l14,10.4"),
        'I' => (0.0, "m0,0 l0,20"),
        'J' => (8.5, "m8.5,20 l8.5,5 v4.2,0 h0,3.8"),
        'K' => (13.0, "m0,0 l0,20 m12.5,20 l0,7.2 m4.6,11.4 l13,0"),
        'L' => (10.5, "m0,20 l0,0 l10.5,0"),
        'M' => (17.0, "m0,0 l0,20 l8.5,5 l17,20 l17,0"),
        'N' => (14.0, "m0,0 l0,20 l14,0 l14,20"),
        'O' => (18.0, "m0,10 v9,20 h18,10 v9,0 h0,10"),
        'P' => (13.0, "m0,0 l0,20 l7.4,20 h13,14.5 v7.4,9 l0,9"),
        'Q' => (18.0, "m0,10 v9,20 h18,10 v9,0 h0,10 m11.5,6 l18,-1"),
        'R' => (13.0, "m0,0 l0,20 l7.4,20 h13,14.6 v7.4,9.2 l0,9.2 m6.4,9.2 l13.2,0"),
        'S' => (13.0, "m12.4,15.8 v6.5,20 h0.8,15.1 v6.6,10.4 h13,5.2 v6.5,0 h0,4.2"),
        'T' => (14.0, "m0,20 l14,20 m7,20 l7,0"),
        'U' => (14.0, "m0,20 l0,7 v7,0 h14,7 l14,20"),
        'V' => (16.0, "m0,20 l8,0 l16,20"),
        'W' => (24.0, "m0,20 l6,0 l12,19 l18,0 l24,20"),
        'X' => (14.0, "m0,20 l14,0 m14,20 l0,0"),
        'Y' => (14.0, "m0,20 l7,10 l14,20 m7,10 l7,0"),
        'Z' => (13.0, "m0,20 l13,20 l0,0 l13,0"),
        '0' => (12.0, "m0,10 v6,20 h12,10 v6,0 h0,10"),
        '1' => (8.0, "m0.4,16 l5.4,20 l5.4,0"),
        '2' => (12.0, "m0.6,14.8 v6,20 h11.6,14.6 q11.6,11 0,0 l12,0"),
        '3' => (12.0, "m1,16.4 v6,20 h11.2,15.3 v5.2,10.7 h12,5.3 v6,0 h0,4.2"),
        '4' => (12.0, "m9.2,0 l9.2,20 l0,6 l12.4,6"),
        '5' => (12.0, "m10.8,20 l1.8,20 l0.9,10.8 q3,12.8 6,12.8 h12,6.4 v5.6,0 h0,3.8"),
        '6' => (12.0, "m0,6.4 v6,12.8 h12,6.4 v6,0 h0,6.4 q0,14 8.6,20"),
        '7' => (12.0, "m0,20 l12,20 l4,0"),
        '8' => (12.0, "m6,10.8 h0.8,15.4 v6,20 h11.2,15.4 v6,10.8 h0,5.4 v6,0 h12,5.4 v6,10.8"),
        '9' => (12.0, "m12,13.6 v6,7.2 h0,13.6 v6,20 h12,13.6 q12,6 3.4,0"),
        '.' => (0.0, "m0,0 l0,0.1"),
        ',' => (1.0, "m1,0 l0,-3.6"),
        ':' => (0.0, "m0,0.5 l0,0.6 m0,11 l0,11.1"),
        ';' => (1.0, "m1,0.5 l0,-3 m1,11 l1,11.1"),
        '-' => (7.0, "m0,7.6 l7,7.6"),
        '_' => (11.0, "m0,-3 l11,-3"),
        '/' => (8.0, "m0,-2 l8,21.5"),
        '\\' => (8.0, "m0,21.5 l8,-2"),
        '|' => (0.0, "m0,22 l0,-4"),
        '·' => (0.0, "m0,8 l0,8.1"),
        '%' => (17.0, "m0,15.5 v3.6,20 h7.2,15.5 v3.6,11 h0,15.5 m9.8,4.5 v13.4,9 h17,4.5 v13.4,0 h9.8,4.5 m14.5,20 l2.5,0"),
        '@' => (20.0, "m13.5,9 v9.5,13 h5.5,9 v9.5,5 h13.5,9 l13.5,8 v16.6,5 h20,10 v10.5,20 h0,8.5 v10.5,-3 l15,-2"),
        '(' => (4.0, "m4,22.5 q-3.5,9 4,-4.5"),
        ')' => (4.0, "m0,22.5 q7.5,9 0,-4.5"),
        '[' => (4.5, "m4.5,22 l0,22 l0,-4 l4.5,-4"),
        ']' => (4.5, "m0,22 l4.5,22 l4.5,-4 l0,-4"),
        '{' => (6.0, "m6,22 h2.5,18 l2.5,12 v0,9 h2.5,6 l2.5,0 v6,-4"),
        '}' => (6.0, "m0,22 h3.5,18 l3.5,12 v6,9 h3.5,6 l3.5,0 v0,-4"),
        '+' => (11.0, "m0,8 l11,8 m5.5,13.5 l5.5,2.5"),
        '=' => (11.0, "m0,5.4 l11,5.4 m0,10.6 l11,10.6"),
        '<' => (9.0, "m9,14 l0,8 l9,2"),
        '>' => (9.0, "m0,14 l9,8 l0,2"),
        '!' => (0.0, "m0,20 l0,6.5 m0,0 l0,0.1"),
        '?' => (10.0, "m0,15.6 v5,20 h10,15 q10,11.8 5,9.4 l5,6.5 m5,0 l5,0.1"),
        '"' => (5.0, "m0,20 l0,15 m5,20 l5,15"),
        '\'' | '’' | '`' => (0.0, "m0,20 l0,15"),
        '#' => (16.0, "m3.5,0 l6,20 m10,0 l12.5,20 m0,6.5 l15,6.5 m1,13.5 l16,13.5"),
        '&' => (15.0, "m15,0 l3.2,13.2 q1.4,20 6.4,20 q11,20 10,15 q9.4,12.6 4.4,10 q-0.6,7 0.4,3.4 q1.6,0 6,0 q11.5,0 14.2,8"),
        '*' => (9.0, "m4.5,20 l4.5,11 m0.6,17.8 l8.4,13.2 m8.4,17.8 l0.6,13.2"),
        '$' => (12.0, "m11.4,14.6 v6,18 h0.8,14 v6,9.8 h12,5.6 v6,1.6 h0,5 m6,21.5 l6,-2"),
        '^' => (10.0, "m0,14 l5,20 l10,14"),
        '~' => (11.0, "m0,6.5 q2.8,11.5 5.5,8 q8.2,4.5 11,9.5"),
        '–' | '—' => (12.0, "m0,7.6 l12,7.6"),
        '…' => (14.0, "m0,0 l0,0.1 m7,0 l7,0.1 m14,0 l14,0.1"),
        _ => return None,
    })
}

/// Whether every character of `text` can be drawn.
pub(crate) fn knows(text: &str) -> bool {
    text.chars().all(|c| glyph(c).is_some())
}

/// How wide `text` is where capitals are `size` high, without the stroke's own width.
pub(crate) fn width(text: &str, size: f32) -> f32 {
    let units: f32 = text
        .chars()
        .filter_map(glyph)
        .map(|(width, _)| width + GAP)
        .sum();
    (units - GAP).max(0.0) * size / CAP
}

/// Calls `line` with both ends of every line of `text`, which stands at `x`, its foot at `y` (down is plus).
pub(crate) fn trace(
    text: &str,
    (mut x, y): (f32, f32),
    size: f32,
    line: &mut impl FnMut([f32; 2], [f32; 2]),
) {
    let scale = size / CAP;
    for (advance, strokes) in text.chars().filter_map(glyph) {
        let place = |at: [f32; 2]| [x + at[0] * scale, y - at[1] * scale];
        let mut pen = [0.0; 2];
        let mut control = None;
        for word in strokes.split_ascii_whitespace() {
            let (head, rest) = word.split_at(1);
            let (command, point) = match head {
                "m" | "l" | "h" | "v" | "q" => (head, rest),
                _ => ("", word),
            };
            let Some(to) = read(point) else { continue };
            match command {
                "m" => {}
                "q" => {
                    control = Some(to);
                    continue;
                }
                "l" => line(place(pen), place(to)),
                "h" => arc(pen, to, [to[0], pen[1]], &mut |a, b| {
                    line(place(a), place(b));
                }),
                "v" => arc(pen, to, [pen[0], to[1]], &mut |a, b| {
                    line(place(a), place(b));
                }),
                _ => {
                    let over = control.take().unwrap_or(pen);
                    curve(pen, over, to, &mut |a, b| line(place(a), place(b)));
                }
            }
            pen = to;
        }
        x += (advance + GAP) * scale;
    }
}

fn read(point: &str) -> Option<[f32; 2]> {
    let (x, y) = point.split_once(',')?;
    Some([number(x)?, number(y)?])
}

/// Digits, with at most one behind a point: all that strokes are written with. To read any number takes tables, which a Worker
/// would have to hold once more for this size of number.
fn number(text: &str) -> Option<f32> {
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or((1.0, text), |rest| (-1.0, rest));
    let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
    let whole = whole.parse::<u8>().ok()?;
    let &[tenth @ b'0'..=b'9'] = tenth.as_bytes() else {
        return None;
    };
    let tenths = u16::from(whole) * 10 + u16::from(tenth - b'0');
    Some(sign * f32::from(tenths) / 10.0)
}

/// A quarter of an ellipse whose tangents meet in `corner`.
fn arc(from: [f32; 2], to: [f32; 2], corner: [f32; 2], line: &mut impl FnMut([f32; 2], [f32; 2])) {
    let mut last = from;
    let (mut sin, mut cos) = (0.0, 1.0);
    for _ in 0..STEPS {
        (sin, cos) = (sin * STEP.1 + cos * STEP.0, cos * STEP.1 - sin * STEP.0);
        // The centre is opposite to the corner: from + to - corner.
        let at = |axis: usize| {
            let centre = from[axis] + to[axis] - corner[axis];
            centre + (from[axis] - centre) * cos + (to[axis] - centre) * sin
        };
        let next = [at(0), at(1)];
        line(last, next);
        last = next;
    }
}

fn curve(from: [f32; 2], over: [f32; 2], to: [f32; 2], line: &mut impl FnMut([f32; 2], [f32; 2])) {
    let mut last = from;
    for step in 1..=STEPS {
        let t = f32::from(step) / f32::from(STEPS);
        let at = |axis: usize| {
            (1.0 - t) * (1.0 - t) * from[axis] + 2.0 * t * (1.0 - t) * over[axis] + t * t * to[axis]
        };
        let next = [at(0), at(1)];
        line(last, next);
        last = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_of_ascii_can_be_written() {
        for c in ' '..='~' {
            assert!(knows(&c.to_string()), "{c:?}");
            let mut lines = 0;
            trace(&c.to_string(), (0.0, 0.0), CAP, &mut |from, to| {
                lines += 1;
                for [x, y] in [from, to] {
                    assert!(
                        (-4.0..=26.0).contains(&x) && (-23.0..=7.0).contains(&y),
                        "{c:?}"
                    );
                }
            });
            assert_eq!(lines == 0, c == ' ', "{c:?}");
        }
        assert!(!knows("界"));
    }

    #[test]
    fn every_place_of_every_stroke_is_read() {
        for c in ('\0'..='\u{ffff}').filter(|c| knows(&c.to_string())) {
            let strokes = glyph(c).unwrap().1;
            for word in strokes.split_ascii_whitespace() {
                let point = word.trim_start_matches(char::is_alphabetic);
                let (x, y) = point.split_once(',').unwrap();
                let all = [x.parse().unwrap(), y.parse().unwrap()];
                assert_eq!(read(point), Some(all), "{c:?}: {word}");
            }
        }
        for unread in ["", "-", ".5", "1.", "1.25", "1.05", "1e1", "x", "256"] {
            assert_eq!(number(unread), None, "{unread}");
        }
    }

    #[test]
    fn as_many_steps_as_there_are_make_a_quarter() {
        let quarter = std::f32::consts::FRAC_PI_2 / f32::from(STEPS);
        let (sin, cos) = quarter.sin_cos();
        let off = (STEP.0 - sin).abs().max((STEP.1 - cos).abs());
        assert!(off <= f32::EPSILON, "{off}");
    }

    #[test]
    fn curves_end_where_they_should() {
        let mut last = [0.0; 2];
        trace("o", (0.0, 0.0), CAP, &mut |_, to| last = to);
        assert!(
            last[0].abs() < 0.01 && (last[1] + 7.0).abs() < 0.01,
            "{last:?}"
        );
    }
}
