//! Streams: gaps, headers whose content is held back, equivocations, notes.

use aap::batch::Item;
use aap::chain::{Digest, Header};
use aap::note::Checkpoint;
use aap::wire::Status;

use super::appending::{listed, statuses};
use super::input::{Agent, Store, flat, flat_batch, held_back, now, send};
use crate::Filter;

/// The header came first, its content later: the trace stands where it stood, now whole.
pub async fn content_fills_in_its_header(store: &impl Store) {
    let mut agent = Agent::new(1);
    let call = agent.refusal(0, "fs.delete.root", "deletes /", &["harm_prevention"]);
    let item = agent.link(call);
    let answers = send(store, agent.batch(vec![held_back(&item)]), now(0)).await;
    assert_eq!(statuses(&answers), [Status::Stored]);
    let header_only = store.trace(item.header.trace_id).await.unwrap().unwrap();
    assert!(header_only.row.held_back && header_only.document.is_none());
    assert_eq!(header_only.row.rule_id.as_deref(), Some("fs.delete.root"));
    assert!(header_only.row.signed && header_only.row.reason.is_none());
    assert!(store.sessions(agent.id, 10).await.unwrap().is_empty());
    let answers = send(store, agent.batch(vec![held_back(&item)]), now(1)).await;
    assert_eq!(statuses(&answers), [Status::Duplicate]);

    let answers = send(store, agent.batch(vec![item.clone()]), now(2)).await;
    assert_eq!(statuses(&answers), [Status::Stored]);
    assert!(
        answers[0].row.is_none(),
        "live readers were told of it before"
    );
    let whole = store.trace(item.header.trace_id).await.unwrap().unwrap();
    assert!(!whole.row.held_back && whole.document.is_some());
    assert_eq!(whole.row.position, header_only.row.position);
    assert_eq!(whole.row.received_at, now(0));
    assert_eq!(whole.row.reason.as_deref(), Some("deletes /"));
    assert_eq!(whole.row.values_violated, ["harm_prevention"]);
    assert_eq!(whole.row.session_id.as_deref(), Some("session-1"));
    let sessions = store.sessions(agent.id, 10).await.unwrap();
    assert_eq!((sessions[0].traces, sessions[0].denied), (1, 1));
    let row = store.agent(agent.id).await.unwrap().unwrap();
    assert_eq!((row.traces, row.denied, row.signed), (1, 1, 1));
    assert_eq!(store.streams(agent.id).await.unwrap()[0].links, 1);
    let answers = send(store, agent.batch(vec![item]), now(3)).await;
    assert_eq!(statuses(&answers), [Status::Duplicate]);
}

/// A header takes nothing away from the content that is there.
pub async fn a_header_after_its_content_is_a_duplicate(store: &impl Store) {
    let mut agent = Agent::new(1);
    let call = agent.call(0);
    let item = agent.link(call);
    send(store, agent.batch(vec![item.clone()]), now(0)).await;
    let answers = send(store, agent.batch(vec![held_back(&item)]), now(1)).await;
    assert_eq!(statuses(&answers), [Status::Duplicate]);
    let whole = store.trace(item.header.trace_id).await.unwrap().unwrap();
    assert!(!whole.row.held_back && whole.document.is_some());
}

/// Missing links are named until they come.
pub async fn gaps_are_seen_and_closed(store: &impl Store) {
    let mut agent = Agent::new(1);
    let items: Vec<_> = agent
        .calls(9, 0)
        .into_iter()
        .map(|made| agent.link(made))
        .collect();
    let state = async || {
        let streams = store.streams(agent.id).await.unwrap();
        assert_eq!(streams.len(), 1);
        assert_eq!(streams[0].stream, agent.stream);
        let last = usize::try_from(streams[0].last_seq).unwrap();
        assert_eq!(streams[0].digest, items[last - 1].header.digest());
        (last, streams[0].links, streams[0].first_gap)
    };
    // Seq 3 and 4 first, then 7, then the gaps from the back.
    for (range, expected) in [
        (2..4, (4, 2, Some(1))),
        (6..7, (7, 3, Some(1))),
        (0..1, (7, 4, Some(2))),
        (1..2, (7, 5, Some(5))),
        (7..9, (9, 7, Some(5))),
        (3..6, (9, 9, None)),
    ] {
        send(store, agent.batch(items[range.clone()].to_vec()), now(0)).await;
        assert_eq!(state().await, expected, "after {range:?}");
    }
}

