//! Running in the background.

use std::path::PathBuf;

use clap::Args;

/// How a process came to run in the background; smoltbot passes this to itself.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Behind {
    /// Where it logs to
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) background: Option<PathBuf>,
    /// Whether a hook has started it
    #[arg(long, hide = true)]
    pub(crate) on_demand: bool,
}

/// What to stop.
#[derive(Debug, Args)]
pub(crate) struct Down {
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}
