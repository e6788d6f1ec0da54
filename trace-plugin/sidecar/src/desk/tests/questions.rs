//! Questions to a person, and what is told of their answers.

use super::*;

#[test]
fn what_came_of_a_question_is_told_with_the_answer() {
    let mut bench = bench();
    let judged = |status: Option<aap::ApprovalStatus>| {
        let at = clock::now();
        let trace_id = clock::trace_id(at);
        let call = ToolCall::new("smoltbot", "exec", json!({"command": "git reset --hard"}));
        let verdict = bench.desk.judge().verdict(&call);
        assert_eq!(verdict.decision, Decision::Ask);
        let approval =
            status.map(|status| aap::Approval::new(trace_id, status, aap::Evidence::Told, at));
        let judged = aap::Judged {
            trace_id,
            verdict,
            approval,
        };
        (call, judged, at)
    };
    let ran = aap::Outcome::completed(json!("HEAD is now at 1"), 3);
    let cases = [
        (Some(aap::ApprovalStatus::Approved), Some(ran)),
        (Some(aap::ApprovalStatus::Denied), None),
        (Some(aap::ApprovalStatus::Timeout), None),
        (None, Some(aap::Outcome::abandoned())),
    ];
    let finished: Vec<Finished> = cases
        .into_iter()
        .map(|(status, outcome)| {
            let (call, judged, at) = judged(status);
            Finished {
                call,
                judged,
                at,
                outcome,
            }
        })
        .collect();
    bench.desk.finished(&finished).unwrap();
    assert_eq!(
        bench.told(),
        pairs(&[
            ("allow", "completed"),
            ("deny", "refused"),
            ("deny", "unanswered"),
            ("deny", "unanswered"),
        ])
    );
    let traces = bench.traces();
    let escalation = |n: usize| &traces[n]["escalation"];
    let statuses: Vec<_> = (0..4)
        .map(|n| escalation(n)["escalation_status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["approved", "denied", "timeout", "timeout"]);
    for (n, decision) in [(0, json!("approved")), (1, json!("denied"))] {
        assert_eq!(escalation(n)["principal_response"]["decision"], decision);
        let id = format!("esc-{}", traces[n]["trace_id"].as_str().unwrap());
        assert_eq!(escalation(n)["escalation_id"], json!(id));
    }
    assert!(escalation(2).get("principal_response").is_none());
    assert_eq!(traces[3]["context"]["metadata"]["approval"], "unseen");
}

const RESET: &str = "git reset --hard";

fn later(by: Duration) -> Timestamp {
    Timestamp::from_millis(clock::now().millis() + i64::try_from(by.as_millis()).unwrap())
}

/// Status of the escalation, its evidence, what was decided and how the call came out.
fn told(trace: &Value) -> [String; 4] {
    let text = |pointer: &str| {
        let found = trace.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    [
        text("/escalation/escalation_status"),
        text("/context/metadata/approval"),
        text("/escalation/principal_response/decision"),
        text("/context/metadata/outcome"),
    ]
}

fn asks(reply: &Reply) -> bool {
    let answer: Value = serde_json::from_str(reply.stdout.lines().next().unwrap()).unwrap();
    let output = &answer["hookSpecificOutput"];
    let reason = output["permissionDecisionReason"].as_str().unwrap();
    assert!(reason.contains("smoltbot rule"), "{reason}");
    output["permissionDecision"] == "ask"
}

#[test]
fn claude_code_asks_and_that_the_call_runs_is_the_yes() {
    let mut bench = bench();
    assert!(asks(&bench.feed(Dialect::ClaudeCode, &[pre("t1", RESET)])));
    assert_eq!(bench.spool.depth().unwrap().asked, 1);
    assert!(bench.traces().is_empty());
    bench.feed(Dialect::ClaudeCode, &[post("t1", RESET), post("t1", RESET)]);
    let traces = bench.traces();
    assert_eq!(traces.len(), 1);
    assert_eq!(
        told(&traces[0]),
        ["approved", "observed", "approved", "completed"]
    );
    assert_eq!(traces[0]["action"]["type"], "execute");
    let conditions = &traces[0]["escalation"]["principal_response"]["conditions"];
    assert_eq!(conditions, &json!([aap::approval::ONCE]));
    assert_eq!(bench.spool.depth().unwrap().asked, 0);
}

#[test]
fn in_modes_that_ask_nobody_a_question_is_a_refusal() {
    for (mode, asked) in [
        ("default", true),
        ("acceptEdits", true),
        ("plan", true),
        ("bypassPermissions", false),
        ("dontAsk", false),
        ("auto", false),
        ("a mode of tomorrow", false),
    ] {
        let mut bench = bench();
        let mut event = pre("t1", RESET);
        event["permission_mode"] = json!(mode);
        assert_eq!(
            asks(&bench.feed(Dialect::ClaudeCode, &[event])),
            asked,
            "{mode}"
        );
        assert_eq!(bench.traces().is_empty(), asked, "{mode}");
        if !asked {
            assert_eq!(told(&bench.traces()[0]), ["denied", "", "", "refused"]);
            let reason = &bench.traces()[0]["escalation"]["reason"];
            assert_eq!(reason, "a person had to agree and none could be asked");
        }
    }
}

#[test]
fn a_turn_that_is_over_tells_that_nobody_said_yes() {
    for event in ["Stop", "UserPromptSubmit", "SessionEnd"] {
        let mut bench = bench();
        bench.feed(Dialect::ClaudeCode, &[pre("t1", RESET), pre("t2", "ls")]);
        let over =
            |session: &str| json!({"session_id": session, "cwd": "/tmp", "hook_event_name": event});
        bench.feed(Dialect::ClaudeCode, &[over("another")]);
        assert!(bench.traces().is_empty());
        bench.feed(Dialect::ClaudeCode, &[over("s"), over("s")]);
        let traces = bench.traces();
        // The call that needed no question waits for its end until the session is over.
        let made = if event == "SessionEnd" { 2 } else { 1 };
        assert_eq!(traces.len(), made, "{event}");
        if let Some(orphan) = traces.get(1) {
            assert_eq!(told(orphan), ["", "", "", "orphan"]);
            assert_eq!(orphan["context"]["metadata"]["action_type"], "allow");
        }
        assert_eq!(
            told(&traces[0]),
            ["denied", "observed", "denied", "refused"],
            "{event}"
        );
        // It was approved in another window after all.
        bench.feed(Dialect::ClaudeCode, &[post("t1", RESET)]);
        let traces = bench.traces();
        assert_eq!(
            told(&traces[made]),
            ["approved", "observed", "approved", "completed"]
        );
        assert_eq!(
            traces[made]["context"]["metadata"]["completes"],
            traces[0]["trace_id"]
        );
        assert_eq!(
            traces[made]["escalation"]["escalation_id"],
            traces[0]["escalation"]["escalation_id"]
        );
    }
}

#[test]
fn what_the_user_rejected_is_a_refusal() {
    let told_as = |change: &dyn Fn(&mut Value)| {
        let mut bench = bench();
        let mut event = post("t1", RESET);
        event.as_object_mut().unwrap().remove("tool_response");
        change(&mut event);
        bench.feed(Dialect::ClaudeCode, &[pre("t1", RESET), event]);
        told(&bench.traces()[0])
    };
    let refused = ["denied", "observed", "denied", "refused"];
    let denied = told_as(&|event| {
        event["hook_event_name"] = json!("PermissionDenied");
        event["reason"] = json!("not now");
    });
    assert_eq!(denied, refused);
    let rejected = told_as(&|event| {
        event["hook_event_name"] = json!("PostToolUseFailure");
        event["error"] = json!("The user doesn't want to proceed with this tool use.");
    });
    assert_eq!(rejected, refused);
    let failed = told_as(&|event| {
        event["hook_event_name"] = json!("PostToolUseFailure");
        event["error"] = json!("Command timed out");
    });
    assert_eq!(failed, ["approved", "observed", "approved", "failed"]);
}

#[test]
fn a_question_is_waited_for_longer_than_a_tool() {
    let mut bench = bench();
    bench.feed(Dialect::ClaudeCode, &[pre("t1", RESET)]);
    let almost = ASKED_ORPHAN_AFTER
        .checked_sub(Duration::from_secs(2))
        .unwrap();
    assert!(almost > ORPHAN_AFTER);
    assert_eq!(bench.desk.sweep(later(almost)).unwrap(), 0);
    let over = ASKED_ORPHAN_AFTER + Duration::from_millis(1);
    assert_eq!(bench.desk.sweep(later(over)).unwrap(), 1);
    assert_eq!(bench.desk.sweep(later(over)).unwrap(), 0, "once");
    assert_eq!(
        told(&bench.traces()[0]),
        ["timeout", "unseen", "", "unanswered"]
    );
    assert_eq!(bench.traces()[0]["action"]["type"], "deny");
    bench.feed(Dialect::ClaudeCode, &[post("t1", RESET)]);
    let traces = bench.traces();
    assert_eq!(
        told(&traces[1]),
        ["approved", "observed", "approved", "completed"]
    );
    assert_eq!(
        traces[1]["context"]["metadata"]["completes"],
        traces[0]["trace_id"]
    );
}

#[test]
fn a_yes_was_said_to_what_was_shown() {
    let mut bench = bench();
    bench.feed(
        Dialect::ClaudeCode,
        &[pre("t1", RESET), post("t1", "rm -rf /")],
    );
    let trace = &bench.traces()[0];
    assert_eq!(trace["context"]["metadata"]["outcome"], "ran_after_refusal");
    assert!(
        trace["escalation"].get("principal_response").is_none(),
        "{trace}"
    );
}

fn openclaw(hook: &str, event: &Value) -> Value {
    let mut told =
        json!({"toolName": "exec", "params": {"command": RESET}, "runId": "r", "toolCallId": "c"});
    for (key, value) in event.as_object().unwrap() {
        told[key] = value.clone();
    }
    json!({"hook": hook, "event": told, "ctx": {"sessionId": "s", "requester": {"senderIsOwner": true}}})
}

#[test]
fn openclaws_resolutions_are_told_with_what_ran() {
    let blocked = json!({"error": "Denied by user", "result": {"details": {"status": "blocked", "reason": "Denied by user"}}});
    let ran =
        json!({"result": {"details": {"status": "completed", "exitCode": 0}}, "durationMs": 7});
    for (resolution, after, expected) in [
        (
            "allow-once",
            &ran,
            ["approved", "told", "approved", "completed"],
        ),
        ("deny", &blocked, ["denied", "told", "denied", "refused"]),
        ("timeout", &blocked, ["timeout", "told", "", "unanswered"]),
        (
            "cancelled",
            &blocked,
            ["denied", "observed", "denied", "refused"],
        ),
    ] {
        let mut bench = bench();
        let reply = bench.feed(
            Dialect::OpenClaw,
            &[openclaw("before_tool_call", &json!({}))],
        );
        let answer: Value = serde_json::from_str(&reply.stdout).unwrap();
        let asked = &answer["requireApproval"];
        assert_eq!(asked["allowedDecisions"], json!(["allow-once", "deny"]));
        assert!(
            asked["timeoutMs"].as_u64().unwrap()
                < u64::try_from(ASKED_ORPHAN_AFTER.as_millis()).unwrap()
        );
        let resolved = openclaw("approval_resolved", &json!({ "resolution": resolution }));
        let reply = bench.feed(
            Dialect::OpenClaw,
            &[
                resolved.clone(),
                resolved,
                openclaw("after_tool_call", after),
            ],
        );
        assert_eq!(
            (reply.stdout.as_str(), reply.stderr.as_str()),
            ("{}\n{}\n{}\n", "")
        );
        let traces = bench.traces();
        assert_eq!(traces.len(), 1, "{resolution}: {traces:?}");
        assert_eq!(told(&traces[0]), expected, "{resolution}");
        assert_eq!(bench.spool.depth().unwrap().asked, 0);
    }
    let mut bench = bench();
    let odd = openclaw("approval_resolved", &json!({"resolution": "perhaps"}));
    let reply = bench.feed(Dialect::OpenClaw, &[odd]);
    assert!(reply.stderr.contains("allow-once"), "{reply:?}");
}

#[test]
fn an_approved_call_whose_end_is_not_seen_was_approved() {
    let mut bench = bench();
    let yes = openclaw("approval_resolved", &json!({"resolution": "allow-once"}));
    bench.feed(
        Dialect::OpenClaw,
        &[openclaw("before_tool_call", &json!({})), yes],
    );
    let over = ASKED_ORPHAN_AFTER + Duration::from_millis(1);
    assert_eq!(bench.desk.sweep(later(over)).unwrap(), 1);
    assert_eq!(
        told(&bench.traces()[0]),
        ["approved", "told", "approved", "orphan"]
    );
}

#[test]
fn a_question_of_our_own_is_known_though_the_process_ends() {
    let mut bench = bench();
    let at = clock::now();
    let question = |call_id: &str, status: Option<aap::ApprovalStatus>| {
        let trace_id = clock::trace_id(at);
        let call = ToolCall {
            call_id: Some(call_id.to_owned()),
            ..ToolCall::new("smoltbot", "exec", json!({ "command": RESET }))
        };
        let verdict = bench.desk.judge().verdict(&call);
        let yes = |status| aap::Approval::new(trace_id, status, aap::Evidence::Told, at);
        let approval = status.map(yes);
        let judged = aap::Judged {
            trace_id,
            verdict,
            approval,
        };
        Finished {
            call,
            judged,
            at,
            outcome: None,
        }
    };
    let (open, approved) = (
        question("a", None),
        question("b", Some(aap::ApprovalStatus::Approved)),
    );
    let mut ended = question("c", None);
    for question in [&open, &approved, &ended] {
        bench.desk.asking(question).unwrap();
    }
    ended.judged.approval = Some(aap::Approval::new(
        ended.judged.trace_id,
        aap::ApprovalStatus::Denied,
        aap::Evidence::Told,
        at,
    ));
    bench.desk.finished(&[ended]).unwrap();
    assert_eq!(
        bench.desk.sweep(later(ASKED_ORPHAN_AFTER * 2)).unwrap(),
        0,
        "they are still open"
    );
    assert_eq!(bench.spool.depth().unwrap().asked, 2);
    let mut next = bench.another_desk();
    assert_eq!(next.close_questions().unwrap(), 2);
    assert_eq!(next.close_questions().unwrap(), 0);
    let traces = bench.traces();
    let mut all: Vec<_> = traces.iter().map(told).collect();
    all.sort();
    let expected = [
        ["approved", "told", "approved", "orphan"],
        ["denied", "told", "denied", "refused"],
        ["timeout", "unseen", "", "unanswered"],
    ];
    assert_eq!(all, expected);
}
