//! HTML reduced to what a person would read.
//!
//! This is no parser of HTML: it drops what is not shown, breaks lines where blocks begin and end, and keeps the addresses of links. It
//! reads each byte once.

use std::fmt::Write as _;

/// Elements whose content nobody reads.
const UNSEEN: [&str; 9] = [
    "script", "style", "template", "svg", "noscript", "iframe", "object", "math", "canvas",
];
/// Elements that stand on lines of their own.
const BLOCKS: [&str; 38] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "br",
    "button",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "ol",
    "option",
    "p",
    "pre",
    "section",
    "table",
    "title",
    "tr",
    "ul",
];
/// References that pages use; others stay as they are.
const NAMED: [(&str, &str); 24] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("hellip", "…"),
    ("mdash", "—"),
    ("ndash", "–"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("bull", "•"),
    ("middot", "·"),
    ("times", "×"),
    ("rarr", "→"),
    ("larr", "←"),
    ("euro", "€"),
];
/// What a person would read of a page.
pub(super) fn readable(html: &str) -> String {
    let mut page = Page::default();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        page.words(&rest[..at]);
        rest = &rest[at..];
        rest = match rest.as_bytes().get(1) {
            Some(b'!') if rest.starts_with("<!--") => after(rest, "-->"),
            Some(b'!' | b'?') => after(rest, ">"),
            Some(b'/') => {
                let (name, _, after) = tag(&rest[2..]);
                page.close(&name);
                after
            }
            Some(letter) if letter.is_ascii_alphabetic() => {
                let (name, attributes, after) = tag(&rest[1..]);
                if UNSEEN.contains(&name.as_str()) && !attributes.ends_with('/') {
                    past_end(after, &name)
                } else {
                    page.open(&name, attributes);
                    after
                }
            }
            _ => {
                page.words("<");
                &rest[1..]
            }
        };
    }
    page.words(rest);
    page.finish()
}

/// What follows `mark`; nothing if it never comes.
fn after<'a>(rest: &'a str, mark: &str) -> &'a str {
    rest.find(mark).map_or("", |at| &rest[at + mark.len()..])
}

/// What follows the end tag of `name`; nothing if it never comes.
fn past_end<'a>(mut rest: &'a str, name: &str) -> &'a str {
    while let Some(at) = rest.find("</") {
        rest = &rest[at + 2..];
        let (found, _, after) = tag(rest);
        if found == name {
            return after;
        }
    }
    ""
}

/// A tag's name in lower case, its attributes, and what follows it.
fn tag(rest: &str) -> (String, &str, &str) {
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return (name.to_ascii_lowercase(), &rest[..at], &rest[at + 1..]),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    (name.to_ascii_lowercase(), rest, "")
}

/// The value of an attribute.
fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .find(|c: char| c.is_ascii_whitespace() || c == '=')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            // A stray character would stay for ever.
            rest = if end == 0 {
                &rest[rest.chars().next().map_or(0, char::len_utf8)..]
            } else {
                after
            };
            continue;
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_at(
                value
                    .find(|c: char| c.is_ascii_whitespace())
                    .unwrap_or(value.len()),
            ),
        };
        if name.eq_ignore_ascii_case(wanted) {
            let mut text = String::new();
            references(value, &mut text);
            return Some(text);
        }
        rest = after;
    }
}

/// Text whose `&…;` stand for characters.
fn references(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name = rest.split(';').next().unwrap_or_default();
        let known = (name.len() <= 10 && name.len() < rest.len())
            .then(|| character(name))
            .flatten();
        match known {
            Some(text) => {
                out.push_str(&text);
                rest = &rest[name.len() + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
}

fn character(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    NAMED
        .iter()
        .find(|(own, _)| *own == name)
        .map(|(_, text)| (*text).to_owned())
}

/// The text so far.
#[derive(Default)]
struct Page {
    out: String,
    /// How deep in `<pre>`, where spaces count.
    preformatted: usize,
    /// Where each open link's text begins, and where it leads.
    links: Vec<(usize, Option<String>)>,
}

impl Page {
    fn words(&mut self, text: &str) {
        let mut decoded = String::new();
        references(text, &mut decoded);
        if self.preformatted > 0 {
            self.out.push_str(&decoded);
            return;
        }
        if decoded.starts_with(|c: char| c.is_whitespace()) {
            self.space();
        }
        let mut words = decoded.split_whitespace().peekable();
        while let Some(word) = words.next() {
            self.out.push_str(word);
            if words.peek().is_some() {
                self.out.push(' ');
            }
        }
        if decoded.ends_with(|c: char| c.is_whitespace()) {
            self.space();
        }
    }

    fn space(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with([' ', '\n']) {
            self.out.push(' ');
        }
    }

    fn line(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn open(&mut self, name: &str, attributes: &str) {
        if BLOCKS.contains(&name) {
            self.line();
        }
        match name {
            "pre" => self.preformatted += 1,
            "li" => self.out.push_str("- "),
            "td" | "th" if !self.out.ends_with('\n') => self.out.push_str(" | "),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = usize::from(name.as_bytes()[1] - b'0');
                self.out.push_str(&"#".repeat(level));
                self.out.push(' ');
            }
            "img" => {
                if let Some(alt) = attribute(attributes, "alt").filter(|alt| !alt.trim().is_empty())
                {
                    // Writing to a String does not fail.
                    let _ = write!(self.out, "[image: {}]", alt.trim());
                }
            }
            "a" => {
                let leads = attribute(attributes, "href").filter(|to| {
                    !to.is_empty()
                        && !to.starts_with('#')
                        && !to.to_ascii_lowercase().starts_with("javascript:")
                });
                self.links.push((self.out.len(), leads));
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "pre" => self.preformatted = self.preformatted.saturating_sub(1),
            "a" => {
                if let Some((start, Some(leads))) = self.links.pop()
                    && !self.out[start..].trim().is_empty()
                {
                    let _ = write!(self.out, " ({leads})");
                }
            }
            _ => {}
        }
        if BLOCKS.contains(&name) {
            self.line();
        }
    }

    fn finish(self) -> String {
        let mut lines: Vec<&str> = Vec::new();
        for line in self.out.lines().map(str::trim_end) {
            let blank = line.is_empty() || line == "-";
            if !(blank && lines.last().is_none_or(|last| last.is_empty())) {
                lines.push(if blank { "" } else { line });
            }
        }
        lines.join("\n").trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_is_reduced_to_what_is_read() {
        let html = "<!DOCTYPE html><html><head><title>A &amp; B</title><style>p{}</style><script>if (a<b) x('</p>')</script>\
            </head><body><!-- <p>no</p> --><h1>One</h1><p>Some <b>bold</b>\n  text &#8212; and <a href='/x?a=1&amp;b=2'>a link</a>.\
            <p>3 < 4<ul><li>first<li>second</ul><pre>a\n  b</pre><table><tr><td>1<td>2</table><img src=x alt=\"A cat\"></body>";
        assert_eq!(
            readable(html),
            "A & B\n\n# One\n\nSome bold text — and a link (/x?a=1&b=2).\n3 < 4\n\n- first\n- second\n\na\n  b\n\n1 | 2\n[image: A cat]"
        );
    }

    proptest! {
        #[test]
        fn any_page_can_be_read(html in r#"([a-z <>/!&;#"'=ä-]|<script>|</script>|<a href=|<!--|-->|<pre>|&amp;){0,60}"#) {
            let _ = readable(&html);
        }
    }
}
