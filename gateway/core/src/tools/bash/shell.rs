//! One open shell: bash (or `sh`, where there is none) at a terminal of its own.
//!
//! The shell reads lines from a pipe and tells on another how each ended; programs see neither. They have the terminal for
//! their output and nothing for their input. So no output can pass for an exit code, and no program can eat the next line.
//! A plain `sh` tells nothing after a line that was interrupted or could not be parsed: it is ended then.
//! Where the output of a line ends is told by a random mark that the shell is given only after the line has ended.

use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use pty_process::Pty;
use rustix::process::Pid;
use rustix::termios::{LocalModes, OptionalActions, OutputModes, tcgetattr, tcsetattr};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout, timeout_at};

use super::screen::Screen;
use super::session;
use crate::limits::{DRAIN_AFTER_EXIT, INTERRUPT_GRACE, MAX_OUTPUT_BYTES};
use crate::tools::process::passed_on;
use crate::tools::{Failure, descriptor_path};

/// How a line ended.
pub(super) enum Ended {
    /// By itself, with this code.
    Exited(i64),
    /// With its shell, whose code this is.
    Gone(Option<i64>),
    /// Its time was up, and it ended when it was interrupted.
    Interrupted,
    /// Its time was up, and it did not end.
    Stuck,
}

/// What came of a line.
pub(super) struct Ran {
    /// What the terminal showed.
    pub(super) output: String,
    /// Bytes missing of that.
    pub(super) bytes_cut: u64,
    /// How it ended.
    pub(super) ended: Ended,
}

/// An open shell. Dropping it ends it with everything that it started.
pub(super) struct Shell {
    child: Child,
    leader: Pid,
    lines: ChildStdin,
    told: BufReader<ChildStdout>,
    terminal: Pty,
}

impl Drop for Shell {
    fn drop(&mut self) {
        session::end(self.leader);
    }
}

