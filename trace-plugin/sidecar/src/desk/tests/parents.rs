//! What made a call is told of it, though only its before-event knew.

use super::*;

#[test]
fn the_parents_that_the_before_event_told_are_in_the_trace() {
    let mut bench = bench();
    let (trace, span) = ("e84b8dd7971f335c617cc7695d622a2b", "623e8015e657319e");
    let ctx =
        json!({"sessionId": "s", "trace": {"traceId": trace, "spanId": span, "traceFlags": "01"}});
    let call = |id: &str| json!({"toolName": "read", "params": {"path": "a"}, "runId": "r", "toolCallId": id});
    let before = |id: &str| json!({"hook": "before_tool_call", "event": call(id), "ctx": ctx});
    let (ended, open) = ("tool_search_code:c1:read:1", "tool_search_code:c1:read:2");
    bench.feed(
        Dialect::OpenClaw,
        &[
            before(ended),
            json!({"hook": "after_tool_call", "event": call(ended), "ctx": {}}),
            before(open),
        ],
    );
    let later = clock::now().millis() + i64::try_from(ORPHAN_AFTER.as_millis()).unwrap() + 1;
    bench.desk.sweep(Timestamp::from_millis(later)).unwrap();
    let told = bench.traces();
    assert_eq!(told.len(), 2);
    for (one, id) in told.iter().zip([ended, open]) {
        let metadata = &one["context"]["metadata"];
        assert_eq!(metadata["tool_call_id"], id);
        assert_eq!(metadata["parent_call_id"], "c1");
        assert_eq!(metadata["traceparent"], format!("00-{trace}-{span}-01"));
        assert!(metadata.get("over_budget").is_none());
    }
}

#[test]
fn a_call_that_ran_past_the_budget_is_marked() {
    let mut bench = bench_with(Mode::Observe);
    let call =
        json!({"toolName": "read", "params": {"path": "a"}, "runId": "r", "toolCallId": "c"});
    bench.feed(
        Dialect::OpenClaw,
        &[json!({"hook": "after_tool_call", "event": call, "ctx": {}, "overBudget": true})],
    );
    assert_eq!(
        bench.traces()[0]["context"]["metadata"]["over_budget"],
        true
    );
}
