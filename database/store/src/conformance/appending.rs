//! What `append` answers, and what is there afterwards.

use aap::wire::Status;
use aap::{AgentId, Timestamp, TraceId, ValidBatch};
use serde_json::{Map, Value, json};

use super::input::{Agent, Store, flat, flat_batch, now, send};
use crate::{Appended, Filter, PageRequest, TraceRow};

pub(super) fn statuses(answers: &[Appended]) -> Vec<Status> {
    answers.iter().map(|answer| answer.status).collect()
}

/// The first page, newest first.
pub(super) async fn listed(store: &impl Store) -> Vec<TraceRow> {
    let everything = Filter::default();
    let page = store.traces(&everything, PageRequest::default()).await;
    page.expect("the store answers").rows
}

/// The same batch twice: nothing is counted twice.
pub async fn a_batch_sent_again_is_a_duplicate(store: &impl Store) {
    let mut agent = Agent::new(1);
    let calls = agent.calls(3, -10_000);
    let batch = agent.batch_of(calls);
    let first = send(store, batch.clone(), now(0)).await;
    assert_eq!(statuses(&first), [Status::Stored; 3]);
    let before = (
        store.agent(agent.id).await.unwrap().unwrap(),
        store.streams(agent.id).await.unwrap(),
        store.sessions(agent.id, 10).await.unwrap(),
        listed(store).await,
        store.last_position().await.unwrap(),
    );
    let told: Vec<_> = first
        .into_iter()
        .rev()
        .map(|one| one.row.unwrap())
        .collect();
    assert_eq!(told, before.3, "the rows told are the rows listed");
    let again = send(store, batch, now(60_000)).await;
    assert_eq!(statuses(&again), [Status::Duplicate; 3]);
    assert!(again.iter().all(|one| one.row.is_none()));
    let after = (
        store.agent(agent.id).await.unwrap().unwrap(),
        store.streams(agent.id).await.unwrap(),
        store.sessions(agent.id, 10).await.unwrap(),
        listed(store).await,
        store.last_position().await.unwrap(),
    );
    assert_eq!(before, after);
}

/// The first content stays, and the answer says so.
pub async fn another_content_of_an_id_is_a_conflict(store: &impl Store) {
    let first = flat_batch(&[flat(7, 1, 0, "first")]);
    let id = first.traces()[0].facts().trace_id;
    send(store, first, now(0)).await;
    let other = flat_batch(&[flat(7, 1, 0, "second")]);
    let answers = send(store, other, now(1)).await;
    assert_eq!(statuses(&answers), [Status::Conflict]);
    assert!(
        answers[0]
            .reason
            .as_ref()
            .is_some_and(|why| !why.is_empty())
    );
    // Somebody else's id is a conflict too, and takes nothing from its owner.
    let mut stolen = flat(8, 1, 0, "first");
    stolen["id"] = json!(id);
    let answers = send(store, flat_batch(&[stolen]), now(2)).await;
    assert_eq!(statuses(&answers), [Status::Conflict]);
    let kept = store.trace(id).await.unwrap().unwrap();
    let document = kept.document.unwrap();
    assert_eq!(document["context"]["metadata"]["result"], "first");
    assert_eq!(listed(store).await.len(), 1);
    let agent = store.agent(kept.row.agent_id).await.unwrap().unwrap();
    assert_eq!(agent.traces, 1);
}

/// A batch of known and new links.
pub async fn what_is_known_of_a_batch_is_a_duplicate_and_the_rest_is_stored(store: &impl Store) {
    let mut agent = Agent::new(1);
    let items: Vec<_> = agent
        .calls(5, 0)
        .into_iter()
        .map(|made| agent.link(made))
        .collect();
    let answers = send(store, agent.batch(items[..3].to_vec()), now(0)).await;
    assert_eq!(statuses(&answers), [Status::Stored; 3]);
    let answers = send(store, agent.batch(items[1..].to_vec()), now(1)).await;
    let (duplicate, stored) = (Status::Duplicate, Status::Stored);
    assert_eq!(statuses(&answers), [duplicate, duplicate, stored, stored]);
    let row = store.agent(agent.id).await.unwrap().unwrap();
    assert_eq!((row.traces, row.signed), (5, 5));
    assert_eq!(store.streams(agent.id).await.unwrap()[0].links, 5);
}

