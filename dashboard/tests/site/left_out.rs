//! The trace's page says what of a call was not published, and why.

use crate::support::Site;
use serde_json::json;
use trace_store::conformance::{Agent, now, send};

#[tokio::test(flavor = "multi_thread")]
async fn masks_are_counted_and_explained() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let mut made = agent.call(-1_000);
    made.params =
        Some(json!({"command": "curl -H 'Authorization: Bearer [redacted:authorization]' x.org"}));
    made.result = json!({"preview": "ok", "bytes": 9_000, "sha256": "ab"});
    made.extra.insert(
        "redactions".to_owned(),
        json!({"authorization": 1, "jwt": 3}),
    );
    let masked = made.trace_id;
    let open = agent.call(-500);
    let whole = open.trace_id;
    let batch = agent.batch_of(vec![made, open]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/trace/{masked}")).await;
    for said in [
        "What was left out, and why",
        "<mark>authorization</mark><span>the credentials of a request</span><small>once</small>",
        "<mark>jwt</mark><span>a signed token that logs in until it expires</span><small>3 times</small>",
        "all of it has 9,000 bytes",
        "data-copy-of=\"raw\"",
        "aap verify --card card.json --trace trace.json",
    ] {
        assert!(page.contains(said), "lacks {said}");
    }
    let page = site.page(&format!("/trace/{whole}")).await;
    assert!(page.contains("Nothing is marked as masked or cut"));
}
