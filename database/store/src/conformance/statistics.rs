//! Counts over time, by tool, value and rule.

use aap::ActionType;

use super::input::{Agent, Store, flat, flat_batch, held_back, now, send};
use crate::Filter;

const HOUR: i64 = 60 * 60 * 1000;
const MINUTE: i64 = 60 * 1000;

/// Calls over three hours before now: by hour 2, 0 and 3 that ran, one failed, three refusals.
async fn world(store: &impl Store) -> Agent {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(2, -3 * HOUR);
    calls.extend(agent.calls(3, -HOUR));
    calls.extend(agent.calls(1, -HOUR));
    calls[5].action_type = ActionType::Error;
    calls.push(agent.refusal(-HOUR, "fs.delete", "first", &["harm_prevention", "privacy"]));
    calls.push(agent.refusal(-1000, "fs.delete", "newest", &["harm_prevention"]));
    calls.push(agent.refusal(-2000, "net.send", "sends", &["privacy", "privacy"]));
    calls[8].tool = String::from("web_fetch");
    send(store, agent.batch_of(calls), now(0)).await;
    send(store, flat_batch(&[flat(7, 1, -500, "r")]), now(0)).await;
    agent
}

/// Each trace once, in every way of counting.
pub async fn stats_count_everything_once(store: &impl Store) {
    world(store).await;
    // From rows and, where the store keeps them, from counts: the same.
    for bucket in [HOUR, 5 * MINUTE, MINUTE, 7 * MINUTE] {
        let stats = store
            .stats(&Filter::default(), bucket, now(0))
            .await
            .unwrap();
        assert_eq!((stats.total, stats.agents), (10, 2), "by {bucket}");
        assert_eq!((stats.allow, stats.deny, stats.error), (6, 3, 1));
        let over_time = stats.over_time.iter();
        let sum: u64 = over_time.map(|one| one.allow + one.deny + one.error).sum();
        assert_eq!(sum, 10);
        let tools: Vec<_> = stats
            .tools
            .iter()
            .map(|row| (row.tool.as_str(), row.count, row.denied, row.errors))
            .collect();
        assert_eq!(tools, [("exec", 8, 2, 1), ("web_fetch", 2, 1, 0)]);
        let values: Vec<_> = stats
            .values
            .iter()
            .map(|value| (value.name.as_str(), value.count))
            .collect();
        assert_eq!(values, [("harm_prevention", 2), ("privacy", 2)]);
        let rules: Vec<_> = stats
            .rules
            .iter()
            .map(|rule| {
                let names = (rule.rule_id.as_deref(), rule.reason.as_deref());
                (names, rule.count, rule.last)
            })
            .collect();
        let expected = [
            ((Some("fs.delete"), Some("newest")), 2, now(-1000)),
            ((Some("net.send"), Some("sends")), 1, now(-2000)),
        ];
        assert_eq!(rules, expected);
    }
}

/// A span in which nothing happened is there, with zeros.
pub async fn stats_have_empty_buckets(store: &impl Store) {
    world(store).await;
    let filter = Filter {
        since: Some(now(-4 * HOUR)),
        ..Filter::default()
    };
    let stats = store.stats(&filter, HOUR, now(0)).await.unwrap();
    assert_eq!(stats.bucket_ms, HOUR);
    // 02:10 now: the hours from 22:00 to 02:00, of which 00:00 saw nothing.
    let buckets: Vec<_> = stats
        .over_time
        .iter()
        .map(|one| {
            (
                one.start.millis() - now(-10 * MINUTE).millis(),
                one.allow,
                one.deny,
                one.error,
            )
        })
        .collect();
    let expected = [
        (-4 * HOUR, 0, 0, 0),
        (-3 * HOUR, 2, 0, 0),
        (-2 * HOUR, 0, 0, 0),
        (-HOUR, 3, 1, 1),
        (0, 1, 2, 0),
    ];
    assert_eq!(buckets, expected);
}

/// Every part of a filter but `q` counts.
pub async fn stats_obey_the_filter(store: &impl Store) {
    let agent = world(store).await;
    let all = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    #[rustfmt::skip]
    let cases: Vec<(Filter, (u64, u64, usize, usize))> = vec![
        (Filter { agent_id: Some(agent.id), ..all() }, (9, 1, 2, 2)),
        (Filter { agent_id: Some(Agent::new(9).id), ..all() }, (0, 0, 0, 0)),
        (Filter { action_type: Some(ActionType::Allow), ..all() }, (6, 2, 0, 0)),
        (Filter { action_type: Some(ActionType::Deny), ..all() }, (3, 1, 2, 2)),
        (Filter { action_type: Some(ActionType::Error), ..all() }, (1, 1, 0, 0)),
        (Filter { tool: text("web_fetch"), ..all() }, (2, 2, 1, 1)),
        (Filter { session_id: text("session-1"), ..all() }, (9, 1, 2, 2)),
        (Filter { value: text("privacy"), ..all() }, (2, 1, 2, 2)),
        (Filter { rule_id: text("fs.delete"), ..all() }, (2, 1, 2, 1)),
        (Filter { q: text("nothing holds this"), ..all() }, (10, 2, 2, 2)),
    ];
    for (filter, expected) in cases {
        for bucket in [HOUR, MINUTE] {
            let stats = store.stats(&filter, bucket, now(0)).await.unwrap();
            let told = (
                stats.total,
                stats.agents,
                stats.values.len(),
                stats.rules.len(),
            );
            assert_eq!(told, expected, "{filter:?}");
        }
    }
}

