//! The description, walked from end to end: every operation is asked for every answer that it is described with.
//!
//! The rest of the suite helps: every answer to a described path is compared with the description wherever it comes up.

use std::collections::BTreeSet;

use aap::limits::{MAX_BATCH_BYTES, MAX_CARD_BYTES};
use aap::paths::{HANDSHAKE, OTLP_TRACES};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, Description, facts, flat, flat_of, unproven_agent};

use crate::spans;

/// Answers that a healthy host cannot be brought to from outside: a queue in front of a store that is away, a body that takes
/// longer than half a minute, a store that does not answer. `edge-core`'s own tests have them.
const NOT_FROM_OUTSIDE: [u16; 3] = [202, 408, 503];
/// Where only an edge of one agent has something; `edge-server`'s own tests have one.
const OF_ONE_AGENT: &str = "/.well-known/";

/// An operation's path with ids that are there, that are not, and that are none.
fn filled(template: &str, trace: &str, agent: &str, card: &str) -> String {
    let id = if template.contains("/traces/") {
        trace
    } else {
        agent
    };
    let path = template.replace("{id}", id);
    let path = path.replace("{card_id}", card);
    // The one route that cannot do without a parameter.
    if path.ends_with("/links") {
        return format!("{path}?stream={agent}");
    }
    path
}

fn large(template: &str) -> usize {
    if template.ends_with("/card") {
        MAX_CARD_BYTES + 1
    } else {
        MAX_BATCH_BYTES + 1
    }
}

/// Asks so that `status` should be answered; none where nobody has said how.
async fn provoke(status: u16, method: &str, template: &str, known: &Known) -> Option<Answer> {
    let client = Client::new();
    let id = known.agent.id.to_string();
    let card = &known.agent.card.card_id;
    let path = filled(template, &known.trace, &id, card);
    if template == HANDSHAKE && ![400, 413, 415].contains(&status) {
        let answer = known.handshake(status).await?;
        return Some(answer);
    }
    let absent = unproven_agent().to_string();
    let at = |path: &str| {
        client
            .request(method, path)
            .header("content-type", "application/json")
    };
    let request = match (status, method) {
        (200, "PUT") => at(&path).body(known.agent.signed_card().to_string()),
        // Everything that is here would be a lot.
        (200, _) if template == "/v1/export" => at(&format!("{path}?agent_id={id}")),
        (200, "POST") => at(&path).body("{}"),
        (200, _) => at(&path),
        (201, _) => at(&path).body(flat().to_string()),
        (400, "GET") if template.contains("{id}") => at(&filled(template, "x", "x", card)),
        (400, "GET") => at(&format!("{path}?nothing=1")),
        (400, "POST" | "PUT") => at(&path).body("{"),
        (404, _) => at(&filled(template, &absent, &absent, card)),
        (413, "POST" | "PUT") => {
            return Some(client.announce(method, &path, large(template)).await);
        }
        (415, "POST" | "PUT") => client
            .request(method, &path)
            .header("content-type", "image/png")
            .body("{}"),
        (422, "POST") if template == OTLP_TRACES => {
            at(&path).body(spans::of_services(facts::new_agents_per_hour() + 1).to_string())
        }
        (422, "POST") => at(&path).body("{\"id\":\"x\"}"),
        (422, "PUT") => at(&path).body(Agent::new().signed_card().to_string()),
        (429, _) => {
            return Some(
                known
                    .limited
                    .send(known.limited.request(method, &path))
                    .await,
            );
        }
        _ => return None,
    };
    Some(client.send(request).await)
}

/// What is there to ask for, and a client whose network has nothing left.
struct Known {
    agent: Agent,
    trace: String,
    limited: Client,
}

impl Known {
    async fn new() -> Self {
        let client = Client::new();
        let mut agent = Agent::new();
        client.put_card(&agent).await.expect(200);
        // So that this edge serves more than one.
        client.put_card(&Agent::new()).await.expect(200);
        let refusal = agent.refusal("fs.delete.root", "deletes /", &["harm_prevention"]);
        let mut items = agent.links(2);
        items.push(agent.link(refusal));
        client.submit(agent.sign(&items)).await.all_stored(3);
        let trace = items[2].header.trace_id.to_string();
        Self {
            agent,
            trace,
            limited: Client::new(),
        }
    }

    /// Asks the handshake so that `status` should be answered.
    async fn handshake(&self, status: u16) -> Option<Answer> {
        let requester = json!({"agent_id": "did:web:a.example", "card_id": "ac-0"});
        let mut message = json!({"message_type": "alignment_card_request", "request_id": "r", "requester": requester});
        let client = match status {
            200 | 404 => Client::new(),
            422 => {
                message["request_id"] = json!("");
                Client::new()
            }
            429 => {
                let request = self.limited.request("POST", HANDSHAKE);
                return Some(self.limited.send(request.body(message.to_string())).await);
            }
            _ => return None,
        };
        let responder = match status {
            404 => unproven_agent(),
            _ => self.agent.id,
        };
        let path = format!("{HANDSHAKE}?responder={responder}");
        let request = client.request("POST", &path);
        Some(client.send(request.body(message.to_string())).await)
    }

    /// Uses up what the network has, and more.
    async fn use_up(&self) {
        loop {
            let asked = (0..64).map(|_| self.limited.get("/v1/nothing"));
            let answers: Vec<_> = stream::iter(asked).buffer_unordered(16).collect().await;
            if answers.iter().filter(|answer| answer.status == 429).count() > 32 {
                return;
            }
        }
    }
}

