//! `cargo xtask lint`: every warning is an error.

use crate::command::Line;
use crate::fuzz;
use crate::run::Run;

/// Runs all lints; true when nothing is to be said.
pub(crate) fn all() -> bool {
    let mut run = Run::default();
    run.step(
        "format",
        "rustfmt, default style",
        &Line::cargo().args(["fmt", "--all", "--check"]),
    );
    run.step(
        "clippy",
        "warnings are errors",
        &Line::cargo()
            .args(["clippy", "--workspace", "--all-targets", "--quiet"])
            .args(["--", "-D", "warnings"]),
    );
    // Code under it is in no build that the step before looks at. Of all crates the same are named, so that only those that have
    // the feature, and what is built on them, are looked at once more.
    run.step(
        "clippy-faults",
        "the same with the feature `faults`",
        &Line::cargo()
            .args(["clippy", "--workspace", "--all-targets", "--quiet"])
            .args(["--features", "smoltbot/faults,delivery-oracle/faults"])
            .args(["--", "-D", "warnings"]),
    );
    // A workspace of its own, with a lock file of its own: what changes the gateway's dependencies changes that, too.
    let manifest = format!("{}/Cargo.toml", fuzz::HOME);
    run.step(
        "fuzz-targets",
        "they compile, and their lock file says what their Cargo.toml asks for",
        &Line::cargo()
            .args(["check", "--quiet", "--locked", "--manifest-path"])
            .arg(manifest),
    );
    run.step(
        "documentation",
        "rustdoc's warnings are errors",
        &Line::cargo()
            .args([
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
                "--quiet",
            ])
            .env("RUSTDOCFLAGS", "-D warnings"),
    );
    let clean = run.conclude();
    println!(
        "{}",
        if clean {
            "lint: clean"
        } else {
            "lint: not clean"
        }
    );
    clean
}
