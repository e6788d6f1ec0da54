//! What pages ask beside listings: facets, what took longest, whole sessions, chains.

use aap::ActionType;
use aap::batch::Item;

use super::input::{Agent, Store, flat, flat_batch, held_back, now, send};
use crate::{Count, Cursor, Facets, Filter, LinkRow};

fn names(counts: &[Count]) -> Vec<(&str, u64)> {
    counts
        .iter()
        .map(|one| (one.name.as_str(), one.count))
        .collect()
}

/// Four calls and three refusals of one agent, a failure under another runtime, one unsigned trace.
async fn world(store: &impl Store) -> Agent {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(4, 0);
    calls.push(agent.refusal(10_000, "fs.delete", "deletes", &["privacy", "harm", "harm"]));
    calls.push(agent.refusal(11_000, "fs.delete", "deletes", &["harm"]));
    calls.push(agent.refusal(12_000, "net.send", "sends", &[]));
    let mut failed = agent.call(13_000);
    failed.action_type = ActionType::Error;
    failed.tool = String::from("read");
    failed.runtime = String::from("codex");
    failed.session_id = Some(String::from("session-2"));
    calls.push(failed);
    send(store, agent.batch_of(calls), now(14_000)).await;
    send(store, flat_batch(&[flat(7, 1, -500, "r")]), now(14_000)).await;
    agent
}

async fn facets(store: &impl Store, filter: &Filter) -> Facets {
    let facets = store.facets(filter, now(14_000)).await.unwrap();
    assert!(facets.complete && facets.sessions_complete);
    facets
}

/// Everything once, most frequent first, equals by name; headers join when their content comes.
pub async fn facets_count_what_the_filter_leaves(store: &impl Store) {
    let agent = world(store).await;
    let all = facets(store, &Filter::default()).await;
    assert_eq!(all.looked_at, 9);
    assert_eq!(
        names(&all.verdicts),
        [("allow", 5), ("deny", 3), ("error", 1)]
    );
    assert_eq!(
        names(&all.tools),
        [("exec", 7), ("read", 1), ("web_fetch", 1)]
    );
    assert_eq!(names(&all.runtimes), [("openclaw", 7), ("codex", 1)]);
    assert_eq!(names(&all.values), [("harm", 2), ("privacy", 1)]);
    assert_eq!(names(&all.rules), [("fs.delete", 2), ("net.send", 1)]);
    assert_eq!(names(&all.sessions), [("session-1", 7), ("session-2", 1)]);

    let under = |filter: Filter| async move { facets(store, &filter).await };
    let whole = Filter::default;
    let denied = under(Filter {
        action_type: Some(ActionType::Deny),
        ..whole()
    })
    .await;
    assert_eq!(names(&denied.verdicts), [("deny", 3)]);
    assert_eq!(names(&denied.sessions), [("session-1", 3)]);
    let codex = under(Filter {
        runtime: Some("codex".to_owned()),
        ..whole()
    })
    .await;
    assert_eq!(names(&codex.tools), [("read", 1)]);
    assert_eq!(names(&codex.sessions), [("session-2", 1)]);
    let harm = under(Filter {
        agent_id: Some(agent.id),
        value: Some("harm".to_owned()),
        ..whole()
    })
    .await;
    assert_eq!(names(&harm.values), [("harm", 2), ("privacy", 1)]);
    assert_eq!(names(&harm.rules), [("fs.delete", 2)]);
    let rule = under(Filter {
        rule_id: Some("net.send".to_owned()),
        ..whole()
    })
    .await;
    assert_eq!(
        (names(&rule.verdicts), rule.values.len()),
        (vec![("deny", 1)], 0)
    );
    let session = under(Filter {
        session_id: Some("session-2".to_owned()),
        ..whole()
    })
    .await;
    assert_eq!(names(&session.runtimes), [("codex", 1)]);
    let text = under(Filter {
        q: Some("DELETES".to_owned()),
        ..whole()
    })
    .await;
    assert_eq!(names(&text.rules), [("fs.delete", 2)]);
    let late = under(Filter {
        since: Some(now(12_000)),
        until: Some(now(13_000)),
        ..whole()
    })
    .await;
    assert_eq!(names(&late.rules), [("net.send", 1)]);
    let nobody = under(Filter {
        agent_id: Some(Agent::new(9).id),
        ..whole()
    })
    .await;
    assert_eq!((nobody.looked_at, nobody.verdicts.len()), (0, 0));
}

