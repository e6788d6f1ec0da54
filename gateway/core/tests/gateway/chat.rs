//! Messages and their answers.

use aap::OutcomeKind;
use gateway::limits::{MAX_CHAT_BODY_BYTES, MAX_CONCURRENT_CALLS, MAX_MESSAGE_BYTES};
use serde_json::{Value, json};

use crate::house::{DASHBOARD, House, TOKEN};

#[tokio::test]
async fn an_allowed_call_is_run_and_told_with_its_trace() {
    let mut house = House::open().await;
    std::fs::write(house.path("a.txt"), "hello\n").unwrap();
    let answer = house.run("read_file", json!({"path": "a.txt"})).await;
    assert_eq!(answer["kind"], "result", "{answer}");
    assert_eq!(answer["verdict"], "allow");
    assert_eq!(answer["reason"], "nothing objects");
    assert_eq!(answer["result"]["content"], "hello\n");
    let (call, judged, outcome) = house.ended().await;
    assert_eq!(outcome.kind, OutcomeKind::Completed);
    assert_eq!(outcome.result, answer["result"]);
    assert_eq!(answer["trace_id"], judged.trace_id.to_string());
    assert_eq!(
        answer["trace_url"],
        format!("{DASHBOARD}/trace/{}", judged.trace_id)
    );
    assert_eq!(call.runtime, "smoltbot");
    assert_eq!(call.tool, "read_file");
    assert_eq!(call.params, json!({"path": "a.txt"}));
    assert_eq!(call.cwd.as_deref(), house.root().to_str());
    assert_eq!(call.session_id.as_deref(), answer["session_id"].as_str());
    assert_eq!(call.run_id.as_deref(), answer["run_id"].as_str());
}

#[tokio::test]
async fn a_session_goes_on_and_every_call_has_its_own_ids() {
    let mut house = House::open().await;
    let body = json!({"message": "/run list_files", "session_id": "s-1"}).to_string();
    for _ in 0..2 {
        let response = house.message("").body(body.clone()).send().await.unwrap();
        assert_eq!(response.status(), 200);
    }
    let (first, second) = (house.ended().await.0, house.ended().await.0);
    assert_eq!(first.session_id.as_deref(), Some("s-1"));
    assert_eq!(second.session_id, first.session_id);
    assert_ne!(second.run_id, first.run_id);
    assert_ne!(second.call_id, first.call_id);
}

#[tokio::test]
async fn a_refusal_runs_nothing_and_says_why() {
    let mut house = House::open().await;
    for (word, verdict) in [("forbidden", "deny"), ("ticklish", "ask")] {
        let command = format!("touch ran # {word}");
        let answer = house
            .run("execute_command", json!({ "command": command }))
            .await;
        assert_eq!(answer["kind"], "refusal");
        assert_eq!(answer["verdict"], verdict);
        assert_eq!(answer["reason"], "It would do harm");
        assert_eq!(answer["values_violated"], json!(["harm_prevention"]));
        assert_eq!(answer["advice"], "Do something else");
        assert_eq!(answer["rule_id"], "test.harm");
        assert!(answer["trace_url"].as_str().unwrap().starts_with(DASHBOARD));
        assert_eq!(answer["result"], Value::Null);
    }
    assert!(!house.path("ran").exists());
    assert_eq!(house.judged().len(), 2);
    assert!(house.nothing_ended(), "a refusal's trace is the hook's");
}

