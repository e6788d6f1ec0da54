//! `smoltbot verify`: an archive checked offline, told in sentences.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::ExitCode;

use aap::archive::{Fault, MAX_LINE_BYTES, Report, Verifier};
use anyhow::Context as _;

use crate::output;

pub(crate) fn run(file: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let report = if file == Path::new("-") {
        read(io::stdin().lock()).context("standard input cannot be read")?
    } else {
        let name = file.display();
        let opened = File::open(file).with_context(|| format!("{name} cannot be opened"))?;
        let buffered = BufReader::with_capacity(MAX_LINE_BYTES, opened);
        read(buffered).with_context(|| format!("{name} cannot be read"))?
    };
    if as_json {
        output::line(&serde_json::to_string(&report)?)?;
    } else {
        tell(&report)?;
    }
    Ok(ExitCode::from(u8::from(!report.ok)))
}

/// Hands the lines on, whatever they hold; one that is too long is passed over and told.
fn read(mut from: impl BufRead) -> io::Result<Report> {
    let mut verifier = Verifier::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        // One byte more than a line has, and its break.
        let most = MAX_LINE_BYTES as u64 + 2;
        if from.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            return Ok(verifier.finish());
        }
        let whole = line.last() == Some(&b'\n');
        if whole {
            line.pop();
        }
        if line.len() > MAX_LINE_BYTES {
            verifier.too_long();
            if !whole {
                from.skip_until(b'\n')?;
            }
        } else {
            verifier.line(&line);
        }
    }
}

fn tell(report: &Report) -> anyhow::Result<()> {
    let counts = &report.counts;
    output::line(if report.ok {
        "This archive holds."
    } else {
        "This archive does NOT hold."
    })?;
    if !report.ok {
        output::line("\nWrong:")?;
        for finding in &report.findings {
            let fault = name(finding.fault);
            // What the file says is shown, and must not steer the terminal.
            let what: String = finding.what.chars().filter(|c| !c.is_control()).collect();
            output::line(&format!("  line {}: {fault}: {what}", finding.line))?;
        }
        let more = report.found - report.findings.len() as u64;
        if more > 0 {
            output::line(&format!("  and {more} more"))?;
        }
    }
    for (title, sentences) in [
        (
            if report.ok {
                "Proven:"
            } else {
                "Proven all the same:"
            },
            &report.proven,
        ),
        ("Not proven:", &report.not_proven),
    ] {
        if !sentences.is_empty() {
            output::line(&format!("\n{title}"))?;
            for sentence in sentences {
                output::line(&format!("  - {sentence}"))?;
            }
        }
    }
    output::line(&format!(
        "\nLines: {}. Agents: {}. Streams: {}. Links: {}. Notes: {}. Documents: {}.",
        counts.lines, counts.agents, counts.streams, counts.links, counts.notes, counts.documents
    ))
}

/// As `--json` has it.
fn name(fault: Fault) -> String {
    let word = serde_json::to_value(fault).unwrap_or_default();
    word.as_str().unwrap_or_default().replace('_', " ")
}