impl Shell {
    /// Opens a shell in the open `directory`, whose path is `real`; it may take `within` for that.
    pub(super) async fn start(
        directory: &OwnedFd,
        real: &str,
        within: Duration,
    ) -> Result<Self, Failure> {
        match Self::spawn("bash", directory, real) {
            // Else bash would take `!` for a word of its history.
            Ok(shell) => shell.ready("set +H", within).await,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let spawned = Self::spawn("sh", directory, real);
                spawned
                    .map_err(|error| not_started(&error))?
                    .ready(":", within)
                    .await
            }
            Err(error) => Err(not_started(&error)),
        }
    }

    /// The shell, once it has run its first line.
    async fn ready(mut self, first: &str, within: Duration) -> Result<Self, Failure> {
        let began = Instant::now();
        let ran = timeout(within, self.run(first, u64::MAX)).await;
        let is_late = began.elapsed() > within;
        match ran {
            Ok(Ok(ran)) if !is_late => match ran.ended {
                Ended::Exited(0) => Ok(self),
                _ => Err(not_started(&ran.output.trim())),
            },
            Ok(Err(failure)) => Err(failure),
            // It may be ready in the very instant in which its time is over.
            _ => Err(not_started(&format!(
                "it took more than {} s",
                within.as_secs_f64()
            ))),
        }
    }

    fn spawn(program: &str, directory: &OwnedFd, real: &str) -> std::io::Result<Self> {
        let other = std::io::Error::other::<pty_process::Error>;
        let (terminal, end) = pty_process::open().map_err(other)?;
        terminal
            .resize(pty_process::Size::new(50, 200))
            .map_err(other)?;
        let mut modes = tcgetattr(&end)?;
        // Nobody types here, and line feeds are enough.
        modes.local_modes.remove(LocalModes::ECHO);
        modes.output_modes.remove(OutputModes::OPOST);
        tcsetattr(&end, OptionalActions::Now, &modes)?;
        let options: &[&str] = match program {
            "bash" => &["--noprofile", "--norc", "--noediting", "-i"],
            _ => &["-i"],
        };
        let command = pty_process::Command::new(program)
            .args(options)
            .env_clear()
            .envs(passed_on())
            .envs([
                ("PS1", ""),
                ("PS2", ""),
                ("PWD", real),
                ("TERM", "dumb"),
                ("PAGER", "cat"),
                ("GIT_PAGER", "cat"),
                ("HISTFILE", "/dev/null"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        // By descriptor where that works: a path could lead elsewhere by now.
        let command = if cfg!(target_os = "linux") {
            command.current_dir(descriptor_path(directory))
        } else {
            command.current_dir(real)
        };
        let mut child = command.spawn(end).map_err(|error| match error {
            pty_process::Error::Io(error) => error,
            error => other(error),
        })?;
        let gone = || std::io::Error::other("it ended at once");
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self {
            leader: leader.ok_or_else(gone)?,
            lines: child.stdin.take().ok_or_else(gone)?,
            told: BufReader::new(child.stdout.take().ok_or_else(gone)?),
            child,
            terminal,
        })
    }

    /// The directory that the shell is in; none if it is gone, or not UTF-8.
    pub(super) fn directory(&self) -> Option<String> {
        let link = format!("/proc/{}/cwd", self.leader.as_raw_nonzero());
        let path = std::fs::read_link(link).ok()?;
        let text = path.to_str()?;
        // The kernel marks one that was removed; only a directory that is there can be judged.
        path.is_dir().then(|| text.to_owned())
    }

    /// Runs `line` for at most `timeout_ms`. If this is dropped, what state the shell is in is not known: drop it, too.
    pub(super) async fn run(&mut self, line: &str, timeout_ms: u64) -> Result<Ran, Failure> {
        let trouble =
            |error: std::io::Error| Failure::new(format!("the shell cannot be spoken to: {error}"));
        let deadline = Instant::now().checked_add(Duration::from_millis(timeout_ms));
        let deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_hours(24));
        let mut screen = Screen::new(MAX_OUTPUT_BYTES);
        let quoted = line.replace('\'', r"'\''");
        // The second line of these is read when the first has ended, interrupted or not.
        let lines =
            format!("eval '{quoted}\n' </dev/null >/dev/tty 2>&1\ncommand printf '%s\\0' \"$?\"\n");
        let running = timeout_at(deadline, self.listen(lines.as_bytes(), &mut screen)).await;
        let interrupted = running.is_err();
        let ended = if let Ok(ended) = running {
            ended.map_err(trouble)?
        } else {
            // Control-C, which the terminal turns into a signal for whatever runs in its foreground.
            self.terminal.write_all(b"\x03").await.map_err(trouble)?;
            match timeout(INTERRUPT_GRACE, self.listen(b"", &mut screen)).await {
                Ok(ended) => ended.map_err(trouble)?,
                Err(_) => return Ok(done(screen, Ended::Stuck)),
            }
        };
        let Some(code) = ended else {
            session::end(self.leader);
            let status = timeout(DRAIN_AFTER_EXIT, self.child.wait()).await;
            let code = status.ok().and_then(Result::ok).and_then(|status| {
                let code = status.code().or_else(|| Some(128 + status.signal()?));
                code.map(i64::from)
            });
            let drained = drain(&mut self.terminal, &mut screen);
            let _ = timeout(DRAIN_AFTER_EXIT, drained).await;
            return Ok(done(screen, Ended::Gone(code)));
        };
        // A background job may write for ever; the mark says where the output of this line ends.
        let marked = timeout(DRAIN_AFTER_EXIT, self.up_to_mark(&mut screen)).await;
        if let Ok(marked) = marked {
            marked.map_err(trouble)?;
        }
        let ended = if interrupted {
            Ended::Interrupted
        } else {
            Ended::Exited(code)
        };
        Ok(done(screen, ended))
    }

    /// Writes `lines` and keeps what the terminal shows until the shell tells an exit code; none if it ends.
    async fn listen(&mut self, lines: &[u8], screen: &mut Screen) -> std::io::Result<Option<i64>> {
        let mut told = Vec::new();
        let mut buffer = [0; 8192];
        let mut silent = false;
        let mut writing = std::pin::pin!(self.lines.write_all(lines));
        let mut written = false;
        loop {
            tokio::select! {
                wrote = &mut writing, if !written => {
                    // A shell that has ended takes no more; its end is told below.
                    written = true;
                    let _ = wrote;
                }
                read = self.terminal.read(&mut buffer), if !silent => match read {
                    // The last end of a terminal that closes is an error for Linux.
                    Ok(0) | Err(_) => silent = true,
                    Ok(read) => screen.push(&buffer[..read]),
                },
                read = self.told.read_until(0, &mut told) => {
                    read?;
                    let Some(code) = told.strip_suffix(b"\0") else { return Ok(None) };
                    return Ok(std::str::from_utf8(code).ok().and_then(|code| code.trim().parse().ok()).or(Some(-1)));
                }
            }
        }
    }

    /// Has the shell write a random mark, and keeps what comes before it.
    async fn up_to_mark(&mut self, screen: &mut Screen) -> std::io::Result<()> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        let mut mark = String::new();
        for byte in random {
            // Writing to a String does not fail.
            let _ = write!(mark, "{byte:02x}");
        }
        let line = format!("command printf '%s' {mark} >/dev/tty\n");
        self.lines.write_all(line.as_bytes()).await?;
        let mut seen = Vec::new();
        let mut buffer = [0; 8192];
        loop {
            let read = match self.terminal.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            seen.extend_from_slice(&buffer[..read]);
            if let Some(at) = seen
                .windows(mark.len())
                .position(|window| window == mark.as_bytes())
            {
                seen.truncate(at);
                break;
            }
            // What cannot be the beginning of the mark any more is output.
            let sure = seen.len().saturating_sub(mark.len());
            screen.push(&seen[..sure]);
            seen.drain(..sure);
        }
        screen.push(&seen);
        Ok(())
    }
}

