//! Migrations are append-only: `database/migrations/released.txt` lists each file with its digest, in the form of
//! `sha256sum`. A file that is listed never changes, a new one is listed when it comes, and no line goes away: neither
//! within the tree, nor since the branch left the one that it will be merged into, where git knows that.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

const LIST: &str = "database/migrations/released.txt";
/// Branches that are merged into, the first that is there.
const BASES: [&str; 3] = ["@{upstream}", "origin/HEAD", "origin/main"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// From each file's path, relative to the list, to its digest.
type Digests = BTreeMap<String, String>;

fn listed(text: &str) -> Digests {
    text.lines()
        .map(|line| {
            let (digest, path) = line.split_once("  ").expect("DIGEST  PATH");
            (path.to_owned(), digest.to_owned())
        })
        .collect()
}

/// Every migration under `dir`.
fn there(dir: &Path) -> Digests {
    let mut found = Digests::new();
    let mut rest = vec![dir.to_owned()];
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            rest.extend(entries.map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            let digest = Sha256::digest(std::fs::read(&path).unwrap());
            found.insert(name, format!("{digest:x}"));
        }
    }
    found
}

/// What is wrong between an older state and a newer one, and what to do.
fn changes(older: &Digests, newer: &Digests, where_: &str) -> Vec<String> {
    older
        .iter()
        .filter_map(|(path, digest)| match newer.get(path) {
            None => Some(format!(
                "{path} is gone from {where_}: a released migration stays"
            )),
            Some(other) if other != digest => Some(format!(
                "{path} changed in {where_}: put it back and write a new migration that follows it"
            )),
            Some(_) => None,
        })
        .collect()
}

/// The list as it was where the branch began; none where git does not know.
fn list_at_base(repository: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(repository)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then_some(text)
    };
    let base = BASES
        .iter()
        .find_map(|base| git(&["merge-base", "HEAD", base]))?;
    git(&["show", &format!("{}:{LIST}", base.trim())])
}

#[test]
fn released_migrations_are_as_they_were_and_new_ones_are_listed() {
    let list = listed(&std::fs::read_to_string(root().join(LIST)).unwrap());
    let files = there(&root().join("database/migrations"));
    assert!(files.len() >= 7, "{files:?}");
    let mut wrong = changes(&list, &files, "the tree");
    for (path, digest) in &files {
        if !list.contains_key(path) {
            wrong.push(format!("{LIST} lacks the line: {digest}  {path}"));
        }
    }
    if let Some(base) = list_at_base(&root()) {
        wrong.extend(changes(&listed(&base), &list, LIST));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_changed_a_lost_and_an_unlisted_file_are_told() {
    let older = listed("aa  x/0001_a.sql\nbb  x/0002_b.sql");
    let same = listed("aa  x/0001_a.sql\nbb  x/0002_b.sql\ncc  x/0003_c.sql");
    assert!(changes(&older, &same, "here").is_empty());
    let changed = changes(
        &older,
        &listed("aa  x/0001_a.sql\ndd  x/0002_b.sql"),
        "here",
    );
    assert_eq!(changed.len(), 1);
    assert!(changed[0].contains("0002_b.sql changed"), "{changed:?}");
    let lost = changes(&older, &listed("aa  x/0001_a.sql"), "here");
    assert!(lost[0].contains("0002_b.sql is gone"), "{lost:?}");
}

#[test]
fn the_list_is_compared_with_the_branch_that_is_merged_into() {
    let dir = tempfile::tempdir().unwrap();
    let (upstream, clone) = (dir.path().join("upstream"), dir.path().join("clone"));
    let git = |at: &Path, arguments: &[&str]| {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(arguments)
            .current_dir(at)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    let write = |at: &Path, text: &str| {
        std::fs::create_dir_all(at.join("database/migrations")).unwrap();
        std::fs::write(at.join(LIST), text).unwrap();
        git(at, &["add", "."]);
        git(at, &["commit", "--quiet", "--message", "list"]);
    };
    std::fs::create_dir(&upstream).unwrap();
    git(&upstream, &["init", "--quiet", "--initial-branch", "main"]);
    write(&upstream, "aa  x/0001_a.sql\n");
    assert_eq!(list_at_base(&upstream), None, "it is merged into nothing");
    git(dir.path(), &["clone", "--quiet", "upstream", "clone"]);
    git(&clone, &["checkout", "--quiet", "-b", "work"]);
    write(&clone, "bb  x/0001_a.sql\n");
    assert_eq!(list_at_base(&clone).unwrap(), "aa  x/0001_a.sql\n");
}
