//! What `card` takes.

use std::path::PathBuf;

use clap::Subcommand;

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
