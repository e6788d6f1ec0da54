//! MCP servers that hang, flood, lie or have too much to say: the gateway stays usable, and whoever asks is told.

use std::time::Duration;

use gateway::limits::{
    MAX_MCP_DESCRIPTION_BYTES, MAX_MCP_LINE_BYTES, MAX_MCP_PAGES, MAX_MCP_TOOLS, MCP_CALL_TIME,
    MCP_START_TIME,
};
use gateway::tools::McpServer;
use serde_json::{Value, json};

use crate::house::{House, closed, opened};

/// How a server in `sh` answers what every client asks first.
const HEAD: &str = r#"
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
text() { answer "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*) answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"t","version":"1"}}' ;;
"#;

/// A gateway with a server `t` whose script goes on with these cases.
async fn house(cases: &str, tools: &Value, change: impl FnOnce(&mut McpServer)) -> House {
    House::with(|options| {
        let root = &options.workspace;
        let list = r#"    *'"method":"tools/list"'*) IFS= read -r tools < tools.json; answer "$tools" ;;
"#;
        let script = format!("{HEAD}{cases}{list}  esac\ndone\n");
        std::fs::write(root.join("server.sh"), script).unwrap();
        std::fs::write(root.join("tools.json"), format!("{tools}\n")).unwrap();
        let mut server = McpServer::new("t", "sh", vec!["server.sh".to_owned()]).unwrap();
        assert_eq!((server.start_within, server.call_within), (MCP_START_TIME, MCP_CALL_TIME));
        change(&mut server);
        options.tools.mcp_servers = vec![server];
    })
    .await
}

fn tool(name: &str) -> Value {
    json!({"name": name, "description": format!("does {name}"), "inputSchema": {"type": "object"}})
}

fn list(tools: &[Value]) -> Value {
    json!({ "tools": tools })
}

fn error(answer: &Value) -> &str {
    assert_eq!(answer["kind"], "failure", "{answer}");
    answer["error"].as_str().unwrap()
}

/// The tools of MCP servers that the gateway has, with their descriptions.
async fn offered(house: &House) -> Vec<(String, String)> {
    let tools = house.say("/tools").await["tools"].clone();
    let tools = tools.as_array().unwrap().iter().map(|tool| {
        let text = |key: &str| tool[key].as_str().unwrap().to_owned();
        (text("name"), text("description"))
    });
    tools
        .filter(|(name, _)| name.starts_with("mcp__"))
        .collect()
}

async fn is_usable(house: &House) {
    let answer = house.run("list_files", json!({})).await;
    assert_eq!(answer["kind"], "result", "everything else works: {answer}");
}

#[tokio::test]
async fn one_that_never_says_anything_is_told_when_its_time_is_up() {
    let house = House::with(|options| {
        let mut server = McpServer::new("t", "sleep", vec!["100000".to_owned()]).unwrap();
        server.start_within = Duration::from_millis(30);
        options.tools.mcp_servers = vec![server];
    })
    .await;
    let answer = house.run("mcp__t__x", json!({})).await;
    assert!(error(&answer).contains("`t` is not running"), "{answer}");
    is_usable(&house).await;
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_told_and_the_server_told_to_stop() {
    let cases = r#"    *'"name":"wait"'*) ;;
    *'"method":"notifications/cancelled"'*) : > told ;;
    *'"name":"quick"'*) text quick ;;
"#;
    let house = house(cases, &list(&[tool("wait"), tool("quick")]), |server| {
        server.call_within = Duration::from_millis(50);
    })
    .await;
    let told = opened(house.pipe("told"));
    let answer = house.run("mcp__t__wait", json!({})).await;
    assert!(
        error(&answer).contains("did not answer within 0.05 s; it was told to stop"),
        "{answer}"
    );
    closed(told.await.unwrap()).await;
    is_usable(&house).await;
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_dropped_and_the_next_one_read() {
    let cases = format!(
        r#"    *'"name":"loud"'*) head -c {MAX_MCP_LINE_BYTES} /dev/zero | tr '\0' x; echo x; text 'and yet' ;;
"#
    );
    let house = house(&cases, &list(&[tool("loud")]), |_| ()).await;
    let answer = house.run("mcp__t__loud", json!({})).await;
    assert_eq!(answer["result"]["text"], "and yet", "{answer}");
}

#[tokio::test]
async fn one_that_floods_without_an_end_is_told_when_its_time_is_up() {
    let cases = r#"    *'"name":"flood"'*) while :; do printf 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'; done ;;
"#;
    let house = house(cases, &list(&[tool("flood")]), |server| {
        server.call_within = Duration::from_millis(200);
    })
    .await;
    let answer = house.run("mcp__t__flood", json!({})).await;
    assert!(
        error(&answer).contains("did not answer within 0.2 s"),
        "{answer}"
    );
    is_usable(&house).await;
}

#[tokio::test]
async fn tools_whose_schemas_no_model_could_be_told_are_left_out() {
    let mut lies = vec![
        tool("good"),
        tool("text"),
        tool("properties"),
        tool("required"),
        tool("deep"),
    ];
    lies[1]["inputSchema"] = json!({"type": "string"});
    lies[2]["inputSchema"]["properties"] = json!({"a": "string"});
    lies[3]["inputSchema"]["required"] = json!("a");
    for _ in 0..60 {
        let inner = lies[4]["inputSchema"].take();
        lies[4]["inputSchema"] = json!({"type": "object", "properties": {"a": inner}});
    }
    let cases = r#"    *'"name":"good"'*) text good ;;
"#;
    let house = house(cases, &list(&lies), |_| ()).await;
    let answer = house.run("mcp__t__good", json!({})).await;
    assert_eq!(answer["result"]["text"], "good", "{answer}");
    assert_eq!(
        offered(&house).await,
        [("mcp__t__good".to_owned(), "does good".to_owned())]
    );
    let answer = house.run("mcp__t__text", json!({})).await;
    assert!(error(&answer).contains("there is no tool"), "{answer}");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_told() {
    let house = house("", &json!({"tools": [{"name": 5}]}), |server| {
        server.start_within = Duration::from_millis(500);
    })
    .await;
    let answer = house.run("mcp__t__x", json!({})).await;
    assert!(error(&answer).contains("`t` is not running"), "{answer}");
    is_usable(&house).await;
}

#[tokio::test]
async fn a_long_description_is_cut() {
    let mut long = tool("long");
    long["description"] = json!(format!("begin{}end", "ä".repeat(MAX_MCP_DESCRIPTION_BYTES)));
    let cases = r#"    *'"name":"long"'*) text long ;;
"#;
    let house = house(cases, &list(&[long]), |_| ()).await;
    house.run("mcp__t__long", json!({})).await;
    let told = &offered(&house).await[0].1;
    assert!(told.starts_with("beginä") && told.ends_with("äend"));
    assert!(told.contains("bytes cut here") && told.len() <= MAX_MCP_DESCRIPTION_BYTES + 40);
}

#[tokio::test]
async fn one_that_tells_its_tools_on_endless_pages_is_heard_for_a_while() {
    let cases = r#"    *'"method":"tools/list"'*) page=$((page + 1)); : > "page$page"
      answer "{\"tools\":[{\"name\":\"n$page\",\"inputSchema\":{\"type\":\"object\"}}],\"nextCursor\":\"more\"}" ;;
    *'"name":"n1"'*) text "$page" ;;
"#;
    let house = house(cases, &json!({}), |_| ()).await;
    let answer = house.run("mcp__t__n1", json!({})).await;
    assert_eq!(
        answer["result"]["text"],
        MAX_MCP_PAGES.to_string(),
        "{answer}"
    );
    let offered = offered(&house).await.len();
    assert_eq!(offered, MAX_MCP_PAGES.min(MAX_MCP_TOOLS));
}