/// Two contents for one place, both signed: both digests and the second note are kept.
pub async fn equivocations_are_kept_with_their_note(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut other = agent.restored();
    let mine: Vec<_> = agent
        .calls(2, 0)
        .into_iter()
        .map(|made| agent.link(made))
        .collect();
    let mut calls = other.calls(3, 50);
    calls[0].tool = String::from("write");
    let theirs: Vec<_> = calls.into_iter().map(|made| other.link(made)).collect();
    send(store, agent.batch(mine.clone()), now(0)).await;
    let batch = other.batch(theirs.clone());
    let note = batch.checkpoint().unwrap().note.clone();
    for _ in 0..2 {
        let answers = send(store, batch.clone(), now(9)).await;
        assert_eq!(
            statuses(&answers)[..2],
            [Status::Conflict, Status::Conflict]
        );
        assert!(answers[0].reason.is_some());
    }
    let found = store.equivocations(agent.id).await.unwrap();
    assert_eq!(found.len(), 2, "each is kept once");
    for (index, seq) in [(0, 2), (1, 1)] {
        let one = &found[index];
        let (first, second) = (&mine[seq - 1].header, &theirs[seq - 1].header);
        assert_eq!((one.stream, one.seq), (agent.stream, first.seq));
        assert_eq!(one.first_digest, first.digest());
        assert_eq!(one.second_digest, second.digest());
        assert_eq!(one.second_trace_id, second.trace_id);
        assert_eq!((&one.second_note, one.received_at), (&note, now(9)));
    }
    assert!(
        store
            .trace(theirs[0].header.trace_id)
            .await
            .unwrap()
            .is_none()
    );
    // The third link takes a place that was free, so it is stored.
    let row = store.agent(agent.id).await.unwrap().unwrap();
    assert_eq!(row.traces, 3);
    let stranger = Agent::new(2);
    assert!(store.equivocations(stranger.id).await.unwrap().is_empty());
}

/// A link that does not follow what is stored before it, or is not what the stored one after it follows, is a fork too.
pub async fn forks_between_batches_are_kept(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut other = agent.restored();
    let mine: Vec<_> = agent
        .calls(2, 0)
        .into_iter()
        .map(|made| agent.link(made))
        .collect();
    let theirs: Vec<_> = other
        .calls(3, 50)
        .into_iter()
        .map(|made| other.link(made))
        .collect();
    send(store, agent.batch(mine[..1].to_vec()), now(0)).await;
    // Their third link follows their second, which nobody has seen: so far it might fit.
    let answers = send(store, other.batch(theirs[2..].to_vec()), now(1)).await;
    assert_eq!(statuses(&answers), [Status::Stored]);
    assert!(store.equivocations(agent.id).await.unwrap().is_empty());
    // Ours comes: it follows our first, and their third does not follow it.
    let answers = send(store, agent.batch(mine[1..].to_vec()), now(2)).await;
    assert_eq!(statuses(&answers), [Status::Stored]);
    let found = store.equivocations(agent.id).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].stream, found[0].seq), (agent.stream, 2));
    assert_eq!(found[0].first_digest, theirs[1].header.digest());
    assert_eq!(found[0].second_digest, mine[1].header.digest());

    // The other way round: what is there is named wrongly by what comes.
    let mut third = Agent::new(3);
    let mut fourth = third.restored();
    let first: Vec<_> = third
        .calls(1, 0)
        .into_iter()
        .map(|made| third.link(made))
        .collect();
    let second: Vec<_> = fourth
        .calls(2, 50)
        .into_iter()
        .map(|made| fourth.link(made))
        .collect();
    send(store, third.batch(first.clone()), now(0)).await;
    let answers = send(store, fourth.batch(second[1..].to_vec()), now(1)).await;
    assert_eq!(statuses(&answers), [Status::Stored]);
    let found = store.equivocations(third.id).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].seq, 1);
    assert_eq!(found[0].first_digest, first[0].header.digest());
    assert_eq!(found[0].second_digest, second[0].header.digest());
    assert_eq!(found[0].second_trace_id, second[1].header.trace_id);
}

