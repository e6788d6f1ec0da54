//! Stopping: what runs may end, and has to.

use std::time::Duration;

use aap::{Gate, OutcomeKind};
use gateway::{Options, ServeError, router};
use serde_json::json;

use crate::house::{DASHBOARD, House, TOKEN, closed, opened};

#[tokio::test]
async fn a_running_call_may_end() {
    let mut house = House::open().await;
    let gate = house.pipe("gate");
    let running = house
        .start("execute_command", json!({"command": "cat gate"}))
        .await;
    house.shutdown.cancel();
    tokio::task::spawn_blocking(move || std::fs::write(gate, "through\n").unwrap())
        .await
        .unwrap();
    let rest = running.text().await.unwrap();
    assert!(rest.contains("through"), "{rest}");
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Completed);
    house.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_ended() {
    let mut house = House::with(|options| options.drain = Duration::from_millis(50)).await;
    let held = opened(house.pipe("held"));
    let running = house
        .start("execute_command", json!({"command": "sleep 100000 > held"}))
        .await;
    let held = held.await.unwrap();
    house.shutdown.cancel();
    let rest = running.text().await.unwrap();
    assert!(rest.contains(r#""event":"stopped""#), "{rest}");
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Abandoned);
    closed(held).await;
    house.serving.await.unwrap().unwrap();
}

struct Never;

impl aap::Hook for Never {
    fn before<'a>(&'a self, _call: &'a aap::ToolCall) -> aap::gate::Judging<'a> {
        unreachable!("nothing is asked")
    }

    fn after(&self, _call: aap::ToolCall, _judged: aap::Judged, _outcome: aap::Outcome) {}
}

#[test]
fn wrong_options_are_named() {
    let workspace = tempfile::tempdir().unwrap();
    let good = Options::new(TOKEN, workspace.path(), DASHBOARD);
    assert!(!format!("{good:?}").contains(TOKEN));
    let error = |change: &dyn Fn(&mut Options)| {
        let mut options = good.clone();
        change(&mut options);
        router(Gate::new(std::sync::Arc::new(Never)), &options, 1).err()
    };
    assert!(error(&|_| ()).is_none());
    assert!(matches!(
        error(&|o| o.token = "short".to_owned()),
        Some(ServeError::ShortToken(5))
    ));
    assert!(matches!(
        error(&|o| o.workspace.push("missing")),
        Some(ServeError::Workspace(..))
    ));
    assert!(matches!(
        error(&|o| o.dashboard_url = "javascript:alert(1)".to_owned()),
        Some(ServeError::DashboardUrl(_))
    ));
    assert!(matches!(
        error(&|o| o.extra_hosts = vec!["http://x".to_owned()]),
        Some(ServeError::ExtraHost(_))
    ));
}
