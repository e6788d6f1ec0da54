//! Texts in hexadecimal. Most such runs are digests and ids, which the first bytes tell.

use super::long_runs;
use crate::limits::MIN_HEX_RUN;
use crate::scan::Hit;

/// Adds every run that is a text with a secret in it, whole.
pub(super) fn layers(
    bytes: &[u8],
    look: &mut impl FnMut(&[u8]) -> Option<&'static str>,
    hits: &mut Vec<Hit>,
) {
    for (start, end) in runs(bytes) {
        let plain: Vec<u8> = pairs(&bytes[start..end]).flatten().collect();
        if let Some(rule) = look(&plain) {
            hits.push(Hit::encoded(rule, start..end));
        }
    }
}

/// The long runs of hexadecimal digits that stand for ASCII.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    long_runs(bytes, MIN_HEX_RUN, |b| b.is_ascii_hexdigit()).filter(|&(start, end)| {
        pairs(&bytes[start..end])
            .all(|byte| byte.is_some_and(|b| matches!(b, b'\t' | b'\n' | b'\r' | b' '..=b'~')))
    })
}

/// The bytes that two digits each stand for; a last digit alone stands for none.
fn pairs(digits: &[u8]) -> impl Iterator<Item = Option<u8>> {
    digits.as_chunks::<2>().0.iter().map(|pair| {
        let digit = |b: u8| char::from(b).to_digit(16);
        u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_digests() {
        let text = "70617373776f72643d68756e74657232";
        assert_eq!(runs(text.as_bytes()).count(), 1);
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(runs(digest.as_bytes()).count(), 0);
        assert_eq!(runs(b"3f786850e387550fdab836ed7e6dc881de23001b").count(), 0);
    }
}
