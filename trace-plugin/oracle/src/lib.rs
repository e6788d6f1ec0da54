//! The oracle of delivery, the client's side: from an agent's hook to the edge's answer.
//!
//! **In scope.** The real binary (hooks, sidecar, status, export, verify) and the in-process recorder, built with points at
//! which they can be killed; a real edge; between them a proxy that cuts, delays, repeats and lies; below them a disk that
//! breaks and a clock that is wrong. Random workloads, random faults, all from one seed; and the reckoning at the end: every
//! call that was accepted is stored once, or set aside with a reason, or told in a signed record; every id that is stored was
//! issued; what is stored is what was sent; the archive holds; after every fault a fresh event passes, and `status` told the
//! truth during it.
//!
//! A hook that was killed before it answered has accepted nothing: its event may be told or not, at most once.
//!
//! **Out of scope.** What breaks behind the edge: `edge-e2e` has an oracle for that. Rules beside the code: `trace-plugin`.
//!
//! `cargo test -p delivery-oracle` runs a short set of seeds; `cargo xtask oracle --minutes 60` runs new ones, and prints the
//! line that repeats what it found. Linux, and a C compiler `cc`.

pub mod call;
pub mod dice;
pub mod edge;
pub mod fault;
pub mod home;
pub mod plan;
mod play;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod run;
pub mod settle;
pub mod shim;
pub mod small_disk;
pub mod work;
