//! Files: what is in the workspace, all of it, and nothing else.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateway::limits::{
    MAX_FILE_BYTES, MAX_FILE_SCAN_BYTES, MAX_IGNORE_BYTES, MAX_LIST_DEPTH, MAX_LIST_ENTRIES,
    MAX_LIST_SCAN,
};
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn nothing_outside_can_be_read_or_listed() {
    let house = House::open().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "SECRET").unwrap();
    let outside = outside.path().canonicalize().unwrap();
    symlink(&outside, house.path("link")).unwrap();
    symlink(outside.join("secret"), house.path("direct")).unwrap();
    symlink("/", house.path("slash")).unwrap();
    symlink("/proc/self/root", house.path("magic")).unwrap();
    let up = format!(
        "{}secret",
        "../".repeat(20) + &outside.to_str().unwrap()[1..] + "/"
    );
    let sibling = format!(
        "{}/../{}/secret",
        house.root().display(),
        outside.file_name().unwrap().to_str().unwrap()
    );
    let absolute = outside.join("secret");
    for path in [
        "link/secret",
        "direct",
        &format!("slash{}/secret", outside.display()),
        &format!("magic{}/secret", outside.display()),
        up.as_str(),
        sibling.as_str(),
        absolute.to_str().unwrap(),
        "/etc/passwd",
        "..",
    ] {
        for tool in ["read_file", "list_files"] {
            let answer = house.run(tool, json!({ "path": path })).await;
            assert_eq!(answer["kind"], "failure", "{tool} {path}");
            let error = answer["error"].as_str().unwrap();
            assert!(error.contains("workspace"), "{tool} {error}");
            assert!(!answer.to_string().contains("SECRET"));
        }
    }
}

#[tokio::test]
async fn what_is_inside_can_be_reached_in_every_spelling() {
    let house = House::open().await;
    std::fs::create_dir(house.path("sub")).unwrap();
    std::fs::write(house.path("sub/a"), "A").unwrap();
    symlink("sub", house.path("near")).unwrap();
    let absolute = house.path("sub/a");
    for path in [
        "sub/a",
        "./sub/../sub/a",
        "near/a",
        absolute.to_str().unwrap(),
    ] {
        let answer = house.run("read_file", json!({ "path": path })).await;
        assert_eq!(answer["result"]["content"], "A", "{path}: {answer}");
    }
    let root = house.root();
    for path in [".", "", root.to_str().unwrap()] {
        let answer = house.run("list_files", json!({ "path": path })).await;
        assert_eq!(
            answer["result"],
            json!({"path": root, "entries": [
                {"name": "near", "type": "symlink"},
                {"name": "sub", "type": "directory"},
            ]})
        );
    }
}

#[tokio::test]
async fn a_symlink_that_changes_in_between_never_leads_out() {
    let house = House::open().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("a"), "SECRET").unwrap();
    std::fs::create_dir(house.path("inside")).unwrap();
    std::fs::write(house.path("inside/a"), "fine").unwrap();
    symlink("inside", house.path("near")).unwrap();
    symlink(outside.path(), house.path("far")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (stop, root) = (Arc::clone(&stop), house.root());
        move || {
            // Both links take turns at being `now`.
            while !stop.load(Ordering::Relaxed) {
                for link in ["near", "far"] {
                    std::fs::hard_link(root.join(link), root.join("next")).unwrap();
                    std::fs::rename(root.join("next"), root.join("now")).unwrap();
                    // Renaming onto the same inode leaves both names.
                    let _ = std::fs::remove_file(root.join("next"));
                }
            }
        }
    });
    let (mut read, mut refused) = (0, 0);
    for _ in 0..5000 {
        let answer = house.run("read_file", json!({"path": "now/a"})).await;
        assert!(!answer.to_string().contains("SECRET"));
        if answer["kind"] == "result" {
            read += 1;
        } else {
            refused += 1;
        }
        if read > 20 && refused > 20 {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(
        read > 0 && refused > 0,
        "both were met: {read} and {refused}"
    );
}

#[tokio::test]
async fn lines_are_counted_from_one() {
    let house = House::open().await;
    std::fs::write(house.path("a"), "one\ntwo\nthree\nfour").unwrap();
    for (asked, content, next) in [
        (json!({"path": "a"}), "one\ntwo\nthree\nfour", json!(null)),
        (
            json!({"path": "a", "offset": 2, "limit": 2}),
            "two\nthree\n",
            json!(4),
        ),
        (
            json!({"path": "a", "offset": 4, "limit": 1}),
            "four",
            json!(null),
        ),
        (json!({"path": "a", "offset": 9}), "", json!(null)),
        (json!({"path": "a", "offset": u64::MAX}), "", json!(null)),
    ] {
        let answer = house.run("read_file", asked.clone()).await;
        assert_eq!(answer["result"]["content"], content, "{asked}");
        assert_eq!(answer["result"]["next_offset"], next, "{asked}");
    }
    let answer = house
        .run("read_file", json!({"path": "a", "offset": 0}))
        .await;
    assert!(answer["error"].as_str().unwrap().contains("count from 1"));
}

#[tokio::test]
async fn what_is_not_a_text_file_is_named() {
    let house = House::open().await;
    std::fs::write(house.path("binary"), b"ab\n\0").unwrap();
    house.pipe("pipe");
    for (path, named) in [
        ("binary", "not text: line 2"),
        ("pipe", "not a regular file"),
        (".", "list_files"),
        ("missing", "does not exist"),
        ("binary/x", "not a directory"),
        ("a\0b", "not a path"),
    ] {
        let answer = house.run("read_file", json!({ "path": path })).await;
        let error = answer["error"].as_str().unwrap();
        assert!(error.contains(named), "{error}");
    }
}

#[tokio::test]
async fn large_files_are_cut_in_the_middle_and_huge_ones_refused() {
    let house = House::open().await;
    let text = format!("start{}end", "ä".repeat(MAX_FILE_BYTES));
    std::fs::write(house.path("large"), &text).unwrap();
    let answer = house.run("read_file", json!({"path": "large"})).await;
    let content = answer["result"]["content"].as_str().unwrap();
    assert!(content.starts_with("startä") && content.ends_with("äend"));
    assert!(content.contains("bytes cut here") && !content.contains('\u{fffd}'));
    assert!(
        answer["result"]["bytes_cut"].as_u64().unwrap() >= (text.len() - MAX_FILE_BYTES) as u64
    );

    // Ten gigabytes of one endless line, without a NUL until the limit: made of a sparse tail behind spaces.
    let huge = std::fs::File::create(house.path("huge")).unwrap();
    huge.set_len(10 << 30).unwrap();
    let answer = house.run("read_file", json!({"path": "huge"})).await;
    assert!(answer["error"].as_str().unwrap().contains("not text"));
    let spaces = vec![b' '; usize::try_from(MAX_FILE_SCAN_BYTES).unwrap() + 1];
    std::fs::write(house.path("spaces"), spaces).unwrap();
    let answer = house.run("read_file", json!({"path": "spaces"})).await;
    assert!(
        answer["error"].as_str().unwrap().contains("too large"),
        "{}",
        answer["error"]
    );
}

#[tokio::test]
async fn long_listings_say_that_they_are_cut() {
    let house = House::open().await;
    for number in 0..=MAX_LIST_ENTRIES {
        std::fs::write(house.path(format!("{number:05}")), "").unwrap();
    }
    let answer = house.run("list_files", json!({})).await;
    let entries = answer["result"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), MAX_LIST_ENTRIES);
    assert_eq!(
        entries[0],
        json!({"name": "00000", "type": "file", "bytes": 0})
    );
    assert_eq!(
        answer["result"]["truncated"],
        "the first 1000 of 1001 entries"
    );
    for number in MAX_LIST_ENTRIES + 1..=MAX_LIST_SCAN {
        std::fs::write(house.path(format!("{number:05}")), "").unwrap();
    }
    let answer = house.run("list_files", json!({})).await;
    assert_eq!(
        answer["result"]["truncated"],
        "1000 of more than 20000 entries"
    );
}

