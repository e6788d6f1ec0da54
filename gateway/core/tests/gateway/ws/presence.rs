//! OpenClaw's dialect: who is connected, and how the gateway is.

use gateway::limits::MAX_PRESENCE_CHARS;
use gateway::model::ErrorKind;
use gateway::tools::McpServer;
use model_upstream::{Answer, Wire};
use serde_json::{Value, json};

use super::client::{Client, hello};
use crate::house::{House, TOKEN};
use crate::talking::Talking;

/// A client that says who it is, and the snapshot that it gets.
async fn named(house: &House, name: &str) -> (Client, Value) {
    let mut client = Client::stranger(house).await;
    let mut params = hello();
    params["client"]["displayName"] = name.into();
    params["client"]["instanceId"] = format!("{name}-1").into();
    params["client"]["deviceFamily"] = "Linux".into();
    let answer = client.ask("connect", params).await;
    (client, answer["payload"]["snapshot"].clone())
}

/// The next event of that name.
async fn event(client: &mut Client, name: &str) -> Value {
    loop {
        let frame = client.next().await;
        if frame["event"] == name {
            return frame;
        }
    }
}

fn hosts(presence: &Value) -> Vec<&str> {
    let rows = presence.as_array().unwrap().iter();
    rows.filter(|row| row["mode"] != "gateway")
        .map(|row| row["host"].as_str().unwrap())
        .collect()
}

/// Waits for the event that tells of these clients and of no other; changes that follow one another may come together.
async fn there(client: &mut Client, expected: &[&str]) -> Value {
    loop {
        let told = event(client, "presence").await;
        if hosts(&told["payload"]["presence"]) == expected {
            return told;
        }
    }
}

#[tokio::test]
async fn whoever_connects_is_told_who_is_there() {
    let house = House::open().await;
    let (mut ann, snapshot) = named(&house, "ann").await;
    let rows = snapshot["presence"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "the gateway and herself: {snapshot}");
    assert_eq!(
        [&rows[0]["mode"], &rows[0]["reason"]],
        ["gateway", "self"],
        "{snapshot}"
    );
    let own = &rows[1];
    for (name, value) in [
        ("host", json!("ann")),
        ("clientId", json!("gateway-client")),
        ("version", json!("1")),
        ("platform", json!("linux")),
        ("deviceFamily", json!("Linux")),
        ("mode", json!("backend")),
        ("instanceId", json!("ann-1")),
        ("roles", json!(["operator"])),
        ("scopes", json!(["operator.read", "operator.write"])),
        ("reason", json!("connect")),
        ("text", json!("Node: ann · mode backend")),
    ] {
        assert_eq!(own[name], value, "{own}");
    }
    assert!(own["ts"].as_i64().unwrap() >= own["onlineSince"].as_i64().unwrap());
    assert!(own.get("deviceId").is_none() && own.get("ip").is_none());
    assert_eq!(snapshot["stateVersion"]["presence"], 2);
    let asked = ann.ask("system-presence", json!({})).await;
    assert_eq!(hosts(&asked["payload"]), ["ann"]);
    assert!(!asked.to_string().contains(TOKEN));
}

