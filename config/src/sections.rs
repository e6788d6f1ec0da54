//! The sections of the files, each with its keys and their defaults.

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

/// The longest time that an idle sidecar stays, in seconds: a week.
pub const MAX_IDLE_EXIT_SECONDS: u64 = 7 * 24 * 3600;
/// The longest after which a sidecar dozes: a day.
pub const MAX_DOZE_SECONDS: u64 = 24 * 3600;

/// The gateway that people talk to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Gateway {
    /// Where it listens; 127.0.0.1:18789.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// What clients must show, instead of the text in the home's token file.
    pub token: Option<Secret<String>>,
    /// Names besides loopback that browsers reach it by, `bot.example.com` or `bot.example.com:8443`; none.
    pub extra_hosts: Vec<String>,
    /// The file that keeps conversations, instead of the one in the home.
    #[serde(deserialize_with = "absolute")]
    pub database: Option<PathBuf>,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: loopback(18789),
            token: None,
            extra_hosts: Vec::new(),
            database: None,
        }
    }
}

/// The intake for foreign agents.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Sidecar {
    /// The Unix socket, instead of the one in the home.
    #[serde(deserialize_with = "absolute")]
    pub socket: Option<PathBuf>,
    /// Where HTTP listens, on loopback only; off.
    #[serde(deserialize_with = "loopback_or_off")]
    pub listen: Option<SocketAddr>,
    /// Whether a hook that finds no sidecar starts one in the background, once `init` has installed hooks; true.
    pub on_demand: bool,
    /// How long a sidecar that was started on demand stays when nothing happens, in seconds; 900, up to
    /// [`MAX_IDLE_EXIT_SECONDS`], 0 is for good.
    #[serde(deserialize_with = "idle_exit")]
    pub idle_exit_seconds: u64,
    /// After how long a sidecar that nobody asks lets go of its memory, in seconds, until it is asked again; 30, up to
    /// [`MAX_DOZE_SECONDS`], 0 is never. Only on Linux.
    #[serde(deserialize_with = "doze")]
    pub doze_seconds: u64,
}

impl Default for Sidecar {
    fn default() -> Self {
        Self {
            socket: None,
            listen: None,
            on_demand: true,
            idle_exit_seconds: 900,
            doze_seconds: 30,
        }
    }
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

/// The least that the spool may be bounded to, in bytes: 1 MiB holds several of the largest traces and the room for refusals.
pub const MIN_SPOOL_BYTES: u64 = 1024 * 1024;
/// The most that the spool may be bounded to, in bytes: 1 TiB, so that a slip of the keyboard is seen as one.
pub const MAX_SPOOL_BYTES: u64 = 1024 * 1024 * 1024 * 1024;

/// What is kept on this machine until the edge has it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "an object")]
pub struct Spool {
    /// Bytes that it may take on the disk; 256 MiB, from [`MIN_SPOOL_BYTES`] to [`MAX_SPOOL_BYTES`]. An eighth of it is for
    /// refusals alone.
    #[serde(deserialize_with = "spool_bytes")]
    pub max_bytes: u64,
}

impl Default for Spool {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024 * 1024,
        }
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

pub(crate) fn absolute<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<PathBuf>, D::Error> {
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

fn spool_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let bytes = u64::deserialize(deserializer)?;
    if (MIN_SPOOL_BYTES..=MAX_SPOOL_BYTES).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(D::Error::custom(format_args!(
            "{bytes} is out of range: write {MIN_SPOOL_BYTES} (1 MiB) to {MAX_SPOOL_BYTES} (1 TiB) bytes"
        )))
    }
}

fn idle_exit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if seconds <= MAX_IDLE_EXIT_SECONDS {
        Ok(seconds)
    } else {
        Err(D::Error::custom(format_args!(
            "{seconds} is out of range: write 0 (stay for good) to {MAX_IDLE_EXIT_SECONDS} seconds"
        )))
    }
}

fn doze<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if seconds <= MAX_DOZE_SECONDS {
        Ok(seconds)
    } else {
        Err(D::Error::custom(format_args!(
            "{seconds} is out of range: write 0 (never) to {MAX_DOZE_SECONDS} seconds"
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
