//! A shell process in its own group: started, listened to, and ended together with everything that it started.

use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout_at};

use super::Failure;
use super::capped::Capped;
use crate::limits::{DRAIN_AFTER_EXIT, MAX_OUTPUT_BYTES};

/// What a command gets of the gateway's environment. Everything else may be a secret and stays here.
const PASSED_ON: [&str; 10] = [
    "PATH", "HOME", "LANG", "LC_ALL", "TERM", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ",
];

/// What a program that a tool starts gets of the gateway's environment.
pub(super) fn passed_on() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    PASSED_ON
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// How a command ended.
pub(super) enum End {
    /// By itself, with this code; a signal counts as 128 and its number, as shells have it.
    Exited(i64),
    /// Its time was up.
    TimedOut,
}

/// Ends a process group when it goes out of scope, whoever lets go of it.
pub(super) struct Group(Option<Pid>);

impl Group {
    /// The group of this leader, which must not be reaped before the group goes: its number could be another's by then.
    pub(super) fn led_by(leader: Option<Pid>) -> Self {
        Self(leader)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // That nobody is left in it is as good.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

/// Runs `command` with `sh` in the open `directory`, whose path is `real`.
pub(super) async fn run(
    command: &str,
    directory: OwnedFd,
    real: &str,
    timeout_ms: u64,
) -> Result<(Value, End), Failure> {
    let deadline = Instant::now() + Duration::from_millis(timeout_ms);
    let mut child = spawn(command, &directory, real)?;
    drop(directory);
    let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let group = Group(leader);
    let (mut stdout, mut stderr) = (Capped::new(MAX_OUTPUT_BYTES), Capped::new(MAX_OUTPUT_BYTES));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let status = {
        let mut listening = std::pin::pin!(async {
            tokio::join!(drain(out, &mut stdout), drain(err, &mut stderr));
        });
        let mut silent = false;
        let status = loop {
            tokio::select! {
                () = &mut listening, if !silent => silent = true,
                status = timeout_at(deadline, child.wait()) => break status,
            }
        };
        // What the command left behind ends with it, and lets go of the pipes. This follows the reaping of the leader at
        // once: its number cannot have gone all the way round.
        drop(group);
        if !silent {
            // Who left the group can still hold a pipe open: no reason to wait for it longer.
            let _ = timeout_at(Instant::now() + DRAIN_AFTER_EXIT, listening).await;
        }
        status
    };
    let (stdout, stdout_cut) = stdout.finish();
    let (stderr, stderr_cut) = stderr.finish();
    let mut result = json!({"stdout": stdout, "stderr": stderr});
    if stdout_cut + stderr_cut > 0 {
        result["bytes_cut"] = json!(stdout_cut + stderr_cut);
    }
    match status {
        Err(_) => Ok((result, End::TimedOut)),
        Ok(Ok(status)) => {
            if let Some(signal) = status.signal() {
                result["signal"] = json!(signal);
            }
            Ok((result, End::Exited(code(status))))
        }
        Ok(Err(error)) => Err(Failure {
            message: format!("its end could not be waited for: {error}"),
            result,
        }),
    }
}

fn spawn(command: &str, directory: &OwnedFd, real: &str) -> Result<Child, Failure> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "--", command])
        .env_clear()
        .envs(passed_on())
        .env("PWD", real)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    // By descriptor where that works: a path could lead elsewhere by now.
    if cfg!(target_os = "linux") {
        shell.current_dir(super::descriptor_path(directory));
    } else {
        shell.current_dir(real);
    }
    shell
        .spawn()
        .map_err(|error| Failure::new(format!("the command could not be started: {error}")))
}

async fn drain(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Capped) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        kept.push(&buffer[..read]);
    }
}

fn code(status: ExitStatus) -> i64 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .map_or(-1, i64::from)
}
