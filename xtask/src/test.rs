//! `cargo xtask test`: every test there is, and one line with the numbers.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::command::Line;
use crate::edge::{self, Kind};
use crate::run::Run;
use crate::{browser, peers, setup, telemetry, tree};

/// Runs all tests, or those whose name contains `filter`; true when none failed.
///
/// With `hosts` only the HTTP suite runs, against those hosts of the edge; with `sites` only the walk through the pages.
pub(crate) fn all(
    peers: bool,
    hosts: &[Kind],
    sites: &[Kind],
    filter: Option<&str>,
) -> Result<bool> {
    let mut run = Run::default();
    let outcomes = steps(&mut run, peers, hosts, sites, filter)?;
    let counts = run.counts();
    let mut ok = run.conclude();
    if counts.passed + counts.failed == 0 {
        println!("no test has `{}` in its name", filter.unwrap_or_default());
        ok = false;
    }
    if filter.is_none() && counts.skipped > 0 {
        let tests = if counts.skipped == 1 {
            "test is"
        } else {
            "tests are"
        };
        println!("{} {tests} marked to be skipped", counts.skipped);
    }
    for outcome in &outcomes {
        println!("{outcome}");
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(ok)
}

fn steps(
    run: &mut Run,
    peers: bool,
    hosts: &[Kind],
    sites: &[Kind],
    filter: Option<&str>,
) -> Result<Vec<edge::Outcome>> {
    if let Err(error) = setup::all() {
        run.fail("setup", &error, "cargo xtask setup");
        return Ok(Vec::new());
    }
    let built = match build() {
        Ok(built) => built,
        Err(error) => {
            run.fail("build", &error, "cargo test --workspace --no-run");
            return Ok(Vec::new());
        }
    };
    let tools = tree::tools()?;
    let suite = runner(&Programs::One(HTTP_SUITE), filter);
    let over_http = |run: &mut Run, hosts: &[Kind]| {
        edge::all(run, hosts, &built.binary, &tools, &suite, filter.is_some())
    };
    if !sites.is_empty() {
        browser::sites(run, sites, &built.binary, filter)?;
    }
    if !hosts.is_empty() || !sites.is_empty() {
        return Ok(over_http(run, hosts));
    }
    run.step(
        "tests",
        "unit and integration tests, among them AAP's own verifiers over our traces",
        &runner(&Programs::Rest(&built.tests), filter).env("SMOLTBOT_TOOLS", &tools),
    );
    run.step(
        "documentation",
        "examples in the documentation",
        &Line::cargo()
            .args(["test", "--workspace", "--doc", "--quiet", "--"])
            .args(filter),
    );
    if let Err(error) = browser::all(run, &built.binary, filter) {
        run.fail("browser", &error, "cargo xtask setup");
    }
    let outcomes = over_http(run, &Kind::ALL);
    run.step(
        FAULTS,
        "what an edge does when something breaks, natively and in workerd",
        &runner(&Programs::One(FAULTS), filter)
            .env("SMOLTBOT_BIN", &built.binary)
            .env("SMOLTBOT_XTASK", &built.xtask),
    );
    if peers && let Err(error) = peers::all(run, &built.binary, filter) {
        run.fail("peers", &error, "cargo xtask test --peers");
    }
    if peers && let Err(error) = telemetry::all(run, &built.binary, filter) {
        run.fail("telemetry", &error, "cargo xtask test --peers");
    }
    Ok(outcomes)
}

/// The suite that asks a host of the edge, and the one that breaks what an edge stands on: test programs of `edge-e2e` that
/// are told what to start, and so are run apart from the rest.
const SUITES: &str = "edge-e2e";
const HTTP_SUITE: &str = "e2e";
const FAULTS: &str = "http_faults";

/// Which test programs to run.
enum Programs<'a> {
    /// This one.
    One(&'a str),
    /// All but those that are run apart; of integration tests these are left.
    Rest(&'a [String]),
}

/// Runs tests by nextest where it is installed, else by cargo's own runner. Always of the whole workspace: another selection
/// would select other features of the dependencies and compile most of them again.
fn runner(programs: &Programs<'_>, filter: Option<&str>) -> Line {
    if Line::cargo().args(["nextest", "--version"]).succeeds() {
        let expression = match programs {
            Programs::One(name) => format!("binary_id(={SUITES}::{name})"),
            Programs::Rest(_) => {
                format!("not (binary_id(={SUITES}::{HTTP_SUITE}) + binary_id(={SUITES}::{FAULTS}))")
            }
        };
        let line = Line::cargo().args(["nextest", "run", "--workspace", "--no-fail-fast"]);
        return line
            .args(["--no-tests=pass", "-E", &expression])
            .args(filter);
    }
    let line = Line::cargo().args(["test", "--workspace", "--no-fail-fast"]);
    let line = match programs {
        Programs::One(name) => line.args(["--test", name]),
        Programs::Rest(names) => names
            .iter()
            .fold(line.args(["--lib", "--bins"]), |line, name| {
                line.args(["--test", name])
            }),
    };
    line.arg("--").args(filter)
}

/// What was built.
struct Built {
    /// The binary `smoltbot`.
    binary: PathBuf,
    /// This program, as it was built anew: the file that runs here may be gone by then.
    xtask: PathBuf,
    /// Integration tests that need nothing but to be run.
    tests: Vec<String>,
}

/// Builds all tests, and with them the binary.
///
/// The binary comes out of the same build as the tests: building it alone would select other features of its
/// dependencies and compile most of them again.
fn build() -> Result<Built> {
    let line = Line::cargo().args([
        "test",
        "--workspace",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    Run::announce("build", "the tests and the binary");
    println!("   $ {line}");
    let output = line.command().stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        bail!("the build ended with {}", output.status);
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let artifacts: Vec<_> = artifacts(&messages).collect();
    Ok(Built {
        binary: binary(&artifacts, "smoltbot").context("the build made no binary `smoltbot`")?,
        xtask: binary(&artifacts, "xtask").context("the build made no binary `xtask`")?,
        tests: integration_tests(&artifacts),
    })
}

/// What cargo's messages say that it made.
pub(crate) fn artifacts(messages: &str) -> impl Iterator<Item = Value> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
}

/// The executable of the binary target `name`.
pub(crate) fn binary(artifacts: &[Value], name: &str) -> Option<PathBuf> {
    artifacts
        .iter()
        .filter(|made| made["target"]["name"] == name && made["profile"]["test"] == false)
        .find_map(|made| made["executable"].as_str().map(PathBuf::from))
}

/// The names of all integration tests but those that are run apart.
fn integration_tests(artifacts: &[Value]) -> Vec<String> {
    let made = artifacts.iter().map(|made| &made["target"]);
    let mut names: Vec<_> = made
        .filter(|target| target["kind"][0] == "test")
        .filter_map(|target| target["name"].as_str())
        .filter(|name| ![HTTP_SUITE, FAULTS].contains(name))
        .map(str::to_owned)
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_and_the_tests_are_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"smoltbot","kind":["bin"]},"profile":{"test":true},"executable":"/t/deps/smoltbot-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"smoltbot","kind":["bin"]},"profile":{"test":false},"executable":"/t/smoltbot"}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","target":{"name":"layers","kind":["test"]},"profile":{"test":true},"executable":"/t/deps/layers-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"e2e","kind":["test"]},"profile":{"test":true},"executable":"/t/deps/e2e-1"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let made: Vec<_> = artifacts(messages).collect();
        assert_eq!(made.len(), 4);
        assert_eq!(
            binary(&made, "smoltbot"),
            Some(PathBuf::from("/t/smoltbot"))
        );
        assert_eq!(binary(&made, "other"), None);
        assert_eq!(integration_tests(&made), ["layers"]);
    }
}
