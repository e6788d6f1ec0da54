//! What is read of each format's files, and what is recorded of it.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::json;

use super::{BadLine, Format, MAX_LINE_BYTES, Past, Read, read};
use crate::event::Ended;

/// Sources: see `tests/fixtures/import/README.md`.
fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/import")
        .join(name)
}

/// What a file of a known format holds.
pub(super) fn all(path: &std::path::Path) -> (Vec<Past>, Vec<BadLine>) {
    let format = Format::of(path).unwrap().expect("a known format");
    let (mut calls, mut bad) = (Vec::new(), Vec::new());
    read(path, format, &mut |read| {
        match read {
            Read::Call(past) => calls.push(*past),
            Read::Bad(line) => bad.push(line),
            Read::Bytes(_) => {}
        }
        true
    })
    .unwrap();
    (calls, bad)
}

/// Tool, how it ended, exit code, duration.
type Short = (String, Option<Ended>, Option<i64>, Option<u64>);

fn short(calls: &[Past]) -> Vec<Short> {
    let one = |past: &Past| {
        let seen = past.seen.as_ref();
        (
            past.call.tool.clone(),
            seen.map(|seen| seen.ended),
            seen.and_then(|seen| seen.exit_code),
            seen.and_then(|seen| seen.duration_ms),
        )
    };
    calls.iter().map(one).collect()
}

fn told(tool: &str, ended: Ended, exit: Option<i64>, took: Option<u64>) -> Short {
    (tool.to_owned(), Some(ended), exit, took)
}

#[test]
fn a_transcript_of_claude_code() {
    let (calls, bad) = all(&fixture("claude-code.jsonl"));
    let expected = [
        told("Bash", Ended::Completed, None, None),
        told("Bash", Ended::Completed, Some(2), None),
        told("Edit", Ended::Blocked, None, None),
        told("Grep", Ended::Completed, None, Some(31)),
        told("Read", Ended::Failed, None, None),
        ("WebFetch".to_owned(), None, None, None),
    ];
    assert_eq!(short(&calls), expected);
    let first = &calls[0];
    assert_eq!(first.call.runtime, "claude-code");
    assert_eq!(
        first.call.params,
        json!({"command": "ls", "description": "List files"})
    );
    assert_eq!(first.call.cwd.as_deref(), Some("/home/ada/shop"));
    assert_eq!(
        first.call.session_id.as_deref(),
        Some("4f35e220-c435-4cf7-b9b9-f40426042847")
    );
    assert_eq!(first.at.to_string(), "2026-03-02T09:15:04.120Z");
    assert_eq!(first.seen.as_ref().unwrap().result["stdout"], "main.rs");
    assert_eq!(calls[3].call.subagent_id.as_deref(), Some("a1b2c3d4"));
    assert!(
        calls[2]
            .seen
            .as_ref()
            .unwrap()
            .error
            .as_ref()
            .unwrap()
            .contains("doesn't want to proceed")
    );
    let numbers: Vec<_> = bad.iter().map(|line| line.number).collect();
    assert_eq!(numbers, [9, 14], "{bad:?}");
}

#[test]
fn rollouts_of_codex_new_and_old() {
    let (calls, bad) = all(&fixture("codex.jsonl"));
    let expected = [
        told("shell", Ended::Completed, Some(0), Some(120)),
        told("apply_patch", Ended::Completed, Some(0), Some(0)),
        told("exec_command", Ended::Completed, Some(1), Some(51)),
        told("shell", Ended::Blocked, None, None),
        told("web_search", Ended::Completed, None, None),
        told("local_shell", Ended::Completed, None, None),
        told("github__get_issue", Ended::Failed, None, None),
        ("update_plan".to_owned(), None, None, None),
    ];
    assert_eq!(short(&calls), expected);
    assert_eq!(bad, []);
    assert_eq!(
        calls[0].call.params,
        json!({"command": ["bash", "-lc", "ls"], "workdir": "/home/ada/shop"})
    );
    assert_eq!(calls[0].seen.as_ref().unwrap().result, "main.rs\n");
    assert_eq!(calls[0].call.cwd.as_deref(), Some("/home/ada/shop"));
    assert_eq!(
        calls[0].call.session_id.as_deref(),
        Some("019a2d7a-41c4-78b1-b7cc-a45d62a89cd5")
    );
    let (calls, bad) = all(&fixture("codex-2025-06.jsonl"));
    assert_eq!(
        short(&calls),
        [told("shell", Ended::Completed, Some(0), Some(200))]
    );
    assert_eq!(
        calls[0].at.to_string(),
        "2025-06-20T11:02:03.000Z",
        "the session's, for it has none"
    );
    assert_eq!(bad, []);
}

