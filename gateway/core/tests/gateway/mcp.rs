//! Tools of MCP servers: a real program that speaks the protocol over its pipes, written in `sh`.

use aap::OutcomeKind;
use gateway::limits::{MAX_MCP_SCHEMA_BYTES, MAX_MCP_TOOLS};
use gateway::tools::{McpProgram, McpServer};
use serde_json::{Value, json};

use crate::house::{House, closed, opened};

/// A server with builtins of `sh` alone. It reads what it says from files beside it, so that tests can change them.
const SERVER: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { answer "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
[ -e held ] && exec 3> held
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*) answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"t","version":"1"}}' ;;
    *'"method":"tools/list"'*) IFS= read -r tools < tools.json; answer "$tools" ;;
    *'"name":"echo"'*) said=${line#*'"text":"'}; text "${said%%\"*}" ;;
    *'"name":"environment"'*) text "[$KEY] [$CARGO_PKG_NAME] [$(pwd)]" ;;
    *'"name":"fail"'*) answer '{"content":[{"type":"text","text":"it is broken"}],"isError":true}' ;;
    *'"name":"refuse"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"not like that"}}\n' "$id" ;;
    *'"name":"die"'*) echo 'I have had enough' >&2; exit 1 ;;
    *'"name":"change"'*)
      IFS= read -r tools < more.json; printf '%s\n' "$tools" > tools.json
      printf '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n'; text changed ;;
    *'"name":"wait"'*) : > waiting ;;
  esac
done
"#;

