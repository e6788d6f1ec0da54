//! The sections of `config.json`, each with its keys and their defaults.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::secret::Secret;

/// The packs of built-in rules. What they hold is `conscience`'s business; the words are the same.
pub const PACKS: [&str; 8] = [
    "core",
    "git",
    "secrets",
    "network",
    "cloud",
    "database",
    "kubernetes",
    "paranoid",
];

/// The longest hook budget, in milliseconds: agents give up on a hook after a minute.
pub const MAX_BUDGET_MS: u64 = 60_000;

/// The gateway that people talk to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Gateway {
    /// Where it listens; 127.0.0.1:18789.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// What clients must show, instead of the text in the home's token file.
    pub token: Option<Secret<String>>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: loopback(18789),
            token: None,
        }
    }
}

/// The intake for foreign agents.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Sidecar {
    /// The Unix socket, instead of the one in the home.
    #[serde(deserialize_with = "absolute")]
    pub socket: Option<PathBuf>,
    /// Where HTTP listens, on loopback only; off.
    #[serde(deserialize_with = "loopback_or_off")]
    pub listen: Option<SocketAddr>,
}

/// The edge that admits traces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Edge {
    /// Where it listens; 127.0.0.1:8787.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// `sqlite:PATH` or `postgres://…`, instead of the database in the home. May hold a password.
    #[serde(deserialize_with = "database_url")]
    pub database_url: Option<Secret<String>>,
    /// Requests an agent a minute; 100, 0 is off.
    pub limit_per_minute: u32,
    /// Requests a network a minute; 6000, 0 is off.
    pub limit_ip_per_minute: u32,
    /// New agents a network an hour; 60, 0 is off.
    pub limit_new_agents_per_hour: u32,
    /// Requests a minute altogether; 0, which is off.
    pub limit_global_per_minute: u32,
    /// Who is asked for the records that prove agents' links; the system's resolver.
    pub dns: Dns,
}

impl Default for Edge {
    fn default() -> Self {
        Self {
            listen: loopback(8787),
            database_url: None,
            limit_per_minute: 100,
            limit_ip_per_minute: 6000,
            limit_new_agents_per_hour: 60,
            limit_global_per_minute: 0,
            dns: Dns::System,
        }
    }
}

/// Who is asked for the records that prove agents' links.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dns {
    /// Nobody: `off`.
    Off,
    /// Whom the system asks: `system`.
    System,
    /// A server's address, with port 53 unless another is written.
    Server(SocketAddr),
}

impl FromStr for Dns {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "system" => Ok(Self::System),
            _ => text
                .parse()
                .or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)))
                .map(Self::Server)
                .map_err(|_| {
                    format!("\"{text}\" is no resolver: use system, off, or a server's address such as 192.0.2.53 or 127.0.0.1:5353")
                }),
        }
    }
}

impl<'de> Deserialize<'de> for Dns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// The conscience.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Conscience {
    /// Milliseconds that the hook may cost before the card's mode decides; 250, from 1 to [`MAX_BUDGET_MS`].
    #[serde(deserialize_with = "budget")]
    pub budget_ms: u64,
    /// The packs of built-in rules that are on, each one of [`PACKS`] and `core` among them; unset means all but `paranoid`.
    #[serde(deserialize_with = "packs")]
    pub packs: Option<Vec<String>>,
}

impl Default for Conscience {
    fn default() -> Self {
        Self {
            budget_ms: 250,
            packs: None,
        }
    }
}

/// What leaves this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Publish {
    /// How much of parameters and results; unset means `shape` to a remote edge and `preview` to one on loopback.
    pub level: Option<PublishLevel>,
}

/// How much is published. What each level means is `redact`'s business; the words are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishLevel {
    /// Neither parameters nor results.
    None,
    /// Keys, types and lengths.
    Shape,
    /// Masked parameters and the beginning of results.
    Preview,
    /// Masked parameters and results.
    Full,
}

impl PublishLevel {
    const ALL: [Self; 4] = [Self::None, Self::Shape, Self::Preview, Self::Full];

    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Shape => "shape",
            Self::Preview => "preview",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for PublishLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a publish level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no publish level: use none, shape, preview or full")]
pub struct UnknownLevel(String);

impl FromStr for PublishLevel {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let level = Self::ALL.into_iter().find(|level| level.as_str() == text);
        level.ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for PublishLevel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::custom(format_args!(
            "\"{text}\" is no address with a port: write it like 127.0.0.1:8787 or [::1]:8787"
        ))
    })
}

fn loopback_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "off" {
        return Ok(None);
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(Some(address)),
        Ok(_) => Err(D::Error::custom(format_args!(
            "{text} is open to the network: what takes tool calls listens on loopback only, such as 127.0.0.1:8790"
        ))),
        Err(_) => Err(D::Error::custom(format_args!(
            "\"{text}\" is no address with a port: write it like 127.0.0.1:8790, or \"off\""
        ))),
    }
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let path = PathBuf::from(&text);
    if path.is_absolute() {
        Ok(Some(path))
    } else {
        Err(D::Error::custom(format_args!(
            "\"{text}\" is no absolute path: begin it with /"
        )))
    }
}

fn database_url<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret<String>>, D::Error> {
    let url = Secret::<String>::deserialize(deserializer)?;
    let known = ["sqlite:", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| {
            url.strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty())
        });
    // The URL itself may hold a password and stays out of the message.
    if known {
        Ok(Some(url))
    } else {
        Err(D::Error::custom(
            "is no database URL: write sqlite:/path/to/edge.db or postgres://…",
        ))
    }
}

fn budget<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let ms = u64::deserialize(deserializer)?;
    if (1..=MAX_BUDGET_MS).contains(&ms) {
        Ok(ms)
    } else {
        Err(D::Error::custom(format_args!(
            "{ms} is out of range: write 1 to {MAX_BUDGET_MS} milliseconds"
        )))
    }
}

/// A list of packs. Read as a whole, so that what is wrong in it is told at its key.
fn packs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let wrong = |problem: fmt::Arguments<'_>| {
        let known = PACKS.join("\", \"");
        Err(D::Error::custom(format_args!(
            "{problem}: write a list of packs out of \"{known}\""
        )))
    };
    let value = Value::deserialize(deserializer)?;
    let Value::Array(names) = &value else {
        return wrong(format_args!("{value} is no list"));
    };
    let mut packs: Vec<String> = Vec::new();
    for name in names {
        match name.as_str() {
            Some(name) if packs.iter().any(|pack| pack == name) => {
                return wrong(format_args!("\"{name}\" is there twice"));
            }
            Some(name) if PACKS.contains(&name) => packs.push(name.to_owned()),
            _ => return wrong(format_args!("{name} is no pack")),
        }
    }
    if packs.iter().any(|pack| pack == "core") {
        Ok(Some(packs))
    } else {
        wrong(format_args!(
            "\"core\" is missing and cannot be switched off"
        ))
    }
}
