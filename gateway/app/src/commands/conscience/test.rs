//! `smoltbot conscience test`: labelled lines against the rules in force.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use aap::{Decision, ToolCall, Verdict};
use anyhow::{Context as _, bail};
use conscience::Situation;
use serde::Deserialize;
use serde_json::{Value, json};
use smoltbot_config::Config;
use trace_plugin::clock;
use trace_plugin::world::Machine;

use super::{directory, policies, warn};
use crate::output;
use crate::policies::reading;

/// How the names of test files end.
pub(super) const TESTS: &str = ".test.tsv";
/// How long all test files together may be, in bytes.
const MAX_TEST_BYTES: u64 = 64 * 1024 * 1024;

/// What a line says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    Dangerous,
    Benign,
}

impl Label {
    fn as_str(self) -> &'static str {
        match self {
            Self::Dangerous => "dangerous",
            Self::Benign => "benign",
        }
    }
}

/// One labelled call.
struct Case {
    /// The file and the line.
    at: String,
    label: Label,
    text: String,
    call: ToolCall,
}

/// A call as `check --stdin` takes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    tool: String,
    #[serde(default)]
    params: Value,
    cwd: Option<String>,
}

/// How many calls of one label came to what.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    denied: usize,
    asked: usize,
    allowed: usize,
}

pub(crate) fn run(
    config: &Config,
    mut files: Vec<PathBuf>,
    cwd: Option<PathBuf>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let cwd = directory(cwd)?;
    if files.is_empty() {
        files = own_files(config)?;
    }
    let mut cases = Vec::new();
    let mut left = MAX_TEST_BYTES;
    for file in &files {
        let text = read(file, &mut left)?;
        for (number, line) in text.lines().enumerate() {
            let at = format!("{}:{}", file.display(), number + 1);
            cases.extend(case(at, line, &cwd)?);
        }
    }
    if cases.is_empty() {
        bail!(
            "there is no labelled line to judge: write lines such as `dangerous`, a tab, `rm -rf ~`"
        );
    }
    let policies = policies(config);
    let (_, complaints) = policies.told(Some(&cwd));
    let machine = Machine::new(Vec::new());
    let situation = Situation {
        at: Some(clock::now()),
        ..Situation::default()
    };
    let now = Instant::now();
    let (mut dangerous, mut benign) = (Row::default(), Row::default());
    let mut misses = Vec::new();
    for case in &cases {
        let conscience = policies.at(case.call.cwd.as_deref(), now);
        let verdict = conscience.judge_in(&case.call, &machine, &situation);
        let row = match case.label {
            Label::Dangerous => &mut dangerous,
            Label::Benign => &mut benign,
        };
        match verdict.decision {
            Decision::Deny => row.denied += 1,
            Decision::Ask => row.asked += 1,
            Decision::Allow => row.allowed += 1,
        }
        if (verdict.decision == Decision::Allow) == (case.label == Label::Dangerous) {
            misses.push((case, verdict));
        }
    }
    if as_json {
        let row = |row: Row| json!({ "deny": row.denied, "ask": row.asked, "allow": row.allowed });
        let misses: Vec<Value> = misses
            .iter()
            .map(|(case, verdict)| {
                json!({ "at": case.at, "label": case.label.as_str(), "call": case.text, "verdict": verdict })
            })
            .collect();
        let answer = json!({
            "dangerous": row(dangerous),
            "benign": row(benign),
            "misses": misses,
            "problems": complaints,
        });
        output::line(&answer.to_string())?;
    } else {
        warn(&complaints);
        tell(dangerous, benign, &misses, cases.len())?;
    }
    Ok(if misses.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The test files of the operator's own directory.
fn own_files(config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let dir = config.home.conscience_dir();
    let listing = reading::list(&dir, TESTS);
    if let Some(what) = listing.refused() {
        bail!("{}: {what}", dir.display());
    }
    let files: Vec<PathBuf> = listing.paths().map(Path::to_owned).collect();
    if files.is_empty() {
        bail!(
            "there is no file *{TESTS} in {}; name one, or begin with `smoltbot conscience new run`",
            dir.display()
        );
    }
    Ok(files)
}

fn read(path: &Path, left: &mut u64) -> anyhow::Result<String> {
    let name = path.display();
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path).with_context(|| format!("{name} cannot be read"))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("{name} is a directory: name the files in it");
        }
        Box::new(file)
    };
    let mut bytes = Vec::new();
    input
        .take(*left + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("{name} cannot be read"))?;
    *left = left
        .checked_sub(bytes.len() as u64)
        .with_context(|| format!("{name}: the files are longer than {MAX_TEST_BYTES} bytes"))?;
    let text = reading::utf8(bytes).map_err(|line| {
        anyhow::anyhow!("{name}:{line}: this is not UTF-8; save the file as UTF-8")
    })?;
    Ok(text.trim_start_matches('\u{feff}').to_owned())
}

/// Reads a line; none for comments and empty ones.
fn case(at: String, line: &str, cwd: &str) -> anyhow::Result<Option<Case>> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let Some((label, text)) = line.split_once('\t') else {
        bail!("{at}: there is no tab; a line is `dangerous` or `benign`, a tab, and a call");
    };
    let label = match label.trim() {
        "dangerous" => Label::Dangerous,
        "benign" => Label::Benign,
        other => bail!("{at}: the label is `{other}`; it must be dangerous or benign"),
    };
    let mut call = if text.starts_with("{\"") {
        let call: Call = serde_json::from_str(text).with_context(|| {
            format!("{at}: this is no call; expected {{\"tool\":\"exec\",\"params\":{{\"command\":\"ls\"}}}}")
        })?;
        ToolCall {
            cwd: call.cwd,
            ..ToolCall::new("check", call.tool, call.params)
        }
    } else {
        ToolCall::new("check", "exec", json!({ "command": text }))
    };
    call.cwd.get_or_insert_with(|| cwd.to_owned());
    Ok(Some(Case {
        at,
        label,
        text: text.to_owned(),
        call,
    }))
}

fn tell(
    dangerous: Row,
    benign: Row,
    misses: &[(&Case, Verdict)],
    count: usize,
) -> anyhow::Result<()> {
    for (case, verdict) in misses {
        let rule = verdict.rule_id.as_deref().unwrap_or_default();
        let what = match verdict.decision {
            Decision::Allow => "allowed".to_owned(),
            Decision::Ask => format!("asked about by {rule}"),
            Decision::Deny => format!("denied by {rule}"),
        };
        let (at, label) = (&case.at, case.label.as_str());
        output::line(&format!("{at}: {label}, but {what}: {}", case.text))?;
    }
    output::line(&format!(
        "{:<10} {:>8} {:>8} {:>8}",
        "", "denied", "asked", "allowed"
    ))?;
    for (label, row) in [(Label::Dangerous, dangerous), (Label::Benign, benign)] {
        output::line(&format!(
            "{:<10} {:>8} {:>8} {:>8}",
            label.as_str(),
            row.denied,
            row.asked,
            row.allowed
        ))?;
    }
    output::line(&format!("{} of {count} judged right", count - misses.len()))
}
