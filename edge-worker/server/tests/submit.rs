//! The way in, over a real socket into a real store: what is taken, what is not, and what the answer says.

mod common;

use common::{calls, gzip, served, signed};
use serde_json::{Value, json};
use trace_store::conformance::{Agent, flat, held_back};

#[tokio::test]
async fn a_flat_trace_alone_is_answered_as_published_clients_expect() {
    let edge = served().await;
    let trace = flat(1, 1, 0, "ok");
    let answer = edge.submit(trace.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.body["success"], true);
    assert_eq!(answer.body["trace_id"], trace["id"]);
    let read = edge
        .get(&format!(
            "/v1/traces?agent_id={}",
            trace["agent_id"].as_str().unwrap()
        ))
        .await;
    let row = &read.body["traces"][0];
    for key in [
        "id",
        "agent_id",
        "timestamp",
        "tool_name",
        "action_type",
        "params",
        "result",
        "duration_ms",
    ] {
        assert_eq!(row[key], trace[key], "{key}");
    }
    assert_eq!(row["signed"], false);
}

#[tokio::test]
async fn a_batch_is_answered_id_by_id_in_its_order() {
    let edge = served().await;
    let mut wrong = flat(1, 2, 0, "ok");
    wrong["action_type"] = json!("maybe");
    let batch = json!({"batch": [flat(1, 1, 0, "ok"), wrong, flat(1, 3, 0, "ok"), {"id": 7}, 5]});
    let answer = edge.submit(batch.to_string()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        answer.statuses(),
        ["stored", "rejected", "stored", "rejected", "rejected"]
    );
    assert_eq!(
        (&answer.body["accepted"], &answer.body["rejected"]),
        (&json!(2), &json!(3))
    );
    for index in [0, 1, 2] {
        assert_eq!(
            answer.body["results"][index]["trace_id"],
            batch["batch"][index]["id"]
        );
    }
    assert!(answer.reason(1).contains("allow, deny or error"));
    assert_eq!(answer.body["results"][3]["trace_id"], Value::Null);
    assert!(
        answer.body.get("trace_id").is_none(),
        "only a single trace has it"
    );
}

#[tokio::test]
async fn what_is_sent_again_is_a_duplicate_and_another_content_a_conflict() {
    let edge = served().await;
    let trace = flat(1, 1, 0, "ok");
    edge.submit(trace.to_string()).await;
    let again = edge.submit(trace.to_string()).await;
    assert_eq!(
        (again.status.as_u16(), again.statuses()),
        (201, vec!["duplicate"])
    );
    let other = edge.submit(flat(1, 1, 0, "other").to_string()).await;
    assert_eq!(
        other.problem(422),
        "none of the traces was taken; results says why for each"
    );
    assert_eq!(other.statuses(), ["conflict"]);
}

#[tokio::test]
async fn a_signed_batch_is_taken_plain_and_packed() {
    let edge = served().await;
    let mut agent = Agent::new(1);
    let answer = edge.submit(calls(&mut agent, 100)).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.body["accepted"], 100);
    let packed = gzip(&calls(&mut agent, 100));
    let request = edge
        .request("POST", "/v1/traces")
        .header("content-encoding", "gzip");
    let answer = edge.send(request.body(packed)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["accepted"]),
        (201, &json!(100))
    );
    let known = edge.get(&format!("/v1/agents/{}", agent.id)).await;
    assert_eq!(
        (&known.body["traces"], &known.body["signed"]),
        (&json!(200), &json!(200))
    );
    assert_eq!(known.body["streams"][0]["last_seq"], 200);
    assert_eq!(
        (&known.body["missing_links"], &known.body["equivocations"]),
        (&json!(0), &json!(0))
    );
}

#[tokio::test]
async fn an_id_of_version_8_needs_its_key() {
    let edge = served().await;
    let mut agent = Agent::new(1);
    let mut trace = flat(1, 1, 0, "ok");
    trace["agent_id"] = json!(agent.id);
    let answer = edge.submit(trace.to_string()).await;
    answer.problem(422);
    assert!(
        answer
            .reason(0)
            .contains("send the batch with a checkpoint")
    );

    let body: Value = serde_json::from_slice(&calls(&mut agent, 3)).unwrap();
    let mut foreign = body.clone();
    foreign["public_key"] = json!(aap::note::write_public_key(
        &Agent::new(2).key().verifying_key()
    ));
    let answer = edge.submit(foreign.to_string()).await;
    answer.problem(422);
    assert!(
        answer.reason(0).contains("does not belong to agent"),
        "{}",
        answer.text
    );

    let mut keyless = body;
    keyless.as_object_mut().unwrap().remove("public_key");
    let answer = edge.submit(keyless.to_string()).await;
    answer.problem(422);
    assert!(
        answer.reason(0).contains("or its card first"),
        "{}",
        answer.text
    );
    assert_eq!(edge.put_card(&agent).await.status, 200);
    let answer = edge.submit(keyless.to_string()).await;
    assert_eq!(answer.status, 201, "the card's key does: {}", answer.text);
}

