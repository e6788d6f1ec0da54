//! Records of losses cost the same to find, however many other errors an agent has.

#![cfg(feature = "pool")]
#![allow(clippy::unwrap_used)] // A failed assertion is the message.

mod support;

use aap::ActionType;
use aap::trace::GAP_TOOL;
use support::{admin, alone};
use trace_store::conformance::{Agent, now, send};
use trace_store::{Filter, PageRequest, TraceReader as _};

/// Batches of errors, each of this many.
const BATCHES: i64 = 6;
const CALLS: u32 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn losses_are_read_from_their_index_and_nothing_else_is_looked_at() {
    let (store, guard) = alone().await;
    let mut agent = Agent::new(1);
    for batch in 0..BATCHES {
        let mut calls = agent.calls(CALLS, -10_000_000 + batch * 1_000_000);
        for call in &mut calls {
            call.action_type = ActionType::Error;
        }
        // The oldest of all: behind every other error.
        if batch == 0 {
            GAP_TOOL.clone_into(&mut calls[0].tool);
        }
        send(&store, agent.batch_of(calls), now(0)).await;
    }
    let admin = admin(&guard.url).await;
    admin.batch_execute("ANALYZE public.traces").await.unwrap();
    let sql = format!(
        "EXPLAIN (ANALYZE, BUFFERS OFF) SELECT t.trace_id FROM public.traces t WHERE t.agent_id = '{}' \
         AND t.tool_name = '{GAP_TOOL}' ORDER BY t.at DESC, t.trace_id DESC LIMIT 5",
        agent.id
    );
    let rows = admin.query(&sql, &[]).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(
        plan.contains("Index") && !plan.contains("Rows Removed"),
        "{plan}"
    );
    let filter = Filter {
        agent_id: Some(agent.id),
        tool: Some(GAP_TOOL.to_owned()),
        ..Filter::default()
    };
    let found = store
        .documents(&filter, PageRequest::default())
        .await
        .unwrap();
    assert_eq!((found.rows.len(), found.next), (1, None));
}
