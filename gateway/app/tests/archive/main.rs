//! `smoltbot export` and `smoltbot verify`, as they are typed, over what a real edge was sent; and a second verifier, written from
//! `docs/archive.md` alone, which must say the same of every archive.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod dropped;
mod sender;
#[path = "../support/mod.rs"]
mod support;
mod tampering;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use sender::Sender;
use serde_json::{Value, json};
use support::{Home, Up, claude, feed, stderr, stdout};

/// A home whose edge has this machine's agent, with refusals among its calls; and the edge's URL for further commands.
async fn acted(home: &Home, calls: usize) -> Up {
    let up = home.up();
    for call in 0..calls {
        let command = if call % 2 == 0 { "rm -rf /" } else { "ls -la" };
        let id = format!("t{call}");
        for event in ["PreToolUse", "PostToolUse"] {
            if event == "PostToolUse" && call % 2 == 0 {
                continue;
            }
            let output = home.feed(&["hook", "claude-code"], &claude(event, &id, command));
            assert!(output.status.success(), "{}", stderr(&output));
        }
    }
    up.traces_once(calls).await;
    up
}

fn typed(home: &Home, up: &Up, arguments: &[&str]) -> Output {
    let mut command = home.smoltbot(arguments);
    command
        .env("SMOLTBOT_API_URL", &up.edge)
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// What an export writes into a file of this name.
fn exported(home: &Home, up: &Up, name: &str, arguments: &[&str]) -> PathBuf {
    let path = home.path().join(name);
    let output = typed(
        home,
        up,
        &[&["export", "-o", path.to_str().unwrap()], arguments].concat(),
    );
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output), "");
    path
}

/// What `verify --json` says, which both verifiers must say.
fn verified(home: &Home, path: &Path) -> Value {
    let output = home.run(&["verify", "--json", path.to_str().unwrap()]);
    assert_eq!(stderr(&output), "");
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(output.status.code(), Some(i32::from(report["ok"] != true)));
    let second = second(path);
    assert_eq!(second["ok"], report["ok"], "{second} {report:#}");
    assert_eq!(second["faults"], json!(faults(&report)), "{report:#}");
    let proven = report["chains"].as_array().unwrap().iter();
    let proven: BTreeSet<_> = proven
        .map(|chain| (chain["stream"].to_string(), chain["proven_to"].as_u64()))
        .collect();
    let theirs = second["proven"].as_array().unwrap().iter();
    let theirs: BTreeSet<_> = theirs
        .map(|chain| (chain["stream"].to_string(), chain["proven_to"].as_u64()))
        .collect();
    assert_eq!(proven, theirs);
    report
}

