//! `smoltbot quarantine`.

use aap::TraceId;
use clap::{Args, Subcommand};

/// What to do with contents that were set aside.
#[derive(Debug, Subcommand)]
pub(crate) enum QuarantineTask {
    /// List what was set aside, the oldest first, and why
    List {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
    /// Send contents once more: the edge fills them in where it has only their place in the chain
    ///
    /// What the edge refuses again is set aside again, with its newest reason.
    Retry(Which),
    /// Let go of contents for good; a record in the chain tells how many
    ///
    /// Their places in the chain stand: that each call happened, its tool and its verdict are at the edge already.
    Drop(Which),
}

/// Which of them.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Ids of traces, as `list` shows them
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<TraceId>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}
