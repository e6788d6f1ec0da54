//! Past sessions.

use std::path::PathBuf;

use clap::Args;

/// What to import.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[arg(
        help = "Transcripts of Claude Code, rollouts of Codex, sessions of OpenClaw, files with spans; a directory means all below it"
    )]
    pub(crate) files: Vec<PathBuf>,
    /// Everything that is found where these agents keep it
    #[arg(long, conflicts_with = "files")]
    pub(crate) all: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}
