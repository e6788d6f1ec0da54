//! From where requests may come: a foreign `Host` (DNS rebinding) or `Origin` (another site's script) is refused before
//! anything else is looked at.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::Room;
use super::answer::problem;
use crate::serve::ServeError;

/// The names that this gateway answers to.
pub(crate) struct Hosts {
    port: u16,
    extra: Vec<Place>,
}

/// Why a request is foreign.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Foreign {
    #[error("a request needs exactly one readable Host header")]
    NoHost,
    #[error(
        "the host `{0}` is not this gateway's; open it as http://127.0.0.1:{1}/, or let the operator list the name among the gateway's extra hosts"
    )]
    Host(String, u16),
    #[error(
        "requests from the origin `{0}` are refused; only the gateway's own page may call it from a browser"
    )]
    Origin(String),
    #[error("requests from other sites are refused; open the gateway's page itself")]
    Site,
}

/// A host, and a port unless it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    host: String,
    port: Option<u16>,
}

impl Place {
    /// Reads `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`.
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // The colons of a bracketed address are its own.
            Some((_, after)) if after.ends_with(']') => (text, None),
            Some((host, port)) => {
                let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                (host, Some(port.parse().ok().filter(|_| digits)?))
            }
            None => (text, None),
        };
        let inner = match host.strip_prefix('[') {
            Some(rest) => {
                let inner = rest.strip_suffix(']')?;
                inner.parse::<std::net::Ipv6Addr>().ok()?;
                inner
            }
            None => host,
        };
        let plain = !inner.is_empty()
            && (host.starts_with('[')
                || inner
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)));
        plain.then(|| Self {
            host: inner.to_ascii_lowercase(),
            port,
        })
    }

    /// `localhost`, or an address of the loopback network; a name that merely looks like one is not.
    fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

/// Whether `text` may stand among [`crate::Options::extra_hosts`].
///
/// # Errors
/// [`ServeError::ExtraHost`] when it is no host's name.
pub fn check_host(text: &str) -> Result<(), ServeError> {
    place(text).map(drop)
}

fn place(text: &str) -> Result<Place, ServeError> {
    Place::parse(text).ok_or_else(|| ServeError::ExtraHost(text.to_owned()))
}

impl Hosts {
    pub(super) fn new(port: u16, extra: &[String]) -> Result<Self, ServeError> {
        let extra = extra
            .iter()
            .map(|text| place(text))
            .collect::<Result<_, _>>()?;
        Ok(Self { port, extra })
    }

    /// Whether this request comes from where it may.
    fn check(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Foreign> {
        let host = one(headers, &HOST).ok_or(Foreign::NoHost)?;
        let place = self.own(host)?;
        // A request line with a whole URL names the host a second time.
        if let Some(authority) = uri.authority() {
            self.own(authority.as_str())?;
        }
        if headers.contains_key(ORIGIN) {
            let origin = one(headers, &ORIGIN).unwrap_or("(several)");
            if !same_origin(origin, &place) {
                return Err(Foreign::Origin(shortened(origin)));
            }
        }
        let site = fetch_header(headers, "sec-fetch-site");
        if matches!(site, None | Some("same-origin" | "none"))
            || opens_the_page(method, uri, headers)
        {
            Ok(())
        } else {
            Err(Foreign::Site)
        }
    }

    /// Whether a request asks for this very machine; one that a proxy passed on may come from anywhere.
    pub(crate) fn is_local(headers: &HeaderMap) -> bool {
        let passed_on = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];
        one(headers, &HOST)
            .and_then(Place::parse)
            .is_some_and(|place| place.is_loopback())
            && !passed_on.iter().any(|name| headers.contains_key(*name))
    }

    fn own(&self, text: &str) -> Result<Place, Foreign> {
        let foreign = || Foreign::Host(shortened(text), self.port);
        let place = Place::parse(text).ok_or_else(foreign)?;
        let listed = self.extra.iter().any(|extra| {
            extra.host == place.host && (extra.port.is_none() || extra.port == place.port)
        });
        let loopback = place.is_loopback() && place.port.unwrap_or(80) == self.port;
        if listed || loopback {
            Ok(place)
        } else {
            Err(foreign())
        }
    }
}