fn not_started(why: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("no shell could be started: {why}"))
}

fn done(screen: Screen, ended: Ended) -> Ran {
    let (output, bytes_cut) = screen.finish();
    Ran {
        output,
        bytes_cut,
        ended,
    }
}

/// Keeps what is left in a terminal whose session has ended.
async fn drain(terminal: &mut Pty, screen: &mut Screen) {
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = terminal.read(&mut buffer).await {
        screen.push(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SHELL_START;

    #[tokio::test]
    async fn where_there_is_no_bash_sh_will_do() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        let opened = std::fs::File::open(&real).unwrap().into();
        let shell = Shell::spawn("sh", &opened, real.to_str().unwrap()).unwrap();
        let mut shell = shell.ready(":", SHELL_START).await.unwrap();
        let ran = shell
            .run("X='a b'; mkdir sub; cd sub", 60_000)
            .await
            .unwrap();
        assert!(matches!(ran.ended, Ended::Exited(0)), "{}", ran.output);
        assert_eq!(shell.directory().as_deref(), real.join("sub").to_str());
        let line = "test -t 1 && echo \"$X\"; cat; (exit 3)";
        let ran = shell.run(line, 60_000).await.unwrap();
        assert!(matches!(ran.ended, Ended::Exited(3)), "{}", ran.output);
        assert_eq!(ran.output, "a b\n");
        let ran = shell.run("echo $X", 60_000).await.unwrap();
        assert_eq!(ran.output, "a b\n");
        // dash forgets the line that would tell the code when it is interrupted, as after an error of syntax; who calls ends
        // it then, and says so.
        let ran = shell.run("sleep 1000", 300).await.unwrap();
        assert!(matches!(ran.ended, Ended::Interrupted | Ended::Stuck));
    }
}