#[tokio::test]
async fn every_described_answer_is_given_as_described() {
    let description = Description::get().await;
    let known = Known::new().await;
    let mut missing = BTreeSet::new();
    for (template, method, operation) in description.operations() {
        for status in Description::statuses(operation) {
            if NOT_FROM_OUTSIDE.contains(&status) || status == 429 {
                continue;
            }
            if template.starts_with(OF_ONE_AGENT) && status == 200 {
                continue;
            }
            match provoke(status, &method, template, &known).await {
                Some(answer) => assert_eq!(
                    answer.status, status,
                    "{method} {template}: {}",
                    answer.text
                ),
                None => {
                    missing.insert(format!("{method} {template} {status}"));
                }
            }
            assert!(
                description.has_seen(template, &method, status),
                "{method} {template} {status}"
            );
        }
    }
    assert!(
        missing.is_empty(),
        "nobody has said how to ask for {missing:?}"
    );
    // Last, because nothing goes through afterwards.
    known.use_up().await;
    for (template, method, operation) in description.operations() {
        let limited = Description::statuses(operation).contains(&429);
        // A little comes back with every moment; who asks side by side, on and on, is limited again.
        let mut waves = 0..facts::network_per_minute();
        let seen = loop {
            let asked = (0..16).map(|_| provoke(429, &method, template, &known));
            let answers: Vec<_> = stream::iter(asked).buffer_unordered(16).collect().await;
            let over = answers.iter().flatten().any(|answer| answer.status == 429);
            if over || !limited || waves.next().is_none() {
                break over;
            }
        };
        assert_eq!(seen, limited, "{method} {template}");
    }
}

#[tokio::test]
async fn pages_under_their_media_types_are_as_described() {
    let client = Client::new();
    let mut agent = Agent::new();
    let items = agent.links(1);
    client.submit(agent.sign(&items)).await.all_stored(1);
    client.put_card(&agent).await.expect(200);
    for (path, media_type) in [
        (
            format!("/v1/traces/{}", items[0].header.trace_id),
            "application/aap-trace+json",
        ),
        (
            format!("/v1/agents/{}/card", agent.id),
            "application/aap-alignment-card+json",
        ),
        (
            format!("/v1/agents/{}/cards/{}", agent.id, agent.card.card_id),
            "application/aap-alignment-card+json",
        ),
    ] {
        let request = client.request("GET", &path).header("accept", media_type);
        assert_eq!(
            client.send(request).await.expect(200).media_type(),
            media_type
        );
    }
}

/// Every example of the document, with its place and the schema that it should fit.
fn examples<'a>(
    description: &'a Description,
    here: &str,
    value: &'a Value,
    found: &mut Vec<(String, &'a Value, &'a Value)>,
) {
    if let Some(schema) = value.get("schema") {
        if let Some(example) = value.get("example") {
            found.push((here.to_owned(), schema, example));
        }
        for (name, example) in value["examples"].as_object().into_iter().flatten() {
            found.push((
                format!("{here}/{name}"),
                schema,
                &description.resolved(example)["value"],
            ));
        }
    } else if let (Some(examples), true) =
        (value["examples"].as_array(), here.contains("/schemas/"))
    {
        found.extend(
            examples
                .iter()
                .map(|example| (here.to_owned(), value, example)),
        );
    }
    let members = value.as_object().into_iter().flatten();
    for (key, member) in members.filter(|(key, _)| !["example", "examples"].contains(&key.as_str()))
    {
        examples(description, &format!("{here}/{key}"), member, found);
    }
    for (index, member) in value.as_array().into_iter().flatten().enumerate() {
        examples(description, &format!("{here}/{index}"), member, found);
    }
}

#[tokio::test]
async fn every_example_fits_its_schema_and_those_of_requests_are_taken() {
    let description = Description::get().await;
    let mut found = Vec::new();
    examples(description, "", &description.document, &mut found);
    assert!(found.len() > 10, "{}", found.len());
    for (here, schema, example) in &found {
        description.check_body(here, schema, example);
    }
    let client = Client::new();
    let content = "/requestBody/content/application~1json/examples";
    for (template, method, operation) in description.operations() {
        let Some(examples) = operation.pointer(content) else {
            assert!(
                operation.get("requestBody").is_none(),
                "{method} {template} has no example"
            );
            continue;
        };
        for (name, example) in examples.as_object().expect("examples") {
            let body = &example["value"];
            // The card's example is its agent's, whose id stands in it.
            let agent = body["alignment_card"]["agent_id"]
                .as_str()
                .unwrap_or_default();
            let path = template.replace("{id}", agent);
            let request = client
                .request(&method, &path)
                .header("content-type", "application/json");
            let answer = client.send(request.body(body.to_string())).await;
            assert!(answer.status.is_success(), "{name}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn limits_in_the_description_are_those_that_hold() {
    let description = Description::get().await;
    let client = Client::new();
    let at = |pointer: &str| {
        let found = description.document.pointer(pointer);
        found
            .unwrap_or_else(|| panic!("nothing at {pointer}"))
            .as_u64()
            .expect("a number")
    };
    let most = at("/components/schemas/Batch/properties/batch/maxItems");
    assert_eq!(most, aap::limits::MAX_BATCH_TRACES as u64);
    let page = at("/components/parameters/limit/schema/maximum");
    client
        .get(&format!("/v1/traces?limit={page}"))
        .await
        .expect(200);
    client
        .get(&format!("/v1/traces?limit={}", page + 1))
        .await
        .problem(400);
    let name = at("/components/schemas/FlatTrace/properties/tool_name/maxLength");
    let mut trace = flat_of(unproven_agent());
    trace["tool_name"] = json!("ü".repeat(usize::try_from(name).unwrap()));
    client.submit(trace.to_string()).await.all_stored(1);
}
