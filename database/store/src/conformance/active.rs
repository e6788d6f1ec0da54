//! Who did most.

use aap::ActionType;

use super::input::{Agent, Store, flat, flat_batch, held_back, now, send};
use crate::{ActiveAgent, Filter};

const MINUTE: i64 = 60 * 1000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn since(ms: i64) -> Filter {
    Filter {
        since: Some(now(ms)),
        ..Filter::default()
    }
}

/// Two signed agents and one that is not, over forty days.
async fn world(store: &impl Store) -> (Agent, Agent) {
    let (mut one, mut two) = (Agent::new(1), Agent::new(2));
    let mut calls = one.calls(4, -40 * DAY);
    calls.extend(one.calls(6, -5 * DAY));
    calls.extend(one.calls(1, -MINUTE));
    calls[10].action_type = ActionType::Error;
    calls.push(one.refusal(-3 * DAY, "fs.delete", "deletes", &["harm_prevention"]));
    send(store, one.batch_of(calls), now(0)).await;
    let mut calls = two.calls(2, -2 * DAY);
    for at in [-2 * DAY, -3 * HOUR, -2 * HOUR, -30 * MINUTE, -500] {
        calls.push(two.refusal(at, "net.send", "sends", &["privacy", "harm_prevention"]));
    }
    calls[6].tool = String::from("web_fetch");
    send(store, two.batch_of(calls), now(0)).await;
    send(store, flat_batch(&[flat(7, 1, -2000, "r")]), now(0)).await;
    (one, two)
}

/// From rows and, where the store keeps them, from counters: each trace once, whatever the span's ends.
pub async fn the_most_active_are_told(store: &impl Store) {
    let (one, two) = world(store).await;
    let told = store.most_active(&since(-10 * DAY), 10, now(0)).await;
    let told = told.unwrap();
    let of = |agent: &Agent, traces, denied, errors, last| ActiveAgent {
        agent_id: agent.id,
        traces,
        denied,
        errors,
        last: now(last),
    };
    assert_eq!(told[0], of(&one, 8, 1, 1, -MINUTE));
    assert_eq!(told[1], of(&two, 7, 5, 0, -500));
    assert_eq!(
        (told.len(), told[2].traces, told[2].last),
        (3, 1, now(-2000))
    );
    let most = store.most_active(&since(-10 * DAY), 1, now(0)).await;
    assert_eq!(most.unwrap(), told[..1]);
    // Whom the counters of a day, an hour and five minutes tell, and the rows at their ends.
    for (from, to, expected) in [
        (-41 * DAY, 1, [12, 7]),
        (-10 * DAY, -HOUR, [7, 5]),
        (-2 * DAY - 1, 1, [1, 7]),
        (-3 * DAY, -2 * HOUR + 1, [1, 5]),
        (-3 * DAY, -2 * HOUR, [1, 4]),
        (-30 * MINUTE, 0, [1, 2]),
        (-30 * MINUTE + 1, 0, [1, 1]),
        (-MINUTE, -MINUTE + 1, [1, 0]),
        (-MINUTE, -MINUTE, [0, 0]),
    ] {
        let filter = Filter {
            until: Some(now(to)),
            ..since(from)
        };
        let told = store.most_active(&filter, 10, now(0)).await.unwrap();
        let stats = store.stats(&filter, HOUR, now(0)).await.unwrap();
        let sum: u64 = told.iter().map(|agent| agent.traces).sum();
        assert_eq!(sum, stats.total, "{from} to {to}");
        assert_eq!(told.len() as u64, stats.agents, "{from} to {to}");
        for (agent, expected) in [&one, &two].into_iter().zip(expected) {
            let found = told.iter().find(|row| row.agent_id == agent.id);
            let traces = found.map_or(0, |row| row.traces);
            assert_eq!(traces, expected, "{from} to {to}");
        }
    }
    // Among equals who acted last comes first.
    let filter = Filter {
        until: Some(now(-500)),
        ..since(-3 * MINUTE)
    };
    let told = store.most_active(&filter, 10, now(0)).await.unwrap();
    let last: Vec<_> = told.iter().map(|row| (row.traces, row.last)).collect();
    assert_eq!(last, [(1, now(-2000)), (1, now(-MINUTE))]);
}

/// Every part of a filter but `q` counts; refusals are those of each agent. A content that comes later counts once.
pub async fn activity_obeys_the_filter(store: &impl Store) {
    let (one, two) = world(store).await;
    let all = || since(-10 * DAY);
    let text = |text: &str| Some(text.to_owned());
    #[rustfmt::skip]
    let cases: Vec<(Filter, [u64; 2])> = vec![
        (Filter { agent_id: Some(two.id), ..all() }, [0, 7]),
        (Filter { agent_id: Some(Agent::new(9).id), ..all() }, [0, 0]),
        (Filter { action_type: Some(ActionType::Deny), ..all() }, [1, 5]),
        (Filter { action_type: Some(ActionType::Error), ..all() }, [1, 0]),
        (Filter { tool: text("web_fetch"), ..all() }, [0, 1]),
        (Filter { tool: text("exec"), action_type: Some(ActionType::Deny), ..all() }, [1, 4]),
        (Filter { session_id: text("session-1"), ..all() }, [8, 7]),
        (Filter { value: text("harm_prevention"), ..all() }, [1, 5]),
        (Filter { value: text("privacy"), ..all() }, [0, 5]),
        (Filter { rule_id: text("fs.delete"), ..all() }, [1, 0]),
        (Filter { runtime: text("openclaw"), ..all() }, [8, 7]),
        (Filter { runtime: text("a\0b"), ..all() }, [0, 0]),
        (Filter { q: text("nothing holds this"), ..all() }, [8, 7]),
    ];
    let counted = |told: &[ActiveAgent]| {
        [&one, &two].map(|agent| {
            let found = told.iter().find(|row| row.agent_id == agent.id);
            found.map_or(0, |row| row.traces)
        })
    };
    for (filter, expected) in cases {
        let told = store.most_active(&filter, 10, now(0)).await.unwrap();
        assert_eq!(counted(&told), expected, "{filter:?}");
        let refused = store.refusals_by_agent(&filter, 10, now(0)).await.unwrap();
        let denied = |row: &ActiveAgent| (row.denied, row.traces);
        if filter.action_type == Some(ActionType::Error) {
            assert!(refused.is_empty());
            continue;
        }
        let known: Vec<_> = told.iter().filter(|row| row.denied > 0).collect();
        assert_eq!(refused.len(), known.len(), "{filter:?}");
        for row in known {
            let found = refused.iter().find(|one| one.agent_id == row.agent_id);
            assert_eq!(
                found.map(denied),
                Some((row.denied, row.denied)),
                "{filter:?}"
            );
        }
    }
    let mut late = Agent::new(3);
    let call = late.call(-HOUR);
    let items = vec![late.link(call)];
    let headers = items.iter().map(held_back).collect();
    for batch in [headers, items] {
        send(store, late.batch(batch), now(0)).await;
        let told = store.most_active(&all(), 10, now(0)).await.unwrap();
        let found = told.iter().find(|row| row.agent_id == late.id);
        assert_eq!(found.map(|row| row.traces), Some(1));
    }
}
