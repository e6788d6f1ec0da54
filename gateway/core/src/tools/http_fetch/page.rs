//! What came as text: which content types are, and their characters. Pages of HTML are [`html`]'s.

mod html;

/// What windows-1252 has where Latin-1 has control characters.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// A content type in small letters, without and with what follows it.
fn media(kind: &str) -> (String, String) {
    let kind = kind.to_ascii_lowercase();
    let (media, rest) = kind.split_once(';').unwrap_or((&kind, ""));
    (media.trim().to_owned(), rest.to_owned())
}

/// Whether a content type says nothing.
fn is_unknown(media: &str) -> bool {
    media.is_empty() || media == "application/octet-stream"
}

/// Whether a body of this content type may be text.
pub(super) fn may_be_text(kind: &str) -> bool {
    let (media, _) = media(kind);
    media.starts_with("text/")
        || is_unknown(&media)
        || [
            "json",
            "xml",
            "javascript",
            "yaml",
            "toml",
            "x-www-form-urlencoded",
            "graphql",
            "x-sh",
            "sql",
        ]
        .iter()
        .any(|ending| media.ends_with(ending))
}

/// Whether a body of this content type that begins so is a page of HTML.
pub(super) fn is_page(kind: &str, start: &[u8]) -> bool {
    let (media, _) = media(kind);
    let begins = |word: &str| {
        let start = start.trim_ascii_start();
        let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
        start
            .get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    media.contains("html") || (is_unknown(&media) && (begins("<!doctype") || begins("<html")))
}

/// The text of a body of this content type; none if it is no text.
pub(super) fn text(kind: &str, body: &[u8]) -> Option<String> {
    if !may_be_text(kind) {
        return None;
    }
    let (media, rest) = media(kind);
    let charset = rest
        .split(';')
        .find_map(|part| part.trim().strip_prefix("charset="))
        .map_or("", |name| name.trim_matches(['"', '\'', ' ']));
    let text = decode(charset, body, is_unknown(&media))?;
    Some(if is_page(kind, body) {
        html::readable(&text)
    } else {
        text
    })
}

fn decode(charset: &str, body: &[u8], unknown: bool) -> Option<String> {
    let wide = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units = bytes.as_chunks::<2>().0.iter().map(|pair| read(*pair));
        char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    };
    match (body, charset) {
        ([0xef, 0xbb, 0xbf, rest @ ..], _) => {
            return Some(String::from_utf8_lossy(rest).into_owned());
        }
        ([0xff, 0xfe, rest @ ..], _) => return Some(wide(rest, u16::from_le_bytes)),
        ([0xfe, 0xff, rest @ ..], _) | (rest, "utf-16be") => {
            return Some(wide(rest, u16::from_be_bytes));
        }
        (rest, "utf-16" | "utf-16le") => return Some(wide(rest, u16::from_le_bytes)),
        _ => {}
    }
    if body.contains(&0) {
        return None;
    }
    if matches!(
        charset,
        "iso-8859-1" | "latin1" | "windows-1252" | "cp1252" | "us-ascii" | "ascii"
    ) {
        let decoded = body.iter().map(|byte| match byte {
            0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
            byte => char::from(*byte),
        });
        return Some(decoded.collect());
    }
    match std::str::from_utf8(body) {
        Ok(text) => Some(text.to_owned()),
        // A cut in the middle of the last character is no fault of the text.
        Err(error) if unknown && error.error_len().is_some() => None,
        Err(_) => Some(String::from_utf8_lossy(body).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_what_is_none() {
        assert_eq!(
            text("text/plain; charset=ISO-8859-1", b"\xe4\x80").unwrap(),
            "ä€"
        );
        assert_eq!(text("text/plain", b"\xff\xfea\0b\0").unwrap(), "ab");
        assert_eq!(text("application/vnd.x+json", b"{}").unwrap(), "{}");
        assert_eq!(text("", b"plain").unwrap(), "plain");
        assert_eq!(text("", b"<html><p>x").unwrap(), "x");
        assert_eq!(text("text/plain", b"a\0b"), None);
        assert_eq!(text("application/octet-stream", b"\xff\x01"), None);
        assert_eq!(text("image/png", b"abc"), None);
    }
}
