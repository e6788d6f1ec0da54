//! What can happen to a file: flipped bits, a cut, a WAL that is gone.

use std::fs;

use super::*;

fn filled(bench: &Bench, count: u64) {
    let mut spool = bench.open();
    for n in 0..count {
        let text = "lorem ipsum ".repeat(100);
        let trace = bench.made(json!({ "n": n, "text": text }), ActionType::Allow);
        spool.transact(false, |tx| tx.append(vec![trace])).unwrap();
    }
}

fn repaired(bench: &Bench) -> Spool {
    let (agent, patience) = (bench.identity.agent_id(), Duration::from_secs(1));
    Spool::open_repairing(&bench.path(), agent, patience, Use::Resident).unwrap()
}

/// Flips one bit of the last place where `what` stands in the file: before that may be what a page held once.
fn flip(bench: &Bench, what: &str) {
    let mut bytes = fs::read(bench.path()).unwrap();
    let place = bytes
        .windows(what.len())
        .rposition(|window| window == what.as_bytes())
        .unwrap();
    bytes[place] ^= 1;
    fs::write(bench.path(), bytes).unwrap();
}

/// Acknowledges everything, run by run; the seqs of the links, whether each had a content, and the gaps told.
fn drained(bench: &Bench, spool: &mut Spool) -> (Vec<(u64, bool)>, u64) {
    let mut all = Vec::new();
    loop {
        let run = spool.next_run(500).unwrap();
        if run.is_empty() {
            break;
        }
        bench.proven(spool);
        let told = run
            .iter()
            .filter(|link| link.item.header.tool_name == "exec");
        all.extend(told.map(|link| (link.item.header.seq, link.item.document.is_some())));
        let headers: Vec<_> = run.iter().map(|link| &link.item.header).collect();
        spool
            .transact(true, |tx| tx.acknowledge(&headers, clock::now()))
            .unwrap();
    }
    (all, spool.depth().unwrap().dropped)
}

#[test]
fn a_bit_that_flipped_in_a_content_is_never_told_as_truth() {
    let bench = Bench::new();
    filled(&bench, 5);
    flip(&bench, "lorem ipsum lorem");
    let mut spool = repaired(&bench);
    let (links, dropped) = drained(&bench, &mut spool);
    assert_eq!(links.len(), 5);
    assert_eq!(links.iter().filter(|(_, whole)| *whole).count(), 4);
    assert_eq!(dropped, 0);
    let aside = spool.quarantined().unwrap();
    assert_eq!(aside.len(), 1);
    assert!(aside[0].reason.contains("changed on this machine's disk"));
    let retried = spool.transact(true, |tx| tx.retry(aside[0].trace_id));
    assert_eq!(retried.unwrap(), Retried::Unprovable);
    bench.tell(&mut spool);
    let gaps = Bench::gaps(&spool);
    assert_eq!(
        (&gaps[0]["why"], &gaps[0]["contents"]),
        (&json!("spool damaged"), &json!(1))
    );
}

#[test]
fn a_header_that_has_changed_is_known_by_its_document() {
    let bench = Bench::new();
    filled(&bench, 5);
    let spool = bench.open();
    spool
        .read(|conn| {
            conn.execute(
                "UPDATE links SET header = replace(header, '\"seq\":3', '\"seq\":2') WHERE seq = 3",
                (),
            )?;
            conn.execute(
                "UPDATE links SET header = '{', document = NULL WHERE seq = 4",
                (),
            )
        })
        .unwrap();
    let mut spool = repaired(&bench);
    let (links, dropped) = drained(&bench, &mut spool);
    assert_eq!(links, [(1, true), (2, true), (3, true), (5, true)]);
    assert_eq!(dropped, 1, "what cannot be known any more is counted");
}

