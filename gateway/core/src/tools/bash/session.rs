//! Ending a shell with everything that runs in its terminal session, whichever process group it has moved to.

use rustix::process::{Pid, Signal, kill_process_group};

/// Rounds of looking for what is left: each ends all that a round before could have started meanwhile.
#[cfg(target_os = "linux")]
const ROUNDS: usize = 16;

/// Kills the session that `leader` leads. Call it before the leader is reaped, so that the number is still its.
pub(super) fn end(leader: Pid) {
    // That nobody is left in it is as good.
    let _ = kill_process_group(leader, Signal::KILL);
    #[cfg(target_os = "linux")]
    for _ in 0..ROUNDS {
        if !kill_members(leader) {
            break;
        }
    }
}

/// Kills what still runs in the session; whether there was anything.
#[cfg(target_os = "linux")]
fn kill_members(leader: Pid) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return false;
    };
    let mut any = false;
    for entry in entries.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw) else {
            continue;
        };
        if runs_in(pid, leader) {
            any |= rustix::process::kill_process(pid, Signal::KILL).is_ok();
        }
    }
    any
}

/// Whether a process is of that session and does more than wait to be reaped. `getsid` would do, but rustix's panics at
/// processes whose session is led from outside of a container.
#[cfg(target_os = "linux")]
fn runs_in(pid: Pid, leader: Pid) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())) else {
        return false;
    };
    // `PID (NAME) STATE PARENT GROUP SESSION …`, where a name may hold anything: proc_pid_stat(5).
    let Some((_, rest)) = stat.rsplit_once(") ") else {
        return false;
    };
    let mut fields = rest.split(' ');
    let alive = fields
        .next()
        .is_some_and(|state| !matches!(state, "Z" | "X"));
    alive
        && fields.nth(2).and_then(|session| session.parse().ok())
            == Some(leader.as_raw_nonzero().get())
}
