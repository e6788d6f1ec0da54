//! What breaks around the file: crashes, damage, other versions, other processes, no room.

#![allow(clippy::unwrap_used)] // A failed assertion is the message.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aap::wire::Status;
use rusqlite::Connection;
use serde_json::json;
use trace_store::conformance::{Agent, flat, flat_batch, now, send};
use trace_store::{Filter, PageRequest, StoreError, TraceReader, TraceWriter};
use trace_store_sqlite::{Options, SCAN_ROWS, SCHEMA_VERSION, SqliteStore};

/// Set for the process that a test starts of itself: the file it writes to.
const CHILD_FILE: &str = "TRACE_STORE_SQLITE_CHILD_FILE";
/// Batches that each of two processes writes.
const CHILD_BATCHES: u32 = 20;

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("traces.db");
    (directory, file)
}

async fn total(store: &SqliteStore) -> u64 {
    let agents = store.agents(100).await.unwrap();
    agents.iter().map(|agent| agent.traces).sum()
}

fn error(path: &Path) -> String {
    let Err(error) = SqliteStore::open(path) else {
        panic!("{} was opened", path.display());
    };
    error.to_string()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let (directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let mut agent = Agent::new(1);
    let calls = agent.calls(5, 0);
    let batch = agent.batch_of(calls);
    send(&store, batch.clone(), now(0)).await;
    // What a killed process leaves behind: the file and its log as they are, nothing folded in.
    let copy = directory.path().join("copy.db");
    for end in ["", "-wal"] {
        fs::copy(with_end(&file, end), with_end(&copy, end)).unwrap();
    }
    assert!(fs::metadata(with_end(&copy, "-wal")).unwrap().len() > 0);
    let after = SqliteStore::open(&copy).unwrap();
    assert_eq!(total(&after).await, 5);
    let answers = send(&after, batch, now(1)).await;
    assert!(answers.iter().all(|one| one.status == Status::Duplicate));
}

fn with_end(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

#[tokio::test]
async fn closing_folds_the_log_and_later_calls_say_so() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    send(&store, flat_batch(&[flat(7, 1, 0, "r")]), now(0)).await;
    assert_eq!(total(&store).await, 1);
    let clone = store.clone();
    store.close().await;
    store.close().await;
    assert!(!with_end(&file, "-wal").exists(), "the file stands alone");
    let asked = clone.ready().await.unwrap_err();
    assert!(matches!(&asked, StoreError::Unavailable(why) if why.contains("closed")));
    let batch = flat_batch(&[flat(7, 2, 0, "r")]);
    let sent = clone.append(batch, now(0)).await.unwrap_err();
    assert!(matches!(&sent, StoreError::Unavailable(why) if why.contains("closed")));
    let again = SqliteStore::open(&file).unwrap();
    again.ready().await.unwrap();
    assert_eq!(total(&again).await, 1);
}

#[tokio::test]
async fn dropping_the_last_clone_finishes_what_was_sent() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    {
        // Nobody waits for this answer.
        let mut sent = Box::pin(store.append(flat_batch(&[flat(7, 1, 0, "r")]), now(0)));
        assert!(futures_util::poll!(&mut sent).is_pending());
    }
    drop(store);
    assert!(!with_end(&file, "-wal").exists());
    let again = SqliteStore::open(&file).unwrap();
    assert_eq!(total(&again).await, 1);
}

#[test]
fn what_is_no_database_is_named_and_left_alone() {
    let (_directory, file) = place();
    let garbage = b"this is no database\n".repeat(500);
    fs::write(&file, &garbage).unwrap();
    let told = error(&file);
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    assert!(told.contains("move it away"), "{told}");
    assert_eq!(fs::read(&file).unwrap(), garbage);
}

