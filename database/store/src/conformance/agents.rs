//! Agents, their sessions and cards.

use aap::ActionType;

use super::input::{Agent, Store, flat, flat_batch, now, send};

/// Totals by agent, last heard of first.
pub async fn agents_are_counted(store: &impl Store) {
    let mut agent = Agent::new(1);
    let mut calls = agent.calls(3, 0);
    calls[1].action_type = ActionType::Error;
    calls.push(agent.refusal(9000, "r", "why", &[]));
    send(store, agent.batch_of(calls), now(0)).await;
    send(store, flat_batch(&[flat(7, 1, 0, "r")]), now(50)).await;
    let calls = agent.calls(1, 0);
    send(store, agent.batch_of(calls), now(100)).await;
    let agents = store.agents(10).await.unwrap();
    assert_eq!(agents.len(), 2);
    let row = &agents[0];
    assert_eq!(row.agent_id, agent.id);
    assert_eq!((row.first_seen, row.last_seen), (now(0), now(100)));
    assert_eq!(
        (row.traces, row.denied, row.errors, row.signed),
        (5, 1, 1, 5)
    );
    assert_eq!((agents[1].traces, agents[1].signed), (1, 0));
    assert_eq!(store.agent(agent.id).await.unwrap().as_ref(), Some(row));
    assert_eq!(store.agents(1).await.unwrap(), agents[..1]);
}

/// Sessions by agent, newest first; one id with two agents is two sessions.
pub async fn sessions_are_counted(store: &impl Store) {
    let (mut one, mut two) = (Agent::new(1), Agent::new(2));
    let mut calls = one.calls(4, 0);
    calls[0].session_id = Some("early".to_owned());
    calls[2].action_type = ActionType::Error;
    calls[3].session_id = None;
    calls.push(one.refusal(9000, "r", "why", &[]));
    calls[4].runtime = String::from("claude-code");
    send(store, one.batch_of(calls), now(0)).await;
    // It comes later and is older: the session's newest runtime stays.
    let mut late = one.calls(1, -5000);
    late[0].runtime = String::from("codex");
    send(store, one.batch_of(late), now(0)).await;
    let calls = two.calls(1, 0);
    send(store, two.batch_of(calls), now(0)).await;
    let sessions = store.sessions(one.id, 10).await.unwrap();
    assert_eq!(sessions.len(), 2);
    let newest = &sessions[0];
    assert_eq!(newest.session_id, "session-1");
    assert_eq!((newest.first, newest.last), (now(-5000), now(9000)));
    assert_eq!((newest.traces, newest.denied, newest.errors), (4, 1, 1));
    assert_eq!(newest.runtime.as_deref(), Some("claude-code"));
    assert_eq!(sessions[1].session_id, "early");
    assert_eq!(sessions[1].traces, 1);
    assert_eq!(store.sessions(one.id, 1).await.unwrap(), sessions[..1]);
    assert_eq!(store.sessions(two.id, 10).await.unwrap()[0].traces, 1);
}

/// The newest card is in force whatever came last; heads come back; a card again changes nothing.
pub async fn cards_are_kept_and_the_newest_is_in_force(store: &impl Store) {
    let mut agent = Agent::new(1);
    let card = |agent: &Agent, at| {
        let mut card = agent.card.clone();
        card.issued_at = now(at);
        card.card_id = card.derived_id();
        card.sign(agent.key())
    };
    let (old, new) = (card(&agent, 0), card(&agent, 1000));
    let taken = store.put_card(old.clone(), now(10)).await.unwrap();
    assert!(!taken.queued && taken.heads.is_empty());
    let known = store.agent(agent.id).await.unwrap().unwrap();
    assert_eq!(known.card_id.as_ref(), Some(&old.alignment_card.card_id));
    assert_eq!(known.public_key.as_ref(), Some(&old.public_key));
    assert_eq!((known.traces, known.first_seen), (0, now(10)));

    let calls = agent.calls(3, 0);
    let batch = agent.batch_of(calls);
    let checkpoint = batch.checkpoint().unwrap().checkpoint;
    send(store, batch, now(20)).await;
    for card in [&new, &old, &new] {
        let heads = store.put_card(card.clone(), now(30)).await.unwrap().heads;
        assert_eq!(heads.len(), 1);
        assert_eq!((heads[0].stream, heads[0].seq), (agent.stream, 3));
        assert_eq!(heads[0].digest, checkpoint.digest);
        let in_force = store.card(agent.id).await.unwrap().unwrap();
        assert_eq!(in_force.card_id, new.alignment_card.card_id);
        assert_eq!(in_force.agent_id, agent.id);
        assert_eq!(in_force.received_at, now(30));
        assert_eq!(in_force.signed_card, serde_json::to_value(&new).unwrap());
        assert_eq!(in_force.card, in_force.signed_card["alignment_card"]);
        let known = store.agent(agent.id).await.unwrap().unwrap();
        assert_eq!(known.card_id.as_ref(), Some(&in_force.card_id));
    }
    assert!(store.card(Agent::new(2).id).await.unwrap().is_none());
}

