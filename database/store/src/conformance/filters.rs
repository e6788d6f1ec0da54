//! Filters, alone and together.

use aap::trace::GAP_TOOL;
use aap::{ActionType, TraceId, ValidBatch};
use serde_json::json;

use super::input::{Agent, Store, now, send};
use super::paging::walk;
use crate::filter::MAX_Q_BYTES;
use crate::{Direction, Filter, PageRequest, StoreError};

/// Two agents, two sessions, three tools, all outcomes: the ids by name.
async fn world(store: &impl Store) -> (Agent, Agent, Vec<TraceId>) {
    let (mut one, mut two) = (Agent::new(1), Agent::new(2));
    let ran = one.call(1000);
    let mut failed = one.call(2000);
    failed.action_type = ActionType::Error;
    failed.outcome = "failed";
    failed.error = Some("no such file".to_owned());
    failed.tool = String::from("read");
    let refused = one.refusal(
        3000,
        "fs.delete.root",
        "deletes /",
        &["harm_prevention", "honesty"],
    );
    let mut other = two.refusal(4000, "net.send", "sends a secret", &["privacy"]);
    other.tool = String::from("web_fetch");
    other.session_id = Some("session-2".to_owned());
    other.runtime = String::from("codex");
    let mut alone = two.call(5000);
    alone.session_id = None;
    let shared = two.call(6000);
    let mut ids = Vec::new();
    let sent: [ValidBatch; 2] = [
        one.batch_of(vec![ran, failed, refused]),
        two.batch_of(vec![other, alone, shared]),
    ];
    for batch in sent {
        ids.extend(batch.traces().iter().map(|trace| trace.facts().trace_id));
        send(store, batch, now(0)).await;
    }
    (one, two, ids)
}

