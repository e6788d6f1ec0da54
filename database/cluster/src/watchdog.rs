//! A small shell that outlives the test process by a moment: when its standard input ends, the server and its files go.
//!
//! A destructor does not run when a test process is killed, and never for what stands in a `static`. A pipe is closed by the
//! kernel whatever happens.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::error::{ClusterError, io};

/// Reads the server's process id whenever it changes (0: none runs). At the end of input it kills the last one without
/// delay (SIGQUIT, "immediate shutdown"), waits up to ten seconds for it, and takes the directory away.
const SCRIPT: &str = r#"
last=0
while read -r pid; do last=$pid; done
if [ "$last" -gt 1 ] && kill -QUIT "$last" 2>/dev/null; then
    n=0
    while kill -0 "$last" 2>/dev/null && [ "$n" -lt 200 ]; do sleep 0.05; n=$((n + 1)); done
fi
for mounted in "$1"/disks/* "$1"/data; do
    if mountpoint -q "$mounted" 2>/dev/null; then umount -l "$mounted"; fi
done
rm -rf "$1"
"#;

/// The shell.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Starts watching over `dir`, which from here on is the shell's to remove.
    pub(crate) fn over(dir: &Path) -> Result<Self, ClusterError> {
        let shell = Command::new("sh")
            .args(["-c", SCRIPT, "watchdog"])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal is for the tests; their end is what counts here.
            .process_group(0)
            .current_dir("/")
            .spawn()
            .map_err(io("the watchdog cannot start"))?;
        Ok(Self { shell })
    }

    /// Tells which process to end; none once the server was stopped.
    pub(crate) fn watch(&mut self, pid: Option<u32>) -> Result<(), ClusterError> {
        let pipe = self.shell.stdin.as_mut().ok_or_else(|| {
            io("the watchdog's pipe")(std::io::Error::from(std::io::ErrorKind::BrokenPipe))
        })?;
        writeln!(pipe, "{}", pid.unwrap_or(0)).map_err(io("the watchdog is gone"))
    }

    /// Lets it do its work now, and waits for that.
    pub(crate) fn finish(&mut self) {
        drop(self.shell.stdin.take());
        // Nothing to be done if it was killed: then the files stay.
        let _ = self.shell.wait();
    }
}
