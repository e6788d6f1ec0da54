//! What an administrator does to a file that is not what was meant.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use aap::AgentId;
use rusqlite::Connection;
use trace_store::TraceReader as _;
use trace_store::conformance::{Agent, held_back, now, send};
use trace_store_sqlite::{Erase, SCHEMA_VERSION, SqliteStore, erase, inspect, migrate};
use uuid::Uuid;

#[test]
fn a_file_that_is_not_there_is_told_and_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edge.db");
    assert_eq!(inspect(&path).unwrap(), None);
    let all = Erase::Agent(AgentId::from(Uuid::from_u128(1)));
    let error = erase(&path, &all).unwrap_err().to_string();
    assert!(error.contains("is not there"), "{error}");
    assert!(!path.exists());
}

#[test]
fn an_empty_file_is_made_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edge.db");
    std::fs::write(&path, b"").unwrap();
    assert_eq!(inspect(&path).unwrap().unwrap().found, 0);
    migrate(&path).unwrap();
    let status = inspect(&path).unwrap().unwrap();
    assert_eq!((status.found, status.traces), (SCHEMA_VERSION, 0));
    assert_eq!((status.oldest, status.newest), (None, None));
    assert!(status.bytes > 0);
    let all = Erase::Agent(AgentId::from(Uuid::from_u128(1)));
    assert_eq!(erase(&path, &all).unwrap(), 0);
}

#[test]
fn another_programs_file_and_a_newer_one_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("other.db");
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    let error = inspect(&path).unwrap_err().to_string();
    assert!(error.contains("another program"), "{error}");

    let path = dir.path().join("newer.db");
    migrate(&path).unwrap();
    let newer = Connection::open(&path).unwrap();
    newer.pragma_update(None, "user_version", 999).unwrap();
    let all = Erase::Agent(AgentId::from(Uuid::from_u128(1)));
    for error in [inspect(&path).unwrap_err(), erase(&path, &all).unwrap_err()] {
        assert!(error.to_string().contains("newer smoltbot"), "{error}");
    }
}

#[tokio::test]
async fn erasing_takes_no_link_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("edge.db");
    let store = SqliteStore::open(&path).unwrap();
    let mut agent = Agent::new(1);
    let calls = agent.calls(4, 0);
    let mut items: Vec<_> = calls.into_iter().map(|made| agent.link(made)).collect();
    items[1] = held_back(&items[1]);
    send(&store, agent.batch(items.clone()), now(0)).await;
    let before = store.links(agent.id, agent.stream, 0, 500).await.unwrap();
    let headers: Vec<_> = before.iter().map(|link| link.header.clone()).collect();
    let sent: Vec<_> = items.into_iter().map(|item| item.header).collect();
    assert_eq!(headers, sent);
    assert_eq!(erase(&path, &Erase::Agent(agent.id)).unwrap(), 4);
    let after = store.links(agent.id, agent.stream, 0, 500).await.unwrap();
    assert_eq!(after, before);
}
