//! `smoltbot redact`: what would be masked and published, to try and to trust. Works before `init`; nothing is kept or sent.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use redact::{Masked, Redactor, rules};
use serde_json::{Value, json};
use smoltbot_config::Config;
use trace_plugin::world::Machine;

use crate::agent;
use crate::cli::Redact;
use crate::output;
use crate::publishing;

/// Bytes of standard input: 8 MiB.
const MAX_INPUT_BYTES: usize = 8 * 1024 * 1024;
/// Whose parameters these are where no tool is named.
const NO_TOOL: &str = "redact";

pub(crate) fn run(asked: &Redact) -> anyhow::Result<ExitCode> {
    if asked.rules {
        return list(asked.json);
    }
    let input = read()?;
    let config = agent::config()?;
    let (masked, told) = masked(asked, &config, &input)?;
    if asked.json {
        output::line(&json!({"masked": masked, "rules": told}).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    match &masked {
        // As it came, with or without an end of the last line.
        Value::String(text) => write(text)?,
        value => output::line(&serde_json::to_string_pretty(value)?)?,
    }
    let told: Vec<_> = told
        .iter()
        .map(|masked| format!("{} {}", masked.count, masked.rule))
        .collect();
    let mut stderr = io::stderr().lock();
    let said = if told.is_empty() {
        "nothing was masked".to_owned()
    } else {
        format!("masked {}", told.join(", "))
    };
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(stderr, "smoltbot: {said}");
    Ok(ExitCode::SUCCESS)
}

/// Standard input, as text.
fn read() -> anyhow::Result<String> {
    let mut input = Vec::new();
    io::stdin()
        .lock()
        // One byte more than the limit, so that too much is seen as such.
        .take(MAX_INPUT_BYTES as u64 + 1)
        .read_to_end(&mut input)
        .context("standard input cannot be read")?;
    if input.len() > MAX_INPUT_BYTES {
        bail!("standard input has more than {MAX_INPUT_BYTES} bytes: give it in parts");
    }
    String::from_utf8(input)
        .context("standard input is not UTF-8: agents' calls are JSON, which is")
}

/// What is left of the input, and what was masked. A text is masked whole; with a level or a tool, it is what is published
/// of such parameters.
fn masked(asked: &Redact, config: &Config, input: &str) -> anyhow::Result<(Value, Vec<Masked>)> {
    let value = parsed(input);
    let machine = Machine::new(Vec::new());
    let home = machine.home_dir();
    let redactor = match asked.level {
        Some(level) => Redactor::new(level).with_home(home.map(str::to_owned)),
        None => publishing::redactor(config, home),
    };
    let personal = asked.pii || config.publish.pii == smoltbot_config::Pii::Mask;
    let redactor = redactor.with_personal_masked(personal);
    let masked = if asked.level.is_some() || asked.tool.is_some() {
        redactor.params(asked.tool.as_deref().unwrap_or(NO_TOOL), &value)
    } else {
        redactor.seal(value)?
    };
    let told = masked.masked().to_vec();
    Ok((masked.into_inner(), told))
}

/// JSON where it is an object or array of it, else a text.
fn parsed(input: &str) -> Value {
    let is_json = input.trim_start().starts_with(['{', '[']);
    let value = is_json.then(|| serde_json::from_str(input).ok()).flatten();
    value.unwrap_or_else(|| input.into())
}

/// Writes without adding anything. A reader that went away ends the program quietly.
fn write(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn list(as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        let rules: Vec<_> = rules()
            .into_iter()
            .map(|rule| {
                json!({"name": rule.name, "origin": rule.origin.as_str(), "rejects": rule.accuses, "personal": rule.personal})
            })
            .collect();
        output::line(&Value::from(rules).to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    for rule in rules() {
        let what = match (rule.personal, rule.accuses) {
            (true, _) => "masked where publish.pii is mask",
            (false, true) => "masked; an edge rejects it",
            (false, false) => "masked",
        };
        output::line(&format!(
            "{:<44}{:<10}{what}",
            rule.name,
            rule.origin.as_str()
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
