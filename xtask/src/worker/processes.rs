//! A program with everything that it starts: stopped as one, and never left behind.

use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::command::Line;

/// How long the group may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked whether it has.
const LOOK: Duration = Duration::from_millis(10);

/// Kills the group when its standard input ends, which it does however we end.
const WATCHDOG: &str = r#"
cat >/dev/null
kill -s TERM -- "-$1" || exit 0
n=0
while kill -s 0 -- "-$1" && [ "$n" -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
kill -s KILL -- "-$1"
true
"#;

/// A process group.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Child,
    watchdog: Child,
    pid: Pid,
}

impl Group {
    /// Starts `line`, with its output on our standard error.
    pub(crate) fn start(line: &Line) -> Result<Self> {
        let mut leader = line
            .command()
            .process_group(0)
            .stdout(io::stderr())
            .spawn()
            .with_context(|| format!("could not start `{line}`"))?;
        let pid = Pid::from_raw(i32::try_from(leader.id())?);
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(pid.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .current_dir("/")
            .spawn();
        match watchdog {
            Ok(watchdog) => Ok(Self {
                leader,
                watchdog,
                pid,
            }),
            Err(error) => {
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = leader.wait();
                Err(error).context("could not start `sh` to watch over what runs")
            }
        }
    }

    /// The first process's id.
    pub(crate) fn id(&self) -> u32 {
        self.leader.id()
    }

    /// How the first process ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.leader.try_wait()?)
    }

    /// Asks all to end, and after a while makes them.
    fn end(&mut self) {
        let _ = killpg(self.pid, Signal::SIGTERM);
        let began = Instant::now();
        // Its end has to be fetched, or it would count as alive.
        while self.leader.try_wait().is_ok_and(|status| status.is_none()) || self.alive() {
            if began.elapsed() > PATIENCE {
                let _ = killpg(self.pid, Signal::SIGKILL);
                let _ = self.leader.wait();
                break;
            }
            std::thread::sleep(LOOK);
        }
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
    }

    fn alive(&self) -> bool {
        killpg(self.pid, None) != Err(Errno::ESRCH)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
        let _ = io::stderr().flush();
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// A shell with a child of its own that does not heed SIGTERM, once both run.
    fn family(pids: &Path) -> Group {
        let script = format!(
            "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ >{0}.new; mv {0}.new {0}; while :; do sleep 1; done' & wait",
            pids.display()
        );
        let group = Group::start(&Line::new("sh").args(["-c", &script])).unwrap();
        while !pids.exists() {
            std::thread::sleep(LOOK);
        }
        group
    }

    fn gone(pid: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    }

    #[test]
    fn even_a_grandchild_that_does_not_listen_is_gone_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let group = family(&file);
        let pid = fs::read_to_string(file).unwrap().trim().to_owned();
        assert!(!gone(&pid));
        drop(group);
        assert!(gone(&pid));
    }

    #[test]
    fn the_watchdog_ends_the_group_when_we_are_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("pid");
        let mut group = family(&file);
        let pid = fs::read_to_string(file).unwrap().trim().to_owned();
        // As the kernel closes it when a process is killed.
        drop(group.watchdog.stdin.take());
        assert!(group.watchdog.wait().unwrap().success());
        let _ = group.leader.wait();
        assert!(gone(&pid));
    }
}
