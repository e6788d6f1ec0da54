//! Where an export goes: standard output, or a file that is there when it is whole.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 * 1024;

/// Where an export goes.
pub(super) enum Target {
    Stdout(BufWriter<io::Stdout>),
    File {
        draft: BufWriter<File>,
        /// Where it is written, beside where it is to be.
        drafted: PathBuf,
        path: PathBuf,
    },
}

impl Target {
    /// Standard output, or a new file beside `path`.
    pub(super) fn open(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Stdout(BufWriter::with_capacity(BUFFER, io::stdout())));
        };
        let mut name = path
            .file_name()
            .context("-o wants a file's name")?
            .to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let drafted = path.with_file_name(name);
        let draft = File::create_new(&drafted)
            .with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self::File {
            draft: BufWriter::with_capacity(BUFFER, draft),
            drafted,
            path: path.to_owned(),
        })
    }

    /// Everything was written: puts it in its place.
    pub(super) fn keep(mut self) -> anyhow::Result<()> {
        self.flush()?;
        if let Self::File {
            draft,
            drafted,
            path,
        } = &mut self
        {
            draft.get_ref().sync_all()?;
            fs::rename(&*drafted, &*path)
                .with_context(|| format!("{} cannot be written", path.display()))?;
        }
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Self::File { drafted, .. } = self {
            // Not there any more where it was kept.
            let _ = fs::remove_file(drafted);
        }
    }
}

/// A reader that went away (`| head`) ends the program quietly.
fn quietly<T>(outcome: io::Result<T>) -> io::Result<T> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other,
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => quietly(out.write(bytes)),
            Self::File { draft, .. } => draft.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => quietly(out.flush()),
            Self::File { draft, .. } => draft.flush(),
        }
    }
}
