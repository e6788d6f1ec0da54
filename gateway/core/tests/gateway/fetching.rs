//! Fetching: nothing of this machine or its network, unless the operator allows it.

use serde_json::json;

use crate::house::{House, TOKEN};

#[tokio::test]
async fn the_machine_itself_is_out_of_reach_unless_it_is_allowed() {
    let house = House::open().await;
    let port = house.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1"] {
        let url = format!("http://{host}:{port}/health");
        let answer = house.run("http_fetch", json!({ "url": url })).await;
        assert_eq!(answer["kind"], "failure", "{answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains("not a place of the public internet"),
            "{error}"
        );
    }
    let other = House::with(|options| {
        options.tools.fetch_allow = vec![format!("127.0.0.1:{port}").parse().unwrap()];
    })
    .await;
    let url = house.url("/health");
    let answer = other.run("http_fetch", json!({ "url": url })).await;
    assert_eq!(answer["result"]["status"], 200, "{answer}");
    // Who is allowed to ask is asked for their own token: the gateway's does not go along.
    let answer = other
        .run(
            "http_fetch",
            json!({"url": house.url("/api/chat"), "method": "POST", "body": "{}"}),
        )
        .await;
    assert_eq!(answer["result"]["status"], 401, "{answer}");
    assert!(!answer.to_string().contains(TOKEN));
    let answer = other
        .run("http_fetch", json!({"url": other.url("/health")}))
        .await;
    assert_eq!(answer["kind"], "failure", "another port: {answer}");
}