#[tokio::test]
async fn damage_inside_the_file_is_told_with_its_name() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let mut agent = Agent::new(1);
    for _ in 0..20 {
        let calls = agent.calls(50, 0);
        send(&store, agent.batch_of(calls), now(0)).await;
    }
    store.close().await;
    // Everything behind the schema's pages is overwritten.
    let mut bytes = fs::read(&file).unwrap();
    let from = 4096 * 3;
    bytes[from..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let told = match SqliteStore::open(&file) {
        Err(error) => error,
        Ok(store) => {
            let filter = Filter::default();
            let page = store.traces(&filter, PageRequest::default()).await;
            page.expect_err("damage is not passed over")
        }
    };
    let StoreError::Failed(told) = told else {
        panic!("{told}");
    };
    assert!(told.contains(file.to_str().unwrap()), "{told}");
    assert!(told.contains("backup"), "{told}");
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_directory, file) = place();
    drop(SqliteStore::open(&file).unwrap());
    let connection = Connection::open(&file).unwrap();
    connection
        .pragma_update(None, "user_version", SCHEMA_VERSION + 1)
        .unwrap();
    drop(connection);
    let before = fs::read(&file).unwrap();
    let Err(StoreError::Schema {
        found,
        known,
        advice,
    }) = SqliteStore::open(&file)
    else {
        panic!("a newer schema is refused");
    };
    assert_eq!((found, known), (SCHEMA_VERSION + 1, SCHEMA_VERSION));
    assert!(advice.contains("newer"));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn another_programs_database_is_refused_and_left_alone() {
    let (_directory, file) = place();
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x)").unwrap();
    drop(connection);
    let before = fs::read(&file).unwrap();
    assert!(error(&file).contains("another program"));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let (directory, file) = place();
    let missing = directory.path().join("missing").join("traces.db");
    assert!(error(&missing).contains("make it first"));
    fs::write(&file, "").unwrap();
    assert!(error(&file.join("traces.db")).contains("no directory"));
    assert!(error(directory.path()).contains(directory.path().to_str().unwrap()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, _) = place();
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let probe = fs::write(closed.join("probe"), "");
    // Root may write everywhere but where nothing can be made at all.
    let closed = if probe.is_ok() {
        PathBuf::from("/proc")
    } else {
        closed
    };
    let told = error(&closed.join("traces.db"));
    assert!(told.contains("can be written by this user"), "{told}");
}

#[tokio::test]
async fn no_room_is_told_and_what_fits_later_is_stored() {
    let (_directory, file) = place();
    let options = Options {
        max_bytes: Some(1024 * 1024),
    };
    let store = SqliteStore::open_with(&file, options).unwrap();
    let mut agent = Agent::new(1);
    let small = agent.calls(1, 0);
    send(&store, agent.batch_of(small), now(0)).await;
    let mut calls = agent.calls(40, 0);
    for call in &mut calls {
        call.result = json!("x".repeat(60_000));
    }
    let mut items: Vec<_> = calls.into_iter().map(|made| agent.link(made)).collect();
    let large = agent.batch(items.clone());
    for _ in 0..3 {
        let refused = store.append(large.clone(), now(1)).await.unwrap_err();
        let StoreError::Unavailable(why) = refused else {
            panic!("{refused}");
        };
        assert!(why.contains("free some space"), "{why}");
    }
    assert_eq!(total(&store).await, 1, "nothing of it is there");
    // Others in the same commit are not held up by it.
    let beside = flat_batch(&[flat(7, 1, 0, "r")]);
    let (refused, stored) = futures_util::future::join(
        store.append(large.clone(), now(2)),
        store.append(beside, now(2)),
    )
    .await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))));
    assert_eq!(stored.unwrap()[0].status, Status::Stored);
    items.truncate(3);
    let fits = agent.batch(items);
    let answers = send(&store, fits, now(3)).await;
    assert!(answers.iter().all(|one| one.status == Status::Stored));
    store.ready().await.unwrap();
    store.close().await;
    let roomy = SqliteStore::open(&file).unwrap();
    let answers = send(&roomy, large, now(4)).await;
    let stored = answers.iter().filter(|one| one.status == Status::Stored);
    assert_eq!(stored.count(), 37);
    assert_eq!(total(&roomy).await, 42);
}

#[tokio::test]
async fn the_writer_outlives_any_error() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let other = Connection::open(&file).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER defect AFTER INSERT ON documents BEGIN SELECT RAISE(ABORT, 'a defect'); END",
        )
        .unwrap();
    let batch = flat_batch(&[flat(7, 1, 0, "r")]);
    for _ in 0..3 {
        let failed = store.append(batch.clone(), now(0)).await.unwrap_err();
        let StoreError::Failed(why) = failed else {
            panic!("{failed}");
        };
        assert!(
            why.contains("a defect") && why.contains("traces.db"),
            "{why}"
        );
    }
    assert_eq!(total(&store).await, 0);
    other.execute_batch("DROP TRIGGER defect").unwrap();
    let answers = send(&store, batch, now(0)).await;
    assert_eq!(answers[0].status, Status::Stored);
}

