//! What `db` takes, and which database.

use aap::{AgentId, TraceId};
use clap::{Args, Subcommand};
use trace_store_postgres::schema::MAX_RETENTION_DAYS;

use crate::postgres::MONTHS_AHEAD;

/// Which database.
#[derive(Debug, Args)]
pub(crate) struct Database {
    /// Where the edge keeps traces: `sqlite:/path/to/edge.db` or `postgres://user@host/database`
    ///
    /// Instead of the key `edge.database_url`. Others on this machine can see arguments: write a password into
    /// smoltbot.toml or `SMOLTBOT_EDGE__DATABASE_URL`.
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) database_url: Option<String>,
}

/// What to do with the database.
#[derive(Debug, Subcommand)]
pub(crate) enum DbTask {
    /// Bring the schema up to date; safe to repeat
    ///
    /// Postgres wants a superuser, or the database's owner with CREATEROLE. Makes the roles `smoltbot_owner`, `ingest`, `anon`
    /// and `service_role` where they are missing, and partitions for this month and the next two.
    Migrate {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the schema's version, what is pending, partitions with their sizes, retention and roles
    Status {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Make partitions ahead, and drop what is older than the retention
    ///
    /// An edge does this by itself once a day.
    Partition {
        /// For how many months after this one
        #[arg(long, value_name = "MONTHS", default_value_t = MONTHS_AHEAD, value_parser = clap::value_parser!(u8).range(0..=24))]
        ahead: u8,
        /// Keep traces for so many days from now on, in whole months; `off` keeps them for good
        #[arg(long, value_name = "DAYS|off", value_parser = retention)]
        retention: Option<Retention>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Erase content: document, reason, session. That something happened stays, with its place in the chain
    #[command(group = clap::ArgGroup::new("what").required(true))]
    Erase {
        /// One trace
        #[arg(long, value_name = "ID", group = "what")]
        trace: Option<TraceId>,
        /// One session of an agent
        #[arg(long, value_name = "AGENT/ID", group = "what", value_parser = session)]
        session: Option<(AgentId, String)>,
        /// Everything of an agent
        #[arg(long, value_name = "ID", group = "what")]
        agent: Option<AgentId>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

/// How long traces are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retention {
    /// For so many days.
    Days(u32),
    /// For good.
    Off,
}

fn retention(text: &str) -> Result<Retention, String> {
    if text == "off" {
        return Ok(Retention::Off);
    }
    match text.parse() {
        Ok(days) if (1..=MAX_RETENTION_DAYS).contains(&days) => Ok(Retention::Days(days)),
        _ => Err(format!("write 1 to {MAX_RETENTION_DAYS} days, or off")),
    }
}

fn session(text: &str) -> Result<(AgentId, String), String> {
    let (agent, session) = text
        .split_once('/')
        .filter(|(_, session)| !session.is_empty())
        .ok_or("write the agent's id, a slash, and the session's id")?;
    let agent = agent.parse().map_err(|error| format!("{agent}: {error}"))?;
    Ok((agent, session.to_owned()))
}