#[test]
fn a_damaged_file_is_kept_and_what_can_be_read_goes_on() {
    let bench = Bench::new();
    filled(&bench, 200);
    let mut bytes = fs::read(bench.path()).unwrap();
    // Three pages in the midst of it.
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 3 * 4096].fill(0x5a);
    fs::write(bench.path(), &bytes).unwrap();

    let mut spool = repaired(&bench);
    let depth = spool.depth().unwrap();
    assert_eq!(depth.damaged.len(), 1);
    let kept = bench.dir.path().join(&depth.damaged[0]);
    assert_eq!(fs::metadata(kept).unwrap().len(), bytes.len() as u64);
    let (links, dropped) = drained(&bench, &mut spool);
    assert!(links.len() > 150, "{}", links.len());
    assert_eq!(links.len() as u64 + dropped, 200, "saved or counted");
    bench.append(&mut spool, 1);
    assert!(spool.head().unwrap().unwrap().succeeds.is_some());
    if dropped > 0 {
        assert_eq!(bench.tell(&mut spool), 1);
    }
    bench.proven(&spool);
    drop(spool);
    let again = repaired(&bench);
    assert_eq!(again.depth().unwrap().damaged.len(), 1, "once");
}

#[test]
fn one_damaged_page_costs_no_more_than_what_stands_in_it() {
    let whole = Bench::new();
    filled(&whole, 60);
    let bytes = fs::read(whole.path()).unwrap();
    let (mut hurt, mut dear) = (0, 0);
    for page in (0..bytes.len()).step_by(4096) {
        // The same spool, with its witness.
        let bench = Bench {
            dir: tempfile::tempdir().unwrap(),
            identity: whole.identity.clone(),
        };
        for entry in fs::read_dir(whole.dir.path()).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), bench.dir.path().join(entry.file_name())).unwrap();
        }
        let mut damaged = bytes.clone();
        damaged[page..page + 4096].fill(0x5a);
        fs::write(bench.path(), &damaged).unwrap();
        let mut spool = repaired(&bench);
        let (links, dropped) = drained(&bench, &mut spool);
        assert_eq!(links.len() as u64 + dropped, 60, "saved or counted");
        hurt += usize::from(dropped > 0);
        dear += usize::from(dropped > 10);
    }
    // The first page, which says where all others are, and that which leads to all links.
    assert!(dear <= 2, "{dear} of {hurt} pages");
    assert!(hurt > 20, "{hurt}");
}

#[test]
fn a_file_that_was_cut_is_repaired_too() {
    for keep in [0, 100, 4096, 40_000] {
        let bench = Bench::new();
        filled(&bench, 60);
        let bytes = fs::read(bench.path()).unwrap();
        fs::write(bench.path(), &bytes[..keep]).unwrap();
        let mut spool = repaired(&bench);
        let (links, dropped) = drained(&bench, &mut spool);
        assert_eq!(
            links.len() as u64 + dropped,
            60,
            "cut to {keep}: saved or counted"
        );
        bench.append(&mut spool, 2);
        bench.tell(&mut spool);
        bench.proven(&spool);
    }
}

#[test]
fn commits_that_a_wal_has_lost_are_missed() {
    let bench = Bench::new();
    filled(&bench, 3);
    let before = fs::read(bench.path()).unwrap();
    filled(&bench, 4);
    // Closed, all is in the file; put the older one back, as a WAL with a flipped bit would.
    fs::write(bench.path(), before).unwrap();
    let mut spool = repaired(&bench);
    assert_eq!(spool.depth().unwrap().dropped, 4);
    assert_eq!(bench.tell(&mut spool), 1);
    let (links, _) = drained(&bench, &mut spool);
    assert_eq!(links, [(1, true), (2, true), (3, true)]);
    drop(spool);
    assert_eq!(repaired(&bench).depth().unwrap().dropped, 4, "once");
}

#[test]
fn a_spool_that_was_deleted_is_missed() {
    let bench = Bench::new();
    filled(&bench, 3);
    fs::remove_file(bench.path()).unwrap();
    let mut spool = repaired(&bench);
    assert_eq!(spool.depth().unwrap().dropped, 3);
    assert_eq!(bench.tell(&mut spool), 1);
    bench.proven(&spool);
}

#[test]
fn whoever_had_it_open_goes_on_with_the_new_one() {
    let bench = Bench::new();
    let mut other = bench.open();
    bench.append(&mut other, 30);
    // Everything in the file, so that it is the file that is damaged.
    other
        .read(|conn| conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())))
        .unwrap();
    let mut bytes = fs::read(bench.path()).unwrap();
    bytes[..100].fill(0);
    fs::write(bench.path(), bytes).unwrap();
    drop(repaired(&bench));
    bench.append(&mut other, 1);
    other.follow().unwrap();
    let head = other.head().unwrap().unwrap();
    assert_eq!(head, bench.open().head().unwrap().unwrap());
}
