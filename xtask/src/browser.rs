//! The pages in a real browser: the suites of `e2e/browser`, and pictures of every page.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::Line;
use crate::edge::{Host, Kind, Place};
use crate::run::Run;
use crate::{edge, programs, setup, tree};

/// Where the tests are, and what they share.
const HOME: &str = "e2e/browser";
/// The suite that is given the URL of an edge, and so runs against each host of it.
const SITE: &str = "site.test.mjs";
/// The feed comes from one address, faster than anybody types.
const NO_LIMITS: [(&str, u32); 3] = [
    ("SMOLTBOT_EDGE__LIMIT_PER_MINUTE", 0),
    ("SMOLTBOT_EDGE__LIMIT_IP_PER_MINUTE", 0),
    ("SMOLTBOT_EDGE__LIMIT_NEW_AGENTS_PER_HOUR", 0),
];

/// Runs all browser tests, or those whose name contains `filter`: what needs the whole binary once, the site on each host.
///
/// # Errors
/// When there is no browser, or the tests are not where they belong.
pub(crate) fn all(run: &mut Run, binary: &Path, filter: Option<&str>) -> Result<()> {
    let mut files = tests()?;
    let before = files.len();
    files.retain(|file| !file.ends_with(SITE));
    ensure!(files.len() + 1 == before, "there is no {HOME}/{SITE}");
    run.step(
        "browser",
        "the gateway's page and the first live calls in a real browser, against the built binary",
        &tested(binary, filter)?.args(files),
    );
    sites(run, &Kind::ALL, binary, filter)
}

/// Runs the site's suite against each of `kinds`.
///
/// # Errors
/// When there is no browser.
pub(crate) fn sites(
    run: &mut Run,
    kinds: &[Kind],
    binary: &Path,
    filter: Option<&str>,
) -> Result<()> {
    let line = tested(binary, filter)?.arg(Path::new(HOME).join(SITE));
    for kind in kinds {
        if let Err(error) = site(run, *kind, binary, line.clone()) {
            run.fail(&name(*kind), &error, &again(*kind));
        }
    }
    Ok(())
}

fn name(kind: Kind) -> String {
    format!("browser-{}", kind.word())
}

/// What to type: the host that a line was run against is gone.
fn again(kind: Kind) -> String {
    format!("cargo xtask test --site {}", kind.word())
}

/// Runs the site's suite against a host of this kind.
fn site(run: &mut Run, kind: Kind, binary: &Path, line: Line) -> Result<()> {
    edge::prepare(kind)?;
    let place = Place::new(kind, binary)?;
    let host = Host::start(&place, &NO_LIMITS)?;
    let line = line
        .env("SMOLTBOT_EDGE_URL", host.url())
        .env("SMOLTBOT_EDGE_HOST", kind.word());
    let what = format!("a viewer, an auditor and a stranger on every page of {kind}");
    run.step_again(&name(kind), &what, &line, &again(kind));
    host.stop()
}

/// `cargo xtask screenshots`: every page in both themes and both widths; with `docs` also the README's pictures.
///
/// # Errors
/// When something is missing, or a page cannot be shown.
pub(crate) fn screenshots(docs: bool) -> Result<()> {
    setup::all()?;
    Line::cargo()
        .args(["build", "--package", "smoltbot"])
        .run()?;
    let into = tree::target().join("screenshots");
    let line = node(&tree::target().join("debug/smoltbot"))?
        .arg(Path::new(HOME).join("screenshots.mjs"))
        .env("SMOLTBOT_SCREENSHOTS", &into);
    let line = if docs {
        line.env("SMOLTBOT_DOCS", tree::root().join("docs"))
    } else {
        line
    };
    line.run()?;
    println!("{}", into.display());
    Ok(())
}

/// Node.js with everything that the browser's scripts ask for.
pub(crate) fn node(binary: &Path) -> Result<Line> {
    let Some(chromium) = programs::chromium() else {
        bail!("there is no browser; run `cargo xtask setup`");
    };
    Ok(Line::new("node")
        .env("SMOLTBOT_TOOLS", tree::tools()?)
        .env("SMOLTBOT_BIN", binary)
        .env("SMOLTBOT_CHROMIUM", chromium))
}

/// Node.js as a runner of tests.
fn tested(binary: &Path, filter: Option<&str>) -> Result<Line> {
    let pattern = filter.map(|filter| format!("--test-name-pattern={}", literal(filter)));
    Ok(node(binary)?
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"])
        .args(pattern))
}

/// The files of the browser tests, from the repository's root.
fn tests() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let dir = std::fs::read_dir(tree::root().join(HOME)).context(HOME)?;
    for entry in dir {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(".test.mjs") {
            files.push(Path::new(HOME).join(name));
        }
    }
    files.sort();
    Ok(files)
}

/// `text` as a pattern that matches only itself.
pub(crate) fn literal(text: &str) -> String {
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
    fn a_filter_for_the_browser_is_taken_literally() {
        assert_eq!(literal("a.b (c)"), r"a\.b \(c\)");
    }

    #[test]
    fn the_sites_suite_is_among_the_tests() {
        assert!(tests().unwrap().iter().any(|file| file.ends_with(SITE)));
    }
}
