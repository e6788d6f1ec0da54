//! Who may come in, as the specification's section on security asks for: a page of another site must not reach a server on this
//! machine, neither by its own name (`Origin`) nor by a name that it has had point here (`Host`, DNS rebinding).

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, StatusCode};

/// Lets in whoever may.
#[derive(Debug, Clone)]
pub(super) struct Door {
    token: Option<String>,
}

impl Door {
    pub(super) fn new(token: Option<String>) -> Self {
        Self { token }
    }

    /// Whether a request with these headers may come in; else the status and the reason.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), (StatusCode, String)> {
        let forbidden = |why: String| (StatusCode::FORBIDDEN, why);
        let host = one(headers, &HOST).ok_or_else(|| {
            forbidden("a request needs exactly one readable Host header".to_owned())
        })?;
        // Who shows the token is no page that was led here.
        if self.token.is_none() && !is_loopback(host) {
            let host = shortened(host);
            return Err(forbidden(format!(
                "the host `{host}` is not this machine's own name; use 127.0.0.1 or localhost"
            )));
        }
        if headers.contains_key(ORIGIN) {
            let origin = one(headers, &ORIGIN).unwrap_or("(several)");
            let own = origin
                .strip_prefix("http://")
                .or(origin.strip_prefix("https://"));
            if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
                let origin = shortened(origin);
                return Err(forbidden(format!(
                    "requests from the origin `{origin}` are refused; pages of other sites may not call this server"
                )));
            }
        }
        let Some(token) = &self.token else {
            return Ok(());
        };
        let shown = one(headers, &AUTHORIZATION).and_then(|shown| shown.split_once(' '));
        match shown {
            Some((kind, shown))
                if kind.eq_ignore_ascii_case("bearer") && same(shown.trim(), token) =>
            {
                Ok(())
            }
            _ => Err((
                StatusCode::UNAUTHORIZED,
                "show the token of --token as `Authorization: Bearer …`".to_owned(),
            )),
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

/// `localhost` or an address of the loopback network, with any port: it may be a forwarded one.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Compares without telling by its time how much was right.
fn same(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes());
    let differing = differing.fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && differing == 0
}

fn shortened(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(token: Option<&str>, headers: &[(HeaderName, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        let checked = Door::new(token.map(str::to_owned)).check(&map);
        checked.map_or_else(|(status, _)| status.as_u16(), |()| 200)
    }

    #[test]
    fn pages_of_other_sites_and_other_names_do_not_come_in() {
        for (host, origin, expected) in [
            ("127.0.0.1:8808", None, 200),
            ("localhost", None, 200),
            ("[::1]:8808", None, 200),
            ("[::ffff:127.0.0.1]:1", None, 200),
            ("127.0.0.1:8808", Some("http://127.0.0.1:8808"), 200),
            ("127.0.0.1:8808", Some("http://127.0.0.1:3000"), 403),
            ("127.0.0.1:8808", Some("https://evil.example"), 403),
            ("127.0.0.1:8808", Some("null"), 403),
            ("127.0.0.1:8808", Some(""), 403),
            ("evil.example:8808", None, 403),
            ("evil.example:8808", Some("http://evil.example:8808"), 403),
            ("127.0.0.1.evil.example", None, 403),
            ("localhost.evil.example", None, 403),
            ("192.168.0.7:8808", None, 403),
            ("", None, 403),
        ] {
            let mut headers = vec![(HOST, host)];
            headers.extend(origin.map(|origin| (ORIGIN, origin)));
            assert_eq!(checked(None, &headers), expected, "{host} {origin:?}");
        }
        assert_eq!(checked(None, &[]), 403);
        assert_eq!(
            checked(None, &[(HOST, "localhost"), (HOST, "localhost")]),
            403
        );
        let own = "http://localhost";
        assert_eq!(
            checked(None, &[(HOST, "localhost"), (ORIGIN, own), (ORIGIN, own)]),
            403
        );
    }

    #[test]
    fn where_a_token_is_asked_for_it_must_be_shown() {
        let host = (HOST, "proxy.example");
        for (shown, expected) in [
            (None, 401),
            (Some("Bearer tok"), 401),
            (Some("Bearer token2"), 401),
            (Some("Bearer"), 401),
            (Some("Basic token"), 401),
            (Some("Bearer token"), 200),
            (Some("bearer  token"), 200),
        ] {
            let mut headers = vec![host.clone()];
            headers.extend(shown.map(|shown| (AUTHORIZATION, shown)));
            assert_eq!(checked(Some("token"), &headers), expected, "{shown:?}");
        }
        let led = [
            host,
            (ORIGIN, "http://evil.example"),
            (AUTHORIZATION, "Bearer token"),
        ];
        assert_eq!(checked(Some("token"), &led), 403);
    }
}
