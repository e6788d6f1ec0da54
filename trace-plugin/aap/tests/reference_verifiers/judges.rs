//! Runs AAP's own verifiers over cases and reads what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The release of both reference verifiers that this crate is held to.
const AAP_RELEASE: &str = "2.0.0";

/// A card and a trace under it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) card: Value,
    pub(crate) trace: Value,
}

/// A card and traces under it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sequence {
    pub(crate) name: &'static str,
    pub(crate) card: Value,
    pub(crate) traces: Vec<Value>,
}

/// What one SDK's drift detection says of one sequence.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Drift {
    /// Its alerts.
    Alerts(Vec<Value>),
    /// It could not judge the sequence at all.
    Refused(String),
}

/// What one verifier says of one case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The types of the violations; none means verified.
    Violations(BTreeSet<String>),
    /// It could not judge the case at all.
    Refused(String),
}

/// What one judge says of all cases.
#[derive(Debug, Deserialize)]
pub(crate) struct Judgement {
    version: String,
    pub(crate) verdicts: BTreeMap<String, Verdict>,
    /// The whole results of verifications and coherence checks; `{refused: message}` where there is none.
    #[serde(default)]
    pub(crate) details: BTreeMap<String, Value>,
    pub(crate) drift: BTreeMap<String, Drift>,
    /// Errors against the JSON Schemas; Python only.
    #[serde(default)]
    pub(crate) schema: BTreeMap<String, Vec<String>>,
    /// Errors of the pydantic models; Python only.
    #[serde(default)]
    pub(crate) model: BTreeMap<String, Vec<String>>,
}

/// Everything that the judges say.
pub(crate) struct Bench {
    pub(crate) typescript: Judgement,
    pub(crate) python: Judgement,
}

/// Has all judges look at `cases`, which are [`Case`]s or [`Sequence`]s.
///
/// # Panics
/// When the tools are missing or of another release: a judge that is absent is a failure, not a pass.
pub(crate) fn judge<C: Serialize>(cases: &[C]) -> Bench {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("cases.json");
    std::fs::write(&file, serde_json::to_vec(cases).expect("cases are JSON")).expect("writable");
    let home = home();
    Bench {
        typescript: run(Path::new("node"), "judge.mjs", &home, &file),
        python: run(&home.join("venv/bin/python"), "judge.py", &home, &file),
    }
}

/// Has the Python judge alone look at `cases`: only it has schemas and models.
pub(crate) fn judge_python<C: Serialize>(cases: &[C]) -> Judgement {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("cases.json");
    std::fs::write(&file, serde_json::to_vec(cases).expect("cases are JSON")).expect("writable");
    let home = home();
    run(&home.join("venv/bin/python"), "judge.py", &home, &file)
}

/// `aap verify`, the command that users of AAP type: whether it accepts `case`, and its output.
pub(crate) fn aap_verify(case: &Case) -> (bool, String) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str, value: &Value| {
        let file = dir.path().join(name);
        std::fs::write(&file, value.to_string()).expect("writable");
        file
    };
    let (card, trace) = (
        path("card.json", &case.card),
        path("trace.json", &case.trace),
    );
    let output = Command::new(home().join("venv/bin/aap"))
        .args(["verify", "--card"])
        .arg(card)
        .arg("--trace")
        .arg(trace)
        .output()
        .expect("`aap` starts: run `cargo xtask setup`");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success(), text)
}

/// The directory that `cargo xtask setup` fills for these tests.
fn home() -> PathBuf {
    let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let cache = || {
        var("XDG_CACHE_HOME").map_or_else(
            || PathBuf::from(var("HOME").expect("HOME is set")).join(".cache"),
            PathBuf::from,
        )
    };
    let tools =
        var("SMOLTBOT_TOOLS").map_or_else(|| cache().join("smoltbot").join("tools"), PathBuf::from);
    let home = tools.join("judges");
    assert!(
        home.is_dir(),
        "AAP's reference verifiers are not in {}: run `cargo xtask setup`",
        home.display()
    );
    home
}

fn run(program: &Path, script: &str, home: &Path, cases: &Path) -> Judgement {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/judges")
        .join(script);
    let output = Command::new(program)
        .arg(&script)
        .arg(home)
        .arg(cases)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask setup`", program.display()));
    assert!(
        output.status.success(),
        "{} failed; run `cargo xtask setup` if something is missing:\n{}",
        script.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let judgement: Judgement = serde_json::from_slice(&output.stdout).expect("a judge's answer");
    assert_eq!(
        judgement.version,
        AAP_RELEASE,
        "{}: another release is installed, run `cargo xtask setup`",
        script.display()
    );
    judgement
}

/// Which of the references differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sdk {
    TypeScript,
    Python,
}

/// Why a reference may say something else than ours, and of which cases.
pub(crate) struct Rule<Case> {
    pub(crate) name: &'static str,
    pub(crate) sdk: Sdk,
    pub(crate) applies: fn(&Case) -> bool,
}
