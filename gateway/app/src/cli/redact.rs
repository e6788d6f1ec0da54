//! Trying what is masked.

use clap::{ArgGroup, Args};
use redact::Level;

/// What to mask, and how much of it to show.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag that is typed"
)]
#[command(group = ArgGroup::new("what").required(true).args(["stdin", "rules"]))]
pub(crate) struct Redact {
    /// Read text, or JSON, on standard input, and write it masked
    #[arg(long)]
    pub(crate) stdin: bool,
    /// List the rules: name, who wrote it, and whether an edge rejects what it finds
    #[arg(long)]
    pub(crate) rules: bool,
    /// Answer in JSON: what is left, and how often which rule masked something
    #[arg(long)]
    pub(crate) json: bool,
    /// Mask personal data too, as `"publish": {"pii": "mask"}` in config.json does
    #[arg(long)]
    pub(crate) pii: bool,
    /// Show what is published of these parameters at a level: none, shape, preview or full
    #[arg(long, requires = "stdin")]
    pub(crate) level: Option<Level>,
    /// Show what is published of these parameters when this tool is called, as configured
    #[arg(long, requires = "stdin", conflicts_with = "level")]
    pub(crate) tool: Option<String>,
}
