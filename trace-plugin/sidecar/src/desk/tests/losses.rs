//! Where nothing can be recorded, the agent is answered all the same, and the loss is told.

use super::*;

#[test]
fn without_a_spool_the_verdict_stands() {
    let bench = bench();
    let mut desk = Desk::judging_only(
        Arc::clone(bench.desk.judge()),
        "read-only file system".to_owned(),
    );
    let reply = hook::run(
        &mut desk,
        Dialect::ClaudeCode,
        pre("t1", "rm -rf /").to_string().as_bytes(),
    );
    assert!(reply.stdout.contains("deny"));
    assert!(reply.stderr.contains("NOT recorded: read-only file system"));
}

#[test]
fn a_full_disk_gets_an_answer_and_the_loss_is_counted() {
    let mut bench = bench();
    bench.feed(Dialect::ClaudeCode, &[pre("t0", "ls")]);
    let pages: i64 = bench
        .spool
        .read(|conn| conn.query_row("PRAGMA page_count", (), |row| row.get(0)))
        .unwrap();
    let cap = |desk: &mut Desk, pages: i64| {
        let spool = desk.records.opened().unwrap();
        spool
            .read(|conn| {
                conn.query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
            })
            .unwrap();
    };
    cap(&mut bench.desk, pages);
    let mut lost = 0;
    for n in 0..40 {
        let reply = bench.feed(
            Dialect::ClaudeCode,
            &[pre(&format!("f{n}"), &format!("echo {}", "y".repeat(3000)))],
        );
        assert_eq!(reply.stdout, "{}\n");
        lost += u64::from(reply.stderr.contains("no room left"));
    }
    assert!(lost > 0, "the disk was full");
    cap(&mut bench.desk, 1_000_000);
    bench.feed(Dialect::ClaudeCode, &[pre("t9", "rm -rf /")]);
    assert_eq!(
        bench.told(),
        pairs(&[("deny", "refused"), ("error", "gap")])
    );
    let depth = bench.spool.depth().unwrap();
    assert_eq!((depth.dropped, depth.untold, depth.gaps), (lost, 0, 1));
}
