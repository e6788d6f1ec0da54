//! The whole way of a tool call into Postgres and back.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use test_cluster::Cluster;

use crate::support::{Home, Up, claude, ndjson, openclaw_fixtures, stderr};
use crate::{answer, database, migrated};

#[tokio::test]
async fn recorded_openclaw_events_arrive_in_postgres_once_each() {
    let (url, weak) = migrated();
    let home = Home::new();
    let up = || Up::start(home.smoltbot(&["up", "--database-url", &weak]));
    let running = up();
    for (name, events) in openclaw_fixtures() {
        let output = home.feed(&["hook", "openclaw"], &ndjson(&events));
        assert!(output.status.success(), "{name}: {}", stderr(&output));
    }
    let traces = running.traces_once(23).await;
    let count = |kind: &str| {
        let of_kind = |trace: &&Value| trace["action_type"] == kind;
        traces.iter().filter(of_kind).count()
    };
    assert_eq!((count("allow"), count("deny"), count("error")), (16, 2, 5));
    assert!(traces.iter().all(|trace| trace["signed"] == true));
    let refusals = running.get("/refusals").await;
    assert!(refusals.contains("Recursive delete of the root directory"));
    let page = running.get(&format!("/agent/{}", running.agent_id)).await;
    assert!(page.contains(traces[22]["id"].as_str().unwrap()));
    let stats = running.json("/v1/stats").await;
    assert_eq!(stats["total"], 23);

    // Another process on the same database, after a crash: what was stored is there once.
    running.kill();
    let running = up();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "last", "rm -rf /"),
    );
    assert_eq!(running.traces_once(24).await.len(), 24);
    // Its start made the month's partition, and added up what the first one had counted.
    let owned = &answer(&home, &["db", "status", "--json", "--database-url", &url])["owned"];
    assert_eq!(owned["elsewhere"], 0);
    let folded = Cluster::shared().psql(
        database(&url),
        "SELECT sum(count) >= 23 FROM tallies WHERE folded",
    );
    assert_eq!(folded.unwrap(), "t");
    let rows = Cluster::shared().psql(
        database(&url),
        "SELECT count(*), count(DISTINCT trace_id) FROM traces",
    );
    assert_eq!(rows.unwrap(), "24|24");

    // Erased: the fact stays, the content is gone from every surface.
    let refused = traces
        .iter()
        .find(|trace| trace["action_type"] == "deny")
        .unwrap();
    let id = refused["id"].as_str().unwrap();
    let reason = refused["metadata"]["conscience_reason"].as_str().unwrap();
    assert!(running.get(&format!("/trace/{id}")).await.contains(reason));
    let erased = answer(
        &home,
        &[
            "db",
            "erase",
            "--json",
            "--trace",
            id,
            "--database-url",
            &url,
        ],
    );
    assert_eq!(erased["erased"], 1);
    let page = running.get(&format!("/trace/{id}")).await;
    assert!(!page.contains(reason), "{page}");
    let integrity = running
        .json(&format!("/v1/agents/{}/integrity", running.agent_id))
        .await;
    assert!(integrity.is_object());
    assert_eq!(running.stop(Signal::SIGTERM), Some(0));
}

#[tokio::test]
async fn what_one_process_stores_is_live_at_another() {
    let (_, weak) = migrated();
    let (home, neighbour) = (Home::new(), Home::new());
    let up = Up::start(home.smoltbot(&["up", "--database-url", &weak]));
    let other = Up::start(neighbour.smoltbot(&["up", "--database-url", &weak]));
    let mut stream = reqwest::get(format!("{}/v1/live", other.edge))
        .await
        .unwrap();
    let mut events = String::new();
    // Subscribed once the stream says so.
    while !events.contains("connected") {
        events.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    let began = Instant::now();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    while !events.contains(&up.agent_id) {
        events.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    // Long before a stream looks by itself, which is every fifteen seconds.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_the_first_edge_that_may() {
    let url = Cluster::shared().fresh_database();
    let home = Home::new();
    let mut command = home.smoltbot(&["up"]);
    command.env("SMOLTBOT_EDGE__DATABASE_URL", &url);
    let up = Up::start(command);
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    assert_eq!(up.traces_once(1).await.len(), 1);
    let status = answer(&home, &["db", "status", "--json", "--database-url", &url]);
    assert_eq!(status["found"], status["known"]);
    assert_eq!(status["owned"]["elsewhere"], 0, "a month was made for it");
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}
