//! Whose request it is, and who answers it.

use std::net::IpAddr;

use aap::paths;

/// The header in which Cloudflare names the client. It overwrites what the client sent under that name; no other header is
/// believed. Without it (a local run) the client is unknown.
pub const CONNECTING_IP: &str = "cf-connecting-ip";

/// The client's address.
pub fn address(header: Option<&str>) -> Option<IpAddr> {
    header?.trim().parse().ok()
}

/// Who answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// The Worker itself.
    Here,
    /// A Durable Object that keeps a connection for reading.
    Reader,
    /// The one that serves live events.
    LiveHub,
}

/// Who answers `method path`.
pub fn answerer(method: &str, path: &str) -> Answerer {
    const HERE: [&str; 4] = [paths::HEALTH, paths::READY, paths::METRICS, paths::OPENAPI];
    // It asks though it is sent with a body.
    if (method, path) == ("POST", paths::HANDSHAKE) {
        Answerer::Reader
    } else if !matches!(method, "GET" | "HEAD") || HERE.contains(&path) {
        Answerer::Here
    } else if path == paths::LIVE {
        Answerer::LiveHub
    } else {
        Answerer::Reader
    }
}

/// Whether `path` counts against no limit: what operators ask.
pub fn is_unlimited(path: &str) -> bool {
    [paths::HEALTH, paths::READY, paths::METRICS].contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_anything_else_is_nobody() {
        assert_eq!(address(Some(" 192.0.2.1 ")), "192.0.2.1".parse().ok());
        assert_eq!(address(Some("2001:db8::1")), "2001:db8::1".parse().ok());
        assert_eq!(address(Some("192.0.2.1, 192.0.2.2")), None);
        assert_eq!(address(None), None);
    }

    #[test]
    fn writes_stay_here_and_reads_go_where_a_connection_is() {
        for (method, path, answered) in [
            ("POST", "/v1/traces", Answerer::Here),
            ("PUT", "/v1/agents/x/card", Answerer::Here),
            ("OPTIONS", "/v1/traces", Answerer::Here),
            ("POST", "/v1/handshake", Answerer::Reader),
            ("OPTIONS", "/v1/handshake", Answerer::Here),
            ("GET", "/health", Answerer::Here),
            ("GET", "/ready", Answerer::Here),
            ("GET", "/v1/live", Answerer::LiveHub),
            ("GET", "/v1/traces", Answerer::Reader),
            ("HEAD", "/", Answerer::Reader),
            ("GET", "/nowhere", Answerer::Reader),
        ] {
            assert_eq!(answerer(method, path), answered, "{method} {path}");
        }
        assert!(is_unlimited("/ready") && !is_unlimited("/") && !is_unlimited("/openapi.json"));
    }
}
