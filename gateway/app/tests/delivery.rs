//! What is promised of delivery, from outside: the command as typed, real processes, real files.
//!
//! Nothing is installed here, so no hook starts a sidecar: each records by itself until `up` ships.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::{Home, PATIENCE, Up, feed, stderr};

fn pre(id: &str, command: &str) -> String {
    json!({"session_id": "s", "cwd": "/tmp", "hook_event_name": "PreToolUse", "tool_name": "Bash",
           "tool_use_id": id, "tool_input": {"command": command}})
    .to_string()
}

fn status(home: &Home) -> Value {
    let said = home.run(&["status", "--json"]);
    assert!(said.status.success(), "{said:?}");
    serde_json::from_slice(&said.stdout).expect("JSON")
}

/// The record of a loss, as the edge has it.
async fn gap(up: &Up) -> Value {
    let told = up.json("/v1/traces?tool=smoltbot.gap").await;
    assert_eq!(
        told["traces"].as_array().expect("a list of traces").len(),
        1,
        "{told}"
    );
    assert_eq!(told["traces"][0]["signed"], true);
    told["traces"][0]["metadata"]["gap"].clone()
}

/// Whether the edge has no more than the place of a trace in its chain.
async fn is_held(up: &Up, id: &str) -> bool {
    let trace = up.json(&format!("/v1/traces/{id}")).await;
    assert_eq!(trace["signed"], true, "{trace}");
    trace["held_back"] == true || trace["metadata"]["held_back"] == true
}

#[tokio::test]
async fn many_processes_make_one_chain_and_lose_nothing() {
    let home = Home::new();
    std::thread::scope(|scope| {
        for worker in 0..6 {
            let home = &home;
            scope.spawn(move || {
                for n in 0..10 {
                    // Every second one is refused, and so a link at once.
                    let command = if n % 2 == 0 { "rm -rf /" } else { "ls" };
                    let input = pre(&format!("w{worker}-{n}"), command);
                    let mut hook = home.smoltbot(&["hook", "claude-code"]);
                    // Eight processes on a busy machine; what is tested is the chain.
                    hook.env("SMOLTBOT_CONSCIENCE__BUDGET_MS", "30000");
                    let said = feed(hook, input.as_bytes());
                    assert!(!stderr(&said).contains("NOT recorded"), "{said:?}");
                }
            });
        }
    });
    let status = status(&home);
    assert_eq!(status["spool"]["waiting"], 30);
    assert_eq!(status["spool"]["dropped"], 0);
    // A second recorder of the same home while one runs: refused, and the chain stays one.
    let up = home.up();
    let second = home.run(&["sidecar"]);
    assert!(!second.status.success(), "{second:?}");
    let traces = up.traces_once(30).await;
    let mut seqs: Vec<_> = traces
        .iter()
        .map(|trace| trace["metadata"]["seq"].as_u64().unwrap())
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=30).collect::<Vec<_>>());
    let streams: BTreeSet<_> = traces
        .iter()
        .map(|trace| trace["metadata"]["stream"].to_string())
        .collect();
    assert_eq!(streams.len(), 1);
}

#[tokio::test]
async fn a_full_spool_answers_counts_and_tells() {
    let home = Home::new();
    let bounded = |arguments: &[&str]| {
        let mut command = home.smoltbot(arguments);
        command.env("SMOLTBOT_SPOOL__MAX_BYTES", "1048576");
        command
    };
    // One process, many calls that each leave a trace of their own.
    let text = "lorem ipsum ".repeat(150);
    let calls: Vec<String> = (0..700)
        .map(|n| pre(&format!("c{n}"), &format!("rm -rf / # {text}")))
        .collect();
    let said = feed(
        bounded(&["hook", "claude-code"]),
        calls.join("\n").as_bytes(),
    );
    assert_eq!(said.stdout.split(|b| *b == b'\n').count(), 701);
    assert!(
        String::from_utf8_lossy(&said.stdout)
            .lines()
            .all(|line| line.contains("deny"))
    );
    assert!(stderr(&said).contains("NOT recorded: the spool is full"));
    let before = status(&home);
    let lost = before["spool"]["dropped"].as_u64().unwrap();
    assert!(lost > 0 && before["spool"]["untold"] == lost, "{before}");
    assert!(before["spool"]["bytes"].as_u64().unwrap() <= 1_048_576);
    assert_eq!(before["spool"]["waiting"].as_u64().unwrap() + lost, 700);

    // The edge takes what waits; that makes room, and the record follows.
    let mut command = home.smoltbot(&["up"]);
    command.env("SMOLTBOT_SPOOL__MAX_BYTES", "1048576");
    let up = Up::start(command);
    let waiting = usize::try_from(700 - lost).unwrap();
    up.traces_once(waiting + 1).await;
    let gap = gap(&up).await;
    assert_eq!(gap["refusals"], lost, "{gap}");
    assert_eq!(gap["why"], "spool full");
    // And where operators and strangers look.
    let metrics = up.get("/metrics").await;
    let line = "smoltbot_edge_stored_total{kind=\"loss\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    let page = up.get(&format!("/agent/{}", up.agent_id)).await;
    let title = format!("{lost} calls were lost before being recorded");
    assert!(page.contains(&title), "{page}");
    assert!(page.contains(&format!("{lost} refusals lost")), "{page}");
    assert!(page.contains("because the space set for calls that wait to be sent was used up."));
    assert!(page.contains(">Signed record</a>") && !page.contains("Nothing is missing"));
    drop(up);
    let after = status(&home);
    assert_eq!(after["spool"]["untold"], 0);
    assert_eq!(after["spool"]["gaps"], 1);
    assert_eq!(after["spool"]["dropped"], lost);
}