fn tool(name: &str) -> Value {
    json!({"name": name, "description": format!("does {name}"), "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}})
}

fn list(names: &[&str]) -> String {
    let tools: Vec<Value> = names.iter().map(|name| tool(name)).collect();
    json!({ "tools": tools }).to_string() + "\n"
}

/// A gateway with a server `t`, whose directory is the workspace.
async fn house(tools: String, prepare: impl FnOnce(&std::path::Path)) -> House {
    House::with(|options| {
        let root = &options.workspace;
        std::fs::write(root.join("server.sh"), SERVER).unwrap();
        std::fs::write(root.join("tools.json"), tools).unwrap();
        prepare(root);
        let program = McpProgram {
            command: "sh".to_owned(),
            args: vec!["server.sh".to_owned()],
            env: [("KEY".to_owned(), "its own".to_owned())].into(),
            cwd: None,
        };
        options.tools.mcp_servers = vec![McpServer::program("t", program).unwrap()];
    })
    .await
}

fn error(answer: &Value) -> &str {
    assert_eq!(answer["kind"], "failure", "{answer}");
    answer["error"].as_str().unwrap()
}

#[tokio::test]
async fn its_tools_are_called_like_any_other() {
    let all = ["echo", "environment", "fail", "refuse"];
    let mut house = house(list(&all), |_| ()).await;
    let answer = house.run("mcp__t__echo", json!({"text": "hello"})).await;
    assert_eq!(answer["result"], json!({"text": "hello"}), "{answer}");
    let (call, _, outcome) = house.ended().await;
    assert_eq!(call.tool, "mcp__t__echo");
    assert_eq!(outcome.kind, OutcomeKind::Completed);
    let answer = house.run("mcp__t__environment", json!({"text": ""})).await;
    let root = house.root();
    assert_eq!(
        answer["result"]["text"],
        format!("[its own] [] [{}]", root.display())
    );
    let answer = house.run("mcp__t__fail", json!({"text": ""})).await;
    assert_eq!(error(&answer), "it is broken");
    let answer = house.run("mcp__t__refuse", json!({"text": ""})).await;
    assert!(
        error(&answer).contains("`t` refused: not like that"),
        "{answer}"
    );
    let answer = house.run("mcp__t__none", json!({})).await;
    assert!(error(&answer).contains("there is no tool") && error(&answer).contains("mcp__t__echo"));
    let answer = house
        .run("mcp__t__echo", json!({"text": "forbidden"}))
        .await;
    assert_eq!(answer["kind"], "refusal");

    let tools = house.say("/tools").await["tools"].clone();
    let told = tools
        .as_array()
        .unwrap()
        .iter()
        .find(|tool| tool["name"] == "mcp__t__echo")
        .unwrap();
    assert_eq!(told["description"], "does echo");
    assert_eq!(told["parameters"], tool("echo")["inputSchema"]);
    assert_eq!(told["example"], r#"/run mcp__t__echo {"text":"…"}"#);
}

#[tokio::test]
async fn tools_that_change_and_tools_that_do_not_fit() {
    let house = house(list(&["change"]), |root| {
        let mut tools = vec![tool("echo"), tool("a/b"), tool("a.b")];
        let mut large = tool("large");
        large["inputSchema"]["description"] = json!("x".repeat(MAX_MCP_SCHEMA_BYTES));
        tools.push(large);
        tools.extend((0..MAX_MCP_TOOLS).map(|number| tool(&format!("n{number}"))));
        std::fs::write(
            root.join("more.json"),
            json!({ "tools": tools }).to_string() + "\n",
        )
        .unwrap();
    })
    .await;
    let answer = house.run("mcp__t__change", json!({"text": ""})).await;
    assert_eq!(answer["result"]["text"], "changed", "{answer}");
    // The news came before the answer; asking for the new list takes one more turn.
    let names: Vec<String> = loop {
        let tools = house.say("/tools").await["tools"].clone();
        let names: Vec<String> = tools
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .filter(|name| name.starts_with("mcp__"))
            .collect();
        if !names.contains(&"mcp__t__change".to_owned()) {
            break names;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(names[..3], ["mcp__t__echo", "mcp__t__a_b", "mcp__t__n0"]);
    assert_eq!(names.len(), MAX_MCP_TOOLS);
    let answer = house.run("mcp__t__echo", json!({"text": "still"})).await;
    assert_eq!(answer["result"]["text"], "still");
}

#[tokio::test]
async fn a_server_that_ends_is_told_and_started_again() {
    let house = house(list(&["die", "echo"]), |_| ()).await;
    let answer = house.run("mcp__t__die", json!({"text": ""})).await;
    assert!(error(&answer).contains("ended during the call"), "{answer}");
    let mut told = String::new();
    let answer = loop {
        let answer = house.run("mcp__t__echo", json!({"text": "back"})).await;
        if answer["kind"] == "result" {
            break answer;
        }
        told += error(&answer);
    };
    assert_eq!(answer["result"]["text"], "back");
    assert!(
        told.contains("I have had enough; it is started again in 1 s"),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_that_cannot_start_is_told() {
    let house = House::with(|options| {
        let server = |name: &str, command: &str, args: &[&str]| {
            McpServer::new(
                name,
                command,
                args.iter().map(|arg| (*arg).to_owned()).collect(),
            )
            .unwrap()
        };
        options.tools.mcp_servers = vec![
            server("none", "no-such-program-anywhere", &[]),
            server(
                "odd",
                "sh",
                &["-c", "echo no key is set >&2; echo '{}'; exit 1"],
            ),
        ];
    })
    .await;
    let answer = house.run("mcp__none__x", json!({})).await;
    assert!(
        error(&answer).contains("`no-such-program-anywhere` could not be started"),
        "{answer}"
    );
    let answer = house.run("mcp__odd__x", json!({})).await;
    assert!(error(&answer).contains("`odd` is not running"), "{answer}");
    assert!(error(&answer).contains("no key is set"), "{answer}");
    let answer = house.run("list_files", json!({})).await;
    assert_eq!(answer["kind"], "result", "everything else works");
}

#[tokio::test]
async fn servers_end_with_the_gateway_and_calls_with_their_client() {
    let mut pipe = None;
    let mut house = house(list(&["wait"]), |root| {
        let path = root.join("held");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        pipe = Some(path);
    })
    .await;
    let held = opened(pipe.unwrap()).await.unwrap();
    let running = house.start("mcp__t__wait", json!({"text": ""})).await;
    drop(running);
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Abandoned);
    house.shutdown.cancel();
    house.serving.await.unwrap().unwrap();
    closed(held).await;
}