fn second(path: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archive/second_verifier.mjs");
    let output = Command::new("node").arg(script).arg(path).output();
    let output = output.expect("node, which the browser tests need, too, is installed");
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// The kinds of what does not hold, each once.
fn faults(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["fault"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_was_refused_is_exported_and_holds() {
    let home = Home::new();
    let up = acted(&home, 7).await;
    let all = exported(&home, &up, "all.ndjson", &[]);
    let report = verified(&home, &all);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["counts"]["documents"], report["counts"]["links"]);

    let denied = exported(
        &home,
        &up,
        "denied.ndjson",
        &["--denied", "--agent", &up.agent_id],
    );
    let report = verified(&home, &denied);
    assert_eq!((&report["ok"], &report["found"]), (&json!(true), &json!(0)));
    let counts = &report["counts"];
    assert_eq!(
        (&counts["agents"], &counts["cards"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (
            &counts["refusals"],
            &counts["proven_documents"],
            &counts["selected"]
        ),
        (&json!(4), &json!(4), &json!(4))
    );
    assert_eq!(
        counts["links"], report["chains"][0]["proven_to"],
        "every link is under a note"
    );

    // In words, from a file and from standard input, which nobody has to be asked for.
    let path = denied.to_str().unwrap();
    let output = home.run(&["verify", path]);
    assert_eq!(output.status.code(), Some(0));
    let said = stdout(&output);
    for words in [
        "This archive holds.",
        "The chain is whole",
        "Nothing that was selected (action_type=deny",
        "Not proven:",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let piped = feed(
        home.smoltbot(&["verify", "-"]),
        &std::fs::read(path).unwrap(),
    );
    assert_eq!((piped.status.code(), stdout(&piped)), (Some(0), said));

    // The same on standard output; a selection that headers do not tell; formats of the edge.
    let output = typed(&home, &up, &["export", "--denied"]);
    assert_eq!(
        stdout(&output).lines().count(),
        std::fs::read_to_string(path).unwrap().lines().count()
    );
    let session = exported(&home, &up, "session.ndjson", &["--session", "s"]);
    let report = verified(&home, &session);
    assert!(
        report["ok"] == true && report["not_proven"].to_string().contains("session_id=s"),
        "{report:#}"
    );
    for (format, begins) in [
        ("ndjson", "{\"id\":"),
        ("csv", "id,agent_id,"),
        ("otlp", "{\"resourceSpans\":"),
    ] {
        let output = typed(&home, &up, &["export", "--denied", "--format", format]);
        assert!(
            output.status.success() && stdout(&output).starts_with(begins),
            "{format}"
        );
    }
    let nothing = exported(&home, &up, "nothing.ndjson", &["--tool", "nobody's"]);
    assert_eq!(verified(&home, &nothing)["counts"]["links"], 0);
}

#[tokio::test]
async fn held_back_and_erased_contents_are_told_and_the_chain_stays_proven() {
    let home = Home::new();
    let up = acted(&home, 4).await;
    let mut sender = Sender::new(7);
    sender.act(5, &up.edge, &[2]).await;
    let traces = up.traces().await;
    let erased = traces
        .iter()
        .find(|trace| trace["action_type"] == "deny")
        .unwrap();
    let id = erased["id"].as_str().unwrap();
    let output = home.run(&["db", "erase", "--trace", id]);
    assert!(output.status.success(), "{}", stderr(&output));
    let archive = exported(&home, &up, "a.ndjson", &["--denied"]);
    let report = verified(&home, &archive);
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["counts"]["missing"], 2);
    assert!(
        report["not_proven"][0]
            .as_str()
            .unwrap()
            .starts_with("What 2 traces said")
    );
    let text = std::fs::read_to_string(&archive).unwrap();
    for why in ["\"why\":\"erased\"", "\"why\":\"held_back\""] {
        assert_eq!(text.matches(why).count(), 1, "{why}");
    }
}

#[tokio::test]
async fn every_card_that_a_trace_names_is_there() {
    let home = Home::new();
    let up = acted(&home, 1).await;
    let mut sender = Sender::new(9);
    sender.put_card(&up.edge).await;
    sender.act(2, &up.edge, &[]).await;
    // What ran would be a violation under the next card, whose id is not one that a path takes as it is.
    sender.change_card(|card| {
        card.autonomy.forbidden_actions = vec!["exec \"\u{fc}\u{1f980}\n".to_owned()];
        card.card_id = "ac/next?\u{fc}#".to_owned();
    });
    sender.put_card(&up.edge).await;
    sender.refuse(&[0, 0], &up.edge).await;
    sender.change_card(|card| card.audit.retention_days = 1);
    sender.put_card(&up.edge).await;
    let agent = sender.id().to_string();
    let archive = exported(&home, &up, "a.ndjson", &["--agent", &agent]);
    let report = verified(&home, &archive);
    assert_eq!(report["ok"], true, "{report:#}");
    let counts = &report["counts"];
    assert_eq!(
        (
            &counts["cards"],
            &counts["documents"],
            &counts["under_card"]
        ),
        (&json!(3), &json!(4), &json!(4)),
        "{report:#}"
    );
    // What nothing names is not there, but for the card in force.
    let archive = exported(
        &home,
        &up,
        "b.ndjson",
        &["--since", "2126-01-01T00:00:00Z", "--agent", &agent],
    );
    assert_eq!(verified(&home, &archive)["counts"]["cards"], 1);
}

#[tokio::test]
async fn an_agent_that_says_two_things_is_told_of() {
    let home = Home::new();
    let up = acted(&home, 1).await;
    let mut sender = Sender::new(8);
    let mut other = sender.clone();
    sender.act(3, &up.edge, &[]).await;
    other.act(3, &up.edge, &[]).await;
    let archive = exported(&home, &up, "a.ndjson", &[]);
    let report = verified(&home, &archive);
    assert_eq!(
        faults(&report),
        ["two_notes".to_owned()].into(),
        "{report:#}"
    );
    let output = home.run(&["verify", archive.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = stdout(&output);
    assert!(
        said.contains("does NOT hold")
            && said.contains("two notes: the edge has seen two contents for link"),
        "{said}"
    );
}

#[tokio::test]
async fn unsigned_traces_are_told_to_prove_nothing() {
    let home = Home::new();
    let up = acted(&home, 1).await;
    let trace = json!({
        "id": "0193b5b0-7c4e-4a3c-9d39-1f2e3d4c5b6a", "agent_id": "6f1f8e0c-3c83-4b0b-9a53-0d6ff7a3f1c2",
        "timestamp": "2026-11-21T02:10:00Z", "tool_name": "\u{1b}[31mexec", "action_type": "deny",
    });
    sender::post(&up.edge, trace.to_string().into_bytes()).await;
    let archive = exported(&home, &up, "a.ndjson", &["--denied"]);
    let report = verified(&home, &archive);
    assert_eq!(
        (&report["ok"], &report["counts"]["unsigned_documents"]),
        (&json!(true), &json!(1))
    );
    let told = report["not_proven"].as_array().unwrap().iter();
    assert!(
        told.map(Value::to_string)
            .any(|sentence| sentence.contains("outside of any chain"))
    );
    let output = home.run(&["verify", archive.to_str().unwrap()]);
    assert!(!stdout(&output).contains('\u{1b}'));
}

#[test]
fn what_cannot_be_exported_or_read_is_named_and_leaves_nothing() {
    let home = Home::new();
    let path = home.path().join("a.ndjson");
    std::fs::create_dir_all(home.path()).unwrap();
    let mut command = home.smoltbot(&["export", "-o", path.to_str().unwrap()]);
    let output = command
        .env("SMOLTBOT_API_URL", "http://127.0.0.1:9")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("the edge at http://127.0.0.1:9 does not answer"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        0,
        "nothing is left"
    );
    for (arguments, said) in [
        (
            &["verify", "/nowhere/a.ndjson"][..],
            "/nowhere/a.ndjson cannot be opened",
        ),
        (&["verify", "/"], "/ cannot be read"),
        (
            &["export", "-o", "/nowhere/a.ndjson"],
            "/nowhere/a.ndjson cannot be written",
        ),
        (&["export", "-o", "/"], "-o wants a file's name"),
        (&["export", "--agent", "me"], "invalid value 'me'"),
        (
            &["export", "--since", "yesterday"],
            "invalid value 'yesterday'",
        ),
        (
            &["export", "--format", "xml"],
            "possible values: archive, ndjson, csv, otlp",
        ),
    ] {
        let output = home.run(arguments);
        assert!(!output.status.success() && stdout(&output).is_empty());
        assert!(
            stderr(&output).contains(said),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
    for text in ["", "x", "{}\n", "\n\n", "[1]\n{\"kind\":\"end\"}\n"] {
        let output = feed(home.smoltbot(&["verify", "-"]), text.as_bytes());
        assert_eq!(output.status.code(), Some(1), "{text:?}");
        assert!(stdout(&output).contains("does NOT hold"));
    }
    let long = vec![b'x'; 3 * 1024 * 1024];
    let output = feed(home.smoltbot(&["verify", "-", "--json"]), &long);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&report["counts"]["lines"], &report["findings"][0]["fault"]),
        (&json!(1), &json!("not_an_archive"))
    );
}
