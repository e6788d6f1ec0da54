//! What a Worker is told by its variables and bindings.
//!
//! Variables have the names that the native edge's configuration has in the environment. A wrong one is named in the logs
//! and every request is answered with a 500 until it is mended: nothing falls back in silence.

use edge_core::Limits;

/// Durable Objects that hold a connection for writing each, chosen by agent.
pub const WRITERS: u32 = 8;
/// Durable Objects that hold a connection for reading each, taken in turn.
pub const READERS: u32 = 4;
/// Requests that one network may make at one of Cloudflare's locations within [`SHIELD_SECONDS`] before anything else is
/// asked: above what [`Limits`] allow unless configured, so that those decide. `wrangler.jsonc` names the same number.
pub const SHIELD_REQUESTS: u32 = 10_000;
/// The shield's window.
pub const SHIELD_SECONDS: u32 = 60;

/// Names of bindings, as in `wrangler.jsonc`.
pub mod bindings {
    /// Hyperdrive, under a login that is a member of `ingest`.
    pub const DB_WRITE: &str = "DB_WRITE";
    /// Hyperdrive, under a login that is a member of `anon`.
    pub const DB_READ: &str = "DB_READ";
    /// The coarse rate limit.
    pub const SHIELD: &str = "SHIELD";
    /// The queue that holds what Postgres cannot take now.
    pub const BUFFER: &str = "BUFFER";
    /// Static files.
    pub const FILES: &str = "FILES";
    /// Durable Objects: a key's count of requests, an agent's memory.
    pub const AGENT_LIMITER: &str = "AGENT_LIMITER";
    /// Durable Objects that write.
    pub const WRITER: &str = "WRITER";
    /// Durable Objects that read.
    pub const READER: &str = "READER";
    /// The Durable Object that serves live events.
    pub const LIVE_HUB: &str = "LIVE_HUB";
    /// A secret: where Postgres is, for reading without Hyperdrive.
    pub const DATABASE_URL: &str = "DATABASE_URL";
    /// A secret: the key that `PostgREST` knows as `service_role` or `ingest`.
    pub const SUPABASE_SERVICE: &str = "SUPABASE_SERVICE";
}

/// How traces get into Postgres.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Over Hyperdrive's connections.
    Hyperdrive,
    /// Through `PostgREST` at this URL, without a slash at its end.
    PostgRest(String),
}

/// Who is asked for the TXT records that prove agents' links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dns {
    /// Nobody; links stay claims.
    Off,
    /// A resolver that speaks DNS over HTTPS (RFC 8484), at this URL.
    Over(String),
}

/// Who is asked unless configured: Cloudflare's own resolver.
pub const DEFAULT_RESOLVER: &str = "https://cloudflare-dns.com/dns-query";

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The limits that the Durable Objects count.
    pub limits: Limits,
    /// The way in.
    pub way: Way,
    /// Who is asked for records.
    pub dns: Dns,
}

/// A variable is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the variable {name} is {value:?}; {wanted}")]
pub struct WrongVariable {
    name: &'static str,
    value: String,
    wanted: &'static str,
}

impl Settings {
    /// Reads them; `variable` tells a variable's value.
    ///
    /// # Errors
    /// For the first one that is wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, WrongVariable> {
        let defaults = Limits::default();
        let number = |name: &'static str, default: u32| match variable(name) {
            None => Ok(default),
            Some(value) => value.trim().parse().map_err(|_| WrongVariable {
                name,
                value,
                wanted: "a whole number is wanted, 0 for no limit",
            }),
        };
        let limits = Limits {
            per_minute: number("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", defaults.per_minute)?,
            ip_per_minute: number("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", defaults.ip_per_minute)?,
            new_agents_per_hour: number(
                "SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR",
                defaults.new_agents_per_hour,
            )?,
            global_per_minute: number(
                "SMOLTBOT_EDGE__LIMIT_GLOBAL_PER_MINUTE",
                defaults.global_per_minute,
            )?,
        };
        let way = match variable("STORE").as_deref() {
            None | Some("hyperdrive") => Way::Hyperdrive,
            Some("postgrest") => Way::PostgRest(supabase_url(variable("SUPABASE_URL"))?),
            Some(other) => {
                return Err(WrongVariable {
                    name: "STORE",
                    value: other.to_owned(),
                    wanted: "it is hyperdrive or postgrest",
                });
            }
        };
        let dns = match variable("SMOLTBOT_EDGE__DNS") {
            None => Dns::Over(DEFAULT_RESOLVER.to_owned()),
            Some(off) if off == "off" => Dns::Off,
            Some(url) if is_url(&url) => Dns::Over(url),
            Some(value) => {
                return Err(WrongVariable {
                    name: "SMOLTBOT_EDGE__DNS",
                    value,
                    wanted: "the URL of a resolver that speaks DNS over HTTPS (RFC 8484) is wanted, such as \
                             https://cloudflare-dns.com/dns-query, or off",
                });
            }
        };
        Ok(Self { limits, way, dns })
    }
}

fn is_url(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

fn supabase_url(value: Option<String>) -> Result<String, WrongVariable> {
    let value = value.unwrap_or_default();
    let url = value.trim_end_matches('/');
    if is_url(url) {
        return Ok(url.to_owned());
    }
    Err(WrongVariable {
        name: "SUPABASE_URL",
        value,
        wanted: "STORE=postgrest wants the project's URL, https://….supabase.co",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, WrongVariable> {
        Settings::read(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_set_is_hyperdrive_with_the_usual_limits() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.limits, Limits::default());
        assert_eq!(settings.way, Way::Hyperdrive);
        assert_eq!(settings.dns, Dns::Over(DEFAULT_RESOLVER.to_owned()));
    }

    #[test]
    fn the_dns_is_asked_by_whom_it_is_told_or_not_at_all() {
        let dns = |value| read(&[("SMOLTBOT_EDGE__DNS", value)]).unwrap().dns;
        assert_eq!(dns("off"), Dns::Off);
        let other = "https://dns.google/dns-query";
        assert_eq!(dns(other), Dns::Over(other.to_owned()));
    }

    #[test]
    fn variables_have_the_native_edges_names() {
        let settings = read(&[
            ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "7"),
            ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", "0"),
            ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", "9"),
            ("SMOLTBOT_EDGE__LIMIT_GLOBAL_PER_MINUTE", "11"),
            ("STORE", "postgrest"),
            ("SUPABASE_URL", "https://x.supabase.co/"),
        ]);
        let settings = settings.unwrap();
        let limits = Limits {
            per_minute: 7,
            ip_per_minute: 0,
            new_agents_per_hour: 9,
            global_per_minute: 11,
        };
        assert_eq!(settings.limits, limits);
        assert_eq!(settings.way, Way::PostgRest("https://x.supabase.co".into()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (variables, named) in [
            (
                &[("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", "many")][..],
                "LIMIT_PER_MINUTE",
            ),
            (&[("STORE", "sqlite")], "STORE"),
            // What natively is a server's address is none here.
            (&[("SMOLTBOT_EDGE__DNS", "1.1.1.1")], "SMOLTBOT_EDGE__DNS"),
            (&[("STORE", "postgrest")], "SUPABASE_URL"),
        ] {
            let error = read(variables).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