/// Longest first, what has no duration last; as many as are asked for, under the filter.
pub async fn the_longest_come_first(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(6, 0);
    for (call, duration) in calls
        .iter_mut()
        .zip([Some(5), None, Some(70), Some(0), Some(70), None])
    {
        call.duration_ms = duration;
    }
    calls[2].tool = String::from("read");
    let ids: Vec<_> = calls.iter().map(|call| call.trace_id).collect();
    send(store, agent.batch_of(calls), now(0)).await;
    for (limit, tool, expected) in [
        (10, None, &[4, 2, 0, 3, 5, 1][..]),
        (2, None, &[4, 2]),
        (0, None, &[4]),
        (10, Some("exec"), &[4, 0, 3, 5, 1]),
        (10, Some("none"), &[]),
    ] {
        let filter = Filter {
            tool: tool.map(str::to_owned),
            ..Filter::default()
        };
        let longest = store.longest(&filter, limit).await.unwrap();
        let place = |id| ids.iter().position(|one| *one == id).unwrap();
        let found: Vec<_> = longest.rows.iter().map(|row| place(row.trace_id)).collect();
        assert_eq!(found, expected, "{limit} of {tool:?}");
        assert_eq!((longest.looked_at, longest.complete), (6, true));
    }
    let elsewhere = Filter {
        agent_id: Some(Agent::new(9).id),
        ..Filter::default()
    };
    let longest = store.longest(&elsewhere, 5).await.unwrap();
    assert_eq!((longest.rows.len(), longest.looked_at), (0, 0));
}

/// A session from its first call to its last, by pages or at once, and nothing of another.
pub async fn sessions_are_told_call_by_call(store: &impl Store) {
    let (mut agent, mut other) = (Agent::new(1), Agent::new(2));
    let mut calls = agent.calls(7, 0);
    calls.push(agent.refusal(7000, "fs.delete", "deletes", &["harm"]));
    let mut elsewhere = agent.call(500);
    elsewhere.session_id = Some("session-2".to_owned());
    let expected: Vec<_> = calls.iter().map(|call| call.trace_id).collect();
    calls.insert(3, elsewhere);
    send(store, agent.batch_of(calls), now(0)).await;
    let theirs = other.calls(2, 0);
    send(store, other.batch_of(theirs), now(0)).await;
    for limit in [0, 1, 3, 7, 8, u32::MAX] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store
                .session_calls(agent.id, "session-1", after, limit)
                .await;
            let page = page.unwrap();
            assert!(page.rows.len() <= limit.max(1) as usize);
            found.extend(page.rows);
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse::<Cursor>().unwrap());
        }
        let ids: Vec<_> = found.iter().map(|call| call.trace_id).collect();
        assert_eq!(ids, expected, "by {limit}");
        let (first, last) = (&found[0], &found[7]);
        assert_eq!((first.at, first.duration_ms), (now(0), Some(12.0)));
        assert_eq!(first.outcome.as_deref(), Some("completed"));
        assert_eq!(last.action_type, ActionType::Deny);
        assert_eq!(last.rule_id.as_deref(), Some("fs.delete"));
    }
    let nothing = store.session_calls(other.id, "session-2", None, 10).await;
    assert!(nothing.unwrap().rows.is_empty());
}

/// Each link, in order, is what was sent; its digest is worked out from what is told, with or without the content.
pub async fn links_can_be_worked_out_again(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(6, 0);
    calls[1] = agent.refusal(1000, "fs.delete", "deletes", &["harm"]);
    let items: Vec<Item> = calls.into_iter().map(|made| agent.link(made)).collect();
    let mut sent = items.clone();
    sent[2] = held_back(&items[2]);
    sent[4] = held_back(&items[4]);
    let notes = [
        send_and_note(store, agent.batch(sent[..2].to_vec())).await,
        send_and_note(store, agent.batch(sent[2..].to_vec())).await,
    ];
    // The content of one comes later; the other stays away.
    send(store, agent.batch(vec![items[4].clone()]), now(2)).await;
    let expected: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| LinkRow {
            header: item.header.clone(),
            digest: item.header.digest(),
            note: match index {
                1 => Some(notes[0].clone()),
                5 => Some(notes[1].clone()),
                _ => None,
            },
        })
        .collect();
    let links = async |after, limit| {
        let links = store.links(agent.id, agent.stream, after, limit);
        links.await.unwrap()
    };
    assert_eq!(links(0, 500).await, expected);
    assert_eq!(links(0, 3).await, expected[..3]);
    assert_eq!(links(3, 2).await, expected[3..5]);
    assert_eq!(links(5, 0).await, expected[5..]);
    assert!(links(6, 500).await.is_empty() && links(u64::MAX, 1).await.is_empty());
    let stranger = Agent::new(2);
    let nothing = store.links(stranger.id, agent.stream, 0, 10).await.unwrap();
    assert!(nothing.is_empty(), "a stream belongs to its agent");
}

async fn send_and_note(store: &impl Store, batch: aap::ValidBatch) -> String {
    let note = batch.checkpoint().unwrap().note.clone();
    send(store, batch, now(0)).await;
    note
}