/// Twice in one batch, once in the store.
pub async fn one_trace_twice_in_a_batch_is_stored_once(store: &impl Store) {
    let (once, changed) = (flat(7, 1, 0, "a"), flat(7, 1, 0, "b"));
    let answers = send(store, flat_batch(&[once.clone(), once, changed]), now(0)).await;
    let expected = [Status::Stored, Status::Duplicate, Status::Conflict];
    assert_eq!(statuses(&answers), expected);
    assert_eq!(listed(store).await.len(), 1);
}

/// No traces, no answers, nothing stored.
pub async fn an_empty_batch_is_answered_with_nothing(store: &impl Store) {
    assert!(send(store, ValidBatch::default(), now(0)).await.is_empty());
    assert_eq!(store.last_position().await.unwrap(), 0);
}

/// 1970 and 2100 stay in the trace; it is listed under its receipt and marked.
pub async fn odd_times_are_listed_under_receipt(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(4, 0);
    let day = 24 * 60 * 60 * 1000;
    let times = [
        Timestamp::from_millis(0),
        Timestamp::parse("2100-01-01T00:00:00Z").unwrap(),
        now(5 * 60 * 1000),
        now(-400 * day),
    ];
    for (call, time) in calls.iter_mut().zip(times) {
        call.timestamp = time;
    }
    let answers = send(store, agent.batch_of(calls), now(0)).await;
    let rows: Vec<_> = answers.into_iter().map(|one| one.row.unwrap()).collect();
    let marked: Vec<_> = rows.iter().map(|row| row.odd_time).collect();
    assert_eq!(
        marked,
        [true, true, false, false],
        "the limits themselves are not odd"
    );
    for (row, time) in rows.iter().zip(times) {
        assert_eq!(row.timestamp, time, "the trace keeps its own time");
        assert_eq!(row.at, if row.odd_time { now(0) } else { time });
        assert_eq!(row.received_at, now(0));
        let stored = store.trace(row.trace_id).await.unwrap().unwrap();
        assert_eq!(stored.row, *row);
    }
    let around = Filter {
        since: Some(now(0)),
        until: Some(now(1)),
        ..Filter::default()
    };
    let page = store.traces(&around, PageRequest::default()).await.unwrap();
    assert_eq!(
        page.rows.len(),
        2,
        "found by the time they are listed under"
    );
}

/// Unsigned traces are told from signed ones.
pub async fn flat_traces_stand_beside_signed_ones(store: &impl Store) {
    let mut agent = Agent::new(1);
    let call = agent.call(0);
    send(store, agent.batch_of(vec![call]), now(0)).await;
    send(store, flat_batch(&[flat(7, 1, 1, "r")]), now(1)).await;
    let rows = listed(store).await;
    let [flat, signed] = rows.as_slice() else {
        panic!("two rows, not {}", rows.len());
    };
    assert!(!flat.signed && flat.stream.is_none() && flat.seq.is_none());
    assert!(signed.signed && signed.stream == Some(agent.stream) && signed.seq == Some(1));
    assert_eq!(flat.tool_name, "web_fetch");
    assert_eq!(flat.duration_ms, Some(7.5));
    let detail = store.trace(flat.trace_id).await.unwrap().unwrap();
    assert!(detail.digest.is_none() && detail.note.is_none() && detail.document.is_some());
    let unsigned = store.agent(flat.agent_id).await.unwrap().unwrap();
    assert_eq!((unsigned.traces, unsigned.signed), (1, 0));
    assert!(unsigned.public_key.is_none());
    assert!(store.streams(flat.agent_id).await.unwrap().is_empty());
    let proven = store.agent(agent.id).await.unwrap().unwrap();
    let key = aap::note::write_public_key(&agent.key().verifying_key());
    assert_eq!(proven.public_key, Some(key));
}

