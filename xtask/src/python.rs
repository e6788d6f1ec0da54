//! Python packages in virtual environments: AAP's verifier, with the JSON Schemas from its source distribution, and others.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::command::Line;
use crate::tree;

/// The package whose source distribution carries the schemas.
const AAP: &str = "agent-alignment-protocol";

/// Installs `requirements` (a file of the repository) and AAP's schemas into `into`, unless exactly that is there already.
pub(crate) fn ensure(requirements: &str, into: &Path) -> Result<()> {
    let requirements = tree::root().join(requirements);
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    // Written last: an install that broke off is done again.
    let stamp = into.join("requirements.installed.txt");
    let (venv, sources, schemas) = (into.join("venv"), into.join("sdist"), into.join("schemas"));
    // An environment breaks when the Python that it was made with goes away.
    let works = || {
        let imports = ["-c", "import aap, jsonschema"];
        Line::new(venv.join("bin/python")).args(imports).succeeds()
    };
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && works() {
        println!("   {} is up to date", venv.display());
        return Ok(());
    }
    for old in [&venv, &sources, &schemas] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
    }
    fs::create_dir_all(&schemas)?;
    Line::new("python3").args(["-m", "venv"]).arg(&venv).run()?;
    let pip = Line::new(venv.join("bin/pip")).arg("--disable-pip-version-check");
    let pinned = wanted
        .lines()
        .find(|line| line.starts_with(AAP))
        .with_context(|| format!("{} does not pin {AAP}", requirements.display()))?;
    pip.clone()
        .args([
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            AAP,
            "--dest",
        ])
        .arg(&sources)
        .arg(pinned)
        .run()?;
    pip.args(["install", "--quiet", "--no-binary", AAP, "--requirement"])
        .arg(&requirements)
        .run()?;
    let archive = only_file(&sources)?;
    Line::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(&schemas)
        .args([
            "--strip-components=2",
            "--wildcards",
            "*/schemas/*.schema.json",
        ])
        .run()?;
    fs::write(stamp, wanted).context("noting what was installed")
}

/// Installs `requirements` into a virtual environment below `into`, unless exactly that is there already and can be imported
/// as `module`.
pub(crate) fn plain(requirements: &str, into: &Path, module: &str) -> Result<()> {
    let requirements = tree::root().join(requirements);
    let wanted = fs::read_to_string(&requirements)
        .with_context(|| format!("reading {}", requirements.display()))?;
    // Written last: an install that broke off is done again.
    let (venv, stamp) = (into.join("venv"), into.join("requirements.installed.txt"));
    let import = format!("import {module}");
    let works = || {
        Line::new(venv.join("bin/python"))
            .args(["-c", &import])
            .succeeds()
    };
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && works() {
        println!("   {} is up to date", venv.display());
        return Ok(());
    }
    if venv.exists() {
        fs::remove_dir_all(&venv)?;
    }
    Line::new("python3").args(["-m", "venv"]).arg(&venv).run()?;
    Line::new(venv.join("bin/pip"))
        .args(["--disable-pip-version-check", "install", "--quiet"])
        .args(["--no-deps", "--requirement"])
        .arg(&requirements)
        .run()?;
    fs::write(stamp, wanted).context("noting what was installed")
}

fn only_file(dir: &Path) -> Result<std::path::PathBuf> {
    let mut entries = fs::read_dir(dir)?;
    let first = entries
        .next()
        .with_context(|| format!("{} is empty", dir.display()))??;
    anyhow::ensure!(
        entries.next().is_none(),
        "{} holds more than one archive",
        dir.display()
    );
    Ok(first.path())
}
