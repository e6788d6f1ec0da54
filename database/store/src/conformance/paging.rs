//! Paging by keyset, also while others write.

use std::collections::HashSet;

use aap::TraceId;
use futures_util::future::join3;

use super::input::{Agent, Store, flat, flat_batch, now, send};
use crate::{Cursor, Direction, Filter, PageRequest, TraceRow};

/// All pages, one after another.
pub(super) async fn walk(
    store: &impl Store,
    filter: &Filter,
    direction: Direction,
    limit: u32,
) -> Vec<TraceRow> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest {
            limit,
            after,
            direction,
        };
        let page = store.traces(filter, request).await.unwrap();
        assert!(page.rows.len() <= limit as usize);
        rows.extend(page.rows);
        let Some(next) = page.next else { break };
        assert_ne!(after, Some(next), "paging goes on");
        // A cursor is as good after its way through a URL.
        after = Some(next.to_string().parse::<Cursor>().unwrap());
    }
    rows
}

fn keys(rows: &[TraceRow]) -> Vec<(i64, TraceId)> {
    rows.iter()
        .map(|row| (row.at.millis(), row.trace_id))
        .collect()
}

/// Either way yields the same rows, each in its order.
pub async fn pages_go_both_ways(store: &impl Store) {
    let mut agent = Agent::new(1);
    let calls = agent.calls(23, -30_000);
    send(store, agent.batch_of(calls), now(0)).await;
    let filter = Filter::default();
    let newer = keys(&walk(store, &filter, Direction::Newer, 1).await);
    assert_eq!(newer.len(), 23);
    assert!(newer.is_sorted());
    for limit in [1, 7, 22, 23, 24, 500] {
        let mut older = keys(&walk(store, &filter, Direction::Older, limit).await);
        older.reverse();
        assert_eq!(older, newer, "by {limit}");
    }
    // From the middle back to where one came from.
    let request = |direction, after| PageRequest {
        limit: 5,
        after,
        direction,
    };
    let first = store.traces(&filter, request(Direction::Older, None)).await;
    let first = first.unwrap();
    let second = store
        .traces(&filter, request(Direction::Older, first.next))
        .await;
    let top = second.unwrap().rows[0].clone();
    let cursor = Cursor {
        at: top.at,
        trace_id: top.trace_id,
    };
    let back = store
        .traces(&filter, request(Direction::Newer, Some(cursor)))
        .await;
    let mut back = back.unwrap().rows;
    back.reverse();
    assert_eq!(back, first.rows);
}

/// Rows of one millisecond are told apart by their ids.
pub async fn ties_in_time_are_ordered_by_id(store: &impl Store) {
    let traces: Vec<_> = [5, 1, 9, 3, 7, 2].map(|id| flat(7, id, 0, "r")).to_vec();
    send(store, flat_batch(&traces), now(0)).await;
    let older = walk(store, &Filter::default(), Direction::Older, 2).await;
    let mut keys = keys(&older);
    assert_eq!(keys.len(), 6);
    keys.reverse();
    assert!(keys.is_sorted());
}

/// 10 000 rows that are there from the start are all seen, each once, while more are written around them.
pub async fn many_pages_under_writes_have_no_gap_and_no_double(store: &impl Store) {
    const BATCHES: u16 = 20;
    const EACH: u16 = 500;
    let mut ids = HashSet::new();
    for batch in 0..BATCHES {
        let traces: Vec<_> = (0..EACH)
            .map(|index| {
                // Scattered over time, with ties.
                let id = batch * EACH + index;
                flat(7, id, -i64::from(id.wrapping_mul(7919) % 5000) * 10, "r")
            })
            .collect();
        let batch = flat_batch(&traces);
        ids.extend(batch.traces().iter().map(|trace| trace.facts().trace_id));
        send(store, batch, now(0)).await;
    }
    assert_eq!(ids.len(), usize::from(BATCHES * EACH));
    let writing = async {
        let mut others = Agent::new(1);
        for round in 0..40 {
            let calls = others.calls(50, -60_000 + round * 1000);
            send(store, others.batch_of(calls), now(0)).await;
        }
    };
    let filter = Filter::default();
    let older = walk(store, &filter, Direction::Older, 211);
    let newer = walk(store, &filter, Direction::Newer, 500);
    let (older, newer, ()) = join3(older, newer, writing).await;
    for rows in [older, newer] {
        let all: HashSet<_> = rows.iter().map(|row| row.trace_id).collect();
        assert_eq!(all.len(), rows.len(), "no double");
        assert!(ids.is_subset(&all), "no gap");
    }
}

/// Following by position sees everything once, in order, while several write.
pub async fn positions_rise_and_nothing_appears_behind_them(store: &impl Store) {
    const WRITES: usize = 40;
    let write = async |number: u8| {
        let mut agent = Agent::new(number);
        for _ in 0..WRITES {
            let calls = agent.calls(3, 0);
            let answers = send(store, agent.batch_of(calls), now(0)).await;
            let told: Vec<_> = answers
                .iter()
                .map(|one| one.row.as_ref().unwrap().position)
                .collect();
            assert!(told.is_sorted_by(|a, b| a < b));
        }
    };
    let everything = Filter::default();
    let follow = async {
        let (mut seen, mut position) = (Vec::new(), 0);
        while seen.len() < 2 * 3 * WRITES {
            // Whatever was received up to here is there to be read.
            let settled = store.last_position().await.unwrap();
            let rows = store.received_after(position, &everything, 7).await;
            let rows = rows.unwrap();
            assert!(rows.len() <= 7);
            assert!(settled <= position || !rows.is_empty());
            for row in rows {
                assert!(row.position > position, "rising");
                position = row.position;
                seen.push(row.trace_id);
            }
        }
        (seen, position)
    };
    let ((seen, highest), (), ()) = join3(follow, write(1), write(2)).await;
    assert_eq!(store.last_position().await.unwrap(), highest);
    let distinct: HashSet<_> = seen.iter().collect();
    assert_eq!(distinct.len(), 2 * 3 * WRITES);
    let mine = Filter {
        agent_id: Some(Agent::new(1).id),
        ..Filter::default()
    };
    let rows = store.received_after(0, &mine, 1000).await.unwrap();
    assert_eq!(rows.len(), 3 * WRITES);
    assert!(rows.iter().all(|row| Some(row.agent_id) == mine.agent_id));
}

/// A limit of zero or of a million does not break a page.
pub async fn odd_limits_are_brought_into_bounds(store: &impl Store) {
    let mut agent = Agent::new(1);
    let calls = agent.calls(3, 0);
    send(store, agent.batch_of(calls), now(0)).await;
    for (limit, expected) in [(0, 1), (u32::MAX, 3)] {
        let request = PageRequest {
            limit,
            ..PageRequest::default()
        };
        let page = store.traces(&Filter::default(), request).await.unwrap();
        assert_eq!(page.rows.len(), expected);
    }
}