#[tokio::test]
async fn one_changed_byte_is_noticed_wherever_it_is() {
    let edge = served().await;
    let mut agent = Agent::new(1);
    let body = String::from_utf8(calls(&mut agent, 3)).unwrap();
    for (from, to) in [
        ("ls -la", "ls -lb"),
        ("\"seq\":2", "\"seq\":9"),
        ("smoltbot/", "smoltbou/"),
        ("salt-2", "salt-3"),
    ] {
        let changed = body.replacen(from, to, 1);
        assert_ne!(changed, body, "{from}");
        let answer = edge.submit(changed).await;
        answer.problem(422);
        assert_eq!(answer.statuses(), ["rejected"; 3], "{from}");
    }
    assert_eq!(
        edge.submit(body).await.body["accepted"],
        3,
        "unchanged it is fine"
    );
}

#[tokio::test]
async fn held_back_links_and_their_content_later_are_one_chain() {
    let edge = served().await;
    let mut agent = Agent::new(1);
    let made = agent.calls(3, 0);
    let items: Vec<_> = made.into_iter().map(|made| agent.link(made)).collect();
    let mut part = items.clone();
    part[1] = held_back(&items[1]);
    assert_eq!(edge.submit(signed(&agent, part)).await.body["accepted"], 3);
    let id = items[1].header.trace_id;
    let whole = edge.get(&format!("/v1/traces/{id}")).await;
    assert_eq!(
        (&whole.body["held_back"], &whole.body["trace"]),
        (&json!(true), &Value::Null)
    );
    let bare = edge
        .request("GET", &format!("/v1/traces/{id}"))
        .header("accept", "application/aap-trace+json");
    assert!(edge.send(bare).await.problem(404).contains("held back"));
    edge.submit(signed(&agent, items)).await;
    let whole = edge.get(&format!("/v1/traces/{id}")).await;
    assert_eq!(whole.body["held_back"], false);
    assert_eq!(whole.body["trace"]["trace_id"], json!(id));
}

#[tokio::test]
async fn bodies_that_cannot_be_read_say_why() {
    let edge = served().await;
    let deep = format!("{{\"batch\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let cases: [(Vec<u8>, &str); 7] = [
        (b"{".to_vec(), "not valid JSON"),
        (b"".to_vec(), "not valid JSON"),
        (b"{\"id\":\"\xff\"}".to_vec(), "not valid JSON"),
        (b"[]".to_vec(), "neither a trace object nor"),
        (b"{\"batch\":{}}".to_vec(), "batch is not an array"),
        (b"{\"batch\":[]}".to_vec(), "No valid traces"),
        (deep.into_bytes(), "recursion limit"),
    ];
    for (body, said) in cases {
        let answer = edge.submit(body).await;
        assert!(
            answer.problem(400).contains(said),
            "{said}: {}",
            answer.text
        );
    }
    let many: Vec<_> = (0..501).map(|id| flat(1, id, 0, "")).collect();
    let answer = edge.submit(json!({"batch": many}).to_string()).await;
    assert!(answer.problem(400).contains("501 traces; the limit is 500"));
    let full = edge.submit(json!({"batch": many[..500]}).to_string()).await;
    assert_eq!(full.body["accepted"], 500);
}

#[tokio::test]
async fn traces_that_cannot_be_kept_say_why() {
    let edge = served().await;
    let nested = (0..101).fold(json!(1), |inner, _| json!([inner]));
    let with = |key: &str, value: Value| {
        let mut trace = flat(1, 1, 0, "ok");
        trace[key] = value;
        trace
    };
    let cases = [
        (with("result", json!("a\0b")), "NUL"),
        (with("result", nested), "nested deeper than 100"),
        (
            with("result", json!("x".repeat(70_000))),
            "the limit is 65536",
        ),
        (
            with("params", json!({"key": "AKIAIOSFODNN7EXAMPL2"})),
            "secret",
        ),
        (
            with("timestamp", json!("yesterday")),
            "not an RFC 3339 time",
        ),
        (with("id", json!("1")), "id is not a UUID"),
        (with("tool_name", json!(5)), "tool_name is not a string"),
        (
            with("surprise", json!(5)),
            "`surprise` is no field of a flat trace",
        ),
    ];
    for (trace, said) in cases {
        let answer = edge.submit(trace.to_string()).await;
        answer.problem(422);
        assert!(answer.reason(0).contains(said), "{said}: {}", answer.text);
    }
    assert_eq!(
        edge.get("/v1/traces").await.body["traces"],
        json!([]),
        "none was kept"
    );
}

