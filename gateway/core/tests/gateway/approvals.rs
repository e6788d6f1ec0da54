//! Questions of the conscience to the person at the chat.

use std::time::Duration;

use aap::{ApprovalStatus, OutcomeKind};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::house::{House, TOKEN};

/// The lines of an answer as they come.
struct Lines {
    response: Response,
    rest: String,
}

impl Lines {
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((line, rest)) = self.rest.split_once('\n') {
                let line = serde_json::from_str(line).unwrap();
                self.rest = String::from(rest);
                return Some(line);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.rest += std::str::from_utf8(&chunk).unwrap();
        }
    }

    /// The line of this event.
    async fn event(&mut self, event: &str) -> Value {
        loop {
            let line = self.next().await.expect("the event comes");
            if line["event"] == event {
                return line;
            }
        }
    }
}

/// A message whose call needs a person's yes, and the question.
async fn asked(house: &House) -> (Lines, Value) {
    let params = json!({"command": "touch ran # ticklish"});
    let response = house
        .message(&format!("/run execute_command {params}"))
        .header("accept", "application/x-ndjson")
        .send()
        .await
        .unwrap();
    let mut lines = Lines {
        response,
        rest: String::new(),
    };
    let question = lines.event("asking").await;
    (lines, question)
}

async fn decide(house: &House, question: &Value, decision: &str) -> StatusCode {
    let path = format!("/api/approvals/{}", question["id"].as_str().unwrap());
    let body = json!({ "decision": decision }).to_string();
    let request = house.client.post(house.url(&path)).bearer_auth(TOKEN);
    request.body(body).send().await.unwrap().status()
}

async fn open(house: &House) -> Vec<Value> {
    let request = house.client.get(house.url("/api/approvals"));
    let text = request
        .bearer_auth(TOKEN)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["approvals"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_yes_lets_the_call_run() {
    let mut house = House::open().await;
    let (mut lines, question) = asked(&house).await;
    assert_eq!(question["tool"], "execute_command");
    assert_eq!(question["params"]["command"], "touch ran # ticklish");
    assert_eq!(question["reason"], "It would do harm");
    assert_eq!(question["verdict"], "ask");
    assert_eq!(question["timeout_ms"], 300_000);
    assert_eq!(
        question["id"],
        format!("esc-{}", question["trace_id"].as_str().unwrap())
    );
    assert!(
        !house.path("ran").exists(),
        "nothing runs before the answer"
    );
    let listed = open(&house).await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], question["id"]);

    assert_eq!(decide(&house, &question, "approve").await, 200);
    let answer = lines.event("answer").await;
    assert_eq!(answer["kind"], "result", "{answer}");
    assert_eq!(answer["approval"], "approved");
    assert_eq!(answer["trace_id"], question["trace_id"]);
    assert!(house.path("ran").exists());
    let (call, judged, outcome) = house.ended().await;
    assert_eq!(outcome.kind, OutcomeKind::Completed);
    assert_eq!(judged.approval.unwrap().status, ApprovalStatus::Approved);
    assert_eq!(
        (call.channel.as_deref(), call.role.as_deref()),
        (Some("web"), Some("owner"))
    );
    assert_eq!(
        decide(&house, &question, "deny").await,
        404,
        "it was answered"
    );
    assert!(open(&house).await.is_empty());
}

#[tokio::test]
async fn a_no_runs_nothing() {
    let mut house = House::open().await;
    let (mut lines, question) = asked(&house).await;
    assert_eq!(decide(&house, &question, "deny").await, 200);
    let answer = lines.event("answer").await;
    assert_eq!(answer["kind"], "refusal", "{answer}");
    assert_eq!(
        (&answer["approval"], &answer["verdict"]),
        (&json!("denied"), &json!("ask"))
    );
    assert!(!house.path("ran").exists());
    assert_eq!(house.declined(), [ApprovalStatus::Denied]);
    assert!(house.nothing_ended(), "a refusal's trace is the hook's");
}

#[tokio::test]
async fn time_runs_out() {
    let house = House::with(|options| options.answer_within = Duration::from_millis(30)).await;
    let (mut lines, question) = asked(&house).await;
    let answer = lines.event("answer").await;
    assert_eq!(
        (&answer["kind"], &answer["approval"]),
        (&json!("refusal"), &json!("timeout"))
    );
    assert_eq!(house.declined(), [ApprovalStatus::Timeout]);
    assert_eq!(decide(&house, &question, "approve").await, 404);
    assert!(!house.path("ran").exists());
}

#[tokio::test]
async fn a_question_is_taken_back_when_whoever_asked_goes_away() {
    let mut house = House::open().await;
    let (lines, question) = asked(&house).await;
    drop(lines);
    let (_, judged, outcome) = house.ended().await;
    assert_eq!(
        (judged.approval, outcome.kind),
        (None, OutcomeKind::Abandoned)
    );
    assert_eq!(decide(&house, &question, "approve").await, 404);
    assert!(open(&house).await.is_empty() && !house.path("ran").exists());
}

#[tokio::test]
async fn only_who_shows_the_token_answers_and_only_in_words() {
    let house = House::open().await;
    let (_lines, question) = asked(&house).await;
    let path = format!("/api/approvals/{}", question["id"].as_str().unwrap());
    let yes = json!({"decision": "approve"}).to_string();
    let stranger = house.client.post(house.url(&path)).body(yes);
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    let stranger = house.client.get(house.url("/api/approvals"));
    assert_eq!(stranger.send().await.unwrap().status(), 401);
    for body in [
        "",
        "yes",
        r#"{"decision":"perhaps"}"#,
        r#"{"decision":"approve","x":1}"#,
    ] {
        let request = house.client.post(house.url(&path)).bearer_auth(TOKEN);
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
        assert!(response.text().await.unwrap().contains("approve"));
    }
    assert_eq!(open(&house).await.len(), 1, "it is still open");
    assert!(!house.path("ran").exists());
}
