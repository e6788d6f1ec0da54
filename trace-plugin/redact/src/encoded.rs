//! Secrets in disguise: percent-encoded and base64, each undone once.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::gate;
use crate::limits::MIN_BASE64_RUN;
use crate::scan::{self, Hit, Zeal};

/// Adds what is found when `%41` is read as `A`; a hit covers the encoded form.
pub(crate) fn percent(text: &str, zeal: Zeal, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'%') || !bytes.windows(3).any(|w| ascii_escape(w).is_some()) {
        return;
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut origin = Vec::with_capacity(bytes.len() + 1);
    let mut at = 0;
    while at < bytes.len() {
        origin.push(at);
        let escape = bytes.get(at..at + 3).and_then(ascii_escape);
        decoded.push(escape.unwrap_or(bytes[at]));
        at += if escape.is_some() { 3 } else { 1 };
    }
    origin.push(bytes.len());
    // Only ASCII is decoded, so the rest stays the UTF-8 that it was.
    let Ok(decoded) = String::from_utf8(decoded) else {
        return;
    };
    for hit in scan::plain(&decoded, zeal) {
        hits.push(Hit::encoded(
            hit.rule,
            origin[hit.range.start]..origin[hit.range.end],
        ));
    }
}

fn ascii_escape(window: &[u8]) -> Option<u8> {
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    match window {
        [b'%', high, low] => {
            let byte = digit(*high)? * 16 + digit(*low)?;
            byte.is_ascii().then_some(byte)
        }
        _ => None,
    }
}

/// Adds Discord's tokens, which have no prefix, but a first part that is a number in base64.
pub(crate) fn discord(text: &str, hits: &mut Vec<Hit>) {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    for (start, end) in runs(bytes) {
        let Some(length) = discord_rest(&bytes[end..]) else {
            continue;
        };
        // As in base64 runs, something else may stand before it.
        for skip in 0..4 {
            if decode(&bytes[start + skip..end], &mut plain) && is_snowflake(&plain) {
                hits.push(Hit::encoded(
                    "discord-bot-token",
                    start + skip..end + length,
                ));
                break;
            }
        }
    }
}

/// Adds every base64 run that holds a secret, whole.
pub(crate) fn base64(text: &str, zeal: Zeal, hits: &mut Vec<Hit>) {
    let (mut run, mut plain) = (Vec::new(), Vec::new());
    for (start, end) in runs(text.as_bytes()) {
        run.clear();
        run.extend(text.as_bytes()[start..end].iter().map(|b| match b {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        }));
        // A run may begin with characters that are not part of it, such as the path before it.
        for skip in 0..4 {
            // What no keyword and no run of base64 stands in holds no secret; both are ASCII, so this can be told from the
            // bytes, before they are made a text.
            if !decode(&run[skip..], &mut plain) || !is_worth_a_look(&plain) {
                continue;
            }
            let plain = String::from_utf8_lossy(&plain);
            if let Some(hit) = scan::plain(&plain, zeal).first() {
                let padding = text.as_bytes()[end..]
                    .iter()
                    .take_while(|&&b| b == b'=')
                    .count();
                hits.push(Hit::encoded(hit.rule, start..end + padding));
                break;
            }
        }
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn is_worth_a_look(plain: &[u8]) -> bool {
    gate::occurs(plain) || runs(plain).next().is_some()
}

/// Decodes `run` into `plain`; false where it is no base64.
fn decode(run: &[u8], plain: &mut Vec<u8>) -> bool {
    plain.clear();
    // A single character left over carries no whole byte.
    let whole = if run.len() % 4 == 1 {
        run.len() - 1
    } else {
        run.len()
    };
    LENIENT.decode_vec(&run[..whole], plain).is_ok()
}

/// A Discord user id: 17 to 20 digits.
fn is_snowflake(plain: &[u8]) -> bool {
    (17..=20).contains(&plain.len()) && plain.iter().all(u8::is_ascii_digit)
}

/// Length of `.XXXXXX.` and the 27 or more characters behind it.
fn discord_rest(rest: &[u8]) -> Option<usize> {
    let part = |from: usize| rest[from..].iter().take_while(|&&b| is_base64(b)).count();
    if rest.first() != Some(&b'.') || !(5..=7).contains(&part(1)) {
        return None;
    }
    let dot = 1 + part(1);
    if rest.get(dot) != Some(&b'.') || part(dot + 1) < 20 {
        return None;
    }
    Some(dot + 1 + part(dot + 1))
}

/// The characters of both alphabets of base64.
const BASE64: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        byte += 1;
    }
    table
};

fn is_base64(byte: u8) -> bool {
    BASE64[usize::from(byte)]
}

/// Adds where there is something for [`base64()`] to decode.
pub(crate) fn marks(text: &str, marks: &mut Vec<usize>) {
    marks.extend(runs(text.as_bytes()).map(|(start, _)| start));
}

/// The runs of base64 characters that are long enough and more than hexadecimal, which ids and digests are.
fn runs(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            // A run of that length covers one of every so many bytes: look at those only.
            let probe = at + MIN_BASE64_RUN - 1;
            if probe >= bytes.len() {
                return None;
            }
            let mut start = probe + 1;
            while start > at && is_base64(bytes[start - 1]) {
                start -= 1;
            }
            if start > at {
                at = start;
                if start > probe {
                    continue;
                }
            }
            let end = bytes[probe..]
                .iter()
                .position(|&b| !is_base64(b))
                .map_or(bytes.len(), |n| probe + n);
            if end - start >= MIN_BASE64_RUN {
                at = end;
                if !bytes[start..end]
                    .iter()
                    .all(|b| b.is_ascii_hexdigit() || *b == b'-')
                {
                    return Some((start, end));
                }
            } else {
                at = end;
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same by looking at every byte.
    fn slowly(bytes: &[u8]) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        let mut start = 0;
        for at in 0..=bytes.len() {
            if at == bytes.len() || !is_base64(bytes[at]) {
                let run = &bytes[start..at];
                if run.len() >= MIN_BASE64_RUN
                    && !run.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-')
                {
                    found.push((start, at));
                }
                start = at + 1;
            }
        }
        found
    }

    proptest! {
        #[test]
        fn skipping_finds_what_looking_everywhere_finds(text in "([A-Za-z]{0,30}[ .]){0,8}[a-f0-9 ]{0,60}") {
            prop_assert_eq!(runs(text.as_bytes()).collect::<Vec<_>>(), slowly(text.as_bytes()));
        }
    }
}
