//! `cargo xtask dist`: the binary that is shipped, small and quick to start.
//!
//! A program is brought into memory in pieces of 64 KiB. A start runs through a tenth of the code, strewn over all of it, so that most
//! of the file would lie in memory for good. Therefore it is linked twice: the first program is watched while it does what it does all
//! day ([`watch`]), and in the second one the functions that ran lie side by side, and so do the constants that were read ([`order`]).

mod order;
mod watch;

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::command::Line;
use crate::tree;
use order::Map;

/// Fewer functions or constants than this cannot be all that a gateway needs.
const FEWEST: usize = 1000;

/// Builds it and says where it is.
///
/// # Errors
/// When something cannot be built or watched.
pub(crate) fn build() -> Result<PathBuf> {
    let dist = tree::target().join("dist");
    let program = dist.join("smoltbot");
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        ensure!(
            Line::new("valgrind").arg("--version").succeeds(),
            "valgrind is not installed: it tells which functions run (Debian: apt install valgrind)"
        );
        let map = dist.join("sections.map");
        link(&[&format!("-Map={}", map.display())])?;
        let map = Map::read(&map)?;
        let order = map.order(&watch::touched(&program, &map)?);
        for (what, names) in [
            ("functions", &order.functions),
            ("constants", &order.constants),
        ] {
            eprintln!("   {} {what} are needed every day", names.len());
            ensure!(names.len() > FEWEST, "only {} {what}", names.len());
        }
        let (functions, constants) = (dist.join("functions.txt"), dist.join("constants.ld"));
        fs::write(&functions, order.functions.join("\n"))?;
        fs::write(&constants, order.script())?;
        link(&[
            &format!("--symbol-ordering-file={}", functions.display()),
            "--no-warn-symbol-ordering",
            &format!("--script={}", constants.display()),
            // Functions that came out the same are kept once.
            "--icf=all",
        ])?;
    } else {
        link(&[])?;
    }
    let bytes = fs::metadata(&program)?.len();
    eprintln!("   {} has {bytes} bytes", program.display());
    Ok(program)
}

/// Links with these for the linker.
fn link(arguments: &[&str]) -> Result<()> {
    let arguments = arguments
        .iter()
        .flat_map(|argument| ["-C".to_owned(), format!("link-arg=-Wl,{argument}")]);
    Line::cargo()
        .args(["rustc", "--profile", "dist", "--package", "smoltbot"])
        .args(["--bin", "smoltbot", "--"])
        .args(arguments)
        .run()
}