#[tokio::test]
async fn of_a_long_gitignore_whole_lines_count_up_to_the_limit() {
    let house = House::open().await;
    let most = usize::try_from(MAX_IGNORE_BYTES).unwrap();
    // The limit falls behind the first letter of `*.txt`, which alone would name everything.
    let mut rules = "first.txt\n".to_owned();
    rules.push('#');
    rules.push_str(&"x".repeat(most - rules.len() - 2));
    rules.push_str("\n*.txt\nlast.txt\n");
    assert_eq!(&rules[most - 1..=most], "*.");
    std::fs::write(house.path(".gitignore"), rules).unwrap();
    for name in ["first.txt", "last.txt", "other.md"] {
        std::fs::write(house.path(name), "needle").unwrap();
    }
    let answer = house
        .run("search_files", json!({"pattern": "needle"}))
        .await;
    let told = answer["result"].to_string();
    assert!(!told.contains("first.txt"), "{told}");
    assert!(
        told.contains("last.txt") && told.contains("other.md"),
        "{told}"
    );
}

#[tokio::test]
async fn a_listing_goes_down_as_far_as_it_is_asked_to() {
    let house = House::open().await;
    for (path, text) in [
        (".git/config", ""),
        (".gitignore", "target/\n"),
        ("a/b/c/deep", "x"),
        ("a/file", "xy"),
        ("target/out", ""),
        ("z", ""),
    ] {
        let path = house.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "").unwrap();
    std::os::unix::fs::symlink(outside.path(), house.path("a/link")).unwrap();
    let names = async |params: serde_json::Value| -> Vec<String> {
        let answer = house.run("list_files", params).await;
        let entries = answer["result"]["entries"].as_array().unwrap().clone();
        let names = entries.iter().map(|entry| entry["name"].as_str().unwrap());
        names.map(str::to_owned).collect()
    };
    let one = [".git", ".gitignore", "a", "target", "z"];
    assert_eq!(names(json!({})).await, one);
    assert_eq!(names(json!({"depth": 1})).await, one);
    assert_eq!(
        names(json!({"depth": 2})).await,
        [
            ".git",
            ".gitignore",
            "a",
            "a/b",
            "a/file",
            "a/link",
            "target",
            "z"
        ]
    );
    assert_eq!(
        names(json!({"path": "a", "depth": 16})).await,
        ["b", "b/c", "b/c/deep", "file", "link"]
    );
    for depth in [0, MAX_LIST_DEPTH + 1] {
        let answer = house.run("list_files", json!({ "depth": depth })).await;
        assert!(
            answer["error"].as_str().unwrap().contains("from 1 to 16"),
            "{answer}"
        );
    }
    // Directories are read as far as there is room, wherever they are.
    for number in 0..=MAX_LIST_ENTRIES {
        std::fs::write(house.path(format!("a/b/c/{number:05}")), "").unwrap();
    }
    let answer = house.run("list_files", json!({"depth": 4})).await;
    assert_eq!(
        answer["result"]["entries"].as_array().unwrap().len(),
        MAX_LIST_ENTRIES
    );
    let told = answer["result"]["truncated"].as_str().unwrap();
    assert_eq!(told, "the first 1000 of 1011 entries");
}
