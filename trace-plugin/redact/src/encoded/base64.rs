//! Base64 in either alphabet, in one run or wrapped in lines.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{escapes, hex, long_runs};
use crate::gate;
use crate::limits::MIN_BASE64_RUN;
use crate::scan::{Hit, Zeal};

/// Adds every run that holds a secret, whole.
pub(super) fn layers(
    bytes: &[u8],
    zeal: Zeal,
    look: &mut impl FnMut(&[u8]) -> Option<&'static str>,
    hits: &mut Vec<Hit>,
) {
    let (mut run, mut plain) = (Vec::new(), Vec::new());
    let mut done = 0;
    for (start, end) in runs(bytes) {
        if start >= done {
            // Lines first: a key is in all of them, its beginning in one.
            let wrapped = wrapped(bytes, start, end, &mut run);
            if wrapped > end
                && let Some(rule) = any_skip(&run, &mut plain, zeal, look)
            {
                hits.push(Hit::encoded(rule, start..padded(bytes, wrapped)));
                done = wrapped;
                continue;
            }
        } else if end <= done {
            continue;
        }
        run.clear();
        push(&mut run, &bytes[start..end]);
        if let Some(rule) = any_skip(&run, &mut plain, zeal, look) {
            hits.push(Hit::encoded(rule, start..padded(bytes, end)));
        }
    }
}

/// What stands in the run, which may begin with characters that are not part of it, such as the path before it.
fn any_skip(
    run: &[u8],
    plain: &mut Vec<u8>,
    zeal: Zeal,
    look: &mut impl FnMut(&[u8]) -> Option<&'static str>,
) -> Option<&'static str> {
    (0..4.min(run.len())).find_map(|skip| {
        // What no keyword and nothing encoded stands in holds no secret; both are ASCII, so this can be told from the bytes,
        // before they are made a text.
        let is_worth_it = decode(&run[skip..], plain) && is_worth_a_look(plain, zeal);
        is_worth_it.then(|| look(plain)).flatten()
    })
}

/// Reads on over line ends, as long as lines are as long as the second one; the end of the last, and all of them in `run`.
fn wrapped(bytes: &[u8], start: usize, end: usize, run: &mut Vec<u8>) -> usize {
    run.clear();
    push(run, &bytes[start..end]);
    let (mut last, mut length) = (end, None);
    loop {
        let from = last + line_end(&bytes[last..]);
        let size = bytes[from..].iter().take_while(|&&b| is_base64(b)).count();
        if from == last || size == 0 || length.is_some_and(|length| size > length) {
            return last;
        }
        push(run, &bytes[from..from + size]);
        last = from + size;
        if *length.get_or_insert(size) > size {
            return last;
        }
    }
}

/// Bytes of the line end that `bytes` begin with, which may be escaped; 0 where there is none.
fn line_end(bytes: &[u8]) -> usize {
    let ends: [&[u8]; 4] = [b"\n", b"\r\n", b"\\n", b"\\r\\n"];
    ends.iter()
        .find(|end| bytes.starts_with(end))
        .map_or(0, |end| end.len())
}

fn padded(bytes: &[u8], end: usize) -> usize {
    end + bytes[end..].iter().take_while(|&&b| b == b'=').count()
}

/// Adds a run in the one alphabet that is decoded.
fn push(run: &mut Vec<u8>, bytes: &[u8]) {
    run.extend(bytes.iter().map(|b| match b {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    }));
}

/// What `text` stands for.
pub(crate) fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    decode(text.trim_end_matches('=').as_bytes(), &mut plain).then_some(plain)
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

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fn is_worth_a_look(plain: &[u8], zeal: Zeal) -> bool {
    gate::occurs(plain)
        || runs(plain).next().is_some()
        || hex::runs(plain).next().is_some()
        || escapes::occurs(plain)
        || zeal == Zeal::MaskPersonal && plain.is_ascii()
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

/// The runs of base64 characters that are long enough and more than hexadecimal, which ids and digests are.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    long_runs(bytes, MIN_BASE64_RUN, is_base64).filter(|&(start, end)| {
        !bytes[start..end]
            .iter()
            .all(|b| b.is_ascii_hexdigit() || *b == b'-')
    })
}
