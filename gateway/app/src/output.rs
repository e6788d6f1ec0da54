//! What people see: answers on standard output, everything else on standard error.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What the shell parser tells at `debug`: every word of a command, before anything was masked. Nobody sees it.
const UNMASKED: [&str; 4] = [
    "tokenize=off",
    "parse=off",
    "expansion=off",
    "arithmetic=off",
];

/// Starts the log on standard error; `RUST_LOG` says how much, `warn` unless set.
pub(crate) fn start_log() {
    start_log_to(io::stderr, io::stderr().is_terminal());
}

/// The same into something else.
pub(crate) fn start_log_to(
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
    in_colour: bool,
) {
    let chosen = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let filter = UNMASKED.iter().filter_map(|off| off.parse().ok());
    let filter = filter.fold(chosen, EnvFilter::add_directive);
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(in_colour)
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

/// An error and what led to it, in one sentence.
pub(crate) fn in_one(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Many errors repeat their cause; people need it once.
        if !said.contains(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    // Several things that are wrong stand in a line each.
    said.replace(":\n  ", ": ").replace("\n  ", "; ")
}

/// A number of things, in words: `1 rule`, `2 rules`.
pub(crate) fn count<N>(number: N, one: &str, more: &str) -> String
where
    N: Copy + fmt::Display + From<u8> + PartialEq,
{
    let noun = if number == N::from(1) { one } else { more };
    format!("{number} {noun}")
}

/// Writes a line of the answer. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn line(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}
