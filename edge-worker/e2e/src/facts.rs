//! What the suite is told about the host, by environment.
//!
//! `BASE_URL` is required. The limits that the host was started with default to the edge's own; a host that lies behind a
//! proxy or an emulator takes the client's address from the header that `E2E_ADDRESS_HEADER` names.

use aap::limits::{DEFAULT_AGENT_PER_MINUTE, DEFAULT_IP_PER_MINUTE, DEFAULT_NEW_AGENTS_PER_HOUR};

/// Where the edge answers, without a slash at the end.
pub fn base_url() -> String {
    let url = std::env::var("BASE_URL").expect(
        "BASE_URL is not set: this suite needs a running edge. `cargo xtask test` starts each host and runs it; \
         by hand: BASE_URL=http://127.0.0.1:8787 cargo test -p edge-e2e",
    );
    url.trim_end_matches('/').to_owned()
}

fn number(name: &str, default: u32) -> u32 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .ok()
            .filter(|number| *number > 0)
            .unwrap_or_else(|| panic!("{name} is `{text}`; it is a whole number above 0")),
        Err(_) => default,
    }
}

/// Requests of one agent a minute.
pub fn per_minute() -> u32 {
    number("E2E_LIMIT_PER_MINUTE", DEFAULT_AGENT_PER_MINUTE)
}

/// Requests of one network a minute.
pub fn network_per_minute() -> u32 {
    number("E2E_LIMIT_IP_PER_MINUTE", DEFAULT_IP_PER_MINUTE)
}

/// Agents that one network makes known, an hour.
pub fn new_agents_per_hour() -> u32 {
    number("E2E_LIMIT_NEW_AGENTS_PER_HOUR", DEFAULT_NEW_AGENTS_PER_HOUR)
}

/// The header in which the host is told the client's address; none when it is the connection's.
pub fn address_header() -> Option<String> {
    std::env::var("E2E_ADDRESS_HEADER")
        .ok()
        .filter(|name| !name.is_empty())
}
