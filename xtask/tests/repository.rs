//! What holds for every file of the repository.

use std::path::Path;
use std::process::Command;

/// Lines that a file may have; a longer one is two rooms in one.
const MAX_LINES: usize = 500;
/// Written by programs, read by none of us.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "package-lock.json"];

/// Every tracked file that is text, with its content.
fn tracked() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the repository");
    let output = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .expect("git starts");
    assert!(output.status.success(), "git lists no files");
    let names = String::from_utf8(output.stdout).expect("names are UTF-8");
    // A tracked file that was deleted but not yet committed cannot be read; a picture is not text.
    let files: Vec<_> = names
        .split_terminator('\0')
        .filter_map(|name| {
            Some((
                name.to_owned(),
                std::fs::read_to_string(root.join(name)).ok()?,
            ))
        })
        .collect();
    assert!(files.len() > 50, "only {} files found", files.len());
    files
}

fn is_lock_file(name: &str) -> bool {
    LOCK_FILES.contains(&name.rsplit('/').next().unwrap_or(name))
}

/// Tables and documents that are read by programs: they grow with what they list, and have no rooms. So do gitleaks' rules,
/// which stand as they are published.
fn is_data(name: &str) -> bool {
    if name.ends_with("/gitleaks.toml") {
        return true;
    }
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    matches!(extension, Some("json" | "ndjson" | "tsv"))
}

#[test]
fn no_file_is_longer_than_a_room() {
    let long: Vec<_> = tracked()
        .into_iter()
        .filter(|(name, _)| !is_lock_file(name) && !is_data(name))
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .collect();
    assert!(long.is_empty(), "over {MAX_LINES} lines: {long:?}");
}

/// With addresses in it, a lock file would work only where those hosts are reached.
#[test]
fn npm_lock_files_name_no_hosts() {
    let locks: Vec<_> = tracked()
        .into_iter()
        .filter(|(name, _)| name.ends_with("package-lock.json"))
        .collect();
    assert!(!locks.is_empty(), "there are npm lock files");
    for (name, text) in locks {
        assert!(
            !text.contains("\"resolved\""),
            "{name} holds download addresses: set npm's `omit-lockfile-registry-resolved`"
        );
        assert!(text.contains("\"integrity\""), "{name} holds no digests");
    }
}

/// A workspace of its own, as fuzzing wants it, has no lints to take.
#[test]
fn every_crate_takes_the_workspaces_lints() {
    for (name, text) in tracked() {
        if name.ends_with("/Cargo.toml") && !text.contains("\n[workspace]\n") {
            assert!(
                text.contains("[lints]\nworkspace = true"),
                "{name} has no `[lints] workspace = true`"
            );
        }
    }
}
