//! The window by itself: seats, refills, readers that are behind.

use std::net::IpAddr;

use aap::{Timestamp, TraceId};

use super::*;
use crate::ClientNet;

fn network(last: u8) -> Network {
    ClientNet(IpAddr::from([192, 0, 2, last])).into()
}

fn row(position: i64) -> TraceRow {
    let at = Timestamp::from_millis(position);
    TraceRow {
        trace_id: TraceId::from_bytes([1; 16]),
        agent_id: AgentId::from_bytes([2; 16]),
        timestamp: at,
        at,
        odd_time: false,
        received_at: at,
        position,
        tool_name: "exec".to_owned(),
        action_type: if position % 2 == 0 {
            ActionType::Deny
        } else {
            ActionType::Allow
        },
        session_id: None,
        rule_id: None,
        reason: Some("line\nbreak".to_owned()),
        values_violated: Vec::new(),
        duration_ms: None,
        runtime: None,
        outcome: None,
        signed: false,
        stream: None,
        seq: None,
        held_back: false,
    }
}

fn rows(from: i64, to: i64) -> Vec<TraceRow> {
    (from..=to).map(row).collect()
}

/// Refills by what a store with positions up to `newest` answers.
fn refill(seat: &Seat, newest: i64) -> bool {
    let end = seat.live.window().end;
    match seat.next(end, &Filter::default()) {
        Next::Refill(refill) => {
            let to = newest.min(refill.after() + i64::from(refill.rows()));
            let refilled = rows(refill.after() + 1, to);
            refill.done(&refilled);
            true
        }
        _ => false,
    }
}

fn positions(text: &Bytes) -> Vec<i64> {
    let text = std::str::from_utf8(text).unwrap();
    let ids = text.lines().filter_map(|line| line.strip_prefix("id: "));
    ids.map(|id| id.parse().unwrap()).collect()
}

#[test]
fn seats_are_bounded_and_free_again_when_left() {
    let live = Arc::new(Live::new());
    let mut seats = Vec::new();
    for last in 0..8 {
        for _ in 0..MAX_LIVE_PER_NETWORK {
            seats.push(live.sit_down(network(last), 0).unwrap());
        }
        assert!(
            live.sit_down(network(last), 0).is_none(),
            "its network's last seat is taken"
        );
    }
    assert_eq!(seats.len(), MAX_LIVE_STREAMS);
    assert!(live.sit_down(network(9), 0).is_none(), "all are taken");
    seats.pop();
    assert!(live.sit_down(network(9), 0).is_some());
    seats.clear();
    assert!(live.window().by_network.is_empty());
}

#[test]
fn one_reader_refills_for_all() {
    let live = Arc::new(Live::new());
    let seats = [
        live.sit_down(network(1), 10).unwrap(),
        live.sit_down(network(2), 10).unwrap(),
    ];
    let everything = Filter::default();
    let Next::Refill(first) = seats[0].next(10, &everything) else {
        panic!("what came between asking for the newest and sitting down is looked for");
    };
    assert!(
        matches!(seats[1].next(10, &everything), Next::Wait),
        "one is enough"
    );
    first.done(&rows(11, 12));
    for seat in &seats {
        let Next::Events { text, position } = seat.next(10, &everything) else {
            panic!("both see it");
        };
        assert_eq!((positions(&text), position), (vec![11, 12], 12));
        assert!(matches!(seat.next(12, &everything), Next::Wait));
    }
    live.wake();
    let Next::Refill(given_up) = seats[0].next(12, &everything) else {
        panic!("something was appended");
    };
    drop(given_up);
    assert!(
        matches!(seats[1].next(12, &everything), Next::Refill(_)),
        "another one takes over"
    );
}

#[test]
fn filters_pass_over_what_they_leave_out() {
    let live = Arc::new(Live::new());
    let seat = live.sit_down(network(1), 0).unwrap();
    assert!(refill(&seat, 5));
    let denied = Filter {
        action_type: Some(ActionType::Deny),
        ..Filter::default()
    };
    let Next::Events { text, position } = seat.next(0, &denied) else {
        panic!("there are some");
    };
    assert_eq!((positions(&text), position), (vec![2, 4], 5));
    let Next::Events { text, position } = seat.next(4, &denied) else {
        panic!("its place moves on");
    };
    assert_eq!((text.len(), position), (0, 5));
}

#[test]
fn a_reader_that_does_not_read_falls_behind_and_costs_nothing() {
    let live = Arc::new(Live::new());
    let seat = live.sit_down(network(1), 0).unwrap();
    let newest = i64::try_from(WINDOW * 2).unwrap();
    while refill(&seat, newest) {}
    let window = live.window();
    assert_eq!((window.events.len(), window.end), (WINDOW, newest));
    assert_eq!(window.start, newest - i64::try_from(WINDOW).unwrap());
    drop(window);
    let Next::Behind { window_end } = seat.next(1, &Filter::default()) else {
        panic!("the store has to be asked");
    };
    assert_eq!(window_end, newest);
    let Next::Events { text, position } = seat.next(newest - 1000, &Filter::default()) else {
        panic!("this place is in the window");
    };
    assert!(text.len() < PIECE_BYTES * 2, "sent in pieces");
    let told = positions(&text);
    assert_eq!((told[0], *told.last().unwrap()), (newest - 999, position));
}

#[test]
fn an_event_is_three_lines_whatever_it_holds() {
    let text = event_text(&row(7));
    assert_eq!(text.lines().count(), 4);
    assert!(text.starts_with("id: 7\nevent: trace\ndata: {") && text.ends_with("}\n\n"));
}

#[test]
fn closing_is_for_good() {
    let live = Arc::new(Live::new());
    let seat = live.sit_down(network(1), 0).unwrap();
    live.close();
    assert!(matches!(seat.next(0, &Filter::default()), Next::Closed));
    let late = live.sit_down(network(1), 0).unwrap();
    assert!(matches!(late.next(0, &Filter::default()), Next::Closed));
}