#[tokio::test]
async fn two_processes_write_to_one_file() {
    if let Some(file) = std::env::var_os(CHILD_FILE) {
        write_batches(&SqliteStore::open(Path::new(&file)).unwrap(), 2).await;
        return;
    }
    let (_directory, file) = place();
    // Both open it while it is new.
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "two_processes_write_to_one_file"])
        .env(CHILD_FILE, &file)
        .spawn()
        .unwrap();
    let store = SqliteStore::open(&file).unwrap();
    write_batches(&store, 1).await;
    assert!(child.wait().unwrap().success());
    assert_eq!(total(&store).await, u64::from(2 * CHILD_BATCHES * 10));
    let filter = Filter::default();
    let rows = store.received_after(0, &filter, 10_000).await.unwrap();
    assert_eq!(rows.len(), 2 * CHILD_BATCHES as usize * 10);
}

async fn write_batches(store: &SqliteStore, number: u8) {
    let mut agent = Agent::new(number);
    for _ in 0..CHILD_BATCHES {
        let calls = agent.calls(10, 0);
        let answers = send(store, agent.batch_of(calls), now(0)).await;
        assert!(answers.iter().all(|one| one.status == Status::Stored));
    }
}

#[tokio::test]
async fn a_file_held_by_another_is_unavailable_and_then_works() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let batch = flat_batch(&[flat(7, 1, 0, "r")]);
    let refused = store.append(batch.clone(), now(0)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(why) if why.contains("another process")));
    assert_eq!(total(&store).await, 0, "readers are not held up");
    other.execute_batch("ROLLBACK").unwrap();
    let answers = send(&store, batch, now(0)).await;
    assert_eq!(answers[0].status, Status::Stored);
}

#[tokio::test]
async fn a_search_ends_its_page_early_and_goes_on() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    let rare = {
        let mut rare = flat(7, 0, -1_000_000, "needle");
        rare["tool_name"] = json!("rare");
        rare
    };
    send(&store, flat_batch(&[rare]), now(0)).await;
    let rows = u16::try_from(SCAN_ROWS).unwrap() + 250;
    for first in (1..=rows).step_by(250) {
        let traces: Vec<_> = (first..first + 250)
            .map(|id| flat(7, id, -i64::from(id), "hay"))
            .collect();
        send(&store, flat_batch(&traces), now(0)).await;
    }
    for filter in [
        Filter {
            tool: Some("rare".to_owned()),
            ..Filter::default()
        },
        Filter {
            q: Some("needle".to_owned()),
            ..Filter::default()
        },
    ] {
        let first = store.traces(&filter, PageRequest::default()).await.unwrap();
        assert!(first.rows.is_empty() && first.next.is_some());
        let request = PageRequest {
            after: first.next,
            ..PageRequest::default()
        };
        let second = store.traces(&filter, request).await.unwrap();
        assert_eq!((second.rows.len(), second.next), (1, None));
    }
}

#[tokio::test]
async fn queries_use_the_indexes_that_are_kept_for_them() {
    let (_directory, file) = place();
    let store = SqliteStore::open(&file).unwrap();
    send(&store, flat_batch(&[flat(7, 1, 0, "r")]), now(0)).await;
    let connection = Connection::open(&file).unwrap();
    for (index, terms) in [
        ("traces_by_time", "1"),
        (
            "traces_by_agent",
            "t.agent = 1 AND (t.at, t.trace_id) < (5, x'00')",
        ),
        ("traces_by_session", "t.session = 1"),
        (
            "traces_not_allowed",
            "t.action_type <> 0 AND t.action_type = 1",
        ),
        (
            "traces_not_allowed_by_agent",
            "t.agent = 1 AND t.action_type <> 0 AND t.action_type = 1",
        ),
        (
            "traces_of_losses",
            "t.agent = 1 AND t.tool = 'smoltbot.gap'",
        ),
    ] {
        let plan: Vec<String> = connection
            .prepare(&format!(
                "EXPLAIN QUERY PLAN SELECT * FROM traces t INDEXED BY {index} WHERE {terms} \
                 ORDER BY t.at DESC, t.trace_id DESC LIMIT 10"
            ))
            .unwrap()
            .query_map([], |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let plan = plan.join("; ");
        assert!(
            plan.contains(index) && !plan.contains("TEMP B-TREE"),
            "{plan}"
        );
    }
}