/// A seq that no database can hold as a number is refused, and its neighbours are not.
pub async fn a_seq_that_cannot_be_ordered_is_rejected(store: &impl Store) {
    let agent = Agent::new(1);
    let header = |seq, prev| Header {
        agent_id: agent.id,
        stream: agent.stream,
        seq,
        trace_id: aap::TraceId::from_bytes([u8::try_from(seq % 251).unwrap(); 16]),
        timestamp: now(0),
        tool_name: "exec".to_owned(),
        action_type: aap::ActionType::Allow,
        rule_id: None,
        prev,
        commitment: Digest::of(b"content"),
    };
    let highest = i64::MAX as u64;
    let first = header(highest, Digest::of(b"before"));
    let second = header(highest + 1, first.digest());
    let items = [first, second].map(|header| Item {
        header,
        document: None,
    });
    let answers = send(store, agent.batch(items.to_vec()), now(0)).await;
    assert_eq!(statuses(&answers), [Status::Stored, Status::Rejected]);
    assert!(answers[1].reason.as_ref().unwrap().contains("seq"));
    let streams = store.streams(agent.id).await.unwrap();
    assert_eq!(
        (streams[0].last_seq, streams[0].first_gap),
        (highest, Some(1))
    );
}

/// A batch of which nothing is new adds no stream, no session and no count.
pub async fn conflicts_leave_no_stream_behind(store: &impl Store) {
    let mut agent = Agent::new(1);
    let call = agent.call(0);
    let mut taken = flat(7, 1, 0, "r");
    taken["id"] = serde_json::json!(call.trace_id);
    send(store, flat_batch(&[taken]), now(0)).await;
    let answers = send(store, agent.batch_of(vec![call]), now(1)).await;
    assert_eq!(statuses(&answers), [Status::Conflict]);
    assert!(store.streams(agent.id).await.unwrap().is_empty());
    assert!(store.sessions(agent.id, 10).await.unwrap().is_empty());
    assert!(store.equivocations(agent.id).await.unwrap().is_empty());
    let counted = store
        .agent(agent.id)
        .await
        .unwrap()
        .map_or(0, |row| row.traces);
    assert_eq!(counted, 0);
    assert_eq!(listed(store).await.len(), 1);
}

/// Each trace keeps the note of the first batch that brought it, and the note proves it.
pub async fn notes_are_kept_by_trace(store: &impl Store) {
    let mut agent = Agent::new(1);
    let items: Vec<_> = agent
        .calls(4, 0)
        .into_iter()
        .map(|made| agent.link(made))
        .collect();
    send(store, agent.batch(items[..2].to_vec()), now(0)).await;
    send(store, agent.batch(items.clone()), now(1)).await;
    for (index, end) in [(0, 1), (1, 1), (2, 3), (3, 3)] {
        let detail = store.trace(items[index].header.trace_id).await.unwrap();
        let note = detail.unwrap().note.unwrap();
        let opened = Checkpoint::open(&note, &agent.key().verifying_key()).unwrap();
        assert_eq!(opened.seq, items[end].header.seq);
        assert_eq!(opened.digest, items[end].header.digest());
    }
    let all = store
        .received_after(0, &Filter::default(), 10)
        .await
        .unwrap();
    assert_eq!(all.len(), 4);
}
