//! Which addresses may be fetched from: the public internet, and what the operator allows besides.
//!
//! Sources: IANA's special-purpose registries for IPv4 (RFC 6890 and updates) and IPv6. Forms that carry an IPv4 address
//! inside (mapped, compatible, 6to4, Teredo, NAT64) are read for it and judged by it, or refused.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::tools::Failure;

/// Names under which clouds tell a machine its own secrets; most have link-local addresses, some are proxied to others.
const METADATA: [&str; 6] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
];
/// Endings of names that are never public (RFC 6762, RFC 8375, and what clouds use). `localhost` is judged by its addresses.
const LOCAL: [&str; 5] = ["local", "internal", "home.arpa", "lan", "localdomain"];

/// A place that may be fetched from although it is not public: `HOST`, `HOST:PORT`, `ADDRESS`, `ADDRESS:PORT`,
/// `[V6]:PORT` or `NETWORK/BITS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    place: Place,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Name(String),
    Network(IpAddr, u8),
}

/// An allowance that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no place to fetch from; write a host or address with or without a port, or a network such as 10.1.0.0/16"
)]
pub struct OddAllowance(String);

impl std::str::FromStr for Allowed {
    type Err = OddAllowance;

    fn from_str(text: &str) -> Result<Self, OddAllowance> {
        let odd = || OddAllowance(text.to_owned());
        let network = |ip, bits| Place::Network(ip, bits);
        let whole = |ip: IpAddr| network(ip, if ip.is_ipv4() { 32 } else { 128 });
        if let Some((ip, bits)) = text.split_once('/') {
            let (ip, bits): (IpAddr, u8) = (
                ip.parse().map_err(|_| odd())?,
                bits.parse().map_err(|_| odd())?,
            );
            if bits > if ip.is_ipv4() { 32 } else { 128 } {
                return Err(odd());
            }
            return Ok(Self {
                place: network(ip, bits),
                port: None,
            });
        }
        if let Ok(ip) = text.trim_matches(['[', ']']).parse() {
            return Ok(Self {
                place: whole(ip),
                port: None,
            });
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(Self {
                place: whole(address.ip()),
                port: Some(address.port()),
            });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().map_err(|_| odd())?)),
            None => (text, None),
        };
        let is_name = |host: &str| {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        };
        if !is_name(host) {
            return Err(odd());
        }
        Ok(Self {
            place: Place::Name(host.trim_end_matches('.').to_lowercase()),
            port,
        })
    }
}

impl Allowed {
    fn has_name(&self, host: &str, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
            && matches!(&self.place, Place::Name(name) if name == host)
    }

    fn has_address(&self, ip: IpAddr, port: u16) -> bool {
        let Place::Network(network, bits) = self.place else {
            return false;
        };
        self.port.is_none_or(|own| own == port)
            && match (network, ip) {
                (IpAddr::V4(network), IpAddr::V4(ip)) => {
                    let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                    network.to_bits() & mask == ip.to_bits() & mask
                }
                (IpAddr::V6(network), IpAddr::V6(ip)) => {
                    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                    network.to_bits() & mask == ip.to_bits() & mask
                }
                _ => false,
            }
    }
}

/// A name being resolved.
pub(super) type Asking<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Who knows the addresses of names.
pub(super) trait Names: Send + Sync + 'static {
    /// The addresses of `host`.
    fn resolve<'a>(&'a self, host: &'a str) -> Asking<'a>;
}

/// The system's resolver.
pub(super) struct System;