#[tokio::test]
async fn a_damaged_spool_is_kept_and_recording_goes_on_at_once() {
    let home = Home::new();
    let hook = |id: &str| home.feed(&["hook", "claude-code"], pre(id, "rm -rf /").as_bytes());
    for n in 0..3 {
        assert!(stderr(&hook(&format!("a{n}"))).is_empty());
    }
    let spool = home.path().join("spool.db");
    let wal = home.path().join("spool.db-wal");
    let bytes = b"these are somebody's notes, and no database at all. ".repeat(200);
    fs::write(&spool, &bytes).unwrap();
    let _ = fs::remove_file(wal);
    let said = hook("b1");
    assert!(String::from_utf8_lossy(&said.stdout).contains("deny"));
    assert!(!stderr(&said).contains("NOT recorded"), "{said:?}");
    let status = status(&home);
    let kept = status["spool"]["damaged"][0].as_str().unwrap();
    assert_eq!(fs::read(home.path().join(kept)).unwrap(), bytes);
    // The one since, and a record of the three that are gone.
    let up = home.up();
    up.traces_once(2).await;
    let gap = gap(&up).await;
    assert_eq!(
        (&gap["calls"], &gap["why"]),
        (&json!(3), &json!("spool damaged"))
    );
}

#[tokio::test]
async fn quarantine_is_listed_retried_and_dropped() {
    let home = Home::new();
    for id in ["one", "two", "three"] {
        home.feed(&["hook", "claude-code"], pre(id, "rm -rf /").as_bytes());
    }
    let said = home.run(&["quarantine", "list"]);
    assert!(String::from_utf8_lossy(&said.stdout).contains("nothing is in quarantine"));
    // As a refusal of the edge would: the contents are set aside, their headers go on.
    let conn = rusqlite::Connection::open(home.path().join("spool.db")).unwrap();
    conn.execute_batch(
        "INSERT INTO quarantine (trace_id, at, reason, document, header)
             SELECT json_extract(header, '$.trace_id'), 7, 'it holds a secret', document, header FROM links;
         UPDATE links SET document = NULL;",
    )
    .unwrap();
    drop(conn);
    let list = || -> Vec<String> {
        let said = home.run(&["quarantine", "list", "--json"]);
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        let all = said["quarantined"].as_array().unwrap().iter();
        all.map(|one| one["trace_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let ids = list();
    assert_eq!(ids.len(), 3);
    let up = home.up();
    up.traces_once(3).await;
    for id in &ids {
        assert!(is_held(&up, id).await);
    }

    let said = home.run(&["quarantine", "retry", &ids[0], &ids[0]]);
    assert_eq!(
        said.status.code(),
        Some(1),
        "the second time it is not there"
    );
    let began = Instant::now();
    while is_held(&up, &ids[0]).await {
        assert!(began.elapsed() < PATIENCE, "the edge never got the content");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(is_held(&up, &ids[1]).await);
    let said = home.run(&["quarantine", "drop", "--all", "--json"]);
    assert!(said.status.success(), "{said:?}");
    assert!(list().is_empty());
    up.traces_once(4).await;
    let gap = gap(&up).await;
    assert_eq!(
        (&gap["why"], &gap["contents"]),
        (&json!("dropped by hand"), &json!(2))
    );
    let said = home
        .smoltbot(&["quarantine", "retry"])
        .stdin(Stdio::null())
        .output();
    assert_eq!(said.unwrap().status.code(), Some(2), "which ones?");
}
