//! From the crate `edge-worker` to a bundle: cargo, wasm-bindgen, wasm-opt, esbuild; and what its host serves as files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::size::Sizes;
use super::toolchain::{TARGET, Toolchain};
use super::tools::Tools;
use super::{config, home};
use crate::command::Line;
use crate::tree;

/// What is deployed: the module, and the WebAssembly that it starts.
pub(crate) const FILES: [&str; 2] = ["index_bg.wasm", "index.js"];

/// Where `wrangler.jsonc` has the host look for files, beside the bundle. Of these the Worker holds only the names.
pub(crate) const STATIC: &str = "files";

/// Where the bundle is left.
pub(crate) fn dir() -> PathBuf {
    home().join("build")
}

/// Makes the bundle.
///
/// # Errors
/// When a step fails, or the bundle is over its limit; then the last one stays where it is.
pub(crate) fn build() -> Result<Sizes> {
    let tools = Tools::ensure()?;
    let toolchain = Toolchain::ensure()?;
    // Apart from all other builds: neither waits for the other.
    let target = tree::target().join("worker");
    fs::create_dir_all(&target)?;
    // What one build has bound is not what another one bundles.
    let lock = File::create(target.join(".lock"))?;
    lock.lock()
        .context("waiting for another build of the Worker")?;
    let staging = target.join("bundle");
    if staging.exists() {
        fs::remove_dir_all(&staging)?;
    }
    // The module holds the files' names, which are made from their contents. So they are written before it is compiled, and
    // once more after it: whoever edits one in between would get pages that ask for files which are not there.
    write_files(&staging.join(STATIC))?;
    toolchain
        .cargo_build()
        .args([
            "--package",
            "edge-worker",
            "--profile",
            "wasm",
            "--target-dir",
        ])
        .arg(&target)
        .run()?;
    let module = target.join(TARGET).join("wasm/edge_worker.wasm");
    let after = staging.join("files-after");
    write_files(&after)?;
    unedited(&staging.join(STATIC), &after)?;
    let bound = staging.join("bound");
    fs::create_dir_all(&bound)?;
    Line::cargo()
        .args(["run", "--quiet", "--package", "worker-bindgen", "--"])
        .args([&module, &bound])
        .run()?;
    let wasm = staging.join("index_bg.wasm");
    tools
        .script("binaryen/bin/wasm-opt")
        // wasm-bindgen catches traps with it; workerd knows it.
        .arg("--enable-exception-handling")
        // Gzipped it is no larger than what `-Oz` leaves, and it runs quicker.
        .args(["-O2", "--strip-debug", "--strip-producers", "-o"])
        .args([&wasm, &bound.join("index_bg.wasm")])
        .run()?;
    bundle(&tools, &bound, &staging.join("index.js"))?;
    let sizes = Sizes::of(&tools, &staging, &FILES)?;
    sizes.check()?;
    fs::create_dir_all(dir())?;
    for name in FILES {
        // Not in two halves: a Worker that runs may be reading it.
        let new = dir().join(format!("{name}.new"));
        fs::copy(staging.join(name), &new)?;
        fs::rename(new, dir().join(name))?;
    }
    let files = dir().join(STATIC);
    if files.exists() {
        fs::remove_dir_all(&files)?;
    }
    copy_dir(&staging.join(STATIC), &files)?;
    Ok(sizes)
}

/// What the host serves as files, as the sources have it now.
fn write_files(to: &Path) -> Result<()> {
    Line::cargo()
        .args(["run", "--quiet", "--package", "worker-files", "--"])
        .arg(to)
        .run()
}

/// Checks that the files from before and from after the module was compiled are the same.
fn unedited(before: &Path, after: &Path) -> Result<()> {
    let (before, after) = (contents(before)?, contents(after)?);
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let edited: Vec<_> = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    ensure!(
        edited.is_empty(),
        "files that the host serves were edited while the Worker was compiled, so its pages would ask for others than there \
         are: {}; the last bundle stays where it is, build once more",
        edited.join(", ")
    );
    Ok(())
}

