//! What people see: answers on standard output, everything else on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;

/// Starts the log on standard error; `RUST_LOG` says how much, `warn` unless set.
pub(crate) fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
}

/// Says an error and what led to it, in one line each.
pub(crate) fn complain(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(stderr, "smoltbot: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors repeat their cause; people need it once.
        if !said.contains(&cause) {
            let _ = writeln!(stderr, "  because: {cause}");
            said.push_str(&cause);
        }
    }
}

/// A number of things, in words: `1 rule`, `2 rules`.
pub(crate) fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// Writes a line of the answer. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}
