//! What looks made by a random generator, and what only stands in for a secret.

/// Letters and digits, at least eight, and as varied as a generator makes them.
pub(crate) fn random(text: &str) -> bool {
    let text = text.trim_end_matches('=');
    if text.len() < 8 || text.contains([' ', '(', '…']) || text.contains("://") {
        return false;
    }
    if text.starts_with(['/', '~', '.', '$', '<', '{', '[', '%']) {
        return false;
    }
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    if digits > 0 && letters > 0 {
        return entropy(text) >= 2.75;
    }
    // Letters alone are words, unless there are many in both cases.
    text.len() >= 20 && mixed_case(text) && entropy(text) >= 3.5
}

/// Letters in both cases and a digit: what tells a token from a word or a hash.
pub(crate) fn mixed(text: &str) -> bool {
    mixed_case(text) && text.bytes().any(|b| b.is_ascii_digit())
}

fn mixed_case(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_uppercase()) && text.bytes().any(|b| b.is_ascii_lowercase())
}

/// A key and no CSS class: `sk-fading-circle-delay` has no long piece with a digit.
pub(crate) fn key_like(text: &str) -> bool {
    text.split(['-', '_'])
        .any(|piece| piece.len() >= 12 && piece.bytes().any(|b| b.is_ascii_digit()))
        || text.len() >= 40 && mixed(text)
}

/// No key of a vendor's documentation.
pub(crate) fn not_documentation(text: &str) -> bool {
    !text.ends_with("EXAMPLE")
}

/// More than a word or a number of one digit: a digit is in it, and more than one character.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn no_word(text: &str) -> bool {
    !stands_in(text) && text.bytes().any(|b| b.is_ascii_digit()) && entropy(text) >= 2.0
}

/// `user:password` in base64.
pub(crate) fn user_and_password(text: &str) -> bool {
    crate::encoded::decoded(text).is_some_and(|plain| {
        let colon = plain.iter().position(|&b| b == b':');
        colon.is_some_and(|at| at > 0 && at + 1 < plain.len())
            && !plain.iter().any(u8::is_ascii_control)
    })
}

/// No reference to a secret that is kept elsewhere, as in `$PASSWORD`, `${{ secrets.X }}` or `<password>`.
pub(crate) fn not_variable(text: &str) -> bool {
    !stands_in(text)
}

/// Whether `value` is a variable, a blank to fill in, or was masked already.
pub(crate) fn stands_in(value: &str) -> bool {
    let value = value.trim();
    if value.is_empty()
        || value.starts_with(crate::mask::PLACEHOLDER)
        || crate::shape::is_shape(value)
    {
        return true;
    }
    if value.contains('…') || value.contains("***") {
        return true; // masked by someone before us, `sk-pro…ABCD`
    }
    if let Some(rest) = value.strip_prefix('$') {
        let name = rest.trim_end_matches([')', ']', '}', ',', ';']);
        return rest.starts_with(['{', '('])
            || name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    }
    if value.starts_with('<') || value.starts_with('{') || value.starts_with("%(") {
        return true;
    }
    if value.len() > 2 && value.starts_with('%') && value.ends_with('%') {
        return true;
    }
    if value
        .chars()
        .all(|c| matches!(c, '*' | 'x' | 'X' | '•' | '.' | '-' | '_' | '#'))
    {
        return true;
    }
    matches!(
        value.to_ascii_lowercase().as_str(),
        "true"
            | "false"
            | "none"
            | "null"
            | "nil"
            | "undefined"
            | "yes"
            | "no"
            | "required"
            | "optional"
            | "string"
            | "str"
            | "text"
            | "bytes"
            | "int"
            | "number"
            | "bool"
            | "boolean"
            | "any"
            | "object"
            | "option"
            | "varchar"
            | "secretstr"
            | "%s"
            | "?"
            | "!"
    )
}

/// Shannon entropy in bits a byte.
pub(crate) fn entropy(text: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in text.bytes() {
        counts[usize::from(byte)] += 1;
    }
    // Texts are capped far below 2^32 bytes.
    let len = f64::from(u32::try_from(text.len()).unwrap_or(u32::MAX));
    counts
        .into_iter()
        .filter(|&count| count > 0)
        .map(|count| {
            let share = f64::from(count) / len;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_and_not() {
        for text in [
            "a8f3k2l9",
            "Zk9fQ2mX7pLw4Rt8",
            "0123456789abcdef",
            "QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
        ] {
            assert!(random(text), "{text}");
        }
        for text in [
            "abc",
            "undefined",
            "12345678",
            "aaaaaaaaaaaa1",
            "/usr/lib/x86_64",
            "get_token(1)",
            "https://a1b2c3d4",
        ] {
            assert!(!random(text), "{text}");
        }
    }

    #[test]
    fn stand_ins() {
        for text in [
            "",
            "$PASSWORD",
            "${PW}",
            "$(pass show x)",
            "<token>",
            "********",
            "[redacted:jwt]",
            "None",
            "sk-pro…ABCD",
        ] {
            assert!(stands_in(text), "{text}");
        }
        for text in ["hunter2", "$up3r-s3cret!", "correct horse", "x1"] {
            assert!(!stands_in(text), "{text}");
        }
    }
}
