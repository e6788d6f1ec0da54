//! What `export` and `logs` take.

use std::path::PathBuf;

use aap::{AgentId, Timestamp};
use clap::{Args, ValueEnum};

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
