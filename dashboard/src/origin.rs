//! Where this dashboard is reached: what feeds, maps and previews need, whose readers cannot resolve a relative address.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

/// `https://example.com`, without a slash at its end; empty where the request does not tell, so that addresses are relative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin(String);

impl Origin {
    /// The whole address of `path`, which begins with a slash.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    fn of(parts: &Parts) -> Self {
        let header = |name: &str| parts.headers.get(name)?.to_str().ok();
        let told = parts.uri.authority().cloned();
        let authority = told.or_else(|| header(HOST.as_str())?.parse::<Authority>().ok());
        let Some(authority) = authority.filter(is_plain) else {
            return Self::default();
        };
        let scheme = header("x-forwarded-proto")
            .and_then(|list| list.split(',').next())
            .or(parts.uri.scheme_str())
            .map(str::trim);
        let scheme = match scheme {
            Some("https") => "https",
            Some("http") => "http",
            // A public name without a port is reached through something that ends TLS.
            _ if authority.port().is_some() || is_local(authority.host()) => "http",
            _ => "https",
        };
        Self(format!("{scheme}://{authority}"))
    }
}

/// A host that can stand in markup as it is: clients choose what they send.
fn is_plain(authority: &Authority) -> bool {
    let text = authority.as_str();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    !text.is_empty() && text.len() <= 255 && text.chars().all(allowed)
}

fn is_local(host: &str) -> bool {
    host == "localhost" || host.starts_with("127.") || host.starts_with('[')
}

impl<S: Send + Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn of(uri: &str, headers: &[(&str, &str)]) -> String {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Origin::of(&request.body(()).unwrap().into_parts().0).at("/x")
    }

    #[test]
    fn it_is_told_by_the_request() {
        assert_eq!(of("https://a.example/y", &[]), "https://a.example/x");
        assert_eq!(
            of("/", &[("host", "127.0.0.1:8787")]),
            "http://127.0.0.1:8787/x"
        );
        assert_eq!(of("/", &[("host", "a.example")]), "https://a.example/x");
        let proxied = [
            ("host", "a.example:81"),
            ("x-forwarded-proto", "https, http"),
        ];
        assert_eq!(of("/", &proxied), "https://a.example:81/x");
        assert_eq!(of("/", &[]), "/x", "relative where nothing is told");
    }

    #[test]
    fn a_host_cannot_become_markup() {
        for host in ["a\"><script>", "a'b", "user@a.example", "a&b", "<b>", ""] {
            assert_eq!(of("/", &[("host", host)]), "/x", "{host}");
        }
        let odd = [("host", "a.example"), ("x-forwarded-proto", "javascript")];
        assert_eq!(of("/", &odd), "https://a.example/x");
    }
}