#[tokio::test]
async fn odd_times_are_kept_and_marked() {
    let edge = served().await;
    for (id, time) in [(1, "1970-01-01T00:00:00Z"), (2, "2100-01-01T00:00:00Z")] {
        let mut trace = flat(1, id, 0, "ok");
        trace["timestamp"] = json!(time);
        assert_eq!(edge.submit(trace.to_string()).await.status, 201);
        let whole = edge
            .get(&format!("/v1/traces/{}", trace["id"].as_str().unwrap()))
            .await;
        assert_eq!(whole.body["odd_time"], true, "{time}");
        assert_eq!(whole.body["at"], whole.body["received_at"]);
        assert!(
            whole.body["timestamp"]
                .as_str()
                .unwrap()
                .starts_with(&time[..10])
        );
    }
}

const CAP: usize = aap::limits::MAX_BATCH_BYTES;

#[tokio::test]
async fn no_body_over_four_mebibytes_however_it_comes() {
    let edge = served().await;
    let too_large = |answer: &common::Answer| {
        answer.problem(413);
        assert_eq!(answer.body["limit"], CAP);
    };
    too_large(&edge.submit(vec![b' '; CAP + 1]).await);
    let just = edge.submit(vec![b' '; CAP]).await;
    assert!(
        just.problem(400).contains("not valid JSON"),
        "the cap itself is still read"
    );

    let packed = |bytes: &[u8]| {
        let request = edge
            .request("POST", "/v1/traces")
            .header("content-encoding", "gzip");
        edge.send(request.body(gzip(bytes)))
    };
    // A bomb: 1 GiB of blanks is about 4.5 MB packed, so 256 MiB, which is about 1.1 MB.
    let bomb = packed(&vec![b' '; 256 * 1024 * 1024]).await;
    too_large(&bomb);
    too_large(&packed(&vec![b' '; CAP + 1]).await);
    assert!(
        packed(&vec![b' '; CAP])
            .await
            .problem(400)
            .contains("not valid JSON")
    );
}

#[tokio::test]
async fn only_json_and_gzip_are_understood() {
    let edge = served().await;
    let trace = flat(1, 1, 0, "ok").to_string();
    let sent = |name: &'static str, value: &'static str| {
        let request = edge.request("POST", "/v1/traces").header(name, value);
        edge.send(request.body(trace.clone()))
    };
    // As `curl -d` sends it.
    let untold = sent("content-type", "application/x-www-form-urlencoded").await;
    assert_eq!(untold.statuses(), ["stored"]);
    assert!(
        sent("content-type", "image/png")
            .await
            .problem(415)
            .contains("application/json")
    );
    assert!(
        sent("content-encoding", "br")
            .await
            .problem(415)
            .contains("gzip")
    );
    assert!(
        sent("content-encoding", "gzip")
            .await
            .problem(400)
            .contains("not valid gzip")
    );
    assert_eq!(
        sent("content-type", "application/json; charset=utf-8")
            .await
            .status,
        201
    );
    assert_eq!(sent("content-encoding", "identity").await.status, 201);
}

#[tokio::test]
async fn cards_are_believed_from_their_agent_only() {
    let edge = served().await;
    let (agent, other) = (Agent::new(1), Agent::new(2));
    let path = aap::paths::card(agent.id);
    assert!(edge.get(&path).await.problem(404).contains("has no card"));
    let answer = edge.put_card(&agent).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["card_id"]),
        (200, &json!(agent.card.card_id))
    );

    let put = |body: Value| edge.send(edge.request("PUT", &path).body(body.to_string()));
    let theirs = json!(other.card.clone().sign(other.key()));
    assert!(put(theirs).await.problem(422).contains("agent"));
    let forged = json!(agent.card.clone().sign(other.key()));
    assert!(
        put(forged)
            .await
            .problem(422)
            .contains("public_key is not the key")
    );
    let mut changed = json!(agent.card.clone().sign(agent.key()));
    changed["alignment_card"]["autonomy_mode"] = json!("off");
    assert!(
        put(changed)
            .await
            .problem(422)
            .contains("signature is not valid")
    );
    assert!(
        put(json!({}))
            .await
            .problem(400)
            .contains("not a signed card")
    );
    let large = vec![b' '; aap::limits::MAX_CARD_BYTES + 1];
    edge.send(edge.request("PUT", &path).body(large))
        .await
        .problem(413);

    let signed = edge.get(&path).await;
    assert_eq!(
        signed.body["alignment_card"]["card_id"],
        json!(agent.card.card_id)
    );
    let bare = edge
        .request("GET", &path)
        .header("accept", "application/aap-alignment-card+json");
    let bare = edge.send(bare).await;
    assert_eq!(
        bare.header("content-type"),
        "application/aap-alignment-card+json"
    );
    assert_eq!(bare.body, json!(agent.card));
}
