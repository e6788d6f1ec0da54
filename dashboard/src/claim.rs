//! The name and the link that an agent claims on its card, under `extensions.smoltbot`.
//!
//! A name is not unique and proves nothing; whoever shows one shows the id beside it. A link is shown as text, so that a page
//! sends nobody there, until its owner agrees; whether he does is [`crate::proof`]'s to ask.

use serde_json::Value;
use trace_store::CardRow;

use crate::text::plain;

/// Characters of a name that are shown.
pub(crate) const NAME_CHARS: usize = 48;
/// Bytes of a link; a longer one is not taken.
const MAX_LINK_BYTES: usize = 200;

/// What an agent says it is called and where it belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// As it was claimed, made safe to read; at most [`NAME_CHARS`].
    pub(crate) name: Option<String>,
    /// An `https` address without the scheme.
    pub(crate) link: Option<String>,
}

impl Claim {
    /// Reads it from a card; what is of the wrong kind is no claim.
    pub(crate) fn of(card: Option<&CardRow>) -> Self {
        let said = |key: &str| {
            let own = card?.card.get("extensions")?.get("smoltbot")?;
            own.get(key).and_then(Value::as_str).map(str::trim)
        };
        Self {
            name: said("name")
                .filter(|name| !name.is_empty())
                .map(|name| plain(name, NAME_CHARS)),
            link: said("url").and_then(link),
        }
    }

    /// The host of the link.
    pub(crate) fn host(&self) -> Option<&str> {
        self.link.as_deref()?.split(['/', ':']).next()
    }
}

/// An address of the web: `https`, a host with a dot, no user, nothing that hides.
fn link(text: &str) -> Option<String> {
    let rest = text.strip_prefix("https://")?;
    let host = rest.split('/').next()?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    let name = host.split(':').next()?;
    let honest = text.len() <= MAX_LINK_BYTES
        && rest.bytes().all(|byte| byte.is_ascii_graphic())
        && !rest.contains(['<', '>', '"', '\'', '\\', '@'])
        && name.contains('.')
        && name.chars().all(is_name)
        && !name.starts_with(['.', '-'])
        && !name.ends_with('.')
        && host[name.len()..]
            .chars()
            .all(|c| c == ':' || c.is_ascii_digit());
    honest.then(|| rest.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        assert_eq!(link("https://example.com/").as_deref(), Some("example.com"));
        assert_eq!(
            link("https://a.example.com:8443/x?y#z").as_deref(),
            Some("a.example.com:8443/x?y#z")
        );
        for wrong in [
            "http://example.com",
            "javascript:alert(1)",
            "https://localhost",
            "https://user@example.com",
            "https://exa mple.com",
            "https://ex\u{430}mple.com",
            "https://example.com/\u{202e}",
            "https://.com",
            "https://example.com:x",
            "https://example.com/\"><script>",
            "//example.com",
            "",
        ] {
            assert_eq!(link(wrong), None, "{wrong}");
        }
        assert_eq!(
            link(&format!("https://example.com/{}", "x".repeat(200))),
            None
        );
    }

    #[test]
    fn the_host_is_what_is_proven() {
        let claim = |link: &str| Claim {
            name: None,
            link: Some(link.to_owned()),
        };
        for (link, host) in [
            ("a.example.com:8443/x", "a.example.com"),
            ("a.example.com/x:y", "a.example.com"),
            ("a.example.com", "a.example.com"),
        ] {
            assert_eq!(claim(link).host(), Some(host), "{link}");
        }
        assert_eq!(Claim::default().host(), None);
    }
}
