//! The whole way of a tool call, by the commands that people type: hook → spool → edge → API, log and pages.

mod support;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::{Home, claude, ndjson, openclaw_fixtures, stderr, stdout};

fn field<'a>(trace: &'a Value, pointer: &str) -> &'a str {
    trace
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

#[tokio::test]
async fn recorded_openclaw_events_arrive_once_each_and_without_their_secrets() {
    let home = Home::new();
    let up = home.up();
    let mut surfaces = String::new();
    for (name, events) in openclaw_fixtures() {
        let output = home.feed(&["hook", "openclaw"], &ndjson(&events));
        assert!(
            output.status.success() && stderr(&output).is_empty(),
            "{name}: {}",
            stderr(&output)
        );
        let answers = stdout(&output);
        assert_eq!(answers.lines().count(), events.len(), "{name}");
        if name.starts_with("02") {
            let answer: Value = serde_json::from_str(answers.lines().next().unwrap()).unwrap();
            assert_eq!(answer["block"], true);
        }
        surfaces.push_str(&answers);
    }
    let traces = up.traces_once(23).await;
    assert_eq!(traces.len(), 23);
    let mut calls: Vec<_> = traces
        .iter()
        .map(|trace| {
            (
                field(trace, "/metadata/run_id"),
                field(trace, "/metadata/tool_call_id"),
            )
        })
        .collect();
    calls.sort_unstable();
    calls.dedup();
    assert_eq!(calls.len(), 23, "one trace for each call");
    let count = |kind: &str| {
        traces
            .iter()
            .filter(|trace| trace["action_type"] == kind)
            .count()
    };
    assert_eq!((count("allow"), count("deny"), count("error")), (16, 2, 5));
    assert!(traces.iter().all(|trace| trace["signed"] == true));

    let refusals = up.get("/refusals").await;
    assert!(refusals.contains("Recursive delete of the root directory"));
    assert!(refusals.contains("Plugin approval unavailable"));

    surfaces.push_str(&refusals);
    for path in [
        "/",
        &format!("/agent/{}", up.agent_id),
        "/v1/traces?limit=500",
        "/v1/refusals",
        "/metrics",
    ] {
        surfaces.push_str(&up.get(path).await);
    }
    for trace in &traces {
        surfaces.push_str(
            &up.get(&format!("/trace/{}", trace["id"].as_str().unwrap()))
                .await,
        );
        surfaces.push_str(
            &up.get(&format!("/v1/traces/{}", trace["id"].as_str().unwrap()))
                .await,
        );
    }
    let output = home
        .smoltbot(&["logs", "--json", "-n", "500"])
        .env("SMOLTBOT_API_URL", &up.edge)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    surfaces.push_str(&stdout(&output));
    for canary in ["sk-proj", "abcdefghijklmnopqrstuvwxyz", "0123456789ABCD"] {
        assert!(!surfaces.contains(canary), "{canary} is shown");
        for (path, bytes) in home.files() {
            let found = bytes
                .windows(canary.len())
                .any(|window| window == canary.as_bytes());
            assert!(!found, "{canary} is in {}", path.display());
        }
    }
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}

#[tokio::test]
async fn claude_code_is_refused_with_a_reason_and_log_api_and_page_agree() {
    let home = Home::new();
    let up = home.up();
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(answer["hookSpecificOutput"]["permissionDecision"], "deny");
    let reason = field(&answer, "/hookSpecificOutput/permissionDecisionReason");
    assert!(
        reason.contains("Recursive delete of the root directory")
            && reason.contains("fs.delete.root"),
        "{reason}"
    );
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t2", "ls -la"),
    );
    assert_eq!(stdout(&output), "{}\n");
    home.feed(
        &["hook", "claude-code"],
        &claude("PostToolUse", "t2", "ls -la"),
    );

    let traces = up.traces_once(2).await;
    let output = home
        .smoltbot(&["logs", "--json", "-n", "5"])
        .env("SMOLTBOT_API_URL", &up.edge)
        .output()
        .unwrap();
    let logged: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(logged, traces);
    let page = up.get(&format!("/agent/{}", up.agent_id)).await;
    for trace in &traces {
        assert!(
            page.contains(&format!("/trace/{}", field(trace, "/id"))),
            "the page links to every trace"
        );
    }
    let trace = up
        .get(&format!("/trace/{}", field(&traces[0], "/id")))
        .await;
    assert!(trace.contains("fs.delete.root") && trace.contains("harm prevention"));
    let denied = home
        .smoltbot(&["logs", "--denied"])
        .env("SMOLTBOT_API_URL", &up.edge)
        .output()
        .unwrap();
    assert_eq!(stdout(&denied).lines().count(), 1);
    assert_eq!(up.stop(Signal::SIGINT), Some(0));
}

#[tokio::test]
async fn what_was_accepted_survives_kill_9_and_arrives_once() {
    let home = Home::new();
    let up = home.up();
    for n in 0..5 {
        home.feed(
            &["hook", "claude-code"],
            &claude("PreToolUse", &format!("t{n}"), "rm -rf /"),
        );
    }
    up.kill();
    let up = home.up();
    assert_eq!(up.traces_once(5).await.len(), 5);
    let status = home.smoltbot(&["status", "--json"]).output().unwrap();
    let status: Value = serde_json::from_str(&stdout(&status)).unwrap();
    assert_eq!(status["agents"][0]["name"], "claude-code");
    // Once more, so that everything that could be sent twice was.
    up.kill();
    let up = home.up();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "last", "rm -rf /"),
    );
    assert_eq!(up.traces_once(6).await.len(), 6);
}

