//! Characters that are written as their number: `%41`, `\u0041`, `\x41`, `&#65;`, and what JSON and HTML escape besides.
//!
//! Only ASCII is undone, which is all that secrets and the words around them are made of.

/// HTML's characters that have names.
const NAMED: &[(&[u8], u8)] = &[
    (b"&amp;", b'&'),
    (b"&quot;", b'"'),
    (b"&apos;", b'\''),
    (b"&lt;", b'<'),
    (b"&gt;", b'>'),
];

/// `text` with every escape undone, and for each of its bytes, and its end, where that came from. None where nothing is
/// escaped.
pub(super) fn undone(text: &str) -> Option<(String, Vec<usize>)> {
    let bytes = text.as_bytes();
    let first = places(bytes).next()?;
    let mut plain = Vec::with_capacity(bytes.len());
    let mut origin = Vec::with_capacity(bytes.len() + 1);
    plain.extend_from_slice(&bytes[..first]);
    origin.extend(0..first);
    let mut at = first;
    while at < bytes.len() {
        origin.push(at);
        let (byte, length) = escape(&bytes[at..]).unwrap_or((bytes[at], 1));
        plain.push(byte);
        at += length;
    }
    origin.push(bytes.len());
    // Only ASCII is put in, so the rest stays the UTF-8 that it was.
    Some((String::from_utf8(plain).ok()?, origin))
}

/// The byte that `bytes` begin with in an escaped form, and how long that is.
fn escape(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [b'%', high, low, ..] => Some((ascii(*high, *low)?, 3)),
        [b'\\', ..] => backslash(bytes),
        [b'&', b'#', rest @ ..] => number(rest).map(|(byte, length)| (byte, length + 2)),
        [b'&', ..] => NAMED
            .iter()
            .find(|(name, _)| bytes.starts_with(name))
            .map(|(name, byte)| (*byte, name.len())),
        _ => None,
    }
}

/// `\u0041`, `\u{41}`, `\x41` or `\/`, with as many backslashes as text within text has made of one.
fn backslash(bytes: &[u8]) -> Option<(u8, usize)> {
    let slashes = bytes.iter().take_while(|&&b| b == b'\\').count();
    match &bytes[slashes..] {
        [b'/', ..] => Some((b'/', slashes + 1)),
        [b'u', b'0', b'0', high, low, ..] | [b'u', b'{', high, low, b'}', ..] => {
            Some((ascii(*high, *low)?, slashes + 5))
        }
        [b'x', high, low, ..] => Some((ascii(*high, *low)?, slashes + 3)),
        _ => None,
    }
}

/// `65;` or `x41;`.
fn number(bytes: &[u8]) -> Option<(u8, usize)> {
    let end = bytes.iter().take(6).position(|&b| b == b';')?;
    let digits = std::str::from_utf8(&bytes[..end]).ok()?;
    let number = match digits.strip_prefix(['x', 'X']) {
        Some(hex) => u8::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    number.is_ascii().then_some((number, end + 1))
}

fn ascii(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| {
        char::from(b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let byte = digit(high)? * 16 + digit(low)?;
    byte.is_ascii().then_some(byte)
}

/// Whether anything is escaped in what may be a text.
pub(super) fn occurs(bytes: &[u8]) -> bool {
    places(bytes).next().is_some()
}

/// Where something is escaped.
pub(super) fn places(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let signs = bytes.iter().enumerate();
    let signs = signs.filter(|(_, byte)| matches!(byte, b'%' | b'\\' | b'&'));
    signs
        .map(|(at, _)| at)
        .filter(|&at| escape(&bytes[at..]).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_undone() {
        for (text, expected) in [
            ("%41%2f", "A/"),
            ("\\u0041\\\\u0042", "AB"),
            ("\\u{41}", "A"),
            ("\\x41", "A"),
            ("https:\\/\\/x", "https://x"),
            ("&#65;&#x42;&amp;&quot;", "AB&\""),
            ("é%41é", "éAé"),
        ] {
            let (plain, origin) = undone(text).unwrap();
            assert_eq!(plain, expected, "{text}");
            assert_eq!(origin.len(), plain.len() + 1);
            assert_eq!(origin.last(), Some(&text.len()));
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in [
            "100 %",
            "%zz",
            "C:\\xampp",
            "\\n\\t",
            "a & b",
            "&#x100;",
            "\\u00e9",
            "%e9",
            "&nbsp;",
        ] {
            assert_eq!(undone(text), None, "{text}");
        }
    }
}
