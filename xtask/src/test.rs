//! `cargo xtask test`: every test there is, and one line with the numbers.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};

use crate::command::Line;
use crate::run::Run;
use crate::{programs, setup, tree};

/// Runs all tests, or those whose name contains `filter`; true when none failed.
pub(crate) fn all(peers: bool, filter: Option<&str>) -> Result<bool> {
    let mut run = Run::default();
    steps(&mut run, filter)?;
    if peers {
        println!(
            "\n--peers: no test installs other people's agents or gateways yet; this was all there is"
        );
    }
    let counts = run.counts();
    let mut ok = run.conclude();
    if counts.passed + counts.failed == 0 {
        println!("no test has `{}` in its name", filter.unwrap_or_default());
        ok = false;
    }
    if filter.is_none() && counts.skipped > 0 {
        println!("{} tests are marked to be skipped", counts.skipped);
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    Ok(ok)
}

fn steps(run: &mut Run, filter: Option<&str>) -> Result<()> {
    if let Err(error) = setup::all() {
        run.fail("setup", &error, "cargo xtask setup");
        return Ok(());
    }
    let binary = match build() {
        Ok(binary) => binary,
        Err(error) => {
            run.fail("build", &error, "cargo test --workspace --no-run");
            return Ok(());
        }
    };
    let tools = tree::tools()?;
    run.step(
        "tests",
        "unit and integration tests, among them AAP's own verifiers over our traces",
        &runner(filter).env("SMOLTBOT_TOOLS", &tools),
    );
    run.step(
        "documentation",
        "examples in the documentation",
        &Line::cargo()
            .args(["test", "--workspace", "--doc", "--quiet", "--"])
            .args(filter),
    );
    let pattern = filter.map(|filter| format!("--test-name-pattern={}", literal(filter)));
    let chromium = programs::chromium().context("no browser although setup succeeded")?;
    run.step(
        "browser",
        "the pages in a real browser, against the built binary",
        &Line::new("node")
            .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
            .args(pattern)
            .args(browser_tests()?)
            .env("SMOLTBOT_TOOLS", &tools)
            .env("SMOLTBOT_BIN", binary)
            .env("SMOLTBOT_CHROMIUM", chromium)
            .env("SMOLTBOT_SCREENSHOTS", tree::target().join("screenshots")),
    );
    Ok(())
}

/// nextest where it is installed, else cargo's own runner.
fn runner(filter: Option<&str>) -> Line {
    if Line::cargo().args(["nextest", "--version"]).succeeds() {
        Line::cargo()
            .args([
                "nextest",
                "run",
                "--workspace",
                "--no-fail-fast",
                "--no-tests=pass",
            ])
            .args(filter)
    } else {
        Line::cargo()
            .args([
                "test",
                "--workspace",
                "--no-fail-fast",
                "--lib",
                "--bins",
                "--tests",
                "--",
            ])
            .args(filter)
    }
}

/// Builds all tests, and with them the binary, whose path is returned.
///
/// The binary comes out of the same build as the tests: building it alone would select other features of its
/// dependencies and compile most of them again.
fn build() -> Result<PathBuf> {
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
    executable(&String::from_utf8_lossy(&output.stdout), "smoltbot")
        .context("the build made no binary `smoltbot`")
}

/// The executable of the binary target `name` in cargo's messages.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] == name && message["profile"]["test"] == false)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// The files of the browser tests, from the repository's root.
fn browser_tests() -> Result<Vec<PathBuf>> {
    let dir = Path::new("e2e/browser");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(tree::root().join(dir))? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(dir.join(name));
        }
    }
    files.sort();
    ensure!(!files.is_empty(), "no tests in {}", dir.display());
    Ok(files)
}

/// `text` as a pattern that matches only itself.
fn literal(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        if !c.is_alphanumeric() && c != ' ' {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"smoltbot"},"profile":{"test":true},"executable":"/t/deps/smoltbot-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"smoltbot"},"profile":{"test":false},"executable":"/t/smoltbot"}"#,
            "\nnot json\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(
            executable(messages, "smoltbot"),
            Some(PathBuf::from("/t/smoltbot"))
        );
        assert_eq!(executable(messages, "other"), None);
    }

    #[test]
    fn a_filter_for_the_browser_is_taken_literally() {
        assert_eq!(literal("a.b (c)"), r"a\.b \(c\)");
    }
}
