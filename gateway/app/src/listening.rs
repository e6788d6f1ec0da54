//! Which port was taken, where any free one was asked for (port 0): told by who listens, for who wants to get there.

use std::fs;
use std::net::SocketAddr;

use smoltbot_config::{Config, Home};

use crate::agent;

/// The gateway's name.
const GATEWAY: &str = "gateway";
/// The edge's.
const EDGE: &str = "edge";

/// Tells where this home's gateway listens.
pub(crate) fn tell_gateway(config: &Config, taken: SocketAddr) -> anyhow::Result<()> {
    tell(&config.home, GATEWAY, config.gateway.listen, taken)
}

/// The same of its edge.
pub(crate) fn tell_edge(config: &Config, taken: SocketAddr) -> anyhow::Result<()> {
    tell(&config.home, EDGE, config.edge.listen, taken)
}

/// Where the gateway listens or would; none where that is any free port and none has been taken yet.
pub(crate) fn gateway(config: &Config) -> Option<SocketAddr> {
    of(&config.home, GATEWAY, config.gateway.listen)
}

/// The same of the edge.
pub(crate) fn edge(config: &Config) -> Option<SocketAddr> {
    of(&config.home, EDGE, config.edge.listen)
}

/// A port that was chosen by a person stands in the configuration already.
fn tell(home: &Home, role: &str, asked: SocketAddr, taken: SocketAddr) -> anyhow::Result<()> {
    if asked.port() != 0 {
        return Ok(());
    }
    agent::write_private(&home.address_file(role), &taken.to_string())
}

fn of(home: &Home, role: &str, asked: SocketAddr) -> Option<SocketAddr> {
    if asked.port() != 0 {
        return Some(asked);
    }
    let told = fs::read_to_string(home.address_file(role)).ok()?;
    told.trim_end().parse().ok()
}
