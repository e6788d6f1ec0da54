//! What a call would do, in words that policies can be written over.

use crate::place::Place;

/// The kinds of effect. Each is a Cedar action of the same name and belongs to one built-in pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EffectKind {
    /// Removes files or directories.
    Delete,
    /// Writes over a file, or adds to it.
    Overwrite,
    /// Throws away uncommitted or unreferenced work in version control.
    DiscardWork,
    /// Replaces history that others may hold.
    RewriteHistory,
    /// Writes to a disk or formats it, under the file system.
    DiskWrite,
    /// Reads a key, a token, a password or a store of them.
    ReadSecret,
    /// Sends secret or sensitive data to another machine.
    SendData,
    /// Runs code fetched from the network in the same call.
    RunDownloaded,
    /// Runs code that was hidden by an encoding.
    RunHidden,
    /// Hands a shell to another machine.
    RemoteShell,
    /// Gains more rights than the call started with.
    RaisePrivileges,
    /// Changes the mode or owner of files.
    ChangePermissions,
    /// Arranges for something to run later, or for someone to come in later.
    Persistence,
    /// Stops or restarts the machine.
    StopSystem,
    /// Uses up processes, memory or disk.
    Exhaust,
    /// Ends processes.
    Kill,
    /// Wipes histories and logs.
    HideTracks,
    /// Switches off a firewall or another protection.
    LowerDefences,
    /// Drops or empties databases, tables, collections.
    DropDatabase,
    /// Destroys resources of a cloud, a cluster or a container engine.
    DestroyService,
    /// Changes or stops the conscience or the settings of the agent it watches.
    TamperConscience,
    /// Cannot be told.
    Opaque,
    /// Runs a program. Judged by user policies only, and not listed in verdicts.
    Run,
}

impl EffectKind {
    /// All kinds, for schema checks and listings.
    pub const ALL: [Self; 23] = [
        Self::Delete,
        Self::Overwrite,
        Self::DiscardWork,
        Self::RewriteHistory,
        Self::DiskWrite,
        Self::ReadSecret,
        Self::SendData,
        Self::RunDownloaded,
        Self::RunHidden,
        Self::RemoteShell,
        Self::RaisePrivileges,
        Self::ChangePermissions,
        Self::Persistence,
        Self::StopSystem,
        Self::Exhaust,
        Self::Kill,
        Self::HideTracks,
        Self::LowerDefences,
        Self::DropDatabase,
        Self::DestroyService,
        Self::TamperConscience,
        Self::Opaque,
        Self::Run,
    ];

    /// The stable word used in verdicts and as the Cedar action's id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Overwrite => "overwrite",
            Self::DiscardWork => "discard_work",
            Self::RewriteHistory => "rewrite_history",
            Self::DiskWrite => "disk_write",
            Self::ReadSecret => "read_secret",
            Self::SendData => "send_data",
            Self::RunDownloaded => "run_downloaded",
            Self::RunHidden => "run_hidden",
            Self::RemoteShell => "remote_shell",
            Self::RaisePrivileges => "raise_privileges",
            Self::ChangePermissions => "change_permissions",
            Self::Persistence => "persistence",
            Self::StopSystem => "stop_system",
            Self::Exhaust => "exhaust",
            Self::Kill => "kill",
            Self::HideTracks => "hide_tracks",
            Self::LowerDefences => "lower_defences",
            Self::DropDatabase => "drop_database",
            Self::DestroyService => "destroy_service",
            Self::TamperConscience => "tamper_conscience",
            Self::Opaque => "opaque",
            Self::Run => "run",
        }
    }
}

/// One effect of a call: what is done to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// What is done.
    pub kind: EffectKind,
    /// To what: a path, a host, a table, a program. Empty where there is nothing to name.
    pub target: String,
    /// What sort of place `target` is, for effects on files; `ordinary` otherwise.
    pub place: Place,
    /// How, within the kind: `reset_hard`, `set_user_id`, …; empty where the kind says it all.
    pub manner: &'static str,
    /// Whether it takes in everything below the target.
    pub recursive: bool,
    /// Whether the caller switched off a safety (`--force`, `-y`, `-9`).
    pub forced: bool,
    /// The program or tool that does it, without its directory.
    pub program: String,
}

impl Effect {
    /// An effect of `kind` on `target`, by nothing in particular.
    pub fn new(kind: EffectKind, target: impl Into<String>) -> Self {
        Self {
            kind,
            target: target.into(),
            place: Place::Ordinary,
            manner: "",
            recursive: false,
            forced: false,
            program: String::new(),
        }
    }

    pub(crate) fn place(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    pub(crate) fn manner(mut self, manner: &'static str) -> Self {
        self.manner = manner;
        self
    }

    pub(crate) fn recursive(mut self, recursive: bool) -> Self {
        self.recursive = recursive;
        self
    }

    pub(crate) fn forced(mut self, forced: bool) -> Self {
        self.forced = forced;
        self
    }

    pub(crate) fn program(mut self, program: &str) -> Self {
        program.clone_into(&mut self.program);
        self
    }
}

impl std::fmt::Display for Effect {
    /// `delete:/`, or only `fork_bomb`-like words when there is no target: the stable form in `Verdict.effects`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.as_str())?;
        if !self.target.is_empty() {
            write!(f, ":{}", self.target)?;
        }
        Ok(())
    }
}
