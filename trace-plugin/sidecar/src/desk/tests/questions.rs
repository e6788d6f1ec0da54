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