#[tokio::test]
async fn who_comes_and_who_goes_is_told_to_everybody_else() {
    let house = House::open().await;
    let (mut ann, _) = named(&house, "ann").await;
    let (mut bob, snapshot) = named(&house, "bob").await;
    assert_eq!(
        hosts(&snapshot["presence"]),
        ["bob", "ann"],
        "the latest first"
    );
    let told = there(&mut ann, &["bob", "ann"]).await;
    let versions = &told["stateVersion"];
    assert_eq!(versions["presence"], snapshot["stateVersion"]["presence"]);
    assert_eq!(versions["health"], snapshot["stateVersion"]["health"]);

    // The simple dialect has no such events, but who speaks it is there as well.
    let mut simple = Client::stranger(&house).await;
    let auth = json!({"auth": {"mode": "token", "token": TOKEN},
        "client_info": {"name": "x".repeat(1000), "version": "7", "platform": "plan9"}});
    simple.ask("connect", auth).await;
    let long = "x".repeat(MAX_PRESENCE_CHARS);
    let told = there(&mut ann, &[&long, "bob", "ann"]).await;
    assert_eq!(told["payload"]["presence"][1]["mode"], "simple");
    assert_eq!(told["payload"]["presence"][1]["platform"], "plan9");
    let before = told["stateVersion"]["presence"].as_u64().unwrap();

    drop(simple);
    let told = there(&mut ann, &["bob", "ann"]).await;
    assert!(told["stateVersion"]["presence"].as_u64().unwrap() > before);
    there(&mut bob, &["bob", "ann"]).await;
    drop(ann);
    there(&mut bob, &["bob"]).await;
    // Who was not let in was never there.
    let mut stranger = Client::stranger(&house).await;
    let mut params = hello();
    params["auth"]["token"] = "wrong".into();
    stranger.ask("connect", params).await;
    let asked = bob.ask("system-presence", json!({})).await;
    assert_eq!(hosts(&asked["payload"]), ["bob"]);
}

#[tokio::test]
async fn a_provider_that_fails_and_answers_again_is_told_as_health() {
    let answers = vec![Answer::status(529, "busy"), Answer::text("Here I am.")];
    let talking = Talking::script(Wire::Anthropic, answers).await;
    let mut client = Client::stranger(&talking.house).await;
    let hello = client.ask("connect", hello()).await;
    let snapshot = &hello["payload"]["snapshot"];
    let well = json!([{"name": "anthropic", "ok": true}]);
    assert_eq!(snapshot["health"]["providers"], well);
    let before = snapshot["stateVersion"]["health"].as_u64().unwrap();

    talking.say("web:a", "Hello?").await;
    let told = event(&mut client, "health").await;
    let kind = ErrorKind::Overloaded.name();
    assert_eq!(
        told["payload"]["providers"],
        json!([{"name": "anthropic", "ok": false, "failure": kind}])
    );
    assert_eq!(told["payload"]["ok"], true, "the gateway itself serves");
    assert_eq!(told["stateVersion"]["health"], before + 1);
    let asked = client.ask("health", json!({})).await;
    assert_eq!(asked["payload"]["providers"], told["payload"]["providers"]);

    talking.say("web:a", "And now?").await;
    let told = event(&mut client, "health").await;
    assert_eq!(told["payload"]["providers"], well);
    assert_eq!(told["stateVersion"]["health"], before + 2);
}

/// A server of tools that runs once there is a file `ready`, and only then.
const SERVER: &str = r#"
[ -e ready ] || exit 1
answer() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
while IFS= read -r line; do
  id=${line#*'"id":'}; id=${id%%[,\}]*}
  case $line in
    *'"method":"initialize"'*) answer '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"t","version":"1"}}' ;;
    *'"method":"tools/list"'*) answer '{"tools":[]}' ;;
  esac
done
"#;

#[tokio::test]
async fn an_mcp_server_that_does_not_run_is_told_as_health() {
    let house = House::with(|options| {
        std::fs::write(options.workspace.join("server.sh"), SERVER).unwrap();
        let server = McpServer::new("t", "sh", vec!["server.sh".to_owned()]).unwrap();
        options.tools.mcp_servers = vec![server];
    })
    .await;
    let mut client = Client::stranger(&house).await;
    let hello = client.ask("connect", hello()).await;
    let mut state = hello["payload"]["snapshot"]["health"]["mcpServers"].clone();
    // While it is started for the first time it is neither.
    while state != json!([{"name": "t", "ok": false}]) {
        assert_eq!(state, json!([{"name": "t", "ok": null}]));
        state = event(&mut client, "health").await["payload"]["mcpServers"].clone();
    }
    std::fs::write(house.path("ready"), "").unwrap();
    let told = event(&mut client, "health").await;
    assert_eq!(
        told["payload"]["mcpServers"],
        json!([{"name": "t", "ok": true}])
    );
}
