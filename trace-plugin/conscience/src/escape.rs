//! Backslash escapes and the text encodings that commands are hidden in.

/// Undoes the escapes of `$'…'`, `printf` and `echo -e`.
pub(crate) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(kind) = chars.next() else {
            out.push('\\');
            break;
        };
        let (radix, digits, first) = match kind {
            'n' => {
                out.push('\n');
                continue;
            }
            't' => {
                out.push('\t');
                continue;
            }
            'a' | 'b' | 'f' | 'r' | 'v' => {
                out.push(' ');
                continue;
            }
            'e' | 'E' => {
                out.push('\u{1b}');
                continue;
            }
            'x' => (16, 2, None),
            'u' => (16, 4, None),
            'U' => (16, 8, None),
            // `\0NNN` has up to three digits after the nought, `\NNN` up to three in all.
            '0' => (8, 3, Some(0)),
            '1'..='7' => (8, 2, kind.to_digit(8)),
            other => {
                if !matches!(other, '\\' | '\'' | '"' | '?') {
                    out.push('\\');
                }
                out.push(other);
                continue;
            }
        };
        let mut value = first.unwrap_or(0);
        for _ in 0..digits {
            let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else {
                break;
            };
            value = value.wrapping_mul(radix).wrapping_add(digit);
            chars.next();
        }
        out.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
    }
    out
}

/// Base64 (standard or URL alphabet, blanks ignored, padding optional) to text.
pub(crate) fn base64(text: &str) -> Option<String> {
    String::from_utf8(base64_bytes(text)?).ok()
}

/// Base64 to text that may have two bytes a letter (UTF-16, little end first), as PowerShell's encoded commands have.
pub(crate) fn base64_wide(text: &str) -> Option<String> {
    let bytes = base64_bytes(text)?;
    let wide = bytes.len() >= 2
        && bytes
            .iter()
            .skip(1)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
            * 2
            > bytes.len() / 2;
    if !wide {
        return String::from_utf8(bytes).ok();
    }
    let letters = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    Some(
        char::decode_utf16(letters)
            .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut count) = (0u32, 0u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace()) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

/// Hexadecimal digits (blanks, `\x` and `0x` ignored) to text.
pub(crate) fn hex(text: &str) -> Option<String> {
    let text = text.replace("\\x", "").replace("0x", "");
    let digits: Option<Vec<u32>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16))
        .collect();
    let bytes: Option<Vec<u8>> = digits?
        .chunks(2)
        .map(|pair| u8::try_from(pair.first()? * 16 + pair.get(1)?).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

/// The letters thirteen places on, as `tr A-Za-z N-ZA-Mn-za-m` does it.
pub(crate) fn rot13(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a'..='m' | 'A'..='M' => char::from(c as u8 + 13),
            'n'..='z' | 'N'..='Z' => char::from(c as u8 - 13),
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undoes_what_commands_are_hidden_in() {
        assert_eq!(unescape(r"\x72\155\u0020-rf\n"), "rm -rf\n");
        assert_eq!(base64("cm0gLXJmIC8=").as_deref(), Some("rm -rf /"));
        assert_eq!(hex("726d202d7266202f").as_deref(), Some("rm -rf /"));
        assert_eq!(rot13("ez -es /"), "rm -rf /");
        assert_eq!(base64_wide("cgBtAA==").as_deref(), Some("rm"));
        assert_eq!(base64_wide("cm0=").as_deref(), Some("rm"));
        assert_eq!(base64("not base64!"), None);
        assert_eq!(hex("zz"), None);
    }
}
