//! The bound in bytes: who may use which part of it, what goes first, and that every loss is told.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::spool::folding::AHEAD_PAGES;
use crate::spool::opening::RESIDENT_WAL_PAGES;

/// A content of about 2 KB.
fn content() -> Value {
    json!({ "text": "lorem ipsum ".repeat(160) })
}

fn bounded(bench: &Bench, bytes: u64) -> Spool {
    bench.open().bounded(bytes)
}

fn record(bench: &Bench, spool: &mut Spool, count: usize, kind: ActionType) -> usize {
    let mut kept = 0;
    for _ in 0..count {
        let trace = bench.made(content(), kind);
        kept += spool
            .transact(false, |tx| tx.append(vec![trace]))
            .unwrap()
            .len();
    }
    kept
}

fn acknowledge_all(spool: &mut Spool) {
    loop {
        let run = spool.next_run(500).unwrap();
        if run.is_empty() {
            return;
        }
        let headers: Vec<_> = run.iter().map(|link| &link.item.header).collect();
        spool
            .transact(true, |tx| tx.acknowledge(&headers, clock::now()))
            .unwrap();
    }
}

#[test]
fn contents_go_before_calls_and_calls_before_refusals() {
    let bench = Bench::new();
    let mut spool = bounded(&bench, MIN_MAX_BYTES);
    // Far more than a MiB.
    let kept = record(&bench, &mut spool, 3000, ActionType::Allow);
    let depth = spool.depth().unwrap();
    assert!(
        depth.bytes <= MIN_MAX_BYTES - MIN_MAX_BYTES / 8,
        "{depth:?}"
    );
    assert!(
        kept > 700 && kept < 3000,
        "{kept}: headers outlive contents"
    );
    assert_eq!(depth.waiting, kept as u64);
    assert_eq!(depth.dropped, 3000 - kept as u64);
    let items = Bench::all(&spool);
    assert!(
        items[0].document.is_some(),
        "a stream's first tells its past"
    );
    assert!(items[1].document.is_none() && items[10].document.is_none());

    // The reserve is for refusals alone, whole at first, then their headers.
    assert_eq!(record(&bench, &mut spool, 8, ActionType::Deny), 8);
    let refusals: Vec<_> = Bench::all(&spool)
        .into_iter()
        .filter(|item| item.header.action_type == ActionType::Deny)
        .collect();
    assert!(refusals.iter().all(|item| item.document.is_some()));
    assert_eq!(record(&bench, &mut spool, 1, ActionType::Allow), 0);
    let kept = record(&bench, &mut spool, 500, ActionType::Deny);
    let headers = Bench::all(&spool)
        .into_iter()
        .filter(|item| item.header.action_type == ActionType::Deny && item.document.is_none())
        .count();
    assert!(kept > 5 && kept < 500 && headers > 5, "{kept} {headers}");
    assert!(spool.depth().unwrap().bytes <= MIN_MAX_BYTES);

    // While it is full nothing is told; with room it is, once and exactly.
    assert_eq!(bench.tell(&mut spool), 0);
    let depth = spool.depth().unwrap();
    acknowledge_all(&mut spool);
    assert_eq!(bench.tell(&mut spool), 1);
    assert_eq!(bench.tell(&mut spool), 0);
    let gaps = Bench::gaps(&spool);
    assert_eq!(gaps.len(), 1);
    let number = |key: &str| gaps[0][key].as_u64().unwrap();
    assert_eq!(number("calls") + number("refusals"), depth.dropped);
    assert_eq!(number("refusals"), 500 - kept as u64);
    assert!(number("contents") > 100);
    assert_eq!(gaps[0]["why"], "spool full");
    let after = spool.depth().unwrap();
    assert_eq!(
        (after.dropped, after.untold, after.gaps),
        (depth.dropped, 0, 1)
    );
    bench.proven(&spool);
}

#[test]
fn what_is_slimmed_leaves_a_chain_that_an_edge_believes() {
    for made_by_us in [true, false] {
        let bench = Bench::new();
        if !made_by_us {
            drop(versions::spool_of_2(&bench, 0));
        }
        let mut spool = bounded(&bench, MIN_MAX_BYTES);
        record(&bench, &mut spool, 400, ActionType::Allow);
        let seqs = bench.proven(&spool);
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        assert!(seqs.len() >= 390, "{}", seqs.len());
        assert!(spool.depth().unwrap().bytes <= MIN_MAX_BYTES);
    }
}

#[test]
fn open_calls_take_room_too() {
    let bench = Bench::new();
    let mut spool = bounded(&bench, MIN_MAX_BYTES);
    let redactor = Redactor::new(Level::Full);
    let call = |n: u32| aap::ToolCall {
        call_id: Some(format!("call-{n}")),
        ..aap::ToolCall::new("test", "exec", content())
    };
    let mut slim = 0;
    for n in 0..700 {
        let call = call(n);
        let key = crate::event::CallKey::of(&call);
        let pending = redactor
            .seal(PendingCall {
                tool: call.tool.clone(),
                params: Some(call.params.clone()),
                params_digest: String::new(),
                verdict: Verdict::allow("nothing objected"),
                runtime: call.runtime.clone(),
                session_id: None,
                run_id: None,
                call_id: call.call_id.clone(),
                cwd: None,
                masked: Value::Null,
                secrets: Vec::new(),
                parent_call_id: None,
                over_budget: false,
                subagent_id: None,
                traceparent: None,
                approval: None,
            })
            .unwrap();
        spool
            .transact(false, |tx| {
                let (now, id) = (clock::now(), clock::trace_id(clock::now()));
                tx.put_call(&key, CallState::Pending, now, id, Some(pending))?;
                let kept = tx.call(&key)?.expect("it is known at least");
                slim += u32::from(kept.pending.is_none());
                Ok(())
            })
            .unwrap();
    }
    assert!(slim > 100, "{slim}");
    assert!(spool.depth().unwrap().bytes <= MIN_MAX_BYTES);
    assert_eq!(
        spool.depth().unwrap().dropped,
        0,
        "their ends may still come"
    );
}

