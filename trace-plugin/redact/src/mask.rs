//! Puts placeholders in the place of secrets, and cuts text to size without cutting one of them in two.

use std::borrow::Cow;

use crate::limits::{LOOKAHEAD_BYTES, MAX_ROUNDS};
use crate::redacted::Masks;
use crate::scan::{Zeal, scan};

/// What is hidden besides secrets.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hide<'a> {
    /// The directory that is written as `~`.
    pub(crate) home: Option<&'a str>,
    /// Whether personal data is masked.
    pub(crate) personal: bool,
}

impl Hide<'_> {
    /// How hard secrets are looked for.
    pub(crate) fn zeal(self) -> Zeal {
        if self.personal {
            Zeal::MaskPersonal
        } else {
            Zeal::Mask
        }
    }
}

/// How every placeholder begins; `[redacted:github-pat]` is a whole one.
pub(crate) const PLACEHOLDER: &str = "[redacted:";
/// The rule of a text that was withheld because masking it did not come to an end.
pub(crate) const UNSETTLED: &str = "unsettled";

/// `[redacted:<rule>]`.
pub(crate) fn placeholder(rule: &str) -> String {
    format!("{PLACEHOLDER}{rule}]")
}

/// Masks `text`, and what masking may have laid bare, until nothing is found any more.
pub(crate) fn mask<'a>(text: &'a str, hide: Hide<'_>, masks: &mut Masks) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    if text.contains('\0') {
        text = Cow::Owned(text.replace('\0', "\u{2400}"));
    }
    let zeal = hide.zeal();
    for _ in 0..MAX_ROUNDS {
        let hits = scan(&text, zeal);
        let mut changed = !hits.is_empty();
        if changed {
            let mut masked = String::with_capacity(text.len());
            let mut from = 0;
            for hit in hits {
                masked.push_str(&text[from..hit.range.start]);
                masked.push_str(&placeholder(hit.rule));
                masks.add(hit.rule);
                from = hit.range.end;
            }
            masked.push_str(&text[from..]);
            text = Cow::Owned(masked);
        }
        if let Some(shorter) = hide.home.and_then(|home| tilde(&text, home)) {
            text = Cow::Owned(shorter);
            changed = true;
        }
        if !changed {
            return text;
        }
    }
    masks.add(UNSETTLED);
    Cow::Owned(placeholder(UNSETTLED))
}

/// Masks `text` and cuts it to `max` bytes as JSON, mark included. Of a long text only what may remain is read.
pub(crate) fn mask_and_cut(text: &str, max: usize, hide: Hide<'_>, masks: &mut Masks) -> String {
    let window = prefix(text, max + LOOKAHEAD_BYTES);
    let masked = mask(window, hide, masks);
    if window.len() == text.len() && json_len(&masked) <= max {
        return masked.into_owned();
    }
    let mut cut = cut(&masked, max, text.len());
    // A cut can lay bare what a longer word hid. What masking adds is cut again; it ends because each turn is shorter.
    loop {
        let again = mask(&cut, hide, masks).into_owned();
        if again == cut {
            return cut;
        }
        cut = if json_len(&again) <= max {
            again
        } else {
            self::cut(&again, max.min(cut.len() - 1), text.len())
        };
    }
}

/// The mark of a cut text that was `total` bytes long.
pub(crate) fn cut_mark(total: usize) -> String {
    format!("…[cut, {total} bytes in all]")
}

/// Whether `text` was cut, or stands where something was: another text, more items, what was nested too deep.
pub(crate) fn is_cut(text: &str) -> bool {
    let Some(mark) = text.strip_suffix(']') else {
        return false;
    };
    text.starts_with("[cut, ")
        || mark
            .rsplit_once("…[cut, ")
            .is_some_and(|(_, count)| count.ends_with(" bytes in all"))
}

fn cut(text: &str, max: usize, total: usize) -> String {
    let mark = cut_mark(total);
    let room = max.saturating_sub(mark.len());
    let mut kept = 0;
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += json_char_len(c);
        if used > room {
            break;
        }
        kept = at + c.len_utf8();
    }
    if let Some(open) = text[..kept].rfind('[') {
        // Neither half a placeholder nor half of its beginning.
        let tail = &text[open..];
        let inside = tail.starts_with(PLACEHOLDER)
            && tail.find(']').is_none_or(|close| open + close >= kept);
        if inside {
            kept = open;
        }
    }
    format!("{}{mark}", &text[..kept])
}

/// The longest prefix of at most `max` bytes.
fn prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// Bytes of `text` inside a compact JSON string.
pub(crate) fn json_len(text: &str) -> usize {
    text.chars().map(json_char_len).sum()
}

fn json_char_len(c: char) -> usize {
    match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// Home paths become `~`; `None` if there are none.
fn tilde(text: &str, home: &str) -> Option<String> {
    let mut out: Option<String> = None;
    let mut from = 0;
    for (at, _) in text.match_indices(home) {
        let before = text[..at].chars().next_back();
        let after = text[at + home.len()..].chars().next();
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let begins = !before.is_some_and(|c| inside(c) || c == '~' || c == '/')
            || text[..at].ends_with("://");
        // `/home/ann.` ends a sentence, `/home/ann.old` is another directory.
        let ends = !after.is_some_and(inside);
        if begins && ends {
            let out = out.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(&text[from..at]);
            out.push('~');
            from = at + home.len();
        }
    }
    out.map(|mut out| {
        out.push_str(&text[from..]);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_is_a_tilde_only_where_it_is_home() {
        let home = "/home/ann";
        assert_eq!(
            tilde("ls /home/ann/src '/home/ann'", home).unwrap(),
            "ls ~/src '~'"
        );
        assert_eq!(
            tilde("file:///home/ann/x PATH=/bin:/home/ann/bin", home).unwrap(),
            "file://~/x PATH=/bin:~/bin"
        );
        assert_eq!(
            tilde("/home/anna /backup/home/ann /home/ann2/x", home),
            None
        );
    }

    #[test]
    fn a_cut_splits_no_placeholder_and_counts_escapes() {
        let mut masks = Masks::default();
        let text = format!(
            "{} ghp_{} {}",
            "a".repeat(200),
            "b1C".repeat(12),
            "z".repeat(500)
        );
        for max in 230..280 {
            let cut = mask_and_cut(&text, max, Hide::default(), &mut masks);
            assert!(cut.len() <= max, "{cut}");
            assert!(!cut.contains("b1C"), "{cut}");
            assert!(
                !cut.contains("[redacted:") || cut.contains("[redacted:github-pat]"),
                "{cut}"
            );
        }
        let quotes = mask_and_cut(&"\"\u{1}".repeat(1000), 100, Hide::default(), &mut masks);
        assert!(json_len(&quotes) <= 100);
        assert!(quotes.ends_with("…[cut, 2000 bytes in all]"), "{quotes}");
    }
}
