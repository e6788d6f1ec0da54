//! What can be typed.

mod agents;
mod background;
mod card;
mod check;
mod conscience;
mod database;
mod import;
mod mcp_proxy;
mod quarantine;
mod redact;
mod service;
mod token;
mod traces;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use agents::{Doctor, Init, Uninstall};
pub(crate) use background::{Behind, Down};
pub(crate) use card::CardTask;
pub(crate) use check::Check;
pub(crate) use conscience::{ConscienceTask, Explain};
pub(crate) use database::{Database, DbTask, Retention};
pub(crate) use import::Import;
pub(crate) use mcp_proxy::McpProxy;
pub(crate) use quarantine::{QuarantineTask, Which};
pub(crate) use redact::Redact;
pub(crate) use service::{How, Manager, ServiceTask};
pub(crate) use token::TokenTask;
pub(crate) use traces::{Export, ExportFormat, Logs};

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

/// The agent of `hook AGENT`, when that and nothing else was typed after the program's name.
pub(crate) fn plain_hook(mut typed: impl Iterator<Item = OsString>) -> Option<String> {
    let (command, agent, more) = (typed.next()?, typed.next()?, typed.next());
    let agent = agent.into_string().ok()?;
    (command == "hook" && more.is_none() && !agent.starts_with('-')).then_some(agent)
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