async fn found(store: &impl Store, filter: &Filter, ids: &[TraceId]) -> Vec<usize> {
    let place = |id: TraceId| ids.iter().position(|one| *one == id).unwrap();
    let rows = walk(store, filter, Direction::Newer, 2).await;
    let found: Vec<_> = rows.iter().map(|row| place(row.trace_id)).collect();
    let mut older = walk(store, filter, Direction::Older, 3).await;
    older.reverse();
    assert_eq!(older, rows, "the same in both directions");
    let received = store.received_after(0, filter, 100).await.unwrap();
    let received: Vec<_> = received.iter().map(|row| place(row.trace_id)).collect();
    assert_eq!(received, found, "the same in the order of receipt");
    let documents = store
        .documents(filter, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(documents.rows.len(), found.len());
    found
}

#[allow(clippy::unnecessary_wraps)] // A filter's parts are optional; this keeps the tables below short.
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Each part of a filter by itself.
pub async fn each_filter_alone(store: &impl Store) {
    let (one, two, ids) = world(store).await;
    let all = Filter::default;
    #[rustfmt::skip]
    let cases: Vec<(Filter, &[usize])> = vec![
        (all(), &[0, 1, 2, 3, 4, 5]),
        (Filter { agent_id: Some(one.id), ..all() }, &[0, 1, 2]),
        (Filter { agent_id: Some(two.id), ..all() }, &[3, 4, 5]),
        (Filter { action_type: Some(ActionType::Allow), ..all() }, &[0, 4, 5]),
        (Filter { action_type: Some(ActionType::Deny), ..all() }, &[2, 3]),
        (Filter { action_type: Some(ActionType::Error), ..all() }, &[1]),
        (Filter { tool: text("exec"), ..all() }, &[0, 2, 4, 5]),
        (Filter { tool: text("EXEC"), ..all() }, &[]),
        (Filter { session_id: text("session-1"), ..all() }, &[0, 1, 2, 5]),
        (Filter { session_id: text("session-2"), ..all() }, &[3]),
        (Filter { value: text("honesty"), ..all() }, &[2]),
        (Filter { value: text("privacy"), ..all() }, &[3]),
        (Filter { value: text("priv"), ..all() }, &[]),
        (Filter { rule_id: text("net.send"), ..all() }, &[3]),
        (Filter { runtime: text("codex"), ..all() }, &[3]),
        (Filter { runtime: text("openclaw"), ..all() }, &[0, 1, 2, 4, 5]),
        (Filter { since: Some(now(3000)), ..all() }, &[2, 3, 4, 5]),
        (Filter { until: Some(now(3000)), ..all() }, &[0, 1]),
        (Filter { q: text("NO SUCH"), ..all() }, &[1]),
        (Filter { q: text("web_fetch"), ..all() }, &[3]),
        (Filter { q: text("ls -la"), ..all() }, &[0, 1, 2, 3, 4, 5]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(store, &filter, &ids).await, expected, "{filter:?}");
    }
}

/// Every part that is given must hold.
pub async fn filters_together(store: &impl Store) {
    let (one, two, ids) = world(store).await;
    let all = Filter::default;
    let deny = Some(ActionType::Deny);
    #[rustfmt::skip]
    let cases: Vec<(Filter, &[usize])> = vec![
        (Filter { agent_id: Some(one.id), action_type: deny, ..all() }, &[2]),
        (Filter { agent_id: Some(two.id), session_id: text("session-1"), ..all() }, &[5]),
        (Filter { agent_id: Some(one.id), session_id: text("session-2"), ..all() }, &[]),
        (Filter { session_id: text("session-1"), action_type: deny, ..all() }, &[2]),
        (Filter { action_type: deny, since: Some(now(3001)), until: Some(now(9000)), ..all() }, &[3]),
        (Filter { agent_id: Some(one.id), since: Some(now(2000)), until: Some(now(3000)), ..all() }, &[1]),
        (Filter { tool: text("exec"), value: text("harm_prevention"), ..all() }, &[2]),
        (Filter { tool: text("exec"), value: text("privacy"), ..all() }, &[]),
        (Filter { since: Some(now(5000)), until: Some(now(4000)), ..all() }, &[]),
        (Filter {
            agent_id: Some(two.id), action_type: deny, tool: text("web_fetch"), session_id: text("session-2"),
            value: text("privacy"), rule_id: text("net.send"), runtime: text("codex"), since: Some(now(4000)), until: Some(now(4001)),
            q: text("Sends A"),
        }, &[3]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(store, &filter, &ids).await, expected, "{filter:?}");
    }
}

/// Records of losses, which stores keep an index of, whatever else is asked for.
pub async fn losses_are_found_among_other_errors(store: &impl Store) {
    let (mut one, mut two) = (Agent::new(1), Agent::new(2));
    let mut ids = Vec::new();
    for agent in [&mut one, &mut two] {
        let calls = (0..6).map(|number| {
            let mut call = agent.call(1_000 * number);
            call.action_type = ActionType::Error;
            if number % 3 == 2 {
                GAP_TOOL.clone_into(&mut call.tool);
                call.outcome = "gap";
                call.session_id = (number == 5).then(|| "session-1".to_owned());
            }
            call
        });
        let calls = calls.collect();
        let batch = agent.batch_of(calls);
        ids.extend(batch.traces().iter().map(|trace| trace.facts().trace_id));
        send(store, batch, now(9_000)).await;
    }
    let of_one = || Filter {
        agent_id: Some(one.id),
        tool: text(GAP_TOOL),
        ..Filter::default()
    };
    let error = Some(ActionType::Error);
    #[rustfmt::skip]
    let cases: Vec<(Filter, &[usize])> = vec![
        (of_one(), &[2, 5]),
        (Filter { agent_id: Some(two.id), ..of_one() }, &[8, 11]),
        (Filter { action_type: error, ..of_one() }, &[2, 5]),
        (Filter { action_type: Some(ActionType::Allow), ..of_one() }, &[]),
        (Filter { action_type: Some(ActionType::Deny), ..of_one() }, &[]),
        (Filter { session_id: text("session-1"), ..of_one() }, &[5]),
        (Filter { since: Some(now(2_001)), ..of_one() }, &[5]),
        (Filter { until: Some(now(5_000)), ..of_one() }, &[2]),
        (Filter { runtime: text("openclaw"), action_type: error, ..of_one() }, &[2, 5]),
        (Filter { q: text("SMOLTBOT.gap"), ..of_one() }, &[2, 5]),
        (Filter { tool: text("smoltbot.GAP"), ..of_one() }, &[]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(store, &filter, &ids).await, expected, "{filter:?}");
    }
}

/// `%`, `_`, quotes and backslashes are letters like others.
pub async fn text_is_searched_literally(store: &impl Store) {
    let mut agent = Agent::new(1);
    let texts = [
        "100% sure",
        "snake_case",
        "say \"hi\"",
        r"C:\temp",
        "it's; --",
        "größe",
        "1000 sure",
        "snakeXcase",
    ];
    let mut calls = agent.calls(8, 0);
    for (call, text) in calls.iter_mut().zip(texts) {
        call.params = Some(json!({ "command": text }));
    }
    let mut named = agent.call(20_000);
    named.tool = String::from("odd\"to%ol");
    calls.push(named);
    let batch = agent.batch_of(calls);
    let ids: Vec<_> = batch
        .traces()
        .iter()
        .map(|one| one.facts().trace_id)
        .collect();
    send(store, batch, now(0)).await;
    let cases: [(&str, &[usize]); 13] = [
        ("100%", &[0]),
        ("0% S", &[0]),
        ("e_c", &[1]),
        ("SAY \"HI\"", &[2]),
        ("\"hi\"", &[2]),
        (r"C:\temp", &[3]),
        (r":\t", &[3]),
        ("it's; --", &[4]),
        ("größe", &[5]),
        ("d\"to%", &[8]),
        ("%%", &[]),
        ("__", &[]),
        ("' OR 1=1", &[]),
    ];
    for (q, expected) in cases {
        let filter = Filter {
            q: text(q),
            ..Filter::default()
        };
        assert_eq!(found(store, &filter, &ids).await, expected, "{q}");
    }
    let long = |bytes| Filter {
        q: Some("\u{1}".repeat(bytes)),
        ..Filter::default()
    };
    assert!(found(store, &long(MAX_Q_BYTES), &ids).await.is_empty());
    let refused = store
        .traces(&long(MAX_Q_BYTES + 1), PageRequest::default())
        .await;
    let Err(StoreError::Failed(why)) = refused else {
        panic!("a longer q is refused");
    };
    assert!(why.contains("4096"), "{why}");
}

/// The page that an auditor reads.
pub async fn refusals_are_listed_with_their_reasons(store: &impl Store) {
    let (_, _, ids) = world(store).await;
    let refusals = Filter {
        action_type: Some(ActionType::Deny),
        ..Filter::default()
    };
    let page = store
        .traces(&refusals, PageRequest::default())
        .await
        .unwrap();
    let told: Vec<_> = page
        .rows
        .iter()
        .map(|row| {
            (
                row.trace_id,
                row.reason.as_deref(),
                row.values_violated.join(" "),
            )
        })
        .collect();
    let expected = [
        (ids[3], Some("sends a secret"), "privacy".to_owned()),
        (
            ids[2],
            Some("deletes /"),
            "harm_prevention honesty".to_owned(),
        ),
    ];
    assert_eq!(told, expected);
}
