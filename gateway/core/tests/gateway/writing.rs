//! Writing, patching and searching files: whole or not at all, and never outside the workspace.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateway::limits::{
    MAX_MATCH_BYTES, MAX_MATCHES, MAX_PATCH_BYTES, MAX_SEARCH_DEPTH, MAX_SEARCH_FILE_BYTES,
};
use serde_json::{Value, json};

use crate::house::House;

fn error(answer: &Value) -> &str {
    assert_eq!(answer["kind"], "failure", "{answer}");
    answer["error"].as_str().unwrap()
}

fn leftovers(house: &House) -> Vec<String> {
    std::fs::read_dir(house.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".tmp"))
        .collect()
}

#[tokio::test]
async fn a_file_is_written_with_the_directories_on_its_way() {
    let house = House::open().await;
    let answer = house
        .run(
            "write_file",
            json!({"path": "a/b/c.txt", "content": "hällo\n"}),
        )
        .await;
    assert_eq!(
        answer["result"],
        json!({"path": "a/b/c.txt", "bytes": 7, "created": true})
    );
    assert_eq!(
        std::fs::read_to_string(house.path("a/b/c.txt")).unwrap(),
        "hällo\n"
    );

    let script = house.path("script");
    std::fs::write(&script, "old").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o750)).unwrap();
    let absolute = script.to_str().unwrap();
    let answer = house
        .run("write_file", json!({"path": absolute, "content": ""}))
        .await;
    assert_eq!(answer["result"]["created"], false);
    assert_eq!(std::fs::read(&script).unwrap(), b"");
    let mode = std::fs::metadata(&script).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o750);
    assert_eq!(leftovers(&house), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_written_is_named_and_left_as_it_is() {
    let house = House::open().await;
    std::fs::create_dir(house.path("sub")).unwrap();
    std::fs::write(house.path("file"), "kept").unwrap();
    symlink("file", house.path("link")).unwrap();
    house.pipe("pipe");
    for (path, named) in [
        ("sub", "is a directory"),
        ("sub/", "names no file"),
        ("", "names no file"),
        ("..", "names no file"),
        ("link", "symlink"),
        ("pipe", "not a regular file"),
        ("file/x", "not a directory"),
        ("missing/../../made-by-smoltbot", "workspace"),
        ("/tmp/smoltbot-test-never-made", "workspace"),
        ("a\0b", "not a path"),
    ] {
        let answer = house
            .run("write_file", json!({"path": path, "content": "new"}))
            .await;
        assert!(error(&answer).contains(named), "{path}: {answer}");
    }
    assert_eq!(std::fs::read_to_string(house.path("file")).unwrap(), "kept");
    assert!(!house.path("missing").exists() && !house.path("../made-by-smoltbot").exists());
    assert_eq!(leftovers(&house), Vec::<String>::new());
    let answer = house.run("write_file", json!({"path": "x"})).await;
    assert!(error(&answer).contains("content"), "{answer}");
}

#[tokio::test]
async fn a_text_that_occurs_once_is_replaced() {
    let house = House::open().await;
    std::fs::write(house.path("a"), "one\ntwo\nthree\n").unwrap();
    let answer = house
        .run(
            "patch_file",
            json!({"path": "a", "old_string": "two\nthree", "new_string": "2\n3"}),
        )
        .await;
    assert_eq!(
        answer["result"],
        json!({"path": "a", "replaced": 1, "bytes": 8})
    );
    assert_eq!(
        std::fs::read_to_string(house.path("a")).unwrap(),
        "one\n2\n3\n"
    );

    std::fs::write(house.path("dos"), "one\r\ntwo\r\nthree\r\n").unwrap();
    let patch = json!({"path": "dos", "old_string": "one\ntwo", "new_string": "1\n2\n2½"});
    house.run("patch_file", patch).await;
    assert_eq!(
        std::fs::read_to_string(house.path("dos")).unwrap(),
        "1\r\n2\r\n2½\r\nthree\r\n"
    );
    let patch = json!({"path": "dos", "old_string": "\n", "new_string": "", "replace_all": true});
    let answer = house.run("patch_file", patch).await;
    assert_eq!(answer["result"]["replaced"], 4);
    assert_eq!(
        std::fs::read_to_string(house.path("dos")).unwrap(),
        "122½three"
    );
}

#[tokio::test]
async fn a_patch_that_is_not_clear_changes_nothing() {
    let house = House::open().await;
    let text = "x\n    if a {\n        b\n    }\n".to_owned() + &"x\n".repeat(9);
    std::fs::write(house.path("a"), &text).unwrap();
    std::fs::write(house.path("latin"), b"ab\xe4").unwrap();
    let large = vec![b'x'; usize::try_from(MAX_PATCH_BYTES).unwrap() + 1];
    std::fs::write(house.path("large"), large).unwrap();
    for (path, old, new, named) in [
        ("a", "y", "z", "read_file shows"),
        (
            "a",
            "if a {\n    b\n}",
            "z",
            "other spaces it does, at line 2",
        ),
        (
            "a",
            "x",
            "z",
            "occurs 10 times in `a`, at lines 1, 5, 6, 7, 8, 9, 10, 11, …",
        ),
        ("a", "x", "x", "nothing would change"),
        ("a", "", "x", "write_file"),
        ("missing", "x", "y", "write_file makes new files"),
        ("no/where", "x", "y", "does not exist"),
        ("latin", "a", "b", "byte 2"),
        ("large", "x", "y", "too large"),
    ] {
        let answer = house
            .run(
                "patch_file",
                json!({"path": path, "old_string": old, "new_string": new}),
            )
            .await;
        assert!(error(&answer).contains(named), "{path} {old}: {answer}");
    }
    assert_eq!(std::fs::read_to_string(house.path("a")).unwrap(), text);
    assert!(!house.path("no").exists(), "a patch makes no directories");
}

#[tokio::test]
async fn lines_are_found_but_not_in_what_git_ignores() {
    let house = House::open().await;
    for (path, content) in [
        (".gitignore", "target/\n*.log\n!keep.log\n"),
        (".git/config", "needle"),
        (".github/a.yml", "needle: 1\r\n"),
        ("target/out.rs", "needle"),
        ("src/.gitignore", "secret.rs\n"),
        ("src/secret.rs", "needle"),
        ("src/main.rs", "fn a() {}\nfn needle() {}\n\n"),
        ("src/deep/lib.rs", "// Needle\n"),
        ("a.log", "needle"),
        ("keep.log", "the needle\n"),
        ("binary", "needle\0"),
    ] {
        let path = house.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    symlink("src", house.path("again")).unwrap();
    let hit = |file: &str, line: u64, text: &str| json!({"file": file, "line": line, "text": text});
    let answer = house
        .run("search_files", json!({"pattern": "needle"}))
        .await;
    assert_eq!(
        answer["result"],
        json!({
            "matches": [
                hit(".github/a.yml", 1, "needle: 1"),
                hit("keep.log", 1, "the needle"),
                hit("src/main.rs", 2, "fn needle() {}"),
            ],
            "files_searched": 6,
            "binary_files_left_out": 1,
        })
    );
    let asked = json!({"pattern": "(?i)needle", "path": "src", "file_pattern": "*.rs"});
    let answer = house.run("search_files", asked).await;
    assert_eq!(
        answer["result"]["matches"],
        json!([
            hit("src/deep/lib.rs", 1, "// Needle"),
            hit("src/main.rs", 2, "fn needle() {}")
        ])
    );
    let asked = json!({"pattern": "^fn", "file_pattern": "src/*.rs"});
    let answer = house.run("search_files", asked).await;
    assert_eq!(answer["result"]["matches"].as_array().unwrap().len(), 2);
    let asked = json!({"pattern": "^$", "path": "src/main.rs"});
    let answer = house.run("search_files", asked).await;
    assert_eq!(
        answer["result"]["matches"],
        json!([hit("src/main.rs", 3, "")])
    );
    for (asked, named) in [
        (json!({"pattern": "f("}), "unclosed group"),
        (json!({"pattern": "(a{1000}){1000}"}), "compiled"),
        (json!({"pattern": "a", "file_pattern": "!a"}), "`*.rs`"),
        (json!({"pattern": "a", "file_pattern": "{a"}), "`*.rs`"),
        (json!({"pattern": "a", "path": ".."}), "workspace"),
        (json!({"pattern": "a", "path": "none"}), "does not exist"),
    ] {
        let answer = house.run("search_files", asked.clone()).await;
        assert!(error(&answer).contains(named), "{asked}: {answer}");
    }
}

#[tokio::test]
async fn a_search_has_an_end_and_says_what_it_left_out() {
    let house = House::open().await;
    let many = "needle\n".repeat(MAX_MATCHES + 1);
    std::fs::write(house.path("many"), &many).unwrap();
    let answer = house
        .run("search_files", json!({"pattern": "needle"}))
        .await;
    let result = &answer["result"];
    assert_eq!(result["matches"].as_array().unwrap().len(), MAX_MATCHES);
    assert!(
        result["truncated"]
            .as_str()
            .unwrap()
            .contains("the first 200 lines")
    );

    let size = usize::try_from(MAX_SEARCH_FILE_BYTES).unwrap();
    std::fs::write(house.path("many"), vec![b'a'; size]).unwrap();
    std::fs::write(house.path("more"), vec![b'a'; size + 1]).unwrap();
    // Where an expression can be matched in exponentially many ways, backtracking would take for ever.
    let asked = json!({"pattern": "(a*)*b|(a|a)*c|a$"});
    let answer = house.run("search_files", asked).await;
    let result = &answer["result"];
    assert_eq!(result["large_files_left_out"], 1);
    let text = result["matches"][0]["text"].as_str().unwrap();
    assert!(text.len() <= MAX_MATCH_BYTES + 6, "{}", text.len());

    let mut deep = house.root();
    for _ in 0..=MAX_SEARCH_DEPTH {
        deep.push("d");
        std::fs::create_dir(&deep).unwrap();
    }
    std::fs::write(deep.join("a"), "deepest").unwrap();
    std::fs::write(deep.parent().unwrap().join("a"), "deep").unwrap();
    let answer = house.run("search_files", json!({"pattern": "deep"})).await;
    assert_eq!(answer["result"]["matches"].as_array().unwrap().len(), 1);
    assert_eq!(answer["result"]["unreadable_left_out"], 1);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_that_changes_into_a_symlink_never_leads_out() {
    use rustix::fs::{CWD, RenameFlags, renameat_with};

    let house = House::open().await;
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("a"), "SECRET").unwrap();
    std::fs::create_dir(house.path("now")).unwrap();
    std::fs::write(house.path("now/a"), "fine").unwrap();
    symlink(outside.path(), house.path("other")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swapper = std::thread::spawn({
        let (stop, root) = (Arc::clone(&stop), house.root());
        move || {
            while !stop.load(Ordering::Relaxed) {
                let (now, other) = (root.join("now"), root.join("other"));
                renameat_with(CWD, now, CWD, other, RenameFlags::EXCHANGE).unwrap();
            }
        }
    });
    let calls = [
        ("write_file", json!({"path": "now/a", "content": "fine"})),
        (
            "write_file",
            json!({"path": "now/new/b", "content": "fine"}),
        ),
        (
            "patch_file",
            json!({"path": "now/a", "old_string": "fine", "new_string": "fine!"}),
        ),
        ("read_file", json!({"path": "now/a"})),
        ("list_files", json!({"path": "now"})),
        ("search_files", json!({"pattern": "SECRET", "path": "now"})),
        ("search_files", json!({"pattern": "SECRET"})),
    ];
    let (mut done, mut refused) = (0, 0);
    for round in 0..2000 {
        for (tool, params) in &calls {
            let answer = house.run(tool, params.clone()).await;
            let text =
                answer["result"]["matches"].to_string() + &answer["result"]["content"].to_string();
            assert!(!text.contains("SECRET"), "{tool} {answer}");
            if answer["kind"] == "result" {
                done += 1;
            } else {
                refused += 1;
            }
        }
        if round >= 40 && done > 50 && refused > 50 {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    swapper.join().unwrap();
    assert!(
        done > 0 && refused > 0,
        "both were met: {done} and {refused}"
    );
    let names: Vec<_> = std::fs::read_dir(outside.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["a"], "nothing was made outside");
    let secret = std::fs::read_to_string(outside.path().join("a")).unwrap();
    assert_eq!(secret, "SECRET", "nothing was written outside");
}

#[tokio::test]
async fn patches_of_one_file_at_a_time_do_not_undo_each_other() {
    let house = Arc::new(House::open().await);
    std::fs::write(house.path("a"), "0\n").unwrap();
    let patching = |word: &'static str| {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            for _ in 0..20 {
                let new = format!("0\n{word}\n");
                let patch = json!({"path": "a", "old_string": "0\n", "new_string": new});
                let answer = house.run("patch_file", patch).await;
                assert_eq!(answer["kind"], "result", "{answer}");
            }
        })
    };
    let (one, two) = tokio::join!(patching("one"), patching("two"));
    one.and(two).unwrap();
    let text = std::fs::read_to_string(house.path("a")).unwrap();
    assert_eq!(text.matches("one").count(), 20);
    assert_eq!(text.matches("two").count(), 20);
}
