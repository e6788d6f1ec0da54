//! A disk that is really full: a small tmpfs over the home's state, in a namespace of its own, for which nobody needs to be root.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Its size: the home as it is, and room for some calls.
const SIZE: &str = "2m";
/// Takes what is there along, does as it is told, and takes back what has become of it.
const SCRIPT: &str = r#"
set -e
cp -a "$1" "$1.outside"
mount -t tmpfs -o size=$2 oracle "$1"
cp -a "$1.outside/." "$1"
echo ready
while read -r what; do
    case $what in
    fill) dd if=/dev/zero of="$1/filler" bs=1024 status=none 2>/dev/null || true
          dd if=/dev/null of="$1/filler" bs=1024 seek=$(($(stat -c %s "$1/filler") / 1024 - 24)) status=none ;;
    free) rm -f "$1/filler" ;;
    leave) rm -rf "$1.outside"; cp -a "$1" "$1.inside"; echo left; exit 0 ;;
    esac
    echo done
done
"#;

/// A small disk in place of a directory, for those who enter.
#[derive(Debug)]
pub struct SmallDisk {
    child: Child,
    told: ChildStdin,
    answers: std::io::Lines<BufReader<std::process::ChildStdout>>,
    path: std::path::PathBuf,
}

impl SmallDisk {
    /// Puts one over `path`, with what is there.
    ///
    /// # Errors
    /// When this machine has no namespaces for users.
    pub fn over(path: &Path) -> Result<Self> {
        let mut child = Command::new("unshare")
            .args(["-Urm", "sh", "-c", SCRIPT, "sh"])
            .arg(path)
            .arg(SIZE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("no `unshare`; it is of util-linux")?;
        let told = child.stdin.take().context("no standard input")?;
        let out = child.stdout.take().context("no standard output")?;
        let mut disk = Self {
            child,
            told,
            answers: BufReader::new(out).lines(),
            path: path.to_owned(),
        };
        disk.answered("ready").context(
            "no mount in a namespace of users: is kernel.unprivileged_userns_clone or AppArmor in the way?",
        )?;
        Ok(disk)
    }

    fn answered(&mut self, expected: &str) -> Result<()> {
        match self.answers.next() {
            Some(Ok(line)) if line == expected => Ok(()),
            other => bail!("the small disk says {other:?} instead of {expected}"),
        }
    }

    fn tell(&mut self, what: &str, answer: &str) -> Result<()> {
        writeln!(self.told, "{what}")?;
        self.answered(answer)
    }

    /// Leaves a few pages free, and no more.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn fill(&mut self) -> Result<()> {
        self.tell("fill", "done")
    }

    /// Makes room again.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn free(&mut self) -> Result<()> {
        self.tell("free", "done")
    }

    /// Takes it away; what is on it is there without it now. Nobody may be inside any more.
    ///
    /// # Errors
    /// When it cannot be told.
    pub fn leave(mut self) -> Result<()> {
        self.tell("leave", "left")?;
        // The mount goes with its namespace; what it hid is what was there before.
        self.child.wait()?;
        let mut inside = self.path.clone().into_os_string();
        inside.push(".inside");
        std::fs::remove_dir_all(&self.path)?;
        Ok(std::fs::rename(inside, &self.path)?)
    }

    /// What starts a program inside.
    pub fn inside(&self) -> Vec<String> {
        let pid = self.child.id().to_string();
        ["nsenter", "--preserve-credentials", "-U", "-m", "-t", &pid]
            .map(str::to_owned)
            .to_vec()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // When a run was given up.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
