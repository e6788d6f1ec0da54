//! One trace of a batch that the database cannot hold.
//!
//! Validation turns away all that is known to be such. What it does not know is played by a trigger, which raises a data
//! exception at any content with a certain word in it.

use aap::batch::Item;
use serde_json::{Value, json};
use test_cluster::{Cluster, Options};

use crate::aftermath::{chain_is_whole, settle};
use crate::database::{Database, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::random::Random;
use crate::traffic::{Outcome, judge};
use crate::wait::{block, within};
use edge_e2e::{Agent, Answer, Oracle, flat_of, held_back, unproven_agent};

pub(crate) const TRIGGER: &str = "
    CREATE FUNCTION public.no_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.document::text LIKE '%arsenic%' THEN
            RAISE EXCEPTION 'that is poison' USING ERRCODE = 'data_exception';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER no_poison BEFORE INSERT ON public.traces FOR EACH ROW EXECUTE FUNCTION public.no_poison()";

/// Traces of one batch.
const TRACES: usize = 40;

/// Fails unless all have `status` but the one at `poison`, which is rejected for a reason.
#[track_caller]
fn only_that_one(answer: &Answer, status: &str, poison: usize) {
    let mut expected = vec![status; TRACES];
    expected[poison] = "rejected";
    assert_eq!(answer.statuses(), expected, "{}", answer.text);
    let reason = answer.reason(poison);
    assert!(reason.contains("cannot hold this trace"), "{reason}");
}

fn flats(poison: usize) -> Vec<Value> {
    let agent = unproven_agent();
    let mut traces: Vec<_> = (0..TRACES).map(|_| flat_of(agent)).collect();
    traces[poison]["params"] = json!({"dose": "arsenic"});
    traces
}

/// A body without the trace at `poison`, for the oracle: that one was never acknowledged.
fn body_of(traces: &[Value]) -> Vec<u8> {
    json!({ "batch": traces }).to_string().into_bytes()
}

async fn only_the_poison_of_a_batch_is_rejected(kind: Kind) {
    let mut random = Random::of(&format!("poison for {kind:?}"));
    let database = Database::migrated(Cluster::shared());
    database.sql(TRIGGER);
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut oracle) = (edge.client(), Oracle::default());

    let poison = random.below(TRACES);
    let body = body_of(&flats(poison));
    let answer = oracle.submit(&client, body.clone()).await.expect(201);
    only_that_one(&answer, "stored", poison);
    let answer = oracle.submit(&client, body).await.expect(201);
    only_that_one(&answer, "duplicate", poison);

    // In a chain: its header without the content keeps the chain whole, as a sidecar sends it then.
    let mut agent = Agent::new();
    let poison = random.below(TRACES);
    let items: Vec<Item> = (0..TRACES)
        .map(|number| {
            let mut made = agent.call();
            if number == poison {
                made.params = Some(json!({"dose": "arsenic"}));
            }
            agent.link(made)
        })
        .collect();
    let answer = oracle.submit(&client, agent.sign(&items)).await.expect(201);
    only_that_one(&answer, "stored", poison);
    let mut sent = items.clone();
    sent[poison] = held_back(&items[poison]);
    let answer = oracle.submit(&client, agent.sign(&sent)).await.expect(201);
    let mut expected = vec!["duplicate"; TRACES];
    expected[poison] = "stored";
    assert_eq!(answer.statuses(), expected, "{}", answer.text);
    chain_is_whole(&edge.address(), &agent, TRACES).await;
    settle(&edge.address(), &database, &[&oracle]).await;
}

/// What is queued can only be found to be poison later: it must not hold up what was queued with it.
async fn queued_poison_holds_nobody_up(kind: Kind) {
    let mut random = Random::of(&format!("queued poison for {kind:?}"));
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    database.sql(TRIGGER);
    let edge = Host::start(kind, &database.url, &NO_LIMITS);
    let (client, mut oracle) = (edge.client(), Oracle::default());
    // Known before, so that nobody has to be asked who it is.
    let poison = random.below(TRACES);
    let traces = flats(poison);
    let agent = traces[0]["agent_id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("an id");
    oracle
        .submit(&client, flat_of(agent).to_string())
        .await
        .expect(201);

    block(|| server.stop()).expect("it stops");
    let answer = client.submit(body_of(&traces)).await;
    assert_eq!(judge(&answer), Outcome::Queued, "{}", answer.text);
    let mut others = traces;
    others.remove(poison);
    oracle.sending(&body_of(&others));
    block(|| server.start()).expect("it starts");
    let count = others.len() + 1;
    within(crate::wait::PATIENCE, "the others are stored", async || {
        let known = database.sql(&format!(
            "SELECT count(*) FROM traces WHERE agent_id = '{agent}'"
        ));
        (known == count.to_string()).then_some(())
    })
    .await;
    // It comes again until it is a dead letter, and people are told why.
    within(crate::wait::PATIENCE, "the poison is told", async || {
        let log = edge.log();
        (log.contains("a message comes again") && log.contains("cannot hold this trace"))
            .then_some(())
    })
    .await;
    let answer = oracle.submit(&client, body_of(&others)).await.expect(201);
    assert_eq!(answer.statuses(), vec!["duplicate"; others.len()]);
    settle(&edge.address(), &database, &[&oracle]).await;
}

crate::on_each_host!(only_the_poison_of_a_batch_is_rejected);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_queued_poison_holds_nobody_up() {
    queued_poison_holds_nobody_up(Kind::Worker).await;
}
