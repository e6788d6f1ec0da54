//! By whose leave a call ran: what a person answered, what the operator's exception lifted, and what became of values.

use aap::approval::{Approval, ApprovalStatus, Evidence};
use aap::trace::{Made, make};
use aap::{ActionType, AgentId};
use trace_store::conformance::{Agent, flat_batch, now, send};

use crate::support::Site;

/// A call that a rule had a person asked about, with what came of it; unsigned, as another client sends it.
async fn asked(site: &Site, status: ApprovalStatus, evidence: Evidence) -> String {
    let mut agent = Agent::new(3);
    let mut id = [3; 16];
    id[6] = 0x40;
    agent.id = AgentId::from_bytes(id);
    agent.card.agent_id = agent.id;
    let granted = status == ApprovalStatus::Approved;
    let refusal = agent.refusal(
        -5_000,
        "git.push",
        "What is pushed is <b>public",
        &["privacy"],
    );
    let made = Made {
        agent_id: agent.id,
        action_type: if granted {
            ActionType::Allow
        } else {
            ActionType::Deny
        },
        outcome: if granted { "completed" } else { "unanswered" },
        ..refusal
    };
    let trace = made.trace_id;
    let approval = Approval::new(trace, status, evidence, now(-4_000));
    let document = make(made, &agent.card).answered(&approval);
    let batch = flat_batch(&[serde_json::to_value(document).unwrap()]);
    send(&site.store, batch, now(0)).await;
    trace.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_answer_is_told() {
    for (status, evidence, said, title) in [
        (
            ApprovalStatus::Approved,
            Evidence::Told,
            "A person was asked and approved this call",
            "Approved by a person",
        ),
        (
            ApprovalStatus::Denied,
            Evidence::Told,
            "A person was asked and said no",
            "Denied by a person",
        ),
        (
            ApprovalStatus::Timeout,
            Evidence::Unseen,
            "A person was asked; no yes was seen, so it was denied or not answered",
            "Not approved",
        ),
        (
            ApprovalStatus::Pending,
            Evidence::Unseen,
            "A person was asked; no answer is known yet",
            "Asked, no answer yet",
        ),
    ] {
        let site = Site::open();
        let trace = asked(&site, status, evidence).await;
        let page = site.page(&format!("/trace/{trace}")).await;
        for part in [
            "Question to a person",
            said,
            title,
            &format!("<code>esc-{trace}</code>"),
            "<code><bdi>git.push</bdi></code>",
        ] {
            assert!(page.contains(part), "{status:?} lacks {part}: {page}");
        }
        assert_eq!(
            page.contains("<bdi>this call only</bdi>"),
            status == ApprovalStatus::Approved
        );
        assert!(
            !page.contains("More from the agent"),
            "nothing is told twice"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_needed_nobody_was_no_question() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let made = agent.refusal(-1_000, "fs.delete", "Not this", &["privacy"]);
    let trace = made.trace_id;
    let batch = agent.batch_of(vec![made]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/trace/{trace}")).await;
    assert!(!page.contains("Question to a person"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_named() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let mut made = agent.call(-1_000);
    made.verdict.exception = Some("ops.<i>nightly".to_owned());
    made.verdict.reason = "Allowed by an exception: the nightly rebuild".to_owned();
    let trace = made.trace_id;
    let batch = agent.batch_of(vec![made]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&format!("/trace/{trace}")).await;
    for part in [
        "The operator’s exception <code><bdi>ops.&lt;i&gt;nightly</bdi></code> lifted what its conscience objected to.",
        "Allowed by an exception: the nightly rebuild",
    ] {
        assert!(page.contains(part), "lacks {part}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_how_values_were_kept() {
    let site = Site::open();
    let mut agent = Agent::new(1);
    let quiet = agent.call(-9_000);
    let batch = agent.batch_of(vec![quiet]);
    send(&site.store, batch, now(0)).await;
    let path = format!("/agent/{}", agent.id);
    assert!(site.page(&path).await.contains("No value was at stake"));

    let kept = agent.refusal(
        -3_000,
        "fs.delete",
        "Not this",
        &["harm_prevention", "privacy"],
    );
    let batch = agent.batch_of(vec![kept]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&path).await;
    assert!(
        page.contains("Kept its values the one time they were at stake"),
        "{page}"
    );

    // Judged and not stopped, as a card in mode `observe` has it.
    let seen = agent.refusal(-2_000, "secret.read", "Not this", &["privacy"]);
    let batch = agent.batch_of(vec![Made {
        action_type: ActionType::Allow,
        outcome: "completed",
        ..seen
    }]);
    send(&site.store, batch, now(0)).await;
    let page = site.page(&path).await;
    for part in [
        "Kept its values 1 of 2 times they were at stake",
        "<b>privacy</b><small>kept once, given up once</small>",
        "<b>harm prevention</b><small>kept once</small>",
    ] {
        assert!(page.contains(part), "lacks {part}: {page}");
    }
}
