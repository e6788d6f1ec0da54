//! Looking at a spool that cannot be written.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;

fn look(bench: &Bench) -> Result<(u64, bool), SpoolError> {
    let patience = Duration::from_millis(200);
    let (spool, whole) = Spool::open_to_look(&bench.path(), bench.identity.agent_id(), patience)?;
    Ok((spool.depth()?.waiting, whole))
}

#[test]
fn what_others_write_meanwhile_is_seen() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 3);
    assert_eq!(look(&bench).unwrap(), (3, true));
    bench.append(&mut spool, 2);
    assert_eq!(look(&bench).unwrap(), (5, true));
}

/// As on a disk that is read-only: the log's index has no place.
#[test]
fn without_a_place_for_the_logs_index_the_file_is_read_as_it_is() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 3);
    drop(spool);
    // Closed last, it has taken its log in.
    let index = bench.dir.path().join("spool.db-shm");
    assert!(!index.exists());
    symlink("/nonexistent/index", &index).unwrap();
    assert!(bench.try_open().is_err());
    assert_eq!(look(&bench).unwrap(), (3, false));
}

#[test]
fn what_is_no_spool_is_named() {
    let bench = Bench::new();
    let error = look(&bench).unwrap_err().to_string();
    assert!(error.contains("spool.db"), "{error}");
    assert!(!bench.path().exists(), "a look makes nothing");
    fs::write(bench.path(), "hello").unwrap();
    let error = look(&bench).unwrap_err().to_string();
    assert!(error.contains("spool.db"), "{error}");
}
