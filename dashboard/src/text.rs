//! Text that others wrote, made safe to look at.
//!
//! Traces are written by agents and whoever talks to them. Escaping keeps such text from becoming markup; this also keeps
//! it from deceiving the eye: characters that reorder or hide text are shown by their code point, and length is bounded.

use std::fmt::{self, Write as _};

/// HTML that is safe to put into a page as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Shown {}

impl Shown {
    /// Takes markup that this crate wrote itself.
    pub(crate) fn trusted(html: String) -> Self {
        Self(html)
    }

    /// Whether there is nothing to see.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How line breaks and tabs are treated.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

/// One line: line breaks are shown as a mark. At most `max` characters are shown.
pub(crate) fn line(text: &str, max: usize) -> Shown {
    let mut out = String::with_capacity(text.len().min(max) + 16);
    put(&mut out, text, max, Lines::One);
    Shown(out)
}

/// Several lines, for `<pre>`. At most `max` characters are shown.
pub(crate) fn block(text: &str, max: usize) -> Shown {
    let mut out = String::with_capacity(text.len().min(max) + 16);
    put(&mut out, text, max, Lines::Many);
    Shown(out)
}

/// Without markup, for attributes and titles; the template escapes it.
pub(crate) fn plain(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max) + 8);
    for (shown, c) in text.chars().enumerate() {
        if shown == max {
            out.push('…');
            break;
        }
        if c.is_whitespace() && c != '\u{2028}' && c != '\u{2029}' {
            out.push(' ');
        } else if deceives(c) {
            let _ = write!(out, "⟨U+{:04X}⟩", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// For XML, in text and attributes: without markup, with the characters that XML forbids named too.
pub(crate) fn xml(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max) + 16);
    for c in plain(text, max).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// The exact text for an attribute that is sent back and not looked at: what would deceive stands there by its number.
pub(crate) fn exact(text: &str) -> Shown {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if deceives(c) {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            put_char(&mut out, c, Lines::Many);
        }
    }
    Shown(out)
}

/// Where a masked secret begins in published text.
const REDACTED: &str = "[redacted";
/// Longest redaction mark that is highlighted; anything longer is not one.
const MAX_MARK: usize = 96;
/// Bytes of HTML that a character may take on average: the widest scripts take three, escapes five.
const BYTES_PER_CHAR: usize = 3;

/// Appends `text` escaped, with deceiving characters made visible and redaction marks highlighted.
fn put(out: &mut String, text: &str, max: usize, lines: Lines) {
    let mut shown = 0;
    let mut rest = text;
    // Text made of nothing but marks must not grow a page without bound either.
    let most_bytes = out.len() + max.saturating_mul(BYTES_PER_CHAR) + MAX_MARK;
    while let Some(c) = rest.chars().next() {
        if shown >= max || out.len() >= most_bytes {
            let more = rest.chars().count();
            let _ = write!(
                out,
                "<span class=cut title=\"{more} more characters\">…</span>"
            );
            return;
        }
        if rest.starts_with(REDACTED)
            && let Some(end) = rest.bytes().take(MAX_MARK).position(|byte| byte == b']')
        {
            let mark = &rest[..=end];
            out.push_str("<mark>");
            for c in mark.chars() {
                put_char(out, c, Lines::One);
            }
            out.push_str("</mark>");
            shown += mark.chars().count();
            rest = &rest[end + 1..];
            continue;
        }
        put_char(out, c, lines);
        shown += 1;
        rest = &rest[c.len_utf8()..];
    }
}

fn put_char(out: &mut String, c: char, lines: Lines) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&#34;"),
        '\'' => out.push_str("&#39;"),
        '\n' | '\t' if lines == Lines::Many => out.push(c),
        '\n' => out.push_str("<i class=nl title=\"line break\">↵</i>"),
        '\t' => out.push(' '),
        c if deceives(c) => {
            let _ = write!(out, "<i class=ctl>U+{:04X}</i>", u32::from(c));
        }
        c => out.push(c),
    }
}