#[tokio::test]
async fn an_unknown_tool_and_bad_arguments_leave_traces_too() {
    let mut house = House::open().await;
    let answer = house.run("fly", json!({"to": "moon"})).await;
    assert_eq!(answer["kind"], "failure");
    let error = answer["error"].as_str().unwrap();
    for name in ["fly", "read_file", "list_files", "execute_command"] {
        assert!(error.contains(name), "{error}");
    }
    let (call, judged, outcome) = house.ended().await;
    assert_eq!(
        (call.tool.as_str(), outcome.kind),
        ("fly", OutcomeKind::Failed)
    );
    assert_eq!(answer["trace_id"], judged.trace_id.to_string());

    for params in [
        json!({"pth": "a"}),
        json!({}),
        json!({"path": 1}),
        json!({"path": "a", "x": 1}),
    ] {
        let answer = house.run("read_file", params.clone()).await;
        assert_eq!(answer["kind"], "failure", "{params}");
        assert!(
            answer["error"]
                .as_str()
                .unwrap()
                .contains(r#"{"path": "README.md"}"#),
            "{answer}"
        );
        assert_eq!(house.ended().await.2.kind, OutcomeKind::Failed);
    }
}

#[tokio::test]
async fn what_is_not_a_call_is_answered_honestly() {
    let house = House::open().await;
    let text = |answer: &Value| answer["text"].as_str().unwrap().to_owned();
    let answer = house.say("How are you?").await;
    assert_eq!(answer["kind"], "message");
    assert!(
        text(&answer).contains("No language model is configured")
            && text(&answer).contains("/run ")
    );
    assert!(text(&house.say("/help").await).contains("/tools"));
    let tools = house.say("/tools").await;
    assert_eq!(tools["kind"], "tools");
    assert_eq!(tools["tools"][0]["name"], "read_file");
    assert_eq!(tools["tools"][0]["parameters"]["required"], json!(["path"]));
    let answer = house.say(r#"/run read_file {"path" "a"}"#).await;
    assert_eq!(
        (&answer["kind"], &answer["line"], &answer["column"]),
        (&json!("error"), &json!(1), &json!(24))
    );
    assert!(
        text(&answer).contains(r#"/run read_file {"path": "README.md"}"#),
        "{answer}"
    );
    assert_eq!(house.say("/fly").await["kind"], "error");
    assert!(house.judged().is_empty());
}

#[tokio::test]
async fn every_example_works() {
    let mut house = House::open().await;
    std::fs::write(house.path("README.md"), "Helo").unwrap();
    for tool in house.say("/tools").await["tools"].as_array().unwrap() {
        if tool["name"] == "http_fetch" {
            // Its example is a page of the public internet; `fetching` asks for one of its own.
            continue;
        }
        let answer = house.say(tool["example"].as_str().unwrap()).await;
        assert_eq!(answer["kind"], "result", "{answer}");
        house.ended().await;
    }
}

#[tokio::test]
async fn progress_comes_before_the_answer() {
    let house = House::open().await;
    let response = house
        .message("/run list_files")
        .header("accept", "application/x-ndjson")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let lines: Vec<Value> = response
        .text()
        .await
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["judging", "running", "answer"]);
    assert_eq!(lines[2]["kind"], "result");
    assert_eq!(lines[1]["trace_id"], lines[2]["trace_id"]);
}

#[tokio::test]
async fn bad_requests_are_named() {
    let house = House::open().await;
    let send = |kind: &str, body: Vec<u8>| {
        house
            .client
            .post(house.url("/api/chat"))
            .bearer_auth(TOKEN)
            .header("content-type", kind.to_owned())
            .body(body)
            .send()
    };
    let json_type = "application/json";
    let long = |bytes: usize| {
        json!({"message": "x".repeat(bytes)})
            .to_string()
            .into_bytes()
    };
    let session = |id: &str| {
        json!({"message": "x", "session_id": id})
            .to_string()
            .into_bytes()
    };
    for (kind, body, status, named) in [
        ("text/plain", b"{}".to_vec(), 415, "application/json"),
        (json_type, b"".to_vec(), 400, "EOF"),
        (json_type, b"{".to_vec(), 400, "column"),
        (json_type, b"{}".to_vec(), 400, "message"),
        (json_type, br#"{"message":1}"#.to_vec(), 400, "string"),
        (
            json_type,
            br#"{"message":"","massage":""}"#.to_vec(),
            400,
            "massage",
        ),
        (json_type, b"{\"message\":\"\xff\"}".to_vec(), 400, "column"),
        (json_type, "[".repeat(10_000).into_bytes(), 400, "expected"),
        (json_type, session(""), 400, "session_id"),
        (json_type, session("a b"), 400, "session_id"),
        (json_type, session(&"x".repeat(257)), 400, "session_id"),
        (
            json_type,
            session(&"x".repeat(256)),
            200,
            "No language model",
        ),
        (json_type, long(MAX_MESSAGE_BYTES), 200, "No language model"),
        (json_type, long(MAX_MESSAGE_BYTES + 1), 413, "65536"),
        (json_type, long(MAX_CHAT_BODY_BYTES), 413, "limit"),
    ] {
        let response = send(kind, body).await.unwrap();
        assert_eq!(response.status(), status, "{named}");
        let text = response.text().await.unwrap();
        assert!(text.contains(named), "{text}");
    }
    let get = house
        .client
        .get(house.url("/api/chat"))
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(get.status(), 405);
    assert_eq!(get.headers()["allow"], "POST");
    assert!(
        get.text()
            .await
            .unwrap()
            .contains("GET is not for this path")
    );
    for blank in ["", " \n"] {
        let refused = house.message(blank).send().await.unwrap();
        assert_eq!(refused.status(), 400, "{blank:?}");
    }
    assert!(house.judged().is_empty());
}

#[tokio::test]
async fn one_call_too_many_is_told_to_come_back() {
    let mut house = House::open().await;
    house.pipe("gate");
    let wait = json!({"command": "cat gate"});
    let mut running = Vec::new();
    for _ in 0..MAX_CONCURRENT_CALLS {
        running.push(house.start("execute_command", wait.clone()).await);
    }
    let refused = house.message("/run list_files").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(house.judged().len(), MAX_CONCURRENT_CALLS);
    assert_eq!(
        house.say("/help").await["kind"],
        "message",
        "talk needs no room"
    );
    drop(running);
    for _ in 0..MAX_CONCURRENT_CALLS {
        assert_eq!(house.ended().await.2.kind, OutcomeKind::Abandoned);
    }
}
