//! Every fault that a round may have, by name.

use crate::call::Kind;
use crate::proxy::Trouble;
use crate::shim::{Disk, Part};

/// What is done to a spool while nobody uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Some bits of the database are turned over.
    DatabaseBits,
    /// Some bits of the log are turned over.
    LogBits,
    /// The log ends in the middle of a frame.
    LogCut,
    /// The shared memory is gone.
    SharedMemoryGone,
    /// The shared memory is of another time.
    SharedMemoryGarbage,
    /// The database's first page is garbage.
    HeaderGarbage,
    /// The database ends in the middle of a page.
    DatabaseCut,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// With the next requests.
    Wire(Trouble),
    /// With every request, until the status was looked at.
    Outage(Trouble),
    /// The edge rejects whatever holds a word, with this status.
    Poison(u16),
    /// The edge is killed and started again.
    EdgeKilled,
    /// Hook processes are killed at this point.
    HookKilled(&'static str),
    /// The sidecar is killed at this point.
    SidecarKilled(&'static str),
    /// Whoever writes is killed instead of writing.
    WriterKilled(Part),
    /// The disk breaks, for processes and the sidecar.
    Disk(Disk, Part),
    /// The disk is really full, for processes and the sidecar, and then it is not.
    ReallyFull,
    /// Commits fail with this word, see `trace_plugin::fault`.
    Commit(&'static str),
    /// The wall clock is off by so many milliseconds, and then right again.
    Clock(i64),
    /// The spool is put back from a backup: the database, or the whole of what is kept beside it.
    Restored {
        /// What is beside it, too.
        whole: bool,
    },
    /// The spool's files are damaged.
    Damaged(Damage),
    /// The spool may take no more than a megabyte, and the edge is away.
    SpoolFull,
    /// Two sidecars start at once.
    TwoSidecars,
    /// The sidecar is killed again and again.
    SidecarRestarts,
    /// There is no sidecar for a while.
    NoSidecar,
    /// The in-process recorder is killed at this point.
    RecorderKilled(&'static str),
    /// The in-process recorder does all of its work.
    Recorder,
    /// So many events gather while the edge is away, of this kind.
    Backlog(usize, Kind),
}

/// What an agent that works all day leaves behind in a day.
const A_DAY_OF_EVENTS: usize = 20_000;
/// So many bulky events are more than a sidecar may have in memory at once.
const MORE_THAN_MEMORY: usize = 5_000;
const DAY: i64 = 86_400_000;

/// All faults that are not the wire's, by name.
const OTHERS: [(&str, Fault); 57] = [
    ("outage-refused", Fault::Outage(Trouble::Refused)),
    ("outage-503", Fault::Outage(Trouble::Status(503))),
    ("outage-garbage", Fault::Outage(Trouble::Garbage)),
    ("outage-swallowed", Fault::Outage(Trouble::Swallowed)),
    ("outage-429", Fault::Outage(Trouble::SlowDown(Some("1")))),
    (
        "outage-429-a-day",
        Fault::Outage(Trouble::SlowDown(Some("86400"))),
    ),
    (
        "outage-429-overflow",
        Fault::Outage(Trouble::SlowDown(Some("99999999999999999999"))),
    ),
    ("outage-names-nothing", Fault::Outage(Trouble::NamesNothing)),
    ("poison-422", Fault::Poison(422)),
    ("poison-413", Fault::Poison(413)),
    ("poison-400", Fault::Poison(400)),
    ("edge-killed", Fault::EdgeKilled),
    ("kill-hook.read", Fault::HookKilled("hook.read")),
    ("kill-hook.judged", Fault::HookKilled("hook.judged")),
    ("kill-hook.committed", Fault::HookKilled("hook.committed")),
    (
        "kill-hook-spool.mid_commit",
        Fault::HookKilled("spool.mid_commit"),
    ),
    (
        "kill-hook-spool.committed",
        Fault::HookKilled("spool.committed"),
    ),
    (
        "kill-hook-spool.mid_checkpoint",
        Fault::HookKilled("spool.mid_checkpoint"),
    ),
    ("kill-sidecar-hook.read", Fault::SidecarKilled("hook.read")),
    (
        "kill-sidecar-hook.judged",
        Fault::SidecarKilled("hook.judged"),
    ),
    (
        "kill-sidecar-hook.committed",
        Fault::SidecarKilled("hook.committed"),
    ),
    (
        "kill-sidecar-spool.mid_commit",
        Fault::SidecarKilled("spool.mid_commit"),
    ),
    (
        "kill-sidecar-spool.committed",
        Fault::SidecarKilled("spool.committed"),
    ),
    (
        "kill-sidecar-ship.mid_batch",
        Fault::SidecarKilled("ship.mid_batch"),
    ),
    (
        "kill-sidecar-ship.acked",
        Fault::SidecarKilled("ship.acked"),
    ),
    ("kill-writer-log", Fault::WriterKilled(Part::Log)),
    ("kill-writer-database", Fault::WriterKilled(Part::Database)),
    ("disk-eio-write", Fault::Disk(Disk::WriteError, Part::Any)),
    (
        "disk-eio-write-log",
        Fault::Disk(Disk::WriteError, Part::Log),
    ),
    (
        "disk-eio-write-database",
        Fault::Disk(Disk::WriteError, Part::Database),
    ),
    ("disk-eio-sync", Fault::Disk(Disk::SyncError, Part::Any)),
    (
        "disk-eio-truncate",
        Fault::Disk(Disk::TruncateError, Part::Any),
    ),
    ("disk-enospc", Fault::Disk(Disk::Full, Part::Any)),
    ("disk-enospc-log", Fault::Disk(Disk::Full, Part::Log)),
    (
        "disk-enospc-database",
        Fault::Disk(Disk::Full, Part::Database),
    ),
    ("disk-short-write", Fault::Disk(Disk::ShortWrite, Part::Log)),
    ("disk-read-only", Fault::Disk(Disk::ReadOnly, Part::Any)),
    ("commit-eio", Fault::Commit("eio")),
    ("commit-enospc", Fault::Commit("enospc")),
    ("clock-a-day-ahead", Fault::Clock(DAY)),
    ("clock-a-day-behind", Fault::Clock(-DAY)),
    ("clock-a-second-behind", Fault::Clock(-1500)),
    ("restored", Fault::Restored { whole: false }),
    ("restored-whole", Fault::Restored { whole: true }),
    ("bits-database", Fault::Damaged(Damage::DatabaseBits)),
    ("bits-log", Fault::Damaged(Damage::LogBits)),
    ("log-cut", Fault::Damaged(Damage::LogCut)),
    ("shm-gone", Fault::Damaged(Damage::SharedMemoryGone)),
    ("shm-garbage", Fault::Damaged(Damage::SharedMemoryGarbage)),
    ("header-garbage", Fault::Damaged(Damage::HeaderGarbage)),
    ("database-cut", Fault::Damaged(Damage::DatabaseCut)),
    ("two-sidecars", Fault::TwoSidecars),
    ("sidecar-restarts", Fault::SidecarRestarts),
    ("no-sidecar", Fault::NoSidecar),
    ("spool-full", Fault::SpoolFull),
    ("disk-really-full", Fault::ReallyFull),
    ("backlog", Fault::Backlog(MORE_THAN_MEMORY, Kind::Bulky)),
];

/// Those of the in-process recorder.
const RECORDER: [(&str, Fault); 4] = [
    ("recorder", Fault::Recorder),
    (
        "kill-recorder-spool.mid_commit",
        Fault::RecorderKilled("spool.mid_commit"),
    ),
    (
        "kill-recorder-spool.committed",
        Fault::RecorderKilled("spool.committed"),
    ),
    ("recorder-enospc", Fault::RecorderKilled("")),
];

/// Those that take minutes.
const LONG: [(&str, Fault); 1] = [(
    "backlog-a-day",
    Fault::Backlog(A_DAY_OF_EVENTS, Kind::EndOnly),
)];

/// Every fault with its name, those that take minutes among them.
pub fn all_and_long() -> Vec<(&'static str, Fault)> {
    all().into_iter().chain(LONG).collect()
}

/// Every fault that takes seconds, with its name.
pub fn all() -> Vec<(&'static str, Fault)> {
    let wire = Trouble::ALL.map(|(name, trouble)| (name, Fault::Wire(trouble)));
    wire.into_iter().chain(OTHERS).chain(RECORDER).collect()
}

/// The fault of that name.
pub fn named(name: &str) -> Option<(&'static str, Fault)> {
    all_and_long().into_iter().find(|(known, _)| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_faults() {
        let mut names: Vec<_> = all_and_long().iter().map(|(name, _)| *name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