#[test]
fn a_loss_that_is_no_matter_of_room_is_told_at_once() {
    let bench = Bench::new();
    let mut spool = bench.open();
    for why in [Why::DiskFull, Why::IoError, Why::Overrun] {
        note_beside(spool.path(), why, Loss::calls(2)).unwrap();
        note_beside(spool.path(), why, Loss::refusals(1)).unwrap();
    }
    let depth = spool.depth().unwrap();
    assert_eq!(
        (depth.dropped, depth.untold),
        (9, 9),
        "told before it is taken over"
    );
    spool.take_noted().unwrap();
    spool.take_noted().unwrap();
    assert_eq!(spool.depth().unwrap().dropped, 9);
    assert_eq!(bench.tell(&mut spool), 3);
    let told: BTreeSet<String> = Bench::gaps(&spool)
        .iter()
        .map(|gap| format!("{} {} {}", gap["why"], gap["calls"], gap["refusals"]))
        .collect();
    let expected =
        ["disk full", "io error", "recorder overrun"].map(|why| format!("\"{why}\" 2 1"));
    assert_eq!(told, BTreeSet::from(expected));
    bench.proven(&spool);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Whatever comes and goes: never over the bound, never fewer traces than told, the chain whole.
    #[test]
    fn nothing_is_lost_untold(steps in proptest::collection::vec((0..4_u8, 1..120_usize), 1..30)) {
        let bench = Bench::new();
        let mut spool = bounded(&bench, MIN_MAX_BYTES);
        let (mut offered, mut kept, mut told, mut acked) = (0_u64, 0_u64, 0_u64, 0_u64);
        for (what, count) in steps {
            match what {
                0 | 1 => {
                    let kind = if what == 0 { ActionType::Allow } else { ActionType::Deny };
                    offered += count as u64;
                    kept += record(&bench, &mut spool, count, kind) as u64;
                }
                2 => {
                    let run = spool.next_run(count).unwrap();
                    let headers: Vec<_> = run.iter().map(|link| &link.item.header).collect();
                    acked += headers.len() as u64;
                    spool.transact(true, |tx| tx.acknowledge(&headers, clock::now())).unwrap();
                }
                _ => {
                    told += bench.tell(&mut spool) as u64;
                }
            }
            let depth = spool.depth().unwrap();
            prop_assert!(depth.bytes <= MIN_MAX_BYTES);
            prop_assert_eq!(depth.waiting, kept + told - acked);
            prop_assert_eq!(depth.dropped, offered - kept);
        }
        let before = spool.depth().unwrap();
        acknowledge_all(&mut spool);
        bench.tell(&mut spool);
        let after = spool.depth().unwrap();
        prop_assert_eq!(after.untold, 0);
        prop_assert_eq!(after.dropped, before.dropped);
    }
}

#[test]
fn a_link_takes_little_more_than_its_bytes() {
    for (chars, most) in [(300, 2200), (2000, 4300), (3000, 5000)] {
        let bench = Bench::new();
        let mut spool = bench.open();
        let before = spool.depth().unwrap().bytes;
        let text = "x".repeat(chars);
        let traces = (0..200)
            .map(|n| bench.made(json!({ "n": n, "text": text }), ActionType::Allow))
            .collect();
        spool.transact(false, |tx| tx.append(traces)).unwrap();
        let each = (spool.depth().unwrap().bytes - before) / 200;
        assert!(each <= most, "{each} bytes where the text has {chars}");
    }
}

/// Bytes of the WAL and of the file.
fn lengths(bench: &Bench) -> (u64, u64) {
    let length = |name| {
        std::fs::metadata(bench.dir.path().join(name))
            .unwrap()
            .len()
    };
    (length("spool.db-wal"), length("spool.db"))
}

#[test]
fn the_log_of_a_process_that_stays_has_an_end() {
    let bench = Bench::new();
    let mut spool = bench.open();
    for _ in 0..3000 {
        let trace = bench.made(json!({ "text": "x".repeat(1000) }), ActionType::Allow);
        spool.transact(false, |tx| tx.append(vec![trace])).unwrap();
    }
    let (log, file) = lengths(&bench);
    // A frame is a page and 24 bytes. However slow the disk, no more is written beside a fold than this.
    let most = (u64::from(RESIDENT_WAL_PAGES) + 2 * AHEAD_PAGES as u64) * (4096 + 24);
    assert!(log <= most, "{log}");
    assert!(file > 3000 * 1000 / 2, "most is in the file: {file}");
}

#[test]
fn the_log_is_folded_in_behind_who_writes() {
    let bench = Bench::new();
    let mut spool = bench.open();
    let traces = (0..1500)
        .map(|_| bench.made(content(), ActionType::Allow))
        .collect();
    spool.transact(false, |tx| tx.append(traces)).unwrap();
    spool.folding.wait();
    let (log, file) = lengths(&bench);
    // Short of what SQLite would do by itself.
    assert!(log < u64::from(RESIDENT_WAL_PAGES) * 4096, "{log}");
    assert!(file > 1500 * 2000, "{file}");
    bench.append(&mut spool, 1);
    assert_eq!(spool.waiting(1).unwrap().count, 1501);
}
