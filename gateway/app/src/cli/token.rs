//! The gateway's token.

use clap::Subcommand;

/// What to do with the token.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum TokenTask {
    /// Make a new token; the old one is refused from then on, and what it has opened is closed
    ///
    /// A running gateway follows at once: browsers are logged out, sockets and answers under way end. Returns when the old
    /// token is refused, and says where the chat is now. Agents that post their hooks with the token need the new one, too.
    Rotate {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
    },
}
