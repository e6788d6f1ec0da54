//! Spools of other versions: taken over with what is in them, and still written by the program before.

use super::*;

/// What a program of schema 2 does to record a link: its statements, as released.
const INSERT_OF_2: &str =
    "INSERT INTO links (stream, seq, at, header, document) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A spool of schema 2 with `count` links, as its program left it.
pub(super) fn spool_of_2(bench: &Bench, count: u64) -> Connection {
    let conn = Connection::open(bench.path()).unwrap();
    conn.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))
        .unwrap();
    conn.execute_batch(MIGRATIONS[0]).unwrap();
    conn.execute_batch(MIGRATIONS[1]).unwrap();
    conn.execute_batch(
        "INSERT INTO meta (key, value) VALUES ('dropped', '3');
         INSERT INTO quarantine (trace_id, at, reason, document)
             VALUES ('019a9f3e-8c1b-7d2e-9f30-415263748596', 5, 'poison', '{}');
         PRAGMA user_version = 2;",
    )
    .unwrap();
    for n in 0..count {
        write_as_2(bench, &conn, n);
    }
    conn
}

/// Opens and writes as the program of schema 2 does: it refuses what has a higher `user_version`.
fn write_as_2(bench: &Bench, conn: &Connection, n: u64) {
    let version: i64 = conn
        .query_row("PRAGMA user_version", (), |row| row.get(0))
        .unwrap();
    assert!(version <= 2, "the program of schema 2 would not write here");
    let mut head = Head::load(conn)
        .unwrap()
        .unwrap_or_else(|| Head::start(bench.identity.agent_id(), clock::stream_id(), None));
    let (header, document) = bench.prepared(n).link(&mut head);
    conn.execute(
        INSERT_OF_2,
        (
            header.stream.to_string(),
            header.seq.cast_signed(),
            clock::now().millis(),
            serde_json::to_string(&header).unwrap(),
            document,
        ),
    )
    .unwrap();
    head.save(conn).unwrap();
}

#[test]
fn a_full_spool_goes_from_one_version_to_the_next_and_back() {
    let bench = Bench::new();
    drop(spool_of_2(&bench, 40));

    let mut spool = bench.open();
    assert_eq!(spool.depth().unwrap().waiting, 40);
    assert_eq!(spool.depth().unwrap().dropped, 3);
    bench.append(&mut spool, 10);
    drop(spool);

    // The program before comes back, for a while.
    let conn = Connection::open(bench.path()).unwrap();
    for n in 0..10 {
        write_as_2(&bench, &conn, n);
    }
    conn.execute("DELETE FROM links WHERE seq = 1", ()).unwrap();
    drop(conn);

    let spool = bench.open();
    assert_eq!(spool.depth().unwrap().waiting, 59, "counted, whoever wrote");
    assert_eq!(bench.proven(&spool), (2..=60).collect::<Vec<_>>());
}

#[test]
fn a_new_file_is_written_by_the_program_before() {
    let bench = Bench::new();
    let mut spool = bench.open();
    bench.append(&mut spool, 10);
    drop(spool);
    let conn = Connection::open(bench.path()).unwrap();
    for n in 0..10 {
        write_as_2(&bench, &conn, n);
    }
    conn.execute("DELETE FROM links WHERE seq = 1", ()).unwrap();
    drop(conn);
    let spool = bench.open();
    assert_eq!(spool.depth().unwrap().waiting, 19);
    assert_eq!(bench.proven(&spool), (2..=20).collect::<Vec<_>>());
}

#[test]
fn an_older_program_may_hold_it_open_meanwhile() {
    let bench = Bench::new();
    let old = spool_of_2(&bench, 1);
    let mut new = bench.open();
    for n in 0..5 {
        write_as_2(&bench, &old, n);
        bench.append(&mut new, 1);
    }
    assert_eq!(bench.proven(&new), (1..=11).collect::<Vec<_>>());
    assert_eq!(new.waiting(500).unwrap().count, 11);
}

#[test]
fn what_an_older_program_set_aside_can_be_sent_again() {
    let bench = Bench::new();
    let conn = spool_of_2(&bench, 3);
    conn.execute_batch(
        "INSERT INTO quarantine (trace_id, at, reason, document)
             SELECT json_extract(header, '$.trace_id'), 7, 'it holds a secret', document FROM links WHERE seq = 2;
         UPDATE links SET document = NULL WHERE seq = 2;",
    )
    .unwrap();
    drop(conn);
    let mut spool = bench.open();
    let aside = spool.quarantined().unwrap();
    assert_eq!(aside.len(), 2);
    let retried: Vec<_> = aside
        .iter()
        .map(|one| spool.transact(true, |tx| tx.retry(one.trace_id)).unwrap())
        .collect();
    assert_eq!(retried, [Retried::Unprovable, Retried::Waiting]);
    assert_eq!(spool.depth().unwrap().quarantined, 1);
    assert_eq!(bench.proven(&spool), [1, 2, 3]);
    assert!(Bench::all(&spool)[1].document.is_some());
}

/// What programs of released schemas left, driven by their own hooks and by an edge that took nothing.
const LEFT: [&str; 2] = [
    include_str!("../../../tests/fixtures/spool/schema-1.sql"),
    include_str!("../../../tests/fixtures/spool/schema-2.sql"),
];

#[test]
fn spools_that_released_programs_left_are_taken_over_with_all_that_is_in_them() {
    for left in LEFT {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool.db");
        let conn = Connection::open(&path).unwrap();
        conn.query_row("PRAGMA journal_mode = WAL", (), |_| Ok(()))
            .unwrap();
        conn.execute_batch(left).unwrap();
        let header: String = conn
            .query_row("SELECT header FROM links LIMIT 1", (), |row| row.get(0))
            .unwrap();
        let header: aap::chain::Header = serde_json::from_str(&header).unwrap();
        drop(conn);

        let patience = Duration::from_millis(200);
        let mut spool = Spool::open(&path, header.agent_id, patience, Use::Resident).unwrap();
        let depth = spool.depth().unwrap();
        assert_eq!((depth.waiting, depth.quarantined), (2, 1));
        // The call that has not ended is given up in its time, whatever time it is.
        let late = Timestamp::from_millis(1 << 48);
        let open = spool
            .transact(false, |tx| tx.waiting_since(late, late, late, 10))
            .unwrap();
        assert_eq!(open.len(), 1);
        let pending = open[0].1.pending.as_ref().unwrap();
        assert_eq!(
            (pending.tool.as_str(), &pending.params),
            ("Bash", &Some(json!({"command": "sleep 5"})))
        );
        // What was set aside goes back to its place in the chain, which has no gap.
        let aside = spool.quarantined().unwrap();
        let retried = spool
            .transact(true, |tx| tx.retry(aside[0].trace_id))
            .unwrap();
        assert_eq!(retried, Retried::Waiting);
        let items = Bench::all(&spool);
        let seqs: Vec<_> = items.iter().map(|item| item.header.seq).collect();
        assert_eq!(seqs, [1, 2, 3]);
        for pair in items.windows(2) {
            assert_eq!(pair[1].header.prev, pair[0].header.digest());
        }
        let head = Head::load(&spool.conn).unwrap().unwrap();
        assert_eq!((head.seq, head.digest), (3, items[2].header.digest()));
    }
}
