//! Standing between an MCP client and its server.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;

/// Which server, and how it is called.
#[derive(Debug, Args)]
pub(crate) struct McpProxy {
    /// Pass on to the server at this address (Streamable HTTP)
    #[arg(long, value_name = "URL", conflicts_with = "command")]
    pub(crate) url: Option<String>,
    /// Send this header to the server, such as 'Authorization: Bearer …'; $NAME in its value is read from the environment
    #[arg(long = "header", value_name = "NAME: VALUE", requires = "url")]
    pub(crate) headers: Vec<String>,
    /// Serve clients at `http://ADDR/mcp` (Streamable HTTP) instead of one on standard input and output; 127.0.0.1 if ADDR is a
    /// port alone. Each client has a server of its own. Prints the address
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Let in only clients that show this as `Authorization: Bearer …`; $NAME in it is read from the environment. Wanted for
    /// an address that other machines reach
    #[arg(long, requires = "listen")]
    pub(crate) token: Option<String>,
    /// What the server is called in tools' names, `mcp__NAME__tool`; what it says of itself unless given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The server's command and its arguments, after `--`
    #[arg(last = true, required_unless_present = "url", value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// `IP:PORT`, or a port of this machine alone.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let named = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok());
    named.map_or_else(
        || {
            text.parse()
                .map_err(|_| "give IP:PORT, such as 127.0.0.1:8808, or a port alone".to_owned())
        },
        |port: u16| Ok((Ipv4Addr::LOCALHOST, port).into()),
    )
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_alone_is_this_machines_own() {
        for (text, expected) in [
            ("8808", Some("127.0.0.1:8808")),
            ("localhost:0", Some("127.0.0.1:0")),
            ("[::1]:7", Some("[::1]:7")),
            ("0.0.0.0:7", Some("0.0.0.0:7")),
            ("example.com:7", None),
            ("127.0.0.1", None),
            ("70000", None),
        ] {
            let read = address(text).ok().map(|address| address.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }
}