/// Whether a character is invisible, or changes how its neighbours are laid out.
fn deceives(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164
            | 0xFE00..=0xFE0E | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB
            | 0x1_D173..=0x1_D17A | 0xE_0000..=0xE_0FFF)
}

/// Whether a form's field can hold `text` exactly and still show what it is.
pub(crate) fn is_honest(text: &str) -> bool {
    !text.chars().any(deceives)
}

/// Percent-encodes everything but RFC 3986's unreserved characters, for a path segment or a query value.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// First and last four digits of an id, as people compare them.
pub(crate) fn short(id: &impl fmt::Display) -> String {
    let id = id.to_string();
    match (id.get(..4), id.get(id.len().saturating_sub(4)..)) {
        (Some(head), Some(tail)) if id.len() > 12 => format!("{head}…{tail}"),
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_is_escaped_and_marks_are_highlighted() {
        assert_eq!(
            line("<b a='\"'>&", 99).0,
            "&lt;b a=&#39;&#34;&#39;&gt;&amp;"
        );
        assert_eq!(
            line("key [redacted:aws] x", 99).0,
            "key <mark>[redacted:aws]</mark> x"
        );
        assert_eq!(
            line("[redacted:<b>]", 99).0,
            "<mark>[redacted:&lt;b&gt;]</mark>"
        );
        assert_eq!(line("[redacted", 99).0, "[redacted", "no end, no mark");
    }

    #[test]
    fn characters_that_deceive_are_named() {
        for c in [
            '\u{202E}',
            '\u{200B}',
            '\u{FEFF}',
            '\u{2066}',
            '\u{0}',
            '\u{E0041}',
            '\u{00AD}',
        ] {
            let text = format!("a{c}b");
            let name = format!("U+{:04X}", u32::from(c));
            for shown in [line(&text, 9).0, block(&text, 9).0, plain(&text, 9)] {
                assert!(shown.contains(&name) && !shown.contains(c), "{shown}");
            }
        }
        assert!(!plain("a\nb\tc", 9).contains('\n'));
        assert!(block("a\nb", 9).0.contains('\n'));
    }

    #[test]
    fn long_text_is_cut_and_says_by_how_much() {
        let shown = line(&"ä".repeat(500), 10).0;
        assert!(shown.starts_with(&"ä".repeat(10)) && shown.contains("490 more characters"));
        assert_eq!(plain("abcdef", 3), "abc…");
    }

    #[test]
    fn an_exact_text_is_whole_and_hides_nothing_in_the_page() {
        assert_eq!(exact("a\"<&\u{202e}\u{7}").0, "a&#34;&lt;&amp;&#8238;&#7;");
    }

    #[test]
    fn a_segment_survives_the_url() {
        assert_eq!(encode("a/b?c#d é%"), "a%2Fb%3Fc%23d%20%C3%A9%25");
    }

    #[test]
    fn xml_holds_only_what_it_may() {
        assert_eq!(
            xml("<a b='\"'>&\u{7}\n\u{FFFF}", 99),
            "&lt;a b=&#39;&#34;&#39;&gt;&amp;⟨U+0007⟩ \u{FFFD}"
        );
        assert_eq!(xml("<<<<", 2), "&lt;&lt;…");
    }

    proptest! {
        #[test]
        fn nothing_becomes_markup(text in "\\PC*|[<>&\"'\\[\\]redacted:\u{202e}\n]*") {
            let html = line(&text, 200).0;
            prop_assert!(!html.contains('\u{202e}'), "it is shown by its name");
            let mut bare = html;
            for own in ["<mark>", "</mark>", "</span>", "</i>", "<i class=nl title=\"line break\">",
                "<i class=ctl>"] {
                bare = bare.replace(own, "");
            }
            if let Some((head, _)) = bare.split_once("<span class=cut") { bare = head.to_owned(); }
            prop_assert!(!bare.contains(['<', '>', '"', '\'']), "{}", bare);
        }
    }
}
