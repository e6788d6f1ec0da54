//! `cargo xtask fuzz`: strangers' bytes into the gateway's parsers for as long as one likes, by cargo-fuzz.
//!
//! The targets and their seeds are `gateway/core/fuzz`'s. What a run has learnt stays below `target/fuzz`, so the next one goes on from
//! there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};

use crate::command::Line;
use crate::run::Run;
use crate::{setup, tree};

/// The crate of the targets.
pub(crate) const HOME: &str = "gateway/core/fuzz";
/// The version of cargo-fuzz that is installed.
const CARGO_FUZZ: &str = "0.13.2";
/// Bytes of the longest input: parsers' limits are far above, and what is longer finds the same more slowly.
const MAX_INPUT_BYTES: u32 = 16 * 1024;
/// Seconds that one input may take: more than any takes on a machine that does other things, less than what hangs.
const MAX_INPUT_SECONDS: u32 = 10;
/// MiB that a target may hold: several times what the sanitizer needs, less than what would hurt a small machine.
const MAX_MIB: u32 = 1024;

/// Runs `target`, or each of them, for so many seconds; true when nothing was found.
///
/// # Errors
/// When there is no such target, or the tools are not there; the message says what to do.
pub(crate) fn run(target: Option<&str>, seconds: u32) -> Result<bool> {
    let known = targets()?;
    let chosen: Vec<&String> = match target {
        Some(name) => known.iter().filter(|known| *known == name).collect(),
        None => known.iter().collect(),
    };
    ensure!(
        !chosen.is_empty(),
        "there is no target `{}`; targets are {}",
        target.unwrap_or_default(),
        known.join(", ")
    );
    let program = cargo_fuzz()?;
    let mut run = Run::default();
    for name in chosen {
        let line = fuzz(&program, name, seconds)?;
        let again = format!("cargo xtask fuzz {name} --seconds {seconds}");
        if !run.single(
            name,
            &format!("for {seconds} s, by what seeds and earlier runs tell"),
            &line,
            &again,
        ) {
            println!(
                "   put what it found, below {}, into {HOME}/seeds/{name}: every test run feeds those",
                place("found", name).display()
            );
        }
    }
    Ok(run.conclude())
}

/// The names of the targets: the files of `fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let dir = tree::root().join(HOME).join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "rs") {
            names.extend(
                path.file_stem()
                    .map(|name| name.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// Where a target's `what` is kept: its `corpus`, or what was `found`.
fn place(what: &str, target: &str) -> PathBuf {
    tree::target().join("fuzz").join(what).join(target)
}

fn fuzz(program: &Path, target: &str, seconds: u32) -> Result<Line> {
    let (corpus, found) = (place("corpus", target), place("found", target));
    for dir in [&corpus, &found] {
        fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    }
    // It asks cargo by its own name, so rustup's way of choosing a compiler goes through the environment.
    let line = Line::new(program)
        .args(["fuzz", "run", "--fuzz-dir", HOME, "--target-dir"])
        .arg(tree::target().join("fuzz"))
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .arg(target)
        // The first is where new inputs go.
        .arg(corpus)
        .arg(tree::root().join(HOME).join("seeds").join(target))
        .arg("--");
    let mut prefix = found.into_os_string();
    prefix.push("/");
    let mut artifacts = std::ffi::OsString::from("-artifact_prefix=");
    artifacts.push(prefix);
    Ok(line
        .arg(artifacts)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={MAX_INPUT_BYTES}"))
        .arg(format!("-timeout={MAX_INPUT_SECONDS}"))
        .arg(format!("-rss_limit_mb={MAX_MIB}")))
}

/// cargo-fuzz of the version above, installed if it is not there, and a compiler that can watch where an input goes.
fn cargo_fuzz() -> Result<PathBuf> {
    let nightly = Line::new("rustc").args(["+nightly", "--version"]);
    if !nightly.succeeds() {
        bail!(
            "fuzzing needs a nightly compiler, for its sanitizer: rustup toolchain install nightly --profile minimal"
        );
    }
    let tools = tree::tools()?;
    let _lock = setup::lock(&tools)?;
    let root = tools.join("fuzz");
    let program = root.join("bin/cargo-fuzz");
    let said = Line::new(&program)
        .args(["fuzz", "--version"])
        .command()
        .output();
    let wanted = format!("cargo-fuzz {CARGO_FUZZ}");
    let there = said.is_ok_and(|said| String::from_utf8_lossy(&said.stdout).trim() == wanted);
    if !there {
        Line::cargo()
            .args([
                "install",
                "cargo-fuzz",
                "--locked",
                "--force",
                "--version",
                CARGO_FUZZ,
            ])
            .arg("--root")
            .arg(&root)
            .run()?;
    }
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_built_and_has_seeds() {
        let manifest = fs::read_to_string(tree::root().join(HOME).join("Cargo.toml")).unwrap();
        let readme = fs::read_to_string(tree::root().join(HOME).join("README.md")).unwrap();
        let targets = targets().unwrap();
        assert!(targets.len() >= 5, "{targets:?}");
        for target in targets {
            let path = format!("path = \"fuzz_targets/{target}.rs\"");
            assert!(manifest.contains(&path), "{target}");
            assert!(readme.contains(&format!("| `{target}` |")), "{target}");
            let seeds = tree::root().join(HOME).join("seeds").join(&target);
            assert!(fs::read_dir(seeds).unwrap().count() > 0, "{target}");
        }
    }

    #[test]
    fn an_unknown_target_is_told_with_those_that_there_are() {
        let told = run(Some("nothing"), 1).unwrap_err().to_string();
        assert!(
            told.contains("`nothing`") && told.contains("frame"),
            "{told}"
        );
    }
}