/// `since` counts, `until` does not, wherever they fall.
pub async fn stats_at_the_edges_of_a_span(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut calls = Vec::new();
    for minute in -30..0 {
        calls.push(agent.call(minute * MINUTE));
        calls.push(agent.call(minute * MINUTE + 1));
    }
    send(store, agent.batch_of(calls), now(0)).await;
    for (since, until, expected) in [
        (-30 * MINUTE, 0, 60),
        (-30 * MINUTE + 1, 0, 59),
        (-30 * MINUTE + 2, 0, 58),
        (-30 * MINUTE, -MINUTE, 58),
        (-30 * MINUTE, -MINUTE + 1, 59),
        (-17 * MINUTE, -3 * MINUTE + 1, 29),
        (-2 * MINUTE, -2 * MINUTE + 1, 1),
        (-2 * MINUTE, -2 * MINUTE, 0),
        (-2 * MINUTE, -3 * MINUTE, 0),
    ] {
        let filter = Filter {
            since: Some(now(since)),
            until: Some(now(until)),
            ..Filter::default()
        };
        for bucket in [5 * MINUTE, 2 * MINUTE, HOUR] {
            let stats = store.stats(&filter, bucket, now(0)).await.unwrap();
            assert_eq!(stats.total, expected, "{since} to {until} by {bucket}");
            let drawn = store.over_time(&filter, bucket, now(0)).await.unwrap();
            assert_eq!(
                drawn.over_time, stats.over_time,
                "{since} to {until} by {bucket}"
            );
        }
    }
}

/// Within 2 % of what was measured; refusals, which did not run, do not count.
pub async fn percentiles_are_close(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(200, -10 * MINUTE);
    for (index, call) in calls.iter_mut().enumerate() {
        // 10, 20, … 2000 ms in a scattered order.
        call.duration_ms = Some(u64::try_from(index * 77 % 200 + 1).unwrap() * 10);
    }
    for _ in 0..50 {
        calls.push(agent.refusal(-MINUTE, "r", "why", &[]));
    }
    let mut at_once = agent.call(-MINUTE);
    (at_once.tool, at_once.duration_ms) = ("read".to_owned(), Some(0));
    calls.push(at_once);
    send(store, agent.batch_of(calls), now(0)).await;
    for bucket in [HOUR, MINUTE] {
        let stats = store
            .stats(&Filter::default(), bucket, now(0))
            .await
            .unwrap();
        let exec = &stats.tools[0];
        assert_eq!(
            (exec.tool.as_str(), exec.count, exec.denied),
            ("exec", 250, 50)
        );
        for (told, exact) in [
            (exec.p50_ms, 1000.0),
            (exec.p95_ms, 1900.0),
            (exec.p99_ms, 1980.0),
        ] {
            let told = told.unwrap();
            assert!((told - exact).abs() <= exact * 0.02, "{told} for {exact}");
        }
        assert_eq!(stats.tools[1].p50_ms, Some(0.0));
    }
    let refused = Filter {
        action_type: Some(ActionType::Deny),
        ..Filter::default()
    };
    let stats = store.stats(&refused, HOUR, now(0)).await.unwrap();
    assert_eq!(stats.tools[0].p50_ms, None, "what never ran took no time");
}

/// Whatever a stranger says it took: counted as the longest that is told apart.
pub async fn the_longest_duration_is_counted(store: &impl Store) {
    let mut trace = flat(7, 1, -MINUTE, "r");
    trace["duration_ms"] = serde_json::json!(f64::MAX);
    send(store, flat_batch(&[trace]), now(0)).await;
    for bucket in [HOUR, MINUTE] {
        let stats = store.stats(&Filter::default(), bucket, now(0)).await;
        let told = stats.unwrap().tools[0].p50_ms.unwrap();
        let longest = 1e9 * 1.099_511_627_776;
        assert!((told / longest - 1.0).abs() < 0.02, "{told} by {bucket}");
    }
}

/// The header counts when it comes; its values, reason and duration when they come.
pub async fn content_that_comes_later_is_counted_once(store: &impl Store) {
    let mut agent = Agent::new(1);
    let refusal = agent.refusal(-HOUR, "fs.delete", "deletes", &["privacy"]);
    let call = agent.call(-HOUR);
    let items = vec![agent.link(refusal), agent.link(call)];
    let headers = items.iter().map(held_back).collect();
    send(store, agent.batch(headers), now(0)).await;
    for bucket in [HOUR, MINUTE] {
        let stats = store
            .stats(&Filter::default(), bucket, now(0))
            .await
            .unwrap();
        assert_eq!((stats.total, stats.deny), (2, 1));
        assert!(stats.values.is_empty());
        assert_eq!((stats.rules[0].count, &stats.rules[0].reason), (1, &None));
        assert_eq!(stats.tools[0].p50_ms, None);
    }
    send(store, agent.batch(items), now(0)).await;
    for bucket in [HOUR, MINUTE] {
        let stats = store
            .stats(&Filter::default(), bucket, now(0))
            .await
            .unwrap();
        assert_eq!((stats.total, stats.deny), (2, 1));
        assert_eq!(stats.values[0].count, 1);
        assert_eq!(stats.rules[0].count, 1);
        assert_eq!(stats.rules[0].reason.as_deref(), Some("deletes"));
        let told = stats.tools[0].p50_ms.unwrap();
        assert!((told - 12.0).abs() <= 0.24, "{told}");
    }
}
