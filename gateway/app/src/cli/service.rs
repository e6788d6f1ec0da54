//! Being started by the system.

use clap::{Args, Subcommand, ValueEnum};

/// Who starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Manager {
    /// Of most Linux systems
    Systemd,
    /// Of macOS
    Launchd,
}

/// What to do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ServiceTask {
    /// Write the file that has the system start smoltbot at login, and start it. Safe to repeat
    Install(How),
    /// Stop it, and take out exactly what `install` has put in
    Uninstall(How),
    /// Say whether it is installed, up to date and running
    Status {
        /// Answer in JSON
        #[arg(long)]
        json: bool,
        /// The system's service manager; the one of this system unless given
        #[arg(long, value_enum)]
        manager: Option<Manager>,
    },
}

/// How to do it.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct How {
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The system's service manager; the one of this system unless given
    #[arg(long, value_enum)]
    pub(crate) manager: Option<Manager>,
}
