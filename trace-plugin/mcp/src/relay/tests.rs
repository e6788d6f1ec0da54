//! What becomes of each message.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

/// A conscience that refuses `rm`, asks about `ask`, and remembers what it was told.
struct Bench {
    relay: Relay,
    heard: Arc<Mutex<Vec<Value>>>,
}

fn bench() -> Bench {
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let kept = heard.clone();
    let ask: Ask = Arc::new(move |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        kept.lock().unwrap().push(event.clone());
        match event["tool"].as_str() {
            Some("rm") => json!({"decision": "deny", "reason": "No."}),
            Some("ask") if event["can_ask"] == true => {
                json!({"decision": "ask", "reason": "Really?"})
            }
            Some("ask") => json!({"decision": "deny", "reason": "Nobody can be asked."}),
            _ => json!({}),
        }
        .to_string()
    });
    let options = Options {
        name: None,
        session_id: "s".to_owned(),
    };
    Bench {
        relay: Relay::new(ask, &options, "node"),
        heard,
    }
}

impl Bench {
    async fn client(&mut self, text: &str) -> Vec<Do> {
        self.relay.client(format!("{text}\n").into_bytes()).await
    }

    async fn hello(&mut self, capabilities: Value) {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"capabilities": capabilities}});
        assert_eq!(self.client(&hello.to_string()).await.len(), 1);
        let answer =
            json!({"jsonrpc": "2.0", "id": 0, "result": {"serverInfo": {"name": "My files!"}}});
        assert!(self.relay.server(answer.to_string().as_bytes()).is_empty());
    }
}

fn call(id: &str, tool: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0", "id":{id}, "method":"tools/call","params":{{"name":"{tool}","arguments":{{"path":"/x"}}}}}}"#
    )
}

fn pass(text: &str) -> Do {
    Do::Pass(format!("{text}\n").into_bytes())
}

