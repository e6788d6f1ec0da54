//! What can be typed.

mod agents;
mod background;
mod conscience;
mod import;
mod mcp_proxy;
mod quarantine;
mod redact;
mod service;
mod token;

use std::ffi::OsString;
use std::path::PathBuf;

use aap::{AgentId, Timestamp, TraceId};
use clap::{Args, Parser, Subcommand, ValueEnum};
use trace_store_postgres::schema::MAX_RETENTION_DAYS;

use crate::postgres::MONTHS_AHEAD;
pub(crate) use agents::{Doctor, Init, Uninstall};
pub(crate) use background::{Behind, Down};
pub(crate) use conscience::{ConscienceTask, Explain};
pub(crate) use import::Import;
pub(crate) use mcp_proxy::McpProxy;
pub(crate) use quarantine::{QuarantineTask, Which};
pub(crate) use redact::Redact;
pub(crate) use service::{How, Manager, ServiceTask};
pub(crate) use token::TokenTask;

/// See what an AI agent did, what it refused and why, and check it.
///
/// Every tool call is judged before it runs; allowed or refused, it becomes a signed trace that survives crashes and is
/// shown on a dashboard. Start with `smoltbot init`: it puts hooks into the agents of this machine and shows that they are heard.
///
/// A sidecar takes in what the hooks tell, keeps it on disk and sends it to an edge, which stores it and serves the pages. Both run here
/// unless `SMOLTBOT_API_URL` names an edge elsewhere.
///
/// State lives in ~/.smoltbot (`SMOLTBOT_HOME`). Every key of its smoltbot.toml can be set in the environment as
/// `SMOLTBOT_<SECTION>__<KEY>`, for instance `SMOLTBOT_EDGE__LISTEN=127.0.0.1:9000`.
#[derive(Debug, Parser)]
#[command(name = "smoltbot", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make this agent's identity, put hooks into every agent of this machine, and prove each. Safe to repeat
    ///
    /// Finds OpenClaw, Claude Code, Codex, Gemini CLI, Cursor, GitHub Copilot CLI and OpenCode, and changes nothing in their
    /// settings but its own hooks. Then it starts what must run, and a harmless call travels from each hook to its page; or
    /// it says what is missing. Exit code 0 either way. Says what becomes public, too.
    Init(Init),
    /// Take out of every agent exactly what `init` put in, and stop what runs
    ///
    /// Settings that nobody has changed since are as they were, byte for byte; in others only smoltbot's own hooks go. Removes
    /// ~/.smoltbot, too, if `init` made it and nothing in it is anybody's: no trace but proofs, nothing that waits, no policies
    /// or settings of yours. Exit code 1 when something could not be taken out.
    Uninstall(Uninstall),
    /// Look whether everything works: hooks, sidecar, edge, clock, disk, spool. Exit code 1 when something does not
    Doctor(Doctor),
    /// Run everything on this machine: gateway, sidecar, edge and dashboard
    ///
    /// Prints a line for each role with its URL, and runs until Ctrl-C. The first run makes the identity by itself.
    Up {
        #[command(flatten)]
        database: Database,
        /// Run in the background, and return as soon as everything runs; `smoltbot down` stops it
        #[arg(long)]
        detach: bool,
        #[command(flatten)]
        behind: Behind,
    },
    /// Stop what runs for this home (`SMOLTBOT_HOME`), whoever started it
    Down(Down),
    /// Have the system start smoltbot at login (a systemd user unit, a launchd agent), or undo that
    Service {
        #[command(subcommand)]
        task: ServiceTask,
    },
    /// Run the agent gateway alone; its traces go to `SMOLTBOT_API_URL`
    Gateway,
    /// Run the sidecar alone: takes in hook events, ships traces to `SMOLTBOT_API_URL`
    Sidecar {
        /// Stop when nothing has happened for `sidecar.idle_exit_seconds`, and nothing waits to be shipped
        #[arg(long)]
        idle_exit: bool,
        #[command(flatten)]
        behind: Behind,
        /// Whether it has dozed until now
        #[arg(long, hide = true)]
        woken: bool,
    },
    /// Run the edge and its dashboard alone
    Edge {
        #[command(flatten)]
        database: Database,
    },
    /// Look after the edge's database: migrate it, see how it stands, make partitions, erase content
    Db {
        #[command(flatten)]
        database: Database,
        #[command(subcommand)]
        task: DbTask,
    },
    /// Read an agent's hook JSON on standard input, judge and record it, answer in that agent's dialect
    ///
    /// One JSON object, or several one after another; a line is answered for each. Works in milliseconds, with the sidecar
    /// up or down. Exit code 0, whatever was decided: the decision is in the answer.
    Hook {
        /// openclaw, claude-code, codex, gemini, cursor, copilot, opencode or mcp
        agent: String,
    },
    /// Stand between an MCP client and its server: each tools/call is judged before the server hears of it
    ///
    /// Put it before the server's command where the client names it: `smoltbot mcp-proxy -- npx some-server`. A refused call
    /// is answered with the reason; a question is put to the person by the client where it can show one, else it is a refusal.
    /// Everything else passes as it is. Ends as the server did.
    McpProxy(McpProxy),
    /// Ask the conscience what it says of a tool call, and why
    Check(Check),
    /// See the rules of the conscience, write your own, try them and find mistakes in them
    ///
    /// Your own policies are the *.cedar files in ~/.smoltbot/conscience; a workspace may have more in .smoltbot/policies, which
    /// can only forbid. A running smoltbot takes changes in within a second.
    Conscience {
        #[command(subcommand)]
        task: ConscienceTask,
    },
    /// Try what is masked: secrets by some 230 rules, and personal data where asked
    ///
    /// Nothing is kept or sent. Without a level or a tool, the whole input comes back with `[redacted:RULE]` in the place of each
    /// secret; what was masked is told on standard error, by rule.
    Redact(Redact),
    /// Show, change, check and publish the alignment card: what the agent may do, must not do, and asks about first
    ///
    /// The card is shown to the world, and the conscience judges by it: what it forbids is refused, what it escalates is
    /// asked about. Each change makes a new signed version, and every trace names the version that judged it.
    Card {
        #[command(subcommand)]
        task: CardTask,
    },
    /// Change the token that clients of the gateway must show
    Token {
        #[command(subcommand)]
        task: TokenTask,
    },
    /// Show when each agent was last heard, what waits to be shipped and what was lost
    Status {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Look at contents that the edge would not take, send them once more, or let go of them
    Quarantine {
        #[command(subcommand)]
        task: QuarantineTask,
    },
    /// Show this agent's newest traces, as the edge has them
    Logs(Logs),
    /// Take traces out of the edge: as an archive that `verify` checks, or as NDJSON, CSV or OTLP
    ///
    /// Of all agents that the edge has, unless --agent names one. An archive holds the chains of all agents that have something
    /// in the selection, link by link with the notes that sign them, and the documents of what was selected.
    Export(Export),
    /// Import past sessions of other agents, or spans; says what there is unless files or --all are given
    ///
    /// Each call becomes a trace in this agent's chain, marked as imported: nobody judged it and nobody watched it run. What was
    /// imported before, or recorded when it happened, is not imported again.
    Import(Import),
    /// Check an archive, offline: keys, cards, chains, notes, contents, and that nothing is left out
    ///
    /// Says in sentences what is proven and what is not. Exit code 1 when anything does not hold.
    Verify {
        /// The archive; `-` for standard input
        file: PathBuf,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a new identity; the old one is kept in ~/.smoltbot/backups and its traces stay where they are
    Reset {
        /// Do it though traces of the old identity have not been shipped yet; they stay in the backup
        #[arg(long)]
        force: bool,
    },
}

impl Command {
    /// How this process came to run in the background, if its command can.
    pub(crate) fn behind(&self) -> Option<&Behind> {
        match self {
            Self::Up { behind, .. } | Self::Sidecar { behind, .. } => Some(behind),
            _ => None,
        }
    }
}

/// What to do with the alignment card.
#[derive(Debug, Subcommand)]
pub(crate) enum CardTask {
    /// Say what the card in force says
    Show {
        /// Answer with the card itself
        #[arg(long)]
        json: bool,
    },
    /// Change the card in $VISUAL or $EDITOR; the result is checked, then signed and in force
    ///
    /// Something wrong with it is told by line, the card in force stays, and the next edit goes on with what was written.
    Edit,
    /// Say everything that is wrong with a card, by line, and what is odd; exit code 1 when it is no valid card
    Validate {
        /// A card; this agent's own card.json unless given
        file: Option<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Send the card in force to the edge, signed, and say what the edge answers
    ///
    /// A running smoltbot does so by itself.
    Publish {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// List the card's versions, newest first: those on this machine and those at the edge
    History {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

/// The agent of `hook AGENT`, when that and nothing else was typed after the program's name.
pub(crate) fn plain_hook(mut typed: impl Iterator<Item = OsString>) -> Option<String> {
    let (command, agent, more) = (typed.next()?, typed.next()?, typed.next());
    let agent = agent.into_string().ok()?;
    (command == "hook" && more.is_none() && !agent.starts_with('-')).then_some(agent)
}

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The tool's name; exec, bash, Bash, shell and `execute_command` are shells
    #[arg(required_unless_present = "stdin", requires = "params")]
    pub(crate) tool: Option<String>,
    /// Its parameters as a JSON object, such as '{"command":"rm -rf /"}'
    #[arg(required_unless_present = "stdin")]
    pub(crate) params: Option<String>,
    /// The directory that the call would run in
    #[arg(long)]
    pub(crate) cwd: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read NDJSON {"tool","params","cwd"} and answer a verdict a line
    #[arg(long, conflicts_with_all = ["tool", "params", "cwd"])]
    pub(crate) stdin: bool,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Chains, notes, keys, cards and documents, for `smoltbot verify`
    Archive,
    /// A trace a line
    Ndjson,
    /// A table, RFC 4180
    Csv,
    /// Spans in OTLP's JSON
    Otlp,
}

/// Which traces, and where to.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only refusals
    #[arg(long)]
    pub(crate) denied: bool,
    /// Only this agent's
    #[arg(long, value_name = "ID")]
    pub(crate) agent: Option<AgentId>,
    /// Only this tool's
    #[arg(long, value_name = "NAME")]
    pub(crate) tool: Option<String>,
    /// Only what this rule decided
    #[arg(long, value_name = "ID")]
    pub(crate) rule: Option<String>,
    /// Only what violated, or would have violated, this value
    #[arg(long, value_name = "VALUE")]
    pub(crate) value: Option<String>,
    /// Only this session's
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only what this runtime asked for
    #[arg(long, value_name = "NAME")]
    pub(crate) runtime: Option<String>,
    /// From this time on, such as 2026-11-21T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) since: Option<Timestamp>,
    /// Up to this time, which is not in it any more
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) until: Option<Timestamp>,
    /// Send spans to this receiver of OpenTelemetry, such as `http://127.0.0.1:4318`, instead of writing a file
    #[arg(long, value_name = "ENDPOINT", conflicts_with_all = ["format", "output"])]
    pub(crate) otlp: Option<String>,
    /// A header for that receiver, several times if need be; those of `OTEL_EXPORTER_OTLP_HEADERS` unless given
    #[arg(long = "header", value_name = "NAME=VALUE", requires = "otlp")]
    pub(crate) headers: Vec<String>,
    /// In which form
    #[arg(long, value_enum, default_value_t = ExportFormat::Archive)]
    pub(crate) format: ExportFormat,
    /// Write it into this file, which is there when it is whole and not before; standard output unless given
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Which traces, and how.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// How many
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) count: u32,
    /// Go on with new traces as they come
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only refusals
    #[arg(long)]
    pub(crate) denied: bool,
    /// One JSON object a line
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_plain_hook_is_what_the_parser_takes_for_one() {
        for typed in [
            &["hook", "claude-code"][..],
            &["hook", "openclaw"],
            &["hook", ""],
            &["hook", "other agent"],
            &["hook"],
            &["hook", "--help"],
            &["hook", "-x"],
            &["hook", "openclaw", "more"],
            &["--version"],
            &["status", "--json"],
            &[],
        ] {
            let plain = plain_hook(typed.iter().map(OsString::from));
            let parsed = Cli::try_parse_from([&["smoltbot"], typed].concat());
            let parsed = match parsed.map(|cli| cli.command) {
                Ok(Command::Hook { agent }) => Some(agent),
                _ => None,
            };
            assert_eq!(plain, parsed, "{typed:?}");
        }
    }
}

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