/// The only header of that name, as text.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

fn fetch_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    // What is not text is no word that we know, so it counts as foreign.
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// Whether a browser's `Origin` is the host that it asks, over either scheme (a proxy may have taken off the TLS).
fn same_origin(origin: &str, host: &Place) -> bool {
    let (rest, default) = match origin.split_once("://") {
        Some(("http", rest)) => (rest, 80),
        Some(("https", rest)) => (rest, 443),
        _ => return false,
    };
    Place::parse(rest).is_some_and(|place| {
        place.host == host.host && place.port.unwrap_or(default) == host.port.unwrap_or(default)
    })
}

/// Following a link to the page is fine from anywhere: it shows nothing to whoever made the link.
fn opens_the_page(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    method == Method::GET
        && uri.path() == "/"
        && fetch_header(headers, "sec-fetch-mode") == Some("navigate")
        && fetch_header(headers, "sec-fetch-dest") == Some("document")
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

/// Lets pass what comes from where it may.
pub(super) async fn guard(State(room): State<Arc<Room>>, request: Request, next: Next) -> Response {
    match room
        .hosts
        .check(request.method(), request.uri(), request.headers())
    {
        Ok(()) => next.run(request).await,
        Err(foreign) => problem(StatusCode::FORBIDDEN, foreign.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts() -> Hosts {
        let extra = ["bot.example.com", "other.example.com:8443"].map(str::to_owned);
        Hosts::new(18789, &extra).unwrap()
    }

    #[test]
    fn own_hosts() {
        for host in [
            "127.0.0.1:18789",
            "127.9.8.7:18789",
            "localhost:18789",
            "LOCALHOST:18789",
            "[::1]:18789",
            "[0:0:0:0:0:0:0:1]:18789",
            "[::ffff:127.0.0.1]:18789",
            "bot.example.com",
            "bot.example.com:443",
            "other.example.com:8443",
        ] {
            assert!(hosts().own(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn foreign_hosts() {
        for host in [
            "",
            "127.0.0.1",
            "127.0.0.1:80",
            "127.0.0.1:",
            "127.0.0.1:+18789",
            "127.0.0.1:118789",
            "127.evil.com:18789",
            "127.0.0.1.evil.com:18789",
            "evil.com:18789",
            "evil.com",
            "localhost.evil.com:18789",
            "localhost.:18789",
            "2130706433:18789",
            "0x7f.0.0.1:18789",
            "127.1:18789",
            "0.0.0.0:18789",
            "10.0.0.1:18789",
            "::1:18789",
            "[::2]:18789",
            "[::1%25lo]:18789",
            "[localhost]:18789",
            "a@127.0.0.1:18789",
            "evil.com#@127.0.0.1:18789",
            "127.0.0.1:18789/x",
            "sub.bot.example.com",
            "other.example.com",
            "other.example.com:443",
        ] {
            assert!(hosts().own(host).is_err(), "{host}");
        }
    }

    #[test]
    fn only_the_own_origin_is_the_same() {
        let host = Place::parse("127.0.0.1:18789").unwrap();
        assert!(same_origin("http://127.0.0.1:18789", &host));
        for origin in [
            "null",
            "",
            "http://127.0.0.1",
            "http://127.0.0.1:3000",
            "http://localhost:18789",
            "http://evil.com:18789",
            "http://127.0.0.1:18789.evil.com",
            "file://127.0.0.1:18789",
            "127.0.0.1:18789",
        ] {
            assert!(!same_origin(origin, &host), "{origin}");
        }
        let proxied = Place::parse("bot.example.com").unwrap();
        assert!(same_origin("https://bot.example.com", &proxied));
        assert!(same_origin("https://bot.example.com:443", &proxied));
        assert!(!same_origin("https://bot.example.com:444", &proxied));
    }

    #[test]
    fn an_extra_host_that_is_no_host_is_an_error() {
        for text in ["http://bot.example.com", "a b", "", "x:y"] {
            assert!(Hosts::new(1, &[text.to_owned()]).is_err(), "{text}");
        }
    }
}