fn said(done: &Do) -> Value {
    match done {
        Do::Say(bytes) => serde_json::from_slice(bytes).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_allowed_passes_as_it_is_and_its_end_is_told() {
    let mut bench = bench();
    bench.hello(json!({})).await;
    for (id, tool) in [("1", "read"), (r#""a b""#, "write")] {
        let call = call(id, tool);
        assert_eq!(bench.client(&call).await, [pass(&call)]);
        let told = bench
            .relay
            .server(format!(r#"{{"id":{id},"result":{{"isError":true}}}}"#).as_bytes());
        let event: Value = serde_json::from_str(&told[0]).unwrap();
        assert_eq!(
            (&event["hook"], &event["tool"]),
            (&json!("after"), &json!(tool))
        );
        assert_eq!(event["server"], "My_files_");
        assert_eq!(event["result"]["isError"], true);
        assert_eq!(event["params"], json!({"path": "/x"}));
        assert!(
            bench
                .relay
                .server(format!(r#"{{"id":{id},"result":{{}}}}"#).as_bytes())
                .is_empty(),
            "once"
        );
    }
    let heard = bench.heard.lock().unwrap();
    let ids: Vec<_> = heard
        .iter()
        .map(|event| event["call_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["1-1", "a b-2"]);
}

#[tokio::test]
async fn what_is_refused_is_answered_to_the_model_and_never_passed_on() {
    let mut bench = bench();
    let done = bench.client(&call(r#""x\u0041""#, "rm")).await;
    assert_eq!(done.len(), 1);
    let answer = said(&done[0]);
    assert_eq!(answer["id"], "xA");
    assert_eq!(answer["result"]["isError"], true);
    assert_eq!(
        answer["result"]["content"][0]["text"],
        "smoltbot refused this call: No."
    );
    // A call that nobody waits for is refused in silence.
    let silent = bench
        .client(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"rm"}}"#)
        .await;
    assert_eq!(silent, [Do::Say(Vec::new())]);
}

#[tokio::test]
async fn everything_else_passes_untouched() {
    let mut bench = bench();
    for text in [
        r#"{"jsonrpc":"2.0","id":  7,"method":"tools/list" , "params":{"_meta":{"progressToken":"t"}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}"#,
        r#"{"jsonrpc":"2.0","id":"q","result":{"action":"accept"}}"#,
        r#"{"jsonrpc":"2.0","id":3,"error":{"code":-1,"message":"x"}}"#,
        r#"{"jsonrpc":"2.0","id":1e3,"method":"tools\/list"}"#,
        "",
    ] {
        assert_eq!(bench.client(text).await, [pass(text)]);
    }
    assert!(bench.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_not_passed_on() {
    let mut bench = bench();
    for (text, code) in [
        ("{", -32700),
        ("not json", -32700),
        (
            r#"{"id":1,"method":"tools/list","method":"tools/call","params":{"name":"rm"}}"#,
            -32600,
        ),
        (
            r#"{"id":1,"method":"tools/list","Method":"tools/call","params":{"name":"rm"}}"#,
            -32600,
        ),
        (
            r#"{"id":1,"Method":"tools/call","params":{"name":"rm"}}"#,
            -32600,
        ),
        (
            r#"{"id":1,"method":"tools/call","params":{"name":"read","Name":"rm"}}"#,
            -32600,
        ),
        (
            r#"{"id":1,"method":"tools/call","params":{"name":"read","arguments":{},"arguments":{}}}"#,
            -32600,
        ),
        (
            r#"{"id":1,"method":"tools/call","params":{"name":7}}"#,
            -32602,
        ),
        (r#"{"id":1,"method":"tools/call"}"#, -32602),
        (r#"{"id":1,"method":["tools/call"]}"#, -32600),
        ("[{]", -32700),
    ] {
        let done = bench.client(text).await;
        assert_eq!(done.len(), 1, "{text}");
        assert_eq!(said(&done[0])["error"]["code"], code, "{text}");
    }
    assert_eq!(
        said(&bench.relay.client(b"{\"id\":\xff}\n".to_vec()).await[0])["error"]["code"],
        -32700
    );
    // Escapes in a key are that key.
    let escaped = bench
        .client(r#"{"id":1,"m\u0065thod":"tools/call","params":{"n\u0061me":"rm"}}"#)
        .await;
    assert_eq!(said(&escaped[0])["result"]["isError"], true);
}

#[tokio::test]
async fn of_a_batch_the_refused_ones_are_taken_out() {
    let mut bench = bench();
    let (list, read, rm) = (
        r#"{"id":1, "method":"tools/list"}"#,
        call("2", "read"),
        call("3", "rm"),
    );
    let whole = format!("[{list}, {read}]");
    assert_eq!(bench.client(&whole).await, [pass(&whole)]);
    let done = bench.client(&format!("[{list},{rm},{read}]")).await;
    assert_eq!(done.len(), 2);
    assert_eq!(said(&done[0])["id"], 3);
    assert_eq!(done[1], pass(&format!("[{list},{read}]")));
    assert_eq!(
        bench.client(&format!("[{rm}]")).await.len(),
        1,
        "nothing is left to pass on"
    );
    assert_eq!(
        bench.client(&format!("[{}]", call("4", "ask"))).await.len(),
        1
    );
    let told = bench
        .relay
        .server(br#"[{"id":1,"result":{}},{"id":2,"result":{}}]"#);
    assert_eq!(told.len(), 1);
}

#[tokio::test]
async fn a_person_is_asked_where_the_client_can_show_a_form() {
    for (capabilities, asked) in [
        (json!({"elicitation": {}}), true),
        (json!({"elicitation": {"form": {}}}), true),
        (json!({"elicitation": {"url": {}}}), false),
        (json!({}), false),
    ] {
        let mut bench = bench();
        bench.hello(capabilities.clone()).await;
        let done = bench.client(&call("5", "ask")).await;
        let question = said(&done[0]);
        assert_eq!(
            question["method"] == "elicitation/create",
            asked,
            "{capabilities}"
        );
        if !asked {
            assert_eq!(question["result"]["isError"], true);
        }
    }
}

#[tokio::test]
async fn the_persons_answer_decides_and_is_told() {
    let answered = |done: &[Do]| match &done[0] {
        Do::Tell(event) => {
            let event: Value = serde_json::from_str(event).unwrap();
            assert_eq!(event["hook"], "answered");
            event["answer"].as_str().unwrap().to_owned()
        }
        other => panic!("{other:?}"),
    };
    let mut bench = bench();
    bench.hello(json!({"elicitation": {}})).await;
    let call = call("5", "ask");
    for action in ["accept", "decline", "cancel", "error"] {
        let question = said(&bench.client(&call).await[0]);
        assert!(
            question["params"]["message"]
                .as_str()
                .unwrap()
                .contains("Really?")
        );
        let mut answer =
            json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": action}});
        if action == "error" {
            answer = json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": -32601, "message": "no"}});
        }
        let done = bench.client(&answer.to_string()).await;
        if action == "accept" {
            assert_eq!(answered(&done), "approved");
            assert_eq!(done[1..], [pass(&call)]);
        } else {
            assert_eq!(answered(&done), "denied");
            assert_eq!(said(&done[1])["result"]["isError"], true);
        }
        assert_eq!(
            bench.client(&answer.to_string()).await,
            [pass(&answer.to_string())],
            "an answer counts once"
        );
    }
    bench.client(&call).await;
    let cancel = r#"{"method":"notifications/cancelled","params":{"requestId":5}}"#;
    assert_eq!(answered(&bench.client(cancel).await), "denied");
    assert_eq!(bench.client(cancel).await, [pass(cancel)]);
    bench.client(&call).await;
    assert!(bench.relay.next_timeout().unwrap() <= ASK_FOR);
    for asked in bench.relay.asked.values_mut() {
        asked.until = Instant::now();
    }
    assert_eq!(answered(&bench.relay.time_out()), "timeout");
    assert_eq!(bench.relay.next_timeout(), None);
}

proptest! {
    #[test]
    fn no_call_of_rm_gets_through(id in "[0-9]{1,4}", pad in "[ \t]{0,3}", batch in any::<bool>(), extra in "[a-z]{0,5}") {
        let mut text = format!(r#"{pad}{{{pad}"params":{{"{extra}":1,"name":"rm"}},{pad}"id":{id},"method":"tools/call"}}"#);
        if batch {
            text = format!("{pad}[{text}{pad}]");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = runtime.block_on(async { bench().client(&text).await });
        let passed = done.iter().any(|one| matches!(one, Do::Pass(_)));
        prop_assert!(!passed, "{:?}", done);
    }

    #[test]
    fn any_text_is_answered_or_passed(text in "\\PC{0,80}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = runtime.block_on(async { bench().client(&text).await });
        prop_assert!(!done.is_empty() || text.trim() == "[]");
        bench().relay.server(text.as_bytes());
    }
}
