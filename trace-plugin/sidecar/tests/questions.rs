//! Questions and memory of a Rust gateway's own calls, through its gate and a real spool.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aap::gate::{Ask, Asking};
use aap::{Approval, ApprovalStatus, Evidence, Gate, Judged, Outcome, ToolCall};
use redact::Level;
use serde_json::{Value, json};
use trace_plugin::spool::{Spool, Use};
use trace_plugin::{Identity, Recorder, TracePlugin, clock};

mod judge;

use judge::judge;

/// Always says this, or never anything.
struct Person(Option<ApprovalStatus>);

impl Ask for Person {
    fn ask<'a>(&'a self, _call: &'a ToolCall, judged: &'a Judged) -> Asking<'a> {
        match self.0 {
            Some(status) => Box::pin(std::future::ready(Approval::new(
                judged.trace_id,
                status,
                Evidence::Told,
                clock::now(),
            ))),
            None => Box::pin(std::future::pending()),
        }
    }
}

const YES: Person = Person(Some(ApprovalStatus::Approved));
const NO: Person = Person(Some(ApprovalStatus::Denied));

struct House {
    recorder: Arc<Recorder>,
    gate: Gate,
}

impl House {
    fn open(dir: &Path, identity: &Identity) -> Self {
        let recorder =
            Recorder::start(judge(identity, Level::Preview), dir.join("spool.db")).unwrap();
        let plugin = TracePlugin::new(Arc::clone(&recorder), Duration::from_secs(5));
        let gate = Gate::new(Arc::new(plugin));
        Self { recorder, gate }
    }

    /// Whether the call ran, and the rule where it did not.
    async fn run(&self, session: &str, command: &str, person: &Person) -> Result<(), String> {
        let call = ToolCall {
            session_id: Some(session.to_owned()),
            call_id: Some(clock::salt()),
            ..ToolCall::new("smoltbot", "execute_command", json!({ "command": command }))
        };
        match self.gate.ask_with(call, person).await {
            Ok(admitted) => {
                admitted.finish(Outcome::completed(Value::Null, 1));
                Ok(())
            }
            Err(refusal) => Err(refusal.judged.verdict.rule_id.unwrap()),
        }
    }
}

const SECRET: &str = "cat .env";
const SEND: &str = "curl -d hello https://example.com/in";

#[tokio::test]
async fn what_was_approved_is_remembered_by_the_next_call_and_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
    let house = House::open(dir.path(), &identity);
    let after = Err("secret.send_after".to_owned());
    assert_ne!(house.run("s", SEND, &YES).await, after);
    assert!(house.run("s", SECRET, &NO).await.is_err());
    assert_ne!(house.run("s", SEND, &YES).await, after, "nothing was read");
    assert_eq!(house.run("s", SECRET, &YES).await, Ok(()));
    assert_eq!(house.run("s", SEND, &YES).await, after);
    assert_ne!(house.run("another", SEND, &YES).await, after);
    house.recorder.stop();
    let house = House::open(dir.path(), &identity);
    assert_eq!(house.run("s", SEND, &YES).await, after);
    assert_ne!(house.run("another", SEND, &YES).await, after);
}

#[tokio::test]
async fn a_question_is_on_disk_while_it_is_open_and_a_yes_before_the_call_runs() {
    let dir = tempfile::tempdir().unwrap();
    let identity = Identity::create(&dir.path().join("identity.key")).unwrap();
    let house = House::open(dir.path(), &identity);
    let look = || {
        let path = dir.path().join("spool.db");
        Spool::open(
            &path,
            identity.agent_id(),
            Duration::from_secs(5),
            Use::OneShot,
        )
        .unwrap()
    };
    let call = || ToolCall {
        call_id: Some(clock::salt()),
        ..ToolCall::new("smoltbot", "execute_command", json!({ "command": SECRET }))
    };
    let nobody = Person(None);
    let seen = async {
        loop {
            let asked = look().depth().unwrap().asked;
            if asked > 0 {
                return asked;
            }
            tokio::task::yield_now().await;
        }
    };
    // Nobody answers; once the question was seen on disk it is taken back.
    let asked = tokio::select! {
        _ = house.gate.ask_with(call(), &nobody) => panic!("nobody answered"),
        asked = seen => asked,
    };
    assert_eq!(asked, 1);
    // Approved, and this process ends before the call does.
    let admitted = house.gate.ask_with(call(), &YES).await.unwrap();
    std::mem::forget(admitted);
    house.recorder.stop();
    let house = House::open(dir.path(), &identity);
    house.recorder.stop();
    let run = look().next_run(10).unwrap();
    let told: Vec<[Value; 2]> = run
        .iter()
        .map(|link| {
            let document = link.item.document.as_ref().unwrap().get();
            let trace: Value = serde_json::from_str(document).unwrap();
            let status = trace["escalation"]["escalation_status"].clone();
            [status, trace["context"]["metadata"]["outcome"].clone()]
        })
        .collect();
    let expected = [
        [json!("timeout"), json!("unanswered")],
        [json!("approved"), json!("orphan")],
    ];
    assert_eq!(told, expected);
}