#[test]
fn a_session_of_openclaw() {
    let (calls, bad) = all(&fixture("openclaw.jsonl"));
    let expected = [
        told("exec", Ended::Completed, Some(0), Some(12)),
        told("exec", Ended::Blocked, None, None),
        told("read", Ended::Failed, None, None),
        told("exec", Ended::Running, None, None),
    ];
    assert_eq!(short(&calls), expected);
    assert_eq!(
        calls[1].seen.as_ref().unwrap().error.as_deref(),
        Some("Deletes the root directory")
    );
    assert_eq!(bad, []);
}

#[test]
fn spans_in_lines_in_one_document_and_in_protobuf() {
    let (lines, bad) = all(&fixture("otlp.ndjson"));
    assert_eq!(
        short(&lines),
        [
            told("get_weather", Ended::Completed, None, Some(120)),
            told("exec", Ended::Blocked, None, Some(0)),
        ]
    );
    assert_eq!(lines[0].call.runtime, "weather-bot");
    assert_eq!(lines[0].call.params, json!({"city": "Ulm"}));
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].number, 3);
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(fixture("otlp.ndjson")).unwrap();
    let first = text.lines().next().unwrap();
    let value: serde_json::Value = serde_json::from_str(first).unwrap();
    let pretty = dir.path().join("pretty.json");
    std::fs::write(&pretty, serde_json::to_vec_pretty(&value).unwrap()).unwrap();
    let mut request = otlp::Request::new("weather-bot", "1");
    for told in otlp::read_json(first.as_bytes()).unwrap() {
        told.spans.iter().for_each(|span| request.push(span));
    }
    let binary = dir.path().join("spans.binpb");
    std::fs::write(&binary, request.to_bytes()).unwrap();
    for path in [pretty, binary] {
        let (calls, bad) = all(&path);
        assert_eq!(calls, lines[..1], "{}", path.display());
        assert_eq!(bad, []);
    }
}

#[test]
fn what_is_nothing_known_is_not_read() {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("empty", ""),
        ("text", "hello\n"),
        ("json", "{\"a\":1}\n"),
        ("list", "[1,2]\n"),
    ] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert_eq!(Format::of(&path).unwrap(), None, "{name}");
    }
}

#[test]
fn a_line_without_end_loses_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.jsonl");
    let text = std::fs::read_to_string(fixture("claude-code.jsonl")).unwrap();
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(file, "{}", text.lines().next().unwrap()).unwrap();
    let piece = vec![b'x'; 1024 * 1024];
    for _ in 0..=MAX_LINE_BYTES / piece.len() {
        file.write_all(&piece).unwrap();
    }
    write!(file, "\n{text}").unwrap();
    let (calls, bad) = all(&path);
    assert_eq!(calls.len(), 6);
    assert!(
        bad[0].number == 2 && bad[0].why.contains("longer than"),
        "{bad:?}"
    );
}

#[test]
fn one_call_has_one_name_wherever_it_stands() {
    let (calls, _) = all(&fixture("claude-code.jsonl"));
    let mut copied = calls[0].call.clone();
    copied.session_id = Some("a resumed session".to_owned());
    let again = Past::new(copied.clone(), calls[0].at, None);
    assert_eq!(again.name, calls[0].name, "its id is its own");
    copied.call_id = Some("call_1".to_owned());
    let mut elsewhere = copied.clone();
    elsewhere.session_id = Some("another".to_owned());
    let one = Past::new(copied, calls[0].at, None);
    assert_ne!(
        one.name,
        Past::new(elsewhere, calls[0].at, None).name,
        "short ids are of a session"
    );
}