#[tokio::test]
async fn hooks_work_with_everything_down_and_ship_later() {
    let home = Home::new();
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    assert!(stdout(&output).contains("deny"), "{}", stderr(&output));
    home.feed(&["hook", "claude-code"], &claude("PreToolUse", "t2", "ls"));
    home.feed(&["hook", "claude-code"], &claude("PostToolUse", "t2", "ls"));
    let status = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_str(&stdout(&status)).unwrap();
    assert_eq!(status["spool"]["waiting"], 2);
    let up = home.up();
    let kinds: Vec<_> = up
        .traces_once(2)
        .await
        .iter()
        .map(|trace| trace["action_type"].clone())
        .collect();
    assert_eq!(kinds, ["deny", "allow"]);
}

#[tokio::test]
async fn the_chat_runs_a_tool_and_shows_a_refusal() {
    let home = Home::new();
    let up = home.up();
    let client = reqwest::Client::new();
    let say = async |message: &str| -> String {
        let answer = client
            .post(format!("{}/api/chat", up.gateway))
            .bearer_auth(&up.token)
            .header("content-type", "application/json")
            .body(json!({ "message": message }).to_string())
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        answer.text().await.unwrap()
    };
    let refused = say(r#"/run execute_command {"command":"rm -rf /"}"#).await;
    assert!(
        refused.contains("Recursive delete of the root directory"),
        "{refused}"
    );
    assert!(
        refused.contains(&format!("{}/trace/", up.edge)),
        "{refused}"
    );
    let ran = say(r#"/run execute_command {"command":"echo hello from a tool"}"#).await;
    assert!(ran.contains("hello from a tool"), "{ran}");
    let traces = up.traces_once(2).await;
    let kinds: Vec<_> = traces
        .iter()
        .map(|trace| trace["action_type"].clone())
        .collect();
    assert_eq!(kinds, ["deny", "allow"]);
    assert!(
        traces
            .iter()
            .all(|trace| field(trace, "/metadata/runtime") == "smoltbot")
    );
}

#[tokio::test]
async fn status_tells_the_ports_that_were_really_taken() {
    let home = Home::new();
    // It was told to take any.
    let up = home.up();
    let said = stdout(&home.run(&["status"]));
    let page = format!("{}/?token={}", up.gateway, up.token);
    assert!(said.contains(&page), "{page} is not in {said}");
    let dashboard = format!("{}/agent/{}", up.edge, up.agent_id);
    assert!(said.contains(&dashboard), "{dashboard} is not in {said}");
    // So whoever asks this home's edge finds it.
    let output = home.run(&["logs"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    let said = stdout(&home.run(&["status"]));
    assert!(said.contains("takes a free port when it runs"), "{said}");
}

#[tokio::test]
async fn metrics_tell_what_an_operator_watches() {
    let home = Home::new();
    let up = home.up();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "m", "rm -rf /"),
    );
    up.traces_once(1).await;
    let span = |id: &str, operation: &str| {
        json!({
            "traceId": format!("{id}{}", "0".repeat(28)), "spanId": format!("{id}{}", "0".repeat(12)), "name": "x",
            "startTimeUnixNano": "1795255200000000000", "endTimeUnixNano": "1795255201000000000",
            "attributes": [
                {"key": "gen_ai.operation.name", "value": {"stringValue": operation}},
                {"key": "gen_ai.tool.name", "value": {"stringValue": "exec"}},
            ],
        })
    };
    let spans = [span("aaaa", "execute_tool"), span("bbbb", "chat")];
    let resource =
        json!({"attributes": [{"key": "service.name", "value": {"stringValue": "suite"}}]});
    let body = json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]});
    let told = reqwest::Client::new()
        .post(format!("{}/otlp/v1/traces", up.edge))
        .header("content-type", "application/json")
        .body(body.to_string());
    assert!(told.send().await.unwrap().status().is_success());
    let metrics = up.get("/metrics").await;
    for line in [
        "smoltbot_edge_stored_total{kind=\"signed\"} 1",
        "smoltbot_edge_stored_total{kind=\"reported\"} 1",
        "smoltbot_edge_spans_total{what=\"call\"} 1",
        "smoltbot_edge_spans_total{what=\"other\"} 1",
        "smoltbot_edge_spans_total{what=\"unusable\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_open_files_are_no_limit() {
    let home = Home::new();
    let plain = home.smoltbot(&["up"]);
    // As a login shell of most systems would start it.
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -S -n 512; exec \"$0\" up"])
        .arg(plain.get_program())
        .env_clear()
        .envs(
            plain
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let up = support::Up::start(command);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", up.pid())).expect("Linux");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let mut figures = line.expect("a limit").split_whitespace().skip(3);
    let soft = figures.next().and_then(|figure| figure.parse::<u64>().ok());
    let hard = figures.next().and_then(|figure| figure.parse::<u64>().ok());
    assert_eq!(
        soft,
        Some(hard.map_or(16_384, |hard| hard.min(16_384))),
        "{line:?}"
    );
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}