impl Names for System {
    fn resolve<'a>(&'a self, host: &'a str) -> Asking<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Answers every name with the addresses that were checked: a connection can go nowhere else.
pub(super) struct Pinned(pub(super) Vec<SocketAddr>);

impl Resolve for Pinned {
    fn resolve(&self, _name: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// The addresses that `url` may be fetched from; every one that its host has was checked.
pub(super) async fn addresses(
    url: &Url,
    allowed: &[Allowed],
    names: &dyn Names,
) -> Result<Vec<SocketAddr>, Failure> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Failure::new(format!(
            "`{url}` cannot be fetched: only http:// and https:// can"
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::new(
            "the URL has a user name or password in it, which end up in logs; send them in a header",
        ));
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(Failure::new(format!("`{url}` names no host")));
    };
    // The parser of URLs has made an address of every spelling of one (`0x7f.1`, `2130706433`); what is left is a name.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        judge(url, ip, port, allowed)?;
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let name = host.trim_end_matches('.').to_lowercase();
    let named = allowed.iter().any(|allowed| allowed.has_name(&name, port));
    let ends = |ending: &str| {
        name.strip_suffix(ending)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let not_public = METADATA.contains(&name.as_str()) || LOCAL.iter().any(|ending| ends(ending));
    if not_public && !named {
        let why = format!("`{name}` is a name of this machine or its network");
        return Err(refused(url, &why));
    }
    let found = names.resolve(host).await;
    let found = found.map_err(|error| {
        Failure::new(format!(
            "`{url}` cannot be fetched: `{name}` has no address: {error}"
        ))
    })?;
    if found.is_empty() {
        return Err(Failure::new(format!(
            "`{url}` cannot be fetched: `{name}` has no address"
        )));
    }
    if !named {
        // One that may not is enough: a name for public and private machines is not to be trusted.
        for ip in &found {
            judge(url, *ip, port, allowed)?;
        }
    }
    Ok(found
        .into_iter()
        .map(|ip| SocketAddr::new(ip, port))
        .collect())
}

fn judge(url: &Url, ip: IpAddr, port: u16, allowed: &[Allowed]) -> Result<(), Failure> {
    if allowed.iter().any(|allowed| allowed.has_address(ip, port)) {
        return Ok(());
    }
    match not_public(ip) {
        Some(what) => Err(refused(url, &format!("{ip} is {what}"))),
        None => Ok(()),
    }
}

fn refused(url: &Url, why: &str) -> Failure {
    Failure::new(format!(
        "`{url}` is not fetched: {why}, not a place of the public internet; the operator can allow it"
    ))
}

/// What an address is, if it is not a public one.
fn not_public(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => not_public_v4(ip),
        IpAddr::V6(ip) => not_public_v6(ip),
    }
}

fn not_public_v4(ip: Ipv4Addr) -> Option<&'static str> {
    match ip.octets() {
        [0, ..] => Some("an address of this machine"),
        [127, ..] => Some("an address of this machine (loopback)"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
        [169, 254, ..] => Some("a link-local address, where clouds keep a machine's secrets"),
        [100, 64..=127, ..] => Some("an address of a provider's inner network"),
        [168, 63, 129, 16] => Some("the address of a cloud's own services"),
        [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => {
            Some("an address for special use")
        }
        [192, 88, 99, _] => Some("an address of 6to4 relays"),
        [198, 18..=19, ..] => Some("an address for benchmarks"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved address"),
        _ => None,
    }
}

fn not_public_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let inner = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        not_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an address of this machine"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("an address of this machine (loopback)"),
        // IPv4-mapped, NAT64 with the well-known prefix, and 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            inner(high, low)
        }
        [0x2002, high, low, ..] => inner(high, low),
        [0x64, 0xff9b, 1, ..] => Some("an address of local NAT64"),
        [0x2001, 0..=0x1ff, ..] => Some("an address for special use (Teredo and others)"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("an address for documentation"),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => {
            Some("an address where a cloud keeps a machine's secrets")
        }
        [0xfc00..=0xfdff, ..] => Some("a private address (unique local)"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfec0..=0xfeff, ..] => Some("a site-local address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        // Only 2000::/3 is given out; the rest, IPv4-compatible forms among it, is reserved.
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_an_inner_address_is_public() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::1",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "::ffff:0:127.0.0.1",
            "100::1",
            "5f00::1",
        ] {
            assert!(not_public(ip.parse().unwrap()).is_some(), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.169.0.1",
            "2606:4700:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert_eq!(not_public(ip.parse().unwrap()), None, "{ip}");
        }
    }

    #[test]
    fn allowances_are_read_whole_or_not_at_all() {
        let read = |text: &str| text.parse::<Allowed>();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(read("10.1.0.0/16").unwrap().has_address(ip("10.1.2.3"), 80));
        assert!(!read("10.1.0.0/16").unwrap().has_address(ip("10.2.2.3"), 80));
        assert!(read("0.0.0.0/0").unwrap().has_address(ip("10.2.2.3"), 80));
        assert!(read("fd00::/8").unwrap().has_address(ip("fd12::1"), 1));
        assert!(read("[::1]:8080").unwrap().has_address(ip("::1"), 8080));
        assert!(
            !read("127.0.0.1:80")
                .unwrap()
                .has_address(ip("127.0.0.1"), 81)
        );
        assert!(
            read("Intranet.example:80")
                .unwrap()
                .has_name("intranet.example", 80)
        );
        assert!(
            !read("intranet.example")
                .unwrap()
                .has_name("x.intranet.example", 80)
        );
        for odd in [
            "",
            "a b",
            "10.0.0.0/33",
            "x/8",
            "host:port",
            "http://a",
            "a/b",
        ] {
            assert!(
                read(odd).unwrap_err().to_string().contains("10.1.0.0/16"),
                "{odd}"
            );
        }
    }
}