/// The document that was sent is the document that is read, and it still proves its link.
pub async fn whole_documents_come_back(store: &impl Store) {
    let mut agent = Agent::new(1);
    let call = agent.refusal(0, "fs.delete.root", "deletes /", &["harm_prevention"]);
    let item = agent.link(call);
    let sent: Value = serde_json::from_str(item.document.as_ref().unwrap().get()).unwrap();
    send(store, agent.batch(vec![item.clone()]), now(0)).await;
    let detail = store.trace(item.header.trace_id).await.unwrap().unwrap();
    assert_eq!(detail.document, Some(sent));
    assert_eq!(detail.digest, Some(item.header.digest()));
    let row = &detail.row;
    assert_eq!(row.rule_id.as_deref(), Some("fs.delete.root"));
    assert_eq!(row.reason.as_deref(), Some("deletes /"));
    assert_eq!(row.values_violated, ["harm_prevention"]);
    assert_eq!(row.outcome.as_deref(), Some("refused"));
    assert_eq!(row.runtime.as_deref(), Some("openclaw"));
    assert_eq!(row.session_id.as_deref(), Some("session-1"));
    let everything = Filter::default();
    let page = store.documents(&everything, PageRequest::default()).await;
    let pages = page.unwrap().rows;
    assert_eq!(pages.len(), 1);
    assert_eq!((&pages[0].row, &pages[0].document), (row, &detail.document));
    assert_eq!(pages[0].digest, detail.digest);
}

/// Any text, and as much of it as a trace may hold.
pub async fn unicode_and_the_largest_document_come_back(store: &impl Store) {
    let mut agent = Agent::new(1);
    let text = "Grüße 🦀 \u{202e}עברית\u{202c} \"'\\ \u{1}\u{7f}\u{fffd} e\u{301}";
    let mut odd = agent.call(0);
    odd.tool = text.to_owned();
    odd.result = json!(text);
    odd.session_id = Some(text.to_owned());
    odd.extra = Map::from_iter([(text.to_owned(), json!([text, null, 1e300, -7]))]);
    let mut large = agent.call(1);
    large.result = json!("x".repeat(aap::limits::MAX_TRACE_BYTES - 2048));
    let items = vec![agent.link(odd), agent.link(large)];
    let sent: Vec<Value> = items
        .iter()
        .map(|item| serde_json::from_str(item.document.as_ref().unwrap().get()).unwrap())
        .collect();
    send(store, agent.batch(items.clone()), now(0)).await;
    for (item, sent) in items.iter().zip(sent) {
        let detail = store.trace(item.header.trace_id).await.unwrap().unwrap();
        assert_eq!(detail.document, Some(sent));
        assert_eq!(detail.row.tool_name, item.header.tool_name);
    }
    let sessions = store.sessions(agent.id, 10).await.unwrap();
    assert!(sessions.iter().any(|session| session.session_id == text));
}

/// Nobody and nothing is an answer, not an error.
pub async fn what_is_absent_is_none(store: &impl Store) {
    store.ready().await.unwrap();
    let (agent, trace) = (AgentId::from_bytes([9; 16]), TraceId::from_bytes([9; 16]));
    assert!(store.trace(trace).await.unwrap().is_none());
    assert!(store.agent(agent).await.unwrap().is_none());
    assert!(store.card(agent).await.unwrap().is_none());
    assert!(store.agents(10).await.unwrap().is_empty());
    assert!(store.sessions(agent, 10).await.unwrap().is_empty());
    assert!(store.streams(agent).await.unwrap().is_empty());
    assert!(store.equivocations(agent).await.unwrap().is_empty());
    assert_eq!(store.last_position().await.unwrap(), 0);
    let received = store.received_after(0, &Filter::default(), 10).await;
    assert!(received.unwrap().is_empty());
    for filter in [
        Filter::default(),
        Filter {
            agent_id: Some(agent),
            ..Filter::default()
        },
        Filter {
            session_id: Some("none".to_owned()),
            ..Filter::default()
        },
    ] {
        let page = store.traces(&filter, PageRequest::default()).await.unwrap();
        assert!(page.rows.is_empty() && page.next.is_none());
        let stats = store.stats(&filter, 3_600_000, now(0)).await.unwrap();
        assert_eq!((stats.total, stats.agents), (0, 0));
        assert!(stats.over_time.iter().all(|bucket| bucket.allow == 0));
    }
}