/// Cards of several agents at once are those that each has in force.
pub async fn cards_of_several_agents_are_those_in_force(store: &impl Store) {
    let (mut one, two, none) = (Agent::new(1), Agent::new(2), Agent::new(3));
    for at in [2_000, 1_000] {
        one.card.issued_at = now(at);
        one.card.card_id = one.card.derived_id();
        let signed = one.card.clone().sign(one.key());
        store.put_card(signed, now(10)).await.unwrap();
    }
    let signed = two.card.clone().sign(two.key());
    store.put_card(signed, now(10)).await.unwrap();
    let mut found = store.cards(&[one.id, none.id, two.id]).await.unwrap();
    found.sort_by_key(|card| card.agent_id);
    let mut alone = Vec::new();
    for agent in [one.id, two.id] {
        alone.extend(store.card(agent).await.unwrap());
    }
    alone.sort_by_key(|card| card.agent_id);
    assert_eq!(found, alone);
    assert_eq!(found.len(), 2);
    assert!(store.cards(&[]).await.unwrap().is_empty());
}

/// Each card that was put, by its id or as one of all; superseded by what was issued later, whenever that came.
pub async fn every_version_of_a_card_is_kept(store: &impl Store) {
    let mut agent = Agent::new(1);
    assert!(store.card_versions(agent.id, 10).await.unwrap().is_empty());
    let mut ids = Vec::new();
    // Issued 2nd, 3rd, 1st; the last comes when it was overtaken already.
    for (issued, received) in [(1000, 10), (2000, 20), (0, 30)] {
        agent.card.issued_at = now(issued);
        agent.card.card_id = agent.card.derived_id();
        ids.push(agent.card.card_id.clone());
        let signed = agent.card.clone().sign(agent.key());
        for again in [0, 500] {
            let at = now(received + again);
            store.put_card(signed.clone(), at).await.unwrap();
        }
    }
    let versions = store.card_versions(agent.id, 10).await.unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|one| {
            (
                &one.card_id,
                one.issued_at,
                one.received_at,
                one.superseded_at,
            )
        })
        .collect();
    let expected = [
        (&ids[1], now(2000), now(20), None),
        (&ids[0], now(1000), now(10), Some(now(20))),
        (&ids[2], now(0), now(30), Some(now(30))),
    ];
    assert_eq!(told, expected);
    let two = store.card_versions(agent.id, 2).await.unwrap();
    assert_eq!(two, versions[..2]);
    for (id, version) in ids.iter().zip([1, 0, 2]) {
        let card = store.card_version(agent.id, id).await.unwrap().unwrap();
        assert_eq!((&card.card_id, card.agent_id), (id, agent.id));
        assert_eq!(card.received_at, versions[version].received_at);
        assert_eq!(card.card["card_id"], id.as_str());
        assert_eq!(card.signed_card["alignment_card"], card.card);
    }
    let in_force = store.card(agent.id).await.unwrap();
    assert_eq!(
        store.card_version(agent.id, &ids[1]).await.unwrap(),
        in_force
    );
    let other = Agent::new(2);
    for (agent, id) in [(agent.id, "ac-0"), (agent.id, "a\0b"), (other.id, &*ids[0])] {
        assert_eq!(store.card_version(agent, id).await.unwrap(), None, "{id:?}");
    }
}

/// A card is found by its id alone, of each agent that gave one this id the newest.
pub async fn cards_are_found_by_their_id(store: &impl Store) {
    let (mut one, mut two) = (Agent::new(1), Agent::new(2));
    let id = one.card.card_id.clone();
    two.card.card_id.clone_from(&id);
    for (agent, issued) in [(&mut one, [0, 0]), (&mut two, [1000, 2000])] {
        for at in issued {
            agent.card.issued_at = now(at);
            let signed = agent.card.clone().sign(agent.key());
            store.put_card(signed, now(10)).await.unwrap();
        }
    }
    let mut both = Vec::new();
    for agent in [&one, &two] {
        both.extend(store.card(agent.id).await.unwrap());
    }
    both.sort_by_key(|card| card.agent_id);
    let found = store.cards_named(&id, 10).await.unwrap();
    assert_eq!(found, both);
    assert!(
        found
            .iter()
            .any(|card| card.card["issued_at"] == now(2000).to_string())
    );
    assert_eq!(store.cards_named(&id, 1).await.unwrap(), both[..1]);
    for absent in ["ac-0", "", "a\0b"] {
        assert!(store.cards_named(absent, 10).await.unwrap().is_empty());
    }
}

/// Before and after in time, among the agent's own traces.
pub async fn neighbours_are_the_agents_own(store: &impl Store) {
    let (mut one, mut two) = (Agent::new(1), Agent::new(2));
    let calls = one.calls(3, 0);
    let ids: Vec<_> = calls.iter().map(|made| made.trace_id).collect();
    send(store, one.batch_of(calls), now(0)).await;
    let calls = two.calls(3, 500);
    send(store, two.batch_of(calls), now(0)).await;
    for (index, id) in ids.iter().enumerate() {
        let detail = store.trace(*id).await.unwrap().unwrap();
        let before = index.checked_sub(1).map(|before| ids[before]);
        assert_eq!(detail.previous, before);
        assert_eq!(detail.next, ids.get(index + 1).copied());
    }
}