/// Every file below a directory, by its path there.
fn contents(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let (mut found, mut dirs) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(&at).with_context(|| format!("reading {}", at.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap_or(&path).to_owned();
                found.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let (from, to) = (entry?.path(), to.to_owned());
        let to = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() {
            copy_dir(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

/// One module from what wasm-bindgen wrote, our glue, and an entry that names what Cloudflare calls.
fn bundle(tools: &Tools, bound: &Path, to: &Path) -> Result<()> {
    let index = bound.join("index.js");
    let text = fs::read_to_string(&index)?;
    // workerd gives a WebAssembly module to a plain import.
    let plain = text.replacen("import source ", "import ", 1);
    ensure!(
        plain != text,
        "wasm-bindgen wrote no import of the WebAssembly module into {}",
        index.display()
    );
    fs::write(index, plain)?;
    fs::copy(home().join("js/glue.js"), bound.join("glue.js"))?;
    fs::write(
        bound.join("entry.js"),
        entry(&config::classes(&config::read()?)),
    )?;
    tools
        .script("esbuild/bin/esbuild")
        .arg(bound.join("entry.js"))
        .args([
            "--bundle",
            "--minify",
            "--format=esm",
            "--target=es2024",
            "--log-level=warning",
        ])
        .args(["--external:./index_bg.wasm", "--external:cloudflare:*"])
        .arg(format!("--outfile={}", to.display()))
        .run()
}

/// The module that Cloudflare enters: exports must stand in its text.
fn entry<'a>(classes: impl IntoIterator<Item = &'a String>) -> String {
    let mut text = String::from(
        "import { durableObject, worker } from \"./glue.js\";\nexport default worker;\n",
    );
    for class in classes {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "export const {class} = durableObject(\"{class}\");");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entry_exports_every_durable_object() {
        let text = entry(&["LiveHub".to_owned()]);
        assert!(text.contains("export default worker;"), "{text}");
        assert!(
            text.contains("export const LiveHub = durableObject(\"LiveHub\");"),
            "{text}"
        );
    }

    #[test]
    fn a_file_that_was_edited_meanwhile_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (before, after) = (dir.path().join("before"), dir.path().join("after"));
        for side in [&before, &after] {
            fs::create_dir_all(side.join("assets")).unwrap();
            fs::write(side.join("assets/a.1.css"), "a").unwrap();
            fs::write(side.join("_headers"), "h").unwrap();
        }
        unedited(&before, &after).unwrap();
        // What an edit does: another content under another name.
        fs::rename(after.join("assets/a.1.css"), after.join("assets/a.2.css")).unwrap();
        let told = unedited(&before, &after).unwrap_err().to_string();
        assert!(told.contains("assets/a.1.css, assets/a.2.css"), "{told}");
        assert!(told.contains("build once more"), "{told}");
        fs::rename(after.join("assets/a.2.css"), after.join("assets/a.1.css")).unwrap();
        fs::write(after.join("_headers"), "other").unwrap();
        let told = unedited(&before, &after).unwrap_err().to_string();
        assert!(told.contains(": _headers;"), "{told}");
    }

    /// wasm-bindgen refuses a module that was made for another version of itself.
    #[test]
    fn the_binder_is_of_the_same_version_as_the_module() {
        let lock = fs::read_to_string(tree::root().join("Cargo.lock")).unwrap();
        let versions = |name: &str| -> Vec<String> {
            let head = format!("name = \"{name}\"\nversion = \"");
            let after = lock.split(&head).skip(1);
            after
                .filter_map(|text| text.split('"').next())
                .map(str::to_owned)
                .collect()
        };
        let module = versions("wasm-bindgen");
        assert_eq!(module.len(), 1, "{module:?}");
        assert_eq!(versions("wasm-bindgen-cli-support"), module);
    }
}
