//! What can be typed after `smoltbot conscience`.

use std::path::PathBuf;

use aap::Timestamp;
use clap::{Args, Subcommand};

/// What to do with the rules.
#[derive(Debug, Subcommand)]
pub(crate) enum ConscienceTask {
    /// Show every rule: what it decides, on which effects, for which values, and where it comes from
    List {
        /// Also the rules of packs that are off
        #[arg(long)]
        all: bool,
        /// The workspace whose policies count; the current directory unless given
        #[arg(long, value_name = "DIR")]
        cwd: Option<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Explain how a call is judged, effect by effect; or what a rule says
    ///
    /// One argument is a shell line, or the id of a rule; two are a tool and its parameters in JSON. What rules may ask for
    /// besides (role, channel, time, secrets) is set by options.
    Explain(Explain),
    /// Judge files of labelled lines by the rules in force, and count
    ///
    /// A line is `dangerous`, a tab and a call, or `benign`, a tab and a call: a shell line, or JSON
    /// {"tool","params","cwd"}. Lines that begin with # are comments. A dangerous call must be refused or asked about, a benign
    /// one allowed. Exit code 1 when any is judged otherwise.
    Test {
        /// The files; those in ~/.smoltbot/conscience that end in .test.tsv unless given, `-` for standard input
        files: Vec<PathBuf>,
        /// Where the calls run that do not say it
        #[arg(long, value_name = "DIR")]
        cwd: Option<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Begin a rule of your own: a policy and a file of tests, both to be edited
    New {
        /// The effect that the rule looks at, such as run, delete or `send_data`
        effect: String,
        /// The rule's name, in small letters, digits and _; the effect's unless given
        #[arg(long)]
        name: Option<String>,
        /// Ask a person rather than refuse
        #[arg(long)]
        ask: bool,
    },
    /// Find policies that do not load, can never fire, never decide or lift nothing
    ///
    /// Looks at ~/.smoltbot/conscience and at the workspace's .smoltbot/policies, or at the files given, as if they were the
    /// operator's. Exit code 1 when anything is found.
    Lint {
        /// Policy files to look at instead
        files: Vec<PathBuf>,
        /// The workspace whose policies count; the current directory unless given
        #[arg(long, value_name = "DIR")]
        cwd: Option<PathBuf>,
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}

/// What to explain, and in which situation.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// A shell line, the id of a rule, or a tool's name
    pub(crate) what: String,
    /// The tool's parameters as a JSON object
    pub(crate) params: Option<String>,
    /// The directory that the call would run in; the current one unless given
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// The role of the user on whose behalf the agent acts, such as guest
    #[arg(long)]
    pub(crate) role: Option<String>,
    /// The channel that the request came by, such as discord
    #[arg(long)]
    pub(crate) channel: Option<String>,
    /// The runtime that asks, such as openclaw
    #[arg(long, value_name = "NAME", default_value = "check")]
    pub(crate) runtime: String,
    /// The time of the call, such as 2026-11-21T03:00:00Z; now unless given
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    pub(crate) at: Option<Timestamp>,
    /// As if the session had read a secret before
    #[arg(long)]
    pub(crate) after_secret: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}
